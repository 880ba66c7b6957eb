/**
 * The durable part of a relay, opened and closed as one: index database, journal store, registry, clock.
 *
 * Opening order matters: the registry follows the store from its first entry, and the store asks the registry for keys, so the
 * key resolver is the registry's and the registry exists first. The clock goes on from what the store holds. Closing is the reverse, and closes what was opened when a
 * later step fails.
 */
import { type FeedStore, followRegistry, JournalStore, keptStamp, Registry } from '@branchline/feed';
import { HybridClock, MAX_AHEAD_MS_DEFAULT, type Stamp } from 'hlc-ts';
import { Level } from 'level';
import type { DataFolder } from './data-folder.ts';
import { RelayError } from './errors.ts';
import type { RelayPorts } from './ports.ts';

export interface TenantIdentity {
  readonly tenant: string;
  readonly authorityKey: Uint8Array;
}

export class RelayStore {
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly level: Level;
  readonly #clock: HybridClock;
  readonly #closers: (() => Promise<unknown> | unknown)[];

  private constructor(parts: {
    store: FeedStore;
    registry: Registry;
    level: Level;
    clock: HybridClock;
    closers: (() => Promise<unknown> | unknown)[];
  }) {
    this.store = parts.store;
    this.registry = parts.registry;
    this.level = parts.level;
    this.#clock = parts.clock;
    this.#closers = parts.closers;
  }

  static async open(ports: RelayPorts, folder: DataFolder, identity: TenantIdentity): Promise<RelayStore> {
    const closers: (() => Promise<unknown> | unknown)[] = [];
    try {
      const level = new Level(folder.index);
      await level.open().catch((cause: unknown) => {
        throw indexFailure(cause, folder.path);
      });
      closers.push(() => level.close());
      const registry = new Registry(identity.authorityKey);
      const store = await JournalStore.open({
        disk: ports.disk,
        dir: folder.journal,
        level: level.sublevel('feed'),
        tenant: identity.tenant,
        keys: registry.keyOf,
        clock: ports.clock,
      });
      closers.push(() => store.close());
      closers.push(await followRegistry(store, registry));
      const { clock: wall } = ports;
      const isRestored = await folder.isRestored();
      const clock = await HybridClock.open({
        clock: wall,
        bound: folder.clockBound(),
        // Only the registry is written here. One put back from a backup may have gone on elsewhere.
        kept: async () =>
          isRestored
            ? undefined
            : await keptStamp(store, [registry.authority], wall.nowMs() + MAX_AHEAD_MS_DEFAULT),
      });
      closers.push(() => clock.close());
      return new RelayStore({ store, registry, level, clock, closers });
    } catch (error) {
      await closeAll(closers);
      throw error;
    }
  }

  readonly now = (): Stamp => this.#clock.now();

  observe(stamp: Stamp): void {
    this.#clock.observe(stamp);
  }

  async close(): Promise<void> {
    await closeAll(this.#closers);
  }
}

/** LevelDB's lock is taken first, so it is the one that says that somebody is there already. */
function indexFailure(cause: unknown, path: string): RelayError {
  const inner = (cause as { cause?: { code?: unknown } }).cause;
  if (inner?.code === 'LEVEL_LOCKED') {
    return new RelayError('RELAY_LOCKED', `another program runs on ${path}`, {
      cause,
      hint: 'Stop it first, or talk to it: its address is in control.json.',
    });
  }
  return new RelayError('RELAY_DATA', `the index below ${path} cannot be opened: ${String(inner ?? cause)}`, {
    cause,
    hint: 'Remove the folder `index`; it is rebuilt from the journal at the next start.',
  });
}

/** In reverse; every one is tried, the first error is thrown. */
async function closeAll(closers: (() => Promise<unknown> | unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) {
    throw errors[0];
  }
}
