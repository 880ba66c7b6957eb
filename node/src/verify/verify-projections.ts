/**
 * Whether everything LevelDB holds is what the feeds add up to: products, stock, points, orders, stored answers, tills, the number
 * series, and the documents behind them.
 *
 * Guarantees: a row that was changed, removed or added is found and the first is named; nothing is repaired and no row is written.
 * Rows that lag behind the feeds are what a power cut leaves and no difference: they are compared as of the position they say
 * they cover. The proof is as good as the feeds: run `verifyStore` on the journal first.
 *
 * A store in use is refused (`NODE_LOCKED`): rows that move cannot be compared.
 */
import { cp, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DocName, Documents } from '@branchline/docs';
import { type Appended, CheckpointShelf, NodeDisk, readJournal, type WriterId } from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import { Level } from 'level';
import { NodeError } from '../errors.ts';
import { DataDirectory } from '../files/data-directory.ts';
import { ChangeRows } from '../projections/change-rows.ts';
import { after, rowKeys } from '../projections/row-keys.ts';
import { layoutOf, ROWS_LAYOUT, type RowLevel, Rows } from '../projections/rows.ts';
import { type Rederivation, rederive } from './rederivation.ts';
import { compareRows, type Difference, paired, shown } from './row-difference.ts';

export interface ProjectionsVerified {
  /** Journal position the rows cover, and where the journal ends. */
  readonly position: number;
  readonly journalEnd: number;
  readonly rows: number;
  readonly documents: number;
  /** Devices whose balances are what their business entries add up to, and those of which only part is known here. */
  readonly balances: { readonly devices: number; readonly inPart: number };
  readonly difference: Difference | undefined;
}

export interface CompareOptions {
  /** Called once, with the position up to which commits are wanted. */
  readonly journal: (upTo: number) => AsyncIterable<Appended>;
  readonly journalEnd: number;
  readonly stored: RowLevel;
  /** Empty; rows are made again here. */
  readonly fresh: RowLevel;
  readonly writer: WriterId;
  readonly clock: Clock;
  /** What this node took instead of entries. */
  readonly checkpoints?: CheckpointShelf | undefined;
}

export interface VerifyProjectionsOptions {
  /** Data directory of a node that is not running. */
  readonly data: string;
  /** Last position of the journal, as `verifyStore` found it. */
  readonly journalEnd: number;
  readonly clock: Clock;
  /** Called with the share of the journal that was read again. */
  readonly onProgress?: (done: number) => void;
}

