import type { Clock, Random } from 'hlc-ts';
import type { Transport } from './transport.ts';

export interface LinkFaults {
  /** Each message takes this long, plus a random part of `jitterMs`; order is kept unless `reorderRate` says otherwise. */
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly reorderRate: number;
}

export interface MemoryNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: Partial<LinkFaults>;
}

export declare class MemoryNetwork {
  constructor(options: MemoryNetworkOptions);
  /** Returns a function that stops listening. */
  listen(address: string, onTransport: (transport: Transport) => void): () => void;
  dial(from: string, to: string, options?: { signal?: AbortSignal }): Promise<Transport>;
  /** Faults of messages from `from` to `to`, one way. */
  setFaults(from: string, to: string, faults: Partial<LinkFaults>): void;
  /** Messages between the two vanish, both ways or only from `a` to `b`; nobody is told. */
  partition(a: string, b: string, options?: { oneWay?: boolean }): void;
  heal(a?: string, b?: string): void;
  /** The process behind `address` is gone without a word: its streams neither deliver nor close. */
  vanish(address: string): void;
  /** Cuts every stream between the two: both ends are told. */
  cut(a: string, b: string): void;
}
