/**
 * What changes of documents only we had, read from a history that was set aside, and what does the same again.
 *
 * The rows set aside hold the documents with everything taken over from checkpoints; the feeds hold what the rows may lack after a
 * crash. A change of a branch's stock is done again in the period of today.
 */
import { type DocName, Documents, doAgain, docKind, type Mutator, parseDocName } from '@branchline/docs';
import {
  collectionOf,
  type Entry,
  entriesOf,
  type FeedStore,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import { ChangeRows } from '../projections/change-rows.ts';
import { type RowLevel, Rows } from '../projections/rows.ts';
import { STOCK } from '../projections/stock.ts';

const READ_BYTES = 1024 * 1024;

interface ChangeOf {
  readonly writer: WriterId;
  readonly bytes: Uint8Array;
}

export interface ChangeAgain {
  readonly document: string;
  readonly mutator: Mutator;
}

export interface SaidAgain {
  readonly changes: readonly ChangeAgain[];
  /** Documents whose changes could not be read any more: what was done to them stays with the evidence. */
  readonly lost: readonly DocName[];
}

export async function saidAgain(
  aside: { readonly store: FeedStore; readonly rows: RowLevel },
  onlyOurs: readonly Entry[],
  clock: Clock,
): Promise<SaidAgain> {
  const ours = new Map<DocName, ChangeOf[]>();
  for (const entry of onlyOurs) {
    const doc = documentOf(entry);
    if (doc !== undefined) {
      ours.set(doc, [...(ours.get(doc) ?? []), changeIn(entry)]);
    }
  }
  const rows = await Rows.open({ level: aside.rows, onFailure: () => undefined });
  const stored = await ChangeRows.open(rows);
  const load = async (doc: DocName) => ({
    snapshot: await stored.readSnapshot(doc),
    changes: [
      ...(await stored.read('dm', doc)),
      ...(await stored.read('dp', doc)),
      ...(await changesOf(aside.store, doc)),
    ],
  });
  const documents = new Documents({ clock, source: { load } });
  const changes: ChangeAgain[] = [];
  const lost: DocName[] = [];
  for (const [doc, made] of ours) {
    const effects = await documents.effectOf(doc, made);
    if (effects === undefined) {
      lost.push(doc);
    } else {
      changes.push({ document: docKind(doc) === 'stock' ? STOCK : doc, mutator: doAgain(doc, effects) });
    }
  }
  documents.close();
  return { changes, lost };
}

/** Every change of a document that the feeds still hold. */
async function changesOf(store: FeedStore, doc: DocName): Promise<ChangeOf[]> {
  const changes: ChangeOf[] = [];
  const collection = doc.slice(0, doc.lastIndexOf('/'));
  for (const [feed, { base, head }] of store.feeds()) {
    for (let next = base.seq + 1; collectionOf(feed) === collection && next <= head.seq; ) {
      const run = await store.read(feed, next, READ_BYTES);
      if (run === undefined) {
        break;
      }
      changes.push(
        ...entriesOf(run)
          .filter((entry) => documentOf(entry) === doc)
          .map(changeIn),
      );
      next = run.from + run.entries.length;
    }
  }
  return changes;
}

function changeIn({ feed, body }: Entry): ChangeOf {
  return { writer: writerOf(feed), bytes: (body as { change: Uint8Array }).change };
}

function documentOf({ kind, body }: Entry): DocName | undefined {
  const name = kind === 'change' ? (body as { doc?: unknown }).doc : undefined;
  return typeof name === 'string' ? parseDocName(name) : undefined;
}
