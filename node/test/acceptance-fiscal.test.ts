// limit: 150 s
/**
 * Fourteen things a fiscal adapter has to hold, by number: Z1 to Z14. Each runs the real node, the emulated register over its real
 * protocol and the mock operator over TCP; only the clock is moved by hand. What is asserted is what storage and operator have.
 */
import type { Order, OrderRequest, RefundRequest } from '@branchline/model';
import { HybridClock, ManualClock, memoryBound, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bookcase, RegisterScene } from './support/register-scene.ts';

const test = suite('fiscal acceptance');

const FN = '9999000000000001';
const RECEIPT = 3;
const SHIFT_OPENED = 2;
const HOUR_MS = 3_600_000;

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

/** Every receipt in the storage is the only one of its order, and the operator has each document once, in order. */
async function assertOnce(scene: RegisterScene, orders: readonly Order[]): Promise<void> {
  const fds = await Promise.all(orders.map(async (order) => (await scene.receipt(order)).fd));
  assert.is(new Set(fds).size, orders.length, 'one document to an order');
  assert.is(scene.count(RECEIPT), orders.length, 'no document without an order');
  const { documents } = scene.emulator.device.storage;
  assert.equal(
    scene.ledgerOf(FN),
    documents.map(({ fd }) => fd),
    'with the operator, in order',
  );
  assert.equal([scene.ofd.state.conflicts, scene.ofd.state.disordered], [0, 0]);
}

test('Z1: the same key, at once, again, after a crash: one fiscal document and one answer; another body is refused', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const [first, second] = await Promise.all([scene.sell('once'), scene.sell('once')]);
  assert.equal(first, second);
  await scene.until(first, 'printed');
  await scene.crash();
  await scene.start();
  assert.is((await scene.sell('once')).id, first.id);
  const other = { ...bookcase, payments: [{ kind: 'cash', amountMinor: 50_000 }] } as unknown as OrderRequest;
  const request = scene.machine.request(other, { key: 'once' });
  assert.is(await codeOf(scene.services.orders.place(request)), 'IDEMPOTENCY_MISMATCH');
  await scene.untilDelivered([first]);
  await assertOnce(scene, [first]);
});

test('Z2: power cut or lost reply at every command of a sale, with the node killed: one paper, one record at the operator', async () => {
  const commands = [
    'open-receipt',
    'close-receipt',
    'message-begin',
    'message-read',
    'answer-begin',
    'answer-write',
  ];
  for (const command of commands) {
    for (const fault of ['power-cut-before', 'power-cut-after', 'lost-reply', 'forgotten-reply'] as const) {
      await using scene = await RegisterScene.open({ ofd: true });
      const first = await scene.sell();
      await scene.untilDelivered([first]);
      scene.emulator.faults.add([{ fault, command, ms: 500 }]);
      const order = await scene.sell();
      for (let step = 0; step < 600 && scene.emulator.faults.waiting > 0; step += 1) {
        await scene.chain.pass(100, 20);
      }
      await scene.crash();
      await scene.start();
      await scene.untilDelivered([order]);
      await assertOnce(scene, [first, order]);
    }
  }
});

test('Z3: a printer without paper is said in words, nothing is sent to the operator unregistered, and it prints when mended', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const first = await scene.sell();
  await scene.untilDelivered([first]);
  scene.emulator.device.printer.hasPaper = false;
  const order = await scene.sell();
  await scene.chain.until(async () => (await scene.receipt(order)).reason === 'KKT_PAPER_OUT');
  const before = scene.ledgerOf(FN);
  await scene.chain.pass(60_000, 500);
  const waiting = await scene.receipt(order);
  assert.equal([waiting.state, waiting.ofd, waiting.fd], ['waiting', 'none', undefined]);
  assert.equal(scene.ledgerOf(FN), before);
  scene.emulator.device.printer.insertPaper();
  await scene.untilDelivered([order]);
  await assertOnce(scene, [first, order]);
});

test('Z4: an operator that hangs, drops, talks nonsense or refuses does not hold up a sale or its receipt', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const calm: number[] = [];
  const troubled: number[] = [];
  const orders: Order[] = [];
  const timed = async (into: number[]): Promise<void> => {
    const fromMs = scene.chain.clock.nowMs();
    const order = await scene.sell();
    // Accepted without any time passing; registered as soon as the register is.
    assert.is(scene.chain.clock.nowMs(), fromMs);
    await scene.until(order, 'fiscal', 'printed');
    into.push(scene.chain.clock.nowMs() - fromMs);
    orders.push(order);
    await scene.chain.pass(3_000, 100);
  };
  await timed([]);
  for (let sold = 0; sold < 10; sold += 1) await timed(calm);
  for (const behaviour of [
    { kind: 'hang' },
    { kind: 'drop', at: 'message' },
    { kind: 'garbage' },
    { kind: 'wrong-crc' },
  ] as const) {
    scene.ofd.clearRules();
    scene.ofd.script({ behaviour });
    for (let sold = 0; sold < 3; sold += 1) await timed(troubled);
  }
  const worst = (values: readonly number[]): number => Math.max(...values);
  assert.ok(worst(troubled) <= worst(calm) * 1.1, `${worst(troubled)} ms against ${worst(calm)} ms`);
  scene.ofd.clearRules();
  await scene.untilDelivered(orders);
  await assertOnce(scene, orders);
});

