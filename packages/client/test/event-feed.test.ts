/** Events of a node through cuts, silence and refusals; and the parser under any cutting of the text. */
import { type NodeEvent, ProblemError } from '@branchline/model';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EVENT_CHARS_MAX, SILENCE_MS } from '../src/index.ts';
import { SseParser } from '../src/sse-parser.ts';
import { refusal, ScriptedNode, streamReply } from './scripted-node.ts';

const test = suite('event feed');
const event = (id: number) => `id: ${id}\nevent: stock.changed\ndata: {"n":${id}}\n\n`;
const hang = () => new Promise<void>(() => {});

async function take(node: ScriptedNode, count: number, after?: string): Promise<NodeEvent[]> {
  const controller = new AbortController();
  const taken: NodeEvent[] = [];
  const reading = (async () => {
    for await (const one of node.client.events({ after, signal: controller.signal })) {
      taken.push(one);
      if (taken.length === count) {
        break;
      }
    }
  })();
  await node.settle(reading);
  return taken;
}

test('after a cut it reconnects with the last id seen and goes on', async () => {
  const node = new ScriptedNode([
    streamReply([': hello\n\nretry: 2000\n\n', event(7), event(8)], 200, {}, () =>
      Promise.reject(new Error('cut')),
    ),
    new TypeError('fetch failed'),
    streamReply([event(9)], 200, {}, hang),
  ]);
  const taken = await take(node, 3, '6');
  assert.equal(
    taken.map(({ id }) => id),
    ['7', '8', '9'],
  );
  assert.equal(taken[0], { id: '7', type: 'stock.changed', data: { n: 7 } });
  assert.equal(
    node.requests.map((request) => request.headers['Last-Event-ID']),
    ['6', '8', '8'],
  );
});

test('stream.missed is handed on, stream.closed only makes it reconnect', async () => {
  const closed = 'event: stream.closed\ndata: {"code":"SLOW_CONSUMER","words":"x"}\n\n';
  const node = new ScriptedNode([
    streamReply(['event: stream.missed\ndata: {"after":"1"}\n\n', event(50), closed]),
    streamReply([event(51)], 200, {}, hang),
  ]);
  const taken = await take(node, 3, '1');
  assert.equal(
    taken.map(({ type, id }) => `${type} ${id ?? '-'}`),
    ['stream.missed -', 'stock.changed 50', 'stock.changed 51'],
  );
  assert.is(node.requests[1]?.headers['Last-Event-ID'], '50');
});

test('a stream silent for SILENCE_MS is taken for dead and opened again', async () => {
  const node = new ScriptedNode(['silence', streamReply([event(1)], 200, {}, hang)]);
  const taken = await take(node, 1);
  assert.is(taken.length, 1);
  assert.ok(node.waits.includes(SILENCE_MS));
});

test('a revoked till is told, not retried for ever', async () => {
  const node = new ScriptedNode([refusal('UNAUTHENTICATED')]);
  try {
    await take(node, 1);
    assert.unreachable();
  } catch (error) {
    assert.is((error as ProblemError).code, 'UNAUTHENTICATED');
    assert.ok(error instanceof ProblemError);
  }
  assert.is(node.requests.length, 1);
});

test('an abort ends the iteration quietly', async () => {
  const node = new ScriptedNode([new Error('down'), new Error('down'), new Error('down')]);
  const controller = new AbortController();
  const reading = (async () => {
    for await (const _ of node.client.events({ signal: controller.signal })) {
      assert.unreachable();
    }
  })();
  await node.clock.advance(100);
  controller.abort(new Error('closing'));
  await node.settle(reading);
});

test('the parser gives the same messages however the text is cut', () => {
  const text = `: c\r\nid: 1\r\nevent: a\r\ndata: {"x":\r\ndata: 1}\r\n\r\n${event(2)}event: none\n\n${event(3)}`;
  const whole = new SseParser().push(text);
  assert.is(whole.length, 3);
  assert.equal(whole[0], { id: '1', event: 'a', data: '{"x":\n1}' });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 20 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      const parser = new SseParser();
      const messages = places.slice(1).flatMap((end, i) => parser.push(text.slice(places[i], end)));
      assert.equal(messages, whole);
    }),
    { numRuns: 200 },
  );
});

test('G12 an event over EVENT_CHARS_MAX breaks the stream instead of filling memory', () => {
  const parser = new SseParser();
  parser.push(`data: ${'x'.repeat(EVENT_CHARS_MAX - 100)}`);
  assert.throws(
    () => parser.push('x'.repeat(200)),
    (error: { code: string }) => error.code === 'CLIENT_ANSWER',
  );
});

test.run();
