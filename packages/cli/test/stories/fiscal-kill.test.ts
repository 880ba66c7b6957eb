// limit: 300 s
/**
 * G6 with a real process, a real disk and SIGKILL: a node, an emulated register and a mock operator, each a process of its own. The
 * node is killed at every step between a sale and the operator's ticket: with the command unheard by the register, and carried
 * out but unanswered. Each time one paper, one record with the operator, one ticket in the feed.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeEntry } from '@branchline/feed';
import { DataDirectory } from '@branchline/node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { JournalSurgery } from '../../../../test/support/journal-surgery.ts';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until } from '../../../../test/support/within.ts';
import { branchline } from '../support/command-line.ts';
import { Started } from '../support/started.ts';

const STEP_WITHIN_MS = 30_000;
const RECEIPT_FORM = 3;
const MANY = 1_000;

/** What a sale and its delivery say to the register, in order. */
const COMMANDS = [
  'open-receipt',
  'item',
  'close-receipt',
  'message-begin',
  'message-read',
  'answer-begin',
  'answer-write',
] as const;

interface Document {
  readonly fd: number;
  readonly form: number;
  readonly mark?: string;
  readonly isAcknowledged: boolean;
}

interface LedgerEntry {
  readonly fd: number;
  readonly seen: number;
  readonly acknowledged: number;
}

interface Order {
  readonly id: string;
  readonly receipt: { readonly id: string };
}

const test = suite('killed on the way from a sale to the operator');

class Shop {
  readonly data: string;
  readonly kkt: Started;
  readonly ofd: Started;
  readonly orders: Order[] = [];
  node: Started | undefined;
  token = '';

  constructor(data: string, kkt: Started, ofd: Started) {
    this.data = data;
    this.kkt = kkt;
    this.ofd = ofd;
  }

  async start(): Promise<void> {
    const devices = ['--kkt', String(this.kkt.said.address), '--ofd', String(this.ofd.said.address)];
    this.node = await Started.open(
      'node',
      '--data',
      this.data,
      '--listen',
      '127.0.0.1:0',
      '--log',
      'error',
      ...devices,
    );
  }

  async sell(): Promise<Order> {
    const key = `sale-${this.orders.length + 1}`;
    const body = JSON.stringify({
      lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500 + this.orders.length, vat: 'vat22' }],
      payments: [{ kind: 'cash', amountMinor: 1_000 }],
    });
    const headers = { ...this.#headers(), 'Content-Type': 'application/json', 'Idempotency-Key': key };
    const reply = await fetch(`${this.node!.url}/v1/orders`, { method: 'POST', headers, body });
    assert.is(reply.status, 201);
    const order = (await reply.json()) as Order;
    this.orders.push(order);
    return order;
  }

  /** The power of the machine goes. */
  async kill(): Promise<void> {
    this.node!.child.kill('SIGKILL');
    await this.node!.exited();
  }

  async get<T>(path: string): Promise<T> {
    const reply = await fetch(`${this.node!.url}${path}`, { headers: this.#headers() });
    assert.is(reply.status, 200, path);
    return (await reply.json()) as T;
  }

  documents(): Promise<Document[]> {
    return show(this.kkt, 'documents');
  }

  ledger(): Promise<LedgerEntry[]> {
    return show(this.ofd, 'ledger');
  }

  async faultsFired(): Promise<number> {
    return (await show<{ faultsFired: number }>(this.kkt, 'state')).faultsFired;
  }

  /** Printed and delivered as the node says, and nothing left to do. */
  async settled({ receipt }: Order): Promise<void> {
    await until(STEP_WITHIN_MS, 'the receipt printed and delivered', async () => {
      const { state, ofd } = await this.get<{ state: string; ofd: string }>(`/v1/receipts/${receipt.id}`);
      const { totals } = await this.get<{ totals: { pending: number } }>('/v1/outbox');
      return state === 'printed' && ofd === 'delivered' && totals.pending === 0;
    });
  }

  /** What storage and operator have, whatever the node says. */
  async assertOnce(when: string): Promise<void> {
    const documents = await this.documents();
    assert.equal(
      documents.map(({ fd }) => fd),
      documents.map((_, at) => at + 1),
      when,
    );
    const receipts = documents.filter(({ form }) => form === RECEIPT_FORM);
    assert.equal(
      receipts.map(({ mark }) => mark),
      this.orders.map(({ receipt }) => receipt.id),
      `${when}: one paper to an order`,
    );
    assert.ok(
      documents.every(({ isAcknowledged }) => isAcknowledged),
      `${when}: the storage has every ticket`,
    );
    const ledger = await this.ledger();
    assert.equal(
      ledger.map(({ fd }) => fd),
      documents.map(({ fd }) => fd),
      `${when}: the operator has each, in order`,
    );
    const { conflicts, disordered } = await show<{ conflicts: number; disordered: number }>(
      this.ofd,
      'state',
    );
    assert.equal([conflicts, disordered], [0, 0], when);
  }

  #headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.token}` };
  }
}

