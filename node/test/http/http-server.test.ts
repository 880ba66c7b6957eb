/** The socket below the app: an orderly end, a busy port, addresses; and what the log learns. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, within } from '../../../test/support/within.ts';
import { reportTo } from '../../src/http/http-log.ts';
import { CLOSE_GRACE_MS, HttpServer } from '../../src/http/http-server.ts';
import type { NodeLog } from '../../src/ports.ts';
import { Loopback } from './loopback.ts';

const test = suite('http server');
const WAIT_MS = 5_000;
const clock = new ManualClock();

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: { code: string }) => error.code,
  );

test('close lets a request under way finish and takes no new ones', async () => {
  await using shop = await Loopback.open();
  let release = () => {};
  shop.node.hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  const underWay = shop.call('POST', '/v1/sync/now', { body: {} });
  await until(WAIT_MS, 'the request arrived', () => shop.node.held === 1);
  const closed = shop.server.close();
  release();
  assert.is((await underWay).status, 200);
  await within(WAIT_MS, 'closing', closed);
  assert.is(await codeOf(shop.call('GET', '/healthz')), 'ECONNREFUSED');
});

test('a request that never ends is cut after CLOSE_GRACE_MS', async () => {
  await using shop = await Loopback.open();
  shop.node.hold = new Promise<void>(() => {});
  const underWay = shop
    .call('POST', '/v1/sync/now', { body: {} })
    .catch((error: { code: string }) => error.code);
  await until(WAIT_MS, 'the request arrived', () => shop.node.held === 1);
  const closed = shop.server.close();
  await shop.clock.advance(CLOSE_GRACE_MS);
  await within(WAIT_MS, 'closing', closed);
  assert.is(await underWay, 'ECONNRESET');
});

test('an upgraded socket is not waited for', async () => {
  const server = await HttpServer.open({ handler: () => {}, host: '127.0.0.1', port: 0, clock });
  server.server.on('upgrade', (_request, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
  const socket = connect(server.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await once(socket, 'data');
  await within(WAIT_MS, 'closing', server.close());
  socket.destroy();
});

test('an upgrade nobody takes is hung up on', async () => {
  const server = await HttpServer.open({ handler: () => {}, host: '127.0.0.1', port: 0, clock });
  const socket = connect(server.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await within(WAIT_MS, 'hanging up', once(socket, 'close'));
  await server.close();
});

test('a port that is taken is the system’s error; close may be called twice', async () => {
  const first = await HttpServer.open({ handler: () => {}, host: '127.0.0.1', port: 0, clock });
  assert.is(first.url, `http://127.0.0.1:${first.port}`);
  const second = HttpServer.open({ handler: () => {}, host: '127.0.0.1', port: first.port, clock });
  assert.is(await codeOf(second), 'EADDRINUSE');
  await Promise.all([first.close(), first.close()]);
});

test('the log: failures with their cause, strangers as warnings, mistakes of tills quietly', () => {
  const lines: string[] = [];
  const write = (level: string) => (fields: object) => {
    lines.push(
      `${level} ${Object.entries(fields)
        .map(([name, value]) => `${name}=${String(value)}`)
        .join(' ')}`,
    );
  };
  const log: NodeLog = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
  const report = reportTo(log);
  report({ code: 'INTERNAL', route: 'placeOrder', till: 'T1', cause: new Error('disk') });
  report({ code: 'UNAUTHENTICATED', route: 'placeOrder' });
  report({ code: 'PAYMENT_SHORT', route: 'placeOrder', till: 'T1' });
  assert.equal(lines, [
    'error code=INTERNAL route=placeOrder till=T1 err=Error: disk',
    'warn code=UNAUTHENTICATED route=placeOrder',
    'debug code=PAYMENT_SHORT route=placeOrder till=T1',
  ]);
});

test.run();
