/**
 * Defects of automerge-repo 2.5.6 that would reach us, each shown where it is ours to avoid.
 *
 * Where showing the library's own behaviour is cheap, the test shows that too: when it changes, the way around it can go.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AutomergeUrl,
  type DocumentId,
  type PeerId,
  Repo,
  type StorageId,
} from '@automerge/automerge-repo';
import { BrowserWebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { ManualClock, systemClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { endSoon, until } from '../../../test/support/within.ts';
import {
  LevelStorageAdapter,
  type RepoError,
  SocketServerAdapter,
  SteadyClientAdapter,
  type StorageLevel,
} from '../src/index.ts';
import {
  KEY_CHARS_MAX,
  KEY_PARTS_MAX,
  VALUE_BYTES_MAX,
  WRITE_RETRY_MS,
  WRITE_TRIES_MAX,
} from '../src/level-storage.ts';
import { evictDocument, flushReady, keepSyncStates } from '../src/steady-repo.ts';
import { Listening } from './support/sockets.ts';

const test = suite('defects of automerge-repo 2.5.6');
const clock = systemClock();
const failures: RepoError[] = [];
const newLevel = () => new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
const open = (level = newLevel()) =>
  LevelStorageAdapter.open({
    level: level as unknown as StorageLevel,
    clock,
    onFailure: (error) => failures.push(error),
  });
interface Small {
  text: string;
}
const contentOf = async (storage: LevelStorageAdapter, url: AutomergeUrl): Promise<string | undefined> =>
  (await new Repo({ storage }).find<Small>(url)).doc().text;

test('evicting a document from a Repo does not empty the stored one', async () => {
  const storage = await open();
  const repo = new Repo({ storage, saveDebounceRate: 1 });
  const handle = repo.create<Small>({ text: 'kept' });
  await repo.flush();
  // The library's own way: the storage keeps what the empty snapshot was to replace.
  await repo.removeFromCache(handle.documentId);
  await flushReady(repo);
  await clock.sleep(20);
  assert.is(await contentOf(storage, handle.url), 'kept');
});

test('ours takes it out of memory and stores what was not stored yet', async () => {
  const storage = await open();
  const repo = new Repo({ storage, saveDebounceRate: 60_000 });
  const handle = repo.create<Small>({ text: 'first' });
  await repo.flush();
  handle.change((doc) => {
    doc.text = 'second';
  });
  assert.ok(await evictDocument(repo, handle.documentId));
  assert.is(repo.handles[handle.documentId], undefined);
  assert.is(await contentOf(storage, handle.url), 'second');
  assert.not(await evictDocument(repo, handle.documentId));
});

test('a document that is not there does not keep the others from being stored', async () => {
  const repo = new Repo({ storage: await open() });
  const handle = repo.create<Small>({ text: 'here' });
  await repo.find('automerge:2j9knpCseyhnK8izDmLpGP5WMdZQ' as AutomergeUrl).catch(() => undefined);
  assert.is(
    await repo.flush().then(
      () => '',
      (error: Error) => error.name,
    ),
    'Error',
  );
  await flushReady(repo);
  assert.ok(handle.isReady());
});

test('a write that fails is tried again, and the Repo never hears of it', async () => {
  const level = newLevel();
  const storage = await open(level);
  const batch = level.batch.bind(level);
  let broken = 2;
  level.batch = ((operations: never) => {
    if (broken-- > 0) {
      throw new Error('EIO');
    }
    return batch(operations);
  }) as typeof level.batch;
  await storage.save(['doc', 'snapshot', 'a'], new Uint8Array([1]));
  assert.equal(await storage.load(['doc', 'snapshot', 'a']), new Uint8Array([1]));
  assert.not(storage.isFailed);
});

test('a write that fails for good stops the storage with an alarm, not the process', async () => {
  const manual = new ManualClock(0);
  const level = newLevel();
  const told: RepoError[] = [];
  const options = {
    level: level as unknown as StorageLevel,
    clock: manual,
    onFailure: (error: RepoError) => told.push(error),
  };
  const storage = await LevelStorageAdapter.open(options);
  level.batch = (() => {
    throw new Error('EIO');
  }) as unknown as typeof level.batch;
  let settled = false;
  const end = (): void => {
    settled = true;
  };
  void storage.save(['doc', 'snapshot', 'a'], new Uint8Array([1])).then(end, end);
  for (let n = 0; n < WRITE_TRIES_MAX + 1; n++) {
    await manual.advance(WRITE_RETRY_MS * 2 ** n);
  }
  await until(30_000, 'an alarm', () => told.length > 0);
  assert.is(told[0]?.code, 'REPO_STORAGE');
  assert.ok(told[0]?.hint);
  assert.ok(storage.isFailed);
  assert.not(settled);
});

test('keys are paths: a prefix ends where an element ends, and bounds are named', async () => {
  const storage = await open();
  await storage.save(['doc', 'a'], new Uint8Array([1]));
  await storage.save(['document', 'a'], new Uint8Array([2]));
  assert.is((await storage.loadRange(['doc'])).length, 1);
  assert.is((await storage.loadRange([])).length, 2);
  const code = (work: Promise<unknown>) =>
    work.then(
      () => '',
      (error: RepoError) => error.code,
    );
  for (const key of [
    [],
    [''],
    ['a\0b'],
    ['x'.repeat(KEY_CHARS_MAX + 1)],
    Array(KEY_PARTS_MAX + 1).fill('a'),
  ]) {
    assert.is(await code(storage.load(key)), 'REPO_KEY');
  }
  const huge = { length: VALUE_BYTES_MAX + 1 } as Uint8Array;
  assert.is(await code(storage.save(['a'], huge)), 'REPO_VALUE');
});

test('values are plain bytes, also after the level was opened again', async () => {
  const level = newLevel();
  await (await open(level)).save(['a', 'b'], Buffer.from([1, 2]));
  const again = await open(level);
  const data = await again.load(['a', 'b']);
  assert.is(Object.getPrototypeOf(data), Uint8Array.prototype);
  await again.save(['a', 'a'], new Uint8Array([3]));
  assert.equal(
    (await again.loadRange(['a'])).map(({ key }) => key[1]),
    ['b', 'a'],
  );
});

test('a name that does not resolve and a server that answers with an error are tried again', async () => {
  let statuses = [401, 404, 503];
  const refusing = createServer();
  refusing.on('upgrade', (_request, socket) => {
    const status = statuses.shift() ?? 503;
    socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  const { port } = refusing.address() as AddressInfo;
  const adapters = [`ws://127.0.0.1:${port}`, 'ws://no-such-host.invalid'].map(
    (url) => new SteadyClientAdapter(url, 20),
  );
  for (const adapter of adapters) {
    adapter.connect('me' as PeerId);
  }
  await until(30_000, 'three refusals', () => statuses.length === 0);
  statuses = [];
  for (const adapter of adapters) {
    Object.assign(adapter, { retryInterval: 0 });
    adapter.disconnect();
  }
  await new Promise((resolve) => refusing.close(resolve));
});

test('a change while the socket is closing neither throws nor is lost', async () => {
  const server = new SocketServerAdapter({ clock });
  const listening = await Listening.open((socket) => server.accept(socket, { owner: 'a' }));
  const hub = new Repo({ network: [server] });
  const adapter = new SteadyClientAdapter(listening.url, 20);
  const repo = new Repo({ network: [adapter] });
  const handle = repo.create<Small>({ text: 'before' });
  await until(30_000, 'connected', () => repo.peers.length > 0);
  const there = await hub.find<Small>(handle.url);
  adapter.socket?.close();
  handle.change((doc) => {
    doc.text = 'after';
  });
  await until(30_000, 'converged', () => there.doc().text === 'after');
  Object.assign(adapter, { retryInterval: 0 });
  adapter.disconnect();
  server.disconnect();
  await listening.close();
});

test('what a peer has of each document is stored, not only of the last', async () => {
  const [here, there] = [await open(), await open()];
  const server = new SocketServerAdapter({ clock });
  const listening = await Listening.open((socket) => server.accept(socket, { owner: 'a' }));
  const hub = new Repo({ network: [server], storage: there });
  const adapter = new BrowserWebSocketClientAdapter(listening.url, 20);
  const repo = new Repo({ network: [adapter], storage: here });
  const stop = keepSyncStates(repo, here, { clock, onFailure: (error) => failures.push(error as RepoError) });
  await until(30_000, 'connected', () => repo.peers.length > 0);
  const ids: DocumentId[] = [];
  for (let n = 0; n < 50; n++) {
    ids.push(repo.create<Small>({ text: String(n) }).documentId);
  }
  const storageId = (await hub.storageId()) as StorageId;
  await until(30_000, 'fifty sync states', async () => {
    const kept = await Promise.all(ids.map((id) => here.load([id, 'sync-state', storageId])));
    return kept.every((state) => state !== undefined);
  });
  stop();
  Object.assign(adapter, { retryInterval: 0 });
  adapter.disconnect();
  server.disconnect();
  await listening.close();
});

test.after(() => assert.equal(failures, []));
// Stock clients keep trying for good, whatever is closed.
test.after(endSoon);
test.run();
