/** Personal data: encrypted wherever it is kept, merged field by field, erased everywhere; two ids that are one person. */
import { entriesOf, type FeedStore } from '@branchline/feed';
import type { CustomerPut, OrderRequest, ProblemError } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Machine } from './support/chain.ts';
import { peersOf, threeMachines } from './support/three-machines.ts';

const test = suite('customers');

const NAME = 'Аделаида Прекрасная';
const PHONE = '+7 912 345-67-89';
const EMAIL = 'adelaida@example.org';

const put = (at: Machine, id: string, fields: CustomerPut, key?: string) =>
  at.services.customers.put(id, at.request(fields, key === undefined ? {} : { key }));
const nameAt = async (at: Machine, id = 'anna') => (await at.services.customers.get(id))?.name;
const found = async (at: Machine, q: string) =>
  (await at.services.customers.search({ q, limit: 5 })).map(({ id }) => id as string);
const erase = (at: Machine, id = 'anna') =>
  at.services.customers.erase(id, at.request({ reason: 'asked for in writing' }, { role: 'admin' }));
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: ProblemError) => error.code,
  );

/** Every byte a machine keeps: entries of all feeds, and all rows. */
async function keptBy(machine: Machine): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const { feed, base, head } of (machine.store as FeedStore).feeds().values()) {
    for (let from = base.seq + 1; from <= head.seq; ) {
      const run = (await machine.store!.read(feed, from, 1_000_000))!;
      parts.push(...run.entries);
      entriesOf(run);
      from += run.entries.length;
    }
  }
  for await (const [key, value] of machine.level.iterator<string, Uint8Array>({ valueEncoding: 'view' })) {
    parts.push(Buffer.from(key), value);
  }
  return Buffer.concat(parts);
}

function holds(kept: Buffer, text: string): boolean {
  return (
    kept.includes(Buffer.from(text, 'utf8')) || kept.includes(Buffer.from(text.replaceAll(/\D/g, '') || text))
  );
}

test('names and phones are found everywhere and stand in clear nowhere, restarted or not', () =>
  threeMachines(async ({ hq, shop, other, chain }) => {
    const made = await put(shop, 'anna', { name: NAME, phone: PHONE, email: EMAIL, group: 'regulars' }, 'k1');
    assert.is(made.status, 201);
    assert.is(made.body.name, NAME);
    assert.equal(
      await put(shop, 'anna', { name: NAME, phone: PHONE, email: EMAIL, group: 'regulars' }, 'k1'),
      {
        ...made,
        replayed: true,
      },
    );
    await chain.until(async () => (await nameAt(other)) === NAME && (await nameAt(hq)) === NAME);
    await chain.until(async () => (await found(other, '6789')).length === 1);
    assert.equal(await found(other, 'Прекр'), ['anna']);
    assert.is((await other.services.customers.get('anna'))?.group, 'regulars');
    for (const machine of [hq, shop, other]) {
      await machine.node!.settle();
      const kept = await keptBy(machine);
      for (const text of [NAME, PHONE, EMAIL, '79123456789', 'Аделаида']) {
        assert.not.ok(kept.includes(Buffer.from(text)), `${text} at ${machine.branch}`);
      }
    }
    await shop.stop();
    await shop.start(peersOf(hq));
    assert.equal(await found(shop, 'adelaida'), ['anna']);
    const again = await put(
      shop,
      'anna',
      { name: NAME, phone: PHONE, email: EMAIL, group: 'regulars' },
      'k1',
    );
    assert.equal(again, { ...made, replayed: true });
    await shop.stop();
    shop.loseRows();
    await shop.start(peersOf(hq));
    assert.is(await nameAt(shop), NAME);
  }));

test('two branches edit different fields during an outage, and both new: both keys open, both edits stand', () =>
  threeMachines(async ({ hq, shop, other, chain }) => {
    await shop.stop();
    await shop.start();
    await put(shop, 'anna', { name: NAME });
    await put(other, 'anna', { phone: PHONE });
    await shop.stop();
    await shop.start(peersOf(hq));
    const both = async (at: Machine) => {
      const { name, phone } = (await at.services.customers.get('anna')) ?? {};
      return name === NAME && phone === PHONE;
    };
    await chain.until(async () => (await both(shop)) && (await both(other)) && (await both(hq)));
    await chain.until(async () => (await found(shop, '6789')).length === 1);
  }));

