/**
 * The API document: what is mounted is what is written, answers fit their schemas, the page works without a network. And the
 * operator's pages: health, readiness, metrics.
 */
import { problemCodes } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { expressPath } from '../../src/http/route.ts';
import { jsonRoutes } from '../../src/http/routes.ts';
import { adminToken, FakeNode } from './fake-node.ts';
import { Loopback, sale } from './loopback.ts';

const test = suite('http document');

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

test('routes mounted in express ⇔ operations in the document', async () => {
  await using shop = await Loopback.open();
  const mounted = (shop.app.express.router as unknown as { stack: Layer[] }).stack
    .flatMap(({ route }) => (route === undefined ? [] : [route]))
    // A route of very many methods is the refusal of all those a path does not have; the pages are for people.
    .filter(({ path, methods }) => Object.keys(methods).length < 5 && !/^\/(docs.*)?$/.test(path))
    .flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`));
  const documented = Object.entries(shop.app.document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method} ${expressPath(path)}`),
  );
  assert.equal(mounted.sort(), documented.sort());
  assert.ok(documented.length >= 20);
});

test('every reference of the document resolves, every operation has an id of its own', async () => {
  await using shop = await Loopback.open();
  const reply = await shop.call('GET', '/openapi.json', { token: null });
  assert.is(reply.json.openapi, '3.1.0');
  for (const [, name] of reply.text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(reply.json.components.schemas[name!], name);
  }
  const ids = [...reply.text.matchAll(/"operationId":"(\w+)"/g)].map((match) => match[1]);
  assert.is(new Set(ids).size, ids.length);
  assert.is(reply.json.components.schemas.OrderRequest.additionalProperties, false);
  assert.is(reply.json.components.schemas.OrderRequest.properties.lines.maxItems, 500);
  const place = reply.json.paths['/v1/orders'].post;
  assert.is(place.parameters[0].name, 'Idempotency-Key');
  assert.match(place.responses[409].description, 'IDEMPOTENCY_MISMATCH');
  assert.match(place.responses[503].description, 'STORE_POISONED');
  assert.equal(
    reply.json.paths['/v1/orders'].get.parameters.map((one: { name: string }) => one.name),
    ['after', 'limit', 'branch', 'sort', 'number', 'qr'],
  );
});

