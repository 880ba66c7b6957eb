/** The node as a program, on a real disk and real sockets: enrolment, start, restart, and every reason not to start. */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { OrderRequest } from '@branchline/model';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { until } from '../../test/support/within.ts';
import { readConfig } from '../src/config.ts';
import { DataDirectory } from '../src/files/data-directory.ts';
import {
  type NodeConfigInput,
  type NodeError,
  type NodeLog,
  NodeProgram,
  readControl,
} from '../src/index.ts';

const program = suite('node program');

const log: NodeLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock(), random: seededRandom(1), log };

const open = (flags: NodeConfigInput) =>
  NodeProgram.open(ports, readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }));

const fault = async (work: Promise<unknown>): Promise<NodeError> => {
  try {
    await work;
  } catch (error) {
    return error as NodeError;
  }
  throw new Error('started');
};

const dirs: TempDir[] = [];

async function tempDir(name: string): Promise<string> {
  const dir = await TempDir.open(name);
  dirs.push(dir);
  return dir.path;
}

program.after(async () => {
  for (const dir of dirs) {
    await dir[Symbol.asyncDispose]();
  }
});

/** A directory as `branchline init` leaves it: a tenant and its authority's key. */
async function tenantIn(data: string): Promise<void> {
  await mkdir(data, { recursive: true });
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'Superstore' }));
}

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

const sell = (node: NodeProgram, key = randomBytes(8).toString('hex')) =>
  node.node.services.orders.place({
    key,
    fingerprint: 'f'.repeat(64),
    till: { till: 'T1', role: 'cashier' },
    body: sale,
  });

program('a head office keeps the authority, enrols a branch by its token, and they replicate', async () => {
  const base = await tempDir('program');
  await tenantIn(join(base, 'hq'));
  await using hq = await open({ data: join(base, 'hq') });
  assert.is(hq.branch, 'HQ');
  const [issued] = await hq.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  const shop = { data: join(base, 'b001'), peers: [hq.url] };
  const first = await open({ ...shop, token: issued!.token });
  const { body } = await sell(first, 'once');
  assert.is(body.number, 'B001-000001');
  await until(
    5_000,
    'the order at head office',
    async () => (await hq.node.services.orders.get(body.id)) !== undefined,
  );
  await first.close();

  // The token is spent; the next start needs none.
  await using again = await open(shop);
  assert.is((await sell(again, 'once')).replayed, true);
  assert.is((await sell(again)).body.number, 'B001-000002');
  assert.equal(
    hq.node.services.branches!.list().map(({ branch, role }) => `${branch} ${role}`),
    ['HQ hq', 'B001 branch'],
  );
  const stolen = await fault(open({ data: join(base, 'thief'), peers: [hq.url], token: issued!.token }));
  assert.is(stolen.code, 'NODE_ENROL');
  assert.match(stolen.message, /TOKEN_USED/);
});

program('the log grows with what happens to the program, not with what is sold', async () => {
  const data = join(await tempDir('program'), 'hq');
  await tenantIn(data);
  const lines: string[] = [];
  const noted = (_: object, words: string): void => {
    lines.push(words);
  };
  const listening: NodeLog = { debug: () => {}, info: noted, warn: noted, error: noted };
  const config = readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', data, mode: 'offline' } });
  const node = await NodeProgram.open({ ...ports, log: listening }, config);
  await sell(node);
  const started = lines.length;
  assert.ok(started <= 10, `a start says little: ${lines.join('; ')}`);
  for (let sales = 0; sales < 20; sales += 1) {
    await sell(node);
  }
  assert.equal(lines.slice(started), []);
  await node.close();
  assert.ok(lines.length <= 15, lines.join('; '));
});

