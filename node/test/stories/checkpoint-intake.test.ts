/** Taking a checkpoint over when something goes wrong: crashes, bombs, lost files, changes out of order. */
import { deflateRawSync } from 'node:zlib';
import {
  type CheckpointDoc,
  type Collection,
  encodeEntry,
  type FeedName,
  type FeedStore,
  type Head,
  headAfter,
  signCheckpoint,
  type WriterId,
} from '@branchline/feed';
import { HybridClock, makeStamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Alarms } from '../../src/alarms.ts';
import { CheckpointIntake } from '../../src/checkpoints/checkpoint-intake.ts';
import { CHECKPOINT_EVERY_MS } from '../../src/checkpoints/checkpoint-maker.ts';
import { appliedHeads } from '../../src/checkpoints/checkpoint-vector.ts';
import { idlePause, YIELD_WITHIN_MS } from '../../src/checkpoints/idle-pause.ts';
import type { NodeError } from '../../src/errors.ts';
import { EventLog } from '../../src/event-log.ts';
import { Failure } from '../../src/failure.ts';
import { openReadModels } from '../../src/read-models.ts';
import { Chain, type Machine, TENANT } from '../support/chain.ts';
import {
  addressOf,
  catalog,
  catalogHeads,
  headOffice,
  isLevel,
  PRODUCTS,
  priceOf,
  sale,
} from '../support/head-office.ts';

const checkpoints = suite('checkpoints that go wrong');

/** The parts of a node that is not running, with an intake that fails at the `powerCut`th slice. */
async function intakeOf(machine: Machine, powerCut = Number.POSITIVE_INFINITY): Promise<CheckpointIntake> {
  const ports = machine.ports();
  const { grant } = machine.registry!.member(machine.key.writer)!;
  const failure = new Failure();
  const alarms = new Alarms({ nowMs: () => 0, onRaised: () => undefined });
  const hlc = await HybridClock.open({ clock: ports.clock, bound: ports.clockBound });
  const models = await openReadModels({ ports, grant, hlc, events: new EventLog(0), alarms, failure });
  let slices = 0;
  const pause = async (): Promise<void> => {
    slices += 1;
    if (slices === powerCut) {
      throw new Error('power cut');
    }
  };
  return new CheckpointIntake({
    ...models,
    shelf: machine.shelf!,
    store: machine.store!,
    writer: machine.key.writer,
    pause,
  });
}

checkpoints(
  'a crash in the middle of a takeover leaves the old state, or is finished by the next start',
  async () => {
    const { chain, hq } = await headOffice();
    const [mark] = hq.shelf!.marks();
    const checkpoint = (await hq.shelf!.load(mark!.collection, mark!.id))!;
    const { length } = checkpoint.docs;
    for (const slice of [1, length, length + 1, length + 2, 2 * length]) {
      const shop = await chain.machine('B001', { checkpoints: true });
      await shop.start();
      await shop.services.orders.place(shop.request(sale));
      await shop.stop();
      await shop.openShelf();
      const intake = await intakeOf(shop, slice);
      await intake.apply(checkpoint).catch(() => undefined);
      await shop.crash();
      await shop.start();
      const isNew = slice > length;
      assert.is(shop.services.products.count, isNew ? PRODUCTS : 0, `slice ${slice} of ${length}`);
      assert.is((await shop.services.orders.list({ limit: 9 })).orders.length, 1);
      const feed = `catalog/${hq.key.writer}` as FeedName;
      const adopted = isNew ? checkpoint.vector.get(feed)!.seq : undefined;
      assert.is(shop.store!.feeds().get(feed)?.base.seq, adopted);
      await shop.stop();
      await shop.start({ peers: [addressOf(hq)] });
      await chain.until(() => isLevel(shop, hq));
      await shop.node!.settle();
      assert.equal(await catalogHeads(shop), await catalogHeads(hq));
      assert.is(priceOf(shop, 150), priceOf(hq, 150));
      await shop.stop();
    }
    await chain.close();
  },
);

