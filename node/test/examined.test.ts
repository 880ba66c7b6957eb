/** Who may ask a node how it is, and what leaves it then. */
import type { ReplicationNews, WriterId } from '@branchline/feed';
import type { SyncStatus } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { examineNode, FINDINGS_MAX } from '../src/examination.ts';
import { answerExamination } from '../src/sync/examined.ts';

const test = suite('examined');

const peer = 'aaaaaaaaaaaaaaaa' as WriterId;
const findings = [{ level: 'fine' as const, what: 'it is ready' }];

function answersTo(report: unknown, role: string | undefined): unknown[] {
  const said: unknown[] = [];
  const silent = { info: () => {}, warn: () => {} };
  answerExamination({ type: 'statusReceived', peer, report } as ReplicationNews, {
    registry: { member: () => (role === undefined ? undefined : ({ grant: { role } } as never)) },
    examine: () => findings,
    say: (_, answer) => said.push(answer),
    log: silent,
  });
  return said;
}

test('a relay and a head office are answered; another branch, a stranger and nonsense are not', () => {
  const question = { examine: { id: 'x1' } };
  for (const role of ['relay', 'hq']) {
    assert.equal(answersTo(question, role), [{ examined: { id: 'x1', findings } }]);
  }
  for (const role of ['branch', 'carrier', undefined]) {
    assert.equal(answersTo(question, role), []);
  }
  for (const nonsense of [
    undefined,
    null,
    7,
    {},
    { examine: {} },
    { examine: { id: '' } },
    { examine: { id: 'x'.repeat(65) } },
  ]) {
    assert.equal(answersTo(nonsense, 'relay'), []);
  }
});

const well: SyncStatus = {
  node: peer,
  branch: 'B001',
  tenant: 'acme',
  role: 'branch',
  mode: 'hybrid',
  enrolled: true,
  allowedNow: [],
  situation: [],
  canSell: true,
  unsentEntries: 0,
  peers: [],
  alarms: [],
  clock: { driftMs: 0 },
};

test('what is well is fine; what stops sales, paper or time is an act', () => {
  const levels = (sync: Partial<SyncStatus>, ready = { ready: true, reasons: [] as string[] }) =>
    examineNode({ sync: { ...well, ...sync }, ready })
      .filter(({ level }) => level !== 'fine')
      .map(({ level }) => level);
  assert.equal(levels({}), []);
  assert.equal(levels({}, { ready: false, reasons: ['the disk is full'] }), ['act']);
  assert.equal(levels({ oldestUnsentAgeMs: 2 * 3_600_000 }), ['watch']);
  assert.equal(levels({ oldestUnsentAgeMs: 25 * 3_600_000 }), ['act']);
  assert.equal(levels({ disk: { freeBytes: 1_000_000_000, totalBytes: 1e12 } }), ['watch']);
  assert.equal(levels({ disk: { freeBytes: 100_000_000, totalBytes: 1e12 } }), ['act']);
  assert.equal(levels({ clock: { driftMs: 60_000 } }), [], 'after a crash');
  assert.equal(levels({ clock: { driftMs: 400_000 } }), ['act']);
});

test('an answer is bounded however much is wrong', () => {
  const alarms = Array.from({ length: 500 }, (_, at) => ({
    code: 'X',
    detail: `${at} ${'y'.repeat(2_000)}`,
    at: '',
  }));
  const all = examineNode({ sync: { ...well, alarms }, ready: { ready: true, reasons: [] } });
  assert.is(all.length, FINDINGS_MAX);
  assert.ok(JSON.stringify(all).length < 20_000);
});

test.run();
