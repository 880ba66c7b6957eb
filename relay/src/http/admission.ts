/**
 * Who may call what over HTTP: a token is looked up, its role compared with what the call needs, its owner noted for the audit log.
 *
 * Tokens are compared as hashes in constant time (`Operators`). Failures are counted per address and, above a limit, refused without
 * looking at them; the table of addresses is bounded.
 */
import type { NextFunction, Request, Response } from 'express';
import type { Clock } from 'hlc-ts';
import { RelayError } from '../errors.ts';
import type { Operator, OperatorRole, Operators } from '../operators.ts';

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

export interface Door {
  readonly operators: Pick<Operators, 'find'>;
  readonly limit: FailureLimit;
}

/** `operate` may everything `view` may. */
export function requireRole({ operators, limit }: Door, role: OperatorRole) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const address = request.socket.remoteAddress ?? '';
    limit.check(address);
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    const operator = token === undefined ? undefined : operators.find(token);
    if (operator === undefined) {
      if (token !== undefined) {
        limit.failed(address);
      }
      throw new RelayError('UNAUTHORIZED', 'this call needs the admin token', {
        hint: 'Send it as "Authorization: Bearer TOKEN"; `branchline init` printed it.',
      });
    }
    if (role === 'operate' && operator.role !== 'operate') {
      throw new RelayError('FORBIDDEN', `the token of ${operator.name} may look, not act`, {
        hint: 'Ask somebody with a token of role operate.',
      });
    }
    response.locals.operator = operator;
    next();
  };
}

/** Whose token it was. */
export function operatorOf(response: Response): Operator {
  return response.locals.operator as Operator;
}
