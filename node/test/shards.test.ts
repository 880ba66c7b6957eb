/** Documents over feeds: changes of others in any order, in any amount, some of them poison; rows follow exactly. */
import {
  type Cell,
  catalogDoc,
  type DocName,
  Documents,
  docCollection,
  editProduct,
  type WriterId,
} from '@branchline/docs';
import { ManualClock, ZERO_STAMP } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProjectedEntry } from '../src/projections/projection.ts';
import { type RowLevel, Rows } from '../src/projections/rows.ts';
import { PENDING_BYTES_MAX, type RowSink, Shards, SNAPSHOT_AFTER_BYTES } from '../src/projections/shards.ts';

const shardTests = suite('shards');

const here = 'aaaaaaaaaaaaaaaa' as WriterId;
const there = 'bbbbbbbbbbbbbbbb' as WriterId;
const doc = catalogDoc('SKU');
const clock = new ManualClock();

interface Change {
  readonly doc: DocName;
  readonly bytes: Uint8Array;
}

/** What rows would show: the last value of each cell. */
class Sink implements RowSink {
  readonly cells = new Map<string, unknown>();
  async prepare(): Promise<void> {}
  forget(): void {}
  patch(_doc: DocName, cells: readonly Cell[]): void {
    for (const { key, value } of cells) {
      this.cells.set(key, value);
    }
  }
}

class Scene {
  readonly sink = new Sink();
  readonly quarantined: string[] = [];
  readonly rows: Rows;
  shards!: Shards;
  #position: number;

  private constructor(rows: Rows) {
    this.rows = rows;
    this.#position = rows.position;
  }

  static async open(level = newLevel()): Promise<Scene> {
    const scene = new Scene(await Rows.open({ level, onFailure: () => {} }));
    scene.shards = await Shards.open({
      rows: scene.rows,
      writer: here as never,
      clock,
      sinks: { catalog: scene.sink, stock: scene.sink, loyalty: scene.sink },
      onQuarantined: (_doc, _writer, code) => scene.quarantined.push(code),
      onFailure: (error) => {
        throw error;
      },
    });
    return scene;
  }

  take({ doc: name, bytes }: Change, writer = there): void {
    this.#position += 1;
    const entry = {
      collection: docCollection(name),
      kind: 'change',
      body: { doc: name, change: bytes },
      writer,
      hlc: ZERO_STAMP,
      position: this.#position,
      index: 0,
      local: false,
      replayed: false,
    };
    this.shards.apply(entry as unknown as ProjectedEntry);
    this.rows.cover(this.#position);
  }
}

function newLevel(): RowLevel {
  return new MemoryLevel<string, string>({
    keyEncoding: 'utf8',
    valueEncoding: 'utf8',
  }) as unknown as RowLevel;
}

/** Changes another device made, one after another. */
async function changesOf(writer: WriterId, texts: readonly string[]): Promise<Change[]> {
  const documents = new Documents({ clock, source: { load: async () => ({ changes: [] }) } });
  const made: Change[] = [];
  for (const [index, text] of texts.entries()) {
    const change = await documents.change(doc, writer, [
      editProduct('SKU', { name: text, priceMinor: index }),
    ]);
    documents.settle([change!]);
    made.push(change!);
  }
  return made;
}

const nameOf = (scene: Scene) => scene.sink.cells.get('SKU/name');

shardTests('changes in the wrong order wait for their predecessors, over a restart too', async () => {
  const [first, second, third] = await changesOf(there, ['one', 'two', 'three']);
  const level = newLevel();
  const scene = await Scene.open(level);
  scene.take(third!);
  scene.take(second!);
  await scene.shards.materialiseAll();
  assert.is(nameOf(scene), undefined);
  assert.is(scene.shards.counts.pendingDocuments, 1);
  await scene.rows.flush();

  const again = await Scene.open(level);
  again.take(first!);
  await again.shards.materialiseAll();
  assert.is(nameOf(again), 'three');
  assert.is(again.shards.counts.pendingDocuments, 0);
});

shardTests('a change that can never be applied is set aside with an alarm; the others go on', async () => {
  const [first, second] = await changesOf(there, ['one', 'two']);
  const scene = await Scene.open();
  scene.take(first!);
  scene.take({ doc, bytes: new Uint8Array([1, 2, 3]) });
  scene.take(second!, here);
  scene.take(second!);
  await scene.shards.materialiseAll();
  assert.is(nameOf(scene), 'two');
  assert.is(scene.quarantined.length, 2);
  assert.is(scene.shards.counts.quarantined, 2);
});

shardTests('a change in a feed of another collection, or of no document, is no change', async () => {
  const [first] = await changesOf(there, ['one']);
  const scene = await Scene.open();
  assert.throws(
    () => scene.take({ doc: 'catalog/999' as DocName, bytes: first!.bytes }),
    /there is no document/,
  );
  assert.throws(() => scene.take({ doc: 7 as unknown as DocName, bytes: first!.bytes }));
});

shardTests('more pending changes than fit into memory are read back from their rows', async () => {
  const text = (index: number) => `${index} ${'x'.repeat(200)}`;
  const [first] = await changesOf(there, [text(0)]);
  const scene = await Scene.open();
  // The same change many times over: applied once, known ever after, but each of them has to wait somewhere.
  const times = Math.ceil(PENDING_BYTES_MAX / first!.bytes.length) + 10;
  for (let count = 0; count < times; count += 1) {
    scene.take(first!);
  }
  await scene.shards.materialiseAll();
  assert.is(nameOf(scene), text(0));
  assert.is(scene.shards.counts.pendingDocuments, 0);
});

shardTests(
  'a snapshot stands in for the changes it holds, and the document is the same after a restart',
  async () => {
    const texts = Array.from({ length: 400 }, (_, index) => `name ${index} ${'y'.repeat(150)}`);
    const changes = await changesOf(there, texts);
    const level = newLevel();
    const scene = await Scene.open(level);
    for (const change of changes) {
      scene.take(change);
    }
    await scene.shards.materialiseAll();
    assert.is(scene.shards.nextToSnapshot(), doc, `${SNAPSHOT_AFTER_BYTES} bytes of changes`);
    const heads = await scene.shards.heads(doc);
    await scene.shards.snapshot(doc);
    await scene.rows.flush();
    assert.is(scene.shards.nextToSnapshot(), undefined);
    const kept = await level.keys({ gt: 'dm/', lt: 'dm0' }).all();
    assert.equal(kept, []);
    const again = await Scene.open(level);
    assert.equal(await again.shards.heads(doc), heads);
  },
);

shardTests('changes of others that arrive while we change the document are underneath ours', async () => {
  const [theirs] = await changesOf(there, ['theirs']);
  const scene = await Scene.open();
  scene.take(theirs!);
  const draft = await scene.shards.change(doc, [editProduct('SKU', { name: 'ours' })], ZERO_STAMP);
  assert.is(nameOf(scene), 'theirs');
  assert.ok(draft !== undefined && scene.shards.isChanging(doc));
  scene.shards.abandon([draft!]);
  assert.is(scene.shards.isChanging(doc), false);
  assert.equal(await scene.shards.heads(doc), await headsAfter([theirs!]));
});

async function headsAfter(changes: readonly Change[]): Promise<string[]> {
  const documents = new Documents({ clock, source: { load: async () => ({ changes: [] }) } });
  await documents.apply(
    doc,
    changes.map(({ bytes }) => ({ writer: there, bytes })),
  );
  return await documents.heads(doc);
}

shardTests.run();
