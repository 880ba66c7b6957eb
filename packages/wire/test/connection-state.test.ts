import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HEADER_BYTES } from '../src/codec.ts';
import {
  assertInvariants,
  CONTROL_FRAMES_MAX,
  type ConnectionEvent,
  type ConnectionState,
  CREDIT_WINDOW_BYTES,
  DIAL_HANDSHAKE_MS,
  DRAIN_MS,
  GRANT_BYTES,
  KEEPALIVE_MISSES_MAX,
  KEEPALIVE_MS,
  LISTEN_HANDSHAKE_MS,
  maySend,
  nextTickMs,
  OVERDRAFT_BYTES,
  type Step,
  startConnection,
  stepConnection,
} from '../src/connection-state.ts';
import { FRAME_BYTES_MAX } from '../src/frames.ts';

const test = suite('connection-state');

type Phase = ConnectionState['phase'];
type EventName = ConnectionEvent['type'] | 'hello refused' | 'auth invalid' | 'late tick';
/** `phase: effects`, effects by type, `send` by its frame. */
type Expected = string;

const EVENTS: Record<EventName, ConnectionEvent> = {
  hello: { type: 'hello', refusal: undefined },
  'hello refused': { type: 'hello', refusal: { code: 'TENANT_MISMATCH' } },
  auth: { type: 'auth', valid: true },
  'auth invalid': { type: 'auth', valid: false },
  reject: { type: 'reject', code: 'DEVICE_REVOKED' },
  credit: { type: 'credit', bytes: 1 },
  ping: { type: 'ping', at: 5 },
  pong: { type: 'pong', at: 5 },
  bye: { type: 'bye', code: 'GOING_AWAY' },
  message: { type: 'message', cost: 100 },
  consumed: { type: 'consumed', cost: 100 },
  sent: { type: 'sent', cost: 100, urgent: false },
  tick: { type: 'tick' },
  'late tick': { type: 'tick' },
  close: { type: 'close', code: 'CLOSED' },
  fault: { type: 'fault', code: 'FRAME_MALFORMED' },
  lost: { type: 'lost' },
};

const NOW_MS = 1_000;
const LATE_MS = NOW_MS + 1_000_000;

/** One state of each phase; `open` has used a little of both windows, so that credit and consumption mean something. */
const STATES: Record<Phase | 'greeting as dialer' | 'proving as dialer', ConnectionState> = {
  greeting: startConnection('listen', NOW_MS).state,
  'greeting as dialer': startConnection('dial', NOW_MS).state,
  proving: { phase: 'proving', role: 'listen', deadlineMs: NOW_MS + 5_000 },
  'proving as dialer': { phase: 'proving', role: 'dial', deadlineMs: NOW_MS + 5_000 },
  open: {
    phase: 'open',
    sendCredit: CREDIT_WINDOW_BYTES - 500,
    unconsumed: 500,
    ungranted: 0,
    heardMs: NOW_MS,
    misses: 0,
    controlFrames: 0,
    controlSinceMs: NOW_MS,
  },
  draining: {
    phase: 'draining',
    deadlineMs: NOW_MS + DRAIN_MS,
    ending: { code: 'CLOSED', by: 'us', refused: false },
  },
  closed: { phase: 'closed', ending: { code: 'CLOSED', by: 'us', refused: false } },
};

const ORDER = 'draining: bye end';
const HANDSHAKE_ENDS = {
  reject: 'draining: end',
  credit: ORDER,
  ping: ORDER,
  pong: ORDER,
  bye: 'draining: end',
  message: ORDER,
  'late tick': ORDER,
  close: ORDER,
  fault: ORDER,
  lost: 'closed:',
} as const;

