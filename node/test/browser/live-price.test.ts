// limit: 120 s
/**
 * The page of the example of packages/repo, in a real browser: a stock automerge-repo client shows a price live, changes it as manager,
 * and is told and put right where it may not; nothing asked of another host, nothing the policy refuses.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chromium, DESKTOP, PHONE, screenshot } from '../../../test/support/chromium.ts';
import { PageChecks } from '../../../test/support/page-checks.ts';
import { within } from '../../../test/support/within.ts';
import { pricedLens } from '../support/priced-lens.ts';

const EXAMPLE = fileURLToPath(new URL('../../../packages/repo/example/price-page.ts', import.meta.url));
const WAIT_MS = 60_000;

async function serve(node: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', EXAMPLE, node], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the example ended with ${code}`)));
  });
  return { child, url: (JSON.parse(await within(WAIT_MS, 'the page', line)) as { url: string }).url };
}

const test = suite('the live price page');

test('a price changes while it is looked at; a manager changes it; a cashier is told that he may not', async () => {
  const { scene, hq, products, put, boss, desk } = await pricedLens();
  const { child, url } = await serve(hq.url);
  const browser = await Chromium.open();
  const checks = new PageChecks('example of packages/repo', browser);
  try {
    const open = async (size: typeof DESKTOP | typeof PHONE, token: string) => {
      const page = await browser.page(size);
      page.setDefaultTimeout(WAIT_MS);
      await page.goto(url);
      await page.getByLabel('Token of a till').fill(token);
      await page.getByLabel('SKU').fill('A1');
      await page.getByRole('button', { name: 'Show its price' }).click();
      return page;
    };
    const page = await open(DESKTOP, boss);
    await page.getByText('A1: 9.90').waitFor();
    await put(1090);
    await page.getByText('A1: 10.90').waitFor();
    await page.getByLabel('New price').fill('11.90');
    await page.getByRole('button', { name: 'Change it' }).click();
    await page.getByText('A1: 11.90').waitFor();
    const other = await open(PHONE, desk);
    await other.getByText('A1: 11.90').waitFor();
    assert.is(products.get('A1')?.priceMinor, 1190, 'what another client sees is in the catalog');
    await other.getByLabel('New price').fill('1');
    await other.getByRole('button', { name: 'Change it' }).click();
    await other.getByText('EDIT_READ_ONLY').waitFor();
    await other.getByText('A1: 11.90').waitFor();
    await other.getByLabel('New price').waitFor({ state: 'hidden' });
    assert.is(products.get('A1')?.priceMinor, 1190);
    await checks.nothingSerious(page, 'price');
    await screenshot(page, 'example-price-1280');
    await screenshot(other, 'example-refused-390');
    const stranger = await open(DESKTOP, 'no-token');
    await stranger.getByText('The token is unknown').waitFor();
    checks.end();
  } finally {
    await browser.close();
    child.kill();
    await scene.close();
  }
});

test.run();
