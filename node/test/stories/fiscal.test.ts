/** G6, G7: a sale with a register beside it. Printed once, whatever happens to printer, line, storage and node; never in the way. */
import { KktEmulator, MockOfd, ShtrihDriver, ShtrihServer, tcpOfdLink } from '@branchline/fiscal';
import type { FiscalReceipt, Order, OrderRequest, ReceiptState } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SHIFT_MAX_MS, WAITERS_MAX } from '../../src/fiscal/fiscal-desk.ts';
import { LATE_DAYS, LIMIT_DAYS } from '../../src/fiscal/ofd-watch.ts';
import type { NodeKkt } from '../../src/fiscal/open-fiscal.ts';
import { CLAIMS_HELD_MAX } from '../../src/fiscal/receipts.ts';
import { Chain, type Machine } from '../support/chain.ts';

const test = suite('a sale with a register');

const RECEIPT = 3;
const SHIFT_OPENED = 2;
const SHIFT_CLOSED = 5;
const DAY_MS = 86_400_000;

const bookcase = {
  lines: [{ sku: 'CHAIR', quantityMilli: 3000, unitPriceMinor: 26196, discountMinor: 1, vat: 'vat22' }],
  payments: [
    { kind: 'card', amountMinor: 50_000 },
    { kind: 'cash', amountMinor: 30_000 },
  ],
  redeemPoints: 0,
} as unknown as OrderRequest;

class Scene {
  readonly chain: Chain;
  readonly machine: Machine;
  readonly emulator: KktEmulator;
  readonly #server: ShtrihServer;
  #driver: ShtrihDriver | undefined;

