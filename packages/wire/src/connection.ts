/**
 * One connection to one proved peer: the shell around connection-state.ts.
 *
 * It decodes what arrives, asks the state what it means and does what the state answers: signs, sends, delivers, closes.
 *
 * Guarantees: `open` resolves only for a peer that proved an admitted key. Messages are given to the receiver one at a
 * time, in order, and the peer is granted more only as they are consumed, so a slow receiver slows the sender and
 * nothing else. `send` resolves when the message has left for the socket with the peer's credit behind it. Every end,
 * whoever causes it, comes out of `closed` once; `close` may be called any number of times. Per peer it keeps at most
 * the window plus the overdraft unread, and SEND_QUEUE_BYTES_MAX unsent.
 *
 * Does not: acknowledge (a sent message may be lost with the connection; `ack` frames are the receiver's word), reconnect
 * (dialer.ts), or look into a message.
 */
import type { Clock, Timer } from 'hlc-ts';
import { assert } from './assert.ts';
import {
  bodyOf,
  type DecodedFrame,
  decodeFrame,
  type EncodedFrame,
  encodeFrame,
  stampSequence,
} from './codec.ts';
import type { ConnectionCounters, ConnectionOptions, Identity, Peer } from './connection-options.ts';
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  maySend,
  nextTickMs,
  startConnection,
  stepConnection,
} from './connection-state.ts';
import { type Closed, closedError, openError } from './ending.ts';
import { WireError, type WireErrorCode } from './errors.ts';
import {
  CODE_LENGTH_MAX,
  FRAME_BYTES_MAX,
  HANDSHAKE_BYTES_MAX,
  type HelloFrame,
  type MessageFrame,
  NONCE_BYTES,
} from './frames.ts';
import { HandshakeTranscript, judgeHello, verifyHandshake } from './handshake.ts';
import { Inbox } from './inbox.ts';
import { PROTOCOL_VERSION } from './protocol-version.ts';
import { SendQueue } from './send-queue.ts';
import type { Transport } from './transport.ts';

