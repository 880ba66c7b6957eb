/** S-26: the shift, by the log and by the register; with a register, without one, and with one that is away or counts otherwise. */
import type { ShiftTotals, ShiftView } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRANDS_MAX, SHIFT_MAX_MS } from '../src/fiscal/fiscal-desk.ts';
import { BACKLOG_RECEIPTS_MAX } from '../src/fiscal/shifts.ts';
import { KktScene } from './support/kkt-scene.ts';

const test = suite('the shift');

const cup = (minor: number, payments: object[] = [{ kind: 'cash', amountMinor: minor }]) => ({
  lines: [{ sku: 'CUP', quantityMilli: 1000, unitPriceMinor: minor, discountMinor: 0, vat: 'vat22' }],
  payments,
});
const wait = () => ({ ms: undefined, signal: new AbortController().signal });

class Tills {
  readonly scene: KktScene;
  constructor(scene: KktScene) {
    this.scene = scene;
  }
  view(): Promise<ShiftView> {
    return this.scene.running(() => this.scene.services.shifts.view());
  }
  async open(till = 'T1'): Promise<ShiftView> {
    const request = this.scene.machine.request({}, { till });
    return (await this.scene.running(() => this.scene.services.shifts.open(request, wait()))).body;
  }
  async close(body: object = {}): Promise<ShiftView> {
    const request = this.scene.machine.request(body);
    return (await this.scene.running(() => this.scene.services.shifts.close(request, wait()))).body;
  }
  async cash(direction: 'in' | 'out', amountMinor: number): Promise<ShiftView> {
    const request = this.scene.machine.request({ amountMinor });
    return (await this.scene.running(() => this.scene.services.shifts.moveCash(direction, request))).body;
  }
}

function sums({ sales, refunds, ...rest }: ShiftTotals) {
  return {
    sold: [sales.count, sales.totalMinor, sales.cashMinor, sales.cardMinor],
    back: refunds.count,
    ...rest,
  };
}

test('is opened by the first sale, and adds up by payment, VAT rate and till', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  assert.is((await tills.view()).state, 'closed');
  await scene.sell(cup(12_200, [{ kind: 'cash', amountMinor: 20_000 }]));
  await scene.sell(cup(6_100, [{ kind: 'card', amountMinor: 6_100 }]), 'T2');
  await tills.cash('in', 5_000);
  const view = await tills.cash('out', 1_000);
  assert.is(view.state, 'open');
  assert.equal(sums(view.totals), {
    sold: [2, 18_300, 12_200, 6_100],
    back: 0,
    cashInMinor: 5_000,
    cashOutMinor: 1_000,
    drawerChangeMinor: 16_200,
  });
  assert.equal(view.totals.sales.vat, [{ vat: 'vat22', totalMinor: 18_300, vatMinor: 3_300 }]);
  assert.equal(
    view.tills.map(({ till, totals }) => [till, totals.sales.totalMinor]),
    [
      ['T1', 12_200],
      ['T2', 6_100],
    ],
  );
  assert.is(view.drawerMinor, 16_200);
});

test('closes with the report of the register, and both counted the same', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  const opened = await tills.open();
  assert.equal([opened.state, opened.register.state, opened.register.number], ['open', 'open', 1]);
  const order = await scene.sell(cup(12_200, [{ kind: 'cash', amountMinor: 20_000 }]));
  await scene.sell(cup(6_100, [{ kind: 'card', amountMinor: 6_100 }]));
  await tills.cash('in', 5_000);
  const closed = await tills.close({ countedCashMinor: 17_200 });
  assert.equal(closed.differences, []);
  assert.equal([closed.state, closed.register.state, closed.register.receipts], ['closed', 'closed', 2]);
  assert.is(closed.words, 'The shift is closed.');
  assert.equal([closed.drawerMinor, closed.countedCashMinor], [17_200, 17_200]);
  assert.is(scene.emulator.device.cashMinor, 17_200);
  assert.equal([scene.count(2), scene.count(3), scene.count(5)], [1, 2, 1]);
  assert.is((await scene.receipt(order)).state, 'printed');
  assert.equal(closed.backlog.receipts, []);
  assert.equal(await tills.view(), { ...closed, backlog: (await tills.view()).backlog });
});

test('a second opening and a second closing are refused, and the drawer gives no more than it has', async () => {
  await using scene = await KktScene.open({ bare: true });
  const tills = new Tills(scene);
  const { shifts } = scene.services;
  const refused = (work: () => Promise<unknown>) => scene.refused(work);
  assert.is(await refused(() => shifts.close(scene.machine.request({}), wait())), 'SHIFT_CLOSED');
  await tills.open();
  assert.is(await refused(() => shifts.open(scene.machine.request({}), wait())), 'SHIFT_OPEN');
  assert.is(
    await refused(() => shifts.moveCash('out', scene.machine.request({ amountMinor: 1 }))),
    'CASH_SHORT',
  );
  const other = scene.machine.request({ till: 'T2' as never }, { till: 'T1' });
  assert.is(await refused(() => shifts.close(other, wait())), 'TILL_MISMATCH');
});

