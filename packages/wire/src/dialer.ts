/**
 * Keeps one connection to one peer: dial, stay, come back.
 *
 *            connected                     lost, refused
 *   dialing ───────────▶ connected ─────────────────────┐
 *      ▲  └── failed, refused, timed out ──▶ waiting ◀──┘
 *      └────────────────────────────────────── │ after a random part of the backoff
 *
 * Guarantees: at most one attempt or connection at a time; the wait before attempt n is random between 0 and
 * min(cap, base · 2ⁿ), so two hundred branches that lost the same relay do not return in the same instant; a peer that refuses
 * us (revoked, wrong tenant, wrong version) is asked again only at the cap; a connection that fails young does not
 * reset the backoff. `run` ends when its signal aborts, and closes what it opened.
 *
 * Does not: choose whom to dial, or decide what is said.
 */
import { Backoff, type BackoffOptions, type Clock, type Random } from 'hlc-ts';
import type { Connection } from './connection.ts';
import type { Closed } from './ending.ts';
import { WireError } from './errors.ts';

export const BACKOFF_DEFAULT: BackoffOptions = { baseMs: 1_000, capMs: 60_000 };
/** A connection that lived this long counts as good, and the next failure starts from the shortest wait. */
export const STABLE_MS = 30_000;
/** An attempt that takes longer is given up. */
export const DIAL_TIMEOUT_MS = 20_000;

export interface DialerOptions<Info> {
  /** Called for each attempt: dials, shakes hands, returns the open connection. */
  readonly connect: (signal: AbortSignal) => Promise<Connection<Info>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff?: BackoffOptions;
  /** Told of every change; it must not throw. Everything it says can also be read from `status`. */
  readonly onStatus?: (status: DialerStatus) => void;
}

export type DialerStatus =
  | { readonly state: 'stopped' }
  | { readonly state: 'dialing'; readonly attempt: number }
  | { readonly state: 'connected'; readonly remote: string }
  | {
      readonly state: 'waiting';
      readonly attempt: number;
      readonly delayMs: number;
      /** Why: a WireError code, the peer's refusal code, or how the last connection ended. */
      readonly code: string;
      /** True when the peer refused us: somebody has to act. */
      readonly refused: boolean;
      /** What the system said, where no connection came to be: for words, not for decisions. */
      readonly detail?: string;
    };

interface Outcome {
  readonly code: string;
  readonly refused: boolean;
  readonly lastedMs: number;
  readonly detail?: string;
}

export class Dialer<Info = unknown> {
  readonly #options: DialerOptions<Info>;
  #status: DialerStatus = { state: 'stopped' };
  #connection: Connection<Info> | undefined;

  constructor(options: DialerOptions<Info>) {
    this.#options = options;
  }

  get status(): DialerStatus {
    return this.#status;
  }

  /** The open connection, while there is one. */
  get connection(): Connection<Info> | undefined {
    return this.#connection;
  }

  /** Resolves when `signal` aborts and the connection is closed. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const backoffOptions = this.#options.backoff ?? BACKOFF_DEFAULT;
    let backoff = new Backoff(backoffOptions);
    while (!signal.aborted) {
      this.#set({ state: 'dialing', attempt: backoff.attempts + 1 });
      const outcome = await this.#attempt(signal);
      if (signal.aborted) break;
      const { lastedMs, ...why } = outcome;
      if (lastedMs >= STABLE_MS) backoff = backoff.reset();
      const next = backoff.next(random);
      // A refusal is not a fault of the line: asking often does not help, so it waits around the cap.
      const delayMs = why.refused ? Math.round(backoffOptions.capMs * (0.5 + random() / 2)) : next.delayMs;
      backoff = next.backoff;
      this.#set({ state: 'waiting', attempt: backoff.attempts, delayMs, ...why });
      await clock.sleep(delayMs, { signal }).catch(() => undefined);
    }
    this.#set({ state: 'stopped' });
  }

  /** One connection from dialing to its end. */
  async #attempt(signal: AbortSignal): Promise<Outcome> {
    const { clock } = this.#options;
    let connection: Connection<Info>;
    try {
      connection = await this.#connect(signal);
    } catch (error) {
      const refusal = error instanceof WireError ? error.refusal : undefined;
      const code = refusal ?? (error instanceof WireError ? error.code : 'DIAL_FAILED');
      const { cause } = error instanceof WireError ? error : {};
      const detail = cause instanceof Error ? { detail: cause.message } : {};
      return { code, refused: refusal !== undefined, lastedMs: 0, ...detail };
    }
    const startedMs = clock.monotonicMs();
    this.#connection = connection;
    this.#set({ state: 'connected', remote: connection.remote });
    const closed = await this.#untilClosed(connection, signal);
    this.#connection = undefined;
    return {
      code: closed.code,
      refused: closed.refused,
      lastedMs: clock.monotonicMs() - startedMs,
    };
  }

  async #connect(signal: AbortSignal): Promise<Connection<Info>> {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort(signal.reason);
    const timer = this.#options.clock.setTimer(DIAL_TIMEOUT_MS, () =>
      attempt.abort(new WireError('DIAL_TIMEOUT', 'the peer did not answer in time', { retryable: true })),
    );
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await this.#options.connect(attempt.signal);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  async #untilClosed(connection: Connection<Info>, signal: AbortSignal): Promise<Closed> {
    const close = (): void => connection.close('GOING_AWAY');
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    try {
      return await connection.closed;
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  #set(status: DialerStatus): void {
    this.#status = status;
    this.#options.onStatus?.(status);
  }
}
