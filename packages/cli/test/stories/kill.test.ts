// limit: 90 s
/**
 * G1, G2 with a real process, a real disk and SIGKILL: thirty-two tills sell at once, the node is killed in the middle, again and
 * again. What was answered is there, once; what was not is whole or absent, and its key still gives one outcome.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirectory } from '@branchline/node';
import { parseStamp, stampMs } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { branchline } from '../support/command-line.ts';
import { Started } from '../support/started.ts';

const KILLS = 5;
const TILLS = 32;
/** Answers of a round after which the node is killed: early, in the middle of a burst, and late. */
const ANSWERS_BEFORE_KILL = [1, 40, 90, 33, 200];

interface Order {
  readonly id: string;
  readonly hlc: string;
  readonly number: string;
  readonly totalMinor: number;
}

interface Sale {
  readonly key: string;
  readonly body: string;
  /** The text of the 201, once there was one. */
  answer?: string;
}

const test = suite('killed in the middle of sales');

class Tills {
  readonly sales: Sale[] = [];
  readonly #token: string;
  #url = '';

  constructor(token: string) {
    this.#token = token;
  }

  /** All tills sell until the node is gone; it goes when `killAfter` sales were answered. */
  async sellUntilKilled(node: Started, killAfter: number): Promise<void> {
    this.#url = node.url;
    let answered = 0;
    const sell = async (): Promise<void> => {
      for (;;) {
        const sale = this.#newSale();
        const reply = await this.#post(sale).catch(() => undefined);
        if (reply === undefined) {
          return;
        }
        assert.is(reply.status, 201, reply.text);
        sale.answer = reply.text;
        answered += 1;
        if (answered === killAfter) {
          kill(node.child);
        }
      }
    };
    await Promise.all(Array.from({ length: TILLS }, sell));
    await node.exited();
  }

  /** What was answered must be there as it was answered; what was not is asked for again, at once and twice. */
  async settle(url: string): Promise<{ kept: number; lost: number }> {
    this.#url = url;
    let kept = 0;
    let lost = 0;
    for (const sale of this.sales.filter(({ answer }) => answer === undefined)) {
      const replies = await Promise.all([this.#post(sale), this.#post(sale), this.#post(sale)]);
      for (const { status, text } of replies) {
        assert.is(status, 201, text);
        assert.is(text, replies[0].text);
      }
      sale.answer = replies[0].text;
      if (replies.every(({ replayed }) => replayed)) {
        kept += 1;
      } else {
        lost += 1;
      }
    }
    for (const { answer } of this.sales) {
      const order = JSON.parse(answer!) as Order;
      assert.equal(await this.#get(`/v1/orders/${order.id}`), order);
    }
    return { kept, lost };
  }

  async everyOrder(): Promise<Order[]> {
    const orders: Order[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const from = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const page = (await this.#get(`/v1/orders?limit=100${from}`)) as { orders: Order[]; next?: string };
      orders.push(...page.orders);
      after = page.next;
    }
    return orders;
  }

  async onHandMilli(sku: string): Promise<number> {
    return ((await this.#get(`/v1/stock/${sku}`)) as { onHandMilli: number }).onHandMilli;
  }

  #newSale(): Sale {
    const count = this.sales.length + 1;
    const lines = [
      { sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' },
      { sku: 'LAMP', quantityMilli: 2000, unitPriceMinor: count, discountMinor: 0, vat: 'vat22' },
    ];
    const payments = [{ kind: 'cash', amountMinor: 500 + 2 * count }];
    const sale: Sale = { key: `sale-${count}`, body: JSON.stringify({ lines, payments }) };
    this.sales.push(sale);
    return sale;
  }

  async #post({ key, body }: Sale): Promise<{ status: number; text: string; replayed: boolean }> {
    const headers = { ...this.#headers(), 'Content-Type': 'application/json', 'Idempotency-Key': key };
    const reply = await fetch(`${this.#url}/v1/orders`, { method: 'POST', headers, body });
    const replayed = reply.headers.get('idempotency-replayed') === 'true';
    return { status: reply.status, text: await reply.text(), replayed };
  }

  async #get(path: string): Promise<unknown> {
    const reply = await fetch(`${this.#url}${path}`, { headers: this.#headers() });
    assert.is(reply.status, 200, path);
    return await reply.json();
  }

  #headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.#token}` };
  }
}

function kill(child: ChildProcess): void {
  child.kill('SIGKILL');
}

test('G1, G2: every acknowledged sale is there once; unknown ones are whole or absent; keys give one outcome', async () => {
  await using dir = await TempDir.open('kill');
  const data = join(dir.path, 'node');
  await mkdir(data, { recursive: true });
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  const start = () => Started.open('node', '--data', data, '--listen', '127.0.0.1:0', '--log', 'error');

  let node = await start();
  const added = await branchline(['till', 'add', 'T1', '--role', 'cashier', '--data', data, '--json']);
  const tills = new Tills((JSON.parse(added.out) as { token: string }).token);
  for (let round = 0; round < KILLS; round += 1) {
    await tills.sellUntilKilled(node, ANSWERS_BEFORE_KILL[round]!);
    node = await start();
    const { kept, lost } = await tills.settle(node.url);
    assert.ok(kept + lost > 0, 'nothing was under way when the node was killed');
    const newest = tills.sales.map(({ answer }) => stampMs(parseStamp((JSON.parse(answer!) as Order).hlc)));
    assert.ok(Math.max(...newest) <= Date.now(), 'no stamp is ahead of the clock after a kill');
  }
  const orders = await tills.everyOrder();
  const count = tills.sales.length;
  assert.is(orders.length, count);
  assert.equal(
    orders.map(({ number }) => number).sort(),
    Array.from({ length: count }, (_, at) => `HQ-${String(at + 1).padStart(6, '0')}`),
  );
  assert.is(await tills.onHandMilli('CHAIR'), -1000 * count);
  assert.is(await tills.onHandMilli('LAMP'), -2000 * count);
  assert.is(await node.stop(), 0);
  const verified = await branchline(['verify', '--data', data, '--json']);
  assert.is(verified.code, 0, verified.err);
  assert.is((JSON.parse(verified.out) as { projections: { checked: boolean } }).projections.checked, true);
});

test('a second program on the data of a running one is refused in words, and the first goes on', async () => {
  await using dir = await TempDir.open('kill');
  const data = join(dir.path, 'node');
  await mkdir(data, { recursive: true });
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  await using node = await Started.open('node', '--data', data, '--listen', '127.0.0.1:0');
  const main = new URL('../../src/main.ts', import.meta.url).pathname;
  const second = spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', main, 'node', '--data', data, '--listen', '127.0.0.1:0'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  second.stderr.on('data', (chunk) => {
    said += chunk;
  });
  assert.is(await new Promise((resolve) => second.once('close', resolve)), 1);
  assert.match(said, /^error NODE_LOCKED: .+ is in use by another process\. Stop the other node/m);
  assert.is((await fetch(`${node.url}/readyz`)).status, 200);
  assert.is(await node.stop(), 0);
});

test.run();
