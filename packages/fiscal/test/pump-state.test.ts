import { seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeContainer } from '../src/ofd/container.ts';
import { acknowledge, type OfdBehaviour } from '../src/ofd/mock-operator.ts';
import {
  assertPumpStep,
  HOLDS_MAX,
  MESSAGE_BYTES_MAX,
  type PumpEffect,
  type PumpEvent,
  type PumpState,
  type PumpStep,
  startPump,
  stepPump,
} from '../src/ofd/pump-state.ts';
import { decodeSession } from '../src/ofd/session-header.ts';
import { codeOf } from './support/code-of.ts';
import { FN, receiptMessage } from './support/memory-fn.ts';

const test = suite('pump-state');

const MESSAGE = receiptMessage(FN, 7);
const KEY = { fn: FN, fd: 7, fp: 476_807_595 };
const OP = 10;

function answerTo(message: Uint8Array, behaviour: OfdBehaviour = { kind: 'accept' }): Uint8Array {
  const { session, body } = decodeSession(message);
  return acknowledge(session, decodeContainer(body), behaviour, 1_700_000_000);
}

const ANSWER = answerTo(MESSAGE);
const OFFER = { sizeBytes: MESSAGE.length, blockBytes: MESSAGE.length };
const core = { fn: FN, holds: [], op: OP, failures: 0, unsure: undefined };
const carried = { key: KEY, answer: ANSWER, ticket: undefined };

type Place = PumpState['phase'] | 'writing, last block';

const STATES: Record<Place, PumpState> = {
  idle: { ...core, phase: 'idle' },
  asking: { ...core, phase: 'asking' },
  reading: { ...core, phase: 'reading', offer: OFFER, received: new Uint8Array() },
  exchanging: { ...core, phase: 'exchanging', key: KEY, message: MESSAGE },
  answered: { ...core, phase: 'answered', ...carried, holds: ['sale'] },
  preparing: { ...core, phase: 'preparing', ...carried },
  writing: { ...core, phase: 'writing', ...carried, sent: 0, blockBytes: 50 },
  'writing, last block': { ...core, phase: 'writing', ...carried, sent: 0, blockBytes: ANSWER.length },
  resting: { ...core, phase: 'resting', code: 'OFD_TIMEOUT', detail: '', key: KEY },
};

type Name = PumpEvent['type'] | 'refused verdict' | 'late answer' | 'another hold';

const EVENTS: Record<Name, PumpEvent> = {
  wake: { type: 'wake' },
  hold: { type: 'hold', reason: 'sale' },
  'another hold': { type: 'hold', reason: 'report' },
  release: { type: 'release', reason: 'sale' },
  offered: { type: 'offered', op: OP, offer: OFFER },
  nothing: { type: 'nothing', op: OP },
  chunk: { type: 'chunk', op: OP, bytes: MESSAGE },
  answered: { type: 'answered', op: OP, bytes: ANSWER },
  'late answer': { type: 'answered', op: OP - 1, bytes: ANSWER },
  ready: { type: 'ready', op: OP, blockBytes: 50 },
  written: { type: 'written', op: OP },
  verdict: { type: 'verdict', op: OP, verdict: { accepted: true } },
  'refused verdict': { type: 'verdict', op: OP, verdict: { accepted: false, fnError: 0x20, reason: 3 } },
  failed: { type: 'failed', op: OP, code: 'FN_LINE_FAILED', detail: 'cut' },
  rested: { type: 'rested' },
};

/** A result that does not belong to what is under way: the driver or the link breaks its word. */
const BROKEN = 'resting: rest';
const LINE_RESULTS = {
  offered: BROKEN,
  nothing: BROKEN,
  chunk: BROKEN,
  answered: BROKEN,
  ready: BROKEN,
  written: BROKEN,
  verdict: BROKEN,
  'refused verdict': BROKEN,
  failed: BROKEN,
};
const ignored = (phase: string): Record<keyof typeof LINE_RESULTS, string> =>
  Object.fromEntries(Object.keys(LINE_RESULTS).map((name) => [name, `${phase}:`])) as never;

