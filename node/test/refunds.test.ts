/** Refunds: never more than was sold, exact to the minor unit, offline where sold, one holder of the right to return elsewhere. */
import type { OrderRequest, ProblemError, RefundRequest } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain, type Machine } from './support/chain.ts';

const test = suite('refunds');

const addressOf = (machine: Machine): string => `http://${machine.address}`;
const three: OrderRequest = {
  lines: [
    { sku: 'CUP', quantityMilli: 3000, unitPriceMinor: 333, discountMinor: 100, vat: 'vat22' },
    { sku: 'POT', quantityMilli: 1000, unitPriceMinor: 5000, discountMinor: 0, vat: 'vat10' },
  ],
  payments: [
    { kind: 'card', amountMinor: 899 },
    { kind: 'cash', amountMinor: 6000 },
  ],
  customer: { id: 'anna' },
  redeemPoints: 0,
} as unknown as OrderRequest;
const back = (
  lines?: readonly (readonly [number, number])[],
  more: Partial<RefundRequest> = {},
): RefundRequest =>
  ({
    ...(lines === undefined
      ? {}
      : { lines: lines.map(([line, quantityMilli]) => ({ line, quantityMilli })) }),
    restock: true,
    ...more,
  }) as RefundRequest;
const sell = async (machine: Machine) => (await machine.services.orders.place(machine.request(three))).body;
const give = (machine: Machine, id: string, wish: RefundRequest, key?: string) =>
  machine.services.orders.refund(id, machine.request(wish, key === undefined ? {} : { key }));
const onHand = async (machine: Machine, sku: string) => (await machine.services.stock.get(sku))?.onHandMilli;
const refused = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    return (error as ProblemError).code ?? String(error);
  }
  return 'accepted';
};

async function shop(run: (machine: Machine, chain: Chain) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const machine = await chain.machine('B001');
  await machine.start();
  try {
    await run(machine, chain);
  } finally {
    await chain.close();
  }
}

test('a part goes back: own number, money the way it came, goods on the shelf, and the order says what is left', () =>
  shop(async (machine) => {
    const order = await sell(machine);
    const { status, body } = await give(machine, order.id, back([[0, 1000]], { reason: 'chipped' }));
    assert.is(status, 201);
    assert.is(body.kind, 'refund');
    assert.is(body.number, 'B001.R-000001');
    assert.equal([body.refundOf, body.refundOfNumber], [order.id, order.number]);
    assert.is(body.totalMinor, 300);
    assert.equal(body.payments, [{ kind: 'card', amountMinor: 300 }]);
    assert.is(await onHand(machine, 'CUP'), -2000);
    const { orders } = machine.services;
    const read = await orders.get(order.id);
    assert.equal(read?.refunds, [body]);
    assert.equal(read?.refundable, {
      totalMinor: 599 + 5000,
      lines: [
        { line: 0, quantityMilli: 2000, totalMinor: 599 },
        { line: 1, quantityMilli: 1000, totalMinor: 5000 },
      ],
      branch: 'B001',
      here: true,
    });
    assert.equal(await orders.refundOf(body.id), body);
    const found = await orders.list({ number: order.number, limit: 10 });
    assert.equal(
      found.orders.map(({ id }) => id),
      [order.id],
    );
    assert.equal((await orders.list({ number: 'B001-999999', limit: 10 })).orders, []);
    assert.equal((await orders.list({ qr: 'fn=1&i=2', limit: 10 })).orders, []);
    const rest = (await give(machine, order.id, back())).body;
    assert.is(rest.number, 'B001.R-000002');
    assert.is(rest.totalMinor, 5599);
    assert.is(await refused(give(machine, order.id, back())), 'REFUND_EXCEEDS');
    assert.is((await sell(machine)).number, 'B001-000002', 'numbers of sales go on without a gap');
    const first = await orders.list({ sort: 'newest', limit: 1 });
    const second = await orders.list({ sort: 'newest', limit: 1, after: first.next });
    const newest = [...first.orders, ...second.orders].map(({ number }) => number);
    assert.equal(newest, ['B001-000002', order.number]);
    assert.is(second.next, undefined);
  }));

