/**
 * S-10: balances of every device are what its business entries add up to: stock, points, gift cards, coupons. Entries and changes here are
 * real ones, written by real documents; what differs is told by device, subject and count.
 */
import {
  type DocName,
  Documents,
  editCustomer,
  foldCustomer,
  loyaltyDoc,
  type Mutator,
  moveRights,
  moveStock,
  type RightsMove,
  stockDoc,
  stockPeriod,
  type WriterId,
} from '@branchline/docs';
import type { FeedName } from '@branchline/feed';
import { makeStamp, systemClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProjectedEntry } from '../src/projections/projection.ts';
import { type RowLevel, Rows } from '../src/projections/rows.ts';
import { BalanceLedger } from '../src/verify/balances.ts';

const balances = suite('balances');
const [SELF, SHOP, THIRD] = ['self', 'shop', 'third'].map((name) => name.padEnd(16, '2') as WriterId) as [
  WriterId,
  WriterId,
  WriterId,
];
const ID = '019a0000-0000-7000-8000-000000000001';
const MS = Date.UTC(2026, 10, 22, 9);
const STOCK = stockDoc('B001', stockPeriod(MS));

type Entry = Pick<ProjectedEntry, 'kind' | 'body' | 'collection' | 'feed' | 'hlc'> & {
  readonly commit: number;
};

