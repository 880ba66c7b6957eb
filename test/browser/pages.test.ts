// limit: 180 s
/** Every page of every program opens in the real browser, complains of nothing and asks no other host. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Running } from '../support/branchline.ts';
import { Chromium, DESKTOP, PHONE, screenshot } from '../support/chromium.ts';
import { TempDir } from '../support/temp-dir.ts';

const READY_LIMIT_MS = 150_000;
const STOP_LIMIT_MS = 20_000;

interface Ready {
  readonly relay: { readonly url: string };
  readonly hq: { readonly url: string };
  readonly nodes: readonly { readonly url: string }[];
}

const pages = suite('pages in the browser');

pages('open on a desktop and on a phone', async () => {
  await using data = await TempDir.open('pages');
  const demo = new Running('demo', '--json', '--data', data.path);
  const browser = await Chromium.open();
  try {
    const { relay, hq, nodes } = await demo.said<Ready>(READY_LIMIT_MS, 'ready');
    const places = { till: nodes[0]!.url, hq: `${hq.url}/hq`, console: relay.url };
    for (const [name, url] of Object.entries(places)) {
      for (const size of [DESKTOP, PHONE]) {
        const page = await browser.page(size);
        const answer = await page.goto(url);
        assert.is(answer?.status(), 200, name);
        await page.locator('h1').first().waitFor();
        await screenshot(page, `${name}-first-${size.width}`);
        await page.context().close();
      }
    }
    assert.equal(browser.strangers, []);
    assert.equal(browser.complaints, []);
  } finally {
    await browser.close();
    await demo.stop(STOP_LIMIT_MS);
  }
});

pages.run();
