/**
 * Who may call what over HTTP: the admin token printed by `init`, or the control token of the running process.
 *
 * Tokens are compared as hashes in constant time. Failures are counted per address and, above a limit, refused without
 * looking at them; the table of addresses is bounded.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Clock } from 'hlc-ts';
import { RelayError } from '../errors.ts';

/** Failed calls (token, enrolment) of one address in one window before it has to wait. */
export const FAILURES_PER_WINDOW_MAX = 20;
const WINDOW_MS = 60_000;
/** Addresses remembered; the oldest goes first. */
export const ADDRESSES_MAX = 4_096;

export class FailureLimit {
  readonly #clock: Clock;
  readonly #windows = new Map<string, { startedMs: number; failures: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Called before a secret is looked at. */
  check(address: string): void {
    const window = this.#windows.get(address);
    if (window === undefined) {
      return;
    }
    if (this.#clock.monotonicMs() - window.startedMs >= WINDOW_MS) {
      this.#windows.delete(address);
    } else if (window.failures >= FAILURES_PER_WINDOW_MAX) {
      throw new RelayError('TOO_MANY_REQUESTS', 'too many failed attempts from this address', {
        hint: 'Wait a minute.',
        retryable: true,
      });
    }
  }

  failed(address: string): void {
    const window = this.#windows.get(address) ?? { startedMs: this.#clock.monotonicMs(), failures: 0 };
    window.failures += 1;
    this.#windows.set(address, window);
    if (this.#windows.size > ADDRESSES_MAX) {
      this.#windows.delete(this.#windows.keys().next().value!);
    }
  }

  get addresses(): number {
    return this.#windows.size;
  }
}

export interface AdminTokens {
  /** SHA-256 of each accepted token, lower-case hex. */
  readonly hashes: readonly string[];
  readonly limit: FailureLimit;
}

export function requireAdmin({ hashes, limit }: AdminTokens) {
  return (request: Request, _response: Response, next: NextFunction): void => {
    const address = request.socket.remoteAddress ?? '';
    limit.check(address);
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !hashes.some((hash) => sameHash(hash, tokenHash(token)))) {
      if (token !== undefined) {
        limit.failed(address);
      }
      throw new RelayError('UNAUTHORIZED', 'this call needs the admin token', {
        hint: 'Send it as "Authorization: Bearer TOKEN"; `branchline init` printed it.',
      });
    }
    next();
  };
}

export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
