/** Stock besides sales: reservations, adjustments, transfers, oversells, reordering; offline, once, and visible where they concern. */
import type { OrderRequest, ProblemError } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LAST_SALES_MAX, OVERSOLD_NOTED_MAX, OversoldWatch } from '../src/goods/oversold-watch.ts';
import { compareProjections } from '../src/verify/verify-projections.ts';
import { Chain, type Machine } from './support/chain.ts';

const test = suite('goods');

const addressOf = (machine: Machine): string => `http://${machine.address}`;
const sale = (milli = 1000, more: object = {}): OrderRequest =>
  ({
    lines: [{ sku: 'CUP', quantityMilli: milli, unitPriceMinor: 1000, discountMinor: 0, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: milli }],
    redeemPoints: 0,
    ...more,
  }) as unknown as OrderRequest;
const lines = (quantityMilli: number, sku = 'CUP') => [{ sku: sku as never, quantityMilli }];
const receive = (machine: Machine, milli: number) =>
  machine.services.stock.receive(machine.request({ lines: lines(milli) }));
const sell = (machine: Machine, milli = 1000, more = {}) =>
  machine.services.orders.place(machine.request(sale(milli, more)));
const reserve = (machine: Machine, milli: number, ttlSeconds = 600, till = 'T1') =>
  machine.services.stock.reserve(machine.request({ ttlSeconds, lines: lines(milli) }, { till }));
const level = async (machine: Machine) => (await machine.services.stock.get('CUP'))!;
const onHand = async (machine: Machine, branch?: string) =>
  (await machine.services.stock.get('CUP', branch))?.onHandMilli ?? 0;
