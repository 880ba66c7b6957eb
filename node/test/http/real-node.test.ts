/** The edge and a real node together: what a till sees from the sale to the event, and after the node was killed. */
import {
  customer,
  order,
  orderPage,
  product,
  productImportAnswer,
  stockLevel,
  stockMovement,
  syncStatus,
} from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHttpApp, type HttpApp } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { Chain, type Machine } from '../support/chain.ts';

const test = suite('http and a real node');

interface Reply {
  readonly status: number;
  readonly replayed: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

/** One shop: a machine with its node and the edge before it. */
class Shop {
  readonly machine: Machine;
  readonly #chain: Chain;
  #app: HttpApp | undefined;
  #server: HttpServer | undefined;
  #token = '';

  private constructor(chain: Chain, machine: Machine) {
    this.#chain = chain;
    this.machine = machine;
  }

  static async open(role: 'branch' | 'hq' = 'branch'): Promise<Shop> {
    const chain = await Chain.open();
    const shop = new Shop(chain, await chain.machine('B001', { role }));
    await shop.start();
    shop.#token = (await shop.machine.services.tills.add('T1', 'manager')).token;
    return shop;
  }

  async start(): Promise<void> {
    const services = await this.machine.start();
    const { clock } = this.#chain;
    this.#app = createHttpApp(services, { clock, version: '0' });
    this.#server = await HttpServer.open({ handler: this.#app.handler, host: '127.0.0.1', port: 0, clock });
  }

  async crash(): Promise<void> {
    await this.#hangUp();
    await this.machine.crash();
  }

  get url(): string {
    return this.#server!.url;
  }

  get token(): string {
    return this.#token;
  }

  async call(method: string, path: string, body?: unknown, key?: string): Promise<Reply> {
    const reply = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    const replayed = reply.headers.get('idempotency-replayed') === 'true';
    return {
      status: reply.status,
      replayed,
      text,
      json: text.startsWith('{') ? JSON.parse(text) : undefined,
    };
  }

  async #hangUp(): Promise<void> {
    this.#app?.close();
    this.#server?.server.closeAllConnections();
    await this.#server?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hangUp();
    await this.#chain.close();
  }
}

const sale = (sku: string) => ({
  till: 'T1',
  cashier: 'Ann',
  lines: [{ sku, quantityMilli: 1000, unitPriceMinor: 26196, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 30000 }],
});

test('G1, G2: a sale over HTTP survives a crash, and its key still answers the same bytes', async () => {
  await using shop = await Shop.open();
  const first = await shop.call('POST', '/v1/orders', sale('CHAIR'), 'k1');
  assert.is(first.status, 201, first.text);
  assert.is(order.parse(first.json).number, 'B001-000001');
  await shop.crash();
  await shop.start();
  const again = await shop.call('POST', '/v1/orders', sale('CHAIR'), 'k1');
  assert.is(again.status, 201);
  assert.is(again.text, first.text);
  assert.is(again.replayed, true);
  const other = await shop.call('POST', '/v1/orders', sale('TABLE'), 'k1');
  assert.is(other.json.code, 'IDEMPOTENCY_MISMATCH');
  const next = await shop.call('POST', '/v1/orders', sale('TABLE'), 'k2');
  assert.is(next.json.number, 'B001-000002');
  const page = orderPage.parse((await shop.call('GET', '/v1/orders')).json);
  assert.equal(
    page.orders.map(({ number }) => number),
    ['B001-000001', 'B001-000002'],
  );
});

