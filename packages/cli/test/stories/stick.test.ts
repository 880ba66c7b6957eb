// limit: 60 s
/** S-10, S-11 end to end: shops that never see each other agree by stick, running or stopped; and verify on what they derived. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirectory, type NodeConfigInput, NodeProgram, readConfig } from '@branchline/node';
import { seededRandom, systemClock } from 'hlc-ts';
import { Level } from 'level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../../test/support/temp-dir.ts';
import { until } from '../../../../test/support/within.ts';
import { branchline } from '../support/command-line.ts';

const test = suite('replication by stick');

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock(), random: seededRandom(1), log };
const till = { till: 'T1', role: 'manager' as const };

const start = (flags: NodeConfigInput) =>
  NodeProgram.open(
    ports,
    readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', mode: 'offline', ...flags } }),
  );

async function json(...args: string[]) {
  const { code, out, err } = await branchline([...args, '--json']);
  assert.is(code, 0, err);
  return JSON.parse(out);
}

async function refusal(...args: string[]): Promise<string> {
  const { code, err } = await branchline(args);
  assert.is(code, 1, err);
  return err;
}

const request = <Body>(body: Body) => ({
  key: randomBytes(8).toString('hex'),
  fingerprint: 'f'.repeat(64),
  till,
  body,
});

async function sell(node: NodeProgram, sku = 'CHAIR'): Promise<string> {
  const line = { sku, quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' };
  const payments = [{ kind: 'cash', amountMinor: 500 }];
  const order = { lines: [line], payments, redeemPoints: 0 };
  return (await node.node.services.orders.place(request(order) as never)).body.id;
}

/** Head office and a shop that was enrolled there once; both stopped. */
async function chain(dir: TempDir, name = 'acme'): Promise<{ hq: string; shop: string }> {
  const [hq, shop] = [join(dir.path, `${name}-hq`), join(dir.path, `${name}-b001`)];
  await mkdir(hq, { recursive: true });
  await new DataDirectory(hq).readOrMakeKey('authority');
  await writeFile(join(hq, 'relay.json'), JSON.stringify({ format: 1, tenant: name }));
  const office = await start({ data: hq });
  const [issued] = await office.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  await (await start({ data: shop, enrol: office.url, token: issued!.token })).close();
  await office.close();
  return { hq, shop };
}

const heads = async (data: string): Promise<string[]> => {
  const { feeds } = (await json('verify', '--data', data)) as { feeds: { feed: string; hash: string }[] };
  return feeds
    .filter(({ feed }) => !feed.startsWith('local/'))
    .map(({ feed, hash }) => `${feed} ${hash}`)
    .sort();
};

test('two that never see each other agree by stick, while both run', async () => {
  await using dir = await TempDir.open('stick');
  const { hq, shop } = await chain(dir);
  await using office = await start({ data: hq });
  await using branch = await start({ data: shop });
  const product = { sku: 'CHAIR', name: 'Chair', priceMinor: 500, vat: 'vat22', barcodes: [] };
  await office.node.importCatalog([product as never]);
  const sold = await sell(branch);
  const [there, back] = [join(dir.path, 'there'), join(dir.path, 'back')];

  await json('export', '--to', there, '--data', hq);
  assert.is((await stat(there)).mode & 0o077, 0);
  const taken = await json('import', there, '--data', shop);
  assert.equal(taken.refused, []);
  assert.ok(taken.fresh > 0);
  await until(30_000, 'the price in the shop', () => branch.node.services.products.get('CHAIR'));

  // What head office's own bundle says it holds is left out of the answer.
  const answer = await json('export', '--to', back, '--since', there, '--data', shop);
  const all = await json('export', '--to', join(dir.path, 'all'), '--data', shop);
  assert.ok(answer.entries < all.entries, `${answer.entries} of ${all.entries}`);
  assert.is((await json('import', back, '--data', hq)).fresh, answer.entries);
  assert.is((await office.node.services.orders.get(sold))?.number, 'B001-000001');
  assert.is((await json('import', back, '--data', hq)).fresh, 0);
  assert.equal(await heads(hq), await heads(shop));
  assert.match(await refusal('export', '--to', back, '--data', shop), /^error INVALID_REQUEST: cannot write/);
  assert.match((await branchline(['verify', '--data', shop])).out, /Not checked: .* the node is running/);
});