test('without a register it is the log alone, and is closed before it is 24 hours old', async () => {
  await using scene = await KktScene.open({ bare: true });
  const tills = new Tills(scene);
  await scene.sell(cup(500));
  const closed = await tills.close();
  assert.equal([closed.register.state, closed.totals.sales.totalMinor], ['none', 500]);
  await scene.sell(cup(700));
  await scene.chain.pass(SHIFT_MAX_MS + 120_000, 60_000);
  const old = await tills.view();
  assert.equal([old.state, old.totals.sales.totalMinor, old.drawerMinor], ['closed', 700, 1_200]);
});

test('a node restarted without its rows knows the shift again', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  await scene.until(await scene.sell(cup(500)), 'printed');
  await tills.close();
  await scene.until(await scene.sell(cup(900)), 'printed');
  await tills.cash('in', 100);
  await scene.chain.until(() => scene.emulator.device.cashMinor === 1_500);
  const before = await tills.view();
  await scene.machine.stop();
  scene.machine.loseRows();
  await scene.machine.start();
  await scene.chain.until(async () => (await tills.view()).register.state === 'open');
  const { backlog: _, register: __, ...known } = await tills.view();
  const { backlog: ___, register: ____, ...meant } = before;
  assert.equal(known, meant);
  assert.is(known.drawerMinor, 1_500);
});

test('closed with the register away: final by the log, reported when the register is back', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  await scene.until(await scene.sell(cup(500)), 'printed');
  scene.emulator.cutPower(60_000);
  const order = await scene.sell(cup(700));
  const closed = await tills.close();
  assert.equal([closed.register.state, closed.totals.sales.totalMinor], ['waiting', 1_200]);
  assert.equal(
    closed.backlog.receipts.map(({ id }) => id),
    [order.receipt.id],
  );
  await scene.chain.until(async () => (await tills.view()).register.state === 'closed');
  const { differences, totals, register } = await tills.view();
  assert.equal([differences, totals.sales.totalMinor, register.receipts], [[], 1_200, 2]);
});

test('a receipt by another program is a difference with words and an alarm, and stops nothing', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  await scene.until(await scene.sell(cup(500)), 'printed');
  await scene.chain.pass(2_000, 100);
  scene.emulator.device.sellElsewhere(9_900);
  await scene.chain.pass(2_000, 100);
  const closed = await tills.close();
  assert.ok(
    closed.differences.some(
      ({ what, log, register }) => what === 'sales, total' && log === 500 && register === 10_400,
    ),
  );
  assert.ok(closed.differences.some(({ what }) => what === 'documents of another program'));
  assert.ok(scene.services.sync.status().alarms.some(({ code }) => code === 'SHIFT_MISMATCH'));
  await scene.until(await scene.sell(cup(100)), 'printed');
});

test('an X report comes on paper, changes nothing, and says why it cannot', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  await scene.until(await scene.sell(cup(500)), 'printed');
  const x = await scene.running(() => scene.services.shifts.xReport(true));
  assert.equal([x.printed, x.shift.totals.sales.totalMinor, x.shift.register.cashMinor], [true, 500, 500]);
  assert.equal([scene.count(2), scene.count(3), scene.count(5)], [1, 1, 0]);
  scene.emulator.device.printer.hasPaper = false;
  const none = await scene.running(() => scene.services.shifts.xReport(true));
  assert.is(none.printed, false);
  assert.match(none.words, /out of paper/);
  const many = Array.from({ length: ERRANDS_MAX + 1 }, () => scene.services.shifts.xReport(true));
  const answers = await scene.running(() => Promise.all(many));
  assert.ok(answers.every(({ printed }) => !printed));
  scene.emulator.device.printer.insertPaper();
  assert.is((await tills.view()).state, 'open');
});

for (const fault of ['forgotten-reply', 'power-cut-after', 'power-cut-before'] as const) {
  test(`cash is told to the register once at most: ${fault}`, async () => {
    await using scene = await KktScene.open();
    const tills = new Tills(scene);
    await tills.open();
    scene.emulator.faults.add([{ fault, command: 'cash-in', ms: 1_000 }]);
    await tills.cash('in', 700);
    await scene.chain.until(() => scene.emulator.faults.waiting === 0);
    await scene.chain.pass(30_000, 100);
    assert.ok([0, 700].includes(scene.emulator.device.cashMinor));
    await scene.crash();
    await scene.machine.start();
    await scene.chain.pass(30_000, 100);
    assert.ok([0, 700].includes(scene.emulator.device.cashMinor));
    assert.is((await tills.view()).drawerMinor, 700);
  });
}

test('a backlog lists so many receipts and counts the rest', async () => {
  await using scene = await KktScene.open();
  const tills = new Tills(scene);
  scene.emulator.device.printer.hasPaper = false;
  for (let at = 0; at < BACKLOG_RECEIPTS_MAX + 2; at += 1) {
    await scene.sell(cup(100));
  }
  const { backlog } = await tills.view();
  assert.equal([backlog.receipts.length, backlog.moreReceipts], [BACKLOG_RECEIPTS_MAX, 2]);
});

test.run();
