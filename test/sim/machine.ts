/**
 * A machine of the chain: what outlives its processes (disk, LevelDB, key, clock error, cash register) and the real program on
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
import { SimDisk } from '@branchline/feed/acceptance';
import type { MemoryNetwork, Transport } from '@branchline/wire';
import { type ManualClock, memoryBound, type Random, randomInteger } from 'hlc-ts';
import { MachineClock } from './machine-clock.ts';
import { SimLevel } from './sim-level.ts';

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
}

/** What a machine's program is opened on. */
export interface Life {
  readonly clock: MachineClock;
  readonly store: JournalStore;
  readonly registry: Registry;
}

export function seededBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => randomInteger(random, 256));
}

export function seededKey(random: Random): DeviceKey {
  return importDeviceKey(Buffer.concat([PKCS8_ED25519, seededBytes(random, 32)]));
}

export abstract class Machine {
  readonly name: string;
  readonly key: DeviceKey;
  readonly address: string;
  readonly disk: SimDisk;
  readonly bound = memoryBound();
  level = new SimLevel();
  protected readonly world: WorldParts;
  #life: Life | undefined;
  #offsetMs = 0;
  /** Lives begun. */
  lives = 0;

  protected constructor(world: WorldParts, name: string) {
    this.world = world;
    this.name = name;
    this.key = seededKey(world.random);
    this.address = `${name.toLowerCase()}.test`;
    this.disk = new SimDisk({ seed: randomInteger(world.random, 2 ** 31) });
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

  /** What enrolment leaves on a new machine. */
  async learn(registryRun: Run): Promise<void> {
    const { store } = await this.#openStore(new MachineClock(this.world.clock, 0));
    await store.append({ runs: [registryRun] });
    await store.close();
  }

  async start(): Promise<void> {
    const clock = new MachineClock(this.world.clock, this.#offsetMs);
    const { store, registry } = await this.#openStore(clock);
    this.#life = { clock, store, registry };
    this.lives += 1;
    await this.open(this.#life);
    this.world.network.listen(this.address, (transport) => this.accept(transport));
  }

  async #openStore(clock: MachineClock): Promise<Pick<Life, 'store' | 'registry'>> {
    const registry = new Registry(this.world.authorityKey.publicKey);
    const store = await JournalStore.open({
      disk: this.disk,
      dir: DIR,
      level: this.level.sublevel('feed'),
      tenant: TENANT,
      keys: registry.keyOf,
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
    this.level = await this.level.afterKill();
  }

  async cutPower(): Promise<void> {
    this.#end();
    this.disk.crash();
    this.level = await this.level.afterPowerCut(this.world.random);
  }

  /** LevelDB is gone; the journal is not. Only while the machine is down. */
  loseLevel(): void {
    this.level = new SimLevel();
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
      await this.close();
      await this.life.store.close();
      this.#end();
      this.disk.kill();
      this.level = await this.level.afterKill();
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
}
