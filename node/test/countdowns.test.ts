/** What the law stops is seen coming: levels, alarms, GET /v1/sync, and the metrics of the replaced system. */
import type { FiscalCountdown } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CLOCK_SECONDS_MAX, countdowns, SHIFT_HOURS_MAX, TERM_DAYS } from '../src/fiscal/countdowns.ts';
import { KktScene } from './support/kkt-scene.ts';

const test = suite('countdowns');

const DAY = 86_400_000;
const HOUR = 3_600_000;
const nowMs = Date.UTC(2026, 10, 22, 12);
const well = {
  nowMs,
  oldestDocumentAgeMs: undefined,
  fnExpires: '2027-11-22',
  warnings: [],
  shiftOpenedMs: undefined,
  isShiftExpired: false,
  clock: { deviceSeconds: nowMs / 1000 + 3 * 3600, atMs: nowMs },
};
const level = (what: FiscalCountdown['what'], facts: object): string =>
  countdowns({ ...well, ...facts }).find((each) => each.what === what)!.level;

test('each is raised before anything stops', () => {
  assert.ok(countdowns(well).every((each) => each.level === 'well'));
  const operator = [1, 2, 5, 20, 28, 30].map((days) =>
    level('operator', { oldestDocumentAgeMs: days * DAY }),
  );
  assert.equal(operator, ['well', 'notice', 'notice', 'urgent', 'urgent', 'stopped']);
  assert.equal(
    ['2027-01-22', '2026-12-20', '2026-11-24', '2026-11-21'].map((fnExpires) =>
      level('storage-term', { fnExpires }),
    ),
    ['well', 'notice', 'urgent', 'stopped'],
  );
  assert.equal(TERM_DAYS, [30, 3]);
  assert.is(level('storage-memory', { warnings: ['memory-90-percent'] }), 'urgent');
  assert.is(level('shift', { shiftOpenedMs: nowMs - SHIFT_HOURS_MAX * HOUR }), 'urgent');
  assert.is(level('shift', { isShiftExpired: true }), 'stopped');
  const off = CLOCK_SECONDS_MAX + 1;
  assert.is(
    level('clock', { clock: { deviceSeconds: nowMs / 1000 + 5.5 * 3600 - off, atMs: nowMs } }),
    'urgent',
  );
});

test('a device that does not tell is not guessed about', () => {
  const silent = { clock: undefined, fnExpires: undefined };
  assert.equal([level('clock', silent), level('storage-term', silent)], ['well', 'well']);
  assert.is(level('storage-term', { ...silent, warnings: ['replace-in-3-days'] }), 'urgent');
});

test('they stand in GET /v1/sync, in alarms until they are over, and in metrics of the old names', async () => {
  await using scene = await KktScene.open();
  const cup = {
    lines: [{ sku: 'CUP', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat10' }],
    payments: [{ kind: 'cash', amountMinor: 500 }],
  };
  await scene.until(await scene.sell(cup), 'printed');
  const alarmed = () => scene.services.sync.status().alarms.some(({ code }) => code === 'KKT_CLOCK');
  scene.emulator.device.clockOffsetSeconds = 200;
  await scene.chain.until(alarmed);
  const clock = scene.services.sync.status().fiscal?.countdowns?.find(({ what }) => what === 'clock');
  assert.match(clock!.words, /200 s ahead/);
  scene.emulator.device.clockOffsetSeconds = 0;
  await scene.chain.until(() => !alarmed());
  const metrics = new Map(scene.services.metrics().map(({ name, value }) => [name, value]));
  for (const name of [
    'kkt_buffer_percent_full',
    'kkt_circuit_breaker_state',
    'kkt_sync_duration_seconds',
    'kkt_dlq_size',
    'kkt_hlc_drift_seconds',
    'kkt_fiscal_memory_days_left',
  ]) {
    assert.ok(metrics.has(name), name);
  }
  assert.is(metrics.get('kkt_circuit_breaker_state'), 0);
  assert.ok(metrics.get('kkt_fiscal_memory_days_left')! > 300);
});

test.run();
