/** The table of the job machine, whole; the invariants after every step; and the stories of a lost answer, one by one. */
import { seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FnDocument, KktStatus } from '../src/kkt/driver.ts';
import { judgeDocument } from '../src/kkt/job-evidence.ts';
import { assertJobStep, RESTING_PHASES } from '../src/kkt/job-invariants.ts';
import {
  ATTEMPTS_MAX,
  CANCELS_MAX,
  newJob,
  resumeJob,
  SEARCH_MAX,
  startJob,
  stepJob,
  WAIT_MAX_MS,
} from '../src/kkt/job-state.ts';
import type { JobEvent, JobIntent, JobOrder, JobRecord, JobState } from '../src/kkt/job-types.ts';

const FN = '9999078900001234';
const order: JobOrder = {
  job: 'job-1',
  fn: FN,
  expected: { kind: 'receipt', form: 3, settlement: 'sale', totalMinor: 5000, mark: 'job-1' },
};
const intent: JobIntent = { attempt: 1, fn: FN, lastFd: 7 };
const outcome = { fn: FN, fd: 8, fp: 1234, evidence: 'answer' } as const;

const ready: KktStatus = {
  fn: FN,
  lastFd: 7,
  phase: 'fiscal',
  shift: { state: 'open', number: 3, receipts: 5 },
  document: 'none',
  print: 'idle',
  hasPaper: true,
  isCoverOpen: false,
  clockSeconds: 0,
  warnings: [],
};
const document: FnDocument = {
  fd: 8,
  fp: 1234,
  atSeconds: 100,
  form: 3,
  isDelivered: false,
  settlement: 'sale',
  totalMinor: 5000,
  mark: 'job-1',
  isDetailed: true,
};

const base = { order, phase: 'uncertain', intent, reason: undefined, cancels: 0, tries: 0 } as const;
const search = { fd: 8, lastFd: 8, isDocumentOpen: false, candidates: [], unreadable: 0 };
const paper = { order, phase: 'fiscal', outcome, reason: undefined, tries: 0 } as const;

/** Every state by name, inner steps included. */
const states = {
  waiting: { order, phase: 'waiting', attempts: 0, reason: undefined, tries: 0 },
  checking: { order, phase: 'checking', attempts: 0, tries: 0 },
  intent: { order, phase: 'intent', intent },
  opening: { order, phase: 'opening', intent },
  closing: { order, phase: 'closing', intent },
  'uncertain/status': { ...base, cause: 'KKT_NO_ANSWER', asking: { step: 'status' } },
  'uncertain/wait': { ...base, cause: 'KKT_NO_ANSWER', asking: { step: 'wait' } },
  'uncertain/find': { ...base, cause: 'KKT_NO_ANSWER', asking: { step: 'find', search } },
  'uncertain/cancel': { ...base, cause: 'KKT_NO_ANSWER', asking: { step: 'cancel' } },
  'uncertain/continue': { ...base, cause: 'KKT_NO_ANSWER', asking: { step: 'continue' } },
  'uncertain/clear': { ...base, cause: 'KKT_NO_ANSWER', asking: { step: 'clear' } },
  'fiscal/record': { ...paper, asking: 'record' },
  'fiscal/status': { ...paper, asking: 'status' },
  'fiscal/wait': { ...paper, asking: 'wait' },
  'fiscal/continue': { ...paper, asking: 'continue' },
  printed: { order, phase: 'printed', outcome },
  review: { order, phase: 'review', intent, reason: 'KKT_DOCUMENT_AMBIGUOUS', candidates: [] },
  failed: { order, phase: 'failed', attempts: 1, reason: 'KKT_REFUSED' },
} as const satisfies Record<string, JobState>;

const events = {
  start: { type: 'start' },
  tick: { type: 'tick' },
  recorded: { type: 'recorded' },
  status: { type: 'status', status: ready },
  begun: { type: 'begun' },
  closed: { type: 'closed', mark: { fd: 8, fp: 1234 } },
  found: { type: 'found', document, isClaimed: false },
  cancelled: { type: 'cancelled' },
  continued: { type: 'continued' },
  failed: { type: 'failed', code: 'KKT_NO_ANSWER' },
  'ask-again': { type: 'ask-again' },
  decided: { type: 'decided', outcome: 'not-registered' },
} as const satisfies Record<string, JobEvent>;

type StateName = keyof typeof states;
type EventName = keyof typeof events;
/** `next state > effect`, or a dash where the event means nothing there. */
type Expected = `${StateName} > ${string}` | '-';

