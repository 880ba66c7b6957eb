/**
 * What every feed store must do, as a suite that runs on any of them.
 *
 *     feedStoreSuite({ test, setup })     // `test(name, run)`; `setup` gives an empty store that can be opened again
 *
 * A new implementation (a server's, a browser's) is right when this passes. What only a disk can get wrong is tested with the
 * journal store; here stand the words of the port.
 */
import { type Stamp, ZERO_STAMP } from 'hlc-ts';
import { firstHead, headAfter, signedBytes } from './chain.ts';
import { encodeEntry, entriesOf } from './entry.ts';
import { FeedError } from './errors.ts';
import { feedName, parseCollection } from './feed-name.ts';
import { FeedWriter } from './feed-writer.ts';
import { type DeviceKey, generateDeviceKey, type KeyResolver } from './identity.ts';
import type { Appended, FeedName, FeedStore, Head, Run } from './types.ts';

export { SimDisk, type SimDiskOptions } from './sim-disk.ts';

export interface StoreUnderTest {
  /** Opens the same store; again after `close` when it is durable. */
  open(): Promise<FeedStore>;
  /** Removes what the test left. */
  teardown?(): Promise<void>;
}

export interface FeedStoreSuiteOptions {
  readonly test: (name: string, run: () => Promise<void>) => void;
  readonly setup: (options: { tenant: string; keys: KeyResolver }) => Promise<StoreUnderTest>;
  /** False for stores that forget at `close`. */
  readonly durable: boolean;
}

interface Scene {
  readonly store: FeedStore;
  readonly key: DeviceKey;
  readonly writer: FeedWriter;
  readonly feed: FeedName;
  /** A run by another device, of the bodies given, after `head`. */
  readonly remote: RemoteWriter;
  reopen(): Promise<FeedStore>;
}

const TENANT = 'acme';
const ORDERS = parseCollection('orders/B001');

