/** Two nodes and head office, no relay: what one sells the others see, and they agree afterwards. */
import type { OrderRequest, ProblemError, ProductPut } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CatalogRow } from '../src/use-cases/import-catalog.ts';
import { Chain, type Machine } from './support/chain.ts';

const peers = suite('two nodes');

const one = (sku: string): OrderRequest =>
  ({
    lines: [{ sku, quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 500 }],
    redeemPoints: 0,
  }) as unknown as OrderRequest;

const addressOf = (machine: Machine): string => `http://${machine.address}`;
const sell = (machine: Machine, sku = 'CHAIR') => machine.services.orders.place(machine.request(one(sku)));
const onHand = async (machine: Machine, sku = 'CHAIR') =>
  (await machine.services.stock.get(sku))?.onHandMilli;
const orderCount = async (machine: Machine) =>
  (await machine.services.orders.list({ limit: 200 })).orders.length;

const catalog = (count: number): CatalogRow[] =>
  Array.from({ length: count }, (_, index) => ({
    sku: `SKU-${index}`,
    name: `Product ${index}`,
    priceMinor: 1000 + index,
    vat: 'vat22',
    barcodes: [`46000000${String(index).padStart(5, '0')}`],
  })) as unknown as CatalogRow[];

async function pair(test: (a: Machine, b: Machine, chain: Chain) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const a = await chain.machine('B001');
  const b = await chain.machine('B001');
  await a.start();
  await b.start({ peers: [addressOf(a)] });
  try {
    await test(a, b, chain);
  } finally {
    await chain.close();
  }
}

peers('G3: of one branch replicate to each other and hold equal orders, stock and document heads', () =>
  pair(async (a, b, chain) => {
    await Promise.all([sell(a), sell(a), sell(b), sell(b), sell(b)]);
    await chain.until(async () => (await orderCount(a)) === 5 && (await orderCount(b)) === 5);
    await chain.until(async () => (await onHand(a)) === -5000 && (await onHand(b)) === -5000);
    const document = 'stock/B001/2026-11';
    assert.equal(await a.node!.heads(document), await b.node!.heads(document));
    assert.equal(
      (await a.services.orders.list({ limit: 9 })).orders,
      (await b.services.orders.list({ limit: 9 })).orders,
    );
  }),
);

peers('G3: sell through an outage and agree afterwards', () =>
  pair(async (a, b, chain) => {
    await chain.until(() => a.services.sync.status().peers[0]?.cause === 'level');
    chain.network.partition(a.address, b.address);
    chain.network.partition(b.address, a.address);
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([sell(a), sell(b), sell(b)]);
      await chain.pass(1000, 250);
    }
    assert.is(await onHand(a), -10_000);
    assert.is(await onHand(b), -20_000);
    chain.network.heal();
    await chain.until(async () => (await onHand(a)) === -30_000 && (await onHand(b)) === -30_000);
    assert.equal(await a.node!.heads('stock/B001/2026-11'), await b.node!.heads('stock/B001/2026-11'));
    await chain.until(() => b.services.sync.status().unsentEntries === 0);
  }),
);

peers('G8: a sale waits for nobody while a peer hangs', () =>
  pair(async (a, b, chain) => {
    await chain.until(() => b.services.sync.status().peers[0]?.state === 'connected');
    chain.network.vanish(a.address);
    // The clock stands still: whatever waited for the peer would wait for ever.
    const { body } = await sell(b);
    assert.is(body.number, 'B001b-000001');
    assert.ok(b.services.sync.status().unsentEntries > 0);
  }),
);

