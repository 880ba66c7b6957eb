// limit: 400 s
/**
 * The fourteen things a fiscal adapter has to hold (Z1 to Z14), through the routes of the replaced adapter: what its callers see, and what
 * storage and operator have. The native ones are in `acceptance-fiscal.test.ts`; the real node, the emulated register and the mock operator
 * are the same.
 */
import { stampMs } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KktClient, type KktReply, saleBody } from '../support/kkt-client.ts';
import { RegisterScene } from '../support/register-scene.ts';

const test = suite('kkt api acceptance');

const FN = '9999000000000001';
const RECEIPT = 3;
const SHIFT_CLOSED = 5;
const HOUR_MS = 3_600_000;
const ARTICLE = 261.96;

async function open(options: { waitMs?: number } = {}, stripMs = 300) {
  const scene = await RegisterScene.open({ ofd: true, stripMs });
  const pos = await KktClient.open(scene, { kktApi: options });
  return {
    scene,
    pos,
    [Symbol.asyncDispose]: async () => {
      await pos[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
    },
  };
}

/** One paper and one record at the operator for each receipt, in order. */
async function assertOnce(scene: RegisterScene, pos: KktClient, ids: readonly string[]): Promise<void> {
  await pos.untilSynced(ids);
  const answers: KktReply[] = [];
  for (const id of ids) answers.push(await pos.status(id));
  assert.ok(answers.every(({ json }) => json.status === 'synced'));
  assert.is(
    new Set(answers.map(({ json }) => json.fiscal_doc.fd)).size,
    ids.length,
    'one document to a receipt',
  );
  assert.is(scene.count(RECEIPT), ids.length, 'no document without a receipt');
  const { documents } = scene.emulator.device.storage;
  assert.equal(
    scene.ledgerOf(FN),
    documents.map(({ fd }) => fd),
  );
  assert.equal([scene.ofd.state.conflicts, scene.ofd.state.disordered], [0, 0]);
}

/** From the acceptance of each receipt to its paper, in milliseconds of the node's clock. */
async function printedAfterMs(scene: RegisterScene): Promise<number[]> {
  const owed = new Map<string, number>();
  for (const { hlc, body } of await scene.entries('receipt')) {
    const { id, what } = body as { id: string; what: { kind: string } };
    if (what.kind === 'sale') owed.set(id, stampMs(hlc));
  }
  return (await scene.entries('receipt-record')).flatMap(({ hlc, body }) => {
    const { id, record } = body as { id: string; record: { type: string } };
    const fromMs = owed.get(id);
    return record.type === 'printed' && fromMs !== undefined ? [stampMs(hlc) - fromMs] : [];
  });
}

const p95 = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.ceil(values.length * 0.95) - 1]!;

test('Z1: the same key at once, again, after a crash: one document, one receipt; another body is 409', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const [one, other] = await pos.pacing(
    Promise.all([
      pos.fetch('POST', '/v1/kkt/receipt', saleBody, { key: 'once' }),
      pos.fetch('POST', '/v1/kkt/receipt', saleBody, { key: 'once' }),
    ]),
  );
  assert.equal(one.json, other.json);
  await scene.crash();
  await scene.start();
  await pos.reopen();
  assert.is((await pos.sell('once')).json.receipt_id, one.json.receipt_id);
  const changed = { payments: [{ type: 'card', amount: ARTICLE }] };
  assert.is((await pos.sell('once', changed)).status, 409);
  await assertOnce(scene, pos, [one.json.receipt_id]);
});

test('Z2: power cut or lost reply at each command of a sale, the node killed, the sale repeated: one paper, one record', async () => {
  const commands = ['full-status', 'open-receipt', 'item', 'send-tags', 'close-receipt'];
  for (const command of commands) {
    for (const fault of ['power-cut-before', 'power-cut-after', 'lost-reply', 'forgotten-reply'] as const) {
      await using shop = await open({ waitMs: 0 });
      const { scene, pos } = shop;
      const first = await pos.sell('first');
      await pos.untilSynced([first.json.receipt_id]);
      scene.emulator.faults.add([{ fault, command, ms: 500 }]);
      const sold = await pos.sell('second');
      assert.equal([sold.status, sold.json.status], [200, 'buffered']);
      await scene.chain.until(() => scene.emulator.faults.waiting === 0);
      await scene.crash();
      await scene.start();
      await pos.reopen();
      assert.is((await pos.sell('second')).json.receipt_id, sold.json.receipt_id, `${fault} of ${command}`);
      await assertOnce(scene, pos, [first.json.receipt_id, sold.json.receipt_id]);
    }
  }
});

