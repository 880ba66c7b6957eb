/** A journal store on a simulated disk, with a device that writes to it: power cuts, faults and lost indexes in one line each. */
import { ManualClock, type Stamp } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { entriesOf } from '../../src/entry.ts';
import { parseCollection } from '../../src/feed-name.ts';
import { FeedWriter } from '../../src/feed-writer.ts';
import { type DeviceKey, generateDeviceKey } from '../../src/identity.ts';
import { JournalStore, type JournalStoreOptions } from '../../src/journal-store.ts';
import { SimDisk } from '../../src/sim-disk.ts';
import type { Collection } from '../../src/types.ts';
import { type Verified, verifyStore } from '../../src/verify.ts';

export const TENANT = 'acme';
export const DIR = '/data';
export const ORDERS = parseCollection('orders/B001');
export const STOCK = parseCollection('stock/B001');

type Tuning = Partial<
  Pick<JournalStoreOptions<unknown, unknown, unknown>, 'segmentBytesMax' | 'ballastBytes'>
>;

export class JournalHome {
  readonly disk: SimDisk;
  readonly key: DeviceKey;
  readonly level = new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' });
  readonly clock = new ManualClock();
  readonly #tuning: Tuning;
  #tick = 0n;

  constructor(options: { seed?: number; capacityBytes?: number; key?: DeviceKey } & Tuning = {}) {
    const { seed = 1, capacityBytes, key = generateDeviceKey(), ...tuning } = options;
    this.key = key;
    this.disk = new SimDisk({ seed, ...(capacityBytes === undefined ? {} : { capacityBytes }) });
    this.#tuning = { ballastBytes: 0, ...tuning };
  }

  open(tenant = TENANT): Promise<JournalStore> {
    return JournalStore.open({
      disk: this.disk,
      dir: DIR,
      level: this.level,
      tenant,
      keys: () => this.key.publicKey,
      clock: this.clock,
      ...this.#tuning,
    });
  }

  writer(store: JournalStore): Promise<FeedWriter> {
    const now = (): Stamp => {
      this.#tick += 1n;
      return this.#tick as Stamp;
    };
    return FeedWriter.open({ store, key: this.key, tenant: TENANT, now });
  }

  verify(): Promise<Verified> {
    return verifyStore({ disk: this.disk, dir: DIR, tenant: TENANT });
  }

  async indexRows(): Promise<[Uint8Array, Uint8Array][]> {
    return this.level.iterator().all();
  }

  /** As after a power cut: LevelDB was not synced and is as it was before. */
  async restoreIndex(rows: [Uint8Array, Uint8Array][]): Promise<void> {
    await this.level.clear();
    await this.level.batch(rows.map(([key, value]) => ({ type: 'put', key, value })));
  }

  /** Paths of the journal segments, oldest first. */
  segments(): string[] {
    return this.disk.files().filter((path) => path.endsWith('.seg'));
  }
}

/** A sale: one commit over two feeds that must never be seen halved. */
export function sale(text: string): { collection: Collection; kind: string; body: unknown }[] {
  return [ORDERS, STOCK].map((collection) => ({ collection, kind: 'note', body: text }));
}

/** The bodies of every commit, in journal order; fails when a commit is there by half. */
export async function salesIn(store: JournalStore): Promise<string[]> {
  const found: string[] = [];
  for await (const { runs } of store.replay(0)) {
    const bodies = runs.map((run) => entriesOf(run).map((entry) => entry.body));
    if (runs.length !== 2 || String(bodies[0]) !== String(bodies[1])) throw new Error('half a commit');
    found.push(String(bodies[0]));
  }
  return found;
}

/** The bodies of one feed, read as a peer would. */
export async function readAll(store: JournalStore, feed: string, from = 1): Promise<string[]> {
  const bodies: string[] = [];
  for (let next = from; ; ) {
    const run = await store.read(feed as never, next, 1000);
    if (run === undefined) return bodies;
    for (const entry of entriesOf(run)) bodies.push(String(entry.body));
    next += run.entries.length;
  }
}
