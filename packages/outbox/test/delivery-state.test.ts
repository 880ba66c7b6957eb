import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ABORT_GRACE_MS,
  assertInvariants,
  type Draft,
  LANE_WINDOW_JOBS,
  type LaneAnswer,
  type LaneEvent,
  type LaneJob,
  type LaneState,
  type LaneStep,
  nextTickMs,
  openLane,
  stepLane,
} from '../src/delivery-state.ts';

const test = suite('delivery-state');

const NOW_MS = 1_000;
const DEADLINE_MS = NOW_MS + 100;
const LATE_MS = NOW_MS + 1_000_000;
const LEASE = 7;

const first = job(1);
const second = job(2);
const third = job(3);

function job(position: number): LaneJob {
  return { id: `job-${position}`, position, ref: '', addedMs: 0, attempts: 0, step: 0 };
}

const DELIVERED: LaneAnswer = { type: 'delivered', proof: 'ticket' };
const POISON: LaneAnswer = { type: 'refused', permanent: true, code: 'BAD', words: 'never' };
const BUSY: LaneAnswer = { type: 'refused', permanent: false, code: 'BUSY', words: 'later' };
const DOWN: LaneAnswer = { type: 'failed', retryable: true, code: 'DOWN', words: 'no line' };
const BROKEN: LaneAnswer = { type: 'failed', retryable: false, code: 'BROKEN', words: 'no such address' };
const TRIED: Draft = { type: 'attempted', code: 'DOWN', words: 'no line' };

/** The first of two jobs is out or at the head, the second in the window, the third comes. */
const line = { key: 'FN1', holds: true, window: [second], pending: 2, quarantined: 0 };
const recording = { ...line, phase: 'recording', job: first, settled: false } as const;
const aborting = { ...line, phase: 'aborting', job: first, lease: LEASE, giveUpMs: DEADLINE_MS } as const;

const STATES = {
  idle: { ...line, window: [], pending: 0, phase: 'idle' },
  held: { ...line, window: [], pending: 1, quarantined: 1, phase: 'held' },
  loading: { ...line, window: [], phase: 'loading' },
  ready: { ...line, window: [first, second], phase: 'ready' },
  waiting: { ...line, window: [first, second], phase: 'waiting', untilMs: DEADLINE_MS },
  delivering: { ...line, phase: 'delivering', job: first, lease: LEASE, deadlineMs: DEADLINE_MS },
  'aborting at the deadline': { ...aborting, reason: 'deadline' },
  'aborting to stop': { ...aborting, reason: 'stop' },
  'aborting what is settled': { ...aborting, reason: 'settled', pending: 1 },
  'recording a delivery': { ...recording, draft: { type: 'delivered', proof: 'ticket' } },
  'recording an attempt': { ...recording, draft: TRIED },
  'recording a quarantine': { ...recording, draft: { ...TRIED, type: 'quarantined' } },
} satisfies Record<string, LaneState>;

type StateName = keyof typeof STATES;

const answered = (answer: LaneAnswer, lease = LEASE): LaneEvent => ({
  type: 'answered',
  lease,
  answer,
  nowMs: NOW_MS,
});
const again = { type: 'recorded', quarantined: 0, stale: false, settled: false, retryAtMs: LATE_MS } as const;

const EVENTS = {
  added: { type: 'added', jobs: [third], pending: 3 },
  'changed elsewhere': { type: 'changed', pending: 3, quarantined: 0, settled: [] },
  'first settled': { type: 'changed', pending: 1, quarantined: 0, settled: ['job-1'] },
  'first set aside': { type: 'changed', pending: 2, quarantined: 1, settled: [] },
  loaded: { type: 'loaded', jobs: [first, second] },
  granted: { type: 'granted', lease: 8, deadlineMs: DEADLINE_MS },
  delivered: answered(DELIVERED),
  'refused for good': answered(POISON),
  'refused for now': answered(BUSY),
  failed: answered(DOWN),
  'failed for good': answered(BROKEN),
  'answered too late': answered(DELIVERED, LEASE - 1),
  'recorded, one left': { ...again, pending: 1 },
  'recorded, both left': { ...again, pending: 2 },
  'recorded, one set aside': { ...again, pending: 1, quarantined: 1 },
  'early tick': { type: 'tick', nowMs: NOW_MS },
  'late tick': { type: 'tick', nowMs: LATE_MS },
  stop: { type: 'stop', nowMs: NOW_MS },
} satisfies Record<string, LaneEvent>;

type EventName = keyof typeof EVENTS;
/** `phase: effects`, or `!` where the shell must never do this. */
type Expected = string;

