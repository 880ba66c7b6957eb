/** Upgrade: a data folder as an earlier release left it is opened as it is, and continued. Recordings are added with a release, never edited. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { readConfig } from '../src/config.ts';
import { type NodeLog, NodeProgram, readControl } from '../src/index.ts';

const upgrade = suite('folders of earlier releases');

const FIXTURES = fileURLToPath(new URL('./fixtures', import.meta.url));
const log: NodeLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

upgrade('every recorded folder opens: its orders are there, keys are known, numbers go on', async () => {
  const names = (await readdir(FIXTURES)).filter((name) => name.startsWith('folder-'));
  assert.ok(names.length > 0);
  for (const name of names) {
    await using dir = await TempDir.open('old-folder');
    const { files } = JSON.parse(await readFile(join(FIXTURES, name), 'utf8')) as {
      files: Record<string, string>;
    };
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(dir.path, path)), { recursive: true });
      await writeFile(join(dir.path, path), gunzipSync(Buffer.from(content, 'base64')), { mode: 0o600 });
    }
    await using node = await NodeProgram.open(
      { clock: systemClock(), random: seededRandom(1), log },
      readConfig({ environment: {}, flags: { data: dir.path, listen: '127.0.0.1:0', mode: 'offline' } }),
    );
    const { token } = (await readControl(dir.path))!;
    const call = async (method: string, path: string, key = '', body?: object) => {
      const response = await fetch(`${node.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return (await response.json()) as { number?: string; orders?: { number: string }[] };
    };
    const sale = {
      till: 'T1',
      cashier: 'Ann',
      lines: [{ sku: 'TEA', quantityMilli: 2_000 }],
      payments: [{ kind: 'card', amountMinor: 1_000 }],
    };
    const { orders } = await call('GET', '/v1/orders?limit=10');
    assert.equal(
      orders?.map(({ number }) => number).sort(),
      ['B001-000001', 'B001-000002', 'B001-000003'],
      name,
    );
    assert.is((await call('POST', '/v1/orders', 'o1', sale)).number, 'B001-000001', 'the key of before');
    assert.is((await call('POST', '/v1/orders', 'o4', sale)).number, 'B001-000004');
  }
});

upgrade.run();
