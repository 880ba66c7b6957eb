/** Every bound of the relay's own, reached. */
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { type Appended, DURABLE_MARKS_MAX, DurableMarks, type FeedName } from '@branchline/feed';
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../test/support/within.ts';
import { EVENTS_KEPT_MAX, EventLog } from '../src/event-log.ts';
import { ADDRESSES_MAX, FAILURES_PER_WINDOW_MAX, FailureLimit } from '../src/http/admission.ts';
import { LISTENERS_MAX } from '../src/http/event-stream.ts';
import { closeHttp, listenHttp } from '../src/listener.ts';
import { RunningRelay } from './support/running.ts';

const test = suite('relay limits');
const FEED = 'orders/B001/aaaaaaaaaaaaaaaa' as FeedName;

function appended(seq: number): Appended {
  const run = { feed: FEED, from: seq, entries: [new Uint8Array(1)], signature: new Uint8Array(64) };
  return { position: seq, runs: [run], local: false };
}

test('the event log keeps the latest', () => {
  const log = new EventLog(() => '2026-01-01T00:00:00.000Z');
  for (let at = 0; at < EVENTS_KEPT_MAX + 10; at++) {
    log.add({ type: 'alarmed', code: 'X', detail: String(at) });
  }
  assert.is(log.after(0).length, EVENTS_KEPT_MAX);
  assert.is(log.after(0)[0]!.id, 11);
  assert.is(log.after(log.lastId).length, 0);
  assert.is(log.after(log.lastId + 5).length, EVENTS_KEPT_MAX, 'an id of another life of the process');
});

test('an address that fails too often waits out the window; the table of addresses is bounded', async () => {
  const clock = new ManualClock();
  const limit = new FailureLimit(clock);
  for (let at = 0; at < FAILURES_PER_WINDOW_MAX; at++) {
    limit.check('a');
    limit.failed('a');
  }
  assert.throws(
    () => limit.check('a'),
    (error: { code?: string }) => error.code === 'TOO_MANY_REQUESTS',
  );
  limit.check('b');
  await clock.advance(60_000);
  limit.check('a');
  for (let at = 0; at < ADDRESSES_MAX + 50; at++) {
    limit.failed(`address ${at}`);
  }
  assert.is(limit.addresses, ADDRESSES_MAX);
});

test('marks of a feed are thinned, and never make a wait look shorter than it is', () => {
  const marks = new DurableMarks(0);
  for (let seq = 1; seq <= 1_000; seq++) {
    marks.add(appended(seq), seq * 10);
    assert.ok(marks.marks(FEED) <= DURABLE_MARKS_MAX);
  }
  for (let seq = 1; seq <= 1_000; seq++) {
    assert.ok(marks.durableMs(FEED, seq) <= seq * 10);
  }
  assert.ok(marks.durableMs(FEED, 1_000) >= 9_000, 'recent marks stay fine enough');
  assert.is(marks.durableMs('orders/B002/aaaaaaaaaaaaaaaa' as FeedName, 1), 0, 'unknown: since the start');
});

test('the event stream serves so many listeners and no more', async () => {
  await using relay = await RunningRelay.open();
  const stop = new AbortController();
  const listen = () =>
    fetch(`${relay.url}/v1/events`, {
      headers: { Authorization: `Bearer ${relay.adminToken}` },
      signal: stop.signal,
    });
  const open = await Promise.all(Array.from({ length: LISTENERS_MAX }, listen));
  assert.ok(open.every((response) => response.status === 200));
  assert.is((await listen()).status, 429);
  stop.abort();
});

test('a client that sends its request letter by letter is cut off; the others are served meanwhile', async () => {
  const timeouts = { headersMs: 150, requestMs: 300, checkedMs: 50 };
  const app = (_request: unknown, response: ServerResponse) => void response.end('served');
  const { server, url } = await listenHttp({ listen: '127.0.0.1:0', socketsMax: 4, app, timeouts });
  const slow = (words: string) =>
    new Promise<void>((resolve) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(words));
      socket.on('error', () => {});
      socket.on('data', () => {});
      socket.once('close', () => resolve());
    });
  const over = Promise.all([
    slow('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '),
    slow('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{'),
  ]);
  assert.is(await (await fetch(url)).text(), 'served');
  await within(20_000, 'slow clients cut off', over);
  server.closeAllConnections();
  await closeHttp(server);
});

test('devices beyond the limit of connections are turned away, and enrolled ones are served', async () => {
  await using relay = await RunningRelay.open({ connectionsMax: 1 });
  const { enrolDevice } = await import('../../test/support/device.ts');
  const [one, two] = await relay.tokens('B001', 'B002');
  const first = await (await enrolDevice(relay.url, one!)).dial();
  const second = await enrolDevice(relay.url, two!);
  const refused = await second.dial().then(
    () => 'was served',
    (error: { code?: string }) => error.code,
  );
  assert.is(refused, 'DIAL_FAILED');
  first.close();
});

test.run();