  private constructor(chain: Chain, machine: Machine) {
    this.chain = chain;
    this.machine = machine;
    this.emulator = new KktEmulator({ clock: chain.clock });
    this.#server = new ShtrihServer({
      emulator: this.emulator,
      onFailure: (error) => {
        throw error;
      },
    });
  }

  static async open(more: Partial<NodeKkt> = {}): Promise<Scene> {
    const chain = await Chain.open();
    const scene = new Scene(chain, await chain.machine('B001'));
    scene.connect(more);
    await scene.machine.start();
    return scene;
  }

  /** Another program on the same line. */
  driver(): ShtrihDriver {
    return new ShtrihDriver({ openLine: this.#server.openLine(), clock: this.chain.clock, protocol: 'v2' });
  }

  connect(more: Partial<NodeKkt>): void {
    this.machine.kkt = () => {
      this.#driver = this.driver();
      return { driver: this.#driver, taxSystem: 'general', ...more };
    };
  }

  /** The node is gone in the middle of whatever it did: the line falls silent, the rows that were not flushed are lost. */
  async crash(): Promise<void> {
    if (this.#driver !== undefined) {
      await this.chain.running(this.#driver.close());
    }
    await this.machine.crash();
  }

  async sell(): Promise<Order> {
    return (await this.machine.services.orders.place(this.machine.request(bookcase))).body;
  }

  async receipt({ receipt }: Order): Promise<FiscalReceipt> {
    return (await this.machine.services.receipts.get(receipt.id))!;
  }

  until(order: Order, ...states: ReceiptState[]): Promise<void> {
    return this.chain.until(async () => states.includes((await this.receipt(order)).state));
  }

  /** Documents of a form in the storage. */
  count(form: number): number {
    return this.emulator.device.storage.documents.filter((document) => document.form === form).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chain.close();
  }
}

test('opens the shift by itself and is registered with number, sign and QR text', async () => {
  await using scene = await Scene.open();
  const order = await scene.sell();
  assert.is(order.receipt.state, 'waiting');
  await scene.until(order, 'printed');
  const receipt = await scene.receipt(order);
  assert.is(receipt.order, order.id);
  assert.is(receipt.fn, '9999000000000001');
  assert.match(receipt.fp!, /^\d{10}$/);
  assert.match(receipt.qr!, /^t=\d{8}T\d{6}&s=785\.87&fn=9999000000000001&i=\d+&fp=\d{10}&n=1$/);
  assert.is(receipt.ofd, 'queued');
  assert.equal([scene.count(SHIFT_OPENED), scene.count(RECEIPT)], [1, 1]);
  assert.is((await scene.machine.services.orders.get(order.id))?.receipt.state, 'printed');
  const { orders } = await scene.machine.services.orders.list({ limit: 10 });
  assert.equal(
    orders.map((each) => each.receipt.state),
    ['printed'],
  );
});

test('may hold its answer until the receipt is registered, and no longer than it was told to', async () => {
  await using scene = await Scene.open();
  const { orders } = scene.machine.services;
  const place = (ms: number) => {
    const { signal } = new AbortController();
    return scene.chain.running(orders.place(scene.machine.request(bookcase), { ms, signal }));
  };
  assert.is((await place(7_000)).body.receipt.state === 'waiting', false);
  scene.emulator.device.printer.hasPaper = false;
  const startedMs = scene.chain.clock.nowMs();
  assert.is((await place(7_000)).body.receipt.state, 'waiting');
  assert.ok(scene.chain.clock.nowMs() - startedMs < 8_000);
  const many = Array.from({ length: WAITERS_MAX + 1 }, () => place(3_000));
  assert.ok((await Promise.all(many)).every(({ status }) => status === 201));
});

test('without paper is accepted, says in words what to do, and prints when there is paper again', async () => {
  await using scene = await Scene.open();
  await scene.until(await scene.sell(), 'printed');
  scene.emulator.device.printer.hasPaper = false;
  const order = await scene.sell();
  await scene.chain.until(async () => (await scene.receipt(order)).reason === 'KKT_PAPER_OUT');
  assert.match((await scene.receipt(order)).words, /out of paper\. Put paper in/);
  assert.is(scene.count(RECEIPT), 1);
  scene.emulator.device.printer.insertPaper();
  await scene.until(order, 'printed');
  assert.is(scene.count(RECEIPT), 2);
});

test('G8: with the register gone is accepted at once, and printed when it is back', async () => {
  await using scene = await Scene.open();
  scene.emulator.cutPower(60_000);
  const order = await scene.sell();
  await scene.chain.until(async () => (await scene.receipt(order)).reason !== undefined);
  assert.is((await scene.receipt(order)).state, 'waiting');
  assert.match((await scene.receipt(order)).words, /register/);
  const alarms = scene.machine.services.sync.status().alarms.map(({ code }) => code);
  assert.ok(alarms.includes('KKT_NOT_READY'));
  await scene.until(order, 'printed');
  assert.is(scene.count(RECEIPT), 1);
});

test('G6: with another storage in the register waits, whatever it is, until the right one is back', async () => {
  await using scene = await Scene.open();
  await scene.until(await scene.sell(), 'printed');
  scene.emulator.swapStorage();
  const order = await scene.sell();
  await scene.chain.until(async () => (await scene.receipt(order)).reason === 'KKT_FN_MISMATCH');
  assert.is(scene.count(RECEIPT), 0);
  scene.emulator.restoreStorage();
  await scene.until(order, 'printed');
  assert.is(scene.count(RECEIPT), 2);
});

test('a replaced storage is used once the settings name it', async () => {
  await using scene = await Scene.open();
  await scene.until(await scene.sell(), 'printed');
  scene.emulator.swapStorage('9999000000000002');
  await scene.machine.stop();
  scene.connect({ fn: '9999000000000002' });
  await scene.machine.start();
  const order = await scene.sell();
  await scene.until(order, 'printed');
  assert.is((await scene.receipt(order)).fn, '9999000000000002');
});

for (const fault of ['forgotten-reply', 'power-cut-after', 'power-cut-before', 'line-drop'] as const) {
  test(`G6: ${fault} at the close and a power cut of the node: one document, and the node knows it`, async () => {
    await using scene = await Scene.open();
    await scene.until(await scene.sell(), 'printed');
    scene.emulator.faults.add([{ fault, command: 'close-receipt' }]);
    const order = await scene.sell();
    await scene.chain.until(() => scene.emulator.faults.waiting === 0);
    await scene.crash();
    await scene.machine.start();
    await scene.until(order, 'printed');
    await scene.chain.pass(5_000, 100);
    assert.is(scene.count(RECEIPT), 2);
    const { fd } = await scene.receipt(order);
    assert.is(scene.emulator.device.storage.documents.at(-1)?.fd, fd);
  });
}

test('rows lost with the index are made again: nothing is printed twice', async () => {
  await using scene = await Scene.open();
  const first = await scene.sell();
  await scene.until(first, 'printed');
  const before = await scene.receipt(first);
  await scene.machine.stop();
  scene.machine.loseRows();
  await scene.machine.start();
  const second = await scene.sell();
  await scene.until(second, 'printed');
  assert.equal(await scene.receipt(first), before);
  assert.is(scene.count(RECEIPT), 2);
});

test('a shift that somebody else opens while this node was about to holds nothing up', async () => {
  await using scene = await Scene.open();
  // The order is lost on the line, and the node dies before it can ask what became of it.
  scene.emulator.faults.add([{ fault: 'power-cut-before', command: 'open-shift', ms: 1_000 }]);
  const order = await scene.sell();
  await scene.chain.until(() => scene.emulator.faults.waiting === 0);
  await scene.crash();
  await scene.chain.pass(2_000, 100);
  const other = scene.driver();
  await scene.chain.running(other.openShift({ name: 'Ann' }));
  await other.close();
  await scene.machine.start();
  await scene.until(order, 'printed');
  assert.equal([scene.count(SHIFT_OPENED), scene.count(RECEIPT)], [1, 1]);
});

test('GET /v1/sync tells the register in words, and counts down to the day the storage stops', async () => {
  await using scene = await Scene.open();
  await scene.until(await scene.sell(), 'printed');
  const fiscal = () => scene.machine.services.sync.status().fiscal!;
  await scene.chain.until(() => fiscal().documentsWaiting === 3);
  assert.equal(fiscal().shift, { number: 1, state: 'open' });
  assert.is(fiscal().words, 'The register works.');
  const alarmed = () => scene.machine.services.sync.status().alarms.filter(({ code }) => code === 'OFD_LATE');
  assert.equal(alarmed(), []);
  const [first, ...later] = LATE_DAYS;
  assert.equal([first, ...later, LIMIT_DAYS], [2, 5, 20, 28, 30]);
  await scene.chain.pass(first * DAY_MS + 60_000, 600_000);
  await scene.chain.until(() => alarmed().length === 1);
  assert.match(alarmed()[0]!.detail, /more than 2 days; in 27 days the register stops/);
  assert.ok(Math.abs(fiscal().stopsInMs! - 28 * DAY_MS) < 3_600_000);
  assert.is(fiscal().stopsInMs! + fiscal().oldestDocumentAgeMs!, 30 * DAY_MS);
});

test('a shift is closed before it is 24 hours old and opened again by the next sale', async () => {
  await using scene = await Scene.open();
  await scene.until(await scene.sell(), 'printed');
  await scene.chain.pass(SHIFT_MAX_MS + 60_000, 60_000);
  await scene.chain.until(() => scene.count(SHIFT_CLOSED) === 1);
  await scene.until(await scene.sell(), 'printed');
  assert.equal([scene.count(SHIFT_OPENED), scene.count(SHIFT_CLOSED), scene.count(RECEIPT)], [2, 1, 2]);
});

test('G7: what the register has is carried to the operator between receipts', async () => {
  const ofd = await MockOfd.open({ clock: (await Chain.open()).clock });
  try {
    await using scene = await Scene.open();
    await scene.machine.stop();
    scene.connect({ ofdLink: tcpOfdLink({ ...ofd.address, clock: scene.chain.clock }) });
    await scene.machine.start();
    const order = await scene.sell();
    await scene.chain.until(async () => (await scene.receipt(order)).ofd === 'delivered');
    const { fn, fd } = await scene.receipt(order);
    assert.is(ofd.entry(fn!, fd!)?.acknowledged, 1);
  } finally {
    await ofd.close();
  }
});

test('without a register nothing is owed and nothing changes', async () => {
  const chain = await Chain.open();
  const machine = await chain.machine('B001');
  await machine.start();
  try {
    const { body } = await machine.services.orders.place(machine.request(bookcase), {
      ms: 7_000,
      signal: new AbortController().signal,
    });
    assert.equal(await machine.services.orders.get(body.id), body);
    assert.is(body.receipt.state, 'waiting');
    assert.is(await machine.services.receipts.get(body.receipt.id), undefined);
  } finally {
    await chain.close();
  }
});

test('documents are remembered further back than any search goes', () => {
  assert.ok(CLAIMS_HELD_MAX > 64);
});

test.run();
