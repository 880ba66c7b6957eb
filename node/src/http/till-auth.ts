/**
 * Who asks: bearer tokens of tills, and the token of this process for commands on the same machine.
 *
 * Tokens are 256 random bits; the node keeps hashes and finds a till by the hash of what was sent, so neither the stored
 * value nor the time of a comparison tells anything about a token. The control token lives in memory and is compared
 * in constant time. Roles form a ladder: an admin may do what a manager may, a manager what a cashier may.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ProblemError, type TillRole } from '@branchline/model';
import type { TillIdentity, TillService } from '../services.ts';

const RANK: Readonly<Record<TillRole, number>> = { cashier: 0, manager: 1, admin: 2 };
/** Longer is no token of ours and is not even hashed. */
const TOKEN_CHARS_MAX = 256;

/** The one identity that no till token gives. */
const CONTROL: TillIdentity = { till: 'control', role: 'admin' };

export class TillAuth {
  readonly #tills: TillService;
  readonly #controlHash: Buffer | undefined;

  constructor(tills: TillService, controlToken: string | undefined) {
    this.#tills = tills;
    this.#controlHash = controlToken === undefined ? undefined : sha256(controlToken);
  }

  /** The caller, or `UNAUTHENTICATED`. */
  identify(request: IncomingMessage): TillIdentity {
    const token = bearerToken(request);
    const till = token === undefined ? undefined : this.find(token);
    if (till === undefined) {
      throw new ProblemError(
        'UNAUTHENTICATED',
        token === undefined ? 'The request has no bearer token.' : 'The token is unknown or was revoked.',
      );
    }
    return till;
  }

  find(token: string): TillIdentity | undefined {
    const till = this.#tills.find(token);
    if (
      till === undefined &&
      this.#controlHash !== undefined &&
      timingSafeEqual(sha256(token), this.#controlHash)
    ) {
      return CONTROL;
    }
    return till;
  }
}

export function requireRole(till: TillIdentity, role: TillRole): void {
  if (RANK[till.role] < RANK[role]) {
    throw new ProblemError(
      'FORBIDDEN',
      `This needs the role ${role}; till ${till.till} has the role ${till.role}.`,
    );
  }
}

/** For what touches the disk of this machine: an admin token of a till is not enough. */
export function requireControl(till: TillIdentity): void {
  if (till !== CONTROL) {
    throw new ProblemError('FORBIDDEN', 'Only a command on the machine of this node may ask for it.');
  }
}

export function bearerToken(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > TOKEN_CHARS_MAX || !/^Bearer [^\s]+$/i.test(header)) {
    return undefined;
  }
  return header.slice('Bearer '.length);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