test('Z3: without paper it is buffered, with the reason, and nothing reaches the operator; with paper it is printed by itself', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const first = await pos.sell();
  await pos.untilSynced([first.json.receipt_id]);
  scene.emulator.device.printer.hasPaper = false;
  const sold = await pos.sell();
  assert.equal([sold.status, sold.json.status, sold.json.fiscal_doc], [200, 'buffered', null]);
  assert.match(sold.json.message, /paper/);
  const before = scene.ledgerOf(FN);
  await scene.chain.pass(60_000, 500);
  const waiting = await pos.status(sold.json.receipt_id);
  assert.equal([waiting.json.status, waiting.json.fiscal_doc], ['pending', null]);
  assert.match(waiting.json.last_error, /paper/);
  assert.equal(scene.ledgerOf(FN), before);
  scene.emulator.device.printer.insertPaper();
  await assertOnce(scene, pos, [first.json.receipt_id, sold.json.receipt_id]);
});

test('Z4: whatever the operator does, receipts are printed in time', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const ids: string[] = [];
  const troubles = [
    { kind: 'hang' },
    { kind: 'slow', delayMs: 5_000 },
    { kind: 'drop', at: 'connect' },
    { kind: 'drop', at: 'answer' },
    { kind: 'garbage', text: 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n'.padEnd(96) },
    { kind: 'garbage', text: '\x15\x03\x01\x00\x02\x02\x28' },
    { kind: 'refuse', code: 14 },
  ] as const;
  for (const behaviour of troubles) {
    scene.ofd.clearRules();
    scene.ofd.script({ behaviour });
    for (let sold = 0; sold < 5; sold += 1) {
      const { json } = await pos.sell();
      assert.is(json.status, 'printed', JSON.stringify(behaviour));
      ids.push(json.receipt_id);
    }
  }
  assert.ok(p95(await printedAfterMs(scene)) <= 7_000);
  scene.ofd.clearRules();
  await scene.chain.pass(1_000, 100);
  for (const { id } of (await pos.call('GET', '/v1/outbox/quarantine')).json.items) {
    await pos.call('POST', `/v1/outbox/quarantine/${encodeURIComponent(id)}/retry`, {});
  }
  await assertOnce(scene, pos, ids);
});

test('Z5: a poisoned document is failed and counted, the shop next door is served, a replay delivers it', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const next = await RegisterScene.open({
    chain: scene.chain,
    operator: scene.ofd,
    branch: 'B002',
    fn: '9999000000000002',
  });
  await using neighbour = await KktClient.open(next);
  scene.ofd.script({ behaviour: { kind: 'refuse', code: 11 }, fn: FN, fd: 3 });
  const sold = await pos.sell();
  const others = [await neighbour.sell(), await neighbour.sell()];
  await neighbour.untilSynced(others.map(({ json }) => json.receipt_id));
  await scene.chain.until(async () => (await scene.services.outbox.status()).totals.quarantined === 1);
  const failed = await pos.status(sold.json.receipt_id);
  assert.is(failed.json.status, 'failed');
  assert.match(failed.json.last_error, /11/);
  const { dlq_size, synced } = (await pos.call('GET', '/v1/kkt/buffer/status')).json;
  assert.ok(dlq_size >= 1 && synced >= 0);
  scene.ofd.clearRules();
  const [item] = (await pos.call('GET', '/v1/outbox/quarantine')).json.items;
  await pos.call('POST', `/v1/outbox/quarantine/${encodeURIComponent(item.id)}/retry`, {});
  await assertOnce(scene, pos, [sold.json.receipt_id]);
});

test('Z6: the clock an hour back, a day ahead, a restart: receipts stay in order and no two are one', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const ids: string[] = [];
  for (const jumpMs of [0, -HOUR_MS, 0, HOUR_MS]) {
    scene.chain.clock.jumpWall(jumpMs);
    ids.push((await pos.sell()).json.receipt_id);
    if (jumpMs < 0) {
      await scene.crash();
      await scene.start();
      await pos.reopen();
    }
  }
  const orders = await scene.services.orders.list({ limit: 10 });
  assert.equal(
    orders.orders.map(({ receipt }) => receipt.id),
    ids,
  );
  assert.is(new Set(ids).size, ids.length);
});

test('Z7: ten points of sale at once: the p95 to paper is at most seven seconds, none twice', async () => {
  await using shop = await open({ waitMs: 0 }, 100);
  const { scene, pos } = shop;
  const ids: string[] = [];
  for (let round = 0; round < 4; round += 1) {
    const answers = await pos.pacing(
      Promise.all(
        Array.from({ length: 10 }, (_, till) =>
          pos.fetch(
            'POST',
            '/v1/kkt/receipt',
            { ...saleBody, pos_id: `POS-${till}` },
            { key: `${round}-${till}` },
          ),
        ),
      ),
    );
    ids.push(...answers.map(({ json }) => json.receipt_id));
    await scene.chain.until(async () => scene.services.sync.status().fiscal!.receiptsWaiting === 0);
  }
  assert.ok(p95(await printedAfterMs(scene)) <= 7_000);
  await assertOnce(scene, pos, ids);
});