test('answers of a real node fit the document', async () => {
  await using shop = await Shop.open('hq');
  const products = [
    { sku: 'TEA 25', name: 'Green tea', priceMinor: 500, vat: 'vat22', barcodes: ['4600000000017'] },
    { sku: 'CUP', name: 'Cup', priceMinor: 900, vat: 'vat22' },
  ];
  const imported = await shop.call('POST', '/v1/products', { products }, 'p1');
  assert.equal(productImportAnswer.parse(imported.json), { rows: 2, created: 2 }, imported.text);
  const faulty = await shop.call('POST', '/v1/products', { products: [{ sku: 'NEW', priceMinor: 1 }] }, 'p2');
  assert.is(faulty.status, 422, faulty.text);
  assert.is(faulty.json.code, 'CHANGE_INVALID');
  const changed = await shop.call('PUT', '/v1/products/TEA%2025', { priceMinor: 550 }, 'p3');
  assert.is(product.parse(changed.json).priceMinor, 550);
  const read = await shop.call('GET', '/v1/products/TEA%2025');
  const sentBack = await shop.call('PUT', '/v1/products/TEA%2025', { ...read.json, unit: 'kg' }, 'p4');
  assert.equal([sentBack.status, sentBack.json.unit], [200, 'kg'], 'what GET answers may be sent back');
  const renamed = await shop.call('PUT', '/v1/products/TEA%2025', { ...read.json, sku: 'CUP' }, 'p5');
  assert.equal([renamed.status, renamed.json.code], [422, 'CHANGE_INVALID'], renamed.text);
  assert.is((await shop.call('GET', '/v1/products?q=gre')).json.products[0].sku, 'TEA 25');
  assert.is((await shop.call('GET', '/v1/products?barcode=4600000000017')).json.products.length, 1);
  const received = await shop.call(
    'POST',
    '/v1/stock/receipts',
    { reference: 'N1', lines: [{ sku: 'TEA 25', quantityMilli: 5000 }] },
    's1',
  );
  assert.is(received.status, 201, received.text);
  stockMovement.parse(received.json);
  const body = {
    lines: [{ sku: 'TEA 25', quantityMilli: 1000 }],
    payments: [{ kind: 'card', amountMinor: 550 }],
  };
  const sold = await shop.call('POST', '/v1/orders', body, 'o1');
  assert.is(order.parse(sold.json).totalMinor, 550, sold.text);
  const counted = await shop.call(
    'POST',
    '/v1/stock/counts',
    { lines: [{ sku: 'TEA 25', quantityMilli: 3000 }] },
    's2',
  );
  assert.is(counted.json.lines[0].deltaMilli, -1000, counted.text);
  assert.is(stockLevel.parse((await shop.call('GET', '/v1/stock/TEA%2025')).json).onHandMilli, 3000);
  const ann = await shop.call('PUT', '/v1/customers/c1', { name: 'Ann', phone: '+79161234567' }, 'c1');
  assert.is(customer.parse(ann.json).name, 'Ann', ann.text);
  customer.parse((await shop.call('GET', '/v1/customers/c1')).json);
  assert.is((await shop.call('GET', '/v1/customers?q=ann')).json.customers.length, 1);
  syncStatus.parse((await shop.call('GET', '/v1/sync')).json);
  assert.is((await shop.call('GET', '/readyz')).status, 200);
});

test('a refused sale leaves nothing behind and its key free', async () => {
  await using shop = await Shop.open();
  const short = { ...sale('CHAIR'), payments: [{ kind: 'cash', amountMinor: 1 }] };
  const refused = await shop.call('POST', '/v1/orders', short, 'k1');
  assert.is(refused.status, 422);
  assert.is(refused.json.code, 'PAYMENT_SHORT');
  const foreign = await shop.call('POST', '/v1/orders', { ...sale('CHAIR'), till: 'T2' }, 'k2');
  assert.is(foreign.json.code, 'TILL_MISMATCH');
  const sold = await shop.call('POST', '/v1/orders', sale('CHAIR'), 'k1');
  assert.is(sold.json.number, 'B001-000001');
});

test('thirty sales at once are thirty numbers without a gap', async () => {
  await using shop = await Shop.open();
  const replies = await Promise.all(
    Array.from({ length: 30 }, (_, i) => shop.call('POST', '/v1/orders', sale('CHAIR'), `k${i}`)),
  );
  const numbers = replies.map(({ json }) => json.number).sort();
  assert.is(numbers[0], 'B001-000001');
  assert.is(numbers[29], 'B001-000030');
  assert.is(new Set(numbers).size, 30);
});

test('the event of a sale can be read again after it was missed', async () => {
  await using shop = await Shop.open();
  await shop.call('POST', '/v1/orders', sale('CHAIR'), 'k1');
  const abort = new AbortController();
  const reply = await fetch(`${shop.url}/v1/events`, {
    headers: { authorization: `Bearer ${shop.token}`, 'last-event-id': '0.0' },
    signal: abort.signal,
  });
  let text = '';
  for await (const bytes of reply.body!) {
    text += new TextDecoder().decode(bytes);
    if (text.includes('event: order.accepted')) {
      break;
    }
  }
  assert.match(text, /"number":"B001-000001"/);
  abort.abort();
});

test('metrics of a real node carry the names dashboards look for', async () => {
  await using shop = await Shop.open();
  await shop.call('POST', '/v1/orders', sale('CHAIR'), 'k1');
  const { text } = await shop.call('GET', '/metrics');
  for (const name of [
    'kkt_hlc_drift_seconds',
    'branchline_orders_total',
    'branchline_http_request_seconds_bucket',
  ]) {
    assert.match(text, name);
  }
});

test.run();
