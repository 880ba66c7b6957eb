/**
 * One peer this node dials: the relay, or another node by its address.
 *
 * The wire's `Dialer` does the waiting and coming back; this adds what a node knows: that the peer may be connected already
 * because it dialled us (two nodes that name each other must not throw each other out), and words for what keeps it away.
 */

import type { Member, WriterId } from '@branchline/feed';
import {
  type Connection,
  type Dialer,
  type DialerStatus,
  KEEPALIVE_MISSES_MAX,
  KEEPALIVE_MS,
} from '@branchline/wire';

/** How long a peer was not heard when it is given up. */
const SILENCE_MS = KEEPALIVE_MS * (KEEPALIVE_MISSES_MAX + 1);

export interface LinkState {
  readonly state: 'connected' | 'connecting' | 'waiting' | 'off';
  readonly cause: string;
  /** The same for programs. */
  readonly causeCode: string;
  readonly nextAttemptInMs?: number;
}

export class PeerLink {
  readonly url: string;
  readonly kind: 'relay' | 'peer';
  readonly #dialer: Dialer<Member>;
  readonly #nowMs: () => number;
  #run: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  #changedMs = 0;
  #wasConnected = false;
  #lastContactMs: number | undefined;
  /** Who answered there last. */
  #writer: WriterId | undefined;

  constructor(options: {
    readonly url: string;
    readonly kind: 'relay' | 'peer';
    /** Makes the dialer; its statuses go to `onStatus`. */
    readonly dialer: (onStatus: (status: DialerStatus) => void) => Dialer<Member>;
    readonly nowMs: () => number;
    readonly onChanged: () => void;
    /** The peer refused this device: somebody has to act. */
    readonly onRefused: (code: string) => void;
  }) {
    this.url = options.url;
    this.kind = options.kind;
    this.#nowMs = options.nowMs;
    this.#dialer = options.dialer((status) => {
      this.#changedMs = options.nowMs();
      if (this.#wasConnected) {
        const silentMs = status.state === 'waiting' && status.code === 'PEER_SILENT' ? SILENCE_MS : 0;
        this.#lastContactMs = this.#changedMs - silentMs;
      }
      this.#wasConnected = status.state === 'connected';
      if (status.state === 'connected') {
        this.#writer = this.#dialer.connection?.info.writer ?? this.#writer;
      }
      if (status.state === 'waiting' && status.refused) {
        options.onRefused(status.code);
      }
      options.onChanged();
    });
  }

  get connection(): Connection<Member> | undefined {
    return this.#dialer.connection;
  }

  get writer(): WriterId | undefined {
    return this.#dialer.connection?.info.writer ?? this.#writer;
  }

  get lastContactMs(): number | undefined {
    return this.#dialer.connection === undefined ? this.#lastContactMs : this.#nowMs();
  }

  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  start(): void {
    if (this.#run === undefined) {
      const stop = new AbortController();
      this.#run = { stop, done: this.#dialer.run(stop.signal) };
    }
  }

  async stop(): Promise<void> {
    const run = this.#run;
    if (run !== undefined) {
      run.stop.abort();
      await run.done;
      this.#run = undefined;
    }
  }

  /** Called for `sync now`: an attempt at once instead of at the end of the backoff. */
  async hurry(): Promise<void> {
    if (this.#dialer.status.state === 'waiting') {
      await this.stop();
    }
    this.start();
  }

  describe(): LinkState {
    const { status } = this.#dialer;
    switch (status.state) {
      case 'stopped':
        return { state: 'off', cause: 'not dialled now', causeCode: 'NOT_DIALLED' };
      case 'dialing':
        return {
          state: 'connecting',
          cause: status.attempt === 1 ? 'dialling' : `dialling, attempt ${status.attempt}`,
          causeCode: 'DIALLING',
        };
      case 'connected':
        return { state: 'connected', cause: 'connected', causeCode: 'CONNECTED' };
      case 'waiting': {
        const left = Math.max(0, this.#changedMs + status.delayMs - this.#nowMs());
        const said =
          status.code === 'DIAL_FAILED'
            ? unreachableInWords(status.detail)
            : { cause: causeInWords(status.code, status.refused), causeCode: status.code };
        return { state: 'waiting', ...said, nextAttemptInMs: left };
      }
      default:
        return status satisfies never;
    }
  }
}

const WORDS: Readonly<Record<string, string>> = {
  DIAL_FAILED: 'cannot be reached: no network, or nobody listens at the address',
  DIAL_TIMEOUT: 'does not answer',
  HANDSHAKE_TIMEOUT: 'answers, but did not finish the handshake',
  PEER_UNKNOWN: 'does not know this device; enrol it there, or check the tenant',
  PEER_REVOKED: 'this device was revoked; ask head office for a new token',
  TENANT_MISMATCH: 'belongs to another tenant',
  VERSION_MISMATCH: 'speaks another version; update one of the two',
  SYNC_MODE: 'is set not to synchronise now',
  ALREADY_CONNECTED: 'is connected the other way round',
  GOING_AWAY: 'went away in order and will be back',
  REPLACED: 'is connected the other way round',
  PEER_SILENT: 'went silent',
  TRANSPORT_LOST: 'connection lost',
};

/** In what the system says about an attempt: a piece of it, a code, and words for somebody who can do something about it. */
const UNREACHABLE: readonly (readonly [RegExp, string, string])[] = [
  [/ENOTFOUND|EAI_AGAIN/, 'DIAL_NO_NAME', 'cannot be found: its name has no address, or there is no network'],
  [/ECONNREFUSED/, 'DIAL_NOBODY', 'cannot be reached: nobody listens at the address'],
  [
    /ENETUNREACH|EHOSTUNREACH|ENETDOWN|ETIMEDOUT|ECONNRESET|EPIPE/,
    'DIAL_NO_NETWORK',
    'cannot be reached: no network',
  ],
  [
    /Unexpected server response|Invalid Sec-WebSocket|Parse Error/,
    'DIAL_NO_PEER',
    'is something else: no peer answers there',
  ],
  [
    /certificate|SSL|TLS|EPROTO|wrong version number/i,
    'DIAL_UNTRUSTED',
    'cannot be trusted: no secure connection comes to be',
  ],
];

function unreachableInWords(detail = ''): Pick<LinkState, 'cause' | 'causeCode'> {
  const found = UNREACHABLE.find(([piece]) => piece.test(detail));
  return found === undefined
    ? { cause: causeInWords('DIAL_FAILED', false), causeCode: 'DIAL_FAILED' }
    : { cause: `${found[2]} (${detail.trim()})`, causeCode: found[1] };
}

/** A sentence about the peer; codes nobody wrote words for stay readable as codes. */
export function causeInWords(code: string, refused: boolean): string {
  const words = WORDS[code] ?? (refused ? `refused this device (${code})` : `connection ended (${code})`);
  return words;
}
