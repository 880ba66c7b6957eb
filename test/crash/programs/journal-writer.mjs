/**
 * The journal alone, as a program to cut the power of: commits numbers into two feeds at once and prints each number when it is acknowledged.
 *
 * Loaded and waiting until a line on standard input names the folder. Says `open A B N` first: the heads it found, and the last number. With
 * `--unsynced` every fdatasync is left out, which is what the rig must be able to see.
 */
import { readFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import {
  entriesOf,
  FeedWriter,
  importDeviceKey,
  JournalStore,
  NodeDisk,
  parseCollection,
} from '@branchline/feed';
import { systemClock } from 'hlc-ts';
import { Level } from 'level';

const AT_ONCE = 6;
/** Entries of each feed compared at the opening: those of the last cut and more. */
const LOOKED_AT = 150;
const [, , keyFile, mode] = process.argv;

if (mode === '--unsynced') {
  const handle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle);
  prototype.datasync = async () => {};
  prototype.sync = async () => {};
  await handle.close();
}

const [dir] = await new Promise((resolve) =>
  createInterface({ input: process.stdin }).once('line', (line) => resolve([line])),
);
const key = importDeviceKey(readFileSync(keyFile));
const level = new Level(`${dir}/index`);
await level.open();
const store = await JournalStore.open({
  disk: new NodeDisk(),
  dir: `${dir}/journal`,
  level: level.sublevel('feed'),
  tenant: 'acme',
  keys: () => key.publicKey,
  clock: systemClock(),
  ballastBytes: 0,
  segmentBytesMax: 64 * 1024,
});
const [orders, stock] = ['orders/B001', 'stock/B001'].map(parseCollection);
let stamp = BigInt(process.pid) << 20n;
const writer = await FeedWriter.open({ store, key, tenant: 'acme', now: () => ++stamp });
const heads = [orders, stock].map((collection) => store.feeds().get(writer.feed(collection))?.head.seq ?? 0);
let last = 0;
for (let seq = Math.max(1, Math.max(...heads) - LOOKED_AT); seq <= Math.max(...heads); seq += 1) {
  const found = await Promise.all(
    [orders, stock].map(
      async (collection) => entriesOf(await store.read(writer.feed(collection), seq, 1))[0].body,
    ),
  );
  if (found[0] !== found[1]) {
    throw new Error(`torn at ${seq}: ${found}`);
  }
  last = Math.max(last, found[0]);
}
writeSync(1, `open ${heads.join(' ')} ${last}\n`);

const lane = async () => {
  for (;;) {
    last += 1;
    const number = last;
    await writer.commit([orders, stock].map((collection) => ({ collection, kind: 'note', body: number })));
    writeSync(1, `${number}\n`);
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, lane));
