/** A relay, head office and two branches, each a program of its own, each node on a line that can be cut. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { addTill, isLevel, serveNode, serveRelay } from '../crash/support/folders.ts';
import { json } from '../crash/support/program.ts';
import { Tills } from '../crash/support/tills.ts';
import { verifyFolder } from '../crash/support/trial.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';
import { Line } from './line.ts';
import { Watched } from './watched.ts';

const OFFICE = 'HQ';
const BRANCHES = ['B001', 'B002'] as const;
const PRODUCTS = 50;
const LEVEL_WITHIN_MS = 180_000;

export interface ChainNode {
  readonly watched: Watched;
  readonly line: Line;
  readonly url: string;
  readonly data: string;
  readonly tills: Tills;
}

export class SoakChain {
  readonly relay: Watched;
  /** Head office first. */
  readonly nodes: readonly ChainNode[];
  readonly #relayData: string;
  readonly #opened: readonly AsyncDisposable[];
  #changes = 0;

  private constructor(
    relay: Watched,
    relayData: string,
    nodes: readonly ChainNode[],
    opened: readonly AsyncDisposable[],
  ) {
    this.relay = relay;
    this.nodes = nodes;
    this.#relayData = relayData;
    this.#opened = opened;
  }

  static async open(): Promise<SoakChain> {
    const opened: AsyncDisposable[] = [];
    try {
      const dir = await TempDir.open('soak');
      opened.push(dir);
      const relayData = join(dir.path, 'relay');
      await json('init', '--data', relayData, '--tenant', 'soak');
      const office = await invite(relayData, OFFICE, '--role', 'hq');
      const tokens = [...office, ...(await invite(relayData, ...BRANCHES))];
      const relay = new Watched('relay', serveRelay(relayData), dir.path);
      opened.push(relay.program);
      const relayUrl = await relay.program.url();
      const nodes: ChainNode[] = [];
      for (const [at, name] of [OFFICE, ...BRANCHES].entries()) {
        const line = await Line.open(relayUrl);
        opened.push(line);
        const data = join(dir.path, name);
        const more = ['--relay', line.url, '--token', tokens[at]!];
        const watched = new Watched(name, serveNode(data, ...more), dir.path);
        opened.push(watched.program);
        const url = await watched.program.url();
        nodes.push({ watched, line, url, data, tills: new Tills(await addTill(data), name) });
      }
      const chain = new SoakChain(relay, relayData, nodes, opened);
      await chain.level('the beginning');
      await chain.#import();
      return chain;
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
  }

  get #branches(): readonly ChainNode[] {
    return this.nodes.slice(1);
  }

  get programs(): readonly Watched[] {
    return [this.relay, ...this.nodes.map(({ watched }) => watched)];
  }

  /** So many sales of every branch, and a price at head office. */
  async sell(total: number): Promise<void> {
    const refusals = await Promise.all(
      this.#branches.map(({ tills, url }) => tills.sell(url, { total, atOnce: 2 })),
    );
    assert.equal(refusals.flat(), [], 'sales do not ask the network');
    this.#changes += 1;
    const sku = `SOAK-${this.#changes % PRODUCTS}`;
    await this.#ask('PUT', `/v1/products/${sku}`, { priceMinor: 10_000 + this.#changes });
  }

  async level(what: string): Promise<void> {
    for (const { watched, url, tills } of this.nodes) {
      const words = `${watched.name} level after ${what}`;
      await until(LEVEL_WITHIN_MS, words, () => isLevel(url, tills.token));
    }
  }

  /** Every acknowledged sale is there, at head office too, and every folder is whole; how many sales there were. Ends the programs. */
  async settle(): Promise<number> {
    for (const { tills, url } of this.#branches) {
      await tills.settle(url);
    }
    const sold = this.#branches.flatMap(({ tills }) => tills.acknowledged).length;
    const { tills, url } = this.nodes[0]!;
    assert.is((await tills.orders(url)).length, sold, 'head office has the orders of all branches');
    for (const { watched } of [...this.nodes].reverse()) {
      await watched.program.stop();
    }
    await this.relay.program.stop();
    for (const data of [...this.nodes.map((node) => node.data), this.#relayData]) {
      await verifyFolder(data);
    }
    return sold;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeAll(this.#opened);
  }

  async #import(): Promise<void> {
    const products = Array.from({ length: PRODUCTS }, (_, at) => ({
      sku: `SOAK-${at}`,
      name: `Product ${at}`,
      priceMinor: 10_000,
      vat: 'vat22',
    }));
    await this.#ask('POST', '/v1/products', { products });
  }

  async #ask(method: string, path: string, body: object): Promise<void> {
    const { url, tills } = this.nodes[0]!;
    const headers = {
      Authorization: `Bearer ${tills.token}`,
      'Content-Type': 'application/json',
      'Idempotency-Key': `soak-${method}-${this.#changes}`,
    };
    const reply = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
    assert.is(reply.status, 200, `${method} ${path}: ${await reply.text()}`);
  }
}

async function invite(relayData: string, ...more: string[]): Promise<string[]> {
  const added = ['branch', 'add', ...more, '--data', relayData];
  const { tokens } = await json<{ tokens: { token: string }[] }>(...added);
  return tokens.map(({ token }) => token);
}

async function closeAll(opened: readonly AsyncDisposable[]): Promise<void> {
  for (const each of [...opened].reverse()) {
    await each[Symbol.asyncDispose]();
  }
}
