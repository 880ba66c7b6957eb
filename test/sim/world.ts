/**
 * A whole chain under one seed: a relay, head office, shops with cash registers, the network between them and the people at the
 * tills, on one clock that jumps from event to event.
 *
 * The programs are the real ones. What is simulated is the world: time, disks, LevelDB's tail, sockets, the cash register's
 * other end. Nothing here waits for real I/O, so the order of events is the seed's and nobody else's.
 */
import { MemoryNetwork } from '@branchline/wire';
import { ManualClock, type Random, randomInteger, seededRandom } from 'hlc-ts';
import { type Machine, seededBytes, seededKey, type WorldParts } from './machine.ts';
import { RelayMachine } from './relay-machine.ts';
import { Shop } from './shop.ts';
import { Trace } from './trace.ts';

/** A Sunday, in the morning. */
const START_MS = Date.UTC(2026, 10, 22, 9);
/** A step of the clock while something is waited for. */
const WAIT_STEP_MS = 20;

export interface WorldOptions {
  readonly seed: number;
  readonly shops: number;
}

export class World implements WorldParts {
  readonly seed: number;
  readonly random: Random;
  readonly clock = new ManualClock(START_MS);
  readonly network: MemoryNetwork;
  readonly authorityKey;
  readonly trace = new Trace();
  /** How often each fault and each way out of one was taken. */
  readonly counts = new Map<string, number>();
  readonly relay: RelayMachine;
  readonly office: Shop;
  readonly shops: readonly Shop[];

  private constructor({ seed, shops }: WorldOptions) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: this.random,
      faults: { delayMs: 5, jitterMs: 20 },
    });
    this.authorityKey = seededKey(this.random);
    this.relay = new RelayMachine(this);
    const shop = (branch: string, hasRegister: boolean): Shop =>
      new Shop(this, { branch, relay: this.relay.address, hasRegister });
    this.office = shop('HQ', false);
    this.shops = Array.from({ length: shops }, (_, at) => shop(`B00${at + 1}`, true));
  }

  static async open(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await world.within('the relay', world.relay.start());
    for (const node of world.nodes) {
      const role = node === world.office ? 'hq' : 'branch';
      await world.within('a device', world.relay.admit({ branch: node.branch, role, key: node.key }));
    }
    await world.within(
      'its own',
      world.relay.admit({ branch: 'relay', role: 'relay', key: world.relay.key }),
    );
    const { store, registry } = world.relay.life;
    const run = await store.read(registry.feed, 1, 1_000_000);
    for (const node of world.nodes) {
      await node.learn(run!);
      await world.within(node.name, node.start());
    }
    return world;
  }

  get nodes(): readonly Shop[] {
    return [this.office, ...this.shops];
  }

  get machines(): readonly Machine[] {
    return [this.relay, ...this.nodes];
  }

  get timeMs(): number {
    return this.clock.monotonicMs();
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[randomInteger(this.random, items.length)]!;
  }

  bytes(length: number): Uint8Array {
    return seededBytes(this.random, length);
  }

  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  say(words: string): void {
    this.trace.say(Math.round(this.timeMs), words);
  }

  /** Waits for something that may wait for the clock; fails when it takes longer than `limitMs` of simulated time. */
  async within<Result>(what: string, work: Promise<Result>, limitMs = 120_000): Promise<Result> {
    let isOver = false;
    const result = work.finally(() => {
      isOver = true;
    });
    result.catch(() => undefined);
    const endMs = this.timeMs + limitMs;
    await this.clock.yield();
    while (!isOver) {
      if (this.timeMs > endMs) {
        throw new Error(`${what} takes longer than ${limitMs / 1000} s`);
      }
      await this.clock.advance(WAIT_STEP_MS);
    }
    return await result;
  }

  /** Lets time pass until `done`; false when it was not within `limitMs`. */
  async until(limitMs: number, done: () => boolean | Promise<boolean>, stepMs = 250): Promise<boolean> {
    const endMs = this.timeMs + limitMs;
    while (!(await done())) {
      if (this.timeMs > endMs) {
        return false;
      }
      await this.clock.advance(stepMs);
    }
    return true;
  }

  async close(): Promise<void> {
    for (const machine of [...this.machines].reverse()) {
      await this.within(`the end of ${machine.name}`, machine.stop());
    }
  }
}
