/** S-10: everything LevelDB holds is compared with what the feeds add up to, and the first thing that was altered is named. */
import { Documents, loyaltyDoc, movePoints } from '@branchline/docs';
import { decodeEntry, FeedWriter } from '@branchline/feed';
import type { CustomerPut, OrderRequest } from '@branchline/model';
import { makeStamp } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RowLevel } from '../src/projections/rows.ts';
import { SHOWN_CHARS_MAX } from '../src/verify/row-difference.ts';
import { compareProjections } from '../src/verify/verify-projections.ts';
import { Chain, type Machine, TENANT } from './support/chain.ts';

const proof = suite('projections against the feeds');

const ann = '11111111-1111-7111-8111-111111111111';

const sale = (sku: string, customer?: string): OrderRequest =>
  ({
    lines: [{ sku, quantityMilli: 1000, unitPriceMinor: 50_000, discountMinor: 0, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 50_000 }],
    ...(customer === undefined ? {} : { customer: { id: customer } }),
    redeemPoints: 0,
  }) as unknown as OrderRequest;

const newLevel = (): RowLevel =>
  new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' }) as unknown as RowLevel;

const sell = (machine: Machine, sku: string, customer?: string) =>
  machine.services.orders.place(machine.request(sale(sku, customer)));

async function compared(machine: Machine, journalEnd = machine.store!.position) {
  return await compareProjections({
    journal: async function* (upTo) {
      for await (const appended of machine.store!.replay(0)) {
        if (appended.position <= upTo) {
          yield appended;
        }
      }
    },
    journalEnd,
    stored: machine.level as unknown as RowLevel,
    fresh: newLevel(),
    writer: machine.key.writer,
    clock: machine.chain.clock,
  });
}

/** Head office and two nodes of a shop that have sold, counted and edited, agreed, and stopped. */
async function traded(test: (shop: Machine, chain: Chain) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  const [a, b] = [await chain.machine('B001'), await chain.machine('B001')];
  await hq.start();
  await a.start({ peers: [`http://${hq.address}`, `http://${b.address}`] });
  await b.start({ peers: [`http://${hq.address}`] });
  const product = {
    sku: 'CHAIR',
    name: 'Chair',
    priceMinor: 50_000,
    vat: 'vat22',
    barcodes: ['4600000000001'],
  };
  await hq.node!.importCatalog([product as never, { ...product, sku: 'LAMP', barcodes: [] } as never]);
  await a.services.tills.add('T1', 'manager');
  await a.services.customers.put(ann as never, a.request({ name: 'Ann' } as CustomerPut));
  for (let round = 0; round < 4; round += 1) {
    await Promise.all([sell(a, 'CHAIR', ann), sell(a, 'LAMP'), sell(b, 'CHAIR', ann)]);
  }
  await a.services.stock.count(
    a.request({ reference: 'shelf', lines: [{ sku: 'LAMP', quantityMilli: 7000 }] } as never),
  );
  const orders = async (machine: Machine) =>
    (await machine.services.orders.list({ limit: 99 })).orders.length;
  await chain.until(async () => (await orders(a)) === 12 && (await orders(b)) === 12);
  await chain.until(
    async () =>
      (await a.services.products.get('CHAIR')) !== undefined &&
      (await a.services.stock.get('CHAIR'))?.onHandMilli === -8000,
  );
  await a.stop();
  try {
    await test(a, chain);
  } finally {
    await chain.close();
  }
}

const textOf = async (machine: Machine, prefix: string): Promise<[key: string, text: string]> => {
  for await (const row of machine.level.iterator({ gt: prefix, lt: `${prefix}\uffff`, limit: 1 })) {
    return row;
  }
  throw new Error(`no row ${prefix}`);
};

proof('what a node has stored is what its feeds add up to, own entries and those of others', () =>
  traded(async (shop) => {
    const { difference, position, journalEnd, rows, documents } = await compared(shop);
    assert.is(difference, undefined, JSON.stringify(difference));
    assert.is(position, journalEnd);
    assert.ok(rows > 12 * 3, String(rows));
    assert.ok(documents >= 3, String(documents));
  }),
);

