/**
 * The real browser: Debian's Chromium, driven by playwright-core. Everything it asks of the network goes to loopback; a
 * page that asks another host is noted, and the test can say so.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Where screenshots are kept to be looked at; not part of the repository. */
const SCREENSHOTS = fileURLToPath(new URL('../../coverage/screenshots/', import.meta.url));

export const DESKTOP = { width: 1280, height: 800 } as const;
export const PHONE = { width: 390, height: 844 } as const;

export class Chromium {
  readonly #browser: Browser;
  /** Hosts other than loopback that any page asked for. */
  readonly strangers: string[] = [];
  /** What pages threw, and what the policy refused. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<Chromium> {
    const executablePath = PROGRAMS.find((path) => existsSync(path));
    if (executablePath === undefined) {
      throw new Error(`no Chromium among ${PROGRAMS.join(', ')}: apt-get install chromium`);
    }
    return new Chromium(await chromium.launch({ executablePath, args: FLAGS }));
  }

  /** A fresh profile with one page of this size. */
  async page(viewport: { readonly width: number; readonly height: number }, locale = 'en-GB'): Promise<Page> {
    const context: BrowserContext = await this.#browser.newContext({
      viewport,
      locale,
      hasTouch: viewport === PHONE,
    });
    const page = await context.newPage();
    page.on('request', (request) => {
      const { hostname, protocol } = new URL(request.url());
      if (protocol.startsWith('http') && !['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) {
        this.strangers.push(request.url());
      }
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        this.complaints.push(message.text());
      }
    });
    return page;
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** Keeps what the page looks like now, e.g. `till-sale-1280`; returns the file's path. */
export async function screenshot(page: Page, name: string): Promise<string> {
  const path = join(SCREENSHOTS, `${name}.png`);
  await mkdir(dirname(path), { recursive: true });
  await page.screenshot({ path, fullPage: false });
  return path;
}
