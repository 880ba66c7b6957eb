/**
 * Keys of personal data, per customer: in memory here, on disk only in the feeds `keys/<region>` of the journal, where they can be shredded.
 *
 *     keys/<region>/<writer>: `customer-keys` [id, key id, key] ──┐
 *                                                                 ├──> ring ──> open / seal
 *     erasures/<writer>:      `erasure` ids, cuts ────────────────┘    └──> what must be said again, what came late
 *
 * No row of LevelDB ever holds a key, so nothing but the journal has to be written anew when one is erased; the price is that a start reads
 * these feeds whole, as it reads all customers for the search.
 *
 * Two nodes that meet a customer at the same time make a key each; both open, the smaller id seals. An erased id never has a key again:
 * what is said of it later, by whoever had not heard, is `late`, and head office erases that as well.
 */
import {
  type Collection,
  type Cut,
  collectionOf,
  cutsOf,
  ERASURES_COLLECTION,
  entriesOf,
  type FeedName,
  type FeedStore,
  familyOf,
  KEYS_FAMILY,
} from '@branchline/feed';
import { eventBodies } from '@branchline/model';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { aesGcm } from './aes-gcm.ts';
import { type Aead, type CustomerKey, openText, sealText } from './field-cipher.ts';

/** Keys in one entry, about 100 bytes each. */
export const KEYS_PER_ENTRY_MAX = 1_000;
/** Keys one customer may have; more are passed over. Each node that meets a customer without knowing of others makes one. */
export const KEYS_OF_CUSTOMER_MAX = 64;
const READ_BYTES = 1024 * 1024;
/** Pseudo-field of an answer kept for a till. */
const ANSWER = '~answer';

interface HeldKey extends CustomerKey {
  readonly customer: string;
  readonly collection: Collection;
  /** Feeds that hold it, and the last entry of each that does. */
  readonly said: Map<FeedName, number>;
}

export interface KeyRingOptions {
  readonly store: Pick<FeedStore, 'feeds' | 'read'>;
  readonly aead?: Aead;
}

export class KeyRing implements Projection {
  readonly kinds = ['customer-keys', 'erasure'];
  readonly #aead: Aead;
  readonly #keys = new Map<string, HeldKey[]>();
  readonly #erased = new Set<string>();
  /** Of erased customers: where keys stand that no cut has reached. */
  readonly #late = new Map<string, Map<FeedName, number>>();
  readonly #cuts = new Map<FeedName, number>();
  readonly #watchers = new Set<(customers: readonly string[]) => void>();

  private constructor(aead: Aead) {
    this.#aead = aead;
  }

  static async open({ store, aead = aesGcm }: KeyRingOptions): Promise<KeyRing> {
    const self = new KeyRing(aead);
    const feeds = [...store.feeds().values()];
    // Erasures first: keys they name must not come back from a journal that is still to be shredded.
    for (const family of [ERASURES_COLLECTION, KEYS_FAMILY]) {
      for (const { feed, base, head } of feeds) {
        if (familyOf(collectionOf(feed)) !== family) {
          continue;
        }
        for (let from = base.seq + 1; from <= head.seq; ) {
          const run = await store.read(feed, from, READ_BYTES);
          if (run === undefined) {
            break;
          }
          for (const entry of entriesOf(run)) {
            self.#take(feed, entry.seq, entry.kind, entry.body);
          }
          from += run.entries.length;
        }
      }
    }
    return self;
  }

  /** Called with customers whose keys came or went, after the commit that brought them. */
  watch(listener: (customers: readonly string[]) => void): void {
    this.#watchers.add(listener);
  }

  get size(): number {
    return this.#keys.size;
  }

  apply({ feed, seq, kind, body }: ProjectedEntry): void {
    const customers = this.#take(feed, seq, kind, body);
    for (const watcher of this.#watchers) {
      watcher(customers);
    }
  }

  isErased(customer: string): boolean {
    return this.#erased.has(customer);
  }

  /** The one that seals. */
  keyOf(customer: string): CustomerKey | undefined {
    let first: HeldKey | undefined;
    for (const each of this.#keys.get(customer) ?? []) {
      if (first === undefined || each.id < first.id) {
        first = each;
      }
    }
    return first;
  }