export function feedStoreSuite({ test, setup, durable }: FeedStoreSuiteOptions): void {
  const story = (name: string, run: (scene: Scene) => Promise<void>): void => {
    test(name, async () => {
      const keys = new Map<string, Uint8Array>();
      const key = generateDeviceKey();
      const other = generateDeviceKey();
      keys.set(key.writer, key.publicKey);
      keys.set(other.writer, other.publicKey);
      const home = await setup({ tenant: TENANT, keys: (writer) => keys.get(writer) });
      let store = await home.open();
      const writer = await FeedWriter.open({ store, key, tenant: TENANT, now: ticking() });
      const reopen = async (): Promise<FeedStore> => {
        await store.close();
        store = await home.open();
        return store;
      };
      const feed = feedName(ORDERS, key.writer);
      try {
        await run({ store, key, writer, feed, remote: new RemoteWriter(other), reopen });
      } finally {
        await store.close();
        await home.teardown?.();
      }
    });
  };

  story('an empty store holds nothing and says so', async ({ store, feed }) => {
    equal(store.feeds().size, 0);
    equal(store.position, 0);
    equal(await store.read(feed, 1, 1000), undefined);
    equal((await collect(store.replay(0))).length, 0);
  });

  story('what is appended is read back, byte for byte, numbered from 1', async ({ store, writer, feed }) => {
    const { entries, position } = await writer.commit([draft('a'), draft('b')]);
    equal(entries.map((entry) => entry.seq).join(), '1,2');
    equal(position, store.position);
    const run = await mustRead(store, feed, 1, 1);
    equal(
      entriesOf(run)
        .map((entry) => entry.body)
        .join(),
      'a,b',
    );
    equal(store.feeds().get(feed)?.head.seq, 2);
    equal(await store.read(feed, 3, 1000), undefined);
  });

  story(
    'a run ends at a signature, about as many bytes long as asked for',
    async ({ store, writer, feed }) => {
      for (const text of ['a', 'b', 'c']) await writer.commit([draft(text), draft(text)]);
      equal((await mustRead(store, feed, 1, 1)).entries.length, 2);
      equal((await mustRead(store, feed, 2, 1)).entries.length, 1);
      equal((await mustRead(store, feed, 1, 1_000_000)).entries.length, 6);
      const tail = await mustRead(store, feed, 4, 1_000_000);
      equal(
        entriesOf(tail)
          .map((entry) => entry.seq)
          .join(),
        '4,5,6',
      );
    },
  );

  story('commits called at once keep the order of the calls', async ({ store, writer, feed }) => {
    const texts = Array.from({ length: 50 }, (_, index) => `sale ${index}`);
    const done = await Promise.all(texts.map((text) => writer.commit([draft(text)])));
    equal(done.map(({ entries }) => entries[0]?.seq).join(), texts.map((_, index) => index + 1).join());
    const held = entriesOf(await mustRead(store, feed, 1, 1_000_000));
    equal(held.map((entry) => entry.body).join(), texts.join());
    ok(
      held.every((entry, index) => index === 0 || entry.hlc > held[index - 1]!.hlc),
      'stamps go up',
    );
  });

  story('a received run is taken with its signature and given on as it came', async ({ store, remote }) => {
    const run = remote.run(['x', 'y']);
    await store.append({ runs: [run] });
    const back = await mustRead(store, run.feed, 1, 1000);
    equal(hex(back.signature), hex(run.signature));
    equal(back.entries.map(hex).join(), run.entries.map(hex).join());
  });

  story('the same run again changes nothing', async ({ store, remote }) => {
    const first = remote.run(['x', 'y']);
    await store.append({ runs: [first] });
    const { position } = store;
    await store.append({ runs: [first] });
    equal(store.position, position);
    const seen = watchAll(store);
    const more = remote.run(['z']);
    const both = { ...more, from: 1, entries: [...first.entries, ...more.entries] };
    await store.append({ runs: [both] });
    equal(store.feeds().get(first.feed)?.head.seq, 3);
    equal(seen.map((each) => each.runs[0]?.from).join(), '3');
  });

  story('the same run from two peers at once is taken once', async ({ store, remote }) => {
    const run = remote.run(['x', 'y']);
    const seen = watchAll(store);
    await Promise.all([store.append({ runs: [run] }), store.append({ runs: [run] })]);
    equal(seen.length, 1);
    equal(store.feeds().get(run.feed)?.head.seq, 2);
  });

  story('FEED_GAP: a run that leaves entries out is refused', async ({ store, remote }) => {
    remote.run(['lost']);
    const late = remote.run(['late']);
    await refused('FEED_GAP', store.append({ runs: [late] }));
    equal(store.feeds().size, 0);
  });

  story('FEED_SIGNATURE: a changed, moved or foreign run is refused', async ({ store, remote }) => {
    const run = remote.run(['x', 'y']);
    const [x, y] = run.entries as [Uint8Array, Uint8Array];
    const changed = encodeEntry({ hlc: ZERO_STAMP, kind: 'note', body: 'other' });
    await refused('FEED_SIGNATURE', store.append({ runs: [{ ...run, entries: [changed, y] }] }));
    await refused('FEED_SIGNATURE', store.append({ runs: [{ ...run, entries: [y, x] }] }));
    await refused('FEED_SIGNATURE', store.append({ runs: [{ ...run, entries: [x] }] }));
    const elsewhere = feedName(parseCollection('receipts/B001'), remote.key.writer);
    await refused('FEED_SIGNATURE', store.append({ runs: [{ ...run, feed: elsewhere }] }));
    const stranger = new RemoteWriter(generateDeviceKey()).run(['x']);
    await refused('FEED_SIGNATURE', store.append({ runs: [stranger] }));
    equal(store.feeds().size, 0);
    await store.append({ runs: [run] });
  });

  story(
    'FEED_FORK: a second history that its writer signed is refused and named',
    async ({ store, remote }) => {
      const twin = new RemoteWriter(remote.key);
      await store.append({ runs: [remote.run(['x', 'y'])] });
      const other = twin.run(['x', 'Y', 'z']);
      const error = await refused('FEED_FORK', store.append({ runs: [other] }));
      equal(error.seq, 2);
      equal(error.feed, other.feed);
      const forged = { ...other, signature: remote.run(['q']).signature };
      await refused('FEED_SIGNATURE', store.append({ runs: [forged] }));
      equal(store.feeds().get(other.feed)?.head.seq, 2);
    },
  );

  story('FEED_ENTRY and FEED_NAME: what is no entry or no feed is refused', async ({ store, remote }) => {
    const bomb = Uint8Array.from([0x9a, 0x01, 0xff, 0xff, 0xff]);
    await refused('FEED_ENTRY', store.append({ runs: [remote.runOf([bomb])] }));
    const run = { ...remote.run(['x']), feed: '../etc/passwd' as FeedName };
    await refused('FEED_NAME', store.append({ runs: [run] }));
  });

  story('a commit is all or nothing: one bad run and none is kept', async ({ store, remote, key }) => {
    const good = remote.run(['x']);
    const bad = new RemoteWriter(key).run(['y']);
    const commit = { runs: [good, { ...bad, signature: good.signature }] };
    await refused('FEED_SIGNATURE', store.append(commit));
    equal(store.feeds().size, 0);
    await store.append({ runs: [good, bad] });
    equal(store.feeds().size, 2);
  });

  story('watchers are told after the commit can be read, in order, until they leave', async (scene) => {
    const { store, writer, feed } = scene;
    const seen: string[] = [];
    const leave = store.watch((appended) => {
      seen.push(`${appended.position}:${store.feeds().get(feed)?.head.seq}:${appended.local}`);
    });
    const first = await writer.commit([draft('a')]);
    const second = await writer.commit([draft('b')]);
    leave();
    leave();
    await writer.commit([draft('c')]);
    equal(seen.join(), `${first.position}:1:true,${second.position}:2:true`);
  });

  story(
    'replay gives every commit after a position, with who wrote it',
    async ({ store, writer, remote }) => {
      const first = await writer.commit([draft('a')]);
      await store.append({ runs: [remote.run(['x'])] });
      const third = await writer.commit([draft('b'), draft('c')]);
      const all = await collect(store.replay(0));
      equal(all.map((each) => each.local).join(), 'true,false,true');
      equal(all.at(-1)?.position, third.position);
      const rest = await collect(store.replay(first.position));
      equal(rest.length, 2);
      equal((await collect(store.replay(third.position))).length, 0);
    },
  );

  story('pruned entries are gone, their hash stays and the feed goes on', async ({ store, writer, feed }) => {
    await writer.commit([draft('a'), draft('b')]);
    await writer.commit([draft('c')]);
    await store.prune(feed, 2);
    await store.prune(feed, 1);
    equal(store.feeds().get(feed)?.base.seq, 1);
    await refused('FEED_PRUNED', store.read(feed, 1, 1000));
    equal(
      entriesOf(await mustRead(store, feed, 2, 1000))
        .map((entry) => entry.body)
        .join(),
      'b,c',
    );
    const replayed = (await collect(store.replay(0))).flatMap(({ runs }) => runs.flatMap(entriesOf));
    equal(replayed.map((entry) => entry.body).join(), 'b,c');
    await store.prune(feed, 99);
    equal(store.feeds().get(feed)?.base.seq, 3);
    await writer.commit([draft('d')]);
    equal((await mustRead(store, feed, 4, 1000)).entries.length, 1);
  });

  story('what comes again below the base is no gap and no fork', async ({ store, remote }) => {
    const first = remote.run(['x', 'y']);
    await store.append({ runs: [first] });
    await store.prune(first.feed, 2);
    await store.append({ runs: [first] });
    const more = remote.run(['z']);
    await store.append({ runs: [{ ...more, from: 1, entries: [...first.entries, ...more.entries] }] });
    equal(store.feeds().get(first.feed)?.head.seq, 3);
  });

  story('a feed goes on after an adopted head', async ({ store, remote }) => {
    const skipped = remote.run(['x', 'y']);
    const { head } = remote;
    await store.adopt(skipped.feed, head);
    equal(store.feeds().get(skipped.feed)?.base.seq, 2);
    await refused('FEED_PRUNED', store.read(skipped.feed, 1, 1000));
    await store.append({ runs: [remote.run(['z'])] });
    equal((await mustRead(store, skipped.feed, 3, 1000)).entries.length, 1);
    await store.adopt(skipped.feed, head);
    equal(store.feeds().get(skipped.feed)?.head.seq, 3);
    const twin = new RemoteWriter(remote.key);
    twin.run(['1', '2', '3']);
    await refused('FEED_FORK', store.adopt(skipped.feed, twin.head));
  });

  story(
    'FEED_LIMIT: more runs, entries or bytes than a commit may have',
    async ({ store, writer, remote }) => {
      await refused('FEED_LIMIT', writer.commit([]));
      await refused('FEED_LIMIT', store.append({ runs: [{ ...remote.run(['x']), entries: [] }] }));
      await refused('FEED_ENTRY', writer.commit([draft('x'.repeat(600_000))]));
      const many = Array.from({ length: 1025 }, () => remote.run(['x']));
      await refused('FEED_LIMIT', store.append({ runs: many }));
      await writer.commit([draft('a commit that was refused leaves no hole')]);
    },
  );

  story('STORE_CLOSED: a closed store does nothing more', async ({ store, writer, feed }) => {
    await store.close();
    await store.close();
    await refused('STORE_CLOSED', writer.commit([draft('a')]));
    await refused('STORE_CLOSED', store.read(feed, 1, 1));
  });

  story('STORE_POISONED: a watcher that throws stops the store', async ({ store, writer }) => {
    store.watch(() => {
      throw new Error('projection failed');
    });
    await writer.commit([draft('durable all the same')]);
    equal(((await store.failed) as FeedError).code, 'STORE_POISONED');
    await refused('STORE_POISONED', writer.commit([draft('b')]));
  });

  if (!durable) return;

  story(
    'everything is there after closing and opening again',
    async ({ store, writer, feed, remote, reopen }) => {
      await writer.commit([draft('a'), draft('b')]);
      const run = remote.run(['x']);
      await store.append({ runs: [run] });
      await store.prune(feed, 2);
      const before = [...store.feeds().values()].map(describe).sort().join();
      const { position } = store;
      const again = await reopen();
      equal([...again.feeds().values()].map(describe).sort().join(), before);
      equal(again.position, position);
      equal(
        entriesOf(await mustRead(again, feed, 2, 1000))
          .map((entry) => entry.body)
          .join(),
        'b',
      );
      equal((await collect(again.replay(0))).map((each) => each.local).join(), 'true,false');
      await again.append({ runs: [remote.run(['y'])] });
      equal(again.feeds().get(run.feed)?.head.seq, 2);
    },
  );
}

