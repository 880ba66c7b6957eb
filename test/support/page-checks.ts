/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * What every page is held to, whoever serves it: nothing serious for a person who uses it with a screen reader, its weight, how soon it
 * can be used, and nobody asked but its own program. Each comes to one line in the table of figures.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Locator, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import type { Chromium } from './chromium.ts';
import { figure } from './figures.ts';

/** What a page may weigh, packed, with everything it loads. */
const BUNDLE_BYTES_MAX = 150 * 1024;
const INTERACTIVE_MS_MAX = 1_000;
const INTERACTIVE_TURNS = 5;
const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** The checks of one page; `end` writes their figures. */
export class PageChecks {
  readonly #name: string;
  readonly #browser: Chromium;
  #views = 0;

  constructor(name: string, browser: Chromium) {
    this.#name = name;
    this.#browser = browser;
  }

  /** The policy of the pages allows no inline code: the check is put in from outside. */
  async nothingSerious(page: Page, where: string): Promise<void> {
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run();
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
    });
    assert.equal(found, [], where);
    this.#views += 1;
  }

  /** Loads the page anew a few times: what it weighs, and when `selector` is there; the one in the middle counts. */
  async lightAndSoon(page: Page, url: string, selector: string): Promise<void> {
    const loaded = new Set<string>();
    page.on('response', (response) => {
      if (response.url().includes('/assets/')) {
        loaded.add(response.url());
      }
    });
    await page.addInitScript((wanted) => {
      new MutationObserver((_, watch) => {
        if (document.querySelector(wanted) !== null) {
          (globalThis as { interactiveMs?: number }).interactiveMs = performance.now();
          watch.disconnect();
        }
      }).observe(document, { subtree: true, childList: true });
    }, selector);
    const tookMs: number[] = [];
    for (let turn = 0; turn < INTERACTIVE_TURNS; turn++) {
      // Not the same address with another fragment: that would load nothing.
      await page.goto('about:blank');
      await page.goto(url);
      await page.locator(selector).first().waitFor();
      tookMs.push(await page.evaluate(() => (globalThis as { interactiveMs?: number }).interactiveMs ?? 0));
    }
    tookMs.sort((a, b) => a - b);
    const middleMs = Math.round(tookMs[Math.floor(INTERACTIVE_TURNS / 2)]!);
    let bytes = 0;
    for (const asset of loaded) {
      bytes += gzipSync(Buffer.from(await (await fetch(asset)).arrayBuffer())).byteLength;
    }
    figure(`${this.#name}: bundle, gzip`, `${bytes} bytes`, `at most ${BUNDLE_BYTES_MAX}`);
    figure(`${this.#name}: interactive on loopback`, `${middleMs} ms`, `at most ${INTERACTIVE_MS_MAX}`);
    assert.ok(bytes > 0 && bytes <= BUNDLE_BYTES_MAX, `${bytes} bytes`);
    assert.ok(middleMs > 0 && middleMs <= INTERACTIVE_MS_MAX, `${middleMs} ms`);
  }

  end(): void {
    figure(`${this.#name}: serious findings of axe in ${this.#views} views`, 0, '0');
    figure(`${this.#name}: requests to other hosts`, this.#browser.strangers.length, '0');
    assert.ok(this.#views > 0, 'no view was looked at');
    assert.equal(this.#browser.strangers, []);
    assert.equal(this.#browser.complaints, []);
  }
}

/** Waits until exactly so many are there: a page draws a moment after what it was told. */
export async function thisMany(found: Locator, count: number): Promise<void> {
  if (count > 0) {
    await found.nth(count - 1).waitFor({ state: 'attached' });
  }
  await found.nth(count).waitFor({ state: 'detached' });
  assert.is(await found.count(), count);
}