test('G2: a repeated refund is the same refund; many at once of the same line never exceed it', () =>
  shop(async (machine) => {
    const order = await sell(machine);
    const wish = back([[0, 1000]]);
    const [one, two] = await Promise.all([
      give(machine, order.id, wish, 'k'),
      give(machine, order.id, wish, 'k'),
    ]);
    assert.equal(one?.body, two?.body);
    const codes = await Promise.all(
      Array.from({ length: 6 }, () => refused(give(machine, order.id, back([[0, 1000]])))),
    );
    assert.equal(codes.sort(), [...Array(4).fill('REFUND_EXCEEDS'), 'accepted', 'accepted']);
    assert.is(await onHand(machine, 'CUP'), 0);
  }));

test('damaged goods do not go back on the shelf, the money does', () =>
  shop(async (machine) => {
    const order = await sell(machine);
    await give(machine, order.id, back([[0, 3000]], { restock: false }));
    assert.is(await onHand(machine, 'CUP'), -3000);
    const mixed = back([[1, 1000]], {});
    mixed.lines![0]!.restock = false;
    const { body } = await give(machine, order.id, mixed);
    assert.is(body.lines[0]?.restock, false);
    assert.is(await onHand(machine, 'POT'), -1000);
  }));

test('refused in words: an unknown order, a line it does not have, payments that do not fit, another till', () =>
  shop(async (machine) => {
    const order = await sell(machine);
    assert.is(await refused(give(machine, order.number, back())), 'ORDER_NOT_FOUND');
    assert.is(await refused(give(machine, order.id, back([[7, 1]]))), 'REFUND_LINE_UNKNOWN');
    const wrong = back([[0, 1000]], { payments: [{ kind: 'cash', amountMinor: 1 }] });
    assert.is(await refused(give(machine, order.id, wrong)), 'ORDER_PAYMENT');
    assert.is(
      await refused(give(machine, order.id, back([[0, 1]], { till: 'T9' as never }))),
      'TILL_MISMATCH',
    );
    assert.is((await give(machine, order.id, back())).body.number, 'B001.R-000001', 'no number was lost');
  }));

test('G1: after a power cut what went back is known, also when the rows are lost', () =>
  shop(async (machine) => {
    const order = await sell(machine);
    await give(machine, order.id, back([[0, 2000]]));
    await machine.crash();
    await machine.start();
    assert.is(await refused(give(machine, order.id, back([[0, 2000]]))), 'REFUND_EXCEEDS');
    await machine.stop();
    machine.loseRows();
    await machine.start();
    assert.is(await refused(give(machine, order.id, back([[0, 2000]]))), 'REFUND_EXCEEDS');
    assert.is((await give(machine, order.id, back([[0, 1000]]))).body.number, 'B001.R-000002');
  }));

async function chainOf(
  run: (machines: Record<'a' | 'b' | 'c' | 'hq', Machine>, chain: Chain) => Promise<void>,
): Promise<void> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  const a = await chain.machine('B001');
  const b = await chain.machine('B002');
  const c = await chain.machine('B003', { role: 'carrier' });
  await hq.start();
  for (const machine of [a, b, c]) {
    await machine.start({ peers: [addressOf(hq)] });
  }
  try {
    await run({ a, b, c, hq }, chain);
  } finally {
    await chain.close();
  }
}

const cut = (chain: Chain, machine: Machine, hq: Machine) => {
  chain.network.partition(machine.address, hq.address);
  chain.network.partition(hq.address, machine.address);
};

