/** How the built pages are served: with a policy that lets nothing else in, and honestly when there are none. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import express from 'express';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { pageRouter } from '../src/page-router.ts';

const test = suite('page router');

async function served(folder: string, check: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(express().use(pageRouter({ '/': 'till' }, `${folder}/`)));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    await check(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a page comes with its policy, its assets for good', async () => {
  await using dir = await TempDir.open('pages');
  await mkdir(join(dir.path, 'assets'));
  await writeFile(join(dir.path, 'till.html'), '<!doctype html><title>till</title>');
  await writeFile(join(dir.path, 'assets/till-1.js'), 'export {}');
  await served(dir.path, async (url) => {
    const page = await fetch(url);
    assert.is(page.status, 200);
    assert.match(await page.text(), '<title>till</title>');
    assert.match(page.headers.get('content-security-policy') ?? '', "default-src 'none'");
    assert.is(page.headers.get('x-frame-options'), 'DENY');
    assert.is(page.headers.get('cache-control'), 'no-cache');
    const script = await fetch(`${url}/assets/till-1.js`);
    assert.match(script.headers.get('cache-control') ?? '', 'immutable');
    assert.is((await fetch(`${url}/assets/../till.html`)).status, 404);
  });
});

test('pages that were never built say how to build them', async () => {
  await using dir = await TempDir.open('pages');
  await served(dir.path, async (url) => {
    const page = await fetch(url);
    assert.is(page.status, 503);
    assert.match(await page.text(), 'npm run build');
  });
});

test.run();
