// limit: 120 s
/**
 * A relay is drained and replaced while shops sell: real processes, the successor on a copy of the folder and at the same address.
 * No sale waits for it, none fails, and head office has every one of them once.
 */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until } from '../../../../test/support/within.ts';
import { branchline } from '../support/command-line.ts';
import { Started } from '../support/started.ts';

const SHOPS = ['B001', 'B002'] as const;
const TILLS_EACH = 2;
const SALES_BETWEEN = 20;
const PATIENCE_MS = 40_000;

const test = suite('a relay is replaced');

async function json(...args: string[]) {
  const { code, out, err } = await branchline([...args, '--json']);
  assert.is(code, 0, err);
  return JSON.parse(out);
}

/** Tills of a shop that sell one thing after another until they are told to stop; any refusal fails the story. */
class Tills {
  readonly sold: string[] = [];
  readonly #url: string;
  readonly #token: string;
  readonly #done: Promise<unknown>;
  #isOpen = true;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
    this.#done = Promise.all(Array.from({ length: TILLS_EACH }, () => this.#sell()));
    this.#done.catch(() => {});
  }

  async more(count: number): Promise<void> {
    const wanted = this.sold.length + count;
    await until(PATIENCE_MS, `${count} sales more`, () => this.sold.length >= wanted);
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#done;
  }

  async #sell(): Promise<void> {
    while (this.#isOpen) {
      const response = await fetch(`${this.#url}/v1/orders`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#token}`,
          'content-type': 'application/json',
          'idempotency-key': crypto.randomUUID(),
        },
        body: JSON.stringify({
          lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
          payments: [{ kind: 'cash', amountMinor: 500 }],
        }),
      });
      const text = await response.text();
      assert.is(response.status, 201, text);
      this.sold.push((JSON.parse(text) as { id: string }).id);
    }
  }
}

test('drained, copied and started elsewhere under load: every acknowledged sale is at head office once', async () => {
  await using dir = await TempDir.open('replaced');
  const [old, successor] = [join(dir.path, 'relay'), join(dir.path, 'successor')];
  await branchline(['init', '--data', old, '--tenant', 'acme']);
  await using relay = await Started.open('relay', '--data', old, '--listen', '127.0.0.1:0');
  const address = new URL(relay.url).host;
  const node = async (branch: string, ...role: string[]) => {
    const { tokens } = await json('branch', 'add', branch, ...role, '--data', old);
    const data = join(dir.path, branch);
    const flags = ['--listen', '127.0.0.1:0', '--relay', relay.url, '--token', tokens[0].token];
    const started = await Started.open('node', '--data', data, ...flags);
    const { token } = await json('till', 'add', 'T1', '--role', 'admin', '--data', data);
    return { started, token: token as string, data };
  };
  const hq = await node('HQ', '--role', 'hq');
  await using office = hq.started;
  const one = await node(SHOPS[0]);
  await using first = one.started;
  const two = await node(SHOPS[1]);
  await using second = two.started;

  const tills = [new Tills(first.url, one.token), new Tills(second.url, two.token)];
  const sellOn = () => Promise.all(tills.map((shop) => shop.more(SALES_BETWEEN)));
  await sellOn();

  const drained = await json('drain', '--data', old);
  assert.is(drained.devices, 3);
  assert.equal(drained.behind, [], 'what the relay had, everybody has');
  assert.is(await relay.exited(), 0, 'it ended by itself');
  assert.match((await branchline(['drain', '--data', old])).err, /^error NOT_RUNNING: /);
  await sellOn();

  await json('backup', '--data', old, '--to', successor);
  // The old folder is out of reach from here on: what head office gets comes from the copy and the shops.
  await rename(old, `${old}-retired`);
  await using heir = await Started.open('relay', '--data', successor, '--listen', address);
  await sellOn();
  await Promise.all(tills.map((shop) => shop.close()));

  const sold = tills.flatMap((shop) => shop.sold);
  const atOffice = async () => {
    const ids: string[] = [];
    for (const branch of SHOPS) {
      for (let after = ''; ; ) {
        const from = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
        const response = await fetch(`${office.url}/v1/orders?branch=${branch}&limit=100${from}`, {
          headers: { authorization: `Bearer ${hq.token}` },
        });
        assert.is(response.status, 200);
        const page = (await response.json()) as { orders: { id: string }[]; next?: string };
        ids.push(...page.orders.map(({ id }) => id));
        if (page.next === undefined) break;
        after = page.next;
      }
    }
    return ids;
  };
  await until(PATIENCE_MS, 'every sale at head office', async () => (await atOffice()).length >= sold.length);
  assert.equal((await atOffice()).sort(), [...sold].sort(), 'each once, and nothing else');
  assert.is((await branchline(['doctor', '--data', successor])).code, 0);
  assert.is(await heir.stop(), 0);
  assert.is((await branchline(['verify', '--data', successor])).code, 0);
});

test('only a relay is drained', async () => {
  await using dir = await TempDir.open('replaced');
  const control = { program: 'node', url: 'http://127.0.0.1:9', pid: process.pid, token: 't' };
  await writeFile(join(dir.path, 'control.json'), JSON.stringify(control));
  assert.match((await branchline(['drain', '--data', dir.path])).err, /^error WRONG_PROGRAM: /);
  assert.match((await branchline(['drain', '--data', dir.path, '--wait', '601'])).err, /at most 600/);
});

test.run();