/** A device that writes what nodes write, and can be made to write something else. */
class Shop {
  readonly writer: WriterId;
  readonly entries: Entry[] = [];
  readonly #log = new Map<DocName, { writer: WriterId; bytes: Uint8Array }[]>();
  readonly #documents = new Documents({
    clock: systemClock(),
    source: { load: async (doc) => ({ snapshot: undefined, changes: this.#log.get(doc) ?? [] }) },
  });
  #counter = 0;

  constructor(writer: WriterId) {
    this.writer = writer;
  }

  say(collection: string, kind: string, body: object): this {
    const feed = `${collection}/${this.writer}` as FeedName;
    this.#counter += 1;
    const hlc = makeStamp(MS, this.#counter);
    const last = this.entries.at(-1);
    // Changes stand at the end of their commit.
    const commit = (last?.commit ?? 0) + (last?.kind === 'change' && kind !== 'change' ? 1 : 0);
    this.entries.push({ kind, body, feed, hlc, commit, collection: collection as Entry['collection'] });
    return this;
  }

  async write(doc: DocName, ...mutators: Mutator[]): Promise<this> {
    const made = await this.#documents.change(doc, this.writer, mutators, { timeMs: MS });
    this.#log.set(doc, [...(this.#log.get(doc) ?? []), { writer: this.writer, bytes: made!.bytes }]);
    this.#documents.settle([made!]);
    return this.say(doc.slice(0, doc.lastIndexOf('/')), 'change', { doc, change: made!.bytes });
  }

  async points(account: string, ...steps: readonly RightsMove[]): Promise<this> {
    return await this.write(loyaltyDoc('main', account), ...steps.map((step) => moveRights(account, step)));
  }

  sell(over: object): this {
    return this.say('orders/B001', 'order', {
      id: ID,
      number: 'B001-000001',
      till: 'T1',
      totalMinor: 1_000,
      changeMinor: 0,
      lines: [],
      payments: [],
      receipt: { id: ID },
      loyalty: { earned: 0, redeemed: 0 },
      ...over,
    });
  }

  earn(points: number, customer = 'anna'): this {
    return this.sell({ customer: { id: customer }, loyalty: { earned: points, redeemed: 0 } });
  }
}

const line = (sku: string, quantityMilli: number) => ({
  sku,
  name: sku,
  quantityMilli,
  unitPriceMinor: 100,
  discountMinor: 0,
  vat: 'vat22',
  totalMinor: 100,
  vatMinor: 0,
});

async function verified(
  shops: readonly Shop[],
  options: { rows?: object; from?: number; max?: number } = {},
) {
  const level = new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
  const onFailure = (error: Error): void => assert.unreachable(String(error));
  const rows = await Rows.open({ level: level as unknown as RowLevel, onFailure, clock: systemClock() });
  for (const [key, row] of Object.entries(options.rows ?? {})) {
    rows.putText(key, JSON.stringify(row));
  }
  const ledger = new BalanceLedger(SELF, options.max);
  for (const { writer, entries } of shops) {
    for (const entry of entries) {
      ledger.begin({ runs: [{ feed: entry.feed, from: options.from ?? 1 }] } as never);
      ledger.apply({ ...entry, writer, seq: 1, position: 1, index: 0, local: false, replayed: true });
    }
  }
  return await ledger.verify(rows);
}

const count = (name: 'earned' | 'spent' | 'returned' | 'owed' | 'reversed', points: number): RightsMove => ({
  type: 'count',
  count: name,
  points,
});

/** A day in which everything that moves a balance happens once. */
async function traded(writer: WriterId): Promise<Shop> {
  const shop = new Shop(writer);
  shop.say('loyalty/main', 'rights', { moves: [{ account: 'card:1', type: 'issued', points: 500 }] });
  await shop.points('card:1', count('earned', 500));
  const payments = [{ kind: 'giftCard', amountMinor: 300, account: 'card:1', ending: '…1' }];
  shop.sell({
    lines: [line('CHAIR', 2000), line('LAMP', 1000)],
    payments,
    customer: { id: 'anna' },
    loyalty: { earned: 9, redeemed: 4 },
  });
  await shop.write(STOCK, moveStock('CHAIR', 'sold', 2000), moveStock('LAMP', 'sold', 1000));
  await shop.points('card:1', count('spent', 300));
  await shop.points('anna', count('earned', 9), count('spent', 4), { type: 'see', day: 20_000 });
  const given = { account: 'anna', type: 'given', points: 2, other: THIRD };
  await shop
    .say('loyalty/main', 'rights', { moves: [given] })
    .points('anna', { type: 'give', to: THIRD, points: 2 });
  const box = { id: ID, till: 'T1', lines: [{ sku: 'CHAIR', quantityMilli: 1000 }] };
  shop.say('stock/B001', 'stock-receipt', box).say('letters/B001/B002', 'transfer-sent', box);
  shop.say('stock/B001', 'stock-adjustment', {
    ...box,
    reason: 'broken',
    lines: [{ sku: 'LAMP', deltaMilli: -500 }],
  });
  await shop.write(
    STOCK,
    moveStock('CHAIR', 'received', 1000),
    moveStock('CHAIR', 'sent', 1000),
    moveStock('LAMP', 'adjusted', -500),
  );
  return shop;
}

balances('of stock, points and gift cards are what this device and others said', async () => {
  assert.equal(await verified([await traded(SELF), await traded(SHOP)]), {
    difference: undefined,
    devices: 2,
    inPart: 0,
  });
});

balances('a balance of another device that its business entries do not give is named', async () => {
  const points = await (await traded(SHOP)).earn(9).points('anna', count('earned', 18));
  assert.equal((await verified([await traded(SELF), points])).difference, {
    what: 'balance',
    key: 'loyalty anna',
    expected: `earned 18 by ${SHOP}`,
    found: `earned 27 by ${SHOP}`,
  });
  const goods = (await traded(SHOP)).sell({ lines: [line('CHAIR', 1000)] });
  await goods.write(STOCK, moveStock('CHAIR', 'sold', 3000));
  assert.equal((await verified([goods])).difference, {
    what: 'balance',
    key: 'stock/B001 CHAIR',
    expected: `sold 3000 by ${SHOP}`,
    found: `sold 5000 by ${SHOP}`,
  });
  const card = await (await traded(SHOP)).points('card:1', count('earned', 1_000));
  assert.is((await verified([card])).difference?.key, 'loyalty card:1', 'money nobody paid for');
  const given = await (await traded(SHOP)).points('anna', { type: 'give', to: THIRD, points: 1 });
  assert.is((await verified([given])).difference?.expected, `given ${THIRD} 2 by ${SHOP}`);
  const spent = new Shop(SHOP).sell({ coupons: [{ account: 'coupon:1', ending: '…2', discountMinor: 10 }] });
  await spent.write(STOCK, moveStock('LAMP', 'received', 1));
  await spent.points('coupon:2', count('earned', 1));
  assert.is((await verified([spent])).difference?.key, 'loyalty coupon:1', 'used, and usable still');
});

balances('either feed of another device may be ahead, by whole steps only', async () => {
  const shop = await traded(SHOP);
  for (let after = 0; after <= shop.entries.at(-1)!.commit; after += 1) {
    for (const held of ['orders/', 'loyalty/', 'stock/', 'letters/']) {
      const part = new Shop(SHOP);
      part.entries.push(
        ...shop.entries.filter(({ collection, commit }) => commit < after || collection.startsWith(held)),
      );
      const { difference } = await verified([part]);
      assert.is(difference, undefined, `${held} from ${after}: ${JSON.stringify(difference)}`);
    }
  }
  const lacking = new Shop(SHOP).earn(9).earn(5);
  await lacking.points('anna', count('earned', 5));
  assert.is((await verified([lacking])).difference?.expected, `earned 14 by ${SHOP}`, 'the first is missing');
});

balances('of this device nothing is on its way', async () => {
  assert.is((await verified([new Shop(SELF).earn(9)])).difference?.found, 'earned 0');
  assert.is((await verified([new Shop(SHOP).earn(9)])).difference, undefined);
  const unowed = await new Shop(SELF).earn(9).points('anna', count('earned', 9), count('reversed', 3));
  assert.is((await verified([unowed])).difference?.found, 'reversed 3');
});

balances('what a merged customer earned counts for the one that stands for them', async () => {
  const shop = new Shop(SHOP).earn(9, 'old');
  await shop.write(
    loyaltyDoc('main', 'old'),
    moveRights('old', count('earned', 9)),
    editCustomer('old', { into: 'new' }),
  );
  await shop.earn(5, 'old').points('new', count('earned', 5));
  assert.is((await verified([shop])).difference, undefined);
  await shop.points('new', count('earned', 1));
  await shop.earn(1).points('anna', count('earned', 1));
  assert.is((await verified([shop])).difference?.found, `earned 15 by ${SHOP}`);
});

balances('a device of which only part is held is counted, not compared', async () => {
  const wrong = await (await traded(SHOP)).points('card:1', count('earned', 1_000));
  const inPart = { difference: undefined, devices: 0, inPart: 1 };
  assert.equal(await verified([wrong], { from: 7 }), inPart, 'its feeds begin later here');
  const ahead = new Shop(SHOP).earn(1).earn(2).earn(3).earn(4);
  assert.equal(await verified([ahead], { max: 3 }), inPart, 'more steps on their way than are kept');
  const copied = new Shop(THIRD).say('orders/B001', 'incarnation', { predecessor: SHOP });
  assert.equal(await verified([wrong, copied]), inPart);
  const gap = new Shop(SHOP);
  gap.entries.push(
    ...wrong.entries.filter(({ kind }, at) => kind !== 'change' || at === wrong.entries.length - 1),
  );
  assert.equal(await verified([gap]), inPart, 'changes before it are missing');
});

balances('G5 rights below zero are a finding, of whichever device', async () => {
  const cells = new Map<string, string | number | boolean | null>();
  for (const step of [count('earned', 5), count('spent', 8)]) {
    const cell = {
      writer: SHOP,
      get: (key: string) => cells.get(key),
      set: (key: string, value: string | number | boolean | null) => cells.set(key, value),
    };
    moveRights('anna', step)(cell);
  }
  const list = Array.from(cells, ([key, value]) => ({ key, value, conflict: false }));
  const rows = { 'c/main/anna': foldCustomer(undefined, 'anna', list) };
  assert.equal((await verified([], { rows })).difference, {
    what: 'balance',
    key: 'c/main/anna',
    expected: `rights of ${SHOP} 0 or more`,
    found: '-3',
  });
});

balances.run();