test('Z5: a poisoned document stands in quarantine with its words, the shop next door is served, a replay delivers it', async () => {
  await using poisoned = await RegisterScene.open({ ofd: true });
  const next = await RegisterScene.open({
    chain: poisoned.chain,
    operator: poisoned.ofd,
    branch: 'B002',
    fn: '9999000000000002',
  });
  poisoned.ofd.script({ behaviour: { kind: 'refuse', code: 11 }, fn: FN, fd: 3 });
  const order = await poisoned.sell();
  const others = [await next.sell(), await next.sell(), await next.sell()];
  const items = async () => (await poisoned.services.outbox.quarantine({ limit: 10 })).items;
  await poisoned.chain.until(async () => (await items()).length === 1);
  await next.untilDelivered(others);
  assert.is((await poisoned.receipt(order)).ofd, 'queued');
  const [item] = await items();
  assert.match(item!.why.words, /code 11/);
  poisoned.ofd.clearRules();
  await poisoned.services.outbox.retry(item!.id, poisoned.machine.request({}, { role: 'admin' }));
  await poisoned.untilDelivered([order]);
  await assertOnce(poisoned, [order]);
});

test('Z6: an hour back, a day ahead, restarts, two devices: stamps only grow and no two are equal', async () => {
  const clock = new ManualClock(Date.UTC(2026, 10, 22, 9));
  const bounds = [memoryBound(), memoryBound()];
  const stamps = bounds.map((): bigint[] => []);
  for (const jumpMs of [0, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS, 0]) {
    clock.jumpWall(jumpMs);
    for (const [at, bound] of bounds.entries()) {
      const hlc = await HybridClock.open({ clock, bound });
      for (let taken = 0; taken < 1_000; taken += 1) stamps[at]!.push(hlc.now());
      await hlc.close();
    }
  }
  for (const own of stamps) {
    assert.ok(own.every((stamp, at) => at === 0 || stamp > own[at - 1]!));
  }
  await using scene = await RegisterScene.open({ ofd: true });
  const orders: Order[] = [await scene.sell()];
  scene.chain.clock.jumpWall(-HOUR_MS);
  orders.push(await scene.sell());
  await scene.crash();
  await scene.start();
  orders.push(await scene.sell());
  const told = orders.map(({ hlc }) => hlc);
  // The writer is part of what an entry is known by: equal stamps of two devices are still two entries.
  assert.equal([...told].sort(), told);
  assert.is(new Set(told).size, told.length);
});

test('Z7: ten tills at once: every sale is registered within seven seconds of its turn, none twice', async () => {
  await using scene = await RegisterScene.open({ ofd: true, stripMs: 0 });
  await scene.until(await scene.sell('first'), 'printed');
  const fromMs = scene.chain.clock.nowMs();
  const tills = Array.from({ length: 10 }, (_, till) => scene.sell(`till-${till}`));
  const orders = await Promise.all(tills);
  assert.is(scene.chain.clock.nowMs(), fromMs);
  for (const order of orders) await scene.until(order, 'printed');
  const tookMs = scene.chain.clock.nowMs() - fromMs;
  assert.ok(tookMs <= 7_000, `${tookMs} ms for ten`);
});

test('Z8: the 201st waiting receipt is a sale like any other; 80, 90 and 100 % are told on the way', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.emulator.device.printer.hasPaper = false;
  const told = new Set<string>();
  for (let sold = 1; sold <= 201; sold += 1) {
    assert.is((await scene.sell()).state, 'accepted');
    const alarm = scene.services.sync.status().alarms.find(({ code }) => code === 'OUTBOX_FILLING');
    const percent = /(\d+) %/.exec(alarm?.detail ?? '')?.[1];
    if (percent !== undefined) told.add(percent);
  }
  assert.equal([...told], ['80', '90', '100']);
  const shown = scene.services.sync.status().fiscal!;
  assert.is(shown.receiptsWaiting, 201);
});

test('Z9: what is not sold cannot be given back, a part can, once, and never more than was sold; each has its document', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const { orders } = scene.services;
  const order = await scene.sell();
  const back = (id: string, quantityMilli: number, key?: string) =>
    orders.refund(
      id,
      scene.machine.request(
        { lines: [{ line: 0, quantityMilli }], restock: true } as unknown as RefundRequest,
        key === undefined ? {} : { key },
      ),
    );
  assert.is(await codeOf(back('019e0000-0000-7000-8000-000000000000', 1_000)), 'ORDER_NOT_FOUND');
  assert.is(await codeOf(back(order.id, 2_000)), 'REFUND_EXCEEDS');
  // The operator does not have the sale yet: the refund is taken all the same, its document follows the sale's.
  const first = (await back(order.id, 400, 'part')).body;
  assert.equal((await back(order.id, 400, 'part')).body, first);
  assert.is(await codeOf(back(order.id, 700)), 'REFUND_EXCEEDS');
  await back(order.id, 600);
  assert.is(await codeOf(back(order.id, 1)), 'REFUND_EXCEEDS');
  await scene.chain.until(() => scene.count(RECEIPT) === 3);
  const { documents } = scene.emulator.device.storage;
  const receipts = documents.filter(({ form }) => form === RECEIPT);
  assert.equal(
    receipts.map(({ settlement }) => settlement),
    ['sale', 'sale-return', 'sale-return'],
  );
  const [sold, ...returned] = receipts.map(({ totalMinor }) => totalMinor ?? 0);
  assert.is(
    returned.reduce((sum, minor) => sum + minor, 0),
    sold,
  );
});