const TABLE: Record<keyof typeof STATES, Record<EventName, Expected>> = {
  greeting: {
    hello: 'proving: send-hello send-auth',
    'hello refused': 'draining: reject end',
    auth: ORDER,
    'auth invalid': ORDER,
    consumed: 'greeting:',
    sent: 'greeting:',
    tick: 'greeting:',
    ...HANDSHAKE_ENDS,
  },
  'greeting as dialer': {
    hello: 'proving:',
    'hello refused': 'draining: reject end',
    auth: ORDER,
    'auth invalid': ORDER,
    consumed: 'greeting:',
    sent: 'greeting:',
    tick: 'greeting:',
    ...HANDSHAKE_ENDS,
  },
  proving: {
    hello: ORDER,
    'hello refused': ORDER,
    auth: 'open: open',
    'auth invalid': 'draining: reject end',
    consumed: 'proving:',
    sent: 'proving:',
    tick: 'proving:',
    ...HANDSHAKE_ENDS,
  },
  'proving as dialer': {
    hello: ORDER,
    'hello refused': ORDER,
    auth: 'open: send-auth open',
    'auth invalid': 'draining: reject end',
    consumed: 'proving:',
    sent: 'proving:',
    tick: 'proving:',
    ...HANDSHAKE_ENDS,
  },
  open: {
    hello: ORDER,
    'hello refused': ORDER,
    auth: ORDER,
    'auth invalid': ORDER,
    reject: 'draining: end',
    credit: 'open: flush',
    ping: 'open: pong',
    pong: 'open: round-trip',
    bye: 'draining: end',
    message: 'open: deliver',
    consumed: 'open:',
    sent: 'open:',
    tick: 'open:',
    'late tick': 'open: ping',
    close: ORDER,
    fault: ORDER,
    lost: 'closed:',
  },
  draining: {
    ...silent('draining:'),
    'late tick': 'closed: terminate',
    lost: 'closed:',
  },
  closed: silent('closed:'),
};

function silent(expected: Expected): Record<EventName, Expected> {
  return Object.fromEntries(Object.keys(EVENTS).map((name) => [name, expected])) as Record<
    EventName,
    Expected
  >;
}

function describe({ state, effects }: Step): Expected {
  const words = effects.map((effect) => (effect.type === 'send' ? effect.frame.type : effect.type));
  return [`${state.phase}:`, ...words].join(' ');
}

for (const [name, row] of Object.entries(TABLE)) {
  test(`transitions from ${name}`, () => {
    for (const [event, expected] of Object.entries(row)) {
      const before = STATES[name as keyof typeof STATES];
      const step = stepConnection(
        before,
        EVENTS[event as EventName],
        event === 'late tick' ? LATE_MS : NOW_MS,
      );
      assertInvariants(step.state);
      assert.is(describe(step), expected, `${name} + ${event}`);
    }
  });
}

test('a dialer speaks first, a listener never does', () => {
  assert.is(describe(startConnection('dial', 0)), 'greeting: send-hello');
  assert.is(describe(startConnection('listen', 0)), 'greeting:');
});

test('the handshake has a deadline: 5 s for a stranger, 10 s for a slow line', () => {
  for (const [role, spanMs] of [
    ['listen', LISTEN_HANDSHAKE_MS],
    ['dial', DIAL_HANDSHAKE_MS],
  ] as const) {
    const { state } = startConnection(role, 0);
    assert.is(nextTickMs(state), spanMs);
    assert.is(stepConnection(state, { type: 'tick' }, spanMs - 1).state.phase, 'greeting');
    assert.is(endCode(stepConnection(state, { type: 'tick' }, spanMs)), 'HANDSHAKE_TIMEOUT');
  }
});

function endCode({ state }: Step): string {
  return state.phase === 'draining' || state.phase === 'closed' ? state.ending.code : `still ${state.phase}`;
}

test('a silent peer is pinged twice and then given up', () => {
  let state = STATES.open;
  for (let miss = 1; miss <= KEEPALIVE_MISSES_MAX; miss += 1) {
    const step = stepConnection(state, { type: 'tick' }, NOW_MS + KEEPALIVE_MS * miss);
    assert.is(describe(step), 'open: ping');
    state = step.state;
  }
  assert.is(endCode(stepConnection(state, { type: 'tick' }, NOW_MS + 3 * KEEPALIVE_MS)), 'PEER_SILENT');
  const heard = stepConnection(state, EVENTS.message, NOW_MS + 3 * KEEPALIVE_MS - 1).state;
  assert.is(nextTickMs(heard), NOW_MS + 4 * KEEPALIVE_MS - 1);
});

test('what is consumed is granted again, half a megabyte at a time', () => {
  const open = { ...STATES.open, unconsumed: GRANT_BYTES } as ConnectionState;
  const early = stepConnection(open, { type: 'consumed', cost: GRANT_BYTES - 1 }, NOW_MS);
  assert.is(describe(early), 'open:');
  const step = stepConnection(early.state, { type: 'consumed', cost: 1 }, NOW_MS);
  assert.equal(step.effects, [{ type: 'send', frame: { type: 'credit', bytes: GRANT_BYTES } }]);
  assertInvariants(step.state);
});

test('I4: with nothing under way the largest frame may go', () => {
  const worst = { ...STATES.open, sendCredit: CREDIT_WINDOW_BYTES - (GRANT_BYTES - 1) } as ConnectionState;
  assert.ok(maySend(worst, HEADER_BYTES + FRAME_BYTES_MAX, false));
});