const tampered: readonly [what: string, prefix: string, change: (text: string) => string, found: RegExp][] = [
  [
    'stock',
    's/B001/CHAIR',
    (text) => text.replace('"onHandMilli":-8000', '"onHandMilli":5000'),
    /^onHandMilli 5000$/,
  ],
  ['customer', 'c/', (text) => text.replace(/"balance":\d+/, '"balance":999999'), /^balance 999999$/],
  ['order', 'o/', (text) => text.replace('"totalMinor":50000', '"totalMinor":1'), /totalMinor 1$/],
  ['order', 'o/', () => '{', /^\{$/],
  ['product', 'p/LAMP', (text) => text.replace('50000', '1'), /^priceMinor 1$/],
  ['till', 'k/T1', (text) => text.replace('manager', 'admin'), /^role "admin"$/],
  ['stored answer', 'r/', (text) => `${text}x`.replace(/^\d+/, '200'), /^200 /],
  ['number series', 'a/series', (text) => text.replace(/\d+$/, '3'), / 3$/],
];

proof('G9: a row altered by hand is found, and named with what the feeds give', () =>
  traded(async (shop) => {
    for (const [what, prefix, change, found] of tampered) {
      const [key, before] = await textOf(shop, prefix.slice(0, -1));
      await shop.level.put(key, change(before));
      const { difference } = await compared(shop);
      assert.is(difference?.what, what, `${key}: ${JSON.stringify(difference)}`);
      assert.is(difference?.key, key);
      assert.match(difference?.found ?? '', found);
      assert.is.not(difference?.expected, difference?.found);
      assert.ok((difference?.found.length ?? 0) <= SHOWN_CHARS_MAX + 1);
      await shop.level.put(key, before);
    }
    assert.is((await compared(shop)).difference, undefined);
  }),
);

proof('G9: a row taken away and a row slipped in are found', () =>
  traded(async (shop) => {
    const [key, text] = await textOf(shop, 's/B001/CHAI');
    await shop.level.del(key);
    assert.equal((await compared(shop)).difference?.found, 'nothing');
    await shop.level.put(key, text);
    await shop.level.put('c/main/22222222-2222-7222-8222-222222222222', text);
    const { difference } = await compared(shop);
    assert.equal([difference?.what, difference?.expected], ['customer', 'nothing']);
  }),
);

proof('G9: a document is what the feeds hold of it, whatever its rows say', () =>
  traded(async (shop) => {
    const { level } = shop;
    const view = { valueEncoding: 'view' } as const;
    const [key] = await textOf(shop, 'dm/stock/B001/');
    const bytes = (await level.get<string, Uint8Array>(key, view))!;
    await level.del(key);
    assert.is((await compared(shop)).difference?.what, 'document');
    const other = bytes.slice();
    other[40]! ^= 1;
    await level.put<string, Uint8Array>(key, other, view);
    assert.is((await compared(shop)).difference?.what, 'change of a document');
    await level.del(key);
    // Said to be still to be applied, though the rows have it.
    await level.put<string, Uint8Array>(key.replace('dm/', 'dp/'), bytes, view);
    assert.ok((await compared(shop)).difference !== undefined);
    await level.put<string, Uint8Array>(key, bytes, view);
    await level.del(key.replace('dm/', 'dp/'));
    await level.put<string, Uint8Array>(key.replace('dm/', 'dp/').replace(/\.\d+$/, '.99'), bytes, view);
    assert.is((await compared(shop)).difference?.what, 'change to be applied');
  }),
);

proof('rows that lag behind the feeds are no difference; rows that know more than the feeds are', () =>
  traded(async (shop, chain) => {
    const behind = new Map<string, Uint8Array>();
    for await (const [key, value] of shop.level.iterator<string, Uint8Array>({ valueEncoding: 'view' })) {
      behind.set(key, value.slice());
    }
    await shop.start();
    await sell(shop, 'CHAIR', ann);
    await chain.running(shop.node!.close());
    shop.node = undefined;
    shop.loseRows();
    for (const [key, value] of behind) {
      await shop.level.put<string, Uint8Array>(key, value, { valueEncoding: 'view' });
    }
    const { difference, position, journalEnd } = await compared(shop);
    assert.is(difference, undefined, JSON.stringify(difference));
    assert.ok(position < journalEnd);
    const cut = await compared(shop, position - 1);
    assert.is(cut.difference?.what, 'journal');
  }),
);

proof('changes of others that wait to be applied are compared as waiting', () =>
  traded(async (shop, chain) => {
    const hq = await chain.machine('B001');
    await hq.start();
    await sell(hq, 'CHAIR');
    await hq.stop();
    const feed = `stock/B001/${hq.key.writer}` as never;
    await shop.learnRegistry(chain.authorityStore, chain.authorityRegistry);
    await shop.store!.append({ runs: [(await hq.store!.read(feed, 1, 1_000_000))!] });
    // Opened and dropped before anything was applied: the change stands under dp/.
    await shop.start();
    await shop.crash();
    await textOf(shop, 'dp/stock/B001/');
    const { difference } = await compared(shop);
    assert.is(difference, undefined, JSON.stringify(difference));
  }),
);

proof('a balance another device wrote against its own business entries is named, with the device', () =>
  traded(async (shop, chain) => {
    assert.is((await compared(shop)).balances.inPart, 0);
    const liar = await chain.machine('B001');
    await shop.learnRegistry(chain.authorityStore, chain.authorityRegistry);
    const { writer } = liar.key;
    const { clock } = chain;
    const doc = loyaltyDoc('main', ann);
    const documents = new Documents({ clock, source: { load: async () => ({ changes: [] }) } });
    const made = await documents.change(doc, writer, [movePoints(ann, 'earned', 18)], {
      timeMs: clock.nowMs(),
    });
    let counter = 0;
    const now = () => makeStamp(clock.nowMs(), counter++);
    const feeds = await FeedWriter.open({ store: liar.store!, key: liar.key, tenant: TENANT, now });
    const [sold] = (await shop.store!.read(`orders/B001/${shop.key.writer}` as never, 1, 1_000_000))!.entries;
    const { body } = decodeEntry(`orders/B001/${shop.key.writer}` as never, 1, sold!);
    const order = {
      ...(body as object),
      id: '019a0000-0000-7000-8000-000000000001',
      number: 'B001c-000001',
      lines: [],
      customer: { id: ann },
      loyalty: { earned: 9, redeemed: 0 },
    };
    await feeds.commit([
      { collection: 'orders/B001' as never, kind: 'order', body: order },
      { collection: 'loyalty/main' as never, kind: 'change', body: { doc, change: made!.bytes } },
    ]);
    for (const feed of [`orders/B001/${writer}`, `loyalty/main/${writer}`]) {
      await shop.store!.append({ runs: [(await liar.store!.read(feed as never, 1, 1_000_000))!] });
    }
    await shop.start();
    await chain.until(
      async () => ((await shop.services.customers.get(ann as never))?.points.balance ?? 0) > 0,
    );
    await shop.stop();
    assert.equal((await compared(shop)).difference, {
      what: 'balance',
      key: `loyalty ${ann}`,
      expected: `earned 9 by ${writer}`,
      found: `earned 18 by ${writer}`,
    });
  }),
);

proof('a snapshot stands for the changes it holds; a damaged one is found', () =>
  traded(async (shop, chain) => {
    await shop.start();
    const has = async () => (await shop.level.get('ds/stock/B001/2026-11')) !== undefined;
    for (let round = 0; round < 40 && !(await has()); round += 1) {
      const lines = Array.from({ length: 100 }, (_, at) => ({ sku: `SKU-${round}-${at}`, quantityMilli: 1 }));
      await shop.services.stock.receive(shop.request({ lines } as never));
      await chain.pass(500, 250);
    }
    await shop.stop();
    assert.ok(await has());
    const { difference } = await compared(shop);
    assert.is(difference, undefined, JSON.stringify(difference));
    const view = { valueEncoding: 'view' } as const;
    const snapshot = (await shop.level.get<string, Uint8Array>('ds/stock/B001/2026-11', view))!.slice();
    snapshot[snapshot.length >> 1]! ^= 1;
    await shop.level.put<string, Uint8Array>('ds/stock/B001/2026-11', snapshot, view);
    assert.equal((await compared(shop)).difference?.key, 'stock/B001/2026-11');
  }),
);

proof.run();
