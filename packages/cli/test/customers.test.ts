// limit: 60 s
/** An erasure as a user meets it, on real disks: afterwards no byte of any folder tells the name or the phone. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirectory, type NodeConfigInput, NodeProgram, readConfig } from '@branchline/node';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { until } from '../../../test/support/within.ts';
import { branchline } from './support/command-line.ts';

const test = suite('branchline customers');

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock(), random: seededRandom(1), log };
const NAME = 'Аделаида Прекрасная';
const PHONE = '+79123456789';
const SECRETS = [NAME, 'Аделаида', PHONE, '9123456789', 'adelaida@example.org'];

const start = (flags: NodeConfigInput) =>
  NodeProgram.open(ports, readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }));

const request = <Body>(body: Body, key = randomBytes(8).toString('hex')) => ({
  key,
  fingerprint: 'f'.repeat(64),
  till: { till: 'T1', role: 'admin' as const },
  body,
});

async function bytesBelow(folder: string): Promise<{ path: string; bytes: Buffer }[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((each) => each.isFile()).map((each) => join(each.parentPath, each.name));
  return Promise.all(files.map(async (path) => ({ path, bytes: await readFile(path) })));
}

async function telling(folder: string, secrets: readonly (string | Buffer)[]): Promise<string[]> {
  const files = await bytesBelow(folder);
  return files.flatMap(({ path, bytes }) =>
    secrets.some((secret) => bytes.includes(typeof secret === 'string' ? Buffer.from(secret) : secret))
      ? [path]
      : [],
  );
}

test('erase, the act as a file, and not a byte of it in any folder, nor of the key', async () => {
  await using dir = await TempDir.open('customers');
  const [hqData, shopData] = [join(dir.path, 'hq'), join(dir.path, 'b001')];
  await mkdir(hqData);
  await new DataDirectory(hqData).readOrMakeKey('authority');
  await writeFile(join(hqData, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
  const hq = await start({ data: hqData });
  const [issued] = await hq.node.services.branches!.add([{ code: 'B001', role: 'branch' }], undefined);
  let shop = await start({ data: shopData, peers: [hq.url], token: issued!.token });
  await shop.node.services.customers.put(
    'anna',
    request({ name: NAME, phone: PHONE, email: 'adelaida@example.org' }),
  );
  await shop.node.services.customers.put('boris', request({ name: 'Борис' }));
  await until(20_000, 'both customers at head office', async () => {
    const names = ['anna', 'boris'].map(async (id) => (await hq.node.services.customers.get(id))?.name);
    return (await Promise.all(names)).every((name) => name !== undefined);
  });
  const keyEntries = [...shop.node.feeds().values()].filter(({ feed }) => feed.startsWith('keys/'));
  assert.is(keyEntries.length, 1);

  // The key, out of the journal: `anna`, its id (12 characters), a byte string of 32.
  const segment = (await bytesBelow(shopData)).find(({ path }) => path.endsWith('.seg'))!.bytes;
  const named = segment.indexOf(Buffer.from('anna\x6c', 'latin1'));
  const begins = segment.indexOf(Buffer.from([0x58, 0x20]), named) + 2;
  const key = Buffer.from(segment.subarray(begins, begins + 32));
  assert.ok(named > 0 && begins - named < 32, 'the key stands where it is looked for');
  for (const folder of [hqData, shopData]) {
    assert.is((await telling(folder, [key])).length, 1, 'in the journal and nowhere else');
  }

  // A backup from before.
  await shop.close();
  const backup = join(dir.path, 'backup');
  await cp(shopData, backup, { recursive: true });
  shop = await start({ data: shopData, peers: [hq.url] });

  const act = join(dir.path, 'act.json');
  const { code, out, err } = await branchline([
    ...['customers', 'erase', 'anna', '--data', hqData],
    ...['--reason', 'asked for in writing', '--act', act],
  ]);
  assert.is(code, 0, err);
  assert.match(out, /Every device has done it/);
  const written = JSON.parse(await readFile(act, 'utf8'));
  assert.is(written.complete, true);
  assert.is(written.reason, 'asked for in writing');
  assert.equal(
    written.devices.map(({ state }: { state: string }) => state),
    ['destroyed', 'destroyed'],
  );
  const again = await branchline(['customers', 'act', 'anna', '--data', hqData, '--json']);
  assert.is(JSON.parse(again.out).complete, true);
  const refused = await branchline(['customers', 'erase', 'nobody', '--data', hqData, '--reason', 'x']);
  assert.is(refused.code, 1);
  assert.match(refused.err, /CUSTOMER_NOT_FOUND/);
  assert.is((await shop.node.services.customers.get('boris'))?.name, 'Борис');
  await shop.close();

  // Put back, it knows the name; at its first contact it destroys the key again.
  assert.is((await telling(backup, [key])).length, 1, 'the backup holds the key');
  await rm(shopData, { recursive: true });
  await cp(backup, shopData, { recursive: true });
  await writeFile(join(shopData, 'restored.json'), JSON.stringify({ times: 1 }));
  shop = await start({ data: shopData, mode: 'offline' });
  assert.is((await shop.node.services.customers.get('anna'))?.name, NAME, 'nobody could tell it yet');
  await shop.close();
  shop = await start({ data: shopData, peers: [hq.url] });
  await until(20_000, 'the erasure done again', async () => {
    const keys = [...shop.node.feeds().values()].filter(({ feed }) => feed.startsWith('keys/'));
    const isShredded = keys.every(({ feed, base }) => feed !== keyEntries[0]!.feed || base.seq > 0);
    return isShredded && (await shop.node.services.customers.get('anna'))?.erased === true;
  });
  assert.is((await shop.node.services.customers.get('anna'))?.name, undefined);
  assert.is((await shop.node.services.customers.get('boris'))?.name, 'Борис');
  await shop.close();
  await hq.close();
  for (const folder of [hqData, shopData]) {
    assert.equal(await telling(folder, [...SECRETS, key]), []);
  }
  const { code: verified, out: words } = await branchline(['verify', '--data', shopData]);
  assert.is(verified, 0, words);
});

test.run();
