/**
 * S-17 as a program: what the replaced system's environment names mean, and that a node which was told not to dial does not. Whoever
 * would be dialled is a listening socket that counts.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { DataDirectory, NodeProgram, readConfig, readControl } from '@branchline/node';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until, within } from '../../../../test/support/within.ts';
import { branchline, type Ran } from '../support/command-line.ts';

const LIMIT_MS = 10_000;
const modes = suite('operation modes');

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const order = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
};

/** The place of the cloud: takes connections, says nothing, counts. */
class Cloud {
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
    });
  }

  static async open(): Promise<Cloud> {
    const server = createServer();
    const cloud = new Cloud(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return cloud;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let dir: TempDir;
let data: string;

modes.before(async () => {
  dir = await TempDir.open('modes');
  const hq = join(dir.path, 'hq');
  data = join(dir.path, 'b001');
  await mkdir(hq);
  await new DataDirectory(hq).readOrMakeKey('authority');
  await writeFile(join(hq, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  const start = (flags: object) =>
    NodeProgram.open(
      { clock: systemClock(), random: seededRandom(1), log },
      readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }),
    );
  const office = await start({ data: hq });
  const [issued] = await office.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  await (await start({ data, enrol: office.url, token: issued!.token, mode: 'offline' })).close();
  await office.close();
});
modes.after(() => dir[Symbol.asyncDispose]());

interface Shop {
  sell(): Promise<number>;
  syncNow(timeoutMs: number): Promise<{ status: number; code?: string; peers?: { ok: boolean }[] }>;
  mode(): Promise<string>;
}

/** Runs `branchline node` with this environment while `test` talks to it. */
async function running(
  environment: Readonly<Record<string, string>>,
  test: (shop: Shop) => Promise<void>,
): Promise<Ran> {
  const stop = new AbortController();
  const args = ['node', '--data', data, '--listen', '127.0.0.1:0', '--log', 'silent'];
  const ended = branchline(args, { environment, signal: stop.signal });
  try {
    const control = await until(LIMIT_MS, 'the node', () => readControl(data));
    const headers = { Authorization: `Bearer ${control.token}`, 'Content-Type': 'application/json' };
    let keys = 0;
    const post = async (path: string, body: unknown) => {
      keys += 1;
      const key = `${path}-${Object.keys(environment).join('-')}-${keys}`;
      const reply = await fetch(`${control.url}${path}`, {
        method: 'POST',
        headers: { ...headers, 'Idempotency-Key': key },
        body: JSON.stringify(body),
      });
      return { status: reply.status, ...((await reply.json()) as object) };
    };
    await test({
      sell: async () => (await post('/v1/orders', order)).status,
      syncNow: (timeoutMs) => post('/v1/sync/now', { timeoutMs }),
      mode: async () => {
        const reply = await fetch(`${control.url}/v1/sync`, { headers });
        return ((await reply.json()) as { mode: string }).mode;
      },
    });
  } finally {
    stop.abort();
  }
  return await within(LIMIT_MS, 'the end', ended);
}

const names = (cloud: Cloud, others: Readonly<Record<string, string>>) => ({
  POS_OFFLINE_SYNC_WAREHOUSE_ID: 'B001',
  POS_OFFLINE_SYNC_CLOUD_URL: cloud.url,
  POS_OFFLINE_SYNC_API_KEY: 'not needed any more',
  POS_OFFLINE_SYNC_SYNC_INTERVAL: '1',
  ...others,
});

modes('hybrid, which is the default, dials the cloud by itself', async () => {
  await using cloud = await Cloud.open();
  const { code, err } = await running(names(cloud, { POS_OFFLINE_SYNC_ENABLED: 'true' }), async (shop) => {
    assert.is(await shop.mode(), 'hybrid');
    await until(LIMIT_MS, 'a call', () => cloud.connections > 0);
    // G8: the cloud takes the call and then says nothing; a sale does not care.
    assert.is(await shop.sell(), 201);
  });
  assert.is(code, 0, err);
});

for (const off of [
  { POS_OFFLINE_SYNC_MODE: 'offline' },
  { POS_OFFLINE_SYNC_OPERATION_MODE: 'offline' },
  { POS_OFFLINE_SYNC_ENABLED: 'False' },
  { POS_OFFLINE_SYNC_MODE: 'hybrid', BRANCHLINE_MODE: 'offline' },
]) {
  modes(`${JSON.stringify(off)} never dials, not even when asked`, async () => {
    await using cloud = await Cloud.open();
    const { code, err } = await running(names(cloud, off), async (shop) => {
      assert.is(await shop.mode(), 'offline');
      assert.is(await shop.sell(), 201);
      const answer = await shop.syncNow(1_000);
      assert.equal([answer.status, answer.code], [409, 'SYNC_OFFLINE']);
      assert.is(await shop.sell(), 201);
    });
    assert.is(code, 0, err);
    assert.is(cloud.connections, 0);
  });
}

modes('sync_on_demand dials when asked, hangs up, and dials no more', async () => {
  await using cloud = await Cloud.open();
  const { code, err } = await running(
    names(cloud, { POS_OFFLINE_SYNC_MODE: 'sync_on_demand' }),
    async (shop) => {
      assert.is(await shop.mode(), 'sync_on_demand');
      assert.is(await shop.sell(), 201);
      assert.is(cloud.connections, 0);
      const answer = await shop.syncNow(500);
      assert.is(answer.status, 200);
      assert.equal(
        answer.peers?.map(({ ok }) => ok),
        [false],
      );
      const { connections } = cloud;
      assert.ok(connections > 0);
      assert.is(await shop.sell(), 201);
      assert.is(cloud.connections, connections);
    },
  );
  assert.is(code, 0, err);
});

modes('a warehouse this device is not enrolled for, and a mode there is not, are named', async () => {
  await using cloud = await Cloud.open();
  const start = (environment: Readonly<Record<string, string>>) =>
    branchline(['node', '--data', data, '--listen', '127.0.0.1:0'], { environment });
  const other = await start(names(cloud, { POS_OFFLINE_SYNC_WAREHOUSE_ID: 'B007' }));
  assert.match(other.err, /^error NODE_CONFIG: this device is enrolled for branch B001/m);
  const wrong = await start(names(cloud, { POS_OFFLINE_SYNC_MODE: 'sometimes' }));
  assert.match(wrong.err, /^error NODE_CONFIG: mode \(from POS_OFFLINE_SYNC_MODE\)/m);
  assert.is(cloud.connections, 0);
});

modes.run();