test('Z8: the 201st is a receipt like any other; 80 and 100 % are told on the way', async () => {
  await using shop = await open({ waitMs: 0 });
  const { scene, pos } = shop;
  scene.emulator.device.printer.hasPaper = false;
  const levels: string[] = [];
  for (let sold = 1; sold <= 201; sold += 1) {
    const { status, json } = await pos.sell();
    assert.equal([status, json.status], [200, 'buffered']);
    if (sold % 20 === 0 || sold === 201) {
      const buffer = (await pos.call('GET', '/v1/kkt/buffer/status')).json;
      const alert = buffer.alerts.find(({ message }: { message: string }) => message.startsWith('Buffer'));
      levels.push(alert?.level ?? 'none');
    }
  }
  assert.equal([levels[0], levels[8], levels.at(-1)], ['none', 'warning', 'critical']);
  const health = (await pos.call('GET', '/v1/health')).json;
  assert.is(health.status, 'unhealthy');
  assert.ok(scene.alarms().includes('OUTBOX_FILLING'));
});

test('Z9: what was not sold is not given back, a part is, once; what the operator does not have is 409 where it is asked about', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const two = {
    items: [{ ...saleBody.items[0]!, quantity: 2, total: 2 * ARTICLE }],
    payments: [{ type: 'card', amount: 2 * ARTICLE }],
  };
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const sold = (await pos.sell('sold', two)).json;
  const check = () => pos.call('POST', '/v1/pos/refund', { original_fiscal_doc_id: sold.receipt_id });
  assert.equal([(await check()).status, (await check()).json.sync_status], [409, 'pending']);
  scene.ofd.clearRules();
  await pos.call('POST', '/v1/kkt/circuit_breaker/reset');
  await pos.untilSynced([sold.receipt_id]);
  assert.is((await check()).status, 200);
  const back = (quantity: number, key: string, more: object = {}) =>
    pos.call(
      'POST',
      '/v1/kkt/receipt',
      {
        ...saleBody,
        type: 'refund',
        original_receipt_id: sold.receipt_id,
        items: [{ ...saleBody.items[0]!, quantity, total: quantity * ARTICLE }],
        payments: [{ type: 'card', amount: quantity * ARTICLE }],
        ...more,
      },
      { key },
    );
  const unknown = { original_receipt_id: '019e0000-0000-7000-8000-000000000000' };
  assert.is((await back(1, 'unknown', unknown)).status, 404);
  assert.is((await back(3, 'too much')).status, 400);
  assert.is((await back(1, 'one')).json.status, 'printed');
  assert.is((await back(1, 'one')).headers.get('idempotency-replayed'), 'true');
  assert.is((await back(2, 'more than is left')).status, 400);
  assert.is((await back(1, 'the rest')).json.status, 'printed');
  assert.is((await back(1, 'nothing left')).status, 400);
  const receipts = scene.emulator.device.storage.documents.filter(({ form }) => form === RECEIPT);
  assert.equal(
    receipts.map(({ settlement }) => settlement),
    ['sale', 'sale-return', 'sale-return'],
  );
});

test('Z10: X and Z with and without the operator: cash and cards are sales less refunds, X is cumulative, Z is a document', async () => {
  for (const isOnline of [true, false]) {
    await using shop = await open();
    const { scene, pos } = shop;
    if (!isOnline) scene.ofd.script({ behaviour: { kind: 'hang' } });
    const first = (await pos.sell()).json;
    const x1 = (await pos.call('POST', '/v1/kkt/report/x')).json;
    await pos.sell('card', { payments: [{ type: 'card', amount: ARTICLE }] });
    await pos.call('POST', '/v1/kkt/receipt', {
      ...saleBody,
      type: 'refund',
      original_fiscal_doc_id: first.fiscal_doc.fd,
    });
    const x2 = (await pos.call('POST', '/v1/kkt/x_report')).json;
    assert.equal([x1.totalSales, x2.totalSales, x2.totalRefunds], [ARTICLE, 2 * ARTICLE, ARTICLE]);
    assert.equal([x1.shiftNumber, x2.shiftNumber], [1, 1]);
    const z = (await pos.call('POST', '/v1/kkt/z_report')).json;
    assert.equal([z.reportType, z.offline, z.cashTotal, z.cardTotal], [2, false, 0, ARTICLE]);
    const last = scene.emulator.device.storage.documents.at(-1)!;
    assert.equal([last.form, last.fd, last.shift], [SHIFT_CLOSED, z.fiscalDocumentNumber, z.shiftNumber]);
    assert.is((await pos.call('POST', '/v1/kkt/z_report')).status, 409);
  }
});

