/** Where the replaced cloud lost or doubled something, one proof each; the numbers are those of the list of its defects. */
import { readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MINUTE_MS, ModuleClient, type Post } from '../../../test/support/pos-offline-sync/module-client.ts';
import { type Json, partner, posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import { CloudScene, type PosCaller } from './support/cloud-scene.ts';

const test = suite('proof points of pos_offline_sync');

const START_MS = Date.UTC(2026, 10, 22, 9);
const HOUR_MS = 60 * MINUTE_MS;

/** A module in the branch, on a line that the test cuts. */
class Branch {
  readonly client: ModuleClient;
  isCut = false;
  /** Of the next replies, how many are lost on their way back. */
  lost = 0;

  constructor(
    scene: CloudScene,
    caller: PosCaller,
    more: { attemptsMax?: number; clockOffMs?: number } = {},
  ) {
    const post: Post = async (path, body) => {
      if (this.isCut) {
        throw new Error('ConnectionError');
      }
      const reply = await scene.call(path, body, caller.key);
      if (this.lost > 0) {
        this.lost -= 1;
        throw new Error('ReadTimeout');
      }
      return reply;
    };
    this.client = new ModuleClient(START_MS, {
      post,
      warehouseName: caller.warehouse,
      attemptsMax: 1_000,
      ...more,
    });
  }

  sell(id: number, more: Partial<Parameters<typeof posOrder>[0]> = {}): void {
    const date = this.client.localTime();
    this.client.enqueue('pos.order', id, posOrder({ id, date, ...more }));
  }

  /** Cron, every five minutes. */
  async pass(ms: number, each: (minute: number) => void = () => undefined): Promise<void> {
    for (
      const until = this.client.nowMs + ms;
      this.client.nowMs < until;
      this.client.nowMs += 5 * MINUTE_MS
    ) {
      each((this.client.nowMs - START_MS) / MINUTE_MS);
      await this.client.sync();
    }
  }
}

const numbers = async (scene: CloudScene) =>
  (await scene.services.orders.list({ limit: 500 })).orders.map(({ number }) => number);

test('(1) 8 h cut: 100 % of orders delivered, no manual action; with the three tries of its default, the module would drop them', async () => {
  await using scene = await CloudScene.open();
  const patient = new Branch(scene, await scene.branch('B001'));
  const hasty = new Branch(scene, await scene.branch('B002'), { attemptsMax: 3 });
  for (const branch of [patient, hasty]) {
    branch.isCut = true;
    let id = 0;
    await branch.pass(8 * HOUR_MS, (minute) => {
      if (minute % 30 === 0) {
        id += 1;
        branch.sell(id);
      }
    });
    branch.isCut = false;
    await branch.pass(2 * HOUR_MS);
  }
  assert.is(patient.client.waiting.length, 0);
  assert.is((await numbers(scene)).filter((number) => number.startsWith('B001')).length, 16);
  assert.ok(hasty.client.dead.length > 10, 'the queue of the module is played as it is');
});

test('(2) price and promotion edits during the cut reach the branch, also when replies are lost and last_sync has moved on', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 100, vat: 'none' });
  const branch = new Branch(scene, await scene.branch('B001'));
  await branch.pass(10 * MINUTE_MS);
  branch.isCut = true;
  await branch.pass(4 * HOUR_MS);
  await scene.product('TEA', { priceMinor: 250 });
  const promotion = { name: 'Navidad', percentOff: 10, archived: false };
  await scene.services.pricing.putPromotion('xmas', scene.hq.request(promotion as never));
  await branch.pass(4 * HOUR_MS);
  branch.isCut = false;
  branch.lost = 3;
  await branch.pass(15 * MINUTE_MS);
  assert.not.ok(
    [...branch.client.pulled('product.product').values()].some(({ lst_price }) => lst_price === 2.5),
  );
  await branch.pass(10 * MINUTE_MS);
  const [tea] = branch.client.pulled('product.product').values();
  assert.is(tea!.lst_price, 2.5);
  assert.ok([...branch.client.pulled('loyalty.program').values()].some(({ name }) => name === 'Navidad'));
});

