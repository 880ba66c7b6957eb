// limit: 400 s
/// <reference lib="dom" />
/** Head office's page on real nodes: a catalog by upload, a conflict decided by click, what was sold, in three languages. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CustomerPut, orderRequest, type ProductPut } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chromium, DESKTOP, PHONE, screenshot } from '../../../test/support/chromium.ts';
import { PageChecks } from '../../../test/support/page-checks.ts';
import { createHttpApp } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { Chain, type Machine } from '../support/chain.ts';

const WAIT_MS = 60_000;
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

const sale = (cashMinor: number) =>
  orderRequest.parse({
    lines: [{ sku: 'PEN', quantityMilli: (cashMinor / 1_250) * 1_000 }],
    payments: [{ kind: 'cash', amountMinor: cashMinor }],
  });

/** A program of somebody else's that refuses everything until it is mended. */
async function receiver() {
  let status = 422;
  let taken = 0;
  const server = createServer((request, response) => {
    request.resume();
    taken += status === 200 ? 1 : 0;
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    mend: () => {
      status = 200;
    },
    taken: () => taken,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const test = suite('head office in the browser');

test('a catalog by upload, a conflict by click, sales and shifts', async () => {
  const chain = await Chain.open();
  const browser = await Chromium.open();
  const checks = new PageChecks('head office', browser);
  const erp = await receiver();
  const office = await chain.machine('HQ', { role: 'hq' });
  const second = await chain.machine('HQ2', { role: 'hq' });
  const shop = await chain.machine('B001');
  const toOffice = { peers: [`http://${office.address}`] };
  const hook = { url: erp.url, secret: 'sixteen characters at least', events: ['order.accepted' as const] };
  await office.start({ webhooks: [hook] });
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
    page.setDefaultTimeout(WAIT_MS);
    await page.goto(`${served.url}/hq#token=${served.token}`);
    await page.getByText('CHAIR').first().waitFor();
    await checks.nothingSerious(page, 'catalog');
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
    await checks.nothingSerious(page, 'import');
    await screenshot(page, 'hq-import-1280');

    // As the console links to it: exactly this one, one click decides.
    const [conflict] = office.services.catalog.conflicts({ limit: 1 }).conflicts;
    await page.evaluate((id) => {
      location.hash = `conflicts/${id}`;
    }, conflict!.id);
    await page.locator('article.asked', { hasText: 'in use now' }).waitFor();
    await checks.nothingSerious(page, 'conflicts');
    await screenshot(page, 'hq-conflicts-1280');
    await page.getByRole('button', { name: /Use this value.*110/ }).click();
    await page.getByText('Decided.').waitFor();
    assert.is(office.services.catalog.conflicts({ limit: 1 }).total, 0);
    assert.is(office.services.products.get('CHAIR')?.priceMinor, 11_000);

    for (const part of ['Customers', 'Sales', 'Shifts', 'Transfers', 'Outbox']) {
      await open(part);
      await page.getByText('Nothing here.').first().waitFor();
      await checks.nothingSerious(page, part);
    }

    // A branch sells, closes its shift and sends goods on: head office sees each.
    const put = { name: 'Anna Orlova', phone: '+79990000001' } as CustomerPut;
    await office.services.customers.put('anna', office.request(put));
    await chain.until(() => shop.services.products.get('PEN') !== undefined);
    await shop.services.orders.place(shop.request(sale(3_750)));
    await shop.services.shifts.close(shop.request({}), {
      ms: undefined,
      signal: AbortSignal.timeout(WAIT_MS),
    });
    await chain.until(
      async () =>
        (await office.services.orders.list({ limit: 5, branch: 'B001' as never })).orders.length === 1,
    );
    await open('Customers');
    await page.getByRole('searchbox').fill('anna');
    await page.getByRole('row', { name: /Anna Orlova/ }).waitFor();
    await screenshot(page, 'hq-customers-1280');
    await open('Sales');
    await page.getByLabel('From').fill('2026-11-21');
    await page.getByLabel('Until').fill('2026-11-23');
    await page.getByRole('row', { name: /B001.*37\.50/ }).waitFor();
    await screenshot(page, 'hq-sales-1280');
    await checks.nothingSerious(page, 'sales with rows');
    await open('Shifts');
    await page.getByRole('row', { name: /B001.*37\.50/ }).waitFor();
    await screenshot(page, 'hq-shifts-1280');

    // What a receiver refused stands in the outbox; mended, it is sent again by a click.
    await office.services.orders.place(office.request(sale(1_250)));
    await chain.until(async () => (await office.services.outbox.quarantine({ limit: 5 })).items.length > 0);
    await open('Outbox');
    await page.getByText('An event for another program').first().waitFor();
    await checks.nothingSerious(page, 'outbox with an item');
    await page.getByLabel('Why it is settled').first().fill('told by phone');
    await page.locator('button:enabled', { hasText: 'Settled by hand' }).first().waitFor();
    assert.is(await page.locator('button:enabled', { hasText: 'Settled by hand' }).count(), 1);
    await screenshot(page, 'hq-outbox-1280');
    const [refused] = (await office.services.outbox.quarantine({ limit: 5 })).items;
    erp.mend();
    await page
      .getByRole('button', { name: /^Retry/ })
      .first()
      .click();
    await page.getByText('Decided.').waitFor();
    await chain.until(() => erp.taken() > 0);
    await chain.until(async () => {
      const { items } = await office.services.outbox.quarantine({ limit: 5 });
      return items.every(({ id }) => id !== refused!.id);
    });
    await page.context().close();

    const again = await browser.page(DESKTOP);
    await again.goto(`${served.url}/hq#token=${served.token}`);
    await again.getByText('CHAIR').first().waitFor();
    await checks.lightAndSoon(again, `${served.url}/hq`, 'nav[aria-label] button');
    await again.context().close();

    const phone = await browser.page(PHONE, 'ru-RU');
    await phone.goto(`${branch.url}/hq#token=${branch.token}`);
    await phone.getByText('а не центральный офис').waitFor();
    await checks.nothingSerious(phone, 'phone');
    await screenshot(phone, 'hq-branch-390');
    await phone.getByLabel('Язык').selectOption('es');
    await phone.getByRole('button', { name: 'Conflictos' }).waitFor();
    // Faults of a file are in the language of the reader.
    await phone.goto(`${served.url}/hq#token=${served.token}`);
    await phone.getByRole('navigation').getByRole('button', { name: 'Импорт' }).click();
    await phone
      .locator('input[type=file]')
      .setInputFiles({ name: 'c.csv', mimeType: 'text/csv', buffer: Buffer.from(BAD_FILE) });
    await phone.locator('.tools button').first().click();
    await phone.getByText('не сумма').waitFor();
    await screenshot(phone, 'hq-import-faults-390');
    const wide = (await phone.evaluate('document.documentElement.scrollWidth')) as number;
    assert.ok(wide <= PHONE.width, `${wide} pixels wide on a phone`);
    checks.end();
  } finally {
    await browser.close();
    erp.close();
    await served.close();
    await branch.close();
    await chain.close();
  }
});

test.run();
