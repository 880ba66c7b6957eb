/** "Clock steps, wrong year, drift": sales go on, stamps stay ordered, and somebody is told. */
import type { OrderRequest } from '@branchline/model';
import { parseStamp, stampMs } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain, type Machine } from '../support/chain.ts';

const YEAR_MS = 365 * 24 * 3_600_000;

const clocks = suite('clocks that step');

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

const sell = async (machine: Machine): Promise<string> =>
  (await machine.services.orders.place(machine.request(sale))).body.hlc;

async function shop(test: (machine: Machine, chain: Chain) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const machine = await chain.machine('B001');
  await machine.start();
  try {
    await test(machine, chain);
  } finally {
    await chain.close();
  }
}

clocks(
  'G8: sales go on over steps back and forth, a year either way, and a restart; their stamps only grow',
  () =>
    shop(async (machine, chain) => {
      const stamps = [await sell(machine)];
      for (const jumpMs of [
        -5_000,
        3_600_000,
        -YEAR_MS,
        2 * YEAR_MS,
        -3 * YEAR_MS,
        -30 * YEAR_MS,
        31 * YEAR_MS,
      ]) {
        chain.clock.jumpWall(jumpMs);
        stamps.push(...(await Promise.all([sell(machine), sell(machine)])));
        await chain.pass(2_000, 100);
        stamps.push(await sell(machine));
        await machine.crash();
        await machine.start();
        stamps.push(await sell(machine));
      }
      assert.equal(stamps, [...stamps].sort());
      assert.is(new Set(stamps).size, stamps.length);
      const { orders } = await machine.services.orders.list({ limit: 100 });
      assert.equal(
        orders.map(({ hlc }) => hlc),
        stamps,
      );
      assert.equal(
        orders.map(({ number }) => number),
        stamps.map((_, index) => `B001-${String(index + 1).padStart(6, '0')}`),
      );
    }),
);

clocks('after a crash orders are stamped with the time of now, not with the end of a block saved ahead', () =>
  shop(async (machine, chain) => {
    const stamps: string[] = [];
    for (let crashes = 0; crashes < 3; crashes += 1) {
      stamps.push(await sell(machine));
      await chain.pass(100);
      await machine.crash();
      await machine.start();
      const next = await sell(machine);
      stamps.push(next);
      assert.is(stampMs(parseStamp(next)), chain.clock.nowMs());
    }
    assert.equal(stamps, [...stamps].sort());
  }),
);

clocks('a peer far ahead is an alarm and pulls nobody along; both go on selling and agree', async () => {
  const chain = await Chain.open();
  const [a, b] = [await chain.machine('B001'), await chain.machine('B001')];
  await a.start();
  chain.clock.jumpWall(YEAR_MS);
  // Stamps follow a step once the bound above them is saved, which the first one asks for.
  await sell(a);
  await chain.pass(2_000, 100);
  const ahead = await sell(a);
  await a.stop();
  chain.clock.jumpWall(-YEAR_MS);
  await b.start();
  await sell(b);
  await a.start({ peers: [`http://${b.address}`] });
  await chain.until(async () => (await b.services.orders.list({ limit: 9 })).orders.length === 3);
  const alarms = () => b.services.sync.status().alarms.map(({ code }) => code);
  await chain.until(() => alarms().includes('CLOCK_AHEAD'));
  assert.ok((await sell(b)) < ahead);
  assert.ok((await sell(a)) > ahead);
  await chain.until(async () => (await b.services.stock.get('CHAIR'))?.onHandMilli === -5000);
  await chain.close();
});

clocks.run();
