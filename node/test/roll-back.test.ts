/**
 * Upgrade and roll-back over one data folder: what a newer release wrote into the feeds is kept and handed on by an older one, and rows that
 * another release made are made again, so that neither reads the other's, and the newer one misses nothing the older one passed over.
 * A folder the older one may not touch is refused: `program.test.ts`. A backup put back: `stories/restore.test.ts`.
 */
import { createHash } from 'node:crypto';
import { type Entry, entriesOf, FeedWriter } from '@branchline/feed';
import { eventBodies, type OrderRequest } from '@branchline/model';
import { makeStamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { discardOtherLayout, layoutOf, ROWS_LAYOUT, type RowLevel } from '../src/projections/rows.ts';
import { Chain, type Machine, TENANT } from './support/chain.ts';

const test = suite('roll-back');

const NEWER = String(ROWS_LAYOUT + 1);
const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

async function entries(machine: Machine): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const { runs } of machine.store!.replay(0)) {
    found.push(...runs.flatMap((run) => entriesOf(run)));
  }
  return found;
}

test('the layout of rows is raised with the kinds of entries that are known', () => {
  const kinds = createHash('sha256')
    .update(Object.keys(eventBodies).sort().join())
    .digest('hex')
    .slice(0, 16);
  // Another digest: raise ROWS_LAYOUT, or nodes that are upgraded never see entries of the new kind that they have already.
  assert.equal({ layout: ROWS_LAYOUT, kinds }, { layout: 1, kinds: '5be5f58a66671bdd' });
});

test('an older release keeps and hands on what it does not know, and makes rows of its own', async () => {
  const chain = await Chain.open();
  try {
    const [hq, shop] = [await chain.machine('HQ', { role: 'hq' }), await chain.machine('B001')];
    await hq.start();
    await shop.start();
    const first = (await shop.services.orders.place(shop.request(sale, { key: 'first' }))).body;
    await shop.node!.settle();
    // The newer release: rows of its own, which mean nothing here, and an entry of a kind nobody here knows.
    const level = shop.level as unknown as RowLevel;
    await shop.stop();
    const feeds = await FeedWriter.open({
      store: shop.store!,
      key: shop.key,
      tenant: TENANT,
      now: () => makeStamp(chain.clock.nowMs() + 60_000, 0),
    });
    const gift = { id: 'from-the-future', wrapped: true, colours: ['red'] };
    await feeds.commit([{ collection: 'orders/B001' as never, kind: 'gift-wrap', body: gift }]);
    await level.clear();
    await level.put('a/layout', NEWER);
    await level.put('a/position', String(shop.store!.position));
    await level.put('o/from-the-future', 'not JSON at all');
    assert.is(await layoutOf(level), Number(NEWER));

    // Rolled back.
    await shop.start({ peers: [`http://${hq.address}`] });
    assert.is(await layoutOf(level), ROWS_LAYOUT);
    const again = await shop.services.orders.place(shop.request(sale, { key: 'first' }));
    assert.equal([again.body.id, again.body.number], [first.id, 'B001-000001'], 'the key of before');
    const second = (await shop.services.orders.place(shop.request(sale, { key: 'second' }))).body;
    assert.is(second.number, 'B001-000002');
    const { orders } = await shop.services.orders.list({ limit: 10 });
    assert.equal(
      orders.map(({ number }) => number),
      ['B001-000001', 'B001-000002'],
    );
    const isGift = ({ kind, body }: Entry) =>
      kind === 'gift-wrap' && JSON.stringify(body) === JSON.stringify(gift);
    await chain.until(async () => (await entries(hq)).some(isGift));
    assert.ok((await entries(shop)).some(isGift));
    await chain.until(async () => (await hq.services.orders.list({ limit: 10 })).orders.length === 2);
  } finally {
    await chain.close();
  }
});

test('rows of another layout go before new ones come, also when the power goes in between', async () => {
  const chain = await Chain.open();
  try {
    const shop = await chain.machine('B001');
    const level = shop.level as unknown as RowLevel;
    assert.is(await layoutOf(level), undefined);
    await level.put('a/position', '7');
    await level.put('s/B001/CHAIR', '{}');
    assert.is(await layoutOf(level), 1, 'from before there was a mark');
    await level.put('a/layout', NEWER);
    const torn = (range?: object) =>
      range !== undefined && 'gt' in range ? Promise.reject(new Error('the power goes')) : Promise.resolve();
    Object.assign(level, { clear: torn });
    await discardOtherLayout(level).then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.message, 'the power goes'),
    );
    assert.is(await layoutOf(level), Number(NEWER), 'the next start begins again');
    Reflect.deleteProperty(level, 'clear');
    await discardOtherLayout(level);
    assert.equal(await level.keys().all(), ['a/layout']);
    assert.is(await layoutOf(level), ROWS_LAYOUT);
  } finally {
    await chain.close();
  }
});

test.run();
