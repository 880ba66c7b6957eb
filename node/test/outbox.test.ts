/** G7: what the node delivers: documents to the operator, events to addresses; what is refused stands in front of a person. */
import { createServer, type IncomingMessage } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMITS_WAITING_MAX, FACTS_AT_ONCE } from '../src/delivery/fact-feed.ts';
import { REFUSALS_MAX } from '../src/delivery/ofd-carrier.ts';
import { OBSERVED_AT_ONCE, WAITING_MARK, WAITING_PERCENTS } from '../src/delivery/ofd-delivery.ts';
import { JOURNAL_RETRY_MS } from '../src/delivery/outbox-journal.ts';
import { hookOf, SPANS_MAX, signatureOf, WEBHOOKS_MAX } from '../src/delivery/webhooks.ts';
import { TURN_EVERY_MS, TURN_MS } from '../src/fiscal/ofd-watch.ts';
import { RegisterScene } from './support/register-scene.ts';

const test = suite('what a node delivers');
const FN = '9999000000000001';

test('every document is a job: sent in order, acknowledged, and the answer of the operator is kept', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  const orders = [await scene.sell(), await scene.sell(), await scene.sell()];
  await scene.untilDelivered(orders);
  const { lines, totals } = await scene.services.outbox.status();
  assert.equal(lines, []);
  // The shift that opened, three receipts; the report of registration was there before and is carried on the way.
  assert.equal(totals, { pending: 0, quarantined: 0, delivered: 4, resolved: 0 });
  assert.equal(scene.ledgerOf(FN), [1, 2, 3, 4, 5]);
  assert.is(scene.ofd.state.disordered, 0);
  const tickets = await scene.entries('receipt-ticket');
  assert.is(tickets.length, 5);
  assert.match(String((tickets[0]!.body as { proof: string }).proof), /"responseCode":0/);
});

test('while the operator hangs, sales and receipts go on; what waits is shown with its age and is sent by itself', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'hang' } });
  const orders = [await scene.sell(), await scene.sell()];
  for (const order of orders) await scene.until(order, 'printed');
  await scene.chain.pass(200_000, 1_000);
  const [line] = (await scene.services.outbox.status()).lines;
  assert.is(line!.key, FN);
  assert.is(line!.pending, 3);
  assert.ok(line!.oldest!.ageMs >= 200_000);
  assert.match(line!.oldest!.last!.code, /^OFD_/);
  scene.ofd.clearRules();
  await scene.untilDelivered(orders);
});

test('a dead operator opens the breaker and raises an alarm; a dead register does not', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const order = await scene.sell();
  await scene.until(order, 'printed');
  await scene.chain.until(() => scene.alarms().includes('OFD_UNREACHABLE'));
  assert.is((await scene.services.outbox.status()).lines[0]!.breaker, 'open');
  scene.ofd.clearRules();
  await scene.untilDelivered([order]);
  await scene.chain.until(() => !scene.alarms().includes('OFD_UNREACHABLE'));
  scene.emulator.cutPower(600_000);
  await scene.sell();
  await scene.chain.pass(300_000, 1_000);
  assert.not.ok(scene.alarms().includes('OFD_UNREACHABLE'));
});

test('a document the operator never accepts is set aside with what to do, survives a restart, and goes after a retry', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'refuse', code: 11 }, fd: 3 });
  const orders = [await scene.sell(), await scene.sell()];
  const items = async () => (await scene.services.outbox.quarantine({ limit: 10 })).items;
  await scene.chain.until(async () => (await items()).length === 1);
  const check = async (): Promise<void> => {
    const [item] = await items();
    assert.is(item!.id, `ofd.${FN}.3`);
    assert.is(item!.why.code, 'OFD_REFUSED');
    assert.match(item!.todo, /operator/);
    assert.is(item!.attempts, REFUSALS_MAX);
    assert.is((await scene.services.outbox.status()).totals.quarantined, 1);
  };
  await check();
  await scene.crash();
  await scene.start();
  await scene.chain.until(async () => (await items()).length === 1);
  await check();
  scene.machine.loseRows();
  await scene.machine.stop();
  await scene.start();
  await scene.chain.until(async () => (await items()).length === 1);
  scene.ofd.clearRules();
  const request = scene.machine.request({}, { role: 'admin' });
  assert.equal((await scene.services.outbox.retry(`ofd.${FN}.3`, request)).body, {
    id: `ofd.${FN}.3`,
    state: 'pending',
  });
  assert.is((await scene.services.outbox.retry(`ofd.${FN}.3`, request)).replayed, true);
  await scene.untilDelivered(orders);
  assert.equal(scene.ledgerOf(FN), [1, 2, 3, 4]);
});

