/** The guided replacement of a fiscal storage: the pure machine with its table, and the whole of it with an emulated register. */
import type { StorageReplacementAct } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Act,
  foldReplacement,
  NO_REPLACEMENT,
  type ReplacementEvent,
  type ReplacementFacts,
  type ReplacementState,
  refusalOf,
} from '../../src/fiscal/storage-replacement/replacement-state.ts';
import { KktClient } from '../support/kkt-client.ts';
import { RegisterScene } from '../support/register-scene.ts';

const test = suite('storage replacement');

const OLD = '9999000000000001';
const NEW = '9999000000000002';
const WELL: ReplacementFacts = {
  fn: OLD,
  phase: 'fiscal',
  receiptsWaiting: 0,
  undecided: 0,
  isLogShiftOpen: false,
  isRegisterShiftOpen: false,
  documentsWaiting: 0,
  isMaintenance: true,
};

const begun = { id: 'r', fn: OLD, reason: 'its term', sinceMs: 1 };
const STATES: Record<ReplacementState['phase'], ReplacementState> = {
  none: NO_REPLACEMENT,
  preparing: { ...begun, phase: 'preparing' },
  swapping: { ...begun, phase: 'swapping' },
  testing: { ...begun, phase: 'testing', newFn: NEW },
  finishing: { ...begun, phase: 'finishing', newFn: NEW },
};
const EVENTS: Record<ReplacementEvent['event'], ReplacementEvent> = {
  started: { event: 'started', id: 'r', fn: OLD, reason: 'its term', atMs: 1 },
  closed: { event: 'closed' },
  adopted: { event: 'adopted', fn: NEW },
  tested: { event: 'tested' },
  finished: { event: 'finished' },
  cancelled: { event: 'cancelled', reason: 'not today' },
};
type Phase = ReplacementState['phase'];
const TABLE: Record<Phase, Record<ReplacementEvent['event'], Phase>> = {
  none: {
    started: 'preparing',
    closed: 'none',
    adopted: 'none',
    tested: 'none',
    finished: 'none',
    cancelled: 'none',
  },
  preparing: {
    started: 'preparing',
    closed: 'swapping',
    adopted: 'preparing',
    tested: 'preparing',
    finished: 'preparing',
    cancelled: 'none',
  },
  swapping: {
    started: 'swapping',
    closed: 'swapping',
    adopted: 'testing',
    tested: 'swapping',
    finished: 'swapping',
    cancelled: 'none',
  },
  testing: {
    started: 'testing',
    closed: 'testing',
    adopted: 'testing',
    tested: 'finishing',
    finished: 'testing',
    cancelled: 'testing',
  },
  finishing: {
    started: 'finishing',
    closed: 'finishing',
    adopted: 'finishing',
    tested: 'finishing',
    finished: 'none',
    cancelled: 'finishing',
  },
};

for (const [phase, row] of Object.entries(TABLE)) {
  test(`transitions from ${phase}`, () => {
    for (const [event, expected] of Object.entries(row)) {
      const next = foldReplacement(STATES[phase as Phase], EVENTS[event as ReplacementEvent['event']]);
      assert.is(next.phase, expected, `${phase} + ${event}`);
    }
  });
}

test('an act is possible in its phase alone', () => {
  const acts: Record<Act['act'], [act: Act, phase: Phase[], facts?: Partial<ReplacementFacts>]> = {
    start: [{ act: 'start' }, ['none']],
    closed: [{ act: 'closed', fn: OLD }, ['preparing']],
    adopt: [{ act: 'adopt', fn: NEW }, ['swapping'], { fn: NEW }],
    test: [{ act: 'test' }, ['testing']],
    finish: [{ act: 'finish' }, ['finishing']],
    cancel: [{ act: 'cancel', reason: 'x' }, ['preparing', 'swapping']],
  };
  for (const [act, phases, facts] of Object.values(acts)) {
    for (const phase of Object.keys(STATES) as Phase[]) {
      const refusal = refusalOf(STATES[phase], { ...WELL, ...facts }, act);
      assert.is(refusal === undefined, phases.includes(phase), `${act.act} when ${phase}: ${refusal}`);
    }
  }
});

