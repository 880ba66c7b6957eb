/** Two head offices change one field during an outage: both values stay readable until somebody decides, and then everywhere. */
import type { ProblemError, ProductPut } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain, type Machine } from './support/chain.ts';

const test = suite('catalog conflicts');

const product = (fields: object): ProductPut => fields as ProductPut;
const conflictsAt = (machine: Machine) => machine.services.catalog.conflicts({ limit: 50 });
const peersOf = (machine: Machine) => ({ peers: [`http://${machine.address}`] });

/** Two offices and a shop that agreed on a product, then two prices set apart; all have met again. */
async function twoPrices(
  story: (places: { hq: Machine; second: Machine; shop: Machine; chain: Chain }) => Promise<void>,
): Promise<void> {
  const chain = await Chain.open();
  try {
    const hq = await chain.machine('HQ', { role: 'hq' });
    const second = await chain.machine('HQ2', { role: 'hq' });
    const shop = await chain.machine('B001');
    await hq.start();
    await second.start(peersOf(hq));
    await shop.start(peersOf(hq));
    await hq.services.products.put(
      'CHAIR',
      hq.request(product({ name: 'Chair', priceMinor: 10_000, vat: 'vat22', barcodes: ['4006381333931'] })),
    );
    await chain.until(() => [second, shop].every(({ services }) => services.products.count === 1));
    await second.stop();
    await hq.services.products.put('CHAIR', hq.request(product({ priceMinor: 11_000, category: 'Seats' })));
    await chain.pass(60_000, 1_000);
    await second.start({ mode: 'offline' });
    await second.services.products.put(
      'CHAIR',
      second.request(product({ priceMinor: 12_000, name: 'Armchair' })),
    );
    await second.stop();
    await second.start(peersOf(hq));
    await chain.until(() => [hq, second, shop].every((place) => conflictsAt(place).total === 1));
    await story({ hq, second, shop, chain });
  } finally {
    await chain.close();
  }
}

test('both values are listed with authors and times, the same list on every node; other fields are merged', () =>
  twoPrices(async ({ hq, second, shop }) => {
    const { conflicts } = conflictsAt(hq);
    assert.equal(conflictsAt(second), conflictsAt(hq));
    assert.equal(conflictsAt(shop), conflictsAt(hq));
    const [conflict] = conflicts;
    assert.equal([conflict?.sku, conflict?.field, conflict?.name], ['CHAIR', 'priceMinor', 'Armchair']);
    const values = [...(conflict?.values ?? [])].sort((a, b) => Number(a.value) - Number(b.value));
    assert.equal(
      values.map(({ value, branch, writer }) => [value, branch, writer]),
      [
        [11_000, 'HQ', hq.key.writer],
        [12_000, 'HQ2', second.key.writer],
      ],
    );
    assert.ok(Date.parse(values[1]!.at) - Date.parse(values[0]!.at) >= 60_000);
    const shown = values.find((value) => value.shown)!;
    assert.is(shop.services.products.get('CHAIR')?.priceMinor, shown.value);
    assert.is(shop.services.products.get('CHAIR')?.category, 'Seats');
    assert.is(shop.services.products.get('CHAIR')?.name, 'Armchair');
  }));

test('a decision at one node is one at every node, and survives restarts', () =>
  twoPrices(async ({ hq, second, shop, chain }) => {
    const { id } = conflictsAt(second).conflicts[0]!;
    await hq.stop();
    await hq.start();
    assert.is(conflictsAt(hq).conflicts[0]?.id, id, 'the list is kept over a restart');
    const request = second.request({ value: 11_500 });
    const { status, body } = await second.services.catalog.resolve(id, request);
    assert.equal([status, body.value], [200, 11_500]);
    await chain.until(() => [hq, second, shop].every((place) => conflictsAt(place).total === 0));
    for (const place of [hq, second, shop]) {
      assert.is(place.services.products.get('CHAIR')?.priceMinor, 11_500);
    }
    assert.equal(
      (await second.services.catalog.resolve(id, request)).body,
      body,
      'the same key, the same answer',
    );
    await shop.stop();
    shop.loseRows();
    await shop.start(peersOf(hq));
    assert.is(conflictsAt(shop).total, 0);
    assert.is(shop.services.products.get('CHAIR')?.priceMinor, 11_500);
  }));

test('the event stream tells of a conflict and of its end', () =>
  twoPrices(async ({ hq, second, shop, chain }) => {
    const seen: string[] = [];
    shop.services.events.subscribe('0', ({ type, data }) => {
      if (type === 'conflict.changed') {
        seen.push(JSON.stringify(data));
      }
    });
    const { id } = conflictsAt(second).conflicts[0]!;
    const before = seen.length;
    await second.services.catalog.resolve(id, second.request({ value: 11_500 }));
    await chain.until(() => conflictsAt(shop).total === 0 && conflictsAt(hq).total === 0);
    assert.ok(seen.length > before);
    assert.is(seen.at(-1), '{"sku":"CHAIR","field":"priceMinor"}');
  }));

test('confirming the value everybody sees settles it too', () =>
  twoPrices(async ({ hq, second, shop, chain }) => {
    const [conflict] = conflictsAt(hq).conflicts;
    const shown = conflict!.values.find((value) => value.shown)!.value;
    await hq.services.catalog.resolve(conflict!.id, hq.request({ value: shown }));
    await chain.until(() => [hq, second, shop].every((place) => conflictsAt(place).total === 0));
    assert.is(shop.services.products.get('CHAIR')?.priceMinor, shown);
  }));

test('rows lost in the middle of a conflict are made again from the feeds', () =>
  twoPrices(async ({ hq, shop }) => {
    const before = conflictsAt(shop);
    await shop.stop();
    shop.loseRows();
    await shop.start(peersOf(hq));
    assert.equal(conflictsAt(shop), before);
  }));

test('refused: a branch, a value that does not fit, a conflict that is not there', () =>
  twoPrices(async ({ hq, shop }) => {
    const { id } = conflictsAt(hq).conflicts[0]!;
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => 'accepted',
        (error: ProblemError) => error.code,
      );
    const at = (place: Machine, which: string, value: unknown) =>
      codeOf(place.services.catalog.resolve(which, place.request({ value: value as number })));
    assert.is(await at(shop, id, 11_000), 'FORBIDDEN');
    assert.is(await at(hq, id, -1), 'CHANGE_INVALID');
    assert.is(await at(hq, id, 'cheap'), 'CHANGE_INVALID');
    assert.is(await at(hq, '0000000000000000', 11_000), 'CONFLICT_NOT_FOUND');
    assert.is(conflictsAt(hq).total, 1);
  }));

test.run();
