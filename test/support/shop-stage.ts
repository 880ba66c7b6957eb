/// <reference lib="dom" />
/**
 * A whole demo chain with a real browser before it: where tests of the till play. Opened once a file; what it says of the chain is
 * what the chain said when it was ready.
 */
import type { Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { Running } from './branchline.ts';
import { Chromium } from './chromium.ts';
import { PageChecks } from './page-checks.ts';
import { TempDir } from './temp-dir.ts';
import { until } from './within.ts';

const READY_LIMIT_MS = 150_000;
const STOP_LIMIT_MS = 20_000;
/** Generous: a machine may be busy with other things. */
export const WAIT_MS = 60_000;
const PER_CALL = 200;

export interface Shop {
  readonly branch: string;
  readonly url: string;
  readonly tillToken: string;
  readonly adminToken: string;
  readonly pid: number;
  readonly kkt: { readonly controlUrl: string };
}
export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly priceMinor: number;
  readonly barcodes?: readonly string[];
}
interface Ready {
  readonly relay: { readonly url: string };
  readonly hq: Shop;
  readonly nodes: readonly Shop[];
}

export class ShopStage {
  readonly demo: Running;
  readonly browser: Chromium;
  readonly checks: PageChecks;
  readonly hq: Shop;
  /** Where the till of these tests stands. */
  readonly shop: Shop;
  readonly relayUrl: string;
  readonly #data: TempDir;

  private constructor(data: TempDir, demo: Running, browser: Chromium, checks: PageChecks, ready: Ready) {
    this.#data = data;
    this.demo = demo;
    this.browser = browser;
    this.checks = checks;
    this.hq = ready.hq;
    this.shop = ready.nodes[0]!;
    this.relayUrl = ready.relay.url;
  }

  static async open(name: string): Promise<ShopStage> {
    const data = await TempDir.open(name);
    const demo = new Running('demo', '--json', '--data', data.path);
    const browser = await Chromium.open();
    const ready = await demo.said<Ready>(READY_LIMIT_MS, 'ready');
    return new ShopStage(data, demo, browser, new PageChecks(name, browser), ready);
  }

  get folder(): string {
    return this.#data.path;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.demo.stop(STOP_LIMIT_MS);
    await this.#data[Symbol.asyncDispose]();
  }

  /** The answer of a node to its administrator. */
  async call<Answer>(at: Shop, method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(`${at.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${at.adminToken}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
    return (await answer.json()) as Answer;
  }

  /** Resolves once a node answers as wanted. */
  async arrives<Answer>(at: Shop, path: string, isSo: (answer: Answer) => boolean): Promise<void> {
    await until(WAIT_MS, path, async () => isSo(await this.call<Answer>(at, 'GET', path)));
  }

  /** Made at head office; they are in the shop when this resolves. */
  async stockUp(products: readonly Product[]): Promise<void> {
    for (let from = 0; from < products.length; from += PER_CALL) {
      const some = products.slice(from, from + PER_CALL).map((product) => ({ vat: 'vat22', ...product }));
      await this.call(this.hq, 'POST', '/v1/products', { products: some });
    }
    await this.arrives(this.shop, `/v1/products/${products.at(-1)!.sku}`, () => true);
  }

  /** The last sale of the shop. */
  async newest<Order>(): Promise<Order | undefined> {
    const path = `/v1/orders?branch=${this.shop.branch}&sort=newest&limit=1`;
    return (await this.call<{ orders: Order[] }>(this.shop, 'GET', path)).orders[0];
  }

  /** The page of a till, signed in by its link. */
  async till(
    size: { width: number; height: number },
    { url, tillToken }: Pick<Shop, 'url' | 'tillToken'> = this.shop,
  ): Promise<Page> {
    const page = await this.browser.page(size);
    page.setDefaultTimeout(WAIT_MS);
    await page.goto(`${url}/#token=${tillToken}`);
    return page;
  }
}

/** As fast as a scanner types: all keys in one turn of the page. */
export async function scan(page: Page, text: string): Promise<void> {
  await page.evaluate(
    (keys) => {
      for (const key of keys) {
        const target = document.activeElement ?? document.body;
        target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      }
    },
    [...text, 'Enter'],
  );
}
