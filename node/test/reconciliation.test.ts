/** The books of a day: a clean one says so, every kind of difference is found and named, and found no more once it is put right. */
import { encodeTags } from '@branchline/fiscal';
import type { DayReconciliation } from '@branchline/model';
import { ManualClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KnownReceipt } from '../src/fiscal/receipts.ts';
import { rowKeys } from '../src/projections/row-keys.ts';
import { type RowLevel, Rows } from '../src/projections/rows.ts';
import { BOOKS_ALARM, DAYS_LOOKED_BACK, DailyLook, QUIET_WAIT_MS } from '../src/reports/daily-look.ts';
import { MISMATCHES_MAX, RECONCILED_MAX, reconcileDay } from '../src/reports/day-reconciliation.ts';
import { stampAt } from '../src/reports/days.ts';
import { KktScene } from './support/kkt-scene.ts';
import { RegisterScene } from './support/register-scene.ts';

const test = suite('the books of a day');
const DAY = '2026-11-22';
const DAY_MS = 86_400_000;

const cup = (minor: number) => ({
  lines: [{ sku: 'CUP', quantityMilli: 1000, unitPriceMinor: minor, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: minor }],
});
const wait = () => ({ ms: undefined, signal: new AbortController().signal });

type Services = KktScene['services'];
const booksOf = (services: Services, day = DAY): Promise<DayReconciliation> =>
  services.reports.reconcile({ day, offsetMinutes: 0 });
const kinds = ({ mismatches }: DayReconciliation) => mismatches.map(({ kind }) => kind);

test('a day on which everything fits says so, with what was compared', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const orders = [await scene.sell(), await scene.sell()];
  await scene.untilDelivered(orders);
  const books = await booksOf(scene.services);
  assert.equal(books, {
    branch: 'B001',
    day: DAY,
    orders: 2,
    refunds: 0,
    salesMinor: 52_392,
    refundsMinor: 0,
    documents: 2,
    confirmed: 2,
    shifts: 0,
    mismatches: [],
    moreMismatches: 0,
    complete: true,
    words: 'Every book says the same.',
  } as unknown);
  assert.is((await booksOf(scene.services, '2026-11-21')).orders, 0, 'another day');
});

test('a sale without a document, a foreign document, a drawer that does not fit, unacknowledged documents: each is named', async () => {
  await using scene = await KktScene.open();
  const first = await scene.sell(cup(1_000));
  await scene.until(first, 'printed');
  // Another program on the same register.
  const { chain } = scene;
  const stranger = scene.driver();
  const shown = (await scene.receipt(first)).fd!;
  await chain.running(
    (async () => {
      await stranger.closeShift({ name: 'Stranger' });
      await stranger.openShift({ name: 'Stranger' });
      await stranger.close();
    })(),
  );
  const second = await scene.sell(cup(2_000));
  await scene.until(second, 'printed');
  assert.ok((await scene.receipt(second)).fd! > shown + 2);
  const request = scene.machine.request({ countedCashMinor: 2_999 });
  await scene.running(() => scene.services.shifts.close(request, wait()));
  scene.emulator.device.printer.isCoverOpen = true;
  const third = await scene.sell(cup(4_000));
  const books = await booksOf(scene.services);
  assert.equal(
    kinds(books).filter((kind) => kind !== 'register'),
    ['receipt', 'document', 'operator', 'cash'],
  );
  const [receipt, gap, operator] = books.mismatches;
  assert.match(receipt!.words, new RegExp(`^${third.number} has no fiscal document\\.`));
  assert.match(gap!.words, /^Documents \d+ to \d+ of storage 9999\d+ belong to nothing sold here/);
  assert.equal([operator!.expected, operator!.found], [2, 0]);
  const cash = books.mismatches.find(({ kind }) => kind === 'cash');
  assert.equal([cash!.expected, cash!.found], [3_000, 2_999]);
  assert.equal([books.shifts, books.documents, books.confirmed], [1, 2, 0]);

  // Put right, it is found no more.
  scene.emulator.device.printer.isCoverOpen = false;
  await scene.until(third, 'printed');
  assert.not.ok(kinds(await booksOf(scene.services)).includes('receipt'));
});

