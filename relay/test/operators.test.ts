/** Tokens of operators, what they may, what is written down of it, and the history of a device. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceRow } from '@branchline/pages';
import { ManualClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { ACTS_SHOWN_MAX, AuditLog } from '../src/audit-log.ts';
import { COARSE_KEPT_MS, FINE_EVERY_MS, FINE_SAMPLES_MAX, FleetHistory } from '../src/fleet-history.ts';
import { OPERATORS_MAX } from '../src/operators.ts';
import { RunningRelay } from './support/running.ts';

const test = suite('operators');

test('a view token reads everything and changes nothing', async () => {
  await using relay = await RunningRelay.open();
  const made = await relay.admin('POST', '/v1/operators', { name: 'Vera', role: 'view' });
  assert.is(made.status, 201);
  const { token } = made.body as { token: string };
  for (const path of ['/v1/fleet', '/v1/branches', '/v1/audit', '/v1/self', '/v1/fleet/x/history']) {
    assert.is((await relay.call('GET', path, { token })).status, 200, path);
  }
  const acts: readonly [string, unknown][] = [
    ['/v1/branches', { branches: [{ code: 'B001' }] }],
    ['/v1/branches/B001/revoke', {}],
    ['/v1/branches/B001/rotate', undefined],
    ['/v1/operators', { name: 'Ann', role: 'operate' }],
    ['/v1/operators/Vera/revoke', undefined],
    ['/v1/control/export', { to: '/tmp/x' }],
  ];
  for (const [path, body] of acts) {
    const answer = await relay.call('POST', path, { token, body });
    assert.equal([answer.status, answer.body.code], [403, 'FORBIDDEN'], path);
  }
  await relay.restart();
  assert.equal((await relay.call('GET', '/v1/self', { token })).body, {
    name: 'Vera',
    role: 'view',
    tenant: 'acme',
  });
  assert.is((await relay.admin('POST', '/v1/operators/Vera/revoke')).status, 200);
  assert.is((await relay.call('GET', '/v1/fleet', { token })).status, 401);
  assert.is((await relay.admin('POST', '/v1/operators/Vera/revoke')).body.code, 'OPERATOR_UNKNOWN');
});

test('a name is given once, and not more tokens than the limit', async () => {
  await using relay = await RunningRelay.open();
  const add = (name: string) => relay.admin('POST', '/v1/operators', { name, role: 'view' });
  await add('Vera');
  assert.is((await add('Vera')).body.code, 'OPERATOR_EXISTS');
  assert.is((await add('admin')).body.code, 'OPERATOR_EXISTS');
  for (let at = 1; at < OPERATORS_MAX; at++) {
    assert.is((await add(`V${at}`)).status, 201);
  }
  assert.is((await add('one-more')).body.code, 'OPERATOR_EXISTS');
});

test('every act is written down with who, what, when and how it ended', async () => {
  await using relay = await RunningRelay.open();
  const { token } = (await relay.admin('POST', '/v1/operators', { name: 'Oleg', role: 'operate' })).body as {
    token: string;
  };
  await relay.call('POST', '/v1/branches', {
    token,
    body: { branches: [{ code: 'B001' }, { code: 'B002' }] },
  });
  await relay.call('POST', '/v1/branches/B009/revoke', { token, body: { reason: 'stolen' } });
  await relay.restart();
  const { body } = await relay.admin('GET', '/v1/audit');
  assert.is(body.intact, true);
  assert.equal(
    (body.acts as { who: string; what: string; subject: string; outcome: string }[]).map((act) => [
      act.who,
      act.what,
      act.subject,
      act.outcome,
    ]),
    [
      ['Oleg', 'branch.revoke', 'B009: stolen', 'BRANCH_UNKNOWN'],
      ['Oleg', 'branch.add', 'B001, B002', 'done'],
      ['admin', 'operator.add', 'Oleg (operate)', 'done'],
    ],
  );
});

test('a line cut short is dropped; a line that was changed shows', async () => {
  await using dir = await TempDir.open('audit');
  const path = join(dir.path, 'audit.jsonl');
  const open = () => AuditLog.open(path, () => 0);
  const first = await open();
  for (let at = 0; at < 3; at++) {
    await first.add({ who: 'Ann', what: 'branch.add', subject: `B00${at}`, outcome: 'done' });
  }
  await appendFile(path, '{"n":4,"at"');
  const second = await open();
  await second.add({ who: 'Ann', what: 'branch.add', subject: 'B003', outcome: 'done' });
  assert.is(second.isIntact, true);
  assert.equal(
    (await open()).latest(10).map(({ n }) => n),
    [4, 3, 2, 1],
  );
  await writeFile(path, (await readFile(path, 'utf8')).replace('B001', 'B007'));
  assert.is((await open()).isIntact, false);
  for (let at = 0; at < ACTS_SHOWN_MAX; at++) {
    await second.add({ who: 'Ann', what: 'branch.add', subject: 'B', outcome: 'done' });
  }
  assert.is(second.latest(10_000).length, ACTS_SHOWN_MAX);
});

test('the history of a device is bounded: fine for an hour, coarse for two weeks', async () => {
  const clock = new ManualClock(Date.UTC(2026, 10, 22));
  const history = new FleetHistory(new MemoryLevel() as never, clock);
  const row = {
    writer: 'w',
    state: 'online',
    online: true,
    disk: null,
    detail: null,
  } as unknown as DeviceRow;
  const lag = { entriesThere: 0, entriesHere: 0, seconds: 0, feeds: [] };
  for (let at = 0; at < FINE_SAMPLES_MAX + 60; at++) {
    await history.take([{ ...row, lag: { ...lag, entriesThere: at } }]);
    await clock.advance(FINE_EVERY_MS);
  }
  const samples = await history.read('w', 0);
  assert.is(samples.length, FINE_SAMPLES_MAX + 2);
  assert.is(samples.at(-1)![2], FINE_SAMPLES_MAX + 59);
  clock.jumpWall(COARSE_KEPT_MS + 3_600_000);
  await clock.advance(300_000);
  await history.take([{ ...row, lag }]);
  assert.is((await history.read('w', clock.nowMs() - COARSE_KEPT_MS)).length, 1);
});

test.run();