checkpoints(
  'one with a bomb, damage or foreign documents is refused with a code and changes nothing',
  async () => {
    const { chain, hq } = await headOffice();
    const shop = await chain.machine('B001', { checkpoints: true });
    await shop.openShelf();
    const intake = await intakeOf(shop);
    const [mark] = hq.shelf!.marks();
    const good = (await hq.shelf!.load(mark!.collection, mark!.id))!;
    const [first, ...rest] = good.docs;
    const bomb = documentOf(deflateRawSync(new Uint8Array(100_000_000), { level: 9 }));
    const wrong: [string, CheckpointDoc[]][] = [
      ['DOC_BOMB', [...rest, { doc: first!.doc, bytes: bomb }]],
      ['DOC_SNAPSHOT', [...rest, { doc: first!.doc, bytes: first!.bytes.slice(0, -7) }]],
      ['DOC_NAME', [...rest, { doc: 'stock/B001/2026-11', bytes: first!.bytes }]],
      ['DOC_NAME', [...good.docs, first!]],
      ['DOC_NAME', [...rest, { doc: 'nonsense', bytes: first!.bytes }]],
    ];
    for (const [code, docs] of wrong) {
      const refused = await intake
        .apply({ ...good, docs })
        .catch((error: Error & { code: string }) => `${error.code} ${error.message}`);
      assert.match(refused as string, new RegExp(`CHECKPOINT_INVALID.*${code}`));
      assert.equal(shop.shelf!.marks(), []);
    }

    // Signed by head office and still no good: the peer is told, raises an alarm, and gets the entries next time.
    const forged = signCheckpoint(hq.key, TENANT, { ...good, id: `z${good.id}`, docs: wrong[0]![1] });
    hq.shelf!.offer = async () => ({ ...forged, bytes: 1 });
    hq.shelf!.load = async () => forged;
    await shop.start({ peers: [addressOf(hq)] });
    await chain.until(() => isLevel(shop, hq));
    assert.ok(shop.services.sync.status().alarms.some(({ code }) => code === 'CHECKPOINT_REFUSED'));
    assert.equal(shop.shelf!.marks(), []);
    assert.is(shop.store!.feeds().get(`catalog/${hq.key.writer}` as FeedName)?.base.seq, 0);
    await chain.close();
  },
);

checkpoints(
  'rows lost together with the checkpoint they began with: the node says so instead of selling',
  async () => {
    const { chain, hq } = await headOffice();
    const shop = await chain.machine('B001', { checkpoints: true });
    await shop.start({ peers: [addressOf(hq)] });
    await chain.until(() => isLevel(shop, hq));
    await shop.stop();
    await shop.loseShelf();
    await shop.start();
    assert.is(priceOf(shop, 7), priceOf(hq, 7), 'rows are enough to sell');
    await shop.stop();
    shop.loseRows();
    const code = await shop.start().then(
      () => 'started',
      (error: NodeError) => `${error.code} ${error.message}`,
    );
    assert.match(code, /NODE_DATA.*catalog/);
    await chain.close();
  },
);

checkpoints('a tail that is short makes none; a busy till goes first, though not for ever', async () => {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq', checkpoints: true });
  await hq.start();
  await hq.node!.importCatalog(catalog(20));
  await chain.pass(2 * CHECKPOINT_EVERY_MS, 1_000);
  assert.equal(hq.shelf!.marks(), []);
  await chain.close();
  const { clock } = chain;
  let isBusy = true;
  const pause = idlePause(clock, () => isBusy);
  const startedMs = clock.monotonicMs();
  await chain.running(pause());
  assert.ok(clock.monotonicMs() - startedMs >= YIELD_WITHIN_MS);
  isBusy = false;
  await pause();
});

checkpoints(
  'a change that waits for its predecessors is in no checkpoint, and the vector says so',
  async () => {
    const feed = 'loyalty/main/aaaaaaaaaaaaaaaa' as FeedName;
    const change = (n: number): Uint8Array =>
      encodeEntry({ hlc: makeStamp(n, 0), kind: 'change', body: { doc: 'd', change: Uint8Array.of(n) } });
    const entries = [1, 2, 3, 4].map(change);
    const zero = { seq: 0, hash: new Uint8Array(32) };
    const head = headAfter(zero, entries);
    const store = {
      feeds: () => new Map([[feed, { feed, head, base: zero }]]),
      read: async (_: FeedName, from: number) => ({
        feed,
        from,
        entries: entries.slice(from - 1),
        signature: zero.hash,
      }),
    } as unknown as FeedStore;
    const capped = (n: number, known = new Map<FeedName, Head>()) =>
      appliedHeads({
        store,
        collection: 'loyalty/main' as Collection,
        heads: new Map([[feed, head]]),
        known,
        unapplied: [{ writer: 'aaaaaaaaaaaaaaaa' as WriterId, doc: 'd', bytes: Uint8Array.of(n) }],
      });
    const before = headAfter(zero, entries.slice(0, 2));
    assert.equal((await capped(3)).get(feed), before);
    assert.equal((await capped(3, new Map([[feed, before]]))).get(feed), before);
    assert.is((await capped(1)).size, 0, 'nothing of the feed is claimed');
  },
);

/** A document chunk with one deflated operation column. */
function documentOf(packed: Uint8Array): Uint8Array {
  const uleb = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) | 128, ...uleb(Math.floor(value / 128))];
  const contents = [0, 0, 0, 1, ...uleb(0x57 | 8), ...uleb(packed.length), ...packed];
  return new Uint8Array([0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 0, ...uleb(contents.length), ...contents]);
}

checkpoints.run();