test('bulk waits for credit, a small message may overdraw, and the overdraft has an end', () => {
  const empty = { ...STATES.open, sendCredit: 0 } as ConnectionState;
  assert.not(maySend(empty, 1, false));
  assert.ok(maySend(empty, OVERDRAFT_BYTES, true));
  assert.not(maySend(empty, OVERDRAFT_BYTES + 1, true));
  assert.throws(
    () => stepConnection(empty, { type: 'sent', cost: 1, urgent: false }, NOW_MS),
    /without credit/,
  );
});

test('a peer that sends more than it was granted: CREDIT_EXCEEDED', () => {
  const full = { ...STATES.open, unconsumed: CREDIT_WINDOW_BYTES + OVERDRAFT_BYTES } as ConnectionState;
  assertInvariants(full);
  assert.is(endCode(stepConnection(full, { type: 'message', cost: 1 }, NOW_MS)), 'CREDIT_EXCEEDED');
});

test('a peer that grants more than the window holds: CREDIT_INVALID', () => {
  assert.is(endCode(stepConnection(STATES.open, { type: 'credit', bytes: 501 }, NOW_MS)), 'CREDIT_INVALID');
});

test('a flood of control frames: CONTROL_FLOOD; the same number over two spans is fine', () => {
  let state = STATES.open;
  for (let frame = 0; frame < CONTROL_FRAMES_MAX; frame += 1)
    state = stepConnection(state, EVENTS.ping, NOW_MS).state;
  assert.is(state.phase, 'open');
  assert.is(endCode(stepConnection(state, EVENTS.ping, NOW_MS)), 'CONTROL_FLOOD');
  assert.is(stepConnection(state, EVENTS.ping, NOW_MS + KEEPALIVE_MS).state.phase, 'open');
});

test('I1 to I6 hold for 20000 random steps between two honest ends', () => {
  const random = seededRandom(5);
  for (let run = 0; run < 20; run += 1) {
    const ends = [opened(), opened()];
    const wire: ConnectionEvent[][] = [[], []];
    const inbox: number[][] = [[], []];
    for (let step = 0; step < 1_000; step += 1) {
      const at = randomInteger(random, 2);
      const cost = 1 + randomInteger(random, HEADER_BYTES + FRAME_BYTES_MAX);
      const urgent = random() < 0.3;
      const action = random();
      if (action < 0.4 && maySend(ends[at]!, cost, urgent)) {
        apply(at, { type: 'sent', cost, urgent });
        wire[1 - at]!.push({ type: 'message', cost });
      } else if (action < 0.8 && wire[at]!.length > 0) {
        const event = wire[at]!.shift()!;
        apply(at, event);
        if (event.type === 'message') inbox[at]!.push(event.cost);
      } else if (inbox[at]!.length > 0) {
        apply(at, { type: 'consumed', cost: inbox[at]!.shift()! });
      }
    }
    function apply(at: number, event: ConnectionEvent): void {
      const { state, effects } = stepConnection(ends[at]!, event, NOW_MS);
      assertInvariants(state);
      assert.is(
        state.phase,
        'open',
        `seed 5, run ${run}: ${JSON.stringify(event)} → ${endCode({ state, effects })}`,
      );
      ends[at] = state;
      for (const effect of effects) {
        if (effect.type === 'send') wire[1 - at]!.push(effect.frame as ConnectionEvent);
      }
    }
  }
  function opened(): ConnectionState {
    return stepConnection(STATES.proving, EVENTS.auth, NOW_MS).state;
  }
});

test('I5 and I6: any 5 events from the start deliver nothing before open, and closed is final', () => {
  const random = seededRandom(6);
  const names = Object.keys(EVENTS) as EventName[];
  for (let run = 0; run < 3_000; run += 1) {
    let { state } = startConnection(random() < 0.5 ? 'dial' : 'listen', NOW_MS);
    for (let step = 0; step < 5; step += 1) {
      const event = EVENTS[names[randomInteger(random, names.length)]!];
      if (state.phase === 'open' && (event.type === 'consumed' || event.type === 'sent')) continue;
      const next = stepConnection(state, event, NOW_MS);
      assertInvariants(next.state);
      if (next.effects.some((effect) => effect.type === 'deliver')) assert.is(state.phase, 'open');
      if (state.phase === 'closed') assert.is(next.state, state);
      if (state.phase === 'draining') assert.ok(['draining', 'closed'].includes(next.state.phase));
      state = next.state;
    }
  }
});

test.run();
