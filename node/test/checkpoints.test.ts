/** Checkpoints: a branch that lacks much gets documents instead of their history, and is level afterwards. */
import { deflateRawSync } from 'node:zlib';
import { shardDocs } from '@branchline/docs';
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
import type { CustomerPut, OrderRequest, ProductPut } from '@branchline/model';
import { HybridClock, makeStamp } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Alarms } from '../src/alarms.ts';
import { CheckpointIntake } from '../src/checkpoints/checkpoint-intake.ts';
import { CHECKPOINT_EVERY_MS } from '../src/checkpoints/checkpoint-maker.ts';
import { appliedHeads } from '../src/checkpoints/checkpoint-vector.ts';
import { EventLog } from '../src/event-log.ts';
import { Failure } from '../src/failure.ts';
import type { RowLevel } from '../src/projections/rows.ts';
import { openReadModels } from '../src/read-models.ts';
import type { CatalogRow } from '../src/use-cases/import-catalog.ts';
import { compareProjections } from '../src/verify/verify-projections.ts';
import { Chain, type Machine, TENANT } from './support/chain.ts';

const PRODUCTS = 200;
const EDITS = 2_000;

const checkpoints = suite('checkpoints');

const addressOf = (machine: Machine): string => `http://${machine.address}`;
const priceOf = (machine: Machine, index: number) =>
  machine.services.products.get(`SKU-${index}`)?.priceMinor;

const catalog = (count: number): CatalogRow[] =>
  Array.from({ length: count }, (_, index) => ({
    sku: `SKU-${index}`,
    name: `Product ${index}`,
    priceMinor: 1000 + index,
    vat: 'vat22',
  })) as unknown as CatalogRow[];

/** One after another, as head office would over months. */
async function editPrices(hq: Machine, count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const put = hq.request({ priceMinor: 5000 + at + n } as ProductPut);
        return hq.services.products.put(`SKU-${(at + n) % PRODUCTS}`, put);
      }),
    );
  }
}

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

async function catalogHeads(machine: Machine): Promise<string[][]> {
  return Promise.all(shardDocs('catalog').map((doc) => machine.node!.heads(doc)));
}

function headsOf(machine: Machine, collection: string): string {
  return [...machine.store!.feeds().values()]
    .filter(({ feed }) => feed.startsWith(`${collection}/`))
    .map(({ feed, head }) => `${feed} ${head.seq}`)
    .sort()
    .join();
}

async function isLevel(machine: Machine, hq: Machine): Promise<boolean> {
  return (
    headsOf(machine, 'catalog') === headsOf(hq, 'catalog') &&
    priceOf(machine, PRODUCTS - 1) === priceOf(hq, PRODUCTS - 1)
  );
}

interface Scene {
  readonly chain: Chain;
  readonly hq: Machine;
}

/** Head office after many price edits, with a checkpoint made of them. */
async function headOffice(edits = 800): Promise<Scene> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq', checkpoints: true });
  await hq.start();
  await hq.node!.importCatalog(catalog(PRODUCTS));
  await editPrices(hq, edits);
  await chain.until(() => hq.shelf!.marks().length > 0, 3 * CHECKPOINT_EVERY_MS);
  return { chain, hq };
}

checkpoints('a new branch after 2,000 price edits gets one, in fewer bytes than the entries', async () => {
  const { chain, hq } = await headOffice(EDITS);
  await editPrices(hq, 20, EDITS);
  const poor = await chain.machine('B001');
  const rich = await chain.machine('B002', { checkpoints: true });
  for (const machine of [poor, rich]) {
    await machine.start({ peers: [addressOf(hq)] });
    await chain.until(() => isLevel(machine, hq), 120_000);
    await machine.node!.settle();
  }
  assert.is(poor.shelf, undefined);
  assert.is(rich.shelf!.marks().length, 1);
  assert.ok(rich.bytesIn < poor.bytesIn / 2, `${rich.bytesIn} bytes instead of ${poor.bytesIn}`);
  assert.equal(await catalogHeads(rich), await catalogHeads(hq));
  assert.equal(await catalogHeads(poor), await catalogHeads(hq));
  for (let index = 0; index < PRODUCTS; index++) {
    assert.equal(rich.services.products.get(`SKU-${index}`), hq.services.products.get(`SKU-${index}`));
  }
  assert.is(rich.services.products.count, PRODUCTS);

  // What it took is what it goes on from: after a restart, after its rows were lost, and for a branch that asks it.
  await rich.stop();
  rich.loseRows();
  await rich.start({ peers: [addressOf(hq)] });
  assert.equal(await catalogHeads(rich), await catalogHeads(hq));
  assert.is(priceOf(rich, 7), priceOf(hq, 7));
  await hq.stop();
  const third = await chain.machine('B002', { checkpoints: true });
  await third.start({ peers: [addressOf(rich)] });
  await chain.until(() => isLevel(third, rich), 120_000);
  assert.equal(await catalogHeads(third), await catalogHeads(rich));
  await chain.close();
});

