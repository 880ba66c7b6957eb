// limit: 180 s
/** Head office's page on real nodes: a catalog by upload, a conflict decided by click, what was sold, in three languages. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import type { ProductPut } from '@branchline/model';
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chromium, DESKTOP, PHONE, screenshot } from '../../../test/support/chromium.ts';
import { createHttpApp } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { Chain, type Machine } from '../support/chain.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const BUNDLE_BYTES_MAX = 150 * 1024;
const FILE = ['sku;name;price;vat', 'PEN;Pen;12,50;22', 'INK;Ink;99,90;22'].join('\n');
const BAD_FILE = ['sku;name;price;vat', 'PEN;Pen;twelve;22'].join('\n');

const put = (fields: object): ProductPut => fields as ProductPut;

interface Served {
  readonly url: string;
  readonly token: string;
  close(): Promise<void>;
}

async function serve(chain: Chain, { services }: Machine): Promise<Served> {
  const { clock } = chain;
  const app = createHttpApp(services, { clock, version: '0' });
  const server = await HttpServer.open({ handler: app.handler, host: '127.0.0.1', port: 0, clock });
  const { token } = await services.tills.add('OFFICE', 'admin');
  return {
    url: server.url,
    token,
    close: async () => {
      app.close();
      await server.close();
    },
  };
}

async function checkAccess(page: Page, where: string): Promise<void> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const serious = (await page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html).join(' ')))`)) as string[];
  assert.equal(serious, [], where);
}

const test = suite('head office in the browser');

test('a catalog by upload, a conflict by click, sales and shifts', async () => {
  const chain = await Chain.open();
  const browser = await Chromium.open();
  const office = await chain.machine('HQ', { role: 'hq' });
  const second = await chain.machine('HQ2', { role: 'hq' });
  const shop = await chain.machine('B001');
  const toOffice = { peers: [`http://${office.address}`] };
  await office.start();
  await second.start(toOffice);
  await shop.start(toOffice);
  const chair = { name: 'Chair', priceMinor: 10_000, vat: 'vat22' };
  await office.services.products.put('CHAIR', office.request(put(chair)));
  await chain.until(() => second.services.products.count === 1);
  await second.stop();
  await office.services.products.put('CHAIR', office.request(put({ priceMinor: 11_000 })));
  await second.start({ mode: 'offline' });
  await second.services.products.put('CHAIR', second.request(put({ priceMinor: 12_000 })));
  await second.stop();
  await second.start(toOffice);
  await chain.until(() => office.services.catalog.conflicts({ limit: 1 }).total === 1);
  const [served, branch] = [await serve(chain, office), await serve(chain, shop)];
  try {
    const page = await browser.page(DESKTOP);
    const loaded: string[] = [];
    page.on('response', (response) => loaded.push(response.url()));
    await page.goto(`${served.url}/hq#token=${served.token}`);
    await page.getByText('CHAIR').first().waitFor();
    let bundle = 0;
    for (const url of new Set(loaded.filter((each) => each.includes('/assets/')))) {
      bundle += gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).byteLength;
    }
    assert.ok(bundle <= BUNDLE_BYTES_MAX, `${bundle} bytes`);
    await checkAccess(page, 'catalog');
    await screenshot(page, 'hq-catalog-1280');

    const open = (name: string) => page.getByRole('navigation').getByRole('button', { name }).click();
    const choose = (text: string) =>
      page
        .getByLabel('File')
        .setInputFiles({ name: 'c.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
    await open('Import');
    await choose(BAD_FILE);
    await page.getByRole('button', { name: 'Look through it' }).click();
    await page.getByText('NUMBER_INVALID').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Import all of it' }).isDisabled());
    await screenshot(page, 'hq-import-faults-1280');
    await choose(FILE);
    await page.getByRole('button', { name: 'Look through it' }).click();
    await page.getByText('2 rows: 2 new').waitFor();
    assert.is(office.services.products.get('PEN'), undefined);
    await page.getByRole('button', { name: 'Import all of it' }).click();
    await page.getByText('Imported.').waitFor();
    assert.is(office.services.products.get('PEN')?.priceMinor, 1250);
    await checkAccess(page, 'import');
    await screenshot(page, 'hq-import-1280');

    await open('Conflicts');
    await page.getByText('in use now').waitFor();
    await checkAccess(page, 'conflicts');
    await screenshot(page, 'hq-conflicts-1280');
    await page.getByRole('button', { name: /Use this value.*110/ }).click();
    await page.getByText('Decided.').waitFor();
    assert.is(office.services.catalog.conflicts({ limit: 1 }).total, 0);
    assert.is(office.services.products.get('CHAIR')?.priceMinor, 11_000);

    for (const part of ['Customers', 'Sales', 'Shifts', 'Transfers', 'Outbox']) {
      await open(part);
      await page.getByText('Nothing here.').first().waitFor();
      await checkAccess(page, part);
    }
    await page.context().close();

    const phone = await browser.page(PHONE, 'ru-RU');
    await phone.goto(`${branch.url}/hq#token=${branch.token}`);
    await phone.getByText('а не центральный офис').waitFor();
    await checkAccess(phone, 'phone');
    await screenshot(phone, 'hq-branch-390');
    await phone.getByLabel('Язык').selectOption('es');
    await phone.getByRole('button', { name: 'Conflictos' }).waitFor();
    const wide = (await phone.evaluate('document.documentElement.scrollWidth')) as number;
    assert.ok(wide <= PHONE.width, `${wide} pixels wide on a phone`);
    assert.equal(browser.strangers, []);
    assert.equal(browser.complaints, []);
    process.stdout.write(`${JSON.stringify({ bundleBytes: bundle })}\n`);
  } finally {
    await browser.close();
    await served.close();
    await branch.close();
    await chain.close();
  }
});

test.run();