/** Undefined when there are no rows, or those of another release: the next start makes them. */
export async function verifyProjections(
  options: VerifyProjectionsOptions,
): Promise<ProjectionsVerified | undefined> {
  const { data, clock, journalEnd, onProgress } = options;
  const directory = new DataDirectory(data);
  if ((await stat(join(directory.index, 'CURRENT')).catch(() => undefined)) === undefined) {
    return undefined;
  }
  const key = await directory.readKey('device');
  const folder = await mkdtemp(join(tmpdir(), 'branchline-verify-'));
  const fresh = new Level(join(folder, 'fresh'));
  let level: Level | undefined;
  try {
    level = await openStored(directory, join(folder, 'stored'));
    await fresh.open();
    const stored = level.sublevel('rows') as unknown as RowLevel;
    if ((await layoutOf(stored)) !== ROWS_LAYOUT) {
      return undefined;
    }
    return await compareProjections({
      journal: (upTo) =>
        readJournal({
          disk: new NodeDisk(),
          dir: directory.journal,
          upTo,
          ...(onProgress === undefined ? {} : { onProgress }),
        }),
      journalEnd,
      stored,
      fresh: fresh as unknown as RowLevel,
      writer: key?.writer ?? ('' as WriterId),
      clock,
      checkpoints: await CheckpointShelf.open({
        disk: new NodeDisk(),
        dir: directory.checkpoints,
        clock,
        mayVouch: () => true,
      }),
    });
  } finally {
    await level?.close();
    await fresh.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export async function compareProjections(options: CompareOptions): Promise<ProjectionsVerified> {
  const { journal, journalEnd, stored: level, fresh, writer, clock, checkpoints } = options;
  const stored = await Rows.open({ level, onFailure: () => undefined });
  const { position } = stored;
  const verified = { position, journalEnd, rows: 0, documents: 0, balances: { devices: 0, inPart: 0 } };
  if (!(position <= journalEnd)) {
    const expected = `${position} or more, which the rows cover`;
    const difference = { what: 'journal', key: 'its last position', expected, found: String(journalEnd) };
    return { ...verified, difference };
  }
  const made = await rederive({
    journal: journal(position),
    stored,
    level: fresh,
    writer,
    clock,
    checkpoints,
  });
  try {
    const compared = await compareRows(made.rows, stored);
    const documents = await compareDocuments(made, stored, clock);
    const difference =
      made.difference ??
      compared.difference ??
      (await compareSeries(made.rows, stored)) ??
      documents.difference ??
      made.balances.difference;
    const { devices, inPart } = made.balances;
    const balances = { devices, inPart };
    return { ...verified, rows: compared.rows, documents: documents.count, balances, difference };
  } finally {
    made.shards.documents.close();
  }
}

async function compareSeries(made: Rows, stored: Rows): Promise<Difference | undefined> {
  for (const key of [rowKeys.series, rowKeys.refundSeries]) {
    const [expected, found] = [await made.getText(key), await stored.getText(key)];
    if (expected !== found) {
      return { what: 'number series', key, expected: shown(expected), found: shown(found) };
    }
  }
  return undefined;
}

/** What is stored of each document must be what the feeds hold of it, applied, set aside, or behind its snapshot. */
async function compareDocuments(
  made: Rederivation,
  stored: Rows,
  clock: Clock,
): Promise<{ count: number; difference: Difference | undefined }> {
  const [expected, found] = [await ChangeRows.open(made.rows), await ChangeRows.open(stored)];
  const documents = new Documents({
    source: {
      load: async (doc) => ({
        snapshot: await found.readSnapshot(doc),
        absorbed: (await found.read('dc', doc)).map(({ bytes }) => bytes),
        changes: await found.read('dm', doc),
      }),
    },
    clock,
  });
  let count = 0;
  try {
    for (const doc of [...expected.names()].sort()) {
      count += 1;
      const difference =
        (await compareChanges(doc, made.rows, stored)) ?? (await compareHeads(doc, made, documents, found));
      if (difference !== undefined) {
        return { count, difference };
      }
    }
  } finally {
    documents.close();
  }
  const unknown = [...found.names()].find((doc) => !expected.names().has(doc));
  const isPending = unknown !== undefined && (await found.read('dp', unknown)).length > 0;
  const difference =
    unknown === undefined || isPending
      ? undefined
      : { what: 'document', key: unknown, expected: shown(undefined), found: 'a document' };
  return { count, difference };
}

async function compareChanges(doc: DocName, made: Rows, stored: Rows): Promise<Difference | undefined> {
  for (const area of ['dm', 'dq', 'dp'] as const) {
    const prefix = rowKeys.changes(area, doc);
    const range = { after: prefix, below: after(prefix) };
    for await (const [key, wanted, kept] of paired(made.bytes(range), stored.bytes(range))) {
      // Applied ones go when a snapshot holds them, and the heads tell whether it does; what is pending was looked at before.
      const fits =
        wanted === undefined
          ? area === 'dp'
          : kept === undefined
            ? area === 'dm'
            : Buffer.compare(wanted, kept) === 0;
      if (!fits) {
        const words = (bytes: Uint8Array | undefined, other: string) =>
          bytes === undefined ? shown(undefined) : other;
        return {
          what: 'change of a document',
          key,
          expected: words(wanted, 'the change'),
          found: words(kept, 'another change'),
        };
      }
    }
  }
  return undefined;
}

async function compareHeads(
  doc: DocName,
  made: Rederivation,
  documents: Documents,
  found: ChangeRows,
): Promise<Difference | undefined> {
  const expected = (await made.shards.heads(doc)).join(' ');
  if (!found.names().has(doc)) {
    return { what: 'document', key: doc, expected: shown(expected), found: shown(undefined) };
  }
  let heads: string;
  try {
    heads = (await documents.heads(doc)).join(' ');
  } catch (error) {
    return { what: 'document', key: doc, expected: shown(expected), found: shown(String(error)) };
  }
  return heads === expected
    ? undefined
    : { what: 'document', key: doc, expected: shown(expected), found: shown(heads) };
}

/** LevelDB cannot be opened without writing: where nothing may be written, a copy is opened. */
async function openStored(directory: DataDirectory, copy: string): Promise<Level> {
  try {
    return await openExisting(directory.index);
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED') {
      throw new NodeError('NODE_LOCKED', `${directory.path} is in use by another process`, {
        cause: error,
        hint: 'Stop the node: what is derived from the feeds can be checked only while it stands still.',
      });
    }
    if (codeOf(error) === 'LEVEL_CORRUPTION') {
      throw damaged(directory, error);
    }
  }
  try {
    await cp(directory.index, copy, { recursive: true });
    return await openExisting(copy);
  } catch (error) {
    throw damaged(directory, error);
  }
}

async function openExisting(path: string): Promise<Level> {
  const level = new Level(path);
  await level.open({ createIfMissing: false });
  return level;
}

function damaged({ index }: DataDirectory, cause: unknown): NodeError {
  return new NodeError(
    'NODE_DATA',
    `${index} cannot be opened: ${codeOf(cause) ?? (cause as Error).message}`,
    {
      cause,
      hint: 'Move it aside: the next start makes it again from the journal.',
    },
  );
}

function codeOf(error: unknown): string | undefined {
  return ((error as { cause?: unknown }).cause as { code?: string } | undefined)?.code;
}
