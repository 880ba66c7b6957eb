/**
 * Makes checkpoints: the documents of a collection, compressed and signed, for peers that lack much of it.
 *
 *     look ──tail long enough──> heads now ─> level documents ─> one snapshot after another ─> sign ─> shelf ─> keepers
 *
 * Guarantees: the vector holds only what is in every document, whatever arrives while they are saved; between two documents the event
 * loop is free and a busy till goes first; a checkpoint is on disk before anybody is told of it.
 *
 * Does not: make one where a feed was written twice or goes beyond a revocation (its documents hold what does not count), or
 * beyond the sizes a peer would take. That costs bytes, never correctness: peers get the entries.
 */
import { buildCheckpoint, DocError, type DocName } from '@branchline/docs';
import {
  CHECKPOINT_BYTES_MAX,
  CHECKPOINT_DOCS_MAX,
  type CheckpointDoc,
  type CheckpointShelf,
  type Collection,
  collectionOf,
  type DeviceKey,
  type FeedName,
  type FeedStore,
  type Head,
  isPrunable,
  type Registry,
  signCheckpoint,
} from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import type { NodeLog } from '../ports.ts';
import { rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import type { Shards } from '../projections/shards.ts';
import { placeOf } from './checkpoint-intake.ts';
import { appliedHeads, headsOf, type UnappliedChange } from './checkpoint-vector.ts';
import type { IdlePause } from './idle-pause.ts';

/** Between two looks at which collections have grown. */
export const CHECKPOINT_EVERY_MS = 60_000;
/** Bytes of entries since the last checkpoint of a collection before the next one is made. */
export const CHECKPOINT_TAIL_BYTES = 128 * 1024;
/** And at least this share of the last one: a large collection is not written anew for every handful of changes. */
export const CHECKPOINT_TAIL_SHARE = 0.5;
/** A document in which a change is under way is asked again; after this many times the next look has its turn. */
export const SAVE_TRIES_MAX = 40;
const SAVE_RETRY_MS = 25;

export interface MakerOptions {
  readonly shelf: CheckpointShelf;
  readonly shards: Shards;
  readonly rows: Rows;
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly key: DeviceKey;
  readonly tenant: string;
  readonly clock: Clock;
  readonly log: NodeLog;
  readonly pause: IdlePause;
  /** An id no other checkpoint has; later ones sort later. */
  readonly newId: () => string;
  readonly isForked: (feed: FeedName) => boolean;
  /** Called when one is on the shelf. */
  readonly onMade: () => void;
}

export class CheckpointMaker {
  readonly #options: MakerOptions;
  #made = 0;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  get made(): number {
    return this.#made;
  }

  /** Runs until `signal` aborts. Only a device the registry lets vouch makes any. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, registry, key, log } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(CHECKPOINT_EVERY_MS, { signal }).catch(() => undefined);
      if (signal.aborted || !registry.mayVouch(key.writer)) {
        continue;
      }
      // Checkpoints save bytes; without them everything works, so nothing here stops a node.
      await this.look(signal).catch((error: unknown) => log.warn({ err: error }, 'no checkpoint was made'));
    }
  }

  /** Makes a checkpoint of every collection whose tail is long enough. */
  async look(signal?: AbortSignal): Promise<void> {
    const collections = new Set([...this.#options.store.feeds().keys()].map(collectionOf).filter(isPrunable));
    for (const collection of collections) {
      if (signal?.aborted !== true && (await this.#isDue(collection))) {
        await this.#make(collection, signal);
      }
    }
  }

  async #isDue(collection: Collection): Promise<boolean> {
    const { store, shelf, registry, isForked } = this.#options;
    const last = shelf.newest(collection);
    const wanted = Math.max(CHECKPOINT_TAIL_BYTES, (last?.bytes ?? 0) * CHECKPOINT_TAIL_SHARE);
    let tail = 0;
    for (const [feed, head] of headsOf(store, collection)) {
      if (isForked(feed) || head.seq > (registry.ceiling(feed)?.seq ?? head.seq)) {
        return false;
      }
      const from = (last?.vector.get(feed)?.seq ?? 0) + 1;
      tail += await store.bytesOf(feed, from, head.seq, wanted - tail);
    }
    return tail >= wanted;
  }

  async #make(collection: Collection, signal: AbortSignal | undefined): Promise<void> {
    const { store, shelf, shards, rows, clock, key, tenant, log, newId, onMade } = this.#options;
    const sinceMs = clock.monotonicMs();
    // Taken first: what comes while documents are saved may be in one and not in the next.
    const heads = headsOf(store, collection);
    const { position } = store;
    const names = await shards.level(collection);
    const vector = await this.#applied(collection, heads, names, position);
    const docs = await this.#save(collection, names, signal);
    if (docs === undefined || vector.size === 0) {
      return;
    }
    const checkpoint = signCheckpoint(key, tenant, { collection, id: newId(), vector, docs });
    await shelf.keep(checkpoint);
    // Its documents are these documents: nothing to take over at the next start.
    rows.putText(rowKeys.taken(collection, placeOf(checkpoint.id)), '');
    rows.startFlush();
    this.#made += 1;
    const bytes = docs.reduce((sum, doc) => sum + doc.bytes.byteLength, 0);
    const tookMs = Math.round(clock.monotonicMs() - sinceMs);
    log.info({ collection, documents: docs.length, bytes, tookMs }, 'checkpoint made');
    onMade();
  }

  async #applied(
    collection: Collection,
    heads: ReadonlyMap<FeedName, Head>,
    names: readonly DocName[],
    position: number,
  ): Promise<Map<FeedName, Head>> {
    const { store, shards, shelf } = this.#options;
    const unapplied: UnappliedChange[] = [];
    for (const doc of names) {
      for (const { at, writer, bytes } of await shards.notApplied(doc)) {
        // A place begins with the journal position; what came later is not in `heads`.
        if (Number.parseInt(at, 10) <= position) {
          unapplied.push({ writer, doc, bytes });
        }
      }
    }
    const known = shelf.newest(collection)?.vector ?? new Map<FeedName, Head>();
    return appliedHeads({ store, collection, heads, known, unapplied });
  }

  /** Undefined when it would be more than a peer takes, or when a document is never at rest. */
  async #save(
    collection: Collection,
    names: readonly DocName[],
    signal: AbortSignal | undefined,
  ): Promise<CheckpointDoc[] | undefined> {
    const { log, pause } = this.#options;
    const docs: CheckpointDoc[] = [];
    let bytes = 0;
    for (const name of names) {
      await pause(signal);
      const saved = signal?.aborted === true ? undefined : await this.#saveOne(name);
      if (saved === undefined) {
        return undefined;
      }
      docs.push(saved);
      bytes += saved.bytes.byteLength;
      if (bytes > CHECKPOINT_BYTES_MAX || docs.length > CHECKPOINT_DOCS_MAX) {
        log.warn({ collection, documents: names.length, bytes }, 'too large for a checkpoint');
        return undefined;
      }
    }
    return docs;
  }

  async #saveOne(name: DocName): Promise<CheckpointDoc | undefined> {
    const { shards, clock } = this.#options;
    for (let tries = 0; tries < SAVE_TRIES_MAX; tries += 1) {
      try {
        for await (const saved of buildCheckpoint(shards.documents, [name])) {
          return saved;
        }
      } catch (error) {
        if (!(error instanceof DocError && error.code === 'DOC_UNSETTLED')) {
          throw error;
        }
        await clock.sleep(SAVE_RETRY_MS);
      }
    }
    return undefined;
  }
}