test('Z10: a shift of cash and card adds up to what was sold, with and without the operator', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'hang' } });
  const orders = [await scene.sell(), await scene.sell(), await scene.sell()];
  for (const order of orders) await scene.until(order, 'printed');
  const { documents } = scene.emulator.device.storage;
  const receipts = documents.filter(({ form }) => form === RECEIPT);
  const sum = receipts.reduce((total, { totalMinor }) => total + (totalMinor ?? 0), 0);
  assert.is(
    sum,
    orders.reduce((total, { totalMinor }) => total + totalMinor, 0),
  );
  assert.is(scene.emulator.device.cashMinor, sum, 'cash in the drawer, change taken off');
  assert.equal(new Set(receipts.map(({ shift }) => shift)).size, 1);
});

test('Z11: the drawer and the shift survive a crash of the node in the middle of selling', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const before = [await scene.sell(), await scene.sell()];
  await scene.until(before[0]!, 'printed');
  await scene.crash();
  await scene.start();
  const after = await scene.sell();
  for (const order of [...before, after]) await scene.until(order, 'printed');
  assert.is(scene.count(SHIFT_OPENED), 1, 'one shift');
  assert.is(scene.emulator.device.cashMinor, 3 * 26_196);
});

test('Z12: ten thousand products in less than two minutes, all or nothing, also while receipts wait', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.emulator.device.printer.hasPaper = false;
  await scene.sell();
  const office = await scene.chain.machine('HQ', { role: 'hq' });
  const { products } = await office.start();
  const rows = Array.from({ length: 10_000 }, (_, at) => ({
    sku: `LENS-${at}`,
    name: `Lens ${at}`,
    priceMinor: 1_000 + at,
    vat: 'vat22',
  })) as unknown as Parameters<NonNullable<typeof office.node>['importCatalog']>[0];
  const broken = [...rows.slice(0, 500), { ...rows[500]!, priceMinor: -1 }];
  assert.not.equal(await scene.chain.running(codeOf(office.node!.importCatalog(broken))), 'done');
  assert.is(products.count, 0);
  const wall = systemClock();
  const fromMs = wall.monotonicMs();
  await scene.chain.running(office.node!.importCatalog(rows));
  assert.is(products.count, 10_000);
  assert.ok(wall.monotonicMs() - fromMs < 120_000);
  // A shop may not write the catalog, whatever waits there.
  const refused = scene.services.products.putMany(
    scene.machine.request({ products: rows.slice(0, 1) } as never, { role: 'admin' }),
  );
  assert.is(await codeOf(refused), 'FORBIDDEN');
});

test('Z13: metrics are there to be scraped, and each alarm of the way to the operator stands while its cause does', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const order = await scene.sell();
  await scene.until(order, 'printed');
  await scene.chain.until(() => scene.alarms().includes('OFD_UNREACHABLE'));
  const value = (name: string, label?: string) =>
    scene.services
      .metrics()
      .filter((sample) => sample.name === name && (label === undefined || sample.labels?.code === label))[0]
      ?.value;
  assert.is(value('branchline_alarms', 'OFD_UNREACHABLE'), 1);
  await scene.chain.until(() => (value('branchline_ofd_waiting') ?? 0) >= 3);
  scene.ofd.clearRules();
  await scene.untilDelivered([order]);
  await scene.chain.until(() => value('branchline_alarms', 'OFD_UNREACHABLE') === 0);
  await scene.chain.until(() => value('branchline_ofd_waiting') === 0);
  assert.ok((value('branchline_ofd_delivered_total') ?? 0) >= 2);
});

test('Z14: eight hours without the operator, 200 receipts; drained within ten minutes, in order, none twice', async () => {
  await using scene = await RegisterScene.open({ ofd: true, stripMs: 0 });
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const orders: Order[] = [];
  for (let sold = 0; sold < 200; sold += 1) {
    orders.push(await scene.sell());
    await scene.chain.pass((8 * HOUR_MS) / 200, 4_000);
  }
  await scene.chain.until(() => scene.count(RECEIPT) === 200);
  assert.is(scene.ofd.state.documents, 0);
  scene.ofd.clearRules();
  const fromMs = scene.chain.clock.nowMs();
  await scene.chain.until(async () => (await scene.services.outbox.status()).totals.pending === 0);
  const tookMs = scene.chain.clock.nowMs() - fromMs;
  assert.ok(tookMs <= 600_000, `drained in ${tookMs / 1_000} s`);
  await assertOnce(scene, orders);
});

test.run();