const refused = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    return (error as ProblemError).code ?? String(error);
  }
  return 'accepted';
};
const cut = (chain: Chain, one: Machine, other: Machine) => {
  chain.network.partition(one.address, other.address);
  chain.network.partition(other.address, one.address);
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

test('of two tills that reserve the last one, one gets it, also at once; a sale is refused to nobody', () =>
  shop(async (machine) => {
    await receive(machine, 1000);
    const codes = await Promise.all([
      refused(reserve(machine, 1000, 600, 'T1')),
      refused(reserve(machine, 1000, 600, 'T2')),
    ]);
    assert.equal(codes.sort(), ['STOCK_SHORT', 'accepted']);
    const { onHandMilli, reservedMilli, availableMilli } = await level(machine);
    assert.equal([onHandMilli, reservedMilli, availableMilli], [1000, 1000, 0]);
    assert.is((await sell(machine)).status, 201);
  }));

test('a reservation ends by the sale that names it, by release, or by its time; once each', () =>
  shop(async (machine, chain) => {
    const { stock } = machine.services;
    await receive(machine, 5000);
    const first = (await reserve(machine, 2000)).body;
    await sell(machine, 2000, { reservation: first.id });
    assert.equal([(await level(machine)).onHandMilli, (await level(machine)).availableMilli], [3000, 3000]);
    const second = (await reserve(machine, 3000)).body;
    assert.is((await stock.release(second.id, machine.request({}))).body.how, 'released');
    assert.is(await refused(stock.release(second.id, machine.request({}))), 'RESERVATION_NOT_FOUND');
    await reserve(machine, 3000, 60);
    assert.is((await level(machine)).availableMilli, 0);
    await chain.pass(61_000, 1000);
    assert.is((await level(machine)).availableMilli, 3000);
    assert.is(
      (await sell(machine, 1000, { reservation: second.id })).status,
      201,
      'an ended one is no obstacle',
    );
  }));

test('a reservation survives a power cut and is known to the other node of the branch', async () => {
  const chain = await Chain.open();
  const [a, b] = [await chain.machine('B001'), await chain.machine('B001')];
  await a.start();
  await b.start({ peers: [addressOf(a)] });
  await receive(a, 2000);
  const { body } = await reserve(a, 2000);
  await chain.until(async () => (await b.services.stock.get('CUP'))?.availableMilli === 0);
  assert.is(await chain.running(refused(reserve(b, 1000))), 'STOCK_SHORT');
  await a.crash();
  await a.start();
  assert.equal(
    a.services.stock.reservations().map(({ id }) => id),
    [body.id],
  );
  await sell(b, 2000, { reservation: body.id });
  await chain.until(async () => a.services.stock.reservations().length === 0);
  await chain.close();
});

test('an adjustment is signed and says why', () =>
  shop(async (machine) => {
    await receive(machine, 5000);
    const delta = { reason: 'damaged' as const, lines: [{ sku: 'CUP' as never, deltaMilli: -1000 }] };
    const { body } = await machine.services.stock.adjust(machine.request(delta));
    assert.equal(body.lines, [{ sku: 'CUP', deltaMilli: -1000, onHandMilli: 4000 }]);
    assert.is(await onHand(machine), 4000);
  }));

test('an oversell becomes a task with its sale and owner, and is resolved once, with a name', () =>
  shop(async (machine, chain) => {
    const { stock } = machine.services;
    await sell(machine);
    await receive(machine, 2000);
    const { body: order } = await sell(machine, 3000, { cashier: 'Ann' });
    await chain.until(async () => (await stock.oversells({ state: 'open', limit: 9 })).length === 1);
    const [task] = await stock.oversells({ state: 'open', limit: 9 });
    assert.equal([task?.order, task?.owner.cashier, task?.onHandMilli], [order.id, 'Ann', -2000]);
    await sell(machine);
    await chain.pass(6_000, 500);
    assert.is((await stock.oversells({ state: 'all', limit: 9 })).length, 1, 'one open task for a product');
    const resolution = { how: 'found' as const, note: 'behind the door' };
    const done = await stock.resolveOversell(task!.id, machine.request(resolution));
    assert.is(done.body.resolved?.how, 'found');
    const again = stock.resolveOversell(task!.id, machine.request(resolution));
    assert.is(await refused(again), 'OVERSELL_RESOLVED');
    assert.is(
      await refused(stock.resolveOversell('none', machine.request(resolution))),
      'OVERSELL_NOT_FOUND',
    );
  }));

test('what is noted of oversells is bounded', () => {
  const watch = new OversoldWatch();
  const writers = { w: { period: '2026-11', opening: 1, moved: {} } };
  for (let at = 0; at <= OVERSOLD_NOTED_MAX; at += 1) {
    watch.look({ sku: `S${at}`, writers, taken: {}, onHandMilli: -1 }, true);
    if (at <= LAST_SALES_MAX) {
      watch.noteSale({ id: `o${at}`, till: 'T1', lines: [{ sku: `S${at}` }] } as never);
    }
  }
  assert.is(watch.take().length, OVERSOLD_NOTED_MAX);
  assert.is(watch.lastSale('S0'), undefined);
  assert.ok(watch.lastSale(`S${LAST_SALES_MAX}`));
});

test('below its reorder point a product is suggested, with what is promised counted in', () =>
  shop(async (machine) => {
    const { stock } = machine.services;
    await receive(machine, 5000);
    await stock.setReorderPoint('CUP', machine.request({ minMilli: 4000, upToMilli: 10_000 }));
    assert.equal(await stock.reorder(9), []);
    await reserve(machine, 2000);
    const [suggestion] = await stock.reorder(9);
    assert.equal([suggestion?.onHandMilli, suggestion?.orderMilli], [5000, 7000]);
    await stock.setReorderPoint('CUP', machine.request({ minMilli: 0, upToMilli: 0 }));
    assert.equal(await stock.reorder(9), []);
  }));

async function three(
  run: (a: Machine, b: Machine, hq: Machine, chain: Chain) => Promise<void>,
): Promise<void> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  const [a, b] = [await chain.machine('B001'), await chain.machine('B002')];
  await hq.start();
  await a.start({ peers: [addressOf(hq)] });
  await b.start({ peers: [addressOf(hq)] });
  try {
    await run(a, b, hq, chain);
  } finally {
    await chain.close();
  }
}
const send = async (from: Machine, to: string, milli: number) =>
  (await from.services.stock.send(from.request({ to: to as never, lines: lines(milli) }))).body;
const take = (at: Machine, id: string, milli?: number, more = {}) =>
  at.services.stock.receiveTransfer(
    id,
    at.request({ ...(milli === undefined ? {} : { lines: lines(milli) }), ...more }) as never,
  );

test('a transfer is sent and received offline, in transit in between, with its difference, at both ends and head office', () =>
  three(async (a, b, hq, chain) => {
    await receive(a, 5000);
    cut(chain, a, hq);
    const { id, state } = await send(a, 'B002', 3000);
    assert.is(state, 'in-transit');
    assert.is(await onHand(a), 2000);
    assert.is(await refused(take(b, id)), 'TRANSFER_NOT_FOUND');
    chain.network.heal();
    await chain.until(
      async () =>
        (await b.services.stock.get('CUP'))?.inTransitMilli === 3000 ||
        (await b.services.stock.transfer(id)) !== undefined,
    );
    cut(chain, b, hq);
    assert.is((await take(b, id, 2500)).status, 201);
    assert.equal([await onHand(b), (await level(b)).inTransitMilli], [2500, 0]);
    assert.is((await take(b, id)).status, 200, 'again: the reception there was');
    assert.is(await refused(take(b, id, 3000)), 'TRANSFER_RECEIVED');
    assert.is(await onHand(b), 2500);
    chain.network.heal();
    for (const machine of [a, hq]) {
      await chain.until(async () => (await machine.services.stock.transfer(id))?.state === 'received');
      const seen = await machine.services.stock.transfer(id);
      assert.is(seen?.lines[0]?.differenceMilli, -500);
    }
    const page = await hq.services.stock.transfers({ limit: 9, state: 'received' });
    assert.is(page.transfers.length, 1);
    // Head office keeps none of it and sees who does.
    await chain.until(async () => (await hq.services.stock.get('CUP'))?.elsewhere?.length === 2);
    await chain.until(async () => (await onHand(hq, 'B002')) === 2500);
  }));

