// limit: 120 s
/**
 * G10 through real processes: a backup taken while the node sells, more sales, the disk is lost, the backup is put back, the node
 * sells before anybody can be reached, and when the relay is back head office has every sale once under a number of its own.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until } from '../../../../test/support/within.ts';
import { branchline } from '../support/command-line.ts';
import { Started } from '../support/started.ts';

const test = suite('cli backup and restore');

async function json(...args: string[]) {
  const { code, out, err } = await branchline([...args, '--json']);
  assert.is(code, 0, err);
  return JSON.parse(out);
}

/** A till of a node, by HTTP. */
class Till {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  static async add(node: Started, data: string, name: string): Promise<Till> {
    const { token } = await json('till', 'add', name, '--role', 'manager', '--data', data);
    return new Till(node.url, token);
  }

  /** The same till at a node's next address. */
  at(node: Started): Till {
    return new Till(node.url, this.#token);
  }

  async call(path: string, init: RequestInit = {}): Promise<{ status: number; body: never }> {
    const headers = { Authorization: `Bearer ${this.#token}`, ...init.headers };
    const response = await fetch(`${this.#url}${path}`, { ...init, headers });
    return { status: response.status, body: (await response.json()) as never };
  }

  async sell(key: string): Promise<string> {
    const line = { sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, vat: 'vat22' };
    const order = { lines: [line], payments: [{ kind: 'cash', amountMinor: 500 }] };
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': key };
    const { status, body } = await this.call('/v1/orders', {
      method: 'POST',
      headers,
      body: JSON.stringify(order),
    });
    assert.is(status, 201, JSON.stringify(body));
    return (body as { number: string }).number;
  }

  async numbers(): Promise<string[]> {
    const { body } = await this.call('/v1/orders?limit=200&branch=B001');
    return (body as { orders: { number: string }[] }).orders.map(({ number }) => number).sort();
  }

  async onHand(): Promise<number | undefined> {
    const { status, body } = await this.call('/v1/stock/CHAIR?branch=B001');
    return status === 200 ? (body as { onHandMilli: number }).onHandMilli : undefined;
  }
}

test('backup while selling, more sales, restore, sales offline, reconnect: everything once, numbers distinct', async () => {
  await using dir = await TempDir.open('restore');
  const [relayData, hqData, data, backup] = ['relay', 'hq', 'b001', 'backup'].map((name) =>
    join(dir.path, name),
  ) as [string, string, string, string];
  const { adminToken } = await json('init', '--data', relayData, '--tenant', 'acme');
  const relayArgs = ['relay', '--data', relayData, '--listen', '127.0.0.1:0'] as const;
  let relay = await Started.open(...relayArgs);
  const { port } = new URL(relay.url);
  try {
    const add = async (code: string, role: string) =>
      (await json('branch', 'add', code, '--role', role, '--data', relayData)).tokens[0].token as string;
    const start = (folder: string, ...more: string[]) =>
      Started.open('node', '--data', folder, '--listen', '127.0.0.1:0', '--relay', relay.url, ...more);
    await using hq = await start(hqData, '--token', await add('HQ', 'hq'));
    const office = await Till.add(hq, hqData, 'OFFICE');
    let shop = await start(data, '--token', await add('B001', 'branch'));
    try {
      const till = await Till.add(shop, data, 'T1');
      const sold: string[] = [];
      let selling = true;
      const sales = (async () => {
        for (let n = 0; selling || n < 12; n += 1) sold.push(await till.sell(`before-${n}`));
      })();
      await until(30_000, 'some sales', () => sold.length >= 4);
      assert.is((await branchline(['backup', '--data', data, '--to', backup])).code, 0);
      selling = false;
      await sales;
      sold.push(await till.sell('after-the-backup'));
      await until(
        10_000,
        'all sales at head office',
        async () => (await office.numbers()).length === sold.length,
      );
      assert.is(await shop.stop(), 0);
      await rm(data, { recursive: true });
      assert.is(await relay.stop(), 0);

      assert.is((await branchline(['restore', '--data', data, '--from', backup])).code, 0);
      shop = await start(data);
      const again = till.at(shop);
      const offline = [await again.sell('offline-1'), await again.sell('offline-2')];
      assert.equal(offline, ['B001.2-000001', 'B001.2-000002']);
      assert.is(await again.sell('before-0'), 'B001-000001', 'answered as before the backup');
      const status = await json('status', '--data', data);
      assert.ok(status.sync.alarms.some(({ code }: { code: string }) => code === 'SUCCESSION_PENDING'));

      relay = await Started.open('relay', '--data', relayData, '--listen', `127.0.0.1:${port}`);
      const everything = [...sold, ...offline].sort();
      assert.is(new Set(everything).size, everything.length);
      await until(30_000, 'everything at head office', async () => {
        const found = await office.numbers();
        assert.ok(found.length <= everything.length, `doubled: ${found.join(' ')}`);
        return found.length === everything.length;
      });
      assert.equal(await office.numbers(), everything);
      await until(
        10_000,
        'everything at the branch',
        async () => (await again.numbers()).length === everything.length,
      );
      for (const place of [office, again]) {
        await until(30_000, 'stock', async () => (await place.onHand()) === everything.length * -1000);
      }
      const fleet = await fetch(`${relay.url}/v1/fleet`, {
        headers: { Authorization: `Bearer ${adminToken}` },
      });
      const { branches } = (await fleet.json()) as {
        branches: { branch: string; incarnation: number; state: string }[];
      };
      const rows = branches.filter(({ branch }) => branch === 'B001');
      assert.equal(rows.map(({ incarnation, state }) => `${incarnation} ${state}`).sort(), [
        '1 succeeded',
        '2 online',
      ]);
      assert.is(await again.sell('online'), 'B001.2-000003');
      assert.is(await shop.stop(), 0);
      const verified = await branchline(['verify', '--data', data]);
      assert.is(verified.code, 0, verified.err);
    } finally {
      await shop[Symbol.asyncDispose]();
    }
  } finally {
    await relay[Symbol.asyncDispose]();
  }
});

test('a backup keeps count of how often it was put back', async () => {
  await using dir = await TempDir.open('restore');
  const [data, backup] = [join(dir.path, 'relay'), join(dir.path, 'backup')];
  await json('init', '--data', data, '--tenant', 'acme');
  await using relay = await Started.open('relay', '--data', data, '--listen', '127.0.0.1:0');
  await json('backup', '--data', data, '--to', backup);
  assert.is(await relay.stop(), 0);
  const { readFile } = await import('node:fs/promises');
  for (const times of [1, 2]) {
    const target = join(dir.path, `restored-${times}`);
    await json('restore', '--data', target, '--from', backup);
    const mark = JSON.parse(await readFile(join(target, 'restored.json'), 'utf8'));
    assert.is(mark.times, times);
  }
});

test.run();
