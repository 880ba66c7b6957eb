/** The disk port on a real file system. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { FeedError } from '../src/errors.ts';
import { NodeDisk } from '../src/node-disk.ts';

const test = suite('NodeDisk');

test('appends, reads, cuts and lists as the port says', async () => {
  await using home = await TempDir.open('disk');
  const disk = new NodeDisk();
  const dir = `${home.path}/a/b`;
  assert.equal(await disk.list(dir), []);
  const file = await disk.open(`${dir}/one`, 'create');
  await file.append(new Uint8Array([1, 2, 3]));
  await file.append(new Uint8Array([4, 5]));
  await file.datasync();
  assert.is(await file.size(), 5);
  assert.equal([...(await file.read(1, 100))], [2, 3, 4, 5]);
  await file.truncate(2);
  await file.append(new Uint8Array([9]));
  await file.close();
  await disk.syncDir(dir);
  await disk.rename(`${dir}/one`, `${dir}/two`);
  assert.equal(await disk.list(dir), ['two']);
  assert.equal([...(await readFile(`${dir}/two`))], [1, 2, 9]);
  await disk.remove(`${dir}/two`);
  await disk.remove(`${dir}/two`);
  assert.equal(await disk.list(dir), []);
  assert.ok((await disk.freeBytes(dir)) > 0);
});

test('creating never overwrites and appending never creates', async () => {
  await using home = await TempDir.open('disk');
  const disk = new NodeDisk();
  const path = `${home.path}/file`;
  assert.is(await codeOf(disk.open(path, 'append')), 'ENOENT');
  assert.is(await codeOf(disk.open(path, 'read')), 'ENOENT');
  await (await disk.open(path, 'create')).close();
  assert.is(await codeOf(disk.open(path, 'create')), 'EEXIST');
});

test('STORE_LOCKED: one holder at a time; a dead one, or another process with its number, holds nothing', async () => {
  await using home = await TempDir.open('disk');
  const disk = new NodeDisk();
  const path = `${home.path}/LOCK`;
  const unlock = await disk.lock(path);
  assert.is(await codeOf(new NodeDisk().lock(path)), 'STORE_LOCKED');
  await unlock();
  await (await disk.lock(path))();

  // The parent lives, but did not start then: its number was another's.
  await writeFile(path, `${process.ppid} 1 another-boot\n`);
  await (await disk.lock(path))();
  await writeFile(path, '999999999 1 boot\n');
  await (await disk.lock(path))();
  await writeFile(path, 'not a lock\n');
  await (await disk.lock(path))();
});

test('STORE_LOCKED: a living holder of another process is named', async () => {
  await using home = await TempDir.open('disk');
  const disk = new NodeDisk();
  await mkdir(`${home.path}/x`);
  const stat = await readFile(`/proc/${process.ppid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return;
  const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  await writeFile(`${home.path}/LOCK`, `${process.ppid} ${start} ${boot}\n`);
  const error = await disk.lock(`${home.path}/LOCK`).catch((reason: unknown) => reason);
  assert.instance(error, FeedError);
  assert.match((error as FeedError).message, String(process.ppid));
});

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return work.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
}

test.run();
