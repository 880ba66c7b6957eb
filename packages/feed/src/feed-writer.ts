/**
 * The one writer of a device's feeds: turns drafts into numbered, stamped, chained, signed entries and has them stored.
 *
 * Guarantees: numbers and stamps are given in the order of calls, without waiting; all drafts of a call are one commit, durable
 * together or not at all; `commit` resolves after fdatasync. A commit that was refused leaves no hole: the next one takes
 * its numbers again.
 *
 * There must be one `FeedWriter` for a key and a store. Does not: check that the key may write the collection.
 */
import type { Stamp } from 'hlc-ts';
import { firstHead, headAfter, signedBytes } from './chain.ts';
import { encodeEntry } from './entry.ts';
import { FeedError } from './errors.ts';
import { feedName, parseCollection } from './feed-name.ts';
import { type DeviceKey, writerIdOf } from './identity.ts';
import type { Collection, Entry, FeedName, FeedStore, Head, Run } from './types.ts';

export const COMMIT_DRAFTS_MAX = 10_000;

/** Bytes and entries after which a run is signed, the last entry included: a run stays below 768 KiB. */
export const RUN_SIGNED_BYTES = 256 * 1024;
export const RUN_SIGNED_ENTRIES = 512;

/** What a use case wants to have happened. */
export interface Draft {
  readonly collection: Collection;
  readonly kind: string;
  readonly body: unknown;
}

export interface Committed {
  /** In the order of the drafts. */
  readonly entries: Entry[];
  readonly position: number;
}

export interface FeedWriterOptions {
  readonly store: FeedStore;
  readonly key: DeviceKey;
  readonly tenant: string;
  /** Strictly increasing. */
  readonly now: () => Stamp;
}

interface Tip {
  head: Head;
  /** Grows when commits were refused, so that those chained onto a refused one do not set the head back again. */
  epoch: number;
}

interface Touched {
  readonly tip: Tip;
  readonly epoch: number;
  readonly before: Head;
}

export class FeedWriter {
  readonly #store: FeedStore;
  readonly #key: DeviceKey;
  readonly #tenant: string;
  readonly #now: () => Stamp;
  readonly #tips = new Map<FeedName, Tip>();

  private constructor(options: FeedWriterOptions) {
    this.#store = options.store;
    this.#key = options.key;
    this.#tenant = options.tenant;
    this.#now = options.now;
  }

  static async open(options: FeedWriterOptions): Promise<FeedWriter> {
    if (writerIdOf(options.key.publicKey) !== options.key.writer) {
      throw new FeedError('DEVICE_KEY', 'the writer id of the device key is not made from its public key');
    }
    return new FeedWriter(options);
  }

  get writer(): DeviceKey['writer'] {
    return this.#key.writer;
  }

  /** Name of this device's feed in a collection. */
  feed(collection: Collection): FeedName {
    return feedName(collection, this.#key.writer);
  }

  async commit(drafts: readonly Draft[], options: { urgent?: boolean } = {}): Promise<Committed> {
    if (drafts.length === 0 || drafts.length > COMMIT_DRAFTS_MAX) {
      throw new FeedError(
        'FEED_LIMIT',
        `a commit has 1 to ${COMMIT_DRAFTS_MAX} drafts, got ${drafts.length}`,
      );
    }
    // Encoding may refuse a draft, so it comes before anything is numbered.
    const stamped = drafts.map(({ collection, kind, body }) => {
      parseCollection(collection);
      const hlc = this.#now();
      return { feed: this.feed(collection), hlc, kind, body, bytes: encodeEntry({ hlc, kind, body }) };
    });
    const touched: Touched[] = [];
    const entries: Entry[] = [];
    const byFeed = new Map<FeedName, Uint8Array[]>();
    for (const each of stamped) {
      const tip = this.#tip(each.feed);
      let bytes = byFeed.get(each.feed);
      if (bytes === undefined) {
        bytes = [];
        byFeed.set(each.feed, bytes);
        touched.push({ tip, epoch: tip.epoch, before: tip.head });
      }
      bytes.push(each.bytes);
      entries.push({ ...each, seq: tip.head.seq + bytes.length });
    }
    const runs: Run[] = [];
    for (const [feed, bytes] of byFeed) {
      for (const signed of signedTogether(bytes)) runs.push(this.#sign(feed, signed));
    }
    try {
      const { position } = await this.#store.append({ runs }, { local: true, ...options });
      return { entries, position };
    } catch (error) {
      for (const each of touched) retreat(each);
      throw error;
    }
  }

  #sign(feed: FeedName, entries: readonly Uint8Array[]): Run {
    const tip = this.#tip(feed);
    const from = tip.head.seq + 1;
    tip.head = headAfter(tip.head, entries);
    return { feed, from, entries, signature: this.#key.sign(signedBytes(feed, tip.head)) };
  }

  #tip(feed: FeedName): Tip {
    const known = this.#tips.get(feed);
    if (known !== undefined) return known;
    const head = this.#store.feeds().get(feed)?.head ?? firstHead(this.#tenant, feed, this.#key.publicKey);
    const tip = { head, epoch: 0 };
    this.#tips.set(feed, tip);
    return tip;
  }
}

/** A run travels in one frame, so a large commit is signed in several places. */
function* signedTogether(entries: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let start = 0;
  let bytes = 0;
  for (const [index, entry] of entries.entries()) {
    bytes += entry.byteLength;
    const full = bytes >= RUN_SIGNED_BYTES || index + 1 - start >= RUN_SIGNED_ENTRIES;
    if (!full && index + 1 < entries.length) continue;
    yield entries.slice(start, index + 1);
    start = index + 1;
    bytes = 0;
  }
}

/** The first refused commit sets a feed back to where it began; those chained onto it find the epoch changed. */
function retreat({ tip, epoch, before }: Touched): void {
  if (tip.epoch !== epoch) return;
  tip.head = before;
  tip.epoch += 1;
}