test('of two decisions one counts; what is not there, or not refused, is said so', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'refuse', code: 11 }, fd: 3 });
  await scene.sell();
  const { outbox } = scene.services;
  await scene.chain.until(async () => (await outbox.quarantine({ limit: 10 })).items.length === 1);
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
  const [a, b] = await Promise.all([
    codeOf(
      outbox.resolve(`ofd.${FN}.3`, scene.machine.request({ reason: 'sent by post' }, { role: 'admin' })),
    ),
    codeOf(outbox.retry(`ofd.${FN}.3`, scene.machine.request({}, { role: 'admin' }))),
  ]);
  assert.equal([a, b].sort(), ['OUTBOX_NOT_QUARANTINED', 'done']);
  assert.is(
    await codeOf(outbox.retry('ofd.9999000000000001.77', scene.machine.request({}))),
    'OUTBOX_ITEM_NOT_FOUND',
  );
  assert.is((await outbox.status()).totals.quarantined, 0);
  assert.is(
    (await scene.entries('outbox-record')).filter(({ body }) => /resolved/.test(JSON.stringify(body))).length,
    1,
  );
});

test('where the register delivers by itself, its queue is watched and what it has delivered is taken off', async () => {
  await using scene = await RegisterScene.open();
  const order = await scene.sell();
  await scene.until(order, 'printed');
  await scene.chain.until(async () => (await scene.services.outbox.status()).totals.pending === 2);
  assert.match((await scene.services.outbox.status()).lines[0]!.words, /by itself/);
  await scene.deliverByItself();
  await scene.chain.until(async () => (await scene.receipt(order)).ofd === 'delivered');
  assert.equal((await scene.services.outbox.status()).totals, {
    pending: 0,
    quarantined: 0,
    delivered: 2,
    resolved: 0,
  });
});

test('a document of somebody else in the storage is carried as well', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  await scene.untilDelivered([await scene.sell()]);
  scene.emulator.faults.add([{ fault: 'foreign-sale', command: 'fn-status' }]);
  await scene.chain.until(() => scene.ledgerOf(FN).length >= 4);
  assert.equal(scene.ledgerOf(FN), [1, 2, 3, 4]);
});

test('at 80, 90 and 100 % of the mark somebody is told, nothing is refused, and it is over when it is over', async () => {
  assert.equal([WAITING_MARK, ...WAITING_PERCENTS], [200, 80, 90, 100]);
  await using scene = await RegisterScene.open({ ofd: true });
  scene.ofd.script({ behaviour: { kind: 'hang' } });
  const told = (): string =>
    scene.services.sync.status().alarms.find(({ code }) => code === 'OUTBOX_FILLING')?.detail ?? '';
  scene.emulator.device.printer.hasPaper = false;
  const seen: string[] = [];
  for (let sold = 1; sold <= WAITING_MARK + 1; sold += 1) {
    assert.is((await scene.sell()).state, 'accepted');
    if (sold % 10 === 0) {
      await scene.chain.pass(2_000, 100);
      const percent = /(\d+) % of the mark/.exec(told())?.[1];
      if (percent !== undefined && seen.at(-1) !== percent) seen.push(percent);
    }
  }
  assert.equal(seen, WAITING_PERCENTS.map(String));
  scene.emulator.device.printer.insertPaper();
  scene.ofd.clearRules();
  await scene.chain.until(
    async () => (await scene.services.outbox.status()).totals.pending === 0 && told() === '',
  );
});

interface Heard {
  readonly key: string;
  readonly signature: string;
  readonly body: string;
}