checkpoints('a branch far behind takes one and loses nothing of its own that nobody has seen', async () => {
  const { chain, hq } = await headOffice();
  const shop = await chain.machine('B001', { checkpoints: true });
  const other = await chain.machine('B001');
  await other.start();
  await shop.start({ peers: [addressOf(hq)] });
  await chain.until(() => isLevel(shop, hq), 120_000);
  await shop.stop();
  // Months of customers written by another shop of the region reach head office, which makes a checkpoint of them.
  for (let n = 0; n < 1_500; n += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        other.services.customers.put(
          customer(n + at),
          other.request({ name: `Customer ${n + at}` } as CustomerPut),
        ),
      ),
    );
  }
  await other.stop();
  await other.start({ peers: [addressOf(hq)] });
  const shelved = (): string[] => hq.shelf!.marks().map(({ collection }) => collection);
  await chain.until(() => shelved().includes('loyalty/main'), 5 * CHECKPOINT_EVERY_MS);

  // Offline, the shop changes what others changed as well, and sells.
  await shop.start();
  await shop.services.customers.put(customer(3), shop.request({ phone: '+79990000003' } as CustomerPut));
  await shop.services.orders.place(shop.request(sale));
  await shop.stop();
  await shop.start({ peers: [addressOf(hq)] });
  const taken = (): string[] => shop.shelf!.marks().map(({ collection }) => collection);
  await chain.until(() => taken().includes('loyalty/main'), 120_000);
  await chain.until(async () => (await shop.services.customers.get(customer(3)))?.name === 'Customer 3');
  await chain.until(async () => (await hq.services.orders.list({ limit: 9 })).orders.length === 1);
  const own = shop.store!.feeds().get(`loyalty/main/${shop.key.writer}` as FeedName)!;
  assert.is(own.base.seq, 0, 'its own entries are all there');
  await chain.until(() => headsOf(shop, 'loyalty/main') === headsOf(hq, 'loyalty/main'));
  for (const machine of [shop, hq]) {
    await machine.node!.settle();
  }
  for (const doc of shardDocs('loyalty/main')) {
    assert.equal(await shop.node!.heads(doc), await hq.node!.heads(doc), doc);
  }
  assert.is((await shop.services.customers.get(customer(3)))?.phone, '+79990000003');
  assert.equal((await shop.services.customers.search({ q: 'customer 14', limit: 500 })).length, 111);

  const position = shop.store!.position;
  await shop.stop();
  const { difference } = await compareProjections({
    journal: () => shop.store!.replay(0),
    journalEnd: position,
    stored: shop.level as unknown as RowLevel,
    fresh: new MemoryLevel<string, string>() as unknown as RowLevel,
    writer: shop.key.writer,
    clock: chain.clock,
    checkpoints: shop.shelf,
  });
  assert.is(difference, undefined);
  await chain.close();
});

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
      await chain.until(() => isLevel(shop, hq), 120_000);
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
    await chain.until(() => isLevel(shop, hq), 120_000);
    assert.ok(shop.services.sync.status().alarms.some(({ code }) => code === 'CHECKPOINT_REFUSED'));
    assert.equal(shop.shelf!.marks(), []);
    assert.is(shop.store!.feeds().get(`catalog/${hq.key.writer}` as FeedName)?.base.seq, 0);
    await chain.close();
  },
);

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

function customer(n: number): string {
  return `11111111-1111-7111-8111-${String(n).padStart(12, '0')}`;
}

/** A document chunk with one deflated operation column. */
function documentOf(packed: Uint8Array): Uint8Array {
  const uleb = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) | 128, ...uleb(Math.floor(value / 128))];
  const contents = [0, 0, 0, 1, ...uleb(0x57 | 8), ...uleb(packed.length), ...packed];
  return new Uint8Array([0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 0, ...uleb(contents.length), ...contents]);
}

checkpoints.run();