const SILENT = {
  start: '-',
  tick: '-',
  recorded: '-',
  status: '-',
  begun: '-',
  closed: '-',
  found: '-',
  cancelled: '-',
  continued: '-',
  failed: '-',
  'ask-again': '-',
  decided: '-',
} as const satisfies Record<EventName, Expected>;

const table: Record<StateName, Record<EventName, Expected>> = {
  waiting: { ...SILENT, start: 'checking > ask-status', tick: 'checking > ask-status' },
  checking: {
    ...SILENT,
    status: 'intent > record intent',
    continued: 'waiting > wait',
    failed: 'waiting > wait',
  },
  intent: { ...SILENT, recorded: 'opening > begin' },
  opening: { ...SILENT, begun: 'closing > close', failed: 'uncertain/status > ask-status' },
  closing: { ...SILENT, closed: 'fiscal/record > record fiscal', failed: 'uncertain/status > ask-status' },
  'uncertain/status': {
    ...SILENT,
    status: 'uncertain/clear > record cleared',
    failed: 'uncertain/wait > wait',
  },
  'uncertain/wait': {
    ...SILENT,
    tick: 'uncertain/status > ask-status',
    'ask-again': 'uncertain/status > ask-status',
  },
  'uncertain/find': {
    ...SILENT,
    found: 'fiscal/record > record fiscal',
    failed: 'uncertain/wait > wait',
  },
  'uncertain/cancel': {
    ...SILENT,
    cancelled: 'uncertain/status > ask-status',
    failed: 'uncertain/wait > wait',
  },
  'uncertain/continue': {
    ...SILENT,
    continued: 'uncertain/wait > wait',
    failed: 'uncertain/wait > wait',
  },
  'uncertain/clear': { ...SILENT, recorded: 'waiting > wait' },
  'fiscal/record': { ...SILENT, recorded: 'fiscal/status > ask-status' },
  'fiscal/status': { ...SILENT, status: 'printed > record printed', failed: 'fiscal/wait > wait' },
  'fiscal/wait': { ...SILENT, tick: 'fiscal/status > ask-status' },
  'fiscal/continue': { ...SILENT, continued: 'fiscal/wait > wait', failed: 'fiscal/wait > wait' },
  printed: SILENT,
  review: {
    ...SILENT,
    'ask-again': 'uncertain/status > ask-status',
    decided: 'uncertain/clear > record cleared',
  },
  failed: { ...SILENT, start: 'checking > ask-status' },
};

function nameOf(state: JobState): string {
  if (state.phase === 'uncertain') return `uncertain/${state.asking.step}`;
  return state.phase === 'fiscal' ? `fiscal/${state.asking}` : state.phase;
}

function step(state: JobState, event: JobEvent) {
  const next = stepJob(state, event);
  assertJobStep(state, event, next);
  const [effect] = next.effects;
  const word = effect?.type === 'record' ? `record ${effect.record.type}` : effect?.type;
  return { state: next.state, effect, line: `${nameOf(next.state)} > ${word}` };
}

/** Feeds events from a state on and gives every line it passes. */
function play(from: JobState, ...played: readonly JobEvent[]): { state: JobState; lines: string[] } {
  let state = from;
  const lines: string[] = [];
  for (const event of played) {
    const next = step(state, event);
    state = next.state;
    lines.push(next.line);
  }
  return { state, lines };
}

const say = (changed: Partial<KktStatus>): JobEvent => ({ type: 'status', status: { ...ready, ...changed } });
const show = (changed: Partial<FnDocument>, isClaimed = false): JobEvent => ({
  type: 'found',
  document: { ...document, ...changed },
  isClaimed,
});
const short = { isDetailed: false, mark: undefined } as unknown as Partial<FnDocument>;

const test = suite('job state');

for (const [name, row] of Object.entries(table)) {
  test(`${name} answers every event as drawn`, () => {
    const state = states[name as StateName];
    for (const [eventName, expected] of Object.entries(row)) {
      const next = step(state, events[eventName as EventName]);
      if (expected === '-') {
        assert.is(next.effect, undefined, `${eventName} in ${name} did something`);
        assert.is(next.state, state, `${eventName} in ${name} changed it`);
      } else {
        assert.is(next.line, expected, `${eventName} in ${name}`);
      }
    }
  });
}

