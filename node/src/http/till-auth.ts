/**
 * Who asks: bearer tokens of tills, and the token of this process for commands on the same machine.
 *
 * Tokens are 256 random bits; the node keeps hashes and finds a till by the hash of what was sent, so neither the stored
 * value nor the time of a comparison tells anything about a token. The control token lives in memory and is compared
 * in constant time. Roles form a ladder: an admin may do what a manager may, a manager what a cashier may.
 *
 * The API of the replaced adapter had no tokens: where the settings say so, a program of this machine that sends none is taken for one
 * till, on the routes of that API alone. Whatever was forwarded to this machine by somebody else is not of it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ProblemError, type TillRole } from '@branchline/model';
import type { TillIdentity, TillService } from '../services.ts';
import { mayCall, type Permission } from './permissions.ts';

/** Longer is no token of ours and is not even hashed. */
const TOKEN_CHARS_MAX = 256;

/** A program of this machine that sends no token; it names the till it speaks for. */
export const MACHINE_TILL = 'machine';
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const;

/** The one identity that no till token gives. */
const CONTROL: TillIdentity = { till: 'control', role: 'admin' };

export class TillAuth {
  readonly #tills: TillService;
  readonly #controlHash: Buffer | undefined;
  readonly #machine: TillIdentity | undefined;

  constructor(tills: TillService, controlToken: string | undefined, machineRole?: TillRole) {
    this.#tills = tills;
    this.#machine = machineRole === undefined ? undefined : { till: MACHINE_TILL, role: machineRole };
    this.#controlHash = controlToken === undefined ? undefined : sha256(controlToken);
  }

  /** The caller, or `UNAUTHENTICATED`. */
  identify(request: IncomingMessage, isOpenToMachine = false): TillIdentity {
    const token = bearerToken(request);
    if (
      isOpenToMachine &&
      this.#machine !== undefined &&
      request.headers.authorization === undefined &&
      isOfThisMachine(request)
    ) {
      return this.#machine;
    }
    const till = token === undefined ? undefined : this.find(token);
    if (till === undefined) {
      throw new ProblemError(
        'UNAUTHENTICATED',
        token === undefined ? 'The request has no bearer token.' : 'The token is unknown or was revoked.',
      );
    }
    this.#tills.seen?.(token!);
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

/** `FORBIDDEN` in words. */
export function requireRole(till: TillIdentity, route: Permission): void {
  if (!mayCall(till.role, route)) {
    const who = till.employee === undefined ? `till ${till.till}` : till.employee.name;
    throw new ProblemError(
      'FORBIDDEN',
      `This needs the role ${route.role}; ${who} has the role ${till.role}.`,
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

function isOfThisMachine(request: IncomingMessage): boolean {
  const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const isLoopback = address === '::1' || address.startsWith('127.');
  return isLoopback && FORWARDED.every((name) => request.headers[name] === undefined);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
