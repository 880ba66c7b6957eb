/**
 * Checkpoint documents: snapshots as they leave for a peer and as they come from one.
 *
 * A checkpoint is signed by an authority, and still nothing is loaded on its word alone: its size is checked as received,
 * what it would become is checked before Automerge sees it (`guardSnapshot`: a 97 KB document that unpacks to 100 MB
 * is refused), Automerge verifies its hashes, and then it must be one of ours: begun with the genesis, cells and nothing else.
 *
 * Vectors and signatures belong to the feeds. What a snapshot may claim in its vector is told by `Documents.waiting`: the
 * entries before the first waiting change of each writer.
 */
import type { Cell } from './cell.ts';
import { isPanic, messageOf } from './change-check.ts';
import { type ChunkLimits, guardSnapshot, SNAPSHOT_LIMITS } from './chunk-guard.ts';
import { type DocName, docKind } from './doc-name.ts';
import type { Documents } from './documents.ts';
import { DocError } from './errors.ts';
import { ShardDocument } from './shard-document.ts';

export interface CheckpointDoc {
  readonly doc: DocName;
  readonly bytes: Uint8Array;
}

/** What a snapshot from outside holds; store `bytes` as the document's snapshot, then `documents.reload(doc)`. */
export interface OpenedSnapshot {
  readonly doc: DocName;
  readonly heads: readonly string[];
  readonly cells: readonly Cell[];
  readonly changes: number;
  readonly inflatedBytes: number;
}

/** Snapshots of documents, one at a time so that few are loaded. Throws `DOC_LIMIT` for one no peer would take. */
export async function* buildCheckpoint(
  documents: Documents,
  docs: Iterable<DocName>,
): AsyncGenerator<CheckpointDoc> {
  for (const doc of docs) {
    const bytes = await documents.save(doc);
    const guard = guardSnapshot(bytes);
    if (!guard.ok) {
      throw new DocError('DOC_LIMIT', `${doc} is too large for a checkpoint: ${guard.detail}`, {
        hint: 'Roll the document over sooner or raise its shard count.',
      });
    }
    yield { doc, bytes };
  }
}

/** Opens a snapshot from outside: `DOC_BOMB` or `DOC_SNAPSHOT` unless it is sound and ours. */
export function openSnapshot(
  doc: DocName,
  bytes: Uint8Array,
  limits: ChunkLimits = SNAPSHOT_LIMITS,
): OpenedSnapshot {
  const guard = guardSnapshot(bytes, limits);
  if (!guard.ok) {
    throw new DocError(
      guard.reason === 'malformed' ? 'DOC_SNAPSHOT' : 'DOC_BOMB',
      `${doc}: ${guard.detail}`,
      {
        hint: 'Take the changes themselves, or a checkpoint of another authority.',
      },
    );
  }
  const document = loaded(doc, bytes);
  try {
    const stray = document.stray();
    if (stray !== undefined) {
      throw new DocError('DOC_SNAPSHOT', `${doc}: ${stray}`);
    }
    return {
      doc,
      heads: document.heads(),
      cells: document.cells(),
      changes: document.stats().changes,
      inflatedBytes: guard.inflatedBytes,
    };
  } finally {
    document.free();
  }
}

function loaded(doc: DocName, bytes: Uint8Array): ShardDocument {
  try {
    return ShardDocument.open(docKind(doc), undefined, bytes);
  } catch (cause) {
    const what = isPanic(cause) ? 'makes Automerge panic' : 'cannot be loaded';
    throw new DocError('DOC_SNAPSHOT', `${doc}: ${what}: ${messageOf(cause)}`, { cause });
  }
}