/** `phase: effects`. */
const TABLE: Record<Place, Record<Name, string>> = {
  idle: {
    wake: 'asking: ask',
    hold: 'idle:',
    'another hold': 'idle:',
    release: 'idle:',
    rested: 'idle:',
    'late answer': 'idle:',
    ...ignored('idle'),
  },
  asking: {
    ...LINE_RESULTS,
    wake: 'asking:',
    hold: 'idle: abandon',
    'another hold': 'idle: abandon',
    release: 'asking:',
    rested: 'asking:',
    'late answer': 'asking:',
    offered: 'reading: read',
    nothing: 'idle:',
  },
  reading: {
    ...LINE_RESULTS,
    wake: 'reading:',
    hold: 'idle: abandon',
    'another hold': 'idle: abandon',
    release: 'reading:',
    rested: 'reading:',
    'late answer': 'reading:',
    chunk: 'exchanging: exchange',
  },
  exchanging: {
    ...LINE_RESULTS,
    wake: 'exchanging:',
    hold: 'exchanging:',
    'another hold': 'exchanging:',
    release: 'exchanging:',
    rested: 'exchanging:',
    'late answer': 'exchanging:',
    answered: 'preparing: prepare',
  },
  answered: {
    ...ignored('answered'),
    wake: 'answered:',
    hold: 'answered:',
    'another hold': 'answered:',
    release: 'preparing: prepare',
    rested: 'answered:',
    'late answer': 'answered:',
  },
  preparing: {
    ...LINE_RESULTS,
    wake: 'preparing:',
    hold: 'answered: abandon',
    'another hold': 'answered: abandon',
    release: 'preparing:',
    rested: 'preparing:',
    'late answer': 'preparing:',
    ready: 'writing: write',
  },
  writing: {
    ...LINE_RESULTS,
    wake: 'writing:',
    hold: 'answered: abandon',
    'another hold': 'answered: abandon',
    release: 'writing:',
    rested: 'writing:',
    'late answer': 'writing:',
    written: 'writing: write',
  },
  'writing, last block': {
    ...LINE_RESULTS,
    wake: 'writing:',
    hold: 'writing:',
    'another hold': 'writing:',
    release: 'writing:',
    rested: 'writing:',
    'late answer': 'writing:',
    verdict: 'asking: delivered ask',
    'refused verdict': 'resting: alarm rest',
  },
  resting: {
    ...ignored('resting'),
    wake: 'resting:',
    hold: 'resting:',
    'another hold': 'resting:',
    release: 'resting:',
    rested: 'asking: ask',
    'late answer': 'resting:',
  },
};

function step(state: PumpState, event: PumpEvent): PumpStep {
  const next = stepPump(state, event);
  assertPumpStep(state, event, next);
  return next;
}

const told = ({ state, effects }: PumpStep): string =>
  `${state.phase}:${effects.map(({ type }) => ` ${type}`).join('')}`;

for (const [place, row] of Object.entries(TABLE)) {
  test(`every event in ${place}`, () => {
    for (const [name, expected] of Object.entries(row)) {
      const next = step(STATES[place as Place], EVENTS[name as Name]);
      assert.is(told(next), expected, `${place} + ${name}`);
    }
  });
}

const effect = <T extends PumpEffect['type']>({ effects }: PumpStep, type: T) =>
  effects.find((each): each is Extract<PumpEffect, { type: T }> => each.type === type);

test('a message is read in the blocks the storage likes', () => {
  let next = step(STATES.asking, {
    type: 'offered',
    op: OP,
    offer: { sizeBytes: MESSAGE.length, blockBytes: 64 },
  });
  let blocks = 0;
  for (let read = effect(next, 'read'); read !== undefined; read = effect(next, 'read')) {
    blocks += 1;
    const bytes = MESSAGE.slice(read.offset, read.offset + read.length);
    next = step(next.state, { type: 'chunk', op: read.op, bytes });
  }
  assert.is(blocks, Math.ceil(MESSAGE.length / 64));
  assert.equal(effect(next, 'exchange')?.message, MESSAGE);
  assert.equal(effect(next, 'exchange')?.key, KEY);
});

test('a block that is empty or too long, and an offer that cannot be, are failures', () => {
  for (const bytes of [new Uint8Array(), Buffer.concat([MESSAGE, MESSAGE])]) {
    assert.is(told(step(STATES.reading, { type: 'chunk', op: OP, bytes })), BROKEN);
  }
  for (const sizeBytes of [0, 29, MESSAGE_BYTES_MAX + 1]) {
    const next = step(STATES.asking, { type: 'offered', op: OP, offer: { sizeBytes, blockBytes: 100 } });
    assert.is(told(next), 'resting: alarm rest');
  }
  assert.is(told(step(STATES.preparing, { type: 'ready', op: OP, blockBytes: 0 })), BROKEN);
});

test("another storage's message is never carried", () => {
  const next = step(STATES.reading, { type: 'chunk', op: OP, bytes: foreign() });
  assert.is(told(next), 'resting: alarm rest');
  assert.is(effect(next, 'alarm')?.code, 'FN_MESSAGE_FOREIGN');
  function foreign(): Uint8Array {
    return receiptMessage('9999078900001366', 7).slice(0, MESSAGE.length);
  }
});

test('an answer to another document, a broken one or none at all never reaches the storage', () => {
  const answers: [OfdBehaviour['kind'], string][] = [
    ['wrong-fn', 'OFD_ACK_FOREIGN'],
    ['wrong-fd', 'OFD_ACK_FOREIGN'],
    ['wrong-crc', 'OFD_CRC_MISMATCH'],
  ];
  for (const [kind, code] of answers) {
    const bytes = answerTo(MESSAGE, { kind } as OfdBehaviour);
    const { state } = step(STATES.exchanging, { type: 'answered', op: OP, bytes });
    assert.is(state.phase === 'resting' && state.code, code);
  }
  const malformed: [Uint8Array, string][] = [
    [new Uint8Array(), 'OFD_TRUNCATED'],
    [MESSAGE, 'OFD_ACK_INVALID'],
    [ANSWER.subarray(0, 60), 'OFD_TRUNCATED'],
    [new Uint8Array(MESSAGE_BYTES_MAX + 1), 'OFD_TOO_LARGE'],
  ];
  for (const [bytes, code] of malformed) {
    const { state } = step(STATES.exchanging, { type: 'answered', op: OP, bytes });
    assert.is(state.phase === 'resting' && state.code, code);
  }
});

