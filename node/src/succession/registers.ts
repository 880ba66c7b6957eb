/**
 * Which fields of products and customers only this device had changed, read from a history that was set aside: the documents are built
 * without our own last changes, then those are applied, and what looks different is what they wrote.
 *
 * Cells that belong to a writer (stock, points) are left out: they are done again, not copied.
 */
import {
  type Cell,
  type DocName,
  Documents,
  docKind,
  keySegments,
  type Mutator,
  parseDocName,
} from '@branchline/docs';
import {
  collectionOf,
  type Entry,
  entriesOf,
  type FeedStore,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Clock } from 'hlc-ts';

const READ_BYTES = 1024 * 1024;
/** Segments of a register's key: row and column. */
const REGISTER_SEGMENTS = 2;

interface ChangeOf {
  readonly writer: WriterId;
  readonly bytes: Uint8Array;
}

export async function registersOf(
  store: FeedStore,
  onlyOurs: readonly Entry[],
  clock: Clock,
): Promise<{ document: string; mutator: Mutator }[]> {
  const ours = new Map<DocName, Entry[]>();
  for (const entry of onlyOurs) {
    const doc = registerDocument(entry);
    if (doc !== undefined) {
      ours.set(doc, [...(ours.get(doc) ?? []), entry]);
    }
  }
  const registers: { document: string; mutator: Mutator }[] = [];
  for (const [doc, entries] of ours) {
    const last = new Set(entries.map(({ feed, seq }) => `${feed} ${seq}`));
    const before = await changesOf(store, doc, last);
    const documents = new Documents({ clock, source: { load: async () => ({ changes: before }) } });
    await documents.heads(doc);
    const { patches } = await documents.apply(doc, entries.map(changeIn));
    documents.close();
    const cells = patches.filter(({ key }) => keySegments(key).length === REGISTER_SEGMENTS);
    if (cells.length > 0) {
      registers.push({ document: doc, mutator: setting(cells) });
    }
  }
  return registers;
}

function setting(cells: readonly Cell[]): Mutator {
  return (writer) => {
    for (const { key, value } of cells) {
      writer.set(key, value);
    }
  };
}

/** Every change of a document but some. */
async function changesOf(store: FeedStore, doc: DocName, without: ReadonlySet<string>): Promise<ChangeOf[]> {
  const changes: ChangeOf[] = [];
  const collection = doc.slice(0, doc.lastIndexOf('/'));
  for (const [feed, { base, head }] of store.feeds()) {
    for (let next = base.seq + 1; collectionOf(feed) === collection && next <= head.seq; ) {
      const run = await store.read(feed, next, READ_BYTES);
      if (run === undefined) {
        break;
      }
      for (const entry of entriesOf(run)) {
        if (registerDocument(entry) === doc && !without.has(`${feed} ${entry.seq}`)) {
          changes.push(changeIn(entry));
        }
      }
      next = run.from + run.entries.length;
    }
  }
  return changes;
}

function changeIn({ feed, body }: Entry): ChangeOf {
  return { writer: writerOf(feed), bytes: (body as { change: Uint8Array }).change };
}

/** The document of a change that may hold registers; undefined for everything else. */
function registerDocument({ kind, body }: Entry): DocName | undefined {
  const name = kind === 'change' ? (body as { doc?: unknown }).doc : undefined;
  if (typeof name !== 'string') {
    return undefined;
  }
  const doc = parseDocName(name);
  return docKind(doc) === 'stock' ? undefined : doc;
}
