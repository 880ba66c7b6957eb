/**
 * One stream of the memory network: two transports, and the messages between them.
 *
 * Closing is a message too: `end` sends it behind the data, so a partition keeps it from arriving and the other end
 * stays half-open until its keepalive notices. `terminate` tells the own side at once and the other through the link.
 *
 * Guarantees: at most IN_FLIGHT_BYTES_MAX on the way in one direction; more cuts the stream.
 */
import type { MemoryNetwork } from './memory-network.ts';
import type { Transport, TransportEvents } from './transport.ts';

export const IN_FLIGHT_BYTES_MAX = 16_777_216;

type Delivery = { readonly type: 'message'; readonly message: Uint8Array } | { readonly type: 'close' };

export class MemoryStream {
  readonly dialEnd: MemoryTransport;
  readonly listenEnd: MemoryTransport;
  readonly #onGone: () => void;
  #isFrozen = false;

  constructor(network: MemoryNetwork, from: string, to: string, onGone: () => void) {
    const channel = `memory/${to}`;
    this.#onGone = onGone;
    this.dialEnd = new MemoryTransport(this, network, { channel, local: from, remote: to });
    this.listenEnd = new MemoryTransport(this, network, { channel, local: to, remote: from });
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  other(end: MemoryTransport): MemoryTransport {
    return end === this.dialEnd ? this.listenEnd : this.dialEnd;
  }

  touches(address: string): boolean {
    return this.dialEnd.local === address || this.dialEnd.remote === address;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  cut(reason: string): void {
    this.dialEnd.closed(reason);
    this.listenEnd.closed(reason);
  }

  forgetWhenGone(): void {
    if (this.dialEnd.isClosed && this.listenEnd.isClosed) this.#onGone();
  }
}

export class MemoryTransport implements Transport {
  readonly channel: string;
  readonly local: string;
  readonly remote: string;
  readonly #stream: MemoryStream;
  readonly #network: MemoryNetwork;
  #events: TransportEvents | undefined;
  /** Arrived before `start`. */
  #early: Delivery[] = [];
  #closeReason: string | undefined;
  #hasEnded = false;
  #inFlightBytes = 0;
  /** When the last message in order arrives. */
  #lastDueMs = 0;

  constructor(
    stream: MemoryStream,
    network: MemoryNetwork,
    names: { channel: string; local: string; remote: string },
  ) {
    this.#stream = stream;
    this.#network = network;
    this.channel = names.channel;
    this.local = names.local;
    this.remote = names.remote;
  }

  get bufferedBytes(): number {
    return this.#inFlightBytes;
  }

  get isClosed(): boolean {
    return this.#closeReason !== undefined;
  }

  start(events: TransportEvents): void {
    const isClosed = this.isClosed;
    this.#events = events;
    const early = this.#early;
    this.#early = [];
    for (const delivery of early) this.#arrive(delivery);
    if (isClosed) events.onClose(this.#closeReason!);
  }

  send(message: Uint8Array): void {
    if (this.isClosed || this.#hasEnded) return;
    if (this.#inFlightBytes + message.length > IN_FLIGHT_BYTES_MAX) {
      this.#stream.cut('too much in flight');
      return;
    }
    const { random } = this.#network;
    const { lossRate, duplicateRate } = this.#network.faultsOf(this.local, this.remote);
    const isLost = random() < lossRate;
    const isDoubled = random() < duplicateRate;
    this.#network.counts.lost += isLost ? 1 : 0;
    this.#network.counts.doubled += isDoubled ? 1 : 0;
    const copies = (isLost ? 0 : 1) + (isDoubled ? 1 : 0);
    for (let copy = 0; copy < copies; copy += 1) {
      // Not `slice`: on a Buffer that is a view of the same bytes.
      this.#carry({ type: 'message', message: new Uint8Array(message) });
    }
  }

  admitted(): void {}

  end(): void {
    if (this.isClosed || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#carry({ type: 'close' });
  }

  terminate(): void {
    if (this.isClosed) return;
    if (!this.#hasEnded) this.end();
    this.closed('terminated');
  }

  closed(reason: string): void {
    if (this.isClosed) return;
    this.#closeReason = reason;
    this.#events?.onClose(reason);
    this.#stream.forgetWhenGone();
  }

  /** Puts one delivery on the way, or loses it. */
  #carry(delivery: Delivery): void {
    const { clock, random } = this.#network;
    if (this.#stream.isFrozen || this.#network.isBlocked(this.local, this.remote)) return;
    const { delayMs, jitterMs, reorderRate } = this.#network.faultsOf(this.local, this.remote);
    const nowMs = clock.monotonicMs();
    let dueMs = nowMs + delayMs + random() * jitterMs;
    if (random() < reorderRate) {
      this.#network.counts.overtaken += 1;
      dueMs += delayMs + 1;
    } else {
      dueMs = Math.max(dueMs, this.#lastDueMs);
      this.#lastDueMs = dueMs;
    }
    const bytes = delivery.type === 'message' ? delivery.message.length : 0;
    this.#inFlightBytes += bytes;
    clock.setTimer(dueMs - nowMs, () => {
      this.#inFlightBytes -= bytes;
      if (!this.#stream.isFrozen) this.#stream.other(this).#arrive(delivery);
    });
  }

  /** Called by the other end's timers. */
  #arrive(delivery: Delivery): void {
    if (this.isClosed) return;
    if (this.#events === undefined) {
      this.#early.push(delivery);
    } else if (delivery.type === 'message') {
      this.#events.onMessage(delivery.message);
    } else {
      // The other end closed: answer, so that it learns that this one is gone too, and go.
      this.end();
      this.closed('closed by the other end');
    }
  }
}