test('a document the operator does not recognise stays in the storage, with an alarm', () => {
  const bytes = answerTo(MESSAGE, { kind: 'refuse', code: 11 });
  const next = step(STATES.exchanging, { type: 'answered', op: OP, bytes });
  assert.is(told(next), 'resting: alarm rest');
  assert.equal([effect(next, 'alarm')?.code, effect(next, 'alarm')?.key], ['OFD_REFUSED', KEY]);
  assert.is(effect(next, 'rest')?.isLong, true);
});

test('a ticket the storage refuses is an alarm, and its document is carried again', () => {
  const next = step(STATES['writing, last block'], EVENTS['refused verdict']);
  assert.equal([effect(next, 'alarm')?.code, effect(next, 'alarm')?.key], ['FN_TICKET_REFUSED', KEY]);
  assert.is(told(step(next.state, EVENTS.rested)), 'asking: ask');
});

test('a faulty document that was received all the same is acknowledged', () => {
  const bytes = answerTo(MESSAGE, { kind: 'refuse', code: 14, messageBits: 2 });
  const { state } = step(STATES.exchanging, { type: 'answered', op: OP, bytes });
  assert.is(state.phase, 'preparing');
  assert.is('ticket' in state && state.ticket?.messageBits, 2);
});

test('a lost verdict is settled by what the storage offers next', () => {
  const lost = step(STATES['writing, last block'], EVENTS.failed).state;
  assert.equal(lost.unsure?.key, KEY);
  const asking = step(lost, { type: 'rested' }).state;

  const nothing = step(asking, { type: 'nothing', op: asking.op });
  assert.equal(effect(nothing, 'delivered')?.key, KEY);
  assert.is(nothing.state.unsure, undefined);

  for (const [fd, isDelivered] of [
    [7, false],
    [8, true],
  ] as const) {
    const message = receiptMessage(FN, fd);
    const offer = { sizeBytes: message.length, blockBytes: message.length };
    const reading = step(asking, { type: 'offered', op: asking.op, offer }).state;
    const next = step(reading, { type: 'chunk', op: reading.op, bytes: message });
    assert.is(effect(next, 'delivered') !== undefined, isDelivered, `${fd}`);
    assert.is(next.state.unsure, undefined);
  }
});

test('while anybody holds the line nothing begins on it, and all must let go', () => {
  let state = step(STATES.answered, EVENTS['another hold']).state;
  state = step(state, EVENTS.release).state;
  assert.is(state.phase, 'answered');
  assert.is(told(step(state, { type: 'release', reason: 'report' })), 'preparing: prepare');

  const held: PumpState = { ...STATES['writing, last block'], holds: ['sale'] };
  assert.is(told(step(held, EVENTS.verdict)), 'idle: delivered');
  const idle: PumpState = { ...STATES.idle, holds: ['sale'] };
  assert.is(told(step(idle, EVENTS.wake)), 'idle:');
  assert.is(told(step(idle, EVENTS.release)), 'asking: ask');
  const full: PumpState = { ...STATES.idle, holds: Array.from({ length: HOLDS_MAX }, (_, at) => `${at}`) };
  assert.throws(() => stepPump(full, EVENTS.hold), /more than 16 holds/);
});

test('an invariant that is broken is noticed', () => {
  const { state } = step(STATES.exchanging, EVENTS.answered);
  const delivered: PumpEffect = { type: 'delivered', key: KEY, ticket: undefined };
  assert.throws(
    () => assertPumpStep(STATES.exchanging, EVENTS.answered, { state, effects: [delivered] }),
    /I2/,
  );
  const ask: PumpEffect = { type: 'ask', op: OP + 1 };
  assert.throws(() => assertPumpStep(STATES.idle, EVENTS.wake, { state, effects: [ask, ask] }), /I1/);
  const foreign: PumpState = { ...STATES.preparing, key: { fn: FN, fd: 8 } } as PumpState;
  const check = (): void =>
    assertPumpStep(STATES.exchanging, EVENTS.answered, { state: foreign, effects: [] });
  assert.is(codeOf(check), 'OFD_ACK_FOREIGN');
});

test('any order of events keeps the invariants', () => {
  const random = seededRandom(7);
  const events = Object.values(EVENTS);
  let state = startPump(FN);
  for (let made = 0; made < 20_000; made += 1) {
    const event = events[Math.floor(random() * events.length)]!;
    state = step(state, 'op' in event ? { ...event, op: state.op } : event).state;
  }
});

test.run();