test('no request of a till names an address for the node to call', async () => {
  await using shop = await Loopback.open();
  const document = shop.app.document as unknown as {
    components: { schemas: Record<string, unknown> };
    paths: Record<string, Record<string, { requestBody?: unknown; parameters?: unknown }>>;
  };
  const asked = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map(({ requestBody, parameters }) => JSON.stringify([requestBody, parameters])),
  );
  const named = asked.flatMap((text) => [...text.matchAll(/schemas\/(\w+)"/g)].map((match) => match[1]!));
  const seen = new Set<string>();
  for (let name = named.pop(); name !== undefined; name = named.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const text = JSON.stringify(document.components.schemas[name]);
    asked.push(text);
    named.push(...[...text.matchAll(/schemas\/(\w+)"/g)].map((match) => match[1]!));
  }
  assert.ok(seen.size > 5, `${seen.size} schemas of requests`);
  assert.not.match(asked.join(''), /"(\w*(url|uri|callback|webhook|address|host)\w*)":\{/i);
});

test('problem codes in the document exist', async () => {
  await using shop = await Loopback.open();
  const codes = JSON.stringify(shop.app.document.paths).match(/"description":"([A-Z_]+(, )?)+"/g) ?? [];
  const known = new Set<string>(problemCodes);
  for (const text of codes) {
    for (const code of text.slice('"description":"'.length, -1).split(', ')) {
      assert.ok(known.has(code), code);
    }
  }
});

test('every read and write answers what its schema says', async () => {
  await using shop = await Loopback.open();
  const bodies: Record<string, unknown> = {
    placeOrder: sale,
    refundOrder: {},
    importProducts: { products: [{ sku: 'a', name: 'A', priceMinor: 1, vat: 'vat22' }] },
    changeProduct: { priceMinor: 5 },
    overrideProduct: { priceMinor: 5 },
    resolveConflict: { value: 5 },
    importCatalogFile: {},
    receiveGoods: { lines: [{ sku: 'TEA 25', quantityMilli: 1 }] },
    countStock: { lines: [{ sku: 'TEA 25', quantityMilli: 1 }] },
    adjustStock: { reason: 'found', lines: [{ sku: 'TEA 25', deltaMilli: 1 }] },
    reserveGoods: { lines: [{ sku: 'TEA 25', quantityMilli: 1 }] },
    releaseGoods: {},
    sendTransfer: { to: 'B002', lines: [{ sku: 'TEA 25', quantityMilli: 1 }] },
    receiveTransfer: {},
    resolveOversell: { how: 'found' },
    setReorderPoint: { minMilli: 1, upToMilli: 2 },
    changeCustomer: { name: 'Ann' },
    changePromotion: { name: 'P', percentOff: 5 },
    changePricelist: { name: 'L', prices: [{ sku: 'TEA 25', priceMinor: 1 }] },
    quoteOrder: { lines: [{ sku: 'TEA 25', quantityMilli: 1 }] },
    mergeCustomers: { from: 'c2', reason: 'the same phone' },
    erasePersonalData: { reason: 'asked for' },
    quoteRedemption: { lines: [{ sku: 'TEA 25', quantityMilli: 1 }] },
    changeProgramme: {
      pointsPerStep: 1,
      stepMinor: 1_000,
      pointValueMinor: 100,
      sharePercentMax: 50,
      expiryDays: 0,
    },
    issueGiftCard: { code: 'GIFT-0000-1234', amountMinor: 500 },
    topUpGiftCard: { code: 'GIFT-0000-1234', amountMinor: 500 },
    readGiftCard: { code: 'GIFT-0000-1234' },
    issueCoupon: { code: 'COUPON-1234', discountMinor: 5 },
    readCoupon: { code: 'COUPON-1234' },
    reclaimRights: { device: 'abcdefghij234567', reason: 'burnt down' },
    correctReceipt: {
      day: '2026-11-20',
      lines: [{ name: 'Tea', quantityMilli: 1000, unitPriceMinor: 1, vat: 'vat22' }],
      payments: [{ kind: 'cash', amountMinor: 1 }],
    },
    decideReceipt: { decision: 'print-again', reason: 'nothing in the archive' },
    retryQuarantined: {},
    resolveQuarantined: { reason: 'delivered by hand' },
    openShift: {},
    closeShift: {},
    cashIn: { amountMinor: 1 },
    cashOut: { amountMinor: 1 },
    printXReport: {},
    syncNow: {},
    addTill: { till: 'T7', role: 'cashier' },
    revokeTill: {},
    changeEmployee: { name: 'Ann', role: 'cashier', pin: '1234' },
    signIn: { employee: 'ann', pin: '1234' },
    signOut: {},
    replaceStorage: { act: 'start', reason: 'its term is over' },
    beginMaintenance: { reason: 'a new storage', minutes: 30 },
    endMaintenance: {},
  };
  const queries: Readonly<Record<string, string>> = {
    reportSales: '?from=2026-11-01&to=2026-11-30',
    reconcileDay: '?day=2026-11-22',
  };
  const sold = await shop.call('POST', '/v1/orders', { headers: { 'idempotency-key': '0' }, body: sale });
  for (const route of jsonRoutes) {
    assert.is(route.kind, 'json');
    const path = route.path
      .replace('/orders/{id}', `/orders/${sold.json.id}`)
      .replace('/receipts/{id}', `/receipts/${sold.json.receipt.id}`)
      .replace('/conflicts/{id}', '/conflicts/0123456789abcdef')
      .replace('/reservations/{id}', `/reservations/${sold.json.id}`)
      .replace('/transfers/{id}', `/transfers/${sold.json.id}`)
      .replace('/oversells/{id}', `/oversells/${sold.json.id}`)
      .replace('{sku}', 'TEA%2025')
      .replace('{id}', 'c1')
      .replace('{till}', 'T7')
      .replace('{from}', '2026-11-01');
    const query = queries[route.name] ?? '';
    const reply = await shop.call(route.method.toUpperCase(), `${path}${query}`, {
      token: adminToken,
      headers: {
        'idempotency-key': route.name,
        ...(route.kind === 'json' && route.upload !== undefined ? { 'content-type': 'text/csv' } : {}),
      },
      ...(route.method === 'get' ? {} : { body: bodies[route.name] }),
    });
    const schema = route.kind === 'json' ? route.answers[reply.status] : undefined;
    assert.ok(schema, `${route.name} answered ${reply.status} ${reply.text}`);
    const parsed = schema.safeParse(reply.json);
    assert.ok(parsed.success, `${route.name}: ${parsed.error?.message}`);
  }
});

test('a node that keeps the authority enrols devices by token alone; others have no such path', async () => {
  await using shop = await Loopback.open();
  const body = { token: 't'.repeat(43), publicKey: 'k'.repeat(43) };
  assert.is((await shop.call('POST', '/v1/enrol', { token: null, body })).status, 404);
  const keeper = new FakeNode();
  const registry = { tenant: 'test', authority: 'a'.repeat(43), writer: 'w', registry: [] };
  keeper.enrol = async (request) => {
    if (request.token !== body.token) {
      throw Object.assign(new Error('not issued here'), { code: 'TOKEN_UNKNOWN' });
    }
    return registry;
  };
  await using head = await Loopback.open({}, keeper);
  const reply = await head.call('POST', '/v1/enrol', { token: null, body });
  assert.is(reply.status, 201);
  assert.equal(reply.json, registry);
  const wrong = await head.call('POST', '/v1/enrol', {
    token: null,
    body: { ...body, token: 'x'.repeat(43) },
  });
  assert.is(wrong.status, 403);
  assert.is(wrong.json.code, 'TOKEN_UNKNOWN');
  assert.ok(head.app.document.paths['/v1/enrol']);
});

test('alive is not ready: 503 says in words why nothing can be sold', async () => {
  await using shop = await Loopback.open();
  assert.equal((await shop.call('GET', '/healthz', { token: null })).json, { alive: true });
  assert.is((await shop.call('GET', '/readyz', { token: null })).status, 200);
  shop.node.ready = false;
  const reply = await shop.call('GET', '/readyz', { token: null });
  assert.is(reply.status, 503);
  assert.match(reply.json.reasons[0], 'disk is full');
  assert.is((await shop.call('GET', '/healthz', { token: null })).status, 200);
});

test('metrics: the edge, the services, the names of the replaced system', async () => {
  await using shop = await Loopback.open();
  shop.node.samples = [
    { name: 'branchline_orders_total', help: 'Orders', type: 'counter', value: 7 },
    { name: 'kkt_hlc_drift_seconds', help: 'Drift', type: 'gauge', value: 0.25 },
    { name: 'branchline_peer_missing', help: 'Lag', type: 'gauge', value: 2, labels: { peer: 'relay' } },
  ];
  await shop.call('POST', '/v1/orders', { headers: { 'idempotency-key': 'k' }, body: sale });
  await shop.call('GET', '/v1/orders', { token: 'wrong' });
  await shop.call('GET', '/metrics', { token: null });
  const { text, headers } = await shop.call('GET', '/metrics', { token: null });
  assert.match(String(headers['content-type']), 'text/plain');
  assert.match(text, 'kkt_hlc_drift_seconds 0.25');
  assert.match(text, 'branchline_orders_total 7');
  assert.match(text, 'branchline_peer_missing{peer="relay"} 2');
  assert.match(text, 'branchline_http_request_seconds_count{route="placeOrder",status="201"} 1');
  assert.match(text, 'branchline_http_problems_total{code="UNAUTHENTICATED"} 1');
  shop.node.samples = [{ name: 'branchline_orders_total', help: 'Orders', type: 'counter', value: 9 }];
  const later = (await shop.call('GET', '/metrics', { token: null })).text;
  assert.match(later, 'branchline_orders_total 9');
});

test('the page at /docs asks nobody but this node', async () => {
  await using shop = await Loopback.open();
  const page = await shop.call('GET', '/docs', { token: null });
  assert.is(page.status, 200);
  assert.match(String(page.headers['content-security-policy']), "default-src 'none'");
  assert.not.match(page.text, /https?:\/\//);
  const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  assert.is(files.length, 4);
  for (const file of files) {
    const reply = await shop.call('GET', file, { token: null });
    assert.is(reply.status, 200, file);
    assert.ok(reply.text.length > 100);
  }
  const till = await shop.call('GET', '/', { token: null });
  assert.is(till.status, 200);
  assert.match(String(till.headers['content-security-policy']), "default-src 'none'");
});

test.run();
