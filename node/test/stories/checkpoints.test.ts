/** Checkpoints: a branch that lacks much gets documents instead of their history, and is level afterwards. */
import { shardDocs } from '@branchline/docs';
import type { FeedName } from '@branchline/feed';
import type { CustomerPut } from '@branchline/model';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RowLevel } from '../../src/projections/rows.ts';
import { compareProjections } from '../../src/verify/verify-projections.ts';
import {
  addressOf,
  catalogHeads,
  editPrices,
  headOffice,
  headsOf,
  isLevel,
  PRODUCTS,
  priceOf,
  sale,
} from '../support/head-office.ts';

const EDITS = 2_000;
const checkpoints = suite('checkpoints');

checkpoints('a new branch after 2,000 price edits gets one, in fewer bytes than the entries', async () => {
  const { chain, hq } = await headOffice(EDITS);
  await editPrices(hq, 20, EDITS);
  const poor = await chain.machine('B001');
  const rich = await chain.machine('B002', { checkpoints: true });
  for (const machine of [poor, rich]) {
    await machine.start({ peers: [addressOf(hq)] });
    await chain.until(() => isLevel(machine, hq));
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
  await chain.until(() => isLevel(third, rich));
  assert.equal(await catalogHeads(third), await catalogHeads(rich));
  await chain.close();
});

checkpoints('a branch far behind takes one and loses nothing of its own that nobody has seen', async () => {
  const { chain, hq } = await headOffice();
  const shop = await chain.machine('B001', { checkpoints: true });
  const other = await chain.machine('B001');
  await other.start();
  await shop.start({ peers: [addressOf(hq)] });
  await chain.until(() => isLevel(shop, hq));
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
  await chain.until(() => shelved().includes('loyalty/main'));

  // Offline, the shop changes what others changed as well, and sells.
  await shop.start();
  await shop.services.customers.put(customer(3), shop.request({ phone: '+79990000003' } as CustomerPut));
  await shop.services.orders.place(shop.request(sale));
  await shop.stop();
  await shop.start({ peers: [addressOf(hq)] });
  const taken = (): string[] => shop.shelf!.marks().map(({ collection }) => collection);
  await chain.until(() => taken().includes('loyalty/main'));
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

function customer(n: number): string {
  return `11111111-1111-7111-8111-${String(n).padStart(12, '0')}`;
}

checkpoints.run();
