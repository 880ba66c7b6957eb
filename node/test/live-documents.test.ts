/** Live documents of a real node: stock automerge-repo clients over HTTP and WebSocket, tickets, roles, and who is turned away. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { type AutomergeUrl, cbor, type DocHandle, Repo } from '@automerge/automerge-repo';

import type { LiveDocumentList, LiveTicket, ProductPut, TillRole } from '@branchline/model';
import { FRAME_BYTES_MAX, SteadyClientAdapter } from '@branchline/repo';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { endSoon, until } from '../../test/support/within.ts';
import type { NodeProgram } from '../src/index.ts';
import { onHand, request, Scene, sell } from './support/scene.ts';

const WAIT_MS = 30_000;

interface Shown {
  readonly [rows: string]: Record<string, Record<string, unknown>>;
}

class Client {
  readonly node: NodeProgram;
  readonly token: string;
  readonly adapters: SteadyClientAdapter[] = [];
  readonly refusals: { code: string; cause?: string }[] = [];
  #repo: Repo | undefined;

  private constructor(node: NodeProgram, token: string) {
    this.node = node;
    this.token = token;
  }

  static async open(node: NodeProgram, role: TillRole): Promise<Client> {
    const { token } = await node.node.services.tills.add(`T${randomBytes(4).toString('hex')}`, role);
    return new Client(node, token);
  }

  async call<T>(method: string, path: string): Promise<T> {
    const headers = { authorization: `Bearer ${this.token}` };
    const reply = await fetch(this.node.url + path, { method, headers });
    assert.is(reply.status, 200, path);
    return (await reply.json()) as T;
  }

  documents = (query = '') => this.call<LiveDocumentList>('GET', `/v1/automerge/documents${query}`);

  async address(): Promise<string> {
    const { path } = await this.call<LiveTicket>('POST', '/v1/automerge/tickets');
    return this.node.url.replace('http', 'ws') + path;
  }

  async repo(): Promise<Repo> {
    if (this.#repo === undefined) {
      const adapter = new SteadyClientAdapter(await this.address(), 100);
      this.adapters.push(adapter);
      const repo = new Repo({ network: [adapter] });
      this.#repo = repo;
      await until(WAIT_MS, 'connected', () => repo.peers.length > 0);
    }
    return this.#repo;
  }

  async find(query: string, kind: string): Promise<DocHandle<Shown>> {
    const { documents } = await this.documents(query);
    const found = documents.find((document) => document.kind === kind);
    const handle = await (await this.repo()).find<Shown>(found?.url as AutomergeUrl);
    handle.on('ephemeral-message', ({ message }) => this.refusals.push(message as { code: string }));
    return handle;
  }

  async refused(cause: string): Promise<void> {
    await until(WAIT_MS, cause, () =>
      this.refusals.some((refusal) => refusal.code === cause || refusal.cause === cause),
    );
  }

  close(): void {
    for (const adapter of this.adapters) {
      Object.assign(adapter, { retryInterval: 0 });
      adapter.disconnect();
    }
  }
}

const test = suite<{ scene: Scene; clients: Client[] }>('live documents of a node');

test.before(async (context) => {
  context.scene = await Scene.open();
  context.clients = [];
});
test.after.each(({ clients }) => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});
test.after(({ scene }) => scene.close());

const join = async (context: { clients: Client[] }, node: NodeProgram, role: TillRole): Promise<Client> => {
  const client = await Client.open(node, role);
  context.clients.push(client);
  return client;
};
const priceAt = (node: NodeProgram): number | undefined =>
  node.node.services.products.get('CHAIR')?.priceMinor;
const put = (node: NodeProgram, fields: object) =>
  node.node.services.products.put('CHAIR', request(fields as ProductPut, randomBytes(8).toString('hex')));

test('a manager at head office changes a price in a document; it enters the feeds and reaches the shop', async (context) => {
  const { hq } = context.scene;
  await put(hq, { name: 'Chair', priceMinor: 50_000, vat: 'vat22' });
  const shop = await context.scene.start();
  try {
    const manager = await join(context, hq, 'manager');
    const handle = await manager.find('?sku=CHAIR', 'catalog');
    assert.is(handle.doc().products?.CHAIR?.priceMinor, 50_000);
    const till = await join(context, shop, 'cashier');
    const seen = await till.find('?sku=CHAIR', 'catalog');
    handle.change((doc) => {
      doc.products!.CHAIR!.priceMinor = 52_000;
    });
    await until(WAIT_MS, 'the price here', () => priceAt(hq) === 52_000);
    await until(WAIT_MS, 'the price in the shop', () => priceAt(shop) === 52_000);
    await until(
      WAIT_MS,
      'the price in the document',
      () => seen.doc().products?.CHAIR?.priceMinor === 52_000,
    );
    await put(hq, { priceMinor: 49_000 });
    await until(WAIT_MS, 'back', () => handle.doc().products?.CHAIR?.priceMinor === 49_000);
    handle.change((doc) => {
      doc.products!.DESK = {
        name: 'Desk',
        priceMinor: 90_000,
        vat: 'vat22',
        barcodes: '4600000000017 4600000000024',
      };
    });
    await until(WAIT_MS, 'a new product', () => hq.node.services.products.get('DESK')?.barcodes.length === 2);
    await until(WAIT_MS, 'completed', () => handle.doc().products?.DESK?.unit !== undefined);
  } finally {
    await shop.close();
  }
});

test('what the HTTP API refuses goes back', async (context) => {
  const { hq } = context.scene;
  const manager = await join(context, hq, 'manager');
  const handle = await manager.find('?sku=CHAIR', 'catalog');
  const before = priceAt(hq);
  for (const bad of [-1, 1.5, 2 ** 52]) {
    handle.change((doc) => {
      doc.products!.CHAIR!.priceMinor = bad;
    });
    await until(WAIT_MS, `${bad} goes back`, () => handle.doc().products?.CHAIR?.priceMinor === before);
  }
  handle.change((doc) => {
    doc.products!.CHAIR!.cost = 1;
  });
  await until(WAIT_MS, 'a field of nobody', () => handle.doc().products?.CHAIR?.cost === undefined);
  await manager.refused('CHANGE_INVALID');
  assert.is(priceAt(hq), before);
});

test('a shop may not write the catalog, nor head office stock of a shop; a count is a difference', async (context) => {
  const shop = await context.scene.start();
  try {
    const manager = await join(context, shop, 'manager');
    const access = new Map(
      (await manager.documents('?sku=CHAIR')).documents.map((one) => [one.kind, one.access]),
    );
    assert.is(access.get('catalog'), 'read');
    assert.is(access.get('stock'), 'write');
    const handle = await manager.find('?sku=CHAIR', 'stock');
    const before = handle.doc().stock?.CHAIR?.onHandMilli as number;
    assert.is(before, await onHand(shop));
    await sell(shop);
    await until(WAIT_MS, 'sold', () => handle.doc().stock?.CHAIR?.onHandMilli === before - 1000);
    handle.change((doc) => {
      doc.stock!.CHAIR!.onHandMilli = 10_000;
    });
    await until(WAIT_MS, 'counted', async () => (await onHand(shop)) === 10_000);
    handle.change((doc) => {
      doc.stock!.CHAIR!.soldMilli = 1;
    });
    await manager.refused('CHANGE_INVALID');
    await until(WAIT_MS, 'back', () => handle.doc().stock?.CHAIR?.soldMilli === undefined);
    const { documents } = await (await join(context, context.scene.hq, 'manager')).documents('?sku=CHAIR');
    assert.equal(
      documents
        .filter(({ kind }) => kind === 'stock')
        .map(({ name, access }) => [name, access])
        .sort(),
      [
        ['stock/B001', 'read'],
        ['stock/HQ', 'write'],
      ],
    );
  } finally {
    await shop.close();
  }
});

test('customers: a manager writes the profile, nobody writes points', async (context) => {
  const { hq } = context.scene;
  const id = 'boris';
  const key = randomBytes(8).toString('hex');
  await hq.node.services.customers.put(id, request({ name: 'Boris' } as never, key));
  const manager = await join(context, hq, 'manager');
  const handle = await manager.find(`?customer=${id}`, 'loyalty');
  assert.is(String(handle.doc().customers?.[id]?.name), 'Boris');
  handle.change((doc) => {
    doc.customers![id]!.name = 'Boris II';
  });
  await until(
    WAIT_MS,
    'renamed',
    async () => (await hq.node.services.customers.get(id))?.name === 'Boris II',
  );
  handle.change((doc) => {
    doc.customers![id]!.points = 1_000_000;
  });
  await manager.refused('CHANGE_INVALID');
  assert.is((await hq.node.services.customers.get(id))?.points.balance, 0);
  await until(WAIT_MS, 'no points', () => handle.doc().customers?.[id]?.points === 0);
});

test('an erased customer ends the document that said the name', async (context) => {
  const { customers } = context.scene.hq.node.services;
  const key = () => randomBytes(8).toString('hex');
  await customers.put('vera', request({ name: 'Vera' } as never, key()));
  const manager = await join(context, context.scene.hq, 'manager');
  const urlOf = async () => (await manager.documents('?customer=vera')).documents[0]?.url;
  const before = await urlOf();
  assert.is(String((await manager.find('?customer=vera', 'loyalty')).doc().customers?.vera?.name), 'Vera');
  await customers.erase('vera', request({ reason: 'asked for' } as never, key()));
  await until(WAIT_MS, 'another document', async () => (await urlOf()) !== before);
  const again = await join(context, context.scene.hq, 'manager');
  const handle = await again.find('?customer=vera', 'loyalty');
  assert.is(String(handle.doc().customers?.vera?.name ?? ''), '');
});

test('a cashier reads and is told that reading is all', async (context) => {
  const { hq } = context.scene;
  const cashier = await join(context, hq, 'cashier');
  const handle = await cashier.find('?sku=CHAIR', 'catalog');
  const before = priceAt(hq);
  handle.change((doc) => {
    doc.products!.CHAIR!.priceMinor = 1;
  });
  await cashier.refused('EDIT_READ_ONLY');
  assert.is(priceAt(hq), before);
});

test('a cashier is not shown documents of customers, listed or not', async (context) => {
  const { hq } = context.scene;
  const put = request({ name: 'Yana' } as never, randomBytes(8).toString('hex'));
  await hq.node.services.customers.put('yana', put);
  const manager = await join(context, hq, 'manager');
  const url = (await manager.documents('?customer=yana')).documents[0]?.url as AutomergeUrl;
  const cashier = await join(context, hq, 'cashier');
  const { documents } = await cashier.documents();
  assert.ok(documents.some(({ kind }) => kind === 'catalog'));
  assert.equal(
    documents.filter(({ kind }) => kind === 'loyalty'),
    [],
  );
  assert.equal((await cashier.documents('?customer=yana')).documents, []);
  const opened = (await cashier.repo()).find(url).then(
    () => 'opened',
    (error: Error) => error.message,
  );
  assert.match(await opened, /unavailable/);
});

test('a revoked till is out at the next thing it would hear', async (context) => {
  const { hq } = context.scene;
  const cashier = await join(context, hq, 'cashier');
  const handle = await cashier.find('?sku=CHAIR', 'catalog');
  const { till } = hq.node.services.tills.find(cashier.token) as { till: string };
  await hq.node.services.tills.revoke(till);
  const before = handle.doc().products?.CHAIR?.priceMinor;
  await put(hq, { priceMinor: 61_000 });
  await until(WAIT_MS, 'closed', () => (cashier.adapters[0]?.socket?.readyState ?? 3) > 1);
  assert.is(handle.doc().products?.CHAIR?.priceMinor, before);
});

const refusalOf = (
  url: string,
  options: { headers?: Record<string, string> } = {},
): Promise<number | string> =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, options);
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('open', () => resolve('open'));
    socket.on('error', () => undefined);
  });

test('no token, a wrong one, a token in the address, a used ticket, a page of another site: turned away', async (context) => {
  const { hq } = context.scene;
  const address = `${hq.url.replace('http', 'ws')}/automerge`;
  const client = await join(context, hq, 'manager');
  assert.is(await refusalOf(address), 401);
  assert.is(await refusalOf(`${address}?ticket=${'x'.repeat(43)}`), 401);
  assert.is(await refusalOf(`${address}?token=${client.token}`), 401);
  assert.is(await refusalOf(address, { headers: { authorization: 'Bearer nonsense' } }), 401);
  const foreign = { origin: 'https://elsewhere.test' };
  assert.is(await refusalOf(await client.address(), { headers: foreign }), 403);
  assert.is(await refusalOf(await client.address(), { headers: { host: 'rebound.test' } }), 421);
  assert.is(await refusalOf(address, { headers: { authorization: `Bearer ${client.token}` } }), 'open');
  // A request that is no address at all is nobody's, and ends no process.
  for (const path of ['//[', '/automerge/x', '//automerge?ticket=%']) {
    const raw = connect(Number(new URL(hq.url).port), '127.0.0.1');
    raw.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`);
    await new Promise((resolve) =>
      raw
        .once('close', resolve)
        .on('error', () => undefined)
        .resume(),
    );
  }
  const reply = await fetch(`${hq.url}/v1/automerge/documents`);
  assert.is(reply.status, 401);
  // The second peer on one ticket.
  const shared = await client.address();
  const closes: string[] = [];
  for (const senderId of ['first', 'second']) {
    const socket = new WebSocket(shared);
    socket.on('close', (_code, reason) => closes.push(`${senderId} ${reason}`));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(cbor.encode({ type: 'join', senderId, peerMetadata: {}, supportedProtocolVersions: ['1'] }));
    await new Promise((resolve) => socket.once('message', resolve));
  }
  await until(WAIT_MS, 'the second turned away', () => closes.length > 0);
  assert.equal(closes, ['second PEER_REFUSED']);
});

test('a frame beyond its limit ends its connection, and nothing else', async (context) => {
  const { hq } = context.scene;
  const client = await join(context, hq, 'manager');
  const socket = new WebSocket(await client.address());
  await new Promise((resolve) => socket.once('open', resolve));
  const closed = new Promise((resolve) => socket.once('close', (code) => resolve(code)));
  socket.on('error', () => undefined);
  socket.send(new Uint8Array(FRAME_BYTES_MAX + 1));
  assert.is(await closed, 1009);
  const handle = await client.find('?sku=CHAIR', 'catalog');
  assert.ok(handle.doc().products?.CHAIR);
  assert.match(await (await fetch(`${hq.url}/metrics`)).text(), /branchline_live_clients \d/);
});

// Stock clients keep trying for good, whatever is closed.
test.after(endSoon);
test.run();