test('what is not done holds the closing up, each by its words; a broken storage is let go without what it cannot do', () => {
  const close = (facts: Partial<ReplacementFacts>, more: object = {}) =>
    refusalOf(STATES.preparing, { ...WELL, ...facts }, { act: 'closed', fn: OLD, ...more });
  const broken = { broken: 'it does not answer any more' };
  assert.match(close({ isMaintenance: false })!, /Maintenance/);
  assert.match(close({ receiptsWaiting: 2 })!, /2 receipts wait for the register/);
  assert.match(close({ undecided: 1 })!, /1 receipts wait for a person/);
  assert.match(close({ isLogShiftOpen: true })!, /Z report/);
  assert.match(close({ isRegisterShiftOpen: true })!, /Z report/);
  assert.match(close({ documentsWaiting: 3 })!, /3 documents/);
  assert.match(close({ fn: undefined })!, /does not answer/);
  assert.match(refusalOf(STATES.preparing, WELL, { act: 'closed', fn: NEW })!, /is 9999000000000001/);
  assert.is(close({ fn: undefined, documentsWaiting: 3, isRegisterShiftOpen: true }, broken), undefined);
  assert.match(close({ undecided: 1 }, broken)!, /person/);
  const adopt = (fn: string, facts: Partial<ReplacementFacts>) =>
    refusalOf(STATES.swapping, { ...WELL, ...facts }, { act: 'adopt', fn });
  assert.match(adopt(OLD, { fn: OLD })!, /old storage/);
  assert.match(adopt(NEW, { fn: OLD })!, /still has the old/);
  assert.match(adopt(NEW, { fn: NEW, phase: 'unregistered' })!, /not registered/);
  assert.match(adopt('9999000000000009', { fn: NEW })!, /is 9999000000000002/);
});

test('the whole of it: what holds it up, the swap, a test on the new storage, and on after a crash', async () => {
  await using scene = await RegisterScene.open({ ofd: true });
  await using pos = await KktClient.open(scene);
  const act = (body: object) => pos.call('POST', '/v1/storage-replacement', body as StorageReplacementAct);
  const look = async () => (await pos.call('GET', '/v1/storage-replacement')).json;
  const now = async () => {
    const view = await look();
    return view.steps.find(({ state }: { state: string }) => state === 'now')?.name;
  };
  await pos.sell();
  assert.is((await look()).phase, 'none');
  assert.is((await act({ act: 'closed', fn: OLD })).json.code, 'STORAGE_STEP');
  const cashier = { token: pos.token('cashier') };
  assert.is((await pos.call('POST', '/v1/storage-replacement', { act: 'start' }, cashier)).status, 403);
  scene.ofd.script({ behaviour: { kind: 'drop', at: 'connect' } });
  const started = await act({ act: 'start', reason: 'its term is over', minutes: 60 });
  assert.equal([started.status, started.json.phase, started.json.oldStorage], [200, 'preparing', OLD]);
  assert.is(
    (await pos.call('POST', '/v1/orders', undefined, { ...cashier, raw: SALE })).json.code,
    'MAINTENANCE',
  );
  const early = await act({ act: 'closed', fn: OLD });
  assert.is(early.json.code, 'STORAGE_STEP');
  assert.match(early.json.detail, /shift is open/);
  await pos.call('POST', '/v1/kkt/z_report');
  assert.match((await act({ act: 'closed', fn: OLD })).json.detail, /not with the operator/);
  assert.is(await now(), 'prepare');
  scene.ofd.clearRules();
  await pos.call('POST', '/v1/kkt/circuit_breaker/reset');
  await pos.untilEmpty();
  await scene.chain.until(async () => (await scene.services.replacement.view()).steps[1]!.state === 'now');
  assert.match((await act({ act: 'closed', fn: NEW })).json.detail, /is 9999000000000001/);
  assert.is((await act({ act: 'closed', fn: OLD })).json.phase, 'swapping');

  await scene.crash();
  scene.emulator.swapStorage(NEW);
  await scene.start();
  await pos.reopen();
  assert.equal([(await look()).phase, await now()], ['swapping', 'swap']);
  await scene.chain.until(() => scene.services.sync.status().fiscal?.trouble === 'KKT_FN_MISMATCH');
  assert.match((await act({ act: 'adopt', fn: OLD })).json.detail, /old storage/);
  const adopted = await act({ act: 'adopt', fn: NEW });
  assert.equal([adopted.json.phase, adopted.json.newStorage], ['testing', NEW]);
  assert.is((await act({ act: 'cancel', reason: 'too late' })).json.code, 'STORAGE_STEP');
  assert.is((await act({ act: 'finish' })).json.code, 'STORAGE_STEP');
  await scene.chain.until(() => scene.services.sync.status().fiscal?.trouble === undefined);
  const tested = await act({ act: 'test' });
  assert.is(tested.json.phase, 'finishing', JSON.stringify(tested.json));
  const { documents } = scene.emulator.device.storage;
  assert.equal(
    documents.filter(({ form }) => form === 3).map(({ settlement, totalMinor }) => [settlement, totalMinor]),
    [
      ['sale', 100],
      ['sale-return', 100],
    ],
  );
  const finished = await act({ act: 'finish' });
  assert.is(finished.json.phase, 'none');
  assert.not(scene.services.maintenance.view().isOn);
  const sold = await pos.sell();
  assert.equal([sold.json.status, sold.json.fiscal_doc.fn_number], ['printed', NEW]);
  await scene.crash();
  await scene.start();
  await pos.reopen();
  assert.is((await pos.sell()).json.fiscal_doc.fn_number, NEW, 'also after a restart');
});

const SALE = JSON.stringify({
  lines: [{ sku: 'CHAIR', quantityMilli: 1_000, unitPriceMinor: 100, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 100 }],
});

test.run();