async function show<T>(emulator: Started, what: string): Promise<T> {
  return (await (await fetch(`${emulator.said.controlUrl}/${what}`)).json()) as T;
}

async function order(emulator: Started, faults: object | 'none'): Promise<void> {
  const call = faults === 'none' ? { method: 'DELETE' } : { method: 'POST', body: JSON.stringify(faults) };
  assert.is((await fetch(`${emulator.said.controlUrl}/faults`, call)).status, 200);
}

test('G6: SIGKILL at every step: one paper, one record with the operator, one ticket', async () => {
  await using dir = await TempDir.open('fiscal-kill');
  const data = join(dir.path, 'node');
  await mkdir(data, { recursive: true });
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  await using ofd = await Started.open('ofd', 'mock', '--listen', '127.0.0.1:0');
  await using kkt = await Started.open('kkt', 'emulate', '--port', '127.0.0.1:0', '--strip-ms', '0');
  const shop = new Shop(data, kkt, ofd);
  await shop.start();
  const added = await branchline(['till', 'add', 'T1', '--role', 'manager', '--data', data, '--json']);
  shop.token = (JSON.parse(added.out) as { token: string }).token;
  await shop.settled(await shop.sell());
  let kills = 0;
  try {
    // The sale is answered and the register has heard nothing of it.
    const answered = await shop.sell();
    await shop.kill();
    await shop.start();
    await shop.settled(answered);
    await shop.assertOnce('right after the answer');
    kills += 1;

    for (const command of COMMANDS) {
      for (const fault of ['lost-request', 'lost-reply'] as const) {
        const when = `${command}, ${fault}`;
        const before = await shop.faultsFired();
        await order(kkt, { fault, command, times: MANY });
        const sold = await shop.sell();
        await until(STEP_WITHIN_MS, when, async () => (await shop.faultsFired()) > before);
        await shop.kill();
        await order(kkt, 'none');
        await shop.start();
        await shop.settled(sold);
        await shop.assertOnce(when);
        kills += 1;
      }
    }

    // The operator has the document, its answer is on the way.
    const seen = (await shop.ledger()).length;
    await order(ofd, { behaviour: { kind: 'slow', delayMs: 5_000 } });
    const sold = await shop.sell();
    await until(STEP_WITHIN_MS, 'the operator has it', async () => (await shop.ledger()).length > seen);
    assert.is((await shop.ledger()).at(-1)!.acknowledged, 0);
    await shop.kill();
    await order(ofd, 'none');
    await shop.start();
    await shop.settled(sold);
    await shop.assertOnce('before the answer of the operator');
    assert.ok((await shop.ledger()).at(-1)!.seen >= 2, 'it was sent again, and is there once');
    kills += 1;

    // The storage has the ticket, the feed does not: the last part of it was written and not answered.
    await order(kkt, { fault: 'lost-reply', command: 'answer-write', times: MANY });
    const last = await shop.sell();
    await until(STEP_WITHIN_MS, 'the storage has the ticket', async () =>
      (await shop.documents()).some(({ mark, isAcknowledged }) => mark === last.receipt.id && isAcknowledged),
    );
    await shop.kill();
    assert.is(
      ticketsIn(data).get((await shop.documents()).at(-1)!.fd),
      undefined,
      'the feed says nothing yet',
    );
    await order(kkt, 'none');
    await shop.start();
    await shop.settled(last);
    await shop.assertOnce('between the ticket in the storage and in the feed');
    kills += 1;

    assert.is(await shop.node!.stop(), 0);
    const documents = await shop.documents();
    assert.equal(
      [...ticketsIn(data)].sort(([a], [b]) => a - b),
      documents.map(({ fd }) => [fd, 1]),
      'one ticket in the feed for each document',
    );
    assert.is(kills, COMMANDS.length * 2 + 3);
    const verified = await branchline(['verify', '--data', data, '--json']);
    assert.is(verified.code, 0, verified.err);
  } finally {
    await shop.node?.[Symbol.asyncDispose]();
  }
});

/** How many tickets the journal on disk has, by document. */
function ticketsIn(data: string): Map<number, number> {
  const tickets = new Map<number, number>();
  for (const { feed, seq, bytes } of new JournalSurgery(data).entries('receipts/')) {
    const { kind, body } = decodeEntry(feed as Parameters<typeof decodeEntry>[0], seq, bytes);
    if (kind === 'receipt-ticket') {
      const { fd } = body as { fd: number };
      tickets.set(fd, (tickets.get(fd) ?? 0) + 1);
    }
  }
  return tickets;
}

test.run();
