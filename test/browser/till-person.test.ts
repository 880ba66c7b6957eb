// limit: 300 s
/// <reference lib="dom" />
/**
 * Who works at the till: a name and a PIN by keyboard and by touch, wrong ones in words, the lock, and somebody else; the cart stays. A
 * chain without employees goes on without all of it, which the other tests of the till show.
 */
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DESKTOP, PHONE, screenshot } from '../support/chromium.ts';
import { thisMany } from '../support/page-checks.ts';
import { type Shop, ShopStage } from '../support/shop-stage.ts';

const WRONG_MAX = 5;

interface Sold {
  readonly cashier?: string;
  readonly totalMinor: number;
}

const test = suite('who works at the till');
let stage: ShopStage;
let shop: Shop;

test.before(async () => {
  stage = await ShopStage.open('till, people');
  ({ shop } = stage);
  await stage.stockUp([{ sku: 'KETTLE', name: 'Kettle of copper', priceMinor: 100_000 }]);
  const people = {
    ann: { name: 'Ann Orlova', role: 'cashier', pin: '246810' },
    boris: { name: 'Boris Petrov', role: 'manager', pin: '135790' },
    carl: { name: 'Carl Elsewhere', role: 'cashier', pin: '999999', branches: ['B002'] },
  };
  for (const [id, person] of Object.entries(people)) {
    await stage.call(stage.hq, 'PUT', `/v1/employees/${id}`, person);
  }
  await stage.arrives<{ employees: { id: string }[] }>(
    shop,
    '/v1/employees',
    ({ employees }) => employees.length === 2,
  );
});

test.after(() => stage.close());

const name = (page: Page, text: string) => page.locator('.names button', { hasText: text });

async function addKettle(page: Page): Promise<void> {
  await page.locator('#search').fill('kettle of copper');
  await page.locator('.found', { hasText: 'Kettle of copper' }).click();
  await page.locator('.line').waitFor();
}

test('by keyboard: a name, a wrong PIN in words, the right one; the sale is of that person; F7 locks, the cart stays', async () => {
  const page = await stage.till(DESKTOP);
  await name(page, 'Ann Orlova').waitFor();
  await thisMany(page.locator('.names button'), 2);
  await screenshot(page, 'till-people-1280');
  await stage.checks.nothingSerious(page, 'names');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  await name(page, 'Ann Orlova').focus();
  await page.keyboard.press('Enter');
  await page.locator('#pin:focus').waitFor();
  await page.keyboard.type('1111');
  await page.keyboard.press('Enter');
  await page.getByText('This PIN is not right.').waitFor();
  await screenshot(page, 'till-pin-wrong-1280');
  await stage.checks.nothingSerious(page, 'wrong PIN');
  await page.locator('#pin').fill('246810');
  await page.keyboard.press('Enter');
  await page.locator('.who', { hasText: 'Ann Orlova' }).waitFor();
  await addKettle(page);
  await screenshot(page, 'till-person-1280');
  await stage.checks.nothingSerious(page, 'signed in');
  // A reload of the page asks nobody again.
  await page.reload();
  await page.locator('.who', { hasText: 'Ann Orlova' }).waitFor();
  await page.locator('.line').waitFor();
  // Whoever has the focus: by then the keys are heard.
  await page.locator('#search:focus').waitFor();
  await page.keyboard.press('F7');
  await page.getByText('The till is locked. The cart is kept.').waitFor();
  await page.reload();
  await name(page, 'Boris Petrov').click();
  await page.locator('#pin').fill('135790');
  await page.keyboard.press('Enter');
  await page.locator('.who', { hasText: 'Boris Petrov' }).waitFor();
  await page.locator('.line').waitFor();
  await page.locator('#search:focus').waitFor();
  await page.keyboard.press('F8');
  await page.locator('#cash:focus').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.receipt').waitFor();
  const sold = await stage.newest<Sold>();
  assert.is(sold?.cashier, 'Boris Petrov');
  assert.is(sold?.totalMinor, 100_000);
  await page.context().close();
});

test('by touch, in Russian: digits of the screen, too many wrong PINs say how long to wait, somebody else may sign in', async () => {
  const page = await stage.till(PHONE);
  await page.locator('select.language').selectOption('ru');
  await name(page, 'Ann Orlova').tap();
  const type = async (pin: string): Promise<void> => {
    for (const digit of pin) {
      await page.locator('.digits').getByRole('button', { name: digit, exact: true }).tap();
    }
    await page.getByRole('button', { name: 'Войти' }).tap();
  };
  for (let wrong = 0; wrong < WRONG_MAX; wrong++) {
    const answered = page.waitForResponse('**/v1/sign-in');
    await type('0000');
    assert.is((await answered).status(), 403);
    await page.locator('#pin:not([disabled])').waitFor();
  }
  await page.getByText('ПИН-код неверен').waitFor();
  await type('246810');
  await page.getByText('Слишком много неверных ПИН-кодов').waitFor();
  await page.getByText('Ждать:').waitFor();
  await screenshot(page, 'till-pin-locked-390');
  await stage.checks.nothingSerious(page, 'locked');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} px too wide`);
  await page.getByRole('button', { name: 'Другой сотрудник' }).tap();
  await name(page, 'Boris Petrov').tap();
  await screenshot(page, 'till-pin-390');
  await type('135790');
  await page.locator('.who', { hasText: 'Boris Petrov' }).waitFor();
  await page.locator('#search').waitFor();
  await screenshot(page, 'till-person-390');
  const still = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(still <= 0, `${still} px too wide`);
  await page.context().close();
});

test('nobody touches the till for a quarter of an hour: it locks by itself, and says so', async () => {
  const page = await stage.till(DESKTOP);
  await page.clock.install();
  await page.reload();
  await name(page, 'Boris Petrov').click();
  await page.locator('#pin').fill('135790');
  await page.keyboard.press('Enter');
  await page.locator('.who', { hasText: 'Boris Petrov' }).waitFor();
  await page.locator('#search:focus').waitFor();
  await page.clock.fastForward('10:00');
  await page.keyboard.press('F2');
  await page.clock.fastForward('10:00');
  await page.locator('.who', { hasText: 'Boris Petrov' }).waitFor();
  await page.clock.fastForward('16:00');
  await page.getByText('Nobody used the till for a while').waitFor();
  await name(page, 'Boris Petrov').waitFor();
  await page.context().close();
});

test('whose sign-in has ended signs in again, and the cart is there', async () => {
  const page = await stage.till(DESKTOP);
  await name(page, 'Boris Petrov').click();
  await page.locator('#pin').fill('135790');
  await page.keyboard.press('Enter');
  await addKettle(page);
  // Head office changes the person: every sign-in of his is over.
  await stage.call(stage.hq, 'PUT', '/v1/employees/boris', { name: 'Boris B. Petrov', role: 'manager' });
  await page.getByText('The sign-in has ended').waitFor();
  await stage.arrives<{ employees: { name: string }[] }>(shop, '/v1/employees', ({ employees }) =>
    employees.some(({ name }) => name === 'Boris B. Petrov'),
  );
  await page.reload();
  await name(page, 'Boris B. Petrov').click();
  await page.locator('#pin').fill('135790');
  await page.keyboard.press('Enter');
  await page.locator('.line').waitFor();
  await page.context().close();
  stage.checks.end();
});

test.run();
