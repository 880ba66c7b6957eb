// limit: 300 s
/**
 * Fourteen things a fiscal adapter has to hold, by number: Z1 to Z14. Each runs the real node, the emulated register over its real
 * protocol and the mock operator over TCP; only the clock is moved by hand. What is asserted is what storage and operator have.
 */
import { entriesOf, type FeedStore, writerOf } from '@branchline/feed';
import type { OfdBehaviour } from '@branchline/fiscal';
import type { Order, OrderRequest, RefundRequest } from '@branchline/model';
import { HybridClock, ManualClock, memoryBound, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpApp } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { bookcase, RegisterScene } from '../support/register-scene.ts';

const test = suite('fiscal acceptance');

const FN = '9999000000000001';
const RECEIPT = 3;
const SHIFT_OPENED = 2;
const SHIFT_CLOSED = 5;
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

// The same with a real process and a real SIGKILL at every step: packages/cli/test/stories/fiscal-kill.test.ts.
test('Z2: power cut or lost reply at every command of a sale, with the node killed: one paper, one record at the operator', async () => {
  const commands = [
    'full-status',
    'open-receipt',
    'item',
    'send-tags',
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
      assert.is(scene.emulator.faults.waiting, 0, `${fault} of ${command}`);
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

test('Z4: an operator that hangs, is slow, drops, answers 4xx, 5xx or with a TLS alert, or refuses, does not move the p95 of a sale', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
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
  const calm: number[] = [];
  for (let sold = 0; sold < 20; sold += 1) await timed(calm);
  const troubles: readonly OfdBehaviour[] = [
    { kind: 'hang' },
    { kind: 'slow', delayMs: 5_000 },
    { kind: 'drop', at: 'connect' },
    { kind: 'drop', at: 'message' },
    { kind: 'drop', at: 'answer' },
    { kind: 'garbage', text: 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'.padEnd(96) },
    { kind: 'garbage', text: 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n'.padEnd(96) },
    // An alert of level fatal: handshake failure.
    { kind: 'garbage', text: '\x15\x03\x01\x00\x02\x02\x28' },
    { kind: 'wrong-crc' },
    { kind: 'refuse', code: 14 },
  ];
  const p95 = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1]!;
  for (const behaviour of troubles) {
    scene.ofd.clearRules();
    scene.ofd.script({ behaviour });
    const troubled: number[] = [];
    for (let sold = 0; sold < 8; sold += 1) await timed(troubled);
    assert.ok(
      p95(troubled) <= p95(calm) * 1.1,
      `${JSON.stringify(behaviour)}: ${p95(troubled)} ms against ${p95(calm)} ms`,
    );
  }
  scene.ofd.clearRules();
  for (const { id } of (await scene.services.outbox.quarantine({ limit: 100 })).items) {
    await scene.services.outbox.retry(id, scene.machine.request({}, { role: 'admin' }));
  }
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
  // Two devices that hear of each other: what is stamped after hearing is later, whatever the wall clocks say.
  const [here, there] = [
    new ManualClock(Date.UTC(2026, 10, 22, 9)),
    new ManualClock(Date.UTC(2026, 10, 22, 8, 59, 50)),
  ];
  const ahead = await HybridClock.open({ clock: here, bound: memoryBound() });
  const behind = await HybridClock.open({ clock: there, bound: memoryBound() });
  for (let told = 0; told < 100; told += 1) {
    const said = ahead.now();
    behind.observe(said);
    assert.ok(behind.now() > said);
  }
  await using scene = await RegisterScene.open({ ofd: true });
  const orders: Order[] = [await scene.sell()];
  scene.chain.clock.jumpWall(-HOUR_MS);
  orders.push(await scene.sell());
  await scene.crash();
  await scene.start();
  orders.push(await scene.sell());
  const told = orders.map(({ hlc }) => hlc);
  assert.equal([...told].sort(), told);
  assert.is(new Set(told).size, told.length);
  // Across devices that stamp in the same millisecond: an entry is known by its stamp and its writer, an order by its id.
  const next = await RegisterScene.open({
    chain: scene.chain,
    operator: scene.ofd,
    branch: 'B002',
    fn: '9999000000000002',
  });
  for (const jumpMs of [0, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS]) {
    scene.chain.clock.jumpWall(jumpMs);
    for (let sold = 0; sold < 25; sold += 1) {
      orders.push(...(await Promise.all([scene.sell(), next.sell()])));
    }
    await next.crash();
    await next.start();
  }
  assert.is(new Set(orders.map(({ id }) => id)).size, orders.length);
  assert.is(new Set(orders.map(({ receipt }) => receipt.id)).size, orders.length);
  const known = new Set<string>();
  let entries = 0;
  for (const { machine } of [scene, next]) {
    const own = await stampsOf(machine.store!, machine.key.writer);
    entries += own.length;
    for (const stamp of own) known.add(`${stamp} ${machine.key.writer}`);
  }
  assert.ok(entries > 400);
  assert.is(known.size, entries);
});

/** Stamps a device has put on entries, feed by feed; in each they grow. */
async function stampsOf(store: FeedStore, writer: string): Promise<bigint[]> {
  const stamps: bigint[] = [];
  for (const [feed, { base, head }] of store.feeds()) {
    let last = 0n;
    for (let next = base.seq + 1; writerOf(feed) === writer && next <= head.seq; ) {
      const run = (await store.read(feed, next, 1_000_000))!;
      for (const { hlc } of entriesOf(run)) {
        assert.ok(hlc > last, `${feed} goes back`);
        last = hlc;
        stamps.push(hlc);
      }
      next = run.from + run.entries.length;
    }
  }
  return stamps;
}

test('Z7: ten tills selling at once: the p95 from a sale to its registration is at most seven seconds, none twice', async () => {
  await using scene = await RegisterScene.open({ ofd: true, stripMs: 100 });
  const { clock } = scene.chain;
  await scene.until(await scene.sell('first'), 'printed');
  const tookMs: number[] = [];
  const orders: Order[] = [];
  let serving = 10;
  const till = async (name: number): Promise<void> => {
    for (let customer = 0; customer < 6; customer += 1) {
      const fromMs = clock.nowMs();
      const order = await scene.sell(`till-${name}-${customer}`);
      assert.is(clock.nowMs(), fromMs, 'the sale itself waits for nothing');
      orders.push(order);
      while (!['fiscal', 'printed'].includes((await scene.receipt(order)).state)) await clock.sleep(50);
      tookMs.push(clock.nowMs() - fromMs);
    }
    serving -= 1;
  };
  const tills = Promise.all(Array.from({ length: 10 }, (_, name) => till(name)));
  await scene.chain.until(() => serving === 0);
  await tills;
  const p95 = tookMs.sort((a, b) => a - b)[Math.ceil(tookMs.length * 0.95) - 1]!;
  assert.is(tookMs.length, 60);
  assert.ok(p95 <= 7_000, `p95 of ${p95} ms`);
  await scene.untilDelivered(orders);
  const receipts = scene.emulator.device.storage.documents.filter(({ form }) => form === RECEIPT);
  assert.is(receipts.length, 61);
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

test('Z9: a sale of another branch is given back where the right to return is, once, with one document at the register there', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const { chain } = scene;
  const office = await chain.machine('HQ', { role: 'hq' });
  await office.start();
  const settings = { peers: [`ws://${office.address}`] };
  await scene.machine.stop();
  await scene.start(settings);
  const next = await RegisterScene.open({
    chain,
    operator: scene.ofd,
    branch: 'B002',
    fn: '9999000000000002',
    settings,
  });
  await chain.until(() =>
    [scene, next].every(({ services }) => services.sync.status().peers[0]?.state === 'connected'),
  );
  const order = await scene.sell();
  const back = (at: RegisterScene, quantityMilli: number, body: object = {}) =>
    chain.running(
      codeOf(
        at.services.orders.refund(
          order.id,
          at.machine.request({
            lines: [{ line: 0, quantityMilli }],
            restock: true,
            ...body,
          } as unknown as RefundRequest),
        ),
      ),
    );
  assert.is(await back(next, 1_000), 'ORDER_NOT_FOUND', 'a branch that never saw it, told by nobody');
  // Head office does not answer: nobody knows what was given back already.
  chain.network.partition(next.machine.address, office.address);
  chain.network.partition(office.address, next.machine.address);
  assert.is.not(await back(next, 1_000, { soldAt: 'B001' }), 'done');
  assert.is(next.count(RECEIPT), 0);
  chain.network.heal();
  await chain.until(() => next.services.sync.status().peers[0]?.state === 'connected');
  assert.is(await back(next, 2_000, { soldAt: 'B001' }), 'REFUND_EXCEEDS');
  assert.is(await back(next, 400, { soldAt: 'B001' }), 'done');
  await chain.until(() => next.count(RECEIPT) === 1);
  assert.is(next.emulator.device.storage.documents.at(-1)!.settlement, 'sale-return');
  // The right is away, and the seller cannot ask for it: what is left is not given back by both.
  chain.network.partition(scene.machine.address, office.address);
  chain.network.partition(office.address, scene.machine.address);
  assert.is(await back(scene, 500), 'REFUND_ELSEWHERE');
  chain.network.heal();
  await chain.pass(5_000, 100);
  assert.equal([scene.count(RECEIPT), next.count(RECEIPT)], [1, 1]);
});

/** What a storage registered in a shift of its own numbering. */
function countedIn(scene: RegisterScene, shift: number) {
  const { documents } = scene.emulator.device.storage;
  const receipts = documents.filter((document) => document.form === RECEIPT && document.shift === shift);
  const sumOf = (kind: string): number =>
    receipts.reduce((sum, { settlement, totalMinor = 0 }) => sum + (settlement === kind ? totalMinor : 0), 0);
  return { receipts: receipts.length, soldMinor: sumOf('sale'), backMinor: sumOf('sale-return') };
}

const patience = () => ({ ms: undefined, signal: new AbortController().signal });
const ARTICLE_MINOR = 26_196;

test('Z10: X and Z report with and without the operator: opening + cash sales - cash back + in - out is what is in the drawer', async () => {
  for (const isOnline of [true, false]) {
    await using scene = await RegisterScene.open({ ofd: true });
    if (!isOnline) scene.ofd.script({ behaviour: { kind: 'hang' } });
    const { chain, machine } = scene;
    const { shifts, orders } = scene.services;
    const card = {
      ...bookcase,
      payments: [{ kind: 'card', amountMinor: ARTICLE_MINOR }],
    } as unknown as OrderRequest;
    const sold = [await scene.sell(), await scene.sell(), (await orders.place(machine.request(card))).body];
    await chain.running(shifts.moveCash('in', machine.request({ amountMinor: 10_000 } as never)));
    await chain.running(shifts.moveCash('out', machine.request({ amountMinor: 2_500 } as never)));
    const back = { lines: [{ line: 0, quantityMilli: 1_000 }], restock: true } as unknown as RefundRequest;
    await orders.refund(sold[0]!.id, machine.request(back));
    await chain.until(() => scene.count(RECEIPT) === 4);
    for (const order of sold) await scene.until(order, 'printed');
    const drawerMinor = 2 * ARTICLE_MINOR - ARTICLE_MINOR + 10_000 - 2_500;

    // Cash is told to the register between receipts.
    await chain.until(() => scene.emulator.device.cashMinor === drawerMinor);
    const x = await chain.running(shifts.xReport(true));
    const before = scene.emulator.device.storage.lastFd;
    assert.equal([x.printed, x.shift.state, x.shift.register.cashMinor], [true, 'open', drawerMinor]);
    assert.equal([x.shift.drawerMinor, scene.emulator.device.cashMinor], [drawerMinor, drawerMinor]);
    assert.is(scene.emulator.device.storage.lastFd, before, 'an X report is no document');

    const z = (
      await chain.running(
        shifts.close(machine.request({ countedCashMinor: drawerMinor } as never), patience()),
      )
    ).body;
    assert.equal([z.state, z.register.state, z.differences], ['closed', 'closed', []], String(isOnline));
    const { sales, refunds, cashInMinor, cashOutMinor, drawerChangeMinor } = z.totals;
    assert.is(sales.cashMinor - refunds.cashMinor + cashInMinor - cashOutMinor, drawerChangeMinor);
    assert.is(sales.cashMinor + sales.cardMinor + sales.otherMinor, sales.totalMinor);
    assert.is(
      sales.vat.reduce((sum, { totalMinor }) => sum + totalMinor, 0),
      sales.totalMinor,
    );
    assert.is(drawerChangeMinor, drawerMinor);
    const counted = countedIn(scene, z.register.number!);
    assert.equal(counted, { receipts: 4, soldMinor: sales.totalMinor, backMinor: refunds.totalMinor });
    assert.equal([sales.totalMinor, refunds.totalMinor], [3 * ARTICLE_MINOR, ARTICLE_MINOR]);
    const last = scene.emulator.device.storage.documents.at(-1)!;
    assert.equal([last.form, last.fd, last.shift], [SHIFT_CLOSED, z.register.fd, z.register.number]);
    assert.equal(isOnline ? [] : scene.ledgerOf(FN), [], 'the operator is not needed for any of it');
  }
});

test('Z11: cash survives crashes in the middle of selling, and each shift reconciles by itself', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const { chain } = scene;
  let leftMinor = 0;
  for (const count of [3, 2, 4]) {
    const orders: Order[] = [];
    for (let sold = 0; sold < count; sold += 1) {
      orders.push(await scene.sell());
      if (sold === 1) {
        // Some of it is registered, some is not.
        await scene.until(orders[0]!, 'printed');
        await scene.crash();
        await scene.start();
      }
    }
    for (const order of orders) await scene.until(order, 'printed');
    const { shifts } = scene.services;
    const request = scene.machine.request({} as never);
    const z = (await chain.running(shifts.close(request, patience()))).body;
    const soldMinor = count * ARTICLE_MINOR;
    leftMinor += soldMinor;
    assert.equal([z.state, z.differences], ['closed', []]);
    assert.equal(
      [z.totals.sales.count, z.totals.sales.totalMinor, z.totals.drawerChangeMinor],
      [count, soldMinor, soldMinor],
    );
    assert.equal(countedIn(scene, z.register.number!), { receipts: count, soldMinor, backMinor: 0 });
    assert.is(z.register.receipts, count);
    // What earlier shifts left is still in the drawer, and counted once.
    assert.equal([z.drawerMinor, scene.emulator.device.cashMinor], [leftMinor, leftMinor]);
  }
  assert.equal([scene.count(SHIFT_OPENED), scene.count(SHIFT_CLOSED)], [3, 3]);
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

/** The value of a sample, scraped over HTTP; undefined when there is none. */
async function scrape(url: string, name: string, code?: string): Promise<number | undefined> {
  const response = await fetch(`${url}/metrics`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const label = code === undefined ? '' : `code="${code}"`;
  const line = (await response.text())
    .split('\n')
    .find((text) => (text.startsWith(`${name} `) || text.startsWith(`${name}{`)) && text.includes(label));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
}

test('Z13: metrics are scraped over HTTP; each alarm of the way from the register to the operator fires, and ends with its cause', async () => {
  await using scene = await RegisterScene.open({ ofd: true, stripMs: 0 });
  const { chain, emulator } = scene;
  const app = createHttpApp(scene.services, { clock: chain.clock, version: '0' });
  const server = await HttpServer.open({
    handler: app.handler,
    host: '127.0.0.1',
    port: 0,
    clock: chain.clock,
  });
  const value = (name: string, code?: string) => scrape(server.url, name, code);
  const eventually = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (let look = 0; look < 600 && !(await holds()); look += 1) await chain.pass(500, 50);
    assert.ok(await holds(), what);
  };
  const stands = (code: string) =>
    eventually(`${code} stands`, async () => (await value('branchline_alarms', code)) === 1);
  const isOver = (code: string) =>
    eventually(`${code} is over`, async () => (await value('branchline_alarms', code)) === 0);
  try {
    const first = await scene.sell();
    await scene.untilDelivered([first]);
    assert.is(await value('branchline_alarms', 'OFD_UNREACHABLE'), undefined);

    scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
    const second = await scene.sell();
    await scene.until(second, 'printed');
    await stands('OFD_UNREACHABLE');
    await eventually('documents wait', async () => ((await value('branchline_ofd_waiting')) ?? 0) >= 1);
    scene.ofd.clearRules();
    await scene.untilDelivered([second]);
    await isOver('OFD_UNREACHABLE');
    await eventually('none waits', async () => (await value('branchline_ofd_waiting')) === 0);
    assert.ok(((await value('branchline_ofd_delivered_total')) ?? 0) >= 2);

    emulator.swapStorage();
    await stands('KKT_NOT_READY');
    const waiting: Order[] = [];
    for (let sold = 0; sold < 160; sold += 1) waiting.push(await scene.sell());
    await stands('OUTBOX_FILLING');
    emulator.restoreStorage();
    await isOver('KKT_NOT_READY');
    await scene.untilDelivered(waiting);
    await isOver('OUTBOX_FILLING');

    const poisonFd = emulator.device.storage.lastFd + 1;
    scene.ofd.script({ behaviour: { kind: 'refuse', code: 11 }, fn: FN, fd: poisonFd });
    const refused = await scene.sell();
    await stands('OUTBOX_QUARANTINED');
    scene.ofd.clearRules();
    const [item] = (await scene.services.outbox.quarantine({ limit: 10 })).items;
    await scene.services.outbox.retry(item!.id, scene.machine.request({}, { role: 'admin' }));
    await scene.untilDelivered([refused]);
    await isOver('OUTBOX_QUARANTINED');

    scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
    const late = await scene.sell();
    await scene.until(late, 'printed');
    await chain.pass(2 * 24 * HOUR_MS + HOUR_MS, 60_000);
    await stands('OFD_LATE');
    scene.ofd.clearRules();
    await scene.untilDelivered([late]);
    await isOver('OFD_LATE');
    await assertOnce(scene, [first, second, ...waiting, refused, late]);
  } finally {
    app.close();
    await chain.running(server.close());
  }
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
