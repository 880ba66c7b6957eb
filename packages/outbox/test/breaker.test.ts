import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type BreakerEvent,
  type BreakerOptions,
  type BreakerState,
  CLOSED,
  mayStart,
  restoreBreaker,
  saveBreaker,
  stepBreaker,
} from '../src/breaker.ts';

const test = suite('breaker');

const OPTIONS: BreakerOptions = { failuresMax: 3, intervalMs: 1_000 };
const NOW_MS = 50_000;

const STATES: Record<string, BreakerState> = {
  closed: CLOSED,
  'closed, one short': { phase: 'closed', failures: 2 },
  open: { phase: 'open', probeAtMs: NOW_MS },
  'half-open': { phase: 'half-open' },
};
const SHUT = 'open 51000';

const TABLE: Record<keyof typeof STATES, Record<BreakerEvent, string>> = {
  closed: { started: 'closed 0', reached: 'closed 0', failed: 'closed 1', none: 'closed 0' },
  'closed, one short': { started: 'closed 2', reached: 'closed 0', failed: SHUT, none: 'closed 2' },
  open: { started: 'half-open', reached: 'closed 0', failed: 'open 50000', none: 'open 50000' },
  'half-open': { started: 'half-open', reached: 'closed 0', failed: SHUT, none: SHUT },
};

function describe(state: BreakerState): string {
  if (state.phase === 'closed') return `closed ${state.failures}`;
  return state.phase === 'open' ? `open ${state.probeAtMs}` : state.phase;
}

for (const [name, row] of Object.entries(TABLE)) {
  test(`transitions from ${name}`, () => {
    for (const [event, expected] of Object.entries(row)) {
      const next = stepBreaker(STATES[name]!, event as BreakerEvent, NOW_MS, OPTIONS);
      assert.is(describe(next), expected, `${name} + ${event}`);
    }
  });
}

test('a request may start when closed, when the interval is over, and never beside a probe', () => {
  assert.ok(mayStart(CLOSED, NOW_MS));
  assert.not(mayStart(STATES.open!, NOW_MS - 1));
  assert.ok(mayStart(STATES.open!, NOW_MS));
  assert.not(mayStart(STATES['half-open']!, NOW_MS));
});

test('B1 to B4 over 20000 random requests, some of which end late', () => {
  const random = seededRandom(3);
  let state: BreakerState = CLOSED;
  let nowMs = 0;
  let lastProbeMs = -Infinity;
  const out: boolean[] = [];
  for (let step = 0; step < 20_000; step += 1) {
    nowMs += randomInteger(random, 200);
    if (random() < 0.5 && mayStart(state, nowMs)) {
      const before: BreakerState = state;
      state = stepBreaker(state, 'started', nowMs, OPTIONS);
      if (before.phase === 'open') {
        assert.ok(nowMs >= before.probeAtMs, 'B1');
        assert.is(state.phase, 'half-open', 'B2');
        assert.ok(nowMs - lastProbeMs >= OPTIONS.intervalMs, 'B3');
        lastProbeMs = nowMs;
      }
      out.push(true);
    } else if (out.length > 0) {
      out.pop();
      const event = (['reached', 'failed', 'failed', 'none'] as const)[randomInteger(random, 4)]!;
      state = stepBreaker(state, event, nowMs, OPTIONS);
      // A late success closes it; what follows is a new row of failures.
      if (event === 'reached') lastProbeMs = -Infinity;
    }
    if (state.phase === 'closed') assert.ok(state.failures < OPTIONS.failuresMax, 'B4');
  }
});

test('an open breaker is carried over a restart by the wall clock, whatever that has done meanwhile', () => {
  const saved = saveBreaker({ phase: 'open', probeAtMs: NOW_MS + 600 }, NOW_MS, 1_000_000)!;
  assert.is(saveBreaker(CLOSED, NOW_MS, 1_000_000), undefined);
  const leftMs = (wallMs: number): number => {
    const state = restoreBreaker(JSON.parse(JSON.stringify(saved)), 0, wallMs, OPTIONS);
    return state.phase === 'open' ? state.probeAtMs : Number.NaN;
  };
  assert.is(leftMs(1_000_100), 500);
  assert.is(leftMs(1_999_999), 0);
  assert.is(leftMs(0), OPTIONS.intervalMs);
  assert.equal(saveBreaker({ phase: 'half-open' }, NOW_MS, 7), { probeAtWallMs: 7 });
});

test.run();
