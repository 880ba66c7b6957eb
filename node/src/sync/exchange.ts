/**
 * Replication under one of the device's keys: the replicator and the peers, opened, changed and closed together.
 *
 * Changing the key ends every connection in order and dials again; what was exchanged is on disk, so nothing is sent twice.
 * Whoever asks for replicator or peers gets those of the key spoken with now.
 */
import type { DeviceKey, Replicator } from '@branchline/feed';
import type { Peers } from './peers.ts';

export interface Speaking {
  readonly replicator: Replicator;
  readonly peers: Peers;
}

export class Exchange {
  readonly #make: (key: DeviceKey) => Promise<Speaking>;
  #now: Speaking;
  #turn: Promise<void> = Promise.resolve();
  #started = false;
  #closed = false;

  private constructor(make: (key: DeviceKey) => Promise<Speaking>, now: Speaking) {
    this.#make = make;
    this.#now = now;
  }

  static async open(key: DeviceKey, make: (key: DeviceKey) => Promise<Speaking>): Promise<Exchange> {
    return new Exchange(make, await make(key));
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

  /** Called when a newer key of this device is known to its peers. */
  speakAs(key: DeviceKey): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#closed) {
        return;
      }
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

  async #hangUp(): Promise<void> {
    const { peers, replicator } = this.#now;
    await peers.close();
    replicator.close();
  }
}