test('an erasure at head office reaches every device; the act says which and when', () =>
  threeMachines(async ({ hq, shop, other, chain }) => {
    await put(shop, 'anna', { name: NAME, phone: PHONE }, 'k1');
    await put(shop, 'boris', { name: 'Борис', phone: '+7 900 000-00-01' });
    await chain.until(async () => (await nameAt(hq)) === NAME && (await nameAt(other)) === NAME);
    await chain.until(async () => (await nameAt(other, 'boris')) === 'Борис');
    assert.is(await codeOf(erase(shop)), 'FORBIDDEN');
    assert.is(await codeOf(erase(hq, 'nobody')), 'CUSTOMER_NOT_FOUND');
    assert.is(await codeOf(hq.services.customers.erasure('anna')), 'ERASURE_NOT_FOUND');
    await other.stop();
    const { body } = await erase(hq);
    assert.is(body.reason, 'asked for in writing');
    await chain.until(async () => (await hq.services.customers.get('anna'))?.erased === true);
    const act = () => hq.services.customers.erasure('anna');
    const stateOf = async (branch: string) =>
      (await act()).devices.find((device) => device.branch === branch)?.state;
    await chain.until(async () => (await stateOf('B001')) === 'destroyed');
    assert.is(await stateOf('B002'), 'waiting');
    assert.is((await act()).complete, false);
    // The one that was away does so when it hears.
    await other.start(peersOf(hq));
    await chain.until(async () => (await act()).complete);
    for (const machine of [hq, shop, other]) {
      assert.is(await nameAt(machine), undefined);
      assert.equal(await found(machine, '6789'), []);
      assert.is(await nameAt(machine, 'boris'), 'Борис');
      assert.is(await codeOf(put(machine, 'anna', { name: 'Again' })), 'CUSTOMER_ERASED');
    }
    // The till that repeats is told what became of its answer, not what was in it.
    assert.is(await codeOf(put(shop, 'anna', { name: NAME, phone: PHONE }, 'k1')), 'CUSTOMER_ERASED');
    for (const machine of [hq, shop, other]) {
      await machine.stop();
      machine.loseRows();
      await machine.start(machine === hq ? {} : peersOf(hq));
      assert.is(await nameAt(machine, 'boris'), 'Борис', machine.branch);
      assert.is((await machine.services.customers.get('anna'))?.erased, true);
    }
    assert.is((await erase(hq)).body.at, body.at);
  }));

test('a key that was made by a branch that had not heard is erased as well', () =>
  threeMachines(async ({ hq, shop, other, chain }) => {
    await put(shop, 'anna', { name: NAME });
    await chain.until(async () => (await nameAt(hq)) === NAME);
    await other.stop();
    await other.start();
    await other.stop();
    const stranger = await chain.machine('B003');
    await stranger.start();
    await put(stranger, 'anna', { phone: PHONE });
    await erase(hq);
    await stranger.stop();
    await stranger.start(peersOf(hq));
    await other.start(peersOf(hq));
    await chain.until(async () => (await hq.services.customers.erasure('anna')).complete);
    assert.is((await stranger.services.customers.get('anna'))?.phone, undefined);
    const keys = [...stranger.store!.feeds().values()].filter(({ feed }) => feed.startsWith('keys/'));
    assert.ok(keys.length > 0);
    assert.ok(keys.every(({ base, head }) => base.seq === head.seq));
  }));

const sale = (customer: string, redeemPoints = 0): OrderRequest =>
  ({
    lines: [{ sku: 'TEA', quantityMilli: 1000, unitPriceMinor: 100_000, discountMinor: 0, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 100_000 }],
    customer: { id: customer, contact: EMAIL },
    redeemPoints,
  }) as unknown as OrderRequest;

test('an order keeps no contact, neither its entry nor its answer', () =>
  threeMachines(async ({ shop }) => {
    const { body } = await shop.services.orders.place(shop.request(sale('anna')));
    assert.equal(body.customer, { id: 'anna' });
    await shop.node!.settle();
    assert.not.ok(holds(await keptBy(shop), EMAIL));
  }));