test('an order of another branch is refunded where the right to return is; it moves when both are reached, once', () =>
  chainOf(async ({ a, c, hq }, chain) => {
    const order = await sell(a);
    await chain.until(async () => (await c.services.orders.get(order.id)) !== undefined);
    cut(chain, a, hq);
    assert.is(await chain.running(refused(give(c, order.id, back([[0, 1000]])))), 'REFUND_ELSEWHERE');
    await give(a, order.id, back([[0, 1000]]));
    chain.network.heal();
    // The request stood all the while: the right comes by itself.
    await chain.until(async () => (await c.services.orders.get(order.id))?.refundable?.here === true);
    assert.is(await chain.running(refused(give(c, order.id, back([[0, 3000]])))), 'REFUND_EXCEEDS');
    const { body } = await chain.running(give(c, order.id, back([[0, 2000]])));
    assert.is(body.number, 'B003.R-000001');
    assert.is(await onHand(c, 'CUP'), 2000, 'goods are where they were given back');
    cut(chain, a, hq);
    assert.is(await chain.running(refused(give(a, order.id, back([[1, 1000]])))), 'REFUND_ELSEWHERE');
    chain.network.heal();
    await chain.until(async () => (await a.services.orders.get(order.id))?.refunds?.length === 2);
    const again = await chain.running(give(a, order.id, back([[1, 1000]])));
    assert.is(again.body.totalMinor, 5000, 'the right came back when asked for');
    await chain.until(async () => (await hq.services.orders.get(order.id))?.refunds?.length === 3);
    assert.equal((await hq.services.orders.get(order.id))?.refundable?.lines, []);
  }));

test('a branch that never saw the order asks the one the receipt names, and gets order and right', () =>
  chainOf(async ({ a, b }, chain) => {
    const order = await sell(a);
    assert.is(await chain.running(refused(give(b, order.id, back()))), 'ORDER_NOT_FOUND');
    await chain.until(() => b.services.sync.status().peers[0]?.state === 'connected');
    const wish = back([[1, 1000]], { soldAt: 'B001' as never });
    const { body } = await chain.running(give(b, order.id, wish));
    assert.is(body.refundOfNumber, order.number);
    await chain.until(async () => (await a.services.orders.get(order.id))?.refunds?.[0]?.id === body.id);
    assert.is((await b.services.orders.list({ limit: 9 })).orders.length, 0, 'it is not listed as sold here');
  }));

test('two devices of one branch: the right is the selling one’s, and moves over the branch’s own network', async () => {
  const chain = await Chain.open();
  const a = await chain.machine('B001');
  const b = await chain.machine('B001');
  await a.start();
  await b.start({ peers: [addressOf(a)] });
  const order = await sell(a);
  await chain.until(async () => (await b.services.orders.get(order.id)) !== undefined);
  const [one, two] = await chain.running(
    Promise.all([
      refused(give(a, order.id, back([[0, 2000]]))),
      refused(give(b, order.id, back([[0, 2000]]))),
    ]),
  );
  assert.equal([one, two], ['accepted', 'REFUND_EXCEEDS']);
  assert.is(await chain.running(refused(give(b, order.id, back([[0, 1000]])))), 'accepted');
  cut(chain, a, b);
  assert.is(await chain.running(refused(give(a, order.id, back()))), 'REFUND_ELSEWHERE');
  assert.is(await chain.running(refused(give(b, order.id, back()))), 'accepted');
  await chain.close();
});

test('what a revoked device held is head office’s, once all it wrote is there', () =>
  chainOf(async ({ a, hq }, chain) => {
    const order = await sell(a);
    await give(a, order.id, back([[0, 1000]]));
    await chain.until(async () => (await hq.services.orders.get(order.id))?.refunds?.length === 1);
    assert.is((await hq.services.orders.get(order.id))?.refundable?.here, false);
    await chain.revoke(a);
    await hq.learnRegistry(chain.authorityStore, chain.authorityRegistry);
    assert.is(await chain.running(refused(give(hq, order.id, back([[0, 3000]])))), 'REFUND_EXCEEDS');
    assert.is(await chain.running(refused(give(hq, order.id, back([[0, 2000]])))), 'accepted');
  }));

test.run();