test('a sale without trouble: intent recorded, begun, closed, recorded, printed', () => {
  const { lines } = play(
    newJob(order),
    events.start,
    events.status,
    events.recorded,
    events.begun,
    events.closed,
    events.recorded,
    events.status,
  );
  assert.equal(lines, [
    'checking > ask-status',
    'intent > record intent',
    'opening > begin',
    'closing > close',
    'fiscal/record > record fiscal',
    'fiscal/status > ask-status',
    'printed > record printed',
  ]);
});

const OBSTACLES: readonly (readonly [Partial<KktStatus>, string])[] = [
  [{ fn: '9999000000000000' }, 'KKT_FN_MISMATCH'],
  [{ phase: 'closed' }, 'KKT_FN_CLOSED'],
  [{ document: 'receipt' }, 'KKT_DOCUMENT_OPEN'],
  [{ isCoverOpen: true }, 'KKT_COVER_OPEN'],
  [{ hasPaper: false }, 'KKT_PAPER_OUT'],
  [{ print: 'no-paper' }, 'KKT_PAPER_OUT'],
  [{ print: 'printing' }, 'KKT_BUSY'],
  [{ shift: { state: 'expired', number: 3, receipts: 5 } }, 'KKT_SHIFT_EXPIRED'],
  [{ shift: { state: 'closed', number: 3, receipts: 0 } }, 'KKT_SHIFT_CLOSED'],
];

test('G6: nothing is begun on a device that is not ready, and the reason has a name', () => {
  for (const [changed, reason] of OBSTACLES) {
    const { state } = play(states.checking, say(changed));
    assert.is(state.phase, 'waiting', reason);
    assert.is((state as { reason: string }).reason, reason);
  }
});

test('printing that stopped before is set going, then waited for', () => {
  const { lines } = play(states.checking, say({ print: 'stopped' }), events.continued);
  assert.equal(lines, ['checking > continue-print', 'waiting > wait']);
});

test('shifts are opened when closed and closed when open', () => {
  const opening: JobState = {
    ...states.checking,
    order: { ...order, expected: { kind: 'shift-open', shift: 4 } },
  };
  assert.is((play(opening, events.status).state as { reason: string }).reason, 'KKT_SHIFT_OPEN');
  const shut = say({ shift: { state: 'closed', number: 3, receipts: 0 } });
  assert.equal(play(opening, shut, events.recorded).lines, ['intent > record intent', 'closing > close']);
  const closing: JobState = {
    ...states.checking,
    order: { ...order, expected: { kind: 'shift-close', shift: 3 } },
  };
  assert.is((play(closing, shut).state as { reason: string }).reason, 'KKT_SHIFT_CLOSED');
});

test('G6: the answer to some other close does not pass for ours', () => {
  const { state } = play(states.closing, { type: 'closed', mark: { fd: 7, fp: 99 } });
  assert.is(nameOf(state), 'uncertain/status');
});

test('G6: a lost answer is found in the storage by its mark', () => {
  const { state, lines } = play(states.closing, events.failed, say({ lastFd: 8 }), events.found);
  assert.equal(lines, [
    'uncertain/status > ask-status',
    'uncertain/find > find',
    'fiscal/record > record fiscal',
  ]);
  assert.equal((state as { outcome: unknown }).outcome, {
    fd: 8,
    fp: 1234,
    atSeconds: 100,
    fn: FN,
    evidence: 'document',
  });
});

test('G6: a receipt still open after a lost answer is cancelled, not closed again', () => {
  const { lines } = play(
    states.closing,
    events.failed,
    say({ document: 'receipt' }),
    events.cancelled,
    events.status,
    events.recorded,
  );
  assert.equal(lines, [
    'uncertain/status > ask-status',
    'uncertain/cancel > cancel',
    'uncertain/status > ask-status',
    'uncertain/clear > record cleared',
    'waiting > wait',
  ]);
});

test('a faulty document fails for good once the storage has not registered it', () => {
  const refused: JobEvent = { type: 'failed', code: 'KKT_RECEIPT_INVALID' };
  const { state, lines } = play(states.opening, refused, events.status, events.recorded);
  assert.is(lines.at(-1), 'failed > record failed');
  assert.is((state as { reason: string }).reason, 'KKT_RECEIPT_INVALID');
});

test('a device at rest is waited for before its number is believed', () => {
  const doubt = states['uncertain/status'];
  assert.is(play(doubt, say({ print: 'printing' })).lines[0], 'uncertain/wait > wait');
  assert.is(play(doubt, say({ print: 'no-paper' })).lines[0], 'uncertain/wait > wait');
  assert.is(play(doubt, say({ print: 'stopped' })).lines[0], 'uncertain/continue > continue-print');
});

