/**
 * A machine of the chain: what outlives its processes (disk, LevelDB, keys, clock error, cash register) and the real program on
 * it while it runs.
 *
 *     start ─> running ─┬─ kill ──────> down    process gone; what it wrote is in the page cache and survives
 *                       ├─ cutPower ──> down    what was not synced is lost, torn or reordered, on disk and in LevelDB
 *                       └─ fault ─────> down    the store poisoned itself: the process ends, and verifies on its next start
 */
import {
  type DeviceKey,
  followRegistry,
  importDeviceKey,
  JournalStore,
  Registry,
  type Run,
} from '@branchline/feed';
import type { MemoryNetwork, Transport } from '@branchline/wire';
import { type ManualClock, memoryBound, type Random, randomInteger, type UpperBoundStore } from 'hlc-ts';
import { MachineClock } from './machine-clock.ts';
import { SimLevel } from './sim-level.ts';
import { WorldDisk } from './world-disk.ts';

export const TENANT = 'simulated';
export const DIR = '/journal';
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const BALLAST_BYTES = 4_096;
const SEGMENT_BYTES_MAX = 64 * 1024;

export interface WorldParts {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly random: Random;
  readonly authorityKey: DeviceKey;
  count(name: string): void;
  say(words: string): void;
}

/** Where a journal and an index stand. */
export interface Place {
  readonly disk: WorldDisk;
  level: SimLevel;
}

/** What a machine's program is opened on. */
export interface Life {
  readonly clock: MachineClock;
  readonly store: JournalStore;
  readonly registry: Registry;
}

/** A copy of a machine's disk, as a backup program takes it. */
export interface Image {
  readonly atMs: number;
  readonly disk: ReturnType<WorldDisk['image']>;
  readonly level: SimLevel;
  readonly bound: Awaited<ReturnType<UpperBoundStore['load']>>;
}

export function seededBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => randomInteger(random, 256));
}

export function seededKey(random: Random): DeviceKey {
  return importDeviceKey(Buffer.concat([PKCS8_ED25519, seededBytes(random, 32)]));
}

export abstract class Machine {
  readonly name: string;
  /** Oldest first; the last one is in use. */
  readonly keys: DeviceKey[];
  readonly address: string;
  place: Place;
  image: Image | undefined;
  protected readonly world: WorldParts;
  #bound = memoryBound();
  #life: Life | undefined;
  #offsetMs = 0;

  protected constructor(world: WorldParts, name: string) {
    this.world = world;
    this.name = name;
    this.keys = [seededKey(world.random)];
    this.address = `${name.toLowerCase()}.test`;
    this.place = this.freshPlace();
  }

  get key(): DeviceKey {
    return this.keys.at(-1)!;
  }

  get disk(): WorldDisk {
    return this.place.disk;
  }

  get bound(): UpperBoundStore {
    return this.#bound;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get life(): Life {
    if (this.#life === undefined) {
      throw new Error(`${this.name} is down`);
    }
    return this.#life;
  }

  /** Why the running program must end, or undefined. */
  abstract get fault(): string | undefined;

  freshPlace(): Place {
    return { disk: new WorldDisk(this.#diskOptions()), level: new SimLevel() };
  }

  /** What enrolment leaves on a new machine. */
  async learn(registryRun: Run): Promise<void> {
    const { store } = await this.openStore(this.place, new MachineClock(this.world.clock, 0));
    await store.append({ runs: [registryRun] });
    await store.close();
  }

  async start(): Promise<void> {
    const clock = new MachineClock(this.world.clock, this.#offsetMs);
    const { store, registry } = await this.openStore(this.place, clock);
    const { rebuilt, tornBytes } = store.opening;
    if (tornBytes > 0) {
      this.world.count('torn tail of a journal cut off');
    }
    if (rebuilt) {
      this.world.count('index made again from the journal');
    }
    this.#life = { clock, store, registry };
    await this.open(this.#life);
    this.world.network.listen(this.address, (transport) => this.accept(transport));
  }

  async openStore(place: Place, clock: MachineClock): Promise<Pick<Life, 'store' | 'registry'>> {
    const registry = new Registry(this.world.authorityKey.publicKey);
    const store = await JournalStore.open({
      disk: place.disk.open(),
      dir: DIR,
      level: place.level.sublevel('feed'),
      tenant: TENANT,
      // Keys of our own that the registry does not know yet have written here all the same.
      keys: (writer) => registry.keyOf(writer) ?? this.keys.find((key) => key.writer === writer)?.publicKey,
      clock,
      ballastBytes: BALLAST_BYTES,
      segmentBytesMax: SEGMENT_BYTES_MAX,
    });
    await followRegistry(store, registry);
    return { store, registry };
  }

  /** The process ends between two instructions. */
  async kill(): Promise<void> {
    this.#end();
    this.disk.kill();
    this.place.level = await this.place.level.afterKill();
  }

  async cutPower(): Promise<void> {
    this.#end();
    this.disk.crash();
    this.place.level = await this.place.level.afterPowerCut(this.world.random);
  }

  /** LevelDB is gone; the journal is not. Only while the machine is down. */
  loseLevel(): void {
    this.place.level = new SimLevel();
  }

  async takeImage(): Promise<void> {
    this.image = {
      atMs: this.world.clock.monotonicMs(),
      disk: this.disk.image(),
      level: await this.place.level.afterKill(),
      bound: await this.#bound.load(),
    };
  }

  /** Only while the machine is down. */
  async putBack({ disk, level, bound }: Image): Promise<void> {
    this.place = { disk: await WorldDisk.of(disk, this.#diskOptions()), level: await level.afterKill() };
    this.#bound = memoryBound(bound);
  }

  jumpClock(ms: number): void {
    this.#offsetMs += ms;
    this.#life?.clock.jump(ms);
  }

  get clockErrorMs(): number {
    return this.#offsetMs;
  }

  /** Ends in order. */
  async stop(): Promise<void> {
    if (this.isUp) {
      const { store } = this.life;
      await this.close();
      await store.close();
      this.#end();
      this.disk.kill();
      this.place.level = await this.place.level.afterKill();
    }
  }

  protected abstract open(life: Life): Promise<void>;
  protected abstract accept(transport: Transport): void;
  /** Ends the program in order. */
  protected abstract close(): Promise<void>;
  /** Forgets the program; its code may still run into the void. */
  protected abstract forget(): void;

  #end(): void {
    this.world.network.vanish(this.address);
    this.#life?.clock.die();
    this.#life = undefined;
    this.forget();
  }

  #diskOptions() {
    const { clock, random } = this.world;
    return { clock, random, onFault: (name: string) => this.world.count(`disk: ${name}`) };
  }
}
