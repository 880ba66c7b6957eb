/**
 * Tickets: what a browser puts into the address of its WebSocket, because it cannot set headers there.
 *
 * Addresses end up in logs and histories, so a ticket is worth little: it must be used within a minute, is from then on good for
 * one peer id only (the one that used it first, which a stock client keeps over its reconnects), ends after a shift, and with the
 * token it was asked for with. Kept in memory, hashed: after a restart clients ask for another.
 */
import { createHash } from 'node:crypto';
import type { Clock } from 'hlc-ts';

/** A ticket not used within this time is worth nothing. */
export const TICKET_FRESH_MS = 60_000;
/** The longest a ticket is good for reconnects. */
export const TICKET_LIFE_MS = 12 * 3_600_000;
/** Tickets at once, and of one owner; the oldest ends first. */
export const TICKETS_MAX = 1_024;
export const OWNER_TICKETS_MAX = 32;

const TICKET_BYTES = 32;
const TICKET = /^[A-Za-z0-9_-]{43}$/;

interface Ticket<User> {
  readonly user: User;
  readonly issuedMs: number;
  peer: string | undefined;
}

export class Tickets<User extends { readonly owner: string }> {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #randomBytes: (length: number) => Uint8Array;
  readonly #tickets = new Map<string, Ticket<User>>();

  constructor(options: {
    clock: Pick<Clock, 'monotonicMs'>;
    randomBytes: (length: number) => Uint8Array;
  }) {
    this.#clock = options.clock;
    this.#randomBytes = options.randomBytes;
  }

  issue(user: User): { readonly ticket: string; readonly freshMs: number } {
    const ticket = Buffer.from(this.#randomBytes(TICKET_BYTES)).toString('base64url');
    const own = [...this.#tickets].filter(([, each]) => each.user.owner === user.owner);
    if (own.length >= OWNER_TICKETS_MAX) {
      this.#tickets.delete(own[0]![0]);
    }
    const oldest = this.#tickets.keys().next();
    if (this.#tickets.size >= TICKETS_MAX && oldest.done === false) {
      this.#tickets.delete(oldest.value);
    }
    this.#tickets.set(hashOf(ticket), { user, issuedMs: this.#clock.monotonicMs(), peer: undefined });
    return { ticket, freshMs: TICKET_FRESH_MS };
  }

  /** Whose ticket it is, and which peer may join with it; undefined when it is worth nothing. */
  redeem(ticket: string): { readonly user: User; readonly mayBe: (peer: string) => boolean } | undefined {
    const key = TICKET.test(ticket) ? hashOf(ticket) : '';
    const found = this.#tickets.get(key);
    if (found === undefined) {
      return undefined;
    }
    const ageMs = this.#clock.monotonicMs() - found.issuedMs;
    if (ageMs > (found.peer === undefined ? TICKET_FRESH_MS : TICKET_LIFE_MS)) {
      this.#tickets.delete(key);
      return undefined;
    }
    const mayBe = (peer: string): boolean => {
      found.peer ??= peer;
      return found.peer === peer;
    };
    return { user: found.user, mayBe };
  }
}

function hashOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64');
}