test('(2) a change is said again until it was answered often enough over a day; once a day everything is', async () => {
  const { BranchCursor, REPEAT_ANSWERS, REPEAT_MS, RecordShelf, WHOLE_EVERY_MS } = await import(
    '../../src/pos-offline-sync/record-shelf.ts'
  );
  const shelf = new RecordShelf();
  shelf.note('OLD', { price: 1 }, 1);
  const cursor = new BranchCursor();
  const says = (key: string, nowMs: number): boolean => {
    const floor = cursor.floor(nowMs);
    const isSaid = shelf.isSince(key, floor);
    cursor.answered(nowMs, floor);
    return isSaid;
  };
  for (let at = 0; at < REPEAT_ANSWERS; at += 1) {
    assert.ok(says('OLD', 10 + at), 'the first answers hold everything');
  }
  shelf.note('NEW', { price: 2 }, 100);
  assert.ok(says('NEW', 101));
  // Said again within the day, however often it was said.
  for (let at = 0; at < 3 * REPEAT_ANSWERS; at += 1) {
    assert.ok(says('NEW', 200 + at));
  }
  assert.ok(says('OLD', WHOLE_EVERY_MS + 30), 'once a day everything');
  for (let at = 0; at < REPEAT_ANSWERS; at += 1) {
    says('OLD', WHOLE_EVERY_MS + 40 + at);
  }
  assert.not.ok(says('OLD', WHOLE_EVERY_MS + REPEAT_MS / 2), 'in between only what changed within the day');
  shelf.note('OLD', { price: 3 }, WHOLE_EVERY_MS + REPEAT_MS / 2);
  assert.ok(says('OLD', WHOLE_EVERY_MS + REPEAT_MS / 2 + 1));
});

test('(4) the same customer edited in two branches offline: both fields survive', async () => {
  await using scene = await CloudScene.open();
  const [one, other] = [await scene.branch('B001'), await scene.branch('B002')];
  const vat = '1790012345001';
  const base = { vat, name: 'Rosa' };
  await scene.push(one, 'res.partner', [[1, 5, partner({ id: 5, ...base })]]);
  await scene.push(other, 'res.partner', [[1, 9, partner({ id: 9, ...base })]]);
  await scene.push(one, 'res.partner', [[2, 5, partner({ id: 5, ...base, phone: '0991' }), 'write']]);
  const { json } = await scene.push(other, 'res.partner', [
    [2, 9, partner({ id: 9, ...base, more: { email: 'rosa@example.test' } }), 'write'],
  ]);
  const [record] = (await scene.pull(one, ['res.partner'])).json.data['res.partner'];
  assert.is(record.id, json.results[0].cloud_id);
  assert.equal([record.phone, record.email], ['0991', 'rosa@example.test']);
});

test('(5) credit 100, spends 40 + 30 offline: 30 left everywhere, also after a lost reply', async () => {
  await using scene = await CloudScene.open();
  const [one, other] = [await scene.branch('B001'), await scene.branch('B002')];
  const credit = (available: number): Json => ({
    institution_id: 3,
    institution_id_institutions: '77',
    institution_name: 'Cooperativa',
    partner_id: 5,
    partner_vat: '0912345678',
    partner_name: 'Rosa',
    available_amount: available,
    sale: 100,
  });
  const left = async (caller: PosCaller) =>
    (await scene.pull(caller, ['institution.client'])).json.data['institution.client'][0].available_amount;
  await scene.push(one, 'institution.client', [[1, 11, credit(60)]]);
  await scene.push(other, 'institution.client', [[1, 12, credit(70)]]);
  // The same row again is no second spending.
  await scene.push(other, 'institution.client', [[1, 12, credit(70)]]);
  assert.equal([await left(one), await left(other)], [30, 30]);
  // Branch one never saw the 30: it spends 10 of the 60 it knows.
  await scene.push(one, 'institution.client', [[2, 11, credit(50), 'write']]);
  assert.equal([await left(one), await left(other)], [20, 20]);
});

test('(7) the time of the sale is preserved, and counts in the report of its day', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  await scene.push(b17, 'pos.order', [[1, 1, posOrder({ id: 1, date: '2026-11-20T23:10:00' })]]);
  const [order] = (await scene.services.orders.list({ limit: 1 })).orders;
  assert.is(order!.soldAt, '2026-11-20T23:10:00.000Z');
  assert.ok(order!.at > '2026-11-22', 'and when it came stands beside it');
  const report = (from: string, to: string) =>
    scene.services.reports.sales({ from, to, offsetMinutes: 0 } as never);
  assert.equal(
    (await report('2026-11-20', '2026-11-20')).rows.map(({ branch, day, orders }) => [branch, day, orders]),
    [['B017', '2026-11-20', 1]],
  );
  assert.equal((await report('2026-11-21', '2026-11-23')).rows, []);
});

