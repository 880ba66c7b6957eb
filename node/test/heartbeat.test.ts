/** The heartbeat to the ERP: the pure machine with its table and invariants, and the shell over a manual clock. */
import { ManualClock, randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Heartbeat, heartbeatConfig } from '../src/heartbeat/heartbeat.ts';
import {
  checkHeartbeat,
  DWELL_MS,
  HEARTBEAT_UNKNOWN,
  type HeartbeatEvent,
  type HeartbeatState,
  stepHeartbeat,
} from '../src/heartbeat/heartbeat-state.ts';

const test = suite('heartbeat');

type Phase = HeartbeatState['phase'];
const at = (phase: Phase, sinceMs: number): HeartbeatState =>
  phase === 'unknown' ? HEARTBEAT_UNKNOWN : { phase, heard: 0, unheard: 0, sinceMs };

/** The phase after so many of one kind in a row, when the last change is just over or long ago. */
const TABLE: Record<Phase, Record<HeartbeatEvent['type'], Record<'soon' | 'late', readonly Phase[]>>> = {
  unknown: {
    heard: { soon: ['unknown', 'online', 'online'], late: ['unknown', 'online', 'online'] },
    unheard: { soon: ['unknown', 'unknown', 'offline'], late: ['unknown', 'unknown', 'offline'] },
  },
  online: {
    heard: { soon: ['online', 'online', 'online'], late: ['online', 'online', 'online'] },
    unheard: { soon: ['online', 'online', 'online'], late: ['online', 'online', 'offline'] },
  },
  offline: {
    heard: { soon: ['offline', 'offline', 'offline'], late: ['offline', 'online', 'online'] },
    unheard: { soon: ['offline', 'offline', 'offline'], late: ['offline', 'offline', 'offline'] },
  },
};

for (const [phase, events] of Object.entries(TABLE)) {
  test(`transitions from ${phase}`, () => {
    for (const [type, moments] of Object.entries(events)) {
      for (const [when, expected] of Object.entries(moments)) {
        let state = at(phase as Phase, 0);
        const atMs = when === 'soon' ? DWELL_MS - 1 : DWELL_MS;
        const phases = expected.map(() => {
          const next = stepHeartbeat(state, { type: type as HeartbeatEvent['type'], atMs });
          checkHeartbeat(state, next);
          state = next;
          return state.phase;
        });
        assert.equal(phases, expected, `${phase}, ${type}, ${when}`);
      }
    }
  });
}

test('a line that flaps every 30 s never changes what is known; H1 to H3 over 20000 random beats', () => {
  let state = at('online', 0);
  for (let beat = 0; beat < 100; beat += 1) {
    state = stepHeartbeat(state, { type: beat % 2 === 0 ? 'unheard' : 'heard', atMs: beat * 30_000 });
  }
  assert.is(state.phase, 'online');
  const random = seededRandom(8);
  for (let beat = 0, atMs = 0; beat < 20_000; beat += 1) {
    atMs += randomInteger(random, 60_000);
    const next = stepHeartbeat(state, { type: randomInteger(random, 2) === 0 ? 'heard' : 'unheard', atMs });
    checkHeartbeat(state, next);
    state = next;
  }
});

test('every 30 s a word with what waits; silence, slowness and any answer but 200 are not heard; the alarm ends with its cause', async () => {
  const clock = new ManualClock(Date.UTC(2026, 10, 22, 9));
  const bodies: Record<string, unknown>[] = [];
  const alarms = new Set<string>();
  let answer: () => Promise<Response> = async () => new Response('{}', { status: 200 });
  const heartbeat = new Heartbeat({
    ...heartbeatConfig.parse({ url: 'http://erp.example/api/v1/kkt/heartbeat' }),
    branch: 'B001',
    clock,
    post: async (_, init) => {
      bodies.push(JSON.parse(String(init.body)));
      return await Promise.race([
        answer(),
        new Promise<Response>((_resolve, reject) =>
          init.signal?.addEventListener('abort', () => reject(new Error('too slow')), { once: true }),
        ),
      ]);
    },
    buffer: async () => ({
      capacity: 200,
      pending: 3,
      delivered: 7,
      undecided: 1,
      oldest: undefined,
      breaker: 'half-open',
      failures: 2,
      successes: 7,
      lastFailureMs: undefined,
      lastDeliveryMs: undefined,
    }),
    alarms: { raise: (code) => alarms.add(code), clear: (code) => alarms.delete(code) },
  });
  const stop = new AbortController();
  const running = heartbeat.run(stop.signal);
  await clock.advance(30_000);
  assert.equal([heartbeat.view().phase, heartbeat.view().heard], ['online', 2]);
  assert.equal(bodies[0], {
    timestamp: '2026-11-22T09:00:00.000Z',
    adapter_id: 'B001',
    buffer_status: {
      total_capacity: 200,
      current_queued: 3,
      percent_full: 1.5,
      pending: 3,
      synced: 7,
      failed: 1,
      dlq_size: 1,
    },
    circuit_breaker: { state: 'HALF_OPEN', failure_count: 2, success_count: 7 },
  });
  answer = async () => new Response('', { status: 201 });
  await clock.advance(30_000);
  // Slower than five seconds: the next one leaves in time all the same.
  answer = () => new Promise(() => {});
  await clock.advance(60_000);
  assert.is(heartbeat.view().phase, 'online', 'kept for 90 s');
  await clock.advance(30_000);
  assert.equal([heartbeat.view().phase, heartbeat.view().failures], ['offline', 3]);
  assert.ok(alarms.has('ERP_UNREACHABLE'));
  answer = async () => new Response('', { status: 200 });
  await clock.advance(120_000);
  assert.is(heartbeat.view().phase, 'online');
  assert.is(alarms.size, 0);
  assert.is(bodies.length, 10);
  stop.abort();
  await clock.advance(1);
  await running;
  assert.not(heartbeat.view().isRunning);
});

test.run();
