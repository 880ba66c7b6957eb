/**
 * A whole chain under one seed: a relay, head office, shops with cash registers, the operator of fiscal data, the network between them
 * and the people at the tills, on one clock that jumps from event to event.
 *
 * The programs are the real ones. What is simulated is the world: time, disks, LevelDB's tail, sockets, the cash register's
 * other end. Nothing here waits for real I/O, so the order of events is the seed's and nobody else's.
 */
import { MockOperator, type OfdBehaviour } from '@branchline/fiscal';
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
/** Share of chains in which the first shop has two nodes that know each other's address. */
const TWO_NODES = 0.25;
/** Share of chains whose shops also dial head office, past the relay. */
const DIRECT = 0.3;
/** Share of chains with cash registers: a receipt costs more than all else about a sale. */
const REGISTERS = 0.2;
/** How many shops there are, each as likely as it stands here. */
const SHOPS = [1, 1, 1, 1, 2, 2, 3] as const;

/** What of a chain is not left to the dice. */
export interface ChainOptions {
  readonly shops?: number;
  /** Whether the first shop has two nodes. */
  readonly isPaired?: boolean;
  readonly hasRegisters?: boolean;
}

export interface WorldOptions extends ChainOptions {
  readonly seed: number;
}

export class World implements WorldParts {
  readonly seed: number;
  readonly random: Random;
  readonly clock = new ManualClock(START_MS);
  readonly network: MemoryNetwork;
  readonly authorityKey;
  readonly trace = new Trace();
  /** How often each fault struck and each way out of one was taken. */
  readonly counts = new Map<string, number>();
  readonly relay: RelayMachine;
  readonly office: Shop;
  readonly shops: readonly Shop[];
  readonly operator: MockOperator;
  /** What the operator does next, instead of accepting. */
  readonly moods: OfdBehaviour[] = [];
  readonly isDirect: boolean;
  /** Called when a machine no longer knows what it did since then. */
  onForgotten: (shop: Shop, sinceMs: number) => void = () => undefined;

  private constructor({ seed, ...given }: WorldOptions) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.network = new MemoryNetwork({
      clock: this.clock,
      random: this.random,
      faults: { delayMs: 5, jitterMs: 20 },
    });
    this.authorityKey = seededKey(this.random);
    this.operator = new MockOperator({ clock: this.clock, otherwise: () => this.#mood() });
    this.relay = new RelayMachine(this);
    this.isDirect = this.chance(DIRECT);
    const dicedPair = this.chance(TWO_NODES);
    const isPaired = given.isPaired ?? dicedPair;
    const relay = this.relay.address;
    this.office = new Shop(this, { name: 'HQ', branch: 'HQ', relay, peers: [] });
    const direct = this.isDirect ? [this.office.address] : [];
    const dicedRegisters = this.chance(REGISTERS);
    const registers = (given.hasRegisters ?? dicedRegisters) ? { operator: this.operator } : {};
    const dicedCount = this.pick(SHOPS);
    const count = given.shops ?? dicedCount;
    const fn = (at: number): string => `99990000000000${String(at + 10)}`;
    const first = Array.from({ length: count }, (_, at) => {
      const branch = `B00${at + 1}`;
      const beside = at === 0 && isPaired ? ['b001b.test'] : [];
      return new Shop(this, {
        name: branch,
        branch,
        relay,
        peers: [...direct, ...beside],
        ...registers,
        fn: fn(at),
      });
    });
    const peers = ['b001.test'];
    const beside = isPaired
      ? [new Shop(this, { name: 'B001b', branch: 'B001', relay, peers, ...registers, fn: fn(count) })]
      : [];
    this.shops = [...first, ...beside];
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

  /** Those that still belong to the chain. */
  get members(): readonly Machine[] {
    return this.machines.filter((machine) => !(machine instanceof Shop && machine.isRevoked));
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

  count(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  /** A machine went back in time: what it keeps for itself (answers, tills) is as it was then. */
  forget(shop: Shop, sinceMs: number): void {
    shop.forgotSinceMs = Math.min(sinceMs, shop.forgotSinceMs ?? sinceMs);
    this.onForgotten(shop, sinceMs);
  }

  say(words: string): void {
    this.trace.say(Math.round(this.timeMs), words);
  }

  /** Puts what nobody says into the story: the hash of every feed everywhere, and where the dice stand. */
  sayEnds(): void {
    for (const { name, life } of this.machines.filter(({ isUp }) => isUp)) {
      for (const [feed, { head }] of life.store.feeds()) {
        this.say(`${name}: ${feed} ${head.seq} ${Buffer.from(head.hash).toString('hex')}`);
      }
    }
    this.say(`dice ${this.random()}`);
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

  /** Faults that are only known to have struck by those they struck. */
  countQuietFaults(): void {
    const { lost, doubled, overtaken } = this.network.counts;
    this.count('message lost', lost);
    this.count('message doubled', doubled);
    this.count('message overtaken', overtaken);
    for (const { emulator } of this.shops) {
      for (const [kind, times] of emulator?.faults.firedBy ?? []) {
        this.count(`register: ${kind}`, times);
      }
    }
  }

  async close(): Promise<void> {
    for (const machine of [...this.machines].reverse()) {
      await this.within(`the end of ${machine.name}`, machine.stop());
    }
  }

  #mood(): OfdBehaviour {
    const mood = this.moods.shift();
    if (mood === undefined) {
      return { kind: 'accept' };
    }
    this.count(`operator: ${mood.kind === 'drop' ? `drops at ${mood.at}` : mood.kind}`);
    return mood;
  }
}
