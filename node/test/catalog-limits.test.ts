/** The named limits of what the catalog keeps, each reached. */
import { IMPORT_FILE_ROWS_MAX, type ImportReport, type ProblemError } from '@branchline/model';
import { makeStamp } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEAD_ROWS_MAX, requireRows } from '../src/catalog-file/table-bounds.ts';
import { KEYS_OF_CUSTOMER_MAX, KeyRing } from '../src/customers/key-ring.ts';
import { CONFLICT_VALUES_MAX, CONFLICTS_MAX, Conflicts } from '../src/projections/conflicts.ts';
import { OVERRIDES_MAX, Overrides } from '../src/projections/overrides.ts';
import { rowKeys } from '../src/projections/row-keys.ts';
import { Rows } from '../src/projections/rows.ts';
import { COMMITTED_FAULTS_MAX } from '../src/use-cases/import-catalog-file.ts';
import { Chain } from './support/chain.ts';

const test = suite('limits of the catalog');

const openRows = () =>
  Rows.open({
    level: new MemoryLevel<string, string>() as never,
    onFailure: (error) => {
      throw error;
    },
  });
const CAUSE = { position: 1, local: false };

test('CONFLICTS_MAX: more are not kept, those that are still change; CONFLICT_VALUES_MAX: the last ones', async () => {
  let values = 2;
  const conflicts = await Conflicts.open({
    rows: await openRows(),
    versions: async () =>
      Array.from({ length: values }, (_, value) => ({ value, author: undefined, timeMs: value })) as never,
  });
  const take = async (sku: string) => {
    const cells = [{ key: `${sku}/priceMinor`, value: 1, conflict: true }];
    await conflicts.prepare('catalog/0' as never, cells);
    conflicts.patch('catalog/0' as never, cells, CAUSE);
  };
  for (let at = 0; at < CONFLICTS_MAX + 1; at++) {
    await take(`S${at}`);
  }
  assert.is(conflicts.count, CONFLICTS_MAX);
  values = CONFLICT_VALUES_MAX + 4;
  await take('S0');
  const [first] = conflicts.list(undefined, 1).rows;
  assert.is(first?.sku, 'S0');
  assert.equal(
    first?.values.map(({ value }) => value),
    Array.from({ length: CONFLICT_VALUES_MAX }, (_, at) => at + 4),
  );
});

test('OVERRIDES_MAX: one more is passed over, those that are there still change', async () => {
  const changed: string[] = [];
  const put = new Map<string, string>();
  const rows = {
    putText: (key: string, text: string) => put.set(key, text),
    texts: async function* () {
      for (let at = 0; at < OVERRIDES_MAX; at++) {
        yield [rowKeys.override(`B001/S${at}`), '{}'] as [string, string];
      }
    },
  };
  const overrides = await Overrides.open({
    rows: rows as unknown as Rows,
    onChanged: (_branch, sku) => changed.push(sku),
  });
  const say = (sku: string) =>
    overrides.apply({
      collection: 'prices/B001',
      hlc: makeStamp(1, 1),
      writer: 'a'.repeat(16),
      position: 1,
      body: { sku, till: 'T1', priceMinor: 5, atMs: 1 },
    } as never);
  say('S0');
  say('ONE-MORE');
  assert.equal(changed, ['S0']);
  assert.is(overrides.get('B001', 'ONE-MORE'), undefined);
  assert.is(overrides.get('B001', 'S0')?.price?.value, 5);
  assert.is(put.size, 1);
});

test('HEAD_ROWS_MAX: so many rows may stand above the products, and no more', () => {
  requireRows(IMPORT_FILE_ROWS_MAX + HEAD_ROWS_MAX);
  try {
    requireRows(IMPORT_FILE_ROWS_MAX + HEAD_ROWS_MAX + 1);
    assert.unreachable();
  } catch (error) {
    assert.is((error as ProblemError).code, 'IMPORT_FILE');
  }
});

test('COMMITTED_FAULTS_MAX: the answer that is kept lists so many, and says how many there were', async () => {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  await hq.start();
  try {
    const count = COMMITTED_FAULTS_MAX + 1;
    const file = (price: number) =>
      new TextEncoder().encode(
        ['sku,name,price,vat', ...Array.from({ length: count }, (_, at) => `S${at},Chair,${price},22`)].join(
          '\n',
        ),
      );
    const send = (price: number, accept?: string) =>
      hq.services.catalog.importFile(hq.request(file(price)), {
        dryRun: 'false',
        ...(accept === undefined ? {} : { accept }),
      });
    await send(100);
    const { status, body } = await send(300, 'PRICE_JUMP');
    const report = body as ImportReport;
    assert.is(status, 201);
    assert.is(report.faults.length, COMMITTED_FAULTS_MAX);
    assert.is(report.warnings, count);
  } finally {
    await chain.close();
  }
});

test('KEYS_OF_CUSTOMER_MAX: keys of one customer beyond it are passed over', async () => {
  const ring = await KeyRing.open({ store: { feeds: () => new Map(), read: async () => undefined } });
  for (let at = 0; at <= KEYS_OF_CUSTOMER_MAX; at++) {
    ring.apply({
      feed: `keys/main/${'a'.repeat(16)}`,
      seq: at + 1,
      kind: 'customer-keys',
      body: { keys: [['anna', `k${String(at).padStart(3, '0')}`, new Uint8Array(32).fill(at)]] },
    } as never);
  }
  const last = { id: `k${String(KEYS_OF_CUSTOMER_MAX).padStart(3, '0')}`, key: new Uint8Array(32).fill(64) };
  const nonce = new Uint8Array(12);
  const kept = ring.keyOf('anna')!;
  assert.is(kept.id, 'k000');
  assert.is(ring.open(ring.seal(kept, nonce, 'Anna', 'anna', 'name'), 'anna', 'name'), 'Anna');
  assert.is(ring.open(ring.seal(last, nonce, 'Anna', 'anna', 'name'), 'anna', 'name'), undefined);
  // Bound to its place: another field or customer opens nothing.
  const sealed = ring.seal(kept, nonce, 'Anna', 'anna', 'name');
  assert.is(ring.open(sealed, 'anna', 'phone'), undefined);
  assert.is(ring.open(`${sealed.slice(0, -2)}AA`, 'anna', 'name'), undefined);
  assert.is(ring.open('Anna', 'anna', 'name'), undefined);
});

test.run();