test('Z11: cash survives a crash in the middle of selling, and each shift reconciles by itself', async () => {
  await using shop = await open({ waitMs: 0 });
  const { scene, pos } = shop;
  for (const count of [3, 2]) {
    for (let sold = 0; sold < count; sold += 1) {
      await pos.sell();
      if (sold === 1) {
        await scene.crash();
        await scene.start();
        await pos.reopen();
      }
    }
    const z = (await pos.call('POST', '/v1/kkt/z_report', undefined, { headers: { prefer: 'wait=30' } }))
      .json;
    assert.equal(
      [z.offline, z.totalSales, z.cashTotal],
      [false, (count * 26_196) / 100, (count * 26_196) / 100],
    );
    assert.equal((await scene.services.shifts.view()).differences, []);
  }
});

test('Z12: ten thousand products, all or nothing, also while receipts of this API wait', async () => {
  await using shop = await open({ waitMs: 0 });
  const { scene, pos } = shop;
  scene.emulator.device.printer.hasPaper = false;
  const sold = await pos.sell();
  const office = await scene.chain.machine('HQ', { role: 'hq' });
  const { products } = await office.start();
  const rows = Array.from({ length: 10_000 }, (_, at) => ({
    sku: `LENS-${at}`,
    name: `Lens ${at}`,
    priceMinor: 1_000 + at,
    vat: 'vat22',
  })) as unknown as Parameters<NonNullable<typeof office.node>['importCatalog']>[0];
  const broken = [...rows.slice(0, 500), { ...rows[500]!, priceMinor: -1 }];
  const code = await scene.chain.running(
    office.node!.importCatalog(broken).then(
      () => 'done',
      (error: { code: string }) => error.code,
    ),
  );
  assert.is.not(code, 'done');
  assert.is(products.count, 0);
  await scene.chain.running(office.node!.importCatalog(rows));
  assert.is(products.count, 10_000);
  scene.emulator.device.printer.insertPaper();
  await assertOnce(scene, pos, [sold.json.receipt_id]);
});

test('Z13: metrics are scraped, and each trouble is told by health and status, and is over with its cause', async () => {
  await using shop = await open();
  const { scene, pos } = shop;
  const scrape = async (name: string): Promise<number | undefined> => {
    const text = await (await fetch(`${pos.url}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  };
  const first = await pos.sell();
  await pos.untilSynced([first.json.receipt_id]);
  assert.is(await scrape('kkt_circuit_breaker_state'), 0);
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const second = await pos.sell();
  await scene.chain.until(async () => (await scene.services.register.buffer()).breaker === 'open');
  assert.is(await scrape('kkt_circuit_breaker_state'), 1);
  const health = (await pos.call('GET', '/v1/health')).json;
  assert.equal([health.status, health.components.circuit_breaker.state], ['degraded', 'OPEN']);
  assert.ok(health.components.circuit_breaker.failure_count >= 5);
  assert.is((await pos.call('GET', '/v1/kkt/buffer/status')).json.network_status, 'offline');
  scene.ofd.clearRules();
  await pos.call('POST', '/v1/kkt/circuit_breaker/reset');
  await pos.untilSynced([second.json.receipt_id]);
  assert.is(await scrape('kkt_circuit_breaker_state'), 0);
  assert.is((await pos.call('GET', '/v1/health')).json.status, 'healthy');
  scene.emulator.swapStorage();
  await scene.chain.until(() => scene.alarms().includes('KKT_NOT_READY'));
  const alerts = (await pos.call('GET', '/v1/kkt/buffer/status')).json.alerts;
  assert.ok(alerts.some(({ message }: { message: string }) => message === 'KKT_FN_MISMATCH'));
  scene.emulator.restoreStorage();
  await scene.chain.until(() => !scene.alarms().includes('KKT_NOT_READY'));
});

test('Z14: eight hours without the operator, 200 receipts: drained within ten minutes, in order, none twice', async () => {
  await using shop = await open({ waitMs: 0 });
  const { scene, pos } = shop;
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const ids: string[] = [];
  for (let sold = 0; sold < 200; sold += 1) {
    ids.push((await pos.sell()).json.receipt_id);
    await scene.chain.pass((8 * HOUR_MS) / 200, 4_000);
  }
  for (const count of [50, 100, 150, 200]) {
    await scene.chain.until(() => scene.count(RECEIPT) >= count);
  }
  assert.is(scene.ofd.state.documents, 0);
  scene.ofd.clearRules();
  const fromMs = scene.chain.clock.nowMs();
  // One after another: each wait has its own limit in real time.
  await pos.untilSynced(ids);
  assert.ok(scene.chain.clock.nowMs() - fromMs <= 600_000);
  await assertOnce(scene, pos, ids);
});

test.run();
