/**
 * A network inside one process, for tests and simulation: seeded, driven by the clock, able to go wrong in every way a real one does.
 *
 * A link is one way between two addresses. Over it, messages may be delayed, lost, doubled or overtaken; two addresses may be
 * partitioned (one way or both), a process may vanish without a word, a stream may be cut. A stream whose message was lost or doubled is not
 * repaired, as TCP would: the frames' sequence numbers find the gap and the connection closes, which is the harder case
 * for everything above.
 *
 * Guarantees: the same clock, random source and calls give the same deliveries in the same order; no bytes are shared
 * between the two ends; nothing happens inside a call to `send`, everything in a timer of the clock.
 *
 * Does not: model bandwidth.
 */
import type { Clock, Random } from 'hlc-ts';
import { WireError } from './errors.ts';
import { MemoryStream } from './memory-stream.ts';
import type { Transport } from './transport.ts';

export interface LinkFaults {
  /** Each message takes this long, plus a random part of `jitterMs`. */
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Share of messages that the ones sent after them may overtake. */
  readonly reorderRate: number;
}

export const FAULTLESS: LinkFaults = {
  delayMs: 0,
  jitterMs: 0,
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
};

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Of every link that has none of its own. */
  readonly faults?: Partial<LinkFaults>;
}

export class MemoryNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly #defaults: LinkFaults;
  readonly #faults = new Map<string, LinkFaults>();
  readonly #blocked = new Set<string>();
  /** Messages that met a fault of their link. */
  readonly counts = { lost: 0, doubled: 0, overtaken: 0 };
  readonly #listeners = new Map<string, (transport: Transport) => void>();
  readonly #streams = new Set<MemoryStream>();

  constructor(options: MemoryNetworkOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.#defaults = { ...FAULTLESS, ...options.faults };
  }

  /** Returns how to stop listening; open streams stay. */
  listen(address: string, onTransport: (transport: Transport) => void): () => void {
    if (this.#listeners.has(address)) throw new WireError('DIAL_FAILED', `${address} is taken`);
    this.#listeners.set(address, onTransport);
    return () => {
      if (this.#listeners.get(address) === onTransport) this.#listeners.delete(address);
    };
  }

  /** Rejects with `DIAL_FAILED` where nobody listens, with `signal.reason`; waits for ever behind a partition. */
  async dial(from: string, to: string, options: { signal?: AbortSignal } = {}): Promise<Transport> {
    const { signal } = options;
    await this.#cross(from, to, signal);
    const onTransport = this.#listeners.get(to);
    if (onTransport === undefined) {
      await this.#cross(to, from, signal);
      throw new WireError('DIAL_FAILED', `nobody listens at ${to}`, { retryable: true });
    }
    const stream = new MemoryStream(this, from, to, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    onTransport(stream.listenEnd);
    await this.#cross(to, from, signal);
    return stream.dialEnd;
  }

  /** Faults of the link from `from` to `to`; the fields left out keep their default. */
  setFaults(from: string, to: string, faults: Partial<LinkFaults>): void {
    this.#faults.set(linkOf(from, to), { ...this.#defaults, ...faults });
  }

  faultsOf(from: string, to: string): LinkFaults {
    return this.#faults.get(linkOf(from, to)) ?? this.#defaults;
  }

  /** Messages vanish, both ways or only from `a` to `b`; nobody is told. */
  partition(a: string, b: string, options: { oneWay?: boolean } = {}): void {
    this.#blocked.add(linkOf(a, b));
    if (options.oneWay !== true) this.#blocked.add(linkOf(b, a));
  }

  /** Ends the partition between two addresses, or all of them. */
  heal(a?: string, b?: string): void {
    if (a === undefined || b === undefined) {
      this.#blocked.clear();
      return;
    }
    this.#blocked.delete(linkOf(a, b));
    this.#blocked.delete(linkOf(b, a));
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(linkOf(from, to));
  }

  /** The process at `address` is gone: it listens no more, its streams neither deliver nor close (half-open). */
  vanish(address: string): void {
    this.#listeners.delete(address);
    for (const stream of this.#streams) if (stream.touches(address)) stream.freeze();
  }

  /** Cuts every stream between the two; both ends are told at once. */
  cut(a: string, b: string): void {
    for (const stream of this.#streams) if (stream.touches(a) && stream.touches(b)) stream.cut('cut');
  }

  /** Open streams, frozen ones included. */
  get streams(): number {
    return this.#streams.size;
  }

  /** One way of a dial. While the link is blocked the packet is sent again every second, as SYN is. */
  async #cross(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
    const options = signal === undefined ? {} : { signal };
    const { delayMs, jitterMs } = this.faultsOf(from, to);
    while (this.isBlocked(from, to)) await this.clock.sleep(DIAL_RETRY_MS, options);
    await this.clock.sleep(delayMs + this.random() * jitterMs, options);
  }
}

const DIAL_RETRY_MS = 1_000;

function linkOf(from: string, to: string): string {
  return `${from} > ${to}`;
}
