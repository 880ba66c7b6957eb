/** Both stores do what the port says: one suite, run on memory, on a simulated disk and on the real one. */

import { ManualClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { feedStoreSuite } from '../src/acceptance.ts';
import { JournalStore } from '../src/journal-store.ts';
import { MemoryStore } from '../src/memory-store.ts';
import { NodeDisk } from '../src/node-disk.ts';
import { SimDisk } from '../src/sim-disk.ts';

const memory = suite('MemoryStore');
feedStoreSuite({
  test: memory,
  durable: false,
  setup: async (options) => ({ open: () => MemoryStore.open(options) }),
});
memory.run();

const simulated = suite('JournalStore on a simulated disk');
feedStoreSuite({
  test: simulated,
  durable: true,
  setup: async (options) => {
    const disk = new SimDisk({ seed: 1 });
    const level = new MemoryLevel();
    return {
      open: () =>
        JournalStore.open({
          ...options,
          disk,
          dir: '/data',
          level,
          clock: new ManualClock(),
          ballastBytes: 0,
        }),
    };
  },
});
simulated.run();

const real = suite('JournalStore on the file system');
feedStoreSuite({
  test: real,
  durable: true,
  setup: async (options) => {
    const home = await TempDir.open('feed');
    const level = new MemoryLevel();
    const store = {
      ...options,
      disk: new NodeDisk(),
      dir: `${home.path}/journal`,
      level,
      clock: new ManualClock(),
    };
    return {
      open: () => JournalStore.open({ ...store, ballastBytes: 0 }),
      teardown: () => home[Symbol.asyncDispose](),
    };
  },
});
real.run();