test('a swapped storage and a number that went back are for people', () => {
  const doubt = states['uncertain/status'];
  const swapped = play(doubt, say({ fn: '9999000000000000' })).state;
  const older = play(doubt, say({ lastFd: 6 })).state;
  assert.equal([swapped.phase, (swapped as { reason: string }).reason], ['review', 'KKT_FN_MISMATCH']);
  assert.equal([older.phase, (older as { reason: string }).reason], ['review', 'KKT_FD_WENT_BACK']);
});

test('documents of another host are passed over until ours is found', () => {
  const { state } = play(
    states['uncertain/status'],
    say({ lastFd: 10 }),
    show({ mark: 'other' }),
    show({ fd: 9, fp: 5 }),
  );
  assert.is(state.phase, 'fiscal');
  assert.is((state as { outcome: { fd: number } }).outcome.fd, 9);
});

test('no document of ours among those of another host: nothing was registered', () => {
  const { lines } = play(states['uncertain/status'], say({ lastFd: 8 }), show({ mark: 'other' }));
  assert.is(lines.at(-1), 'uncertain/clear > record cleared');
  const open = play(
    states['uncertain/status'],
    say({ lastFd: 8, document: 'receipt' }),
    show({ mark: 'other' }),
  );
  assert.is(open.lines.at(-1), 'uncertain/cancel > cancel');
});

test('without marks one document that agrees is ours, two are a question', () => {
  const one = play(states['uncertain/status'], say({ lastFd: 8 }), show(short));
  assert.is(one.state.phase, 'fiscal');
  const two = play(states['uncertain/status'], say({ lastFd: 9 }), show(short), show({ ...short, fd: 9 }));
  assert.is((two.state as { reason: string }).reason, 'KKT_DOCUMENT_AMBIGUOUS');
  assert.is((two.state as unknown as { candidates: unknown[] }).candidates.length, 2);
});

test('a document another job owns is never taken for ours', () => {
  const { lines } = play(states['uncertain/status'], say({ lastFd: 8 }), show(short, true));
  assert.is(lines.at(-1), 'uncertain/clear > record cleared');
});

test('a document nobody can read stops and asks', () => {
  const hidden: JobEvent = { type: 'found', document: undefined, isClaimed: false };
  const { state } = play(states['uncertain/status'], say({ lastFd: 8 }), hidden);
  assert.equal([state.phase, (state as { reason: string }).reason], ['review', 'KKT_DOCUMENT_UNREADABLE']);
  const many = say({ lastFd: 7 + SEARCH_MAX + 1 });
  let next = play(states['uncertain/status'], many).state;
  for (let read = 0; read < SEARCH_MAX; read += 1)
    next = step(next, show({ fd: 8 + read, mark: 'other' })).state;
  assert.is((next as { reason: string }).reason, 'KKT_DOCUMENT_UNREADABLE', 'what lies behind SEARCH_MAX');
});

test('an operator decides a review: registered, not registered, or look again', () => {
  const named = play(states.review, { type: 'decided', outcome: { fd: 9, fp: 77 } });
  assert.is(named.lines[0], 'fiscal/record > record fiscal');
  assert.is((named.state as { outcome: { evidence: string } }).outcome.evidence, 'operator');
  const denied = play(states.review, events.decided, events.recorded);
  assert.is(denied.lines.at(-1), 'waiting > wait');
  assert.throws(
    () => stepJob(states.review, { type: 'decided', outcome: { fd: 7, fp: 1 } }),
    'older than the receipt',
  );
});

test('G6: a fiscal receipt without paper stays fiscal and goes on printing', () => {
  const { lines } = play(
    states['fiscal/status'],
    say({ print: 'no-paper', hasPaper: false }),
    events.tick,
    say({ print: 'stopped' }),
    events.continued,
    events.tick,
    events.status,
  );
  assert.equal(lines, [
    'fiscal/wait > wait',
    'fiscal/status > ask-status',
    'fiscal/continue > continue-print',
    'fiscal/wait > wait',
    'fiscal/status > ask-status',
    'printed > record printed',
  ]);
});

test('an open document that cannot be cancelled ends in review after CANCELS_MAX', () => {
  let state: JobState = states['uncertain/status'];
  for (let cancels = 0; cancels < CANCELS_MAX; cancels += 1) {
    state = play(state, say({ document: 'receipt' }), events.failed, events.tick).state;
  }
  state = play(state, say({ document: 'receipt' })).state;
  assert.equal([state.phase, (state as { reason: string }).reason], ['review', 'KKT_DOCUMENT_STUCK']);
});

