/** What shops ask for first: the last piece sold twice, a recount in between, times that stay, a return that finds its sale. */
import type { OrderRequest } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain, type Machine } from './support/chain.ts';

const test = suite('goods, proofs');

const addressOf = (machine: Machine): string => `http://${machine.address}`;
const sale = {
  lines: [{ sku: 'CUP', quantityMilli: 1000, unitPriceMinor: 1000, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 1000 }],
  redeemPoints: 0,
} as unknown as OrderRequest;
const sell = async (machine: Machine) => (await machine.services.orders.place(machine.request(sale))).body;
const onHand = async (machine: Machine, branch?: string) =>
  (await machine.services.stock.get('CUP', branch))?.onHandMilli;
const line = (quantityMilli: number, more = {}) => ({
  lines: [{ sku: 'CUP' as never, quantityMilli, ...more }],
});
const cut = (chain: Chain, one: Machine, other: Machine) => {
  chain.network.partition(one.address, other.address);
  chain.network.partition(other.address, one.address);
};

test('the last piece sold at two cut-off devices, with a recount meanwhile: the differences add up, and a task is open', async () => {
  const chain = await Chain.open();
  const [a, b] = [await chain.machine('B001'), await chain.machine('B001')];
  await a.start();
  await b.start({ peers: [addressOf(a)] });
  await a.services.stock.receive(a.request(line(1000)));
  await chain.until(async () => (await onHand(b)) === 1000);
  cut(chain, a, b);
  await sell(a);
  await sell(b);
  // Counted at `a` from what was seen there before its sale: two more than the books said.
  await a.services.stock.count(a.request(line(3000, { seenMilli: 1000 })));
  chain.network.heal();
  for (const machine of [a, b]) {
    await chain.until(async () => (await onHand(machine)) === 1000);
  }
  await sell(a);
  await sell(b);
  await chain.until(async () => (await a.services.stock.oversells({ state: 'open', limit: 9 })).length > 0);
  await chain.close();
});

test('times of sale, refund and transfer are those of the branch, however late they arrive; the refund finds its sale', async () => {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  const a = await chain.machine('B001');
  await chain.machine('B002');
  await hq.start();
  await a.start({ peers: [addressOf(hq)] });
  cut(chain, a, hq);
  const order = await sell(a);
  await chain.pass(60_000, 1000);
  const wish = { restock: true } as never;
  const refund = (await a.services.orders.refund(order.id, a.request(wish))).body;
  const transfer = (await a.services.stock.send(a.request({ to: 'B002' as never, ...line(1000) }))).body;
  await chain.pass(3_600_000, 60_000);
  chain.network.heal();
  await chain.until(async () => (await hq.services.stock.transfer(transfer.id)) !== undefined);
  await chain.until(async () => (await hq.services.orders.get(order.id))?.refunds?.length === 1);
  const seen = await hq.services.orders.get(order.id);
  assert.is(seen?.at, order.at);
  assert.equal([seen?.refunds?.[0]?.at, seen?.refunds?.[0]?.refundOfNumber], [refund.at, order.number]);
  assert.is((await hq.services.stock.transfer(transfer.id))?.sent?.at, transfer.sent?.at);
  await chain.close();
});

test('a refund whose answer was lost is repeated under its key: one refund, also after a power cut', async () => {
  const chain = await Chain.open();
  const a = await chain.machine('B001');
  await a.start();
  const order = await sell(a);
  const wish = a.request({ restock: true } as never, { key: 'lost' });
  const first = await a.services.orders.refund(order.id, wish);
  await a.crash();
  await a.start();
  const again = await a.services.orders.refund(order.id, wish);
  assert.is(again.replayed, true);
  assert.equal(again.body, first.body);
  await chain.until(async () => (await onHand(a)) === 0);
  await chain.close();
});

test.run();