test('goods faster than the word of them are taken in by the delivery note, and counted once', () =>
  three(async (a, b, hq, chain) => {
    await receive(a, 5000);
    cut(chain, a, hq);
    const { id } = await send(a, 'B002', 3000);
    const { body } = await take(b, id, 2000, { from: 'B001' });
    assert.equal([body.state, body.lines[0]?.sentMilli], ['received', undefined]);
    chain.network.heal();
    await chain.until(async () => (await b.services.stock.transfer(id))?.sent !== undefined);
    assert.is((await b.services.stock.transfer(id))?.lines[0]?.differenceMilli, -1000);
    assert.equal([await onHand(b), (await level(b)).inTransitMilli], [2000, 0]);
    assert.is(await refused(send(a, 'B009', 1)), 'BRANCH_UNKNOWN');
    assert.is(await refused(send(a, 'B001', 1)), 'CHANGE_INVALID');
  }));

test('two devices of a branch, cut off from each other, both take a transfer in: it counts once', async () => {
  const chain = await Chain.open();
  const a = await chain.machine('B001');
  const [b, c] = [await chain.machine('B002'), await chain.machine('B002')];
  await a.start();
  await b.start({ peers: [addressOf(a)] });
  await c.start({ peers: [addressOf(b), addressOf(a)] });
  await receive(a, 5000);
  const { id } = await send(a, 'B002', 3000);
  for (const machine of [b, c]) {
    await chain.until(async () => (await machine.services.stock.transfer(id)) !== undefined);
  }
  cut(chain, b, c);
  cut(chain, a, b);
  cut(chain, a, c);
  await take(b, id);
  await chain.pass(100);
  await take(c, id);
  chain.network.heal();
  for (const machine of [b, c]) {
    await chain.until(async () => (await onHand(machine)) === 3000);
  }
  await chain.pass(12_000, 500);
  assert.equal([await onHand(b), await onHand(c)], [3000, 3000]);
  await chain.close();
});

test('head office sees what branches have, and how old that word is', () =>
  three(async (a, _b, hq, chain) => {
    await receive(hq, 1000);
    await receive(a, 5000);
    await chain.until(async () => (await hq.services.stock.get('CUP'))?.elsewhere?.length === 1);
    await chain.pass(20_000, 1000);
    const [word] = (await hq.services.stock.get('CUP'))?.elsewhere ?? [];
    assert.equal([word?.branch, word?.onHandMilli], ['B001', 5000]);
    assert.ok(word!.ageSeconds >= 20);
    assert.is((await a.services.stock.get('CUP'))?.elsewhere, undefined, 'a branch may not read that');
  }));

test('verify makes refunds, transfers, reservations and tasks again from the feeds, and names what differs', () =>
  three(async (a, b, _hq, chain) => {
    await receive(a, 5000);
    await reserve(a, 1000);
    const { id } = await send(a, 'B002', 1000);
    const { body } = await sell(a, 6000);
    await a.services.orders.refund(body.id, a.request({ restock: true } as never));
    await a.services.stock.setReorderPoint('CUP', a.request({ minMilli: 1, upToMilli: 2 }));
    await chain.until(async () => (await b.services.stock.transfer(id)) !== undefined);
    await take(b, id);
    await chain.until(async () => (await a.services.stock.transfer(id))?.state === 'received');
    await chain.pass(6_000, 500);
    await a.stop();
    const examine = async () => {
      const { MemoryLevel } = await import('memory-level');
      const fresh = new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
      return await compareProjections({
        journal: () => a.store!.replay(0),
        journalEnd: a.store!.position,
        stored: a.level as never,
        fresh: fresh as never,
        writer: a.key.writer,
        clock: chain.clock,
      } as never);
    };
    assert.equal((await examine()).difference, undefined);
    for (const prefix of ['b/', 'n/', 'xs/', 'xr/', 'y/']) {
      const [[key, text]] = (await a.level
        .iterator({ gt: prefix, lt: `${prefix.slice(0, -1)}0`, limit: 1 })
        .all()) as [[string, string]];
      await a.level.put(key, text.replaceAll(/\d{3}/g, '111'));
      const { difference } = await examine();
      assert.is(difference?.key, key, `a changed ${prefix}`);
      await a.level.put(key, text);
    }
  }));

test.run();
