/**
 * Everything a till may call, by the SDK against a real node over HTTP: goods, accounts, corrections and decisions. What the SDK
 * sends is what the node takes, and what the node answers is what the SDK's types say.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TillClient } from '@branchline/client';
import type { ProblemCode } from '@branchline/model';
import { DataDirectory, type NodeConfigInput, NodeProgram, readConfig } from '@branchline/node';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';

const test = suite('the SDK and a real node');

const cup = (quantityMilli: number) => ({ lines: [{ sku: 'CUP', quantityMilli }] });
const sale = (over: object = {}) => ({
  lines: [{ sku: 'CUP', quantityMilli: 1000, unitPriceMinor: 1000, vat: 'vat22' as const }],
  payments: [{ kind: 'cash' as const, amountMinor: 1000 }],
  ...over,
});

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock(), random: seededRandom(1), log };
const open = (flags: NodeConfigInput) =>
  NodeProgram.open(ports, readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }));

/** Head office on a real disk, with a till of its own; `B002` is enrolled. */
async function shop(story: (till: TillClient) => Promise<void>): Promise<void> {
  await using dir = await TempDir.open('till-client');
  const data = join(dir.path, 'hq');
  await mkdir(data);
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  const hq = await open({ data });
  try {
    const [issued] = await hq.node.services.branches!.add([{ code: 'B002', role: 'branch' }], undefined);
    const other = await open({ data: join(dir.path, 'b002'), peers: [hq.url], token: issued!.token });
    await other.close();
    const { token } = await hq.node.services.tills.add('T1', 'admin');
    await story(new TillClient({ ...ports, url: hq.url, token }));
  } finally {
    await hq.close();
  }
}

const codeOf = async (work: Promise<unknown>): Promise<ProblemCode | 'accepted'> =>
  work.then(
    () => 'accepted' as const,
    (error: { code: ProblemCode }) => error.code,
  );

test('goods: received, promised, sold, sent, oversold, ordered again', () =>
  shop(async (till) => {
    await till.receiveGoods(cup(5000));
    await till.adjustStock({ reason: 'damaged', lines: [{ sku: 'CUP', deltaMilli: -1000 }] });
    const { answer: promised } = await till.reserveGoods({ ...cup(1000), ttlSeconds: 600 });
    const { answer: other } = await till.reserveGoods(cup(1000));
    assert.is((await till.reservations()).length, 2);
    await till.releaseGoods(other.id);
    await till.placeOrder(sale({ reservation: promised.id }));
    assert.equal(await till.reservations(), []);
    assert.is((await till.stock('CUP')).onHandMilli, 3000);

    const { answer: sent } = await till.sendTransfer({ to: 'B002', ...cup(1000) });
    assert.is((await till.transfer(sent.id)).state, 'in-transit');
    assert.equal(
      (await till.transfers({ state: 'in-transit' })).transfers.map(({ id }) => id),
      [sent.id],
    );
    assert.is(await codeOf(till.receiveTransfer(sent.id)), 'FORBIDDEN', 'it goes to the other branch');

    await till.setReorderPoint('CUP', { minMilli: 5000, upToMilli: 9000 });
    assert.equal(
      (await till.reorderSuggestions()).map(({ sku }) => sku as string),
      ['CUP'],
    );
    await till.placeOrder(
      sale({
        lines: [{ ...sale().lines[0]!, quantityMilli: 3000 }],
        payments: [{ kind: 'cash', amountMinor: 3000 }],
      }),
    );
    await until(20_000, 'the task', async () => (await till.oversells()).length === 1);
    const [task] = await till.oversells();
    const { answer: done } = await till.resolveOversell(task!.id, { how: 'found', note: 'behind the door' });
    assert.is(done.resolved?.how, 'found');
    await till.countStock(cup(2000));
    assert.is((await till.stock('CUP')).onHandMilli, 2000);
  }));

test('accounts: a gift card loaded and paid with, a coupon used once, points quoted, two ids merged', () =>
  shop(async (till) => {
    const code = 'GIFT-0000-1234';
    await till.issueGiftCard({ code, amountMinor: 500 });
    await till.topUpGiftCard({ code, amountMinor: 700 });
    assert.is((await till.giftCard(code)).balanceMinor, 1200);
    const { answer: coupon } = await till.issueCoupon({ code: 'COUPON-1234', discountMinor: 100 });
    assert.is(coupon.state, 'usable');
    await till.changeCustomer('anna', { name: 'Anna' });
    const { answer: order } = await till.placeOrder(
      sale({
        coupons: ['COUPON-1234'],
        payments: [{ kind: 'giftCard', amountMinor: 900, code }],
        customer: { id: 'anna' },
      }),
    );
    assert.is(order.totalMinor, 900);
    assert.is((await till.coupon('COUPON-1234')).state, 'used');
    assert.is((await till.giftCard(code)).balanceMinor, 300);
    await till.refundOrder(order.id, {});
    assert.is((await till.giftCard(code)).balanceMinor, 1200, 'the card gets back what it paid');
    assert.is((await till.redeemQuote('anna', { lines: sale().lines })).maxPoints, 0);
    await till.changeCustomer('anna2', { name: 'Anna' });
    assert.equal((await till.mergeCustomers('anna', { from: 'anna2', reason: 'one person' })).answer.merged, [
      'anna2',
    ]);
    assert.ok((await till.loyaltyProgrammes()).today.stepMinor > 0);
  }));

test('decisions: conflicts, quarantine and receipts are read; what cannot be decided is refused by code', () =>
  shop(async (till) => {
    assert.is((await till.conflicts({ limit: 5 })).total, 0);
    assert.is(await codeOf(till.resolveConflict('0123456789abcdef', { value: 'Cup' })), 'CONFLICT_NOT_FOUND');
    assert.equal((await till.quarantine()).items, []);
    assert.ok(Array.isArray((await till.outbox()).lines));
    const line = { name: 'Cup', quantityMilli: 1000, unitPriceMinor: 1000, vat: 'vat22' as const };
    const correction = { day: '2026-11-20', lines: [line], payments: sale().payments };
    assert.is(await codeOf(till.correctReceipt(correction)), 'REGISTER_NONE');
    const { answer: order } = await till.placeOrder(sale());
    const decision = { decision: 'print-again' as const, reason: 'nothing in the archive' };
    assert.ok(
      ['REGISTER_NONE', 'RECEIPT_NOT_FOUND'].includes(
        await codeOf(till.decideReceipt(order.receipt.id, decision)),
      ),
    );
  }));

test.run();