/** Another device: makes signed runs without a store. */
class RemoteWriter {
  readonly key: DeviceKey;
  readonly feed: FeedName;
  head: Head;
  #tick = 0n;

  constructor(key: DeviceKey) {
    this.key = key;
    this.feed = feedName(ORDERS, key.writer);
    this.head = firstHead(TENANT, this.feed, key.publicKey);
  }

  run(bodies: readonly string[]): Run {
    return this.runOf(
      bodies.map((body) => {
        this.#tick += 1n;
        return encodeEntry({ hlc: this.#tick as Stamp, kind: 'note', body });
      }),
    );
  }

  runOf(entries: readonly Uint8Array[]): Run {
    const from = this.head.seq + 1;
    this.head = headAfter(this.head, entries);
    return { feed: this.feed, from, entries, signature: this.key.sign(signedBytes(this.feed, this.head)) };
  }
}

function draft(body: string) {
  return { collection: ORDERS, kind: 'note', body };
}

function ticking(): () => Stamp {
  let tick = 0n;
  return () => {
    tick += 1n;
    return tick as Stamp;
  };
}

function watchAll(store: FeedStore): Appended[] {
  const seen: Appended[] = [];
  store.watch((appended) => seen.push(appended));
  return seen;
}

async function mustRead(store: FeedStore, feed: FeedName, from: number, bytes: number): Promise<Run> {
  const run = await store.read(feed, from, bytes);
  if (run === undefined) throw new Error(`nothing to read at ${from}`);
  return run;
}

async function collect(source: AsyncIterable<Appended>): Promise<Appended[]> {
  const all: Appended[] = [];
  for await (const each of source) all.push(each);
  return all;
}

async function refused(code: string, work: Promise<unknown>): Promise<FeedError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof FeedError && error.code === code) return error;
    throw error;
  }
  throw new Error(`expected ${code}, but it was accepted`);
}

function describe({ feed, head, base }: { feed: string; head: Head; base: Head }): string {
  return [feed, head.seq, hex(head.hash), base.seq, hex(base.hash)].join(' ');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${String(expected)}, got ${String(actual)}`);
}

function ok(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not so: ${what}`);
}