test('two ids with one phone are suspected, merged once, and one afterwards on every node', () =>
  threeMachines(async ({ hq, shop, other, chain }) => {
    await put(shop, 'anna', { name: NAME, phone: '8 (912) 345 67 89' });
    await put(other, 'anna2', { name: 'Адель', phone: PHONE });
    await shop.services.orders.place(shop.request(sale('anna')));
    await other.services.orders.place(other.request(sale('anna2')));
    const balanceAt = async (at: Machine, id: string) =>
      (await at.services.customers.get(id))?.points.balance;
    await chain.until(async () => (await hq.services.customers.duplicates(10)).length === 1);
    const [group] = await hq.services.customers.duplicates(10);
    assert.is(group?.by, 'phone');
    assert.equal(
      group?.customers.map(({ id }) => id as string),
      ['anna', 'anna2'],
    );
    await chain.until(
      async () => ((await balanceAt(hq, 'anna')) ?? 0) > 0 && ((await balanceAt(hq, 'anna2')) ?? 0) > 0,
    );
    const sum = (await balanceAt(hq, 'anna'))! + (await balanceAt(hq, 'anna2'))!;
    const merge = (at: Machine, into: string, from: string) =>
      at.services.customers.merge(into, at.request({ from, reason: 'the same phone' } as never));
    assert.is(await codeOf(merge(hq, 'anna', 'anna')), 'CHANGE_INVALID');
    assert.is(await codeOf(merge(hq, 'anna', 'nobody')), 'CUSTOMER_NOT_FOUND');
    const { body } = await merge(hq, 'anna', 'anna2');
    assert.is(body.points.balance, sum);
    assert.equal((await merge(hq, 'anna', 'anna2')).body, body);
    // Meanwhile a branch that has not heard sells under the old id.
    await other.services.orders.place(other.request(sale('anna2')));
    await chain.until(async () => (await other.services.customers.get('anna2'))?.id === ('anna' as never));
    await other.services.orders.place(other.request(sale('anna2')));
    const one = async (at: Machine) => {
      const [a, b] = [await at.services.customers.get('anna'), await at.services.customers.get('anna2')];
      assert.equal(a, b);
      return a?.points.balance === sum * 2;
    };
    for (const machine of [hq, shop, other]) {
      await chain.until(() => one(machine));
      assert.equal(await machine.services.customers.duplicates(10), []);
    }
    // The points of both are one balance: more than either account has is redeemed at once.
    await chain.until(
      async () => ((await other.services.customers.get('anna'))?.points.spendableHere ?? 0) > 0,
    );
    const { spendableHere } = (await other.services.customers.get('anna'))!.points;
    const redeemed = Math.min(spendableHere, 300);
    const { body: order } = await other.services.orders.place(other.request(sale('anna2', redeemed)));
    assert.is(order.loyalty.redeemed, redeemed);
    // Erasing the one erases the other's data.
    await erase(hq, 'anna2');
    await chain.until(async () => (await hq.services.customers.erasure('anna')).complete);
    assert.equal((await hq.services.customers.erasure('anna2')).customers, ['anna', 'anna2']);
  }));

test('two branches merge the same two the other way round: every node names the same survivor', () =>
  threeMachines(async ({ hq, shop, other, chain }) => {
    await put(hq, 'a', { phone: PHONE });
    await put(hq, 'b', { phone: PHONE });
    await chain.until(
      async () =>
        (await shop.services.customers.get('b')) !== undefined &&
        (await other.services.customers.get('b')) !== undefined,
    );
    await shop.stop();
    await shop.start();
    const reason = 'the same phone';
    await shop.services.customers.merge('a', shop.request({ from: 'b', reason } as never));
    await other.services.customers.merge('b', other.request({ from: 'a', reason } as never));
    await shop.stop();
    await shop.start(peersOf(hq));
    for (const machine of [hq, shop, other]) {
      await chain.until(
        async () =>
          (await machine.services.customers.get('b'))?.id === ('a' as never) &&
          (await machine.services.customers.get('a'))?.id === ('a' as never),
      );
    }
  }));

test.run();