peers('what is written while the peer is away shows: how much, since when, and when it was last heard', () =>
  pair(async (a, b, chain) => {
    const status = () => b.services.sync.status();
    await sell(b);
    await chain.until(() => status().unsentEntries === 0 && status().peers[0]?.cause === 'level');
    assert.is(status().oldestUnsentAgeMs, undefined);
    const heardMs = chain.clock.nowMs();
    chain.network.partition(a.address, b.address);
    await chain.until(() => status().peers[0]?.state !== 'connected');
    const lostMs = chain.clock.nowMs();
    await sell(b);
    assert.is(status().oldestUnsentAgeMs, 0, 'known at once, not at the next round of housekeeping');
    await chain.pass(7_000, 500);
    await sell(b);
    const { oldestUnsentAgeMs, unsentEntries, peers: seen } = status();
    assert.is(oldestUnsentAgeMs, 7_000);
    assert.is(unsentEntries, 4, 'two orders and their stock');
    assert.is(seen[0]?.missingThere, 4);
    const orders = seen[0]?.feeds.find(({ feed }) => feed.startsWith('orders/'));
    assert.equal([orders?.here, orders?.there, orders?.missingThere], [3, 1, 2]);
    assert.equal([orders?.behindSeconds, seen[0]?.behindSeconds], [7, 7], 'S-9: lag in seconds, per feed');
    const lastMs = Date.parse(seen[0]!.lastContactAt!);
    assert.ok(lastMs >= heardMs && lastMs <= lostMs, seen[0]!.lastContactAt);
    await b.stop();
    await b.start({ peers: [addressOf(a)] });
    assert.ok(status().oldestUnsentAgeMs! >= 7_000, 'a restart forgets neither the age');
    assert.is(status().peers[0]?.missingThere, 4, 'nor how much');
  }),
);

peers('G1: crash of one, the other goes on, and the first catches up', () =>
  pair(async (a, b, chain) => {
    await Promise.all([sell(a), sell(b)]);
    await chain.until(async () => (await orderCount(b)) === 2);
    await a.crash();
    await Promise.all([sell(b), sell(b)]);
    await a.start();
    await sell(a);
    await chain.until(async () => (await orderCount(a)) === 5 && (await orderCount(b)) === 5);
    await chain.until(async () => (await onHand(a)) === -5000 && (await onHand(b)) === -5000);
    assert.equal(await a.node!.heads('stock/B001/2026-11'), await b.node!.heads('stock/B001/2026-11'));
  }),
);

peers('who dial each other keep one connection', async () => {
  const chain = await Chain.open();
  const a = await chain.machine('B001');
  const b = await chain.machine('B001');
  await a.start({ peers: [addressOf(b)] });
  await b.start({ peers: [addressOf(a)] });
  await sell(a);
  await chain.until(async () => (await orderCount(b)) === 1);
  await chain.pass(120_000, 500);
  for (const machine of [a, b]) {
    const { peers: seen } = machine.services.sync.status();
    assert.is(seen.length, 1);
    assert.is(seen[0]!.state, 'connected', JSON.stringify(seen));
  }
  await sell(b);
  await chain.until(async () => (await orderCount(a)) === 2);
  await chain.close();
});

peers('head office’s catalog reaches a branch, which sells at its prices; a later change too', async () => {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  const shop = await chain.machine('B001');
  await hq.start();
  await shop.start({ peers: [addressOf(hq)] });
  assert.equal(await hq.node!.importCatalog(catalog(500)), { rows: 500, created: 500 });
  assert.equal(await hq.node!.importCatalog(catalog(500)), { rows: 500, created: 0 });
  await chain.until(() => shop.services.products.count === 500);
  const { products, orders } = shop.services;
  assert.is(products.search({ barcode: '4600000000007', limit: 5 })[0]?.sku as string, 'SKU-7');
  assert.is(products.search({ q: 'prod 123', limit: 5 })[0]?.sku as string, 'SKU-123');
  const line = { sku: 'SKU-7', quantityMilli: 1500, discountMinor: 0 };
  const sold = await orders.place(
    shop.request({
      lines: [line],
      payments: [{ kind: 'cash', amountMinor: 2000 }],
      redeemPoints: 0,
    } as never),
  );
  assert.is(sold.body.totalMinor, 1511);
  assert.is(sold.body.lines[0]?.name, 'Product 7');
  await hq.services.products.put('SKU-7', hq.request({ priceMinor: 5 } as ProductPut));
  await chain.until(() => products.get('SKU-7')?.priceMinor === 5);
  await chain.until(async () => (await orderCount(hq)) === 1);
  await chain.until(async () => (await hq.services.stock.get('SKU-7', 'B001'))?.onHandMilli === -1500);

  // A restart reads rows; no document is loaded to sell at the right price.
  await shop.stop();
  await shop.start();
  assert.is(shop.services.products.get('SKU-7')?.priceMinor, 5);
  await chain.close();
});