/** Somebody's ERP. */
async function receiver(answer: (heard: Heard) => number) {
  const heard: Heard[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one = {
      key: String(request.headers['idempotency-key']),
      signature: String(request.headers['branchline-signature']),
      body: Buffer.concat(chunks).toString('utf8'),
    };
    heard.push(one);
    response.writeHead(answer(one)).end('whatever');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    heard,
    url: `http://127.0.0.1:${port}/hook`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

test('an address is told of every order from its configuration on, signed, in order, with a key for each', async () => {
  await using scene = await RegisterScene.open();
  await scene.sell();
  await using erp = await receiver(() => 200);
  const secret = 'sixteen characters at least';
  await scene.machine.stop();
  await scene.start({
    webhooks: [{ url: erp.url, secret, events: ['order.accepted', 'receipt.registered'] }],
  });
  await scene.chain.until(async () => (await scene.entries('webhook')).length === 1);
  const order = await scene.sell();
  await scene.chain.until(() => erp.heard.length === 2);
  const [first, second] = erp.heard;
  const told = JSON.parse(first!.body) as { event: string; data: { id: string } };
  assert.equal([told.event, told.data.id], ['order.accepted', order.id]);
  assert.is((JSON.parse(second!.body) as { event: string }).event, 'receipt.registered');
  assert.is(first!.key, `hook.${hookOf(erp.url)}.order.accepted.${order.id}`);
  const seconds = Number(/t=(\d+)/.exec(first!.signature)![1]);
  assert.is(first!.signature, signatureOf(secret, seconds, first!.body));
});

test('a 4xx stands in quarantine with its address, later events pass it, and a retry sends the same key', async () => {
  await using scene = await RegisterScene.open();
  let isMended = false;
  let refused = '';
  await using erp = await receiver(({ key }) => {
    refused ||= key;
    return key === refused && !isMended ? 422 : 204;
  });
  await scene.machine.stop();
  await scene.start({
    webhooks: [{ url: erp.url, secret: 'sixteen characters at least', events: ['order.accepted'] }],
  });
  await scene.chain.until(async () => (await scene.entries('webhook')).length === 1);
  await scene.sell();
  await scene.sell();
  const { outbox } = scene.services;
  await scene.chain.until(async () => (await outbox.quarantine({ limit: 10 })).items.length === 1);
  await scene.chain.until(() => erp.heard.length === 2);
  const [item] = (await outbox.quarantine({ limit: 10 })).items;
  assert.equal([item!.kind, item!.why.code], ['webhook', 'HTTP_422']);
  assert.ok(item!.what.includes(erp.url));
  isMended = true;
  await outbox.retry(item!.id, scene.machine.request({}, { role: 'admin' }));
  await scene.chain.until(() => erp.heard.length === 3);
  assert.is(erp.heard[2]!.key, refused);
});

test('an address that does not answer is tried again; one that is taken out of the configuration gets nothing more', async () => {
  await using scene = await RegisterScene.open();
  let answers = 0;
  await using erp = await receiver(() => (++answers <= 2 ? 503 : 200));
  const hook = { url: erp.url, secret: 'sixteen characters at least', events: ['order.accepted' as const] };
  await scene.machine.stop();
  await scene.start({ webhooks: [hook] });
  await scene.chain.until(async () => (await scene.entries('webhook')).length === 1);
  await scene.sell();
  await scene.chain.until(() => erp.heard.length === 3);
  assert.is(new Set(erp.heard.map(({ key }) => key)).size, 1);
  await scene.chain.until(async () => (await scene.services.outbox.status()).totals.delivered >= 1);
  await scene.machine.stop();
  await scene.start();
  await scene.chain.until(async () => (await scene.entries('webhook')).length === 2);
  await scene.sell();
  await scene.chain.pass(5_000, 100);
  assert.is(erp.heard.length, 3);
});

test('what is held in memory has limits', () => {
  assert.ok(COMMITS_WAITING_MAX >= 2 * FACTS_AT_ONCE);
  assert.ok(OBSERVED_AT_ONCE < 10_000 && SPANS_MAX >= WEBHOOKS_MAX);
  assert.ok(TURN_MS < TURN_EVERY_MS && JOURNAL_RETRY_MS > 0);
});

test.run();