const NOT_OUT = {
  delivered: 'late',
  'refused for good': 'late',
  'refused for now': 'late',
  failed: 'late',
  'failed for good': 'late',
  'answered too late': 'late',
} as const;
const UNRECORDED = {
  'recorded, one left': '!',
  'recorded, both left': '!',
  'recorded, one set aside': '!',
} as const;

function at(phase: string, row: Record<EventName, Expected>): Record<EventName, Expected> {
  const named = Object.entries(row).map(([event, expected]) => {
    if (expected === 'late') return [event, `${phase}: late`];
    return [event, expected === '=' ? `${phase}:` : expected];
  });
  return Object.fromEntries(named) as Record<EventName, Expected>;
}

const TABLE: Record<StateName, Record<EventName, Expected>> = {
  idle: at('idle', {
    added: 'ready:',
    'changed elsewhere': 'loading: load',
    'first settled': 'loading: load',
    'first set aside': 'held:',
    loaded: '=',
    granted: '!',
    ...NOT_OUT,
    ...UNRECORDED,
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
  held: at('held', {
    added: '=',
    'changed elsewhere': 'loading: load',
    'first settled': 'loading: load',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    ...NOT_OUT,
    ...UNRECORDED,
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
  loading: at('loading', {
    added: '=',
    'changed elsewhere': 'loading: load',
    'first settled': 'loading: load',
    'first set aside': 'held:',
    loaded: 'ready:',
    granted: '!',
    ...NOT_OUT,
    ...UNRECORDED,
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
  ready: at('ready', {
    added: '=',
    'changed elsewhere': 'loading: load',
    'first settled': 'loading: load',
    'first set aside': 'held:',
    loaded: '=',
    granted: 'delivering: deliver',
    ...NOT_OUT,
    ...UNRECORDED,
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
  waiting: at('waiting', {
    added: '=',
    'changed elsewhere': 'loading: load',
    'first settled': 'loading: load',
    'first set aside': 'held:',
    loaded: '=',
    granted: '!',
    ...NOT_OUT,
    ...UNRECORDED,
    'early tick': '=',
    'late tick': 'ready:',
    stop: '=',
  }),
  delivering: at('delivering', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': 'aborting settled: abort',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    delivered: 'recording delivered: release(reached) record',
    'refused for good': 'recording quarantined: release(reached) record',
    'refused for now': 'recording attempted: release(reached) record',
    failed: 'recording attempted: release(failed) record',
    'failed for good': 'recording quarantined: release(none) record',
    'answered too late': 'late',
    ...UNRECORDED,
    'early tick': '=',
    'late tick': 'aborting deadline: abort',
    stop: 'aborting stop: abort',
  }),
  'aborting at the deadline': at('aborting deadline', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': 'aborting settled:',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    delivered: 'recording delivered: release(reached) record',
    'refused for good': 'recording quarantined: release(reached) record',
    'refused for now': 'recording attempted: release(reached) record',
    failed: 'recording attempted: release(failed) record',
    'failed for good': 'recording attempted: release(failed) record',
    'answered too late': 'late',
    ...UNRECORDED,
    'early tick': '=',
    'late tick': 'recording attempted: abandon release(failed) record',
    stop: '=',
  }),
  'aborting to stop': at('aborting stop', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': 'aborting settled:',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    delivered: 'recording delivered: release(reached) record',
    'refused for good': 'recording quarantined: release(reached) record',
    'refused for now': 'recording attempted: release(reached) record',
    failed: 'ready: release(none)',
    'failed for good': 'ready: release(none)',
    'answered too late': 'late',
    ...UNRECORDED,
    'early tick': '=',
    'late tick': 'ready: abandon release(none)',
    stop: '=',
  }),
  'aborting what is settled': at('aborting settled', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': '=',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    delivered: 'ready: release(reached)',
    'refused for good': 'ready: release(reached)',
    'refused for now': 'ready: release(reached)',
    failed: 'ready: release(failed)',
    'failed for good': 'ready: release(none)',
    'answered too late': 'late',
    ...UNRECORDED,
    'early tick': '=',
    'late tick': 'ready: abandon release(failed)',
    stop: '=',
  }),
  'recording a delivery': at('recording delivered', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': '=',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    ...NOT_OUT,
    'recorded, one left': 'ready:',
    'recorded, both left': 'ready:',
    'recorded, one set aside': 'held:',
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
  'recording an attempt': at('recording attempted', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': '=',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    ...NOT_OUT,
    'recorded, one left': '!',
    'recorded, both left': 'waiting:',
    'recorded, one set aside': 'held:',
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
  'recording a quarantine': at('recording quarantined', {
    added: '=',
    'changed elsewhere': '=',
    'first settled': '=',
    'first set aside': '=',
    loaded: '=',
    granted: '!',
    ...NOT_OUT,
    'recorded, one left': 'ready:',
    'recorded, both left': 'ready:',
    'recorded, one set aside': 'held:',
    'early tick': '=',
    'late tick': '=',
    stop: '=',
  }),
};

function describe({ state, effects }: LaneStep): Expected {
  const words = effects.map((effect) =>
    effect.type === 'release' ? `release(${effect.verdict})` : effect.type,
  );
  return [`${nameOf(state)}:`, ...words].join(' ');
}

function nameOf(state: LaneState): string {
  if (state.phase === 'aborting') return `aborting ${state.reason}`;
  return state.phase === 'recording' ? `recording ${state.draft.type}` : state.phase;
}

for (const [name, row] of Object.entries(TABLE)) {
  test(`transitions from ${name}`, () => {
    const before = STATES[name as StateName];
    assertInvariants(before);
    for (const [event, expected] of Object.entries(row)) {
      assert.is(outcome(before, EVENTS[event as EventName]), expected, `${name} + ${event}`);
    }
  });
}

function outcome(before: LaneState, event: LaneEvent): Expected {
  try {
    const step = stepLane(before, event);
    assertInvariants(step.state);
    return describe(step);
  } catch (error) {
    if (/^assertion failed: (lease granted|recorded) while|I3/.test(String((error as Error).message)))
      return '!';
    throw error;
  }
}

test('a line opens where its rows left it', () => {
  const of = (holds: boolean, pending: number, quarantined: number): string =>
    describe(openLane({ key: 'FN1', holds, pending, quarantined }));
  assert.is(of(true, 0, 0), 'idle:');
  assert.is(of(true, 3, 0), 'loading: load');
  assert.is(of(true, 3, 1), 'held:');
  assert.is(of(false, 3, 1), 'loading: load');
  assert.is(of(false, 0, 1), 'idle:');
});

test('where quarantine does not hold the key, the next job is up', () => {
  const passing = { ...STATES['recording a quarantine'], holds: false };
  const { state } = stepLane(passing, EVENTS['recorded, one set aside']);
  assert.is(state.phase, 'ready');
  assert.is(state.window[0]!.id, 'job-2');
});

test('when more than the outcome became durable at once, the line is read from disk again', () => {
  const stale = { ...again, pending: 2, stale: true };
  assert.is(describe(stepLane(STATES['recording a delivery'], stale)), 'loading: load');
  const { state } = stepLane(STATES['recording an attempt'], stale);
  assert.is(state.phase, 'waiting');
  assert.is(state.window.length, 1);
  assert.is(stepLane(STATES['recording an attempt'], { ...stale, settled: true }).state.phase, 'loading');
});

test('an attempt counts, and the same job is first again after its wait', () => {
  const { state } = stepLane(STATES['recording an attempt'], EVENTS['recorded, both left']);
  assert.equal(state.window[0], { ...first, attempts: 1, step: 1 });
  assert.is(nextTickMs(state), LATE_MS);
});

test('the deadline ends a call, and a grace later the lease is taken back', () => {
  const { state, effects } = stepLane(STATES.delivering, { type: 'tick', nowMs: DEADLINE_MS });
  assert.equal(effects, [{ type: 'abort', lease: LEASE, reason: 'deadline' }]);
  assert.is(nextTickMs(state), DEADLINE_MS + ABORT_GRACE_MS);
  assert.is(
    describe(stepLane(state, { type: 'tick', nowMs: DEADLINE_MS + ABORT_GRACE_MS - 1 })),
    'aborting deadline:',
  );
});

test('the window holds LANE_WINDOW_JOBS; what comes later waits on disk and is loaded in order', () => {
  let state: LaneState = STATES.idle;
  const many = Array.from({ length: LANE_WINDOW_JOBS + 5 }, (_, index) => job(index + 1));
  state = stepLane(state, { type: 'added', jobs: many, pending: many.length }).state;
  assert.is(state.window.length, LANE_WINDOW_JOBS);
  state = stepLane(state, { type: 'added', jobs: [job(99)], pending: many.length + 1 }).state;
  assert.is(state.window.length, LANE_WINDOW_JOBS);
  assert.is(state.window.at(-1)!.position, LANE_WINDOW_JOBS);
  assertInvariants(state);
});

test('pending jobs that are not on disk stop everything rather than being forgotten', () => {
  assert.throws(() => stepLane(STATES.loading, { type: 'loaded', jobs: [] }), /none is on disk/);
});

test('I1 to I7 over 300 random lives: every job ends once, in order, whatever comes in between', () => {
  for (let seed = 1; seed <= 300; seed += 1) live(seed);
});

/** A line with the disk beside it as a list; events in any order the shell could produce. */
function live(seed: number): void {
  const random = seededRandom(seed);
  const holds = random() < 0.5;
  const disk = { pending: [] as LaneJob[], aside: [] as LaneJob[], ended: [] as number[] };
  let added = 0;
  let lease = 0;
  let nowMs = 0;
  let loads = 0;
  let { state } = openLane({ key: 'FN1', holds, pending: 0, quarantined: 0 });
  const nextJob = (): LaneJob => {
    added += 1;
    return job(added);
  };
  const apply = (event: LaneEvent): void => {
    const step = stepLane(state, event);
    assertInvariants(step.state);
    if (event.type !== 'added' && event.type !== 'changed' && event.type !== 'recorded') {
      assert.is(step.state.pending, state.pending, `seed ${seed}: I7`);
    }
    if (event.type === 'answered' && event.lease !== lease) assert.is(step.state, state, `seed ${seed}: I6`);
    state = step.state;
    for (const effect of step.effects) if (effect.type === 'load') loads += 1;
  };
  const counts = (): { pending: number; quarantined: number } => ({
    pending: disk.pending.length,
    quarantined: disk.aside.length,
  });
  const changed = (settled: string[]): void => apply({ type: 'changed', ...counts(), settled });
  const take = (list: LaneJob[], id: string): LaneJob | undefined => {
    const index = list.findIndex((candidate) => candidate.id === id);
    return index < 0 ? undefined : list.splice(index, 1)[0];
  };
  for (let step = 0; step < 400 || disk.pending.length + disk.aside.length > 0; step += 1) {
    assert.ok(step < 5_000, `seed ${seed}: comes to rest`);
    const dice = random();
    nowMs += randomInteger(random, 20);
    if (dice < 0.15 && step < 400) {
      const jobs = Array.from({ length: 1 + randomInteger(random, 12) }, () => nextJob());
      disk.pending.push(...jobs);
      apply({ type: 'added', jobs, pending: disk.pending.length });
    } else if (dice < 0.2 && disk.aside.length > 0) {
      const back = disk.aside.shift()!;
      disk.pending.push({ ...back, step: back.step + 1 });
      disk.pending.sort((a, b) => a.position - b.position);
      changed([]);
    } else if (dice < 0.23 && disk.pending.length > 0) {
      const done = disk.pending[randomInteger(random, disk.pending.length)]!;
      take(disk.pending, done.id);
      disk.ended.push(done.position);
      changed([done.id]);
    } else if (dice < 0.26) {
      apply({ type: 'answered', lease: lease - 1, answer: DELIVERED, nowMs });
    } else if (dice < 0.28) {
      apply({ type: 'stop', nowMs });
    } else if (loads > 0) {
      loads -= 1;
      if (disk.pending.length > 0) apply({ type: 'loaded', jobs: disk.pending.slice(0, LANE_WINDOW_JOBS) });
    } else if (state.phase === 'ready') {
      if (holds) assert.is(state.window[0]!.id, disk.pending[0]!.id, `seed ${seed}: in order`);
      lease += 1;
      apply({ type: 'granted', lease, deadlineMs: nowMs + 10 });
    } else if (state.phase === 'delivering' || state.phase === 'aborting') {
      const answer = [DELIVERED, POISON, BUSY, DOWN, BROKEN][randomInteger(random, 5)]!;
      apply(dice < 0.6 ? { type: 'tick', nowMs } : { type: 'answered', lease, answer, nowMs });
    } else if (state.phase === 'recording') {
      const { draft, job: out } = state;
      const known = take(disk.pending, out.id);
      if (known !== undefined && draft.type === 'delivered') disk.ended.push(known.position);
      else if (known !== undefined && draft.type === 'quarantined')
        disk.aside.push({ ...known, step: known.step + 1 });
      else if (known !== undefined) disk.pending.unshift({ ...known, attempts: known.attempts + 1 });
      disk.pending.sort((a, b) => a.position - b.position);
      const settled = known === undefined;
      apply({ type: 'recorded', ...counts(), stale: settled, settled, retryAtMs: nowMs + 5 });
    } else {
      apply({ type: 'tick', nowMs });
    }
  }
  assert.is(disk.ended.length, added, `seed ${seed}: every job ended`);
  assert.is(new Set(disk.ended).size, added, `seed ${seed}: once`);
}

test.run();