program('S-11: a bundle carries sales to another machine by file, once', async () => {
  const base = await tempDir('program');
  await tenantIn(join(base, 'hq'));
  await using hq = await open({ data: join(base, 'hq'), mode: 'offline' });
  const [issued] = await hq.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  const data = join(base, 'b001');
  await using shop = await open({ data, enrol: hq.url, token: issued!.token, mode: 'offline' });
  const { body } = await sell(shop);
  const control = async (node: NodeProgram, folder: string, path: string, content: object) => {
    const token = (await readControl(folder))!.token;
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
    const answer = await fetch(`${node.url}${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(content),
    });
    return (await answer.json()) as { entries?: number; fresh?: number; code?: string };
  };
  const stick = join(base, 'stick');
  assert.ok((await control(shop, data, '/v1/control/export', { to: stick })).entries! > 0);
  assert.is((await control(shop, data, '/v1/control/export', { to: stick })).code, 'INVALID_REQUEST');
  const taken = await control(hq, join(base, 'hq'), '/v1/control/import', { from: stick });
  assert.ok(taken.fresh! > 0);
  assert.equal(await hq.node.services.orders.get(body.id), body);
  assert.is((await control(hq, join(base, 'hq'), '/v1/control/import', { from: stick })).fresh, 0);
  const nothing = await control(hq, join(base, 'hq'), '/v1/control/import', { from: join(base, 'nothing') });
  assert.is(nothing.code, 'INVALID_REQUEST');
  await writeFile(stick, 'nonsense');
  assert.is(
    (await control(hq, join(base, 'hq'), '/v1/control/import', { from: stick })).code,
    'BUNDLE_INVALID',
  );
});

program('the control file names the process, is private, and goes with it', async () => {
  const data = join(await tempDir('program'), 'hq');
  await tenantIn(data);
  const node = await open({ data });
  const control = await readControl(data);
  assert.is(control?.pid, process.pid);
  assert.is(control?.url, node.url);
  for (const file of ['control.json', 'device.key', 'authority.key', 'node.json']) {
    const { mode } = await stat(join(data, file)).catch(() => stat(join(data, 'control.json')));
    assert.is(mode & 0o077, 0, file);
  }
  const tills = await fetch(`${node.url}/v1/tills`, {
    headers: { Authorization: `Bearer ${control?.token}` },
  });
  assert.is(tills.status, 200);
  await node.close();
  assert.is(await readControl(data), undefined);
});

program(
  'refuses to start where it is not enrolled, the token is wrong, or something else answers',
  async () => {
    const base = await tempDir('program');
    assert.is((await fault(open({ data: join(base, 'a') }))).code, 'NODE_NOT_ENROLLED');
    await tenantIn(join(base, 'hq'));
    await using hq = await open({ data: join(base, 'hq') });
    const wrong = await fault(open({ data: join(base, 'b'), relay: hq.url, token: 'x'.repeat(43) }));
    assert.is(wrong.code, 'NODE_ENROL');
    assert.match(wrong.message, /TOKEN_UNKNOWN/);
    const other = createServer((_request, response) => response.end('{}')).listen(0);
    const { port } = other.address() as AddressInfo;
    const strange = await fault(
      open({ data: join(base, 'd'), relay: `http://127.0.0.1:${port}`, token: 'x'.repeat(43) }),
    );
    assert.match(strange.message, /something else/);
    other.close();
  },
);

program('refuses a directory in use, an address in use, another branch, and a damaged anchor', async () => {
  const data = join(await tempDir('program'), 'hq');
  await tenantIn(data);
  const node = await open({ data });
  assert.is((await fault(open({ data }))).code, 'NODE_LOCKED');
  const taken = join(await tempDir('program'), 'hq');
  await tenantIn(taken);
  const listen = new URL(node.url).host;
  assert.is((await fault(open({ data: taken, listen }))).code, 'NODE_LISTEN');
  await node.close();
  assert.is((await fault(open({ data, branch: 'B007' }))).code, 'NODE_CONFIG');
  await writeFile(join(data, 'node.json'), '{"format":1');
  assert.is((await fault(open({ data }))).code, 'NODE_DATA');
});

program('a lost or damaged LevelDB is made again from the journal', async () => {
  const data = join(await tempDir('program'), 'hq');
  await tenantIn(data);
  const node = await open({ data });
  const { body } = await sell(node, 'once');
  await node.node.services.tills.add('T1', 'cashier');
  await node.close();

  await rename(join(data, 'index'), join(data, 'index.gone'));
  const second = await open({ data });
  assert.equal((await sell(second, 'once')).body, body);
  assert.is((await second.node.services.stock.get('CHAIR'))?.onHandMilli, -1000);
  await second.close();

  await writeFile(join(data, 'index', 'CURRENT'), 'nonsense');
  const third = await open({ data });
  assert.equal((await sell(third, 'once')).body, body);
  assert.is(third.node.services.tills.list().length, 1);
  await third.close();
});

program('a journal that is not as it was written is refused, with what to do', async () => {
  const data = join(await tempDir('program'), 'hq');
  await tenantIn(data);
  const node = await open({ data });
  await sell(node);
  await sell(node);
  await node.close();
  const { readdir } = await import('node:fs/promises');
  const [segment] = (await readdir(join(data, 'journal'))).filter((name) => /\d/.test(name)).sort();
  const path = join(data, 'journal', segment!);
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.indexOf('Superstore') + 400)]! ^= 1;
  await writeFile(path, bytes);
  const broken = await fault(open({ data }));
  assert.is(broken.code as string, 'STORE_CORRUPT');
  assert.ok((broken.hint ?? '').length > 0);
});

program('a directory that cannot be written is refused in words', async () => {
  if (process.getuid?.() === 0) {
    // Root writes anywhere; a file in the place of the directory is refused to everybody.
    const file = join(await tempDir('program'), 'file');
    await writeFile(file, '');
    const refused = await fault(open({ data: join(file, 'node') }));
    assert.is(refused.code, 'NODE_DATA');
    assert.match(refused.message, /cannot be written: .*ENOTDIR|EEXIST/);
    assert.match(refused.hint ?? '', /right to write/);
    return;
  }
  const data = join(await tempDir('program'), 'read-only');
  await mkdir(data);
  await chmod(data, 0o500);
  const refused = await fault(open({ data }));
  assert.is(refused.code, 'NODE_DATA');
  assert.match(refused.message, /cannot be written: .*EACCES/);
});

program('a directory of a newer version is refused in words and left as it is', async () => {
  const data = await tempDir('newer');
  const anchor = JSON.stringify({ format: 2, tenant: 'Superstore', somethingNew: true });
  await writeFile(join(data, 'node.json'), anchor);
  const error = await fault(open({ data, mode: 'offline' }));
  assert.is(error.code, 'NODE_FORMAT_NEWER');
  assert.match(error.message, /format 2; this one knows 1/);
  assert.match(error.hint ?? '', /Install that version again/);
  assert.is(await readFile(join(data, 'node.json'), 'utf8'), anchor);
});

program.run();