test('a receipt the device cancels every time fails after ATTEMPTS_MAX', () => {
  let state: JobState = newJob(order);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    state = play(
      state,
      events.tick,
      events.status,
      events.recorded,
      events.failed,
      events.status,
      events.recorded,
    ).state;
  }
  state = play(state, events.tick, events.status).state;
  assert.equal([state.phase, (state as { reason: string }).reason], ['failed', 'KKT_ATTEMPTS_EXHAUSTED']);
});

test('waits grow to WAIT_MAX_MS and no further', () => {
  let state: JobState = newJob(order);
  let longest = 0;
  for (let tries = 0; tries < 30; tries += 1) {
    state = step(state, events.tick).state;
    const { state: next, effect } = step(state, events.failed);
    if (effect?.type === 'wait') longest = Math.max(longest, effect.delayMs);
    state = next;
  }
  assert.is(longest, WAIT_MAX_MS);
});

test('G6: after a restart the records say where to go on, and an intent is asked about first', () => {
  const records: readonly (readonly [readonly JobRecord[], string, string | undefined])[] = [
    [[], 'waiting', 'wait'],
    [[{ type: 'intent', intent }], 'uncertain/status', 'ask-status'],
    [
      [
        { type: 'intent', intent },
        { type: 'review', reason: 'KKT_FN_MISMATCH' },
      ],
      'uncertain/status',
      'ask-status',
    ],
    [
      [
        { type: 'intent', intent },
        { type: 'cleared', attempt: 1 },
      ],
      'waiting',
      'wait',
    ],
    [
      [
        { type: 'intent', intent },
        { type: 'fiscal', outcome },
      ],
      'fiscal/status',
      'ask-status',
    ],
    [[{ type: 'intent', intent }, { type: 'fiscal', outcome }, { type: 'printed' }], 'printed', undefined],
    [[{ type: 'failed', attempts: 1, reason: 'KKT_REFUSED' }], 'failed', undefined],
  ];
  for (const [kept, name, effect] of records) {
    const state = resumeJob(order, kept);
    assert.is(nameOf(state), name);
    assert.is(startJob(state).effects[0]?.type, effect);
  }
  assert.throws(() => startJob(states.closing), 'not resumed in the middle');
});

test('evidence: shifts by number, receipts by mark, form, kind and sum', () => {
  const open = { kind: 'shift-open', shift: 4 } as const;
  assert.is(judgeDocument(open, { ...document, form: 2, shift: 4 }), 'ours');
  assert.is(judgeDocument(open, { ...document, form: 2, shift: 5 }), 'other');
  assert.is(judgeDocument(open, { ...document, form: 2 }), 'likely');
  assert.is(judgeDocument(open, document), 'other');
  const { expected } = order;
  assert.is(judgeDocument(expected, { ...document, form: 31 }), 'other');
  assert.is(judgeDocument(expected, { ...document, ...short, totalMinor: 1 }), 'other');
  assert.is(judgeDocument(expected, { ...document, ...short, settlement: 'sale-return' }), 'other');
  assert.is(judgeDocument(expected, { ...document, isDetailed: false }), 'ours');
  assert.is(judgeDocument(expected, undefined), 'unreadable');
});

test('J1 to J6 hold for any sequence of events', () => {
  const random = seededRandom(20);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const any: readonly (() => JobEvent)[] = [
    ...Object.values(events).map((event) => () => event),
    () => say({ lastFd: 7 + Math.floor(random() * 4), document: pick(['none', 'receipt', 'unprinted']) }),
    () => say({ print: pick(['idle', 'printing', 'no-paper', 'stopped']) }),
    () => show({ fd: 8 + Math.floor(random() * 3), mark: pick(['job-1', 'other']) }),
    () => ({ type: 'failed', code: pick(['KKT_REFUSED', 'KKT_PAPER_OUT']) }),
  ];
  for (let run = 0; run < 2_000; run += 1) {
    let state: JobState = newJob(order);
    let closes = 0;
    let intents = 0;
    for (let at = 0; at < 30 && !RESTING_PHASES.includes(state.phase); at += 1) {
      const next = step(state, pick(any)());
      if (next.effect?.type === 'close') closes += 1;
      if (next.effect?.type === 'record' && next.effect.record.type === 'intent') intents += 1;
      assert.ok(closes <= intents, 'J1: more closes than intents');
      state = next.state;
    }
  }
});

test.run();