test('(9) branch clock +3 h and −3 h: nothing lost, and the clock here stays where it is', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 100, vat: 'none' });
  for (const [code, clockOffMs] of [
    ['B001', 3 * HOUR_MS],
    ['B002', -3 * HOUR_MS],
  ] as const) {
    const branch = new Branch(scene, await scene.branch(code), { clockOffMs });
    branch.sell(1);
    await branch.pass(10 * MINUTE_MS);
    await scene.product('TEA', { priceMinor: 200 + clockOffMs / HOUR_MS });
    branch.sell(2);
    await branch.pass(10 * MINUTE_MS);
    assert.is(branch.client.waiting.length, 0);
    const [tea] = branch.client.pulled('product.product').values();
    assert.is(tea!.lst_price, 2 + clockOffMs / HOUR_MS / 100);
    const { orders } = await scene.services.orders.list({ limit: 10, branch: code });
    assert.is(orders.length, 2);
    assert.is(Date.parse(orders[0]!.soldAt!), START_MS + clockOffMs, 'as the branch says');
  }
  assert.not.ok(scene.services.sync.status().alarms.some(({ code }) => code.startsWith('CLOCK')));
});

test('(11) replay of a session of the pos_offline_sync client: every answer is what it reads', async () => {
  await using scene = await CloudScene.open();
  await scene.product('TEA', { name: 'Tea', priceMinor: 299, vat: 'none' });
  const b17 = await scene.branch('B017');
  const text = await readFile(new URL('./fixtures/client-session.json', import.meta.url), 'utf8');
  const { session } = JSON.parse(text) as {
    session: { method: string; path: string; body?: Json; expect: Json }[];
  };
  assert.is(session.length, 7);
  for (const { method, path, body, expect } of session) {
    const response = await fetch(`${scene.url}/pos_offline_sync${path}`, {
      method,
      headers: { authorization: `Bearer ${b17.key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body).replaceAll('Sucursal 017', b17.warehouse) }),
    });
    assert.is(response.status, 200, path);
    contains(await response.json(), expect, path);
  }
  assert.is(
    (await scene.services.orders.list({ limit: 10 })).orders.length,
    1,
    'pushed twice in the session',
  );
});

test('(12) a credit note arrives and links to its sale, in whatever order they come', async () => {
  await using scene = await CloudScene.open();
  const b17 = await scene.branch('B017');
  const back = (id: number, more: Json) =>
    posOrder({ id, lines: [{ code: 'TEA', qty: -1, gross: -2.99 }], more: { is_refund: true, ...more } });
  await scene.push(b17, 'pos.order', [[1, 1, posOrder({ id: 1 })]]);
  await scene.push(b17, 'pos.order', [
    [2, 2, back(2, { refund_order_pos_reference: 'Orden 00007-001-0001' })],
  ]);
  const [sale] = (await scene.services.orders.list({ limit: 1 })).orders;
  const refundsOf = async (id: string) => (await scene.services.orders.get(id))!.refunds ?? [];
  const [refund] = await refundsOf(sale!.id);
  assert.is(refund!.number, 'B017.PR-000001');
  assert.is(refund!.refundOfNumber, 'B017.P-000001');
  assert.is(refund!.totalMinor, 299);
  assert.is((await scene.services.stock.get('TEA', 'B017'))!.onHandMilli, -1000);
  // The refund first; then its sale, in a batch with another refund of it.
  await scene.push(b17, 'pos.order', [[3, 4, back(4, { refunded_order_ids: [3] })]]);
  assert.is((await scene.services.posSync!.unsettled()).length, 1);
  await scene.push(b17, 'pos.order', [
    [4, 5, back(5, { original_order: { id: 3, name: 'x', pos_reference: 'Orden 00007-001-0003' } })],
    [5, 3, posOrder({ id: 3 })],
  ]);
  assert.equal(await scene.services.posSync!.unsettled(), []);
  const second = (await scene.services.orders.list({ limit: 10 })).orders[1]!;
  assert.is((await refundsOf(second.id)).length, 2);
  assert.is((await scene.services.stock.get('TEA', 'B017'))!.onHandMilli, -1000);
});

function contains(found: unknown, wanted: unknown, where: string): void {
  if (Array.isArray(wanted)) {
    assert.ok(Array.isArray(found), `${where} is a list`);
    assert.is((found as unknown[]).length, wanted.length, where);
    for (const [index, each] of wanted.entries()) {
      contains((found as unknown[])[index], each, `${where}/${index}`);
    }
  } else if (typeof wanted === 'object' && wanted !== null) {
    for (const [key, each] of Object.entries(wanted)) {
      contains((found as Record<string, unknown>)?.[key], each, `${where}/${key}`);
    }
  } else if (typeof wanted === 'string' && wanted.startsWith('<')) {
    const isInteger = Number.isInteger(found) && (found as number) > 0 && (found as number) < 2 ** 31;
    assert.ok(wanted === '<int32>' ? isInteger : typeof found === 'string', `${where} is ${wanted}`);
  } else {
    assert.equal(found, wanted, where);
  }
}

test.run();