/** Bytes the socket may hold: the window, the overdraft and room for control frames. More means nobody reads. */
export const TRANSPORT_BUFFERED_MAX = 4_194_304;

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export class Connection<Info = unknown> {
  readonly #options: ConnectionOptions<Info>;
  readonly #clock: Clock;
  readonly #transport: Transport;
  #identity: Identity;
  #hello: HelloFrame;
  readonly #transcript: HandshakeTranscript;
  readonly #queue = new SendQueue();
  readonly #inbox = new Inbox({
    onConsumed: (cost) => this.#apply({ type: 'consumed', cost }),
    onFailed: (cause) => this.#fail('LOCAL_FAILURE', cause),
  });
  readonly #opened: Deferred<Connection<Info>> = deferred();
  readonly #closed: Deferred<Closed> = deferred();
  readonly #counters = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };

  #state: ConnectionState;
  #timer: Timer | undefined;
  #peer: Peer | undefined;
  #info: Info | undefined;
  #roundTripMs: number | undefined;
  #cause: unknown;

  private constructor(options: ConnectionOptions<Info>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#transport = options.transport;
    this.#identity = options.identity;
    this.#hello = {
      type: 'hello',
      version: PROTOCOL_VERSION,
      tenant: options.tenant,
      nonce: options.randomBytes(NONCE_BYTES),
      key: options.identity.publicKey,
      software: options.software ?? 'branchline',
      features: options.features ?? [],
    };
    this.#transcript = new HandshakeTranscript(options.role, options.channel ?? options.transport.channel);
    this.#state = { phase: 'greeting', role: options.role, deadlineMs: 0 };
  }

  /** Rejects with a `WireError` (`REFUSED_BY_PEER` and `PEER_REFUSED` say why in `refusal`) or with `signal.reason`. */
  static async open<Info>(options: ConnectionOptions<Info>): Promise<Connection<Info>> {
    const { signal, transport } = options;
    if (signal?.aborted) {
      transport.terminate();
      throw signal.reason;
    }
    const connection = new Connection(options);
    connection.#start();
    return connection.#opened.promise;
  }

  /** Who the peer is. */
  get peer(): Peer {
    return this.#peer!;
  }

  /** What `admit` knows about it. */
  get info(): Info {
    return this.#info as Info;
  }

  get remote(): string {
    return this.#transport.remote;
  }

  /** Bytes given to `send` that have not left this process. */
  get bufferedBytes(): number {
    return this.#queue.bytes + this.#transport.bufferedBytes;
  }

  get counters(): ConnectionCounters {
    return { ...this.#counters };
  }

  /** As the last keepalive measured it. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Resolves once, when the transport is gone. Never rejects. */
  get closed(): Promise<Closed> {
    return this.#closed.promise;
  }

  /**
   * Called with one message at a time; waits for the peer's credit. Rejects with `CONNECTION_CLOSED`, `SEND_QUEUE_FULL`,
   * `FRAME_TOO_LARGE` or `FRAME_MALFORMED`. A receiver must not await a send of bulk (entries, checkpoints): the peer may be
   * doing the same.
   */
  async send(frame: MessageFrame): Promise<void> {
    if (this.#state.phase !== 'open') throw closedError();
    const encoded = encodeFrame(frame);
    const urgent = frame.type !== 'entries' && frame.type !== 'checkpoint';
    if (this.#queue.isClear(urgent) && maySend(this.#state, encoded.cost, urgent)) {
      this.#sendMessage(encoded, urgent);
      return;
    }
    await this.#queue.put(encoded, urgent);
  }

  /** Says goodbye with `code` and closes once it has left. What still waits for credit is rejected. */
  close(code = 'CLOSED'): void {
    assert(code.length >= 1 && code.length <= CODE_LENGTH_MAX, `a close code of ${code.length} characters`);
    this.#apply({ type: 'close', code });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  #start(): void {
    const { role, signal } = this.#options;
    signal?.addEventListener('abort', this.#abort, { once: true });
    const { state, effects } = startConnection(role, this.#clock.monotonicMs());
    this.#state = state;
    this.#transport.start({
      onMessage: (message) => this.#receive(message),
      onClose: () => this.#apply({ type: 'lost' }),
    });
    for (const effect of effects) this.#perform(effect);
    this.#armTimer();
  }

  readonly #abort = (): void => {
    if (this.#state.phase === 'open') {
      this.close('GOING_AWAY');
      return;
    }
    this.#opened.reject(this.#options.signal?.reason);
    this.#transport.terminate();
  };

  /** Every change of state goes through here. An effect may cause the next event before the others are performed. */
  #apply(event: ConnectionEvent): void {
    const before = this.#state.phase;
    const { state, effects } = stepConnection(this.#state, event, this.#clock.monotonicMs());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (this.#state.phase !== before) this.#enterPhase();
  }

  #enterPhase(): void {
    const { phase } = this.#state;
    if (phase === 'draining' || phase === 'closed') {
      this.#inbox.stop();
      this.#queue.fail(closedError());
      this.#opened.reject(openError(this.#state.ending, this.#cause));
    }
    if (phase === 'closed') {
      this.#options.signal?.removeEventListener('abort', this.#abort);
      const { ending } = this.#state;
      this.#closed.resolve(this.#cause === undefined ? ending : { ...ending, cause: this.#cause });
    }
    this.#armTimer();
  }

  /** One timer per connection, set again only when it fires or the phase changes: traffic never touches it. */
  #armTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const dueMs = nextTickMs(this.#state);
    if (dueMs === undefined) return;
    this.#timer = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.monotonicMs()), () => {
      this.#apply({ type: 'tick' });
      this.#armTimer();
    });
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.type) {
      case 'send-hello': {
        const { message } = encodeFrame(this.#hello);
        this.#transcript.ownHello = bodyOf(message);
        this.#transmit(message);
        break;
      }
      case 'send-auth': {
        const signature = this.#identity.sign(this.#transcript.ownProof());
        this.#transmit(encodeFrame({ type: 'auth', signature }).message);
        break;
      }
      case 'send':
        this.#transmit(encodeFrame(effect.frame).message);
        break;
      case 'open':
        this.#attach();
        break;
      case 'deliver':
        void this.#inbox.deliver();
        break;
      case 'flush':
        this.#queue.flush(
          (cost, urgent) => maySend(this.#state, cost, urgent),
          (encoded, urgent) => this.#sendMessage(encoded, urgent),
        );
        break;
      case 'round-trip':
        this.#roundTripMs = effect.ms;
        break;
      case 'end':
        this.#transport.end();
        break;
      case 'terminate':
        this.#transport.terminate();
        break;
      default:
        effect satisfies never;
    }
  }

  #attach(): void {
    this.#transport.admitted();
    this.#inbox.attach(this.#options.attach(this));
    this.#opened.resolve(this);
  }

  #receive(message: Uint8Array): void {
    const { phase } = this.#state;
    if (phase === 'draining' || phase === 'closed') return;
    const sequence = this.#counters.framesIn >>> 0;
    this.#counters.framesIn += 1;
    this.#counters.bytesIn += message.length;
    let decoded: DecodedFrame;
    try {
      decoded = decodeFrame(message, phase === 'open' ? FRAME_BYTES_MAX : HANDSHAKE_BYTES_MAX);
    } catch (error) {
      this.#fail(error instanceof WireError ? error.code : 'FRAME_MALFORMED', error);
      return;
    }
    if (decoded.sequence !== sequence) {
      const detail = `frame ${decoded.sequence} came where ${sequence} was due`;
      this.#fail('FRAME_SEQUENCE', new WireError('FRAME_SEQUENCE', detail, { retryable: true }));
      return;
    }
    try {
      this.#take(decoded);
    } catch (cause) {
      // `admit`, `sign` or `attach` threw: ours to answer for, and no reason to take the process down.
      this.#fail('LOCAL_FAILURE', cause);
    }
  }

  #take({ frame, cost, body }: DecodedFrame): void {
    switch (frame.type) {
      case 'hello':
        this.#greet(frame, body);
        break;
      case 'auth': {
        const isDue = this.#state.phase === 'proving';
        const valid = isDue && verifyHandshake(this.peer.key, this.#transcript.peerProof(), frame.signature);
        this.#apply({ type: 'auth', valid });
        break;
      }
      case 'reject':
      case 'bye':
      case 'credit':
      case 'ping':
      case 'pong':
        this.#apply(frame);
        break;
      default:
        if (this.#state.phase === 'open') this.#inbox.put(frame, cost);
        this.#apply({ type: 'message', cost });
    }
  }

  #greet(frame: HelloFrame, body: Uint8Array): void {
    if (this.#state.phase !== 'greeting') {
      this.#apply({ type: 'hello', refusal: undefined });
      return;
    }
    const { key, version, tenant, software, features } = frame;
    this.#peer = { key, version, tenant, software, features };
    this.#transcript.peerHello = body;
    if (this.#options.role === 'listen' && this.#options.identityFor !== undefined) {
      this.#identity = this.#options.identityFor(key);
      this.#hello = { ...this.#hello, key: this.#identity.publicKey };
    }
    const refusal = judgeHello(this.#hello, frame) ?? this.#admit(this.#peer);
    this.#apply({ type: 'hello', refusal });
  }

  #admit(peer: Peer): { code: string; hint?: string } | undefined {
    const admission = this.#options.admit(peer);
    if (admission.ok) {
      this.#info = admission.info;
      return undefined;
    }
    const { code, hint } = admission;
    return hint === undefined ? { code } : { code, hint };
  }

  #sendMessage(encoded: EncodedFrame, urgent: boolean): void {
    this.#apply({ type: 'sent', cost: encoded.cost, urgent });
    this.#transmit(encoded.message);
  }

  #transmit(message: Uint8Array): void {
    if (this.#state.phase === 'closed') return;
    if (this.#transport.bufferedBytes > TRANSPORT_BUFFERED_MAX) {
      this.#fail('PEER_STUCK', undefined);
      this.#transport.terminate();
      return;
    }
    stampSequence(message, this.#counters.framesOut >>> 0);
    this.#counters.framesOut += 1;
    this.#counters.bytesOut += message.length;
    this.#transport.send(message);
  }

  #fail(code: WireErrorCode, cause: unknown): void {
    if (this.#state.phase === 'draining' || this.#state.phase === 'closed') return;
    this.#cause = cause;
    this.#apply({ type: 'fault', code });
  }
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Whoever is interested attaches a handler; an ending nobody waits for is no crash.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