test('the same while neither runs: what a stick brought is there at the next start', async () => {
  await using dir = await TempDir.open('stick');
  const { hq, shop } = await chain(dir);
  const branch = await start({ data: shop });
  const sold = await sell(branch);
  await branch.close();
  const stick = join(dir.path, 'stick');
  await json('export', '--to', stick, '--data', shop);
  const { fresh, entries } = await json('import', stick, '--data', hq);
  assert.ok(fresh > 0 && fresh < entries);
  assert.equal(await heads(hq), await heads(shop));
  await using office = await start({ data: hq });
  assert.is((await office.node.services.orders.get(sold))?.number, 'B001-000001');
  await office.node.settle();
  assert.is((await office.node.services.stock.get('CHAIR', 'B001'))?.onHandMilli, -1000);
});

test('a relay takes sticks too, running or not', async () => {
  await using dir = await TempDir.open('stick');
  const relay = join(dir.path, 'relay');
  await branchline(['init', '--data', relay, '--tenant', 'acme']);
  await branchline(['branch', 'add', 'B001', '--data', relay]);
  const stick = join(dir.path, 'stick');
  const { entries } = await json('export', '--to', stick, '--data', relay);
  assert.equal(await json('import', stick, '--data', relay), {
    file: stick,
    entries,
    fresh: 0,
    refused: [],
  });
});

test('G9: a damaged, cut or foreign bundle is refused with a code and changes nothing', async () => {
  await using dir = await TempDir.open('stick');
  const { hq, shop } = await chain(dir);
  const branch = await start({ data: shop });
  for (let count = 0; count < 20; count += 1) {
    await sell(branch);
  }
  await branch.close();
  const stick = join(dir.path, 'stick');
  await json('export', '--to', stick, '--data', shop);
  const whole = await readFile(stick);
  const other = await chain(dir, 'other');
  const foreign = join(dir.path, 'foreign');
  await json('export', '--to', foreign, '--data', other.shop);
  const cases: [name: string, bytes: Uint8Array][] = [
    ['cut', whole.subarray(0, whole.length - 1)],
    ['half', whole.subarray(0, whole.length >> 1)],
    ['changed', Buffer.from(whole.map((byte, at) => (at === whole.length - 40 ? byte ^ 1 : byte)))],
    ['text', Buffer.from('sku;name\n1;Chair\n')],
    ['empty', Buffer.alloc(0)],
    ['huge record', Buffer.concat([whole.subarray(0, 20), Buffer.alloc(64, 0xff)])],
    ['foreign', await readFile(foreign)],
  ];
  const before = await heads(hq);
  for (const state of ['stopped', 'running'] as const) {
    const office = state === 'running' ? await start({ data: hq }) : undefined;
    for (const [name, bytes] of cases) {
      const file = join(dir.path, `${state}-${name}`);
      await writeFile(file, bytes);
      assert.match(await refusal('import', file, '--data', hq), /^error BUNDLE_INVALID: .*bundle/, name);
    }
    assert.match(
      await refusal('import', join(dir.path, 'missing'), '--data', hq),
      /^error INVALID_REQUEST: cannot read/,
    );
    await office?.close();
    assert.equal(await heads(hq), before, state);
  }
});

test('S-10: verify finds a row altered by hand in the data of a stopped node', async () => {
  await using dir = await TempDir.open('stick');
  const { shop } = await chain(dir);
  const branch = await start({ data: shop });
  await sell(branch);
  await sell(branch, 'LAMP');
  await branch.close();
  const { projections } = await json('verify', '--data', shop);
  assert.is(projections.checked, true);
  assert.is(projections.position, projections.journalEnd);
  assert.ok(projections.rows >= 10 && projections.documents >= 1);

  const [feed] = (await heads(shop))[0]!.split(' ');
  const tamper = async (change: (text: string) => string): Promise<void> => {
    const level = new Level<string, string>(join(shop, 'index'));
    const rows = level.sublevel('rows');
    await rows.put('s/B001/CHAIR', change((await rows.get('s/B001/CHAIR'))!));
    await level.close();
  };
  await tamper((text) => text.replace('"onHandMilli":-1000', '"onHandMilli":9000'));
  const found = await refusal('verify', '--data', shop);
  assert.match(found, /^error VERIFY_FAILED: stock s\/B001\/CHAIR is not what the feeds give: /);
  assert.match(found, /expected onHandMilli -1000, found onHandMilli 9000\. .*index/);
  const one = await json('verify', '--feed', feed!, '--data', shop);
  assert.is(one.projections.checked, false);
  await tamper((text) => text.replace('"onHandMilli":9000', '"onHandMilli":-1000'));
  assert.is((await branchline(['verify', '--data', shop])).code, 0);
});

test.run();
