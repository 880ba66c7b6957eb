/** S-61: each bound of the cloud side, reached. Those of one request are in `refusals.test.ts`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { posOrder } from '../../../test/support/pos-offline-sync/records.ts';
import { within } from '../../../test/support/within.ts';
import { ANSWERS_AT_ONCE, PosSyncDoor } from '../../src/http/pos-offline-sync/pos-sync-door.ts';
import { NEW_KEYS_MAX, sealed } from '../../src/pos-offline-sync/branch-context.ts';
import { CloudIds, IDS_PER_ENTRY_MAX, PENDING_MAX } from '../../src/pos-offline-sync/cloud-ids.ts';
import { CREDIT_LINES_MAX, REFUND_UNLINKED } from '../../src/pos-offline-sync/pos-sync-book.ts';
import { PushDesk, SETTLED_AT_ONCE } from '../../src/pos-offline-sync/push-desk.ts';
import { takeCredit } from '../../src/pos-offline-sync/take-credit.ts';

const test = suite('limits of pos_offline_sync');

test('IDS_PER_ENTRY_MAX, PENDING_MAX: numbers are said a thousand an entry, and remembered up to the bound', async () => {
  const ids = new CloudIds({ cloudIds: () => Promise.resolve(new Map()), lastId: 0 } as never, 'HQ');
  const keys = Array.from({ length: PENDING_MAX + 1 }, (_, at) => `k${at}`);
  const said: number[] = [];
  const transaction = {
    append: (_: string, __: string, { ids: some }: { ids: unknown[] }) => said.push(some.length),
  };
  const first = await ids.of(transaction as never, 'm', keys);
  assert.is(new Set(first).size, keys.length);
  assert.equal([said.length, Math.max(...said), said.at(-1)], [101, IDS_PER_ENTRY_MAX, 1]);
  const again = await ids.of(transaction as never, 'm', keys);
  assert.equal(
    again.slice(0, PENDING_MAX),
    first.slice(0, PENDING_MAX),
    'not seen in the feed yet: the same',
  );
  assert.is.not(again.at(-1), first.at(-1), 'beyond the bound: a new one');
});

test('NEW_KEYS_MAX: keys nobody has seen yet are forgotten together, and the next customer has one', () => {
  const newKeys = new Map(Array.from({ length: NEW_KEYS_MAX }, (_, at) => [`c${at}`, {}]));
  const trade = {
    region: 'main',
    mayWrite: () => true,
    randomBytes: (length: number) => new Uint8Array(length),
    keys: { isErased: () => false, keyOf: () => undefined, sealAnswer: () => 'sealed' },
  };
  const written: string[] = [];
  const transaction = { append: (collection: string) => written.push(collection) };
  assert.is(sealed({ trade, newKeys } as never, transaction as never, 'anna' as never, '{}'), 'sealed');
  assert.equal([...newKeys.keys()], ['anna']);
  assert.equal(written, ['keys/main']);
});

test('CREDIT_LINES_MAX: a line beyond it is refused in words and nothing of it is written; known lines go on', async () => {
  const credits = new Map<string, object>(
    Array.from({ length: CREDIT_LINES_MAX }, (_, at) => [`I/${at}`, { limitMinor: 100, branches: {} }]),
  );
  const records = new Map<number, object>([[1, { key: 'I/1' }]]);
  const book = {
    credits,
    record: (_: string, __: string, localId: number) => Promise.resolve(records.get(localId)),
    ofCloudId: () => Promise.resolve(undefined),
  };
  const written: string[] = [];
  const transaction = {
    append: (_: string, kind: string) => written.push(kind),
    movedMilli: () => 0,
    noteMoved: () => undefined,
  };
  const taking = {
    book,
    ids: { of: () => [1] },
    key: { branch: 'B1' },
    trade: { branch: 'HQ' },
    tenant: 't',
  };
  const push = (localId: number) => {
    const record = { localId, operation: 'write', data: { available_amount: 40, sale: 100 } };
    return takeCredit(taking as never, transaction as never, record as never);
  };
  let refusal = { code: '', message: '' };
  await push(2).catch((error: typeof refusal) => {
    refusal = error;
  });
  assert.is(refusal.code, 'OVERLOADED');
  assert.match(refusal.message, String(CREDIT_LINES_MAX));
  assert.equal(written, []);
  await push(1);
  assert.equal(written, ['pos-sync-credit', 'pos-sync-record']);
});

test('SETTLED_AT_ONCE: so many refunds are looked at after a push; each has its turn, the newest every time', async () => {
  const record = JSON.stringify(
    posOrder({ id: 1, lines: [{ code: 'TEA', qty: -1, gross: -2.99 }], reference: 'R' }),
  );
  const unsettled = Array.from({ length: 2.5 * SETTLED_AT_ONCE }, (_, at) => {
    const data = { ...JSON.parse(record), pos_reference: `R-${at}` };
    return { key: `u${at}`, reason: REFUND_UNLINKED, record: JSON.stringify(data) };
  });
  let looks: string[] = [];
  const book = {
    hasUnlinked: () => true,
    unsettled: () => Promise.resolve(unsettled),
    orderCalled: (_: string, reference: string) => {
      looks.push(reference);
      return Promise.resolve(undefined);
    },
  };
  const trade = {
    keys: { openAnswer: (text: string) => text },
    catalog: { get: () => undefined },
    nowMs: () => 0,
  };
  const desk = new PushDesk({
    pipeline: { submit: () => Promise.resolve({ body: { cloud_id: 1 } }) } as never,
    alarms: { raise: () => undefined, clearAbout: () => undefined } as never,
    taking: (key) => ({ key, book, trade, skusOf: () => [] }) as never,
  });
  const push = {
    model: 'pos.order',
    warehouse: { id: 1, name: undefined },
    records: [{ queueId: 1, localId: 1, operation: 'create', data: {} }],
  } as const;
  const seen = new Set<string>();
  for (let turn = 0; turn < 4; turn += 1) {
    looks = [];
    await desk.push({ branch: 'B1' } as never, push);
    assert.is(looks.length, SETTLED_AT_ONCE);
    assert.ok(looks.includes('R-249'));
    for (const look of looks) {
      seen.add(look);
    }
  }
  assert.is(seen.size, unsettled.length, 'nobody was left out');
});

test('ANSWERS_AT_ONCE: so many answers are made at a time, the others wait their turn; a push waits for none', async () => {
  let running = 0;
  let most = 0;
  const held: (() => void)[] = [];
  let full: () => void = () => undefined;
  const isFull = new Promise<void>((resolve) => {
    full = resolve;
  });
  const service = {
    find: () => ({ branch: 'B1' }),
    push: () => Promise.resolve({ success: true }),
    manifest: async () => {
      running += 1;
      most = Math.max(most, running);
      if (running === ANSWERS_AT_ONCE) {
        full();
      }
      await new Promise<void>((resolve) => {
        held.push(resolve);
        if (isDone) {
          resolve();
        }
      });
      running -= 1;
      return { success: true };
    },
  };
  let isDone = false;
  const door = new PosSyncDoor({ service, clock: { nowMs: () => 0 }, report: () => undefined } as never);
  const server = createServer((request, response) => {
    void door.serve(request.url!, request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const call = (path: string) =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer k' },
      body: '{}',
    }).then((response) => response.json());
  try {
    const answers = Array.from({ length: 3 * ANSWERS_AT_ONCE }, () => call('/migration/manifest'));
    await within(30_000, 'four answers', isFull);
    assert.equal(await within(30_000, 'the push', call('/push')), { success: true });
    isDone = true;
    for (const go of held) {
      go();
    }
    assert.is((await within(30_000, 'the answers', Promise.all(answers))).length, 3 * ANSWERS_AT_ONCE);
    assert.is(most, ANSWERS_AT_ONCE);
  } finally {
    server.close();
  }
});

test.run();
