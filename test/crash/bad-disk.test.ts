// limit: 900 s
/**
 * Disks that fail under a real node: full, broken at the Nth operation, suddenly read-only, in use by another. Each ends the same way: the node
 * stops by itself with the code for a failed disk, the next start is whole, and every acknowledged sale is there.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { within } from '../support/within.ts';
import {
  type Chain,
  chain,
  copy,
  type Folder,
  headOffice,
  serveNode,
  serveRelay,
} from './support/folders.ts';
import { Mounted, needRoot } from './support/mounted.ts';
import { command, Program } from './support/program.ts';
import { Tills } from './support/tills.ts';
import { verifyFolder } from './support/trial.ts';

/** What a program ends with when its disk failed. */
const DISK_FAILED = 74;
const SALES = 40;
const MIB = 1024 * 1024;

const test = suite('a disk that fails');
let base: TempDir;
let prepared: Folder;
let made: Chain;
let cases = 0;

test.before(async () => {
  await needRoot('strace', 'mount');
  base = await TempDir.open('bad-disk');
  prepared = await headOffice(join(base.path, 'hq'));
  made = await chain(join(base.path, 'chain'));
});
test.after(() => base[Symbol.asyncDispose]());

/** The node ended by itself; now the disk is good again: everything acknowledged is there, and it sells on. */
async function isWhole(data: string, tills: Tills): Promise<void> {
  await using again = new Program(serveNode(data));
  const url = await again.url();
  await tills.settle(url);
  assert.equal(await tills.sell(url, { total: 2 }), []);
  await tills.settle(url);
  assert.is((await again.stop()).code, 0);
  await verifyFolder(data);
  cases += 1;
}

const INJECTIONS: readonly (readonly [name: string, expression: string, path?: string])[] = [
  ...[1, 2, 3, 5, 8, 13, 21].map(
    (nth) => [`EIO at fdatasync ${nth}`, `fdatasync:error=EIO:when=${nth}`] as const,
  ),
  ...[2, 4, 8, 15].map(
    (nth) => [`ENOSPC at fdatasync ${nth}`, `fdatasync:error=ENOSPC:when=${nth}`] as const,
  ),
  ...[3, 6, 12].map(
    (nth) =>
      [`ENOSPC at write ${nth} of the journal`, `write,pwrite64:error=ENOSPC:when=${nth}+`, 'seg'] as const,
  ),
  ...[3, 6, 12].map(
    (nth) => [`EIO at write ${nth} of the journal`, `write,pwrite64:error=EIO:when=${nth}+`, 'seg'] as const,
  ),
  ...[1, 2].map((nth) => [`EIO at rename ${nth}`, `rename:error=EIO:when=${nth}+`] as const),
  ['EIO at fsync 2', 'fsync:error=EIO:when=2'],
];

for (const [name, expression, about] of INJECTIONS) {
  test(`${name}: the node stops, and the next start is whole`, async () => {
    await using dir = await TempDir.open('bad-disk');
    const data = await copy(prepared.data, join(dir.path, 'hq'));
    const tills = new Tills(prepared.token);
    const only = about === undefined ? [] : ['-P', join(data, 'journal', '0000000000000001-0.seg')];
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', ...only, '-e', `inject=${expression}`];
    await using node = new Program(serveNode(data), { under, environment: { UV_THREADPOOL_SIZE: '1' } });
    const said = await node.listening();
    if (said !== undefined) {
      await tills.sell(said.url as string, { total: SALES });
      // A fault that only the end of the program meets.
      if (tills.acknowledged.length === SALES) node.child.kill('SIGTERM');
    }
    const { code, err } = await node.end();
    assert.ok(code !== 0 || tills.acknowledged.length === SALES, `ended with ${code}: ${err}`);
    await isWhole(data, tills);
  });
}

test('a full disk: refused in words, nothing acknowledged is lost, and it sells again when there is room', async () => {
  await using dir = await TempDir.open('bad-disk');
  await using disk = await Mounted.tmpfs(dir.path, 96 * MIB);
  const data = await copy(prepared.data, join(disk.path, 'hq'));
  const tills = new Tills(prepared.token);
  await using node = new Program(serveNode(data));
  const url = await node.url();
  assert.equal(await tills.sell(url, { total: 10 }), []);
  const filler = join(disk.path, 'filler');
  await fill(filler);
  await tills.sell(url, { total: 60 });
  const stopped = await within(
    20_000,
    'the node stopping or refusing',
    Promise.race([node.ended, refusal(url, tills)]),
  );
  if (stopped !== 'refused') {
    assert.is((stopped as { code: number }).code, DISK_FAILED);
  }
  await node.kill().catch(() => undefined);
  await writeFile(filler, '');
  await isWhole(data, tills);
});

async function refusal(url: string, tills: Tills): Promise<string> {
  const refusals = await tills.sell(url, { total: 1 });
  return refusals.some((words) => words.includes('STORE_FULL') || words.includes('DISK'))
    ? 'refused'
    : await new Promise(() => {});
}

/** Until there is not a byte left. */
async function fill(path: string): Promise<void> {
  const { open } = await import('node:fs/promises');
  const file = await open(path, 'w');
  try {
    for (const size of [MIB, 4096]) {
      const block = Buffer.alloc(size, 1);
      for (let full = false; !full; ) {
        full = await file.write(block).then(
          ({ bytesWritten }) => bytesWritten === 0,
          () => true,
        );
      }
    }
  } finally {
    await file.close();
  }
}

test('a disk that becomes read-only: the node stops, is refused while it is so, and is whole afterwards', async () => {
  await using dir = await TempDir.open('bad-disk');
  await using disk = await Mounted.ext4(dir.path);
  const data = await copy(prepared.data, join(disk.path, 'hq'));
  const tills = new Tills(prepared.token);
  await using node = new Program(serveNode(data));
  const url = await node.url();
  assert.equal(await tills.sell(url, { total: 10 }), []);
  // A file system open for writing cannot be remounted; one that met an error makes itself read-only, as this does.
  const before = new Set(tills.acknowledged);
  await disk.turnReadOnly();
  await tills.sell(url, { total: 4 });
  assert.is((await node.end()).code, DISK_FAILED);
  for (const sale of tills.acknowledged) {
    assert.ok(before.has(sale), 'nothing is acknowledged by a disk that takes nothing');
  }
  await using refused = new Program(serveNode(data));
  const { code, err } = await refused.end();
  assert.is(code, 1);
  assert.match(err, /error [A-Z_]+: /);
  await disk.repair();
  await isWhole(data, tills);
});

test('a second program on the same folder is refused, and the first goes on: node, relay, and commands', async () => {
  for (const args of [serveNode(made.branch.data), serveRelay(made.relay)]) {
    await using first = new Program(args);
    const url = await first.url();
    await using second = new Program(args);
    const { code, err } = await second.end();
    assert.is(code, 1);
    assert.match(err, /error (NODE|RELAY|STORE)_LOCKED/);
    assert.is((await fetch(`${url}/readyz`)).status, 200);
    assert.is((await command(['verify', '--data', args[2]!])).code, 0, 'verify reads while it runs');
    await first.stop();
  }
  cases += 1;
});

test('every case ended in stop and verify', () => {
  assert.is(cases, INJECTIONS.length + 3);
  figure('disk faults ended in stop-and-verify', cases, `${INJECTIONS.length + 3}`);
});

test.run();
