/** Rows: what was put is read at once, reaches LevelDB with its position or not at all, and is bounded on the way. */
import { ManualClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FoldedRows } from '../src/projections/folded-rows.ts';
import { after, ordinal } from '../src/projections/row-keys.ts';
import {
  DIRTY_ROWS_MAX,
  GATHER_MS,
  GATHERED_ROWS_MAX,
  type RowLevel,
  Rows,
} from '../src/projections/rows.ts';

const rowTests = suite('rows');

const newLevel = (): RowLevel =>
  new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' }) as unknown as RowLevel;

const open = (level = newLevel(), onFailure: (error: Error) => void = () => {}) =>
  Rows.open({ level, onFailure });

const all = async (rows: Rows, prefix: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const [key, text] of rows.texts({ after: prefix, below: after(prefix) })) {
    found.push(`${key}=${text}`);
  }
  return found;
};

rowTests('are read as written before they reach LevelDB, and after', async () => {
  const level = newLevel();
  const rows = await open(level);
  rows.putText('o/1', 'one');
  rows.putBytes('d/1', new Uint8Array([1, 2, 3]));
  assert.is(await rows.getText('o/1'), 'one');
  assert.equal(await rows.getTexts(['o/2', 'o/1']), [undefined, 'one']);
  await rows.flush();
  rows.remove('o/1');
  assert.is(await rows.getText('o/1'), undefined);
  assert.equal(Array.from((await rows.getBytes('d/1')) ?? []), [1, 2, 3]);
  rows.putText('o/3', 'three');
  assert.equal(await all(rows, 'o/'), ['o/3=three']);
  await rows.close();
  assert.is(await level.get('o/3'), 'three');
});

rowTests('wait GATHER_MS for others, so that many commits are one batch', async () => {
  const level = newLevel();
  const clock = new ManualClock();
  const rows = await Rows.open({ level, onFailure: () => {}, clock });
  for (let position = 1; position <= 3; position += 1) {
    rows.putText('s/1', String(position));
    rows.cover(position);
    rows.startFlush();
  }
  assert.is(await level.get('s/1'), undefined);
  await clock.advance(GATHER_MS);
  await rows.flush();
  assert.is(await level.get('s/1'), '3');
  assert.is(rows.flushedPosition, 3);
  await rows.close();
});

rowTests('do not wait when there are GATHERED_ROWS_MAX of them', async () => {
  const level = newLevel();
  const rows = await Rows.open({ level, onFailure: () => {}, clock: new ManualClock() });
  for (let row = 0; row < GATHERED_ROWS_MAX; row += 1) {
    rows.putText(`o/${row}`, 'one');
  }
  rows.cover(1);
  rows.startFlush();
  while (rows.flushedPosition === 0) {
    await Promise.resolve();
  }
  assert.is(await level.get('o/7'), 'one');
  await rows.close();
});

rowTests('carry the position they cover, also over a restart', async () => {
  const level = newLevel();
  const rows = await open(level);
  rows.putText('o/1', 'one');
  rows.cover(7);
  assert.is(rows.position, 7);
  assert.is(rows.flushedPosition, 0);
  await rows.flush();
  assert.is((await open(level)).position, 7);
});

rowTests(
  'G1: however many, rows and their position are one batch: a crash leaves all of it or nothing',
  async () => {
    const batches: number[] = [];
    const level = newLevel();
    const batch = level.batch.bind(level) as (operations: unknown[]) => Promise<void>;
    Object.assign(level, {
      batch: (operations: unknown[]) => {
        batches.push(operations.length);
        return batch(operations);
      },
    });
    const rows = await open(level);
    for (let count = 0; count < DIRTY_ROWS_MAX; count += 1) {
      rows.putText(`o/${ordinal(count)}`, '');
    }
    rows.cover(1);
    await rows.flush();
    assert.equal(batches, [DIRTY_ROWS_MAX + 1]);
  },
);

rowTests('writers that get too far ahead are made to wait', async () => {
  const rows = await open();
  for (let count = 0; count <= DIRTY_ROWS_MAX; count += 1) {
    rows.putText(`o/${count}`, '');
  }
  await rows.settled();
  assert.is(rows.dirtyCount, 0);
  rows.putText('o/x', '');
  await rows.settled();
  assert.is(rows.dirtyCount, 1);
});

rowTests('a LevelDB that fails is told once, and nothing more is taken for kept', async () => {
  const level = newLevel();
  let failure: Error | undefined;
  const rows = await open(level, (error) => {
    failure = error;
  });
  Object.assign(level, { batch: () => Promise.reject(new Error('EIO')) });
  rows.putText('o/1', 'one');
  const flushed = await rows.flush().then(
    () => 'flushed',
    (error: Error) => error.message,
  );
  assert.is(flushed, 'EIO');
  assert.is(failure?.message, 'EIO');
});

rowTests('folded rows stay while somebody is about to fold them, and are bounded otherwise', async () => {
  const rows = await open();
  const folded = new FoldedRows<number>(rows, { heldMax: 3 });
  await folded.prepare(['a', 'b', 'c', 'd', 'e']);
  assert.is(folded.heldCount, 5);
  for (const key of ['a', 'b', 'c', 'd']) {
    folded.fold(key, (before) => (before ?? 0) + 1);
  }
  folded.forget('e');
  assert.is(folded.heldCount, 3);
  assert.is(await folded.get('a'), 1);
  await Promise.all([folded.prepare(['a']), folded.prepare(['a'])]);
  folded.fold('a', (before) => before! + 1);
  folded.fold('a', (before) => before! + 1);
  assert.is(await rows.getText('a'), '3');
  assert.throws(() => folded.fold('a', () => 0), /not prepared/);
});

rowTests.run();
