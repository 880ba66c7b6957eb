/** The emulated device refuses where a real one would, keeps what a real one keeps, and cannot be taken for one. */
import { Backoff, seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { KKT_ADVICE, KktError, type KktErrorCode } from '../src/errors.ts';
import { decodeTagList, findTag } from '../src/ffd/document.ts';
import { saleOf } from '../src/kkt/driver-suite.ts';
import { ITEMS_MAX } from '../src/kkt/emulator/cash-register.ts';
import { FaultPlan, faultKinds, parseFaults, RULES_MAX } from '../src/kkt/emulator/faults.ts';
import { FiscalStorage } from '../src/kkt/emulator/fiscal-storage.ts';
import { KktEmulator } from '../src/kkt/emulator/kkt-emulator.ts';
import { PrintQueue, STRIPS_MAX } from '../src/kkt/emulator/print-queue.ts';
import { ShtrihCommands } from '../src/kkt/emulator/shtrih-commands.ts';
import { ShtrihServer } from '../src/kkt/emulator/shtrih-server.ts';
import { ShtrihChannel } from '../src/kkt/shtrih/channel.ts';
import { ShtrihDriver } from '../src/kkt/shtrih/driver.ts';
import { MockOfd } from '../src/ofd/mock-ofd.ts';
import { OfdPump } from '../src/ofd/pump.ts';
import { tcpOfdLink } from '../src/ofd/tcp-link.ts';
import { codeOf } from './support/code-of.ts';
import { type KktScene, shtrihScene } from './support/kkt-scene.ts';

const DAY_MS = 86_400_000;
const QUICK = { commandMs: 1, registerMs: 2, stripMs: 5 } as const;

const test = suite('kkt emulator');

async function failure(work: Promise<unknown>): Promise<KktError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KktError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

async function opened(): Promise<KktScene> {
  const scene = shtrihScene('v2', QUICK);
  await scene.drive(scene.driver.openShift(undefined));
  await scene.pass(100);
  return scene;
}

async function sell(scene: KktScene, mark: string): Promise<void> {
  const sale = saleOf(mark);
  await scene.drive(scene.driver.beginReceipt(sale));
  await scene.drive(scene.driver.closeReceipt(sale));
  await scene.pass(100);
}

test('nobody takes its documents for fiscal: FN 9999…, signs 0999…, and a name that says so', async () => {
  const scene = await opened();
  await sell(scene, 'fake');
  const { storage, printer } = scene.emulator.device;
  assert.ok(storage.fn.startsWith('9999'));
  for (const { fp } of storage.documents) assert.ok(String(fp).padStart(10, '0').startsWith('0999'));
  assert.match((await scene.drive(scene.driver.identify())).name, /EMULATOR/);
  assert.match(printer.printed.join(), /NOT FISCAL/);
  assert.throws(() => new FiscalStorage({ ...storage, fn: '8710000100000001' } as never), '9999');
});

test('a document more than 30 days without a ticket stops everything, the end of the shift as well', async () => {
  const scene = await opened();
  await sell(scene, 'old');
  await scene.drive(scene.driver.closeShift(undefined));
  await scene.clock.advance(3 * DAY_MS);
  assert.equal((await scene.drive(scene.driver.status())).warnings, ['ofd-late']);
  await scene.clock.advance(28 * DAY_MS);
  const error = await failure(scene.drive(scene.driver.openShift(undefined)));
  assert.equal([error.code, error.outcome], ['KKT_OFD_BACKLOG', 'refused']);
  assert.is((await scene.drive(scene.driver.ofdQueue())).waiting, 4);
});

test('a shift ends after 24 hours: no receipt, only its close', async () => {
  const scene = await opened();
  await scene.clock.advance(DAY_MS + 1000);
  assert.is((await scene.drive(scene.driver.status())).shift.state, 'expired');
  assert.is(
    (await failure(scene.drive(scene.driver.beginReceipt(saleOf('late'))))).code,
    'KKT_SHIFT_EXPIRED',
  );
  await scene.drive(scene.driver.closeShift(undefined));
});

test('an expired, a full and a confused storage say so', async () => {
  const expired = await opened();
  expired.emulator.device.storage.expiresSeconds = expired.emulator.device.nowSeconds + DAY_MS / 1000;
  const { warnings } = await expired.drive(expired.driver.status());
  assert.equal(warnings, ['replace-in-3-days', 'replace-in-30-days']);
  expired.emulator.device.storage.expiresSeconds = expired.emulator.device.nowSeconds;
  assert.is((await failure(expired.drive(expired.driver.beginReceipt(saleOf('x'))))).code, 'KKT_FN_EXPIRED');
  const full = await opened();
  Object.assign(full.emulator.device.storage, { capacity: 2 });
  assert.ok((await full.drive(full.driver.status())).warnings.includes('memory-90-percent'));
  assert.is((await failure(full.drive(full.driver.beginReceipt(saleOf('x'))))).code, 'KKT_FN_FULL');
  const late = await opened();
  late.emulator.device.clockOffsetSeconds = -3600;
  assert.is((await failure(late.drive(late.driver.beginReceipt(saleOf('x'))))).code, 'KKT_CLOCK_WRONG');
});

const REFUSALS: readonly (readonly [number, KktErrorCode])[] = [
  [0x03, 'KKT_FN_FAULT'],
  [0x15, 'KKT_OFD_BACKLOG'],
  [0x33, 'KKT_REFUSED'],
  [0x37, 'KKT_UNSUPPORTED'],
  [0x45, 'KKT_TOTAL_MISMATCH'],
  [0x4f, 'KKT_PASSWORD_WRONG'],
  [0x59, 'KKT_DOCUMENT_OPEN'],
  [0x71, 'KKT_PRINTER_FAULT'],
  [0x7c, 'KKT_CLOCK_WRONG'],
  [0xa0, 'KKT_MARKING_REFUSED'],
  [0xee, 'KKT_REFUSED'],
];

test('the numbers of a device become codes with advice', async () => {
  const scene = await opened();
  for (const [code, expected] of REFUSALS) {
    scene.emulator.faults.add([{ fault: 'refuse', command: 'open-receipt', code }]);
    const error = await failure(scene.drive(scene.driver.beginReceipt(saleOf('x'))));
    assert.equal([error.code, error.deviceCode, error.outcome], [expected, code, 'refused']);
    assert.is(error.hint, KKT_ADVICE[expected].hint);
  }
  scene.emulator.faults.add([{ fault: 'refuse', command: 'open-receipt', code: 0x2f }]);
  const silent = await failure(scene.drive(scene.driver.beginReceipt(saleOf('x'))));
  assert.equal(
    [silent.code, silent.outcome],
    ['KKT_FN_FAULT', 'unknown'],
    'the storage did not answer the device',
  );
});

test('a wrong password opens nothing', async () => {
  const scene = await opened();
  const server = new ShtrihServer({ emulator: scene.emulator, onFailure: () => undefined });
  const driver = new ShtrihDriver({ openLine: server.openLine(), clock: scene.clock, password: 7 });
  assert.is((await failure(scene.drive(driver.status()))).code, 'KKT_PASSWORD_WRONG');
});

test('a device that adds up to another total is not asked to close', async () => {
  const scene = await opened();
  const { device } = scene.emulator;
  Object.defineProperty(device, 'subtotalMinor', { get: () => 1 });
  const error = await failure(scene.drive(scene.driver.beginReceipt(saleOf('x'))));
  assert.equal([error.code, error.outcome], ['KKT_TOTAL_MISMATCH', 'refused']);
});

test('doubled tags are refused with one number and no word, and the receipt stays open', async () => {
  const { emulator } = await opened();
  const { device } = emulator;
  device.openReceipt('sale', 3);
  device.addItem({
    name: 'x',
    quantityMilli: 1000,
    priceMinor: 5,
    totalMinor: 5,
    vat: 'none',
    method: 4,
    subject: 1,
  });
  const cashier = Uint8Array.of(0xfd, 0x03, 1, 0, 0x41);
  device.addTags(cashier);
  device.addTags(cashier);
  const before = device.storage.lastFd;
  assert.throws(
    () => device.closeReceipt({ sums: [5], roundingMinor: 0, taxSystem: 'general' }),
    'tags-wrong',
  );
  assert.is(device.storage.lastFd, before);
  assert.ok(device.open !== undefined);
});

test('ITEMS_MAX items, sums within a kopeck, payments that suffice', async () => {
  const { emulator } = await opened();
  const { device } = emulator;
  const item = {
    name: 'x',
    quantityMilli: 1000,
    priceMinor: 5,
    totalMinor: 5,
    vat: 'none',
    method: 4,
    subject: 1,
  } as const;
  device.openReceipt('sale', 3);
  assert.throws(() => device.addItem({ ...item, totalMinor: 7 }), 'value-wrong');
  for (let items = 0; items < ITEMS_MAX; items += 1) device.addItem(item);
  assert.throws(() => device.addItem(item), 'value-wrong');
  const pay = { roundingMinor: 0, taxSystem: 'general' } as const;
  assert.throws(
    () => device.closeReceipt({ sums: [5 * ITEMS_MAX], ...pay }),
    'storage error 16',
    '30 KB at most',
  );
  device.cancel();
  await emulator.clock.yield();
  device.printer.settle(device.nowMs + 1_000);
  device.openReceipt('sale', 3);
  for (let items = 0; items < 10; items += 1) device.addItem(item);
  const close = (sums: number[]) => () => device.closeReceipt({ sums, ...pay });
  assert.throws(close([49]), 'payments-short');
  assert.throws(close([0, 51]), 'payments-short', 'no change from a card');
  assert.is(close([53])().changeMinor, 3);
});

test('a receipt in the storage holds what was sold, tag by tag', async () => {
  const scene = await opened();
  await sell(scene, 'tags');
  const [document] = scene.emulator.device.storage.documents.slice(-1);
  const nodes = decodeTagList(document!.tags, '1.2', 3);
  const value = (tag: number) => findTag(nodes, tag)?.value;
  assert.is(value(1020), 37_000);
  assert.is(value(1031), 30_000);
  assert.is(value(1081), 7_000);
  assert.is(value(1008), '+79990000000');
  assert.is(value(1021), 'Иванова И. И.');
  assert.is(value(1203), '500100732259');
  assert.is(value(1103), 818, '10 % of 90.00');
  const items = nodes.filter(({ tag }) => tag === 1059);
  assert.is(items.length, 2);
  const cheese = items[1]!.value as typeof nodes;
  assert.is(findTag(cheese, 1030)?.value, 'Сыр');
  assert.is(findTag(cheese, 1023)?.value, 0.35);
  assert.is(findTag(cheese, 2108)?.value, 11, 'kilograms');
});

test('the pump carries its documents to an operator, in order, and the tickets come back', async () => {
  const clock = systemClock();
  const emulator = new KktEmulator({ clock, ...QUICK });
  const server = new ShtrihServer({ emulator, onFailure: (error) => assert.unreachable(String(error)) });
  const driver = new ShtrihDriver({ openLine: server.openLine(), clock });
  await driver.openShift(undefined);
  await using ofd = await MockOfd.open({ clock });
  const delivered: (number | undefined)[] = [];
  const pump = new OfdPump({
    port: driver.messagePort(emulator.device.storage.fn),
    link: tcpOfdLink({ ...ofd.address, clock }),
    clock,
    random: seededRandom(1),
    backoff: new Backoff({ baseMs: 10, capMs: 100 }),
    onEvent: (report) => delivered.push(report.key?.fd),
  });
  const stop = new AbortController();
  const run = pump.run(stop.signal);
  await until(30_000, 'both documents are delivered', () => delivered.length === 2);
  stop.abort();
  await run;
  assert.equal(delivered, [1, 2]);
  assert.is((await driver.findDocument(2))?.isDelivered, true);
  assert.equal(await driver.ofdQueue(), { waiting: 0, first: undefined });
  assert.equal(emulator.device.storage.unacknowledged, []);
  await driver.close();
});

test('a ticket that is none, or for another document, is refused and the document waits', async () => {
  const scene = await opened();
  const { storage } = scene.emulator.device;
  const port = scene.driver.messagePort(storage.fn)!;
  const { signal } = new AbortController();
  const answer = storage.message()!;
  const { blockBytes } = await scene.drive(port.prepare(answer.length, { signal }));
  let verdict: unknown;
  for (let at = 0; at < answer.length; at += blockBytes) {
    const part = answer.subarray(at, at + blockBytes);
    const isLast = at + blockBytes >= answer.length;
    verdict = await scene.drive(port.write(at, part, { isLast, signal }));
  }
  assert.equal(verdict, { accepted: false, fnError: 0x20 });
  assert.is(storage.unacknowledged.length, 2);
});

test('tables are read, written and described', async () => {
  const scene = await opened();
  const server = new ShtrihServer({ emulator: scene.emulator, onFailure: () => undefined });
  const channel = new ShtrihChannel({ openLine: server.openLine(), clock: scene.clock, password: 30 });
  const ask = (...args: Parameters<Parameters<Parameters<ShtrihChannel['exclusive']>[1]>[0]>) =>
    scene.drive(channel.exclusive({}, (execute) => execute(...args)));
  const table = await ask('table-structure', (writer) => writer.byte(18));
  assert.is(table.text(40), 'Fiscal storage');
  assert.equal([table.number(2), table.byte()], [1, 9]);
  const field = await ask('field-structure', (writer) => writer.byte(18).byte(4));
  assert.is(field.text(40), 'FN number');
  const fn = await ask('read-table', (writer) => writer.byte(18).number(1, 2).byte(4));
  assert.is(fn.text(16), scene.emulator.device.storage.fn);
  await ask('write-table', (writer) => writer.byte(21).number(1, 2).byte(4).number(7780, 2));
  const port = await ask('read-table', (writer) => writer.byte(21).number(1, 2).byte(4));
  assert.is(port.number(2), 7780);
  assert.is(
    (await failure(ask('read-table', (writer) => writer.byte(99).number(1, 2).byte(1)))).deviceCode,
    0x33,
  );
  await channel.close();
});

test('a command it does not know and one cut short are refused by number', async () => {
  const { emulator } = await opened();
  const commands = new ShtrihCommands(emulator.device);
  assert.equal([...commands.answer(Uint8Array.of(0x99))], [0x99, 0x37]);
  assert.equal([...commands.answer(Uint8Array.of(0xff, 0x46, 30, 0, 0, 0, 1))], [0xff, 0x46, 0x33]);
});

test('stopped and started again it goes on where it was', async () => {
  const scene = await opened();
  await sell(scene, 'kept');
  await scene.drive(scene.driver.moveCash({ direction: 'in', amountMinor: 500 }));
  const saved = JSON.parse(JSON.stringify(scene.emulator.toJson()));
  const again = shtrihScene('v1', { ...QUICK, saved });
  const status = await again.drive(again.driver.status());
  assert.equal([status.lastFd, status.shift.state, status.shift.receipts], [3, 'open', 1]);
  assert.is((await again.drive(again.driver.findDocument(3)))?.mark, 'kept');
  assert.is(await again.drive(again.driver.cashMinor()), 30_500);
  assert.is((await again.drive(again.driver.ofdQueue())).waiting, 3);
});

test('printing takes its time, stops without paper, and goes on when told', () => {
  const printer = new PrintQueue(100);
  printer.add('a', 0);
  assert.is(printer.state(50), 'printing');
  assert.is(printer.state(100), 'idle');
  printer.runOutAfter(0);
  printer.add('b', 200);
  assert.is(printer.state(300), 'no-paper');
  printer.insertPaper();
  assert.is(printer.state(10_000), 'stopped');
  printer.continue(10_000);
  assert.is(printer.state(10_050), 'printing');
  assert.is(printer.state(10_100), 'idle');
  assert.equal(printer.printed, ['a', 'b']);
  printer.hasPaper = false;
  for (let strip = 0; strip <= STRIPS_MAX; strip += 1) printer.add(String(strip), 20_000);
  printer.insertPaper();
  printer.continue(20_000);
  printer.state(1_000_000);
  assert.is(printer.printed.length, 2 + STRIPS_MAX, 'STRIPS_MAX wait, the oldest gave way');
});

test('a fault script is read strictly', () => {
  const rules = [{ fault: 'lost-reply', command: 'close-receipt', skip: 1, times: 2, ms: 5, code: 7 }];
  assert.equal(parseFaults(rules), rules);
  const wrong: readonly unknown[] = [
    'x',
    [1],
    [null],
    [{ fault: 'unknown' }],
    [{ fault: 'noise', command: 5 }],
    [{ fault: 'noise', ms: 'soon' }],
    [{ fault: 'noise', when: 1 }],
    Array.from({ length: RULES_MAX + 1 }, () => ({ fault: 'noise' })),
  ];
  for (const script of wrong)
    assert.is(
      codeOf(() => parseFaults(script)),
      'KKT_FAULTS_INVALID',
    );
  assert.ok(faultKinds.length > 15);
});

test('rules fire for their command, after those skipped, as often as they say', () => {
  const plan = new FaultPlan();
  plan.add([{ fault: 'busy', command: 'cut', skip: 1, times: 2 }, { fault: 'noise' }]);
  assert.equal(
    plan.take('cut').map(({ fault }) => fault),
    ['noise'],
  );
  assert.equal(plan.take('item'), []);
  assert.equal([plan.take('cut').length, plan.take('cut').length, plan.take('cut').length], [1, 1, 0]);
  assert.is(plan.fired, 3);
  const many = Array.from({ length: RULES_MAX + 1 }, () => ({ fault: 'noise' }) as const);
  assert.is(
    codeOf(() => plan.add(many)),
    'KKT_FAULTS_INVALID',
  );
  plan.add([{ fault: 'noise' }]);
  plan.clear();
  assert.is(plan.waiting, 0);
});

test('corrections up to FFD 1.1 have a command of their own', async () => {
  const scene = shtrihScene('v2', { ...QUICK, registration: { ffd: '1.05' } });
  await scene.drive(scene.driver.openShift(undefined));
  await scene.pass(100);
  const correction = saleOf('old', { correction: { by: 'own', day: '2024-12-31', reason: 'забыли' } });
  const { extra: _, ...plain } = correction;
  await scene.drive(scene.driver.beginReceipt(plain));
  const mark = await scene.drive(scene.driver.closeReceipt(plain));
  const document = await scene.drive(scene.driver.findDocument(mark.fd));
  assert.equal([document?.form, document?.totalMinor, document?.settlement], [31, 37_000, 'sale']);
});

test.run();