/** Rows of orders whose receipts all have one document each. */
async function booksWith(count: number, tagsOf: () => Promise<Uint8Array | undefined>) {
  const level = new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
  const rows = await Rows.open({ level: level as unknown as RowLevel, onFailure: () => {} });
  const at = `${DAY}T12:00:00.000Z`;
  for (let number = 1; number <= count; number += 1) {
    const id = `order-${number}`;
    rows.putText(rowKeys.order(id), JSON.stringify({ number: id, at, totalMinor: 1_000, receipt: { id } }));
    rows.putText(rowKeys.branchOrder('B001', stampAt(Date.parse(at) + number), id), id);
  }
  const get = async (id: string) =>
    ({ outcome: { fn: '9999', fd: Number(id.slice('order-'.length)) } }) as unknown as KnownReceipt;
  const sources = { rows, receipts: { get, tagsOf }, branch: 'B001' };
  return await reconcileDay(sources, { day: DAY, offsetMinutes: 0 });
}

test('a document that says another sum than its order needs a correction', async () => {
  const saying = (minor: number) => async () => encodeTags([{ tag: 1020, value: minor }], '1.2', 3);
  const [amount] = (await booksWith(1, saying(2_000))).mismatches;
  assert.equal(
    [amount!.kind, amount!.ref, amount!.expected, amount!.found],
    ['amount', '9999/1', 1_000, 2_000],
  );
  assert.equal(kinds(await booksWith(1, saying(1_000))), ['operator']);
  assert.equal(
    kinds(await booksWith(1, async () => undefined)),
    ['operator'],
    'what was not kept is not compared',
  );
});

test('more differences than can be listed are counted; more orders than one answer goes through are said', async () => {
  const wrong = async () => encodeTags([{ tag: 1020, value: 1 }], '1.2', 3);
  const long = await booksWith(MISMATCHES_MAX + 2, wrong);
  assert.equal([long.mismatches.length, long.moreMismatches, long.complete], [MISMATCHES_MAX, 3, true]);
  const longer = await booksWith(RECONCILED_MAX + 1, async () => undefined);
  assert.equal([longer.orders, longer.complete], [RECONCILED_MAX, false]);
});

test('oversold goods stand there until somebody has cleared it up', async () => {
  await using scene = await KktScene.open({ bare: true });
  const { stock } = scene.services;
  await stock.receive(scene.machine.request({ lines: [{ sku: 'CUP', quantityMilli: 1000 }] }) as never);
  await scene.sell(cup(1_000));
  await scene.sell(cup(1_000));
  await scene.chain.until(async () => (await stock.oversells({ state: 'open', limit: 9 })).length === 1);
  const books = await booksOf(scene.services);
  assert.equal(kinds(books), ['stock'], 'and without a register no documents are missed');
  assert.is(books.mismatches[0]!.found, -1000);
});

test('the day after, an alarm stands until the books fit', async () => {
  await using scene = await KktScene.open();
  scene.emulator.device.printer.isCoverOpen = true;
  const order = await scene.sell(cup(1_000));
  const alarms = () => scene.services.sync.status().alarms.filter(({ code }) => code === BOOKS_ALARM);
  await scene.chain.pass(6_000, 1_000);
  assert.is(alarms().length, 0, 'today is not over');
  scene.chain.clock.jumpWall(DAY_MS);
  await scene.chain.until(() => alarms().length === 1);
  assert.match(alarms()[0]!.detail, new RegExp(`${order.number} has no fiscal document`));
  scene.emulator.device.printer.isCoverOpen = false;
  await scene.until(order, 'printed');
  scene.chain.clock.jumpWall(DAY_MS);
  await scene.chain.until(() => alarms().length === 0);
});

test('the books of before are not read while something is written, unless that never ends', async () => {
  const clock = new ManualClock(Date.UTC(2026, 10, 23, 9));
  const store = { position: 1 };
  const read: string[] = [];
  const look = new DailyLook({
    clock,
    store,
    alarms: { raise: () => undefined, clear: () => undefined },
    reconcile: async ({ day }) => {
      read.push(day!);
      return { mismatches: [], moreMismatches: 0 } as never;
    },
  });
  const busyUntil = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5_000) {
      await look.look();
      store.position += 1;
      await clock.advance(5_000);
    }
  };
  await busyUntil(60_000);
  assert.equal(read, []);
  await look.look();
  await look.look();
  await look.look();
  assert.equal(read, ['2026-11-22', '2026-11-21', '2026-11-20'], 'once, when it is quiet');
  clock.jumpWall(DAY_MS);
  read.length = 0;
  await busyUntil(QUIET_WAIT_MS);
  assert.equal(read, []);
  await look.look();
  assert.is(read.length, DAYS_LOOKED_BACK);
});

test.run();