peers('an import with a faulty row writes nothing', async () => {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  await hq.start();
  const rows = [...catalog(3), { sku: 'BAD', name: 'No price' } as CatalogRow];
  const code = await hq.node!.importCatalog(rows).then(
    () => 'imported',
    (error: Error & { code: string }) => `${error.code} ${error.message}`,
  );
  assert.match(code, /NODE_IMPORT.*row 4 \(BAD\)/);
  assert.is(hq.services.products.count, 0);
  await chain.close();
});

peers('mode offline neither dials nor is dialled; sync_on_demand only while asked', async () => {
  const chain = await Chain.open();
  const a = await chain.machine('B001');
  const b = await chain.machine('B001');
  const offline = await chain.machine('B001');
  await a.start();
  await b.start({ peers: [addressOf(a)], mode: 'sync_on_demand' });
  await offline.start({ peers: [addressOf(a)], mode: 'offline' });
  await Promise.all([sell(a), sell(b), sell(offline)]);
  await chain.pass(60_000, 500);
  assert.is(await orderCount(a), 1);
  const code = await offline.services.sync.now().catch((error: ProblemError) => error.code);
  assert.is(code, 'SYNC_OFFLINE');

  let answer: unknown;
  void b.services.sync.now().then((now) => {
    answer = now;
  });
  await chain.until(() => answer !== undefined);
  assert.equal(answer, { peers: [{ peer: addressOf(a), ok: true, cause: 'level' }] });
  assert.is(await orderCount(a), 2);
  await sell(a);
  await chain.pass(60_000, 500);
  assert.is(await orderCount(b), 2);
  assert.is(b.services.sync.status().peers[0]?.state, 'off');
  assert.is(await orderCount(offline), 1);
  await chain.close();
});

peers(
  'a peer that refused this device and admits it later: the alarm ends by itself, with an event',
  async () => {
    const chain = await Chain.open();
    const a = await chain.machine('B001');
    await a.start();
    const learn = a.learnRegistry;
    // The first node does not hear of the second at once.
    a.learnRegistry = async () => {};
    const b = await chain.machine('B001');
    await b.start({ peers: [addressOf(a)] });
    const codes = () => b.services.sync.status().alarms.map(({ code }) => code);
    const told: string[] = [];
    b.services.events.subscribe(undefined, ({ type, data }) => told.push(`${type} ${JSON.stringify(data)}`));
    await chain.until(() => codes().includes('PEER_UNKNOWN'));
    await learn.call(a, chain.authorityStore, chain.authorityRegistry);
    await chain.until(() => b.services.sync.status().peers[0]?.cause === 'level');
    assert.equal(codes(), []);
    assert.match(told.find((words) => words.startsWith('alarm.cleared'))!, /PEER_UNKNOWN/);
    await chain.close();
  },
);

peers(
  'G8, G11: a revoked device is refused by its peers, sells on for itself, and says that nobody will know',
  () =>
    pair(async (a, b, chain) => {
      await chain.until(() => b.services.sync.status().peers[0]?.state === 'connected');
      await chain.revoke(b);
      await a.learnRegistry(chain.authorityStore, chain.authorityRegistry);
      await chain.until(() => b.services.sync.status().alarms.some((alarm) => alarm.code === 'PEER_REVOKED'));
      assert.match(b.services.sync.status().peers[0]!.cause, /revoked/);
      // A peer's word alone is no proof; the registry is, and the peer hands it over before it hangs up.
      await chain.until(() =>
        b.services.sync.status().alarms.some((alarm) => alarm.code === 'DEVICE_REVOKED'),
      );
      await sell(b);
      await chain.pass(5000, 250);
      assert.is(await orderCount(a), 0);
      assert.match(b.services.sync.status().allowedNow[0]!, /revoked by head office/);
    }),
);

peers.run();
