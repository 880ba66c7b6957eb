/** The event stream over a real socket: live, resumed, slow, revoked, stopped. */
import { get as httpGet, type IncomingMessage } from 'node:http';
import { streamClosed } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, within } from '../../../test/support/within.ts';
import {
  EVENT_FAREWELL_MS,
  EVENT_HEARTBEAT_MS,
  EVENT_STREAMS_MAX,
  EVENTS_QUEUED_MAX,
} from '../../src/http/limits.ts';
import { cashierToken } from './fake-node.ts';
import { Loopback } from './loopback.ts';

const test = suite('http events');
const WAIT_MS = 5_000;

/** One client; `text` is everything received so far. */
class Client {
  text = '';
  ended = false;
  readonly reply: IncomingMessage;

  private constructor(reply: IncomingMessage) {
    this.reply = reply;
    reply.on('error', () => {});
    reply.on('close', () => {
      this.ended = true;
    });
  }

  static open(shop: Loopback, headers: Record<string, string> = {}): Promise<Client> {
    return new Promise((resolve, reject) => {
      const request = httpGet(
        {
          host: '127.0.0.1',
          port: shop.port,
          path: '/v1/events',
          agent: false,
          headers: { authorization: `Bearer ${cashierToken}`, ...headers },
        },
        (reply) => resolve(new Client(reply)),
      );
      request.on('error', reject);
    });
  }

  read(): this {
    this.reply.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
    this.reply.resume();
    return this;
  }

  sees(words: string): Promise<unknown> {
    return until(WAIT_MS, `"${words}" in the stream`, () => this.text.includes(words));
  }

  leave(): void {
    this.reply.destroy();
  }
}

test('events arrive live as id, event, data', async () => {
  await using shop = await Loopback.open();
  const client = (await Client.open(shop)).read();
  shop.node.publish('order.accepted', { number: 'B001-000001' });
  await client.sees('id: 1\nevent: order.accepted\ndata: {"number":"B001-000001"}\n\n');
  assert.is(client.reply.headers['content-type'], 'text/event-stream');
  assert.ok(client.text.startsWith('retry: '));
  client.leave();
  await until(WAIT_MS, 'the listener gone', () => shop.node.listeners === 0);
  assert.is(shop.app.streams, 0);
});

test('a client that comes back with Last-Event-ID misses nothing and gets nothing twice', async () => {
  await using shop = await Loopback.open();
  for (let i = 1; i <= 500; i++) {
    shop.node.publish('stock.changed', { n: i });
  }
  const client = (await Client.open(shop, { 'last-event-id': '100' })).read();
  shop.node.publish('stock.changed', { n: 501 });
  await client.sees('id: 501\n');
  const ids = [...client.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  assert.equal(
    ids,
    Array.from({ length: 401 }, (_, i) => 101 + i),
  );
  client.leave();
});

test('when events are no longer held, stream.missed comes before anything else', async () => {
  await using shop = await Loopback.open();
  shop.node.missed = true;
  shop.node.publish('sync.changed', {});
  const client = (await Client.open(shop, { 'last-event-id': '0' })).read();
  await client.sees('id: 1\n');
  assert.ok(client.text.indexOf('event: stream.missed') < client.text.indexOf('id: 1\n'));
  assert.ok(client.text.includes('event: stream.missed'));
  client.leave();
});

test('G12 a client that does not read is dropped after EVENTS_QUEUED_MAX events; the others go on', async () => {
  await using shop = await Loopback.open();
  const slow = await Client.open(shop);
  slow.reply.pause();
  const quick = (await Client.open(shop)).read();
  const filler = 'x'.repeat(1000);
  let published = 0;
  // The quick client is given the chance to read between bursts, as it would have in a shop.
  while (shop.app.streams === 2 && published < 5 * EVENTS_QUEUED_MAX) {
    for (let i = 0; i < 500; i++) {
      shop.node.publish('stock.changed', { filler });
      published += 1;
    }
    await quick.sees(`id: ${published}\n`);
    quick.text = '';
  }
  assert.is(shop.app.streams, 1, 'only the slow one was dropped');
  assert.ok(published > EVENTS_QUEUED_MAX);
  shop.node.publish('stock.changed', { last: true });
  await quick.sees('"last":true');
  await shop.clock.advance(EVENT_FAREWELL_MS);
  slow.read();
  await until(WAIT_MS, 'the slow socket closed', () => slow.ended);
  quick.leave();
});

test('a heartbeat keeps a quiet stream alive and ends that of a revoked till, with the reason', async () => {
  await using shop = await Loopback.open();
  const client = (await Client.open(shop)).read();
  await shop.clock.advance(EVENT_HEARTBEAT_MS);
  await client.sees(':\n\n');
  await shop.node.tills.revoke('T1');
  await shop.clock.advance(EVENT_HEARTBEAT_MS);
  await client.sees('event: stream.closed');
  const data = /event: stream\.closed\ndata: (.*)\n/.exec(client.text)![1]!;
  assert.is(streamClosed.parse(JSON.parse(data)).code, 'TILL_REVOKED');
  await until(WAIT_MS, 'the stream ended', () => client.ended);
});

test('a stopping node tells every client and takes no new ones', async () => {
  await using shop = await Loopback.open();
  const client = (await Client.open(shop)).read();
  shop.app.close();
  await client.sees('"code":"NODE_STOPPING"');
  await until(WAIT_MS, 'the stream ended', () => client.ended);
  const reply = await shop.call('GET', '/v1/events');
  assert.is(reply.status, 503);
  assert.is(reply.json.code, 'NODE_STOPPING');
});

test('G12 EVENT_STREAMS_MAX streams are served, one more is told to wait', async () => {
  await using shop = await Loopback.open();
  const clients = await within(
    WAIT_MS,
    'all streams open',
    Promise.all(Array.from({ length: EVENT_STREAMS_MAX }, () => Client.open(shop))),
  );
  const reply = await shop.call('GET', '/v1/events');
  assert.is(reply.status, 503);
  assert.is(reply.json.code, 'OVERLOADED');
  assert.is(reply.headers['retry-after'], '5');
  for (const client of clients) {
    client.leave();
  }
});

test('a stream needs a till token', async () => {
  await using shop = await Loopback.open();
  assert.is((await shop.call('GET', '/v1/events', { token: null })).status, 401);
});

test.run();
