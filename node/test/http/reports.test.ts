/** Sales by branch and day and the archive of shifts, over HTTP on a real node. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpApp } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { Chain } from '../support/chain.ts';

const test = suite('reports');
const DAY_MS = 86_400_000;

test('sales are added up by branch and day of the asker; shifts stand latest first', async () => {
  const chain = await Chain.open();
  const office = await chain.machine('HQ', { role: 'hq' });
  const services = await office.start();
  const { clock } = chain;
  const app = createHttpApp(services, { clock, version: '0' });
  const server = await HttpServer.open({ handler: app.handler, host: '127.0.0.1', port: 0, clock });
  const { token } = await services.tills.add('T1', 'admin');
  const call = async (method: string, path: string, body?: unknown) => {
    const reply = await fetch(`${server.url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: reply.status, body: JSON.parse(await reply.text()) };
  };
  const product = { name: 'Pen', priceMinor: 1000, vat: 'vat22' };
  assert.is((await call('PUT', '/v1/products/PEN', product)).status, 201);
  const line = { sku: 'PEN', quantityMilli: 1000 };
  const payments = [{ kind: 'cash', amountMinor: 1000 }];
  const sell = async () => (await call('POST', '/v1/orders', { lines: [line], payments })).body.id as string;
  const first = await sell();
  await sell();
  await call('POST', '/v1/shift/close', {});
  await clock.advance(DAY_MS);
  await sell();
  assert.is((await call('POST', `/v1/orders/${first}/refunds`, { payments })).status, 201);
  await call('POST', '/v1/shift/close', {});

  const report = await call('GET', '/v1/reports/sales?from=2026-11-22&to=2026-11-23');
  assert.equal(report.body, {
    rows: [
      { branch: 'HQ', day: '2026-11-23', orders: 1, salesMinor: 1000, refunds: 1, refundsMinor: 1000 },
      { branch: 'HQ', day: '2026-11-22', orders: 2, salesMinor: 2000, refunds: 0, refundsMinor: 0 },
    ],
  });
  const days = async (query: string) => {
    const { body } = await call('GET', `/v1/reports/sales?${query}`);
    return (body.rows as { day: string; orders: number }[]).map((row) => [row.day, row.orders]);
  };
  assert.equal(await days('from=2026-11-22&to=2026-11-22&branch=HQ'), [['2026-11-22', 2]]);
  assert.equal(await days('from=2026-11-22&to=2026-11-22&branch=B009'), []);
  assert.equal(await days('from=2026-11-21&to=2026-11-21&offsetMinutes=-600'), [['2026-11-21', 2]]);
  for (const query of ['from=2026-11-23&to=2026-11-22', 'from=2020-01-01&to=2026-11-22', 'from=x&to=y']) {
    assert.is((await call('GET', `/v1/reports/sales?${query}`)).status, 400, query);
  }
  const shifts = await call('GET', '/v1/reports/shifts?limit=1');
  assert.is(shifts.body.shifts.length, 1);
  assert.is(shifts.body.shifts[0].totals.refunds.count, 1);
  const older = await call('GET', `/v1/reports/shifts?limit=1&after=${encodeURIComponent(shifts.body.next)}`);
  assert.is(older.body.shifts[0].totals.sales.count, 2);
  assert.is(older.body.next, undefined);
  app.close();
  await server.close();
  await office.stop();
});

test.run();
