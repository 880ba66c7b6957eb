// limit: 120 s
/** The return of a fleet, small: everything that runs for hundreds of branches runs here for two. Nothing looks at how long it took. */

import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { agreementOf, expectAgreement } from '../src/fleet/agreement.ts';
import { branchDay, headOfficeDay } from '../src/fleet/day.ts';
import { branchesOf, DAY_MS, FLEET_DEFAULT } from '../src/fleet/plan.ts';
import type { NodeState } from '../src/fleet/words.ts';
import { type BenchError, runBench } from '../src/index.ts';

const test = suite('fleet');
const plan = { ...FLEET_DEFAULT, seed: 1 };

test('a day is the same for the same seed, in the order of time, with what a shop does in it', () => {
  const branch = branchesOf(plan)[3]!;
  const deeds = branchDay(plan, branch);
  assert.equal(deeds, branchDay(plan, branch));
  const times = deeds.map(({ atMs }) => atMs);
  assert.equal(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.ok(times.every((ms) => ms >= 0 && ms < DAY_MS));
  const orders = deeds.flatMap((deed) => (deed.do === 'sell' ? [deed.order] : []));
  assert.is(orders.length, 300);
  assert.ok(orders.every(({ lines }) => lines.length >= 1 && lines.length <= 5));
  const named = orders.filter(({ customer }) => customer !== undefined).length;
  assert.ok(named > 90 && named < 150, `${named} of 300 with a customer`);
  const office = headOfficeDay(plan);
  assert.is(office.filter((deed) => deed.do === 'price').length, 500);
  assert.is(office.find((deed) => deed.do === 'import')?.rows.length, 2_000);
});

test('two branches return, and everything there is to compare is compared', async () => {
  await using dir = await TempDir.open('bench-fleet');
  const { report } = await runBench({
    clock: systemClock(),
    cases: ['fleet'],
    scale: 0.01,
    outDir: dir.path,
    settings: { dataDir: dir.path },
  });
  const [fleet] = report.cases;
  assert.is(fleet?.facts.branches, 2);
  assert.is(fleet?.facts['nodes compared afterwards'], 3);
  assert.ok(fleet!.facts['encoded minimum up, MB']! > 0);
  assert.ok(fleet!.facts['bytes up, MB']! > fleet!.facts['encoded minimum up, MB']!);
});

test('a node that has something else is named, and there are no figures', () => {
  const state: NodeState = {
    code: 'B001',
    feeds: { 'orders/B001/w': '3:aa' },
    heads: { 'catalog/0': 'h' },
    products: 'p',
    customers: 'c',
    orders: { B001: { count: 3, totalMinor: 300 } },
    stock: 's',
  };
  const office = { ...state, code: 'HQ' };
  const relay = { 'orders/B001/w': '3:aa' };
  const whole = { states: [{ ...state, region: 'R' }], office: [{ region: 'R', state: office }], relay };
  assert.equal(agreementOf(whole), []);
  const faults = [
    { ...whole, relay: { 'orders/B001/w': '2:bb' } },
    { ...whole, relay: { ...relay, 'orders/B002/w': '1:cc' } },
    { ...whole, states: [{ ...state, region: 'R', heads: { 'catalog/0': 'other' } }] },
    { ...whole, states: [{ ...state, region: 'R', products: 'other' }] },
    { ...whole, states: [{ ...state, region: 'R', orders: { B001: { count: 2, totalMinor: 200 } } }] },
  ];
  for (const fault of faults) {
    const found = agreementOf(fault);
    assert.ok(found.length > 0);
    try {
      expectAgreement(found);
      assert.unreachable();
    } catch (error) {
      assert.is((error as BenchError).code, 'BENCH_DISAGREEMENT');
    }
  }
});

test.run();
