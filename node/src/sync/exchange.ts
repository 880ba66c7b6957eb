/**
 * Replication under one of the device's keys: the replicator and the peers, opened, changed and closed together.
 *
 * Changing the key ends every connection in order and dials again; what was exchanged is on disk, so nothing is sent twice. Peers
 * that are connected are told of the new key first: who has not heard of it would turn it away.
 * Whoever asks for replicator or peers gets those of the key spoken with now.
 */
import type { DeviceKey, FeedName, Replicator } from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import type { Peers } from './peers.ts';

export interface ExchangeOptions {
  readonly clock: Clock;
  /** The feed that tells peers of keys. */
  readonly registry: FeedName;
  readonly make: (key: DeviceKey) => Promise<Speaking>;
}

export interface Speaking {
  readonly replicator: Replicator;
  readonly peers: Peers;
}

/** Longest wait for connected peers to hear of the new key; a slower one hears of it under the former (`peers.ts`). */
const TOLD_WITHIN_MS = 5_000;
const TOLD_CHECK_MS = 10;

export class Exchange {
  readonly #clock: Clock;
  readonly #registry: FeedName;
  readonly #make: (key: DeviceKey) => Promise<Speaking>;
  #now: Speaking;
  #turn: Promise<void> = Promise.resolve();
  #started = false;
  #closed = false;

  private constructor({ clock, registry, make }: ExchangeOptions, now: Speaking) {
    this.#clock = clock;
    this.#registry = registry;
    this.#make = make;
    this.#now = now;
  }

  static async open(key: DeviceKey, options: ExchangeOptions): Promise<Exchange> {
    return new Exchange(options, await options.make(key));
  }

  get replicator(): Replicator {
    return this.#now.replicator;
  }

  get peers(): Peers {
    return this.#now.peers;
  }

  start(): void {
    this.#started = true;
    this.peers.start();
  }

  /** Called when the registry knows a newer key of this device. */
  speakAs(key: DeviceKey): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#closed) {
        return;
      }
      await this.#untilTold();
      await this.#hangUp();
      this.#now = await this.#make(key);
      if (this.#started) {
        this.peers.start();
      }
    });
    return this.#turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn.catch(() => undefined);
    await this.#hangUp();
  }

  async #untilTold(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + TOLD_WITHIN_MS;
    while (!this.#closed && !this.#areTold() && this.#clock.monotonicMs() < untilMs) {
      await this.#clock.sleep(TOLD_CHECK_MS);
    }
  }

  /** Every peer connected now has acknowledged all of the registry. */
  #areTold(): boolean {
    const { peers, replicator } = this.#now;
    return replicator
      .progress()
      .filter(({ peer }) => peers.isOpen(peer))
      .every(({ feeds }) => feeds.find(({ feed }) => feed === this.#registry)?.missingThere === 0);
  }

  async #hangUp(): Promise<void> {
    const { peers, replicator } = this.#now;
    await peers.close();
    replicator.close();
  }
}
