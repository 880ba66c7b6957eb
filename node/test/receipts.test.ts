/** Refunds, corrections, decisions of people, and what is refused before it could become an order nobody can print. */
import { decodeTagList, findTag } from '@branchline/fiscal';
import type { CorrectionRequest, ReceiptDecision } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PROBLEMS_TOLD_MAX } from '../src/fiscal/receipt-guard.ts';
import { KktScene } from './support/kkt-scene.ts';

const test = suite('receipts beyond the sale');

const line = { sku: 'CUP', quantityMilli: 2000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat10' };
const cup = { lines: [line], payments: [{ kind: 'cash', amountMinor: 1_000 }] };
const RECEIPT = 3;
const CORRECTION = 31;

const correction = (more: object = {}) =>
  ({
    settlement: 'sale',
    by: 'own',
    day: '2026-11-20',
    reason: 'The register was away',
    lines: [{ name: 'Cup', quantityMilli: 1000, unitPriceMinor: 700, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 700 }],
    ...more,
  }) as CorrectionRequest;

test('a refund is printed as a return, and counted in the shift as one', async () => {
  await using scene = await KktScene.open();
  const order = await scene.sell(cup);
  await scene.until(order, 'printed');
  const wish = { lines: [{ line: 0, quantityMilli: 1000 }], restock: true };
  const { body } = await scene.running(() =>
    scene.services.orders.refund(order.id, scene.machine.request(wish as never)),
  );
  await scene.until(body, 'printed');
  const receipt = await scene.receipt(body);
  assert.equal([receipt.kind, receipt.totalMinor], ['refund', 500]);
  assert.match(receipt.qr!, /&s=5\.00&.*&n=2$/);
  for (const qr of [receipt.qr!, (await scene.receipt(order)).qr!]) {
    const { orders } = await scene.services.orders.list({ qr, limit: 1 });
    assert.equal(
      orders.map(({ id }) => id),
      [order.id],
      'the paper of the sale and that of the refund find the sale',
    );
  }
  const document = scene.emulator.device.storage.documents.at(-1)!;
  assert.equal([document.settlement, document.totalMinor], ['sale-return', 500]);
  const wait = { ms: undefined, signal: new AbortController().signal };
  const closed = await scene.running(() => scene.services.shifts.close(scene.machine.request({}), wait));
  assert.equal([closed.body.totals.refunds.totalMinor, closed.body.differences], [500, []]);
  assert.equal(closed.body.drawerMinor, 500);
});

test('a correction is checked first, then printed with its reason', async () => {
  await using scene = await KktScene.open();
  await scene.until(await scene.sell(cup), 'printed');
  const correct = (body: CorrectionRequest) =>
    scene.services.receipts.correct(scene.machine.request(body), {
      ms: 7_000,
      signal: new AbortController().signal,
    });
  assert.is(await scene.refused(() => correct(correction({ day: '2026-12-24' }))), 'RECEIPT_INVALID');
  assert.is(await scene.refused(() => correct(correction({ by: 'order' }))), 'RECEIPT_INVALID');
  assert.is(
    await scene.refused(() => correct(correction({ payments: [{ kind: 'cash', amountMinor: 800 }] }))),
    'ORDER_PAYMENT',
  );
  assert.is(scene.count(CORRECTION), 0);
  const { body } = await scene.running(() => correct(correction({ wrongSign: '476807588' })));
  await scene.chain.until(async () => (await scene.services.receipts.get(body.id))?.state === 'printed');
  assert.is(scene.count(CORRECTION), 1);
  const stored = scene.emulator.device.storage.documents.at(-1)!;
  const nodes = decodeTagList(stored.tags, '1.2', CORRECTION);
  assert.is(findTag(nodes, 1020)?.value, 700);
  assert.is(findTag(nodes, 1192)?.value, '476807588');
});

test('without a register there are no corrections', async () => {
  await using scene = await KktScene.open({ bare: true });
  const { receipts } = scene.services;
  assert.is(
    await scene.refused(() => receipts.correct(scene.machine.request(correction()), undefined)),
    'REGISTER_NONE',
  );
});

test('an order no storage can hold is refused before it is accepted', async () => {
  await using scene = await KktScene.open();
  await scene.chain.until(() => scene.services.sync.status().fiscal?.storage !== undefined);
  const lines = Array.from({ length: 500 }, () => ({ ...line, sku: 'Ф'.repeat(60), unitPriceMinor: 1 }));
  const large = { lines, payments: [{ kind: 'cash', amountMinor: 1_000 }] };
  assert.is(await scene.refused(() => scene.sell(large)), 'RECEIPT_TOO_LARGE');
  const contact = { ...cup, customer: { contact: 'nobody' } };
  assert.is(await scene.refused(() => scene.sell(contact)), 'RECEIPT_INVALID');
  const { orders } = await scene.services.orders.list({ limit: 10 });
  assert.is(orders.length, 0);
  assert.is((await scene.sell(cup)).number, 'B001-000001');
});

test('a receipt cannot come to nothing: refused before it is an order, or a refund, or a correction', async () => {
  await using scene = await KktScene.open();
  const { services, machine } = scene;
  const free = { ...line, unitPriceMinor: 0 };
  const gifts: readonly object[] = [
    { lines: [free], payments: [] },
    { lines: [{ ...line, discountMinor: 1_000 }], payments: [] },
    { lines: [free], payments: [{ kind: 'cash', amountMinor: 10 }] },
  ];
  for (const gift of gifts) {
    assert.is(await scene.refused(() => scene.sell(gift)), 'RECEIPT_TOTAL_ZERO');
  }
  const nothing = correction({
    lines: [{ name: 'Cup', quantityMilli: 1000, unitPriceMinor: 0, vat: 'vat22' }],
    payments: [],
  });
  const correct = () => services.receipts.correct(machine.request(nothing), undefined);
  assert.is(await scene.refused(correct), 'RECEIPT_TOTAL_ZERO');
  assert.equal((await services.orders.list({ limit: 10 })).orders, []);
  // What is free goes with what is paid, out and back; one minor unit is enough.
  const order = await scene.sell({
    lines: [free, { ...line, quantityMilli: 1000, discountMinor: 499 }],
    payments: [{ kind: 'cash', amountMinor: 1 }],
  });
  assert.is(order.number, 'B001-000001');
  await scene.until(order, 'printed');
  const giveBack = (lines: object[]) =>
    services.orders.refund(order.id, machine.request({ lines, restock: true } as never));
  const freeAlone = () => giveBack([{ line: 0, quantityMilli: 2000 }]);
  assert.is(await scene.refused(freeAlone), 'RECEIPT_TOTAL_ZERO');
  const { body } = await scene.running(() =>
    giveBack([
      { line: 0, quantityMilli: 2000 },
      { line: 1, quantityMilli: 1000 },
    ]),
  );
  await scene.until(body, 'printed');
  assert.is(scene.count(RECEIPT), 2);
});

test('a rate the firmware cannot know is refused with the line, at most so many at once', async () => {
  await using scene = await KktScene.open({ family: 'pirit' });
  await scene.until(await scene.sell(cup), 'printed');
  const lines = Array.from({ length: PROBLEMS_TOLD_MAX + 5 }, () => ({
    ...line,
    quantityMilli: 1000,
    vat: 'vat22',
  }));
  try {
    await scene.sell({ lines, payments: [{ kind: 'card', amountMinor: lines.length * 500 }] });
    assert.unreachable();
  } catch (error) {
    const { code, errors } = error as { code: string; errors: { reason: string }[] };
    assert.equal([code, errors.length], ['RECEIPT_INVALID', PROBLEMS_TOLD_MAX]);
    assert.match(errors[0]!.reason, /RECEIPT_VAT_UNKNOWN/);
  }
});

test('a marking code and the contact of the buyer reach the document', async () => {
  await using scene = await KktScene.open();
  const code = '010460043993125621JgXJ5.T\u001d8005112000\u001d930r7Z';
  const order = await scene.sell({
    lines: [{ ...line, quantityMilli: 1000, markingCode: code }],
    payments: [{ kind: 'cash', amountMinor: 500 }],
    customer: { contact: '+79990000000' },
  });
  await scene.until(order, 'printed', 'failed');
  assert.is((await scene.receipt(order)).state, 'printed');
  assert.is((await scene.services.orders.get(order.id))?.lines[0]?.markingCode, code);
  const nodes = decodeTagList(scene.emulator.device.storage.documents.at(-1)!.tags, '1.2', RECEIPT);
  assert.is(findTag(nodes, 1008)?.value, '+79990000000');
  const item = findTag(nodes, 1059)?.value;
  assert.ok(Array.isArray(item) && findTag(item as never, 1163) !== undefined);
});

test('a gift card is sold as an advance, and what it pays for later is prepaid', async () => {
  await using scene = await KktScene.open();
  const code = 'GIFT-0000-1234';
  const nodesOf = async (order: Awaited<ReturnType<KktScene['sell']>>) => {
    await scene.until(order, 'printed', 'failed');
    const { state, words } = await scene.receipt(order);
    assert.is(state, 'printed', words);
    return decodeTagList(scene.emulator.device.storage.documents.at(-1)!.tags, '1.2', RECEIPT);
  };
  const itemTag = (nodes: Awaited<ReturnType<typeof nodesOf>>, tag: number) =>
    findTag(findTag(nodes, 1059)!.value as typeof nodes, tag)?.value;
  const card = { ...line, sku: 'GIFT', quantityMilli: 1000, unitPriceMinor: 3_000, vat: 'vat22_122' };
  const sold = await nodesOf(
    await scene.sell({ lines: [card], payments: [{ kind: 'cash', amountMinor: 3_000 }] }),
  );
  assert.equal(
    [1214, 1212].map((tag) => Number(itemTag(sold, tag))),
    [3, 10],
  );
  const load = { code, amountMinor: 3_000 } as never;
  await scene.running(() => scene.services.loyalty.issueGiftCard(scene.machine.request(load)));
  const paid = await nodesOf(
    await scene.sell({ lines: cup.lines, payments: [{ kind: 'giftCard', amountMinor: 1_000, code }] }),
  );
  assert.equal(
    [1214, 1212].map((tag) => Number(itemTag(paid, tag))),
    [4, 1],
  );
  assert.is(Number(findTag(paid, 1215)?.value), 1_000);
});

/** A receipt nobody can tell about: the storage is gone for good while it was asked. */
async function inDoubt(scene: KktScene) {
  await scene.until(await scene.sell(cup), 'printed');
  scene.emulator.faults.add([{ fault: 'power-cut-after', command: 'close-receipt', ms: 600_000 }]);
  const order = await scene.sell(cup);
  await scene.until(order, 'uncertain');
  return order;
}

const decide = (scene: KktScene, id: string, body: ReceiptDecision) =>
  scene.running(() => scene.services.receipts.decide(id, scene.machine.request(body, { role: 'admin' })));

test('somebody has the paper: the receipt is that document, and is never asked about again', async () => {
  await using scene = await KktScene.open();
  const order = await inDoubt(scene);
  const { id } = order.receipt;
  assert.match((await scene.receipt(order)).toDecide!, /for a receipt of 10\.00 after document 3/);
  assert.equal(
    (await scene.services.receipts.undecided()).map((receipt) => receipt.id),
    [id],
  );
  const older = { decision: 'printed', fd: 3, fp: '999000003', reason: 'paper' } as const;
  assert.is(await scene.refused(() => decide(scene, id, older)), 'RECEIPT_INVALID');
  const decided = await decide(scene, id, { decision: 'printed', fd: 4, fp: '999000004', reason: 'paper' });
  assert.equal([decided.body.state, decided.body.fd], ['printed', 4]);
  assert.match(decided.body.words, /T1 found it on paper: paper/);
  assert.is(await scene.refused(() => decide(scene, id, { ...older, fd: 5 })), 'RECEIPT_SETTLED');
  await scene.chain.pass(620_000, 1_000);
  await scene.until(await scene.sell(cup), 'printed');
  assert.is(scene.count(RECEIPT), 3);
});

test('nothing was made: it is printed again, once, and only when somebody says so', async () => {
  await using scene = await KktScene.open();
  await scene.until(await scene.sell(cup), 'printed');
  scene.emulator.faults.add([{ fault: 'power-cut-before', command: 'close-receipt', ms: 30_000 }]);
  const order = await scene.sell(cup);
  await scene.until(order, 'uncertain');
  await decide(scene, order.receipt.id, {
    decision: 'print-again',
    reason: 'no paper, nothing in the archive',
  });
  await scene.until(order, 'printed');
  assert.is(scene.count(RECEIPT), 2);
});

test('there will be none: the receipt rests and says who decided', async () => {
  await using scene = await KktScene.open();
  const order = await inDoubt(scene);
  const decided = await decide(scene, order.receipt.id, { decision: 'none', reason: 'the sale was undone' });
  assert.is(decided.body.state, 'failed');
  assert.match(decided.body.words, /no document: the sale was undone/);
  assert.equal(await scene.services.receipts.undecided(), []);
});

test('the QR code is a picture once the receipt is registered', async () => {
  await using scene = await KktScene.open();
  const order = await scene.sell(cup);
  assert.is(await scene.services.receipts.qrSvg(order.receipt.id), undefined);
  await scene.until(order, 'printed');
  assert.match((await scene.services.receipts.qrSvg(order.receipt.id))!, /^<svg .*<\/svg>\s*$/s);
});

test.run();
