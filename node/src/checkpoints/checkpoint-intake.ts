/**
 * Taking a checkpoint over: from signed bytes to documents and rows, in a step that a crash leaves undone or lets be finished.
 *
 *     every document opened and measured ─> file on the shelf, synced ─> documents and rows, one after another ─> mark
 *       (refused: nothing changed)            (the step)                   (again from the file after a crash)
 *
 * Guarantees: nothing changes before the last document has passed (size, bombs, damage, cells where they belong); once the file is
 * on the shelf the takeover is finished, if need be by the next start, before anything is served; changes of this device that
 * nobody has seen yet stay, because snapshots are joined and never put in place of a document.
 *
 * The files stay: entries below them are not in this journal, so rows that are lost are made again from both.
 *
 * Does not: check signature or vector (the feed package did), or move feeds (it does, when `apply` has resolved).
 */
import { createHash } from 'node:crypto';
import { DocError, type DocName, docCollection, openSnapshot, parseDocName } from '@branchline/docs';
import {
  type Checkpoint,
  type CheckpointMark,
  type CheckpointShelf,
  type CheckpointSink,
  FeedError,
  type FeedStore,
  type SignedCheckpoint,
  type WriterId,
  writerIdOf,
  writerOf,
} from '@branchline/feed';
import { NodeError } from '../errors.ts';
import { rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import type { Shards } from '../projections/shards.ts';
import type { IdlePause } from './idle-pause.ts';

export interface IntakeOptions {
  readonly shelf: CheckpointShelf;
  readonly shards: Shards;
  readonly rows: Rows;
  readonly store: FeedStore;
  readonly writer: WriterId;
  readonly pause: IdlePause;
}

interface OpenedDoc {
  readonly doc: DocName;
  readonly bytes: Uint8Array;
}

export class CheckpointIntake implements CheckpointSink {
  readonly #options: IntakeOptions;
  readonly #unreadable = new Set<CheckpointMark>();
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** One after another: two would only get into each other's way. */
  apply(checkpoint: SignedCheckpoint): Promise<void> {
    const run = this.#running.then(() => this.#apply(checkpoint));
    this.#running = run.catch(() => undefined);
    return run;
  }

  /** What was begun goes on after the next start. */
  async close(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /**
   * Called on start, before anything is served: finishes what a crash interrupted, and takes everything over again when the rows
   * were lost. `NODE_DATA` when entries are gone that only a damaged or missing file held.
   */
  async finish(options: { readonly rowsWereLost: boolean }): Promise<void> {
    const { shelf, store, writer } = this.#options;
    for (const mark of shelf.marks()) {
      // It knows more of our own feed than we do: a restored journal. Peers will say so too, with proof.
      const isOwnAhead = [...mark.vector].some(
        ([feed, { seq }]) => writerOf(feed) === writer && seq > (store.feeds().get(feed)?.head.seq ?? 0),
      );
      if (!isOwnAhead) {
        await this.#finish(mark);
      }
    }
    if (options.rowsWereLost) {
      this.#checkNothingIsMissing();
    }
  }

  async #apply(checkpoint: SignedCheckpoint): Promise<void> {
    const docs = await this.#opened(checkpoint);
    await this.#options.shelf.keep(checkpoint).catch((cause: unknown) => {
      throw cause instanceof FeedError ? refusal(checkpoint, cause.message, cause) : cause;
    });
    await this.#takeOver(checkpoint, docs, 'changed');
  }

  /** Every document, looked at before any of them is used. */
  async #opened(checkpoint: Checkpoint): Promise<OpenedDoc[]> {
    const opened: OpenedDoc[] = [];
    const names = new Set<string>();
    for (const { doc, bytes } of checkpoint.docs) {
      await this.#turn();
      try {
        const name = parseDocName(doc);
        if (docCollection(name) !== checkpoint.collection || names.has(name)) {
          throw new DocError('DOC_NAME', `${name} has no place in it`);
        }
        names.add(name);
        openSnapshot(name, bytes);
        opened.push({ doc: name, bytes });
      } catch (cause) {
        throw cause instanceof DocError
          ? refusal(checkpoint, `${cause.code}: ${cause.message}`, cause)
          : cause;
      }
    }
    return opened;
  }

  async #takeOver(
    checkpoint: Checkpoint,
    docs: readonly OpenedDoc[],
    scope: 'changed' | 'all',
  ): Promise<void> {
    const { shards, rows } = this.#options;
    const { collection, id } = checkpoint;
    const at = placeOf(id);
    const writer = writerIdOf((checkpoint as SignedCheckpoint).signer);
    for (const { doc, bytes } of docs) {
      await this.#turn();
      await shards.absorb(doc, { at, writer, bytes }, scope);
      rows.startFlush();
      await rows.settled();
    }
    rows.putText(rowKeys.taken(collection, at), '');
    await rows.flush();
  }

  async #finish(mark: CheckpointMark): Promise<void> {
    const { shelf, rows, store, writer } = this.#options;
    const { collection, id, vector } = mark;
    if ((await rows.getText(rowKeys.taken(collection, placeOf(id)))) === undefined) {
      const checkpoint = await shelf.load(collection, id);
      if (checkpoint === undefined) {
        this.#unreadable.add(mark);
        return;
      }
      await this.#takeOver(checkpoint, await this.#opened(checkpoint), 'all');
    }
    for (const [feed, head] of vector) {
      if (writerOf(feed) !== writer && head.seq > (store.feeds().get(feed)?.head.seq ?? 0)) {
        await store.adopt(feed, head);
      }
    }
  }

  /** Feeds that go on from a checkpoint are worth nothing without it. */
  #checkNothingIsMissing(): void {
    const { shelf, store } = this.#options;
    const readable = shelf.marks().filter((mark) => !this.#unreadable.has(mark));
    for (const [feed, { base }] of store.feeds()) {
      const isHeld = readable.some(({ vector }) => (vector.get(feed)?.seq ?? 0) >= base.seq);
      if (base.seq > 0 && !isHeld) {
        throw new NodeError('NODE_DATA', `the checkpoint ${feed} goes on from is missing or damaged`, {
          hint: 'Restore the folder `checkpoints` from a backup, or enrol this node again in an empty folder.',
        });
      }
    }
  }

  async #turn(): Promise<void> {
    await this.#options.pause();
    if (this.#stopped) {
      throw new NodeError('NODE_DATA', 'the node is closing; the takeover goes on after the next start', {
        retryable: true,
      });
    }
  }
}

/** The place of a checkpoint in the keys of rows: its id may hold anything. */
export function placeOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 24);
}

function refusal({ collection, id }: Checkpoint, fault: string, cause: unknown): FeedError {
  return new FeedError('CHECKPOINT_INVALID', `checkpoint ${id} of ${collection}: ${fault}`, { cause });
}