  seal(key: CustomerKey, nonce: Uint8Array, text: string, customer: string, field: string): string {
    return sealText(this.#aead, key, nonce, text, { customer, field });
  }

  open(text: string, customer: string, field: string): string | undefined {
    if (text === '') {
      return '';
    }
    const keys = this.#keys.get(customer) ?? [];
    return openText(this.#aead, (id) => keys.find((each) => each.id === id)?.key, text, { customer, field });
  }

  /** An answer that tells of a customer, as it is kept under its Idempotency-Key. */
  sealAnswer(key: CustomerKey, nonce: Uint8Array, text: string, customer: string): string {
    return `${customer} ${this.seal(key, nonce, text, customer, ANSWER)}`;
  }

  /** The answer as it was; undefined when the key is gone. Answers that were not sealed are JSON, and come back as they are. */
  openAnswer(kept: string): string | undefined {
    if (kept.startsWith('{') || kept.startsWith('[')) {
      return kept;
    }
    const space = kept.indexOf(' ');
    return space < 0 ? kept : this.open(kept.slice(space + 1), kept.slice(0, space), ANSWER);
  }

  /** Feeds that hold a key of these customers. */
  feedsOf(customers: readonly string[]): FeedName[] {
    const feeds = new Set<FeedName>();
    for (const customer of customers) {
      for (const { said } of this.#keys.get(customer) ?? []) {
        for (const feed of said.keys()) {
          feeds.add(feed);
        }
      }
      for (const feed of this.#late.get(customer)?.keys() ?? []) {
        feeds.add(feed);
      }
    }
    return [...feeds];
  }

  /** Erased customers of whom keys stand somewhere all the same. */
  get late(): readonly string[] {
    return [...this.#late.keys()];
  }

  /** Keys of others that would be gone with these cuts, by collection. */
  needing(cuts: readonly Pick<Cut, 'feed' | 'seq'>[], erased: readonly string[]): Map<Collection, HeldKey[]> {
    const cutAt = new Map(cuts.map(({ feed, seq }) => [feed, seq]));
    const going = new Set(erased);
    const needing = new Map<Collection, HeldKey[]>();
    for (const [customer, keys] of this.#keys) {
      if (going.has(customer)) {
        continue;
      }
      for (const key of keys) {
        if ([...key.said].every(([feed, seq]) => seq <= (cutAt.get(feed) ?? 0))) {
          needing.set(key.collection, [...(needing.get(key.collection) ?? []), key]);
        }
      }
    }
    return needing;
  }

  #take(feed: FeedName, seq: number, kind: string, body: unknown): string[] {
    if (kind === 'erasure' && collectionOf(feed) === ERASURES_COLLECTION) {
      return this.#erase(body);
    }
    if (kind === 'customer-keys' && familyOf(collectionOf(feed)) === KEYS_FAMILY) {
      return this.#learn(feed, seq, body);
    }
    return [];
  }

  #learn(feed: FeedName, seq: number, body: unknown): string[] {
    const { keys } = eventBodies['customer-keys'].parse(body);
    for (const [customer, id, key] of keys) {
      if (this.#erased.has(customer)) {
        this.#noteLate(customer, feed, seq);
        continue;
      }
      const held = this.#keys.get(customer) ?? [];
      let known = held.find((each) => each.id === id);
      if (known === undefined && held.length < KEYS_OF_CUSTOMER_MAX) {
        known = { customer, id, key, collection: collectionOf(feed), said: new Map() };
        held.push(known);
        this.#keys.set(customer, held);
      }
      // What is below a cut stands there until it was said again elsewhere; it does not count as kept.
      if (known !== undefined && seq > (this.#cuts.get(feed) ?? 0)) {
        known.said.set(feed, Math.max(seq, known.said.get(feed) ?? 0));
      }
    }
    return keys.map(([customer]) => customer);
  }

  #noteLate(customer: string, feed: FeedName, seq: number): void {
    if (seq > (this.#cuts.get(feed) ?? 0)) {
      const at = this.#late.get(customer) ?? new Map<FeedName, number>();
      at.set(feed, seq);
      this.#late.set(customer, at);
    }
  }

  #erase(body: unknown): string[] {
    const { customers } = eventBodies.erasure.parse(body);
    for (const { feed, seq } of cutsOf(body)) {
      this.#cuts.set(feed, Math.max(seq, this.#cuts.get(feed) ?? 0));
    }
    for (const customer of customers) {
      this.#erased.add(customer);
      for (const { said } of this.#keys.get(customer) ?? []) {
        for (const [feed, seq] of said) {
          this.#noteLate(customer, feed, seq);
        }
      }
      this.#keys.delete(customer);
    }
    for (const keys of this.#keys.values()) {
      for (const { said } of keys) {
        for (const [feed, seq] of said) {
          if (seq <= (this.#cuts.get(feed) ?? 0)) {
            said.delete(feed);
          }
        }
      }
    }
    for (const [customer, at] of this.#late) {
      for (const [feed, seq] of at) {
        if (seq <= (this.#cuts.get(feed) ?? 0)) {
          at.delete(feed);
        }
      }
      if (at.size === 0) {
        this.#late.delete(customer);
      }
    }
    return customers;
  }
}
