/**
 * Waiting room: changes whose predecessors have not arrived, kept outside of Automerge.
 *
 * Automerge has such a queue of its own, but it is unbounded, it is saved into snapshots and it does not tell what is in
 * it; a vector that counts a queued change as applied loses it at the next pruning. Here every waiting change is known by
 * name, so a snapshot's vector can stop before the first of each writer.
 */
import type { CheckedChange } from './change-check.ts';
import type { WriterId } from './doc-name.ts';

/** Changes one document keeps waiting. */
export const WAITING_CHANGES_MAX = 4096;
/** Bytes one document keeps waiting. */
export const WAITING_BYTES_MAX = 16_000_000;

export interface WaitingChange {
  readonly writer: WriterId;
  readonly change: CheckedChange;
  /** Whatever the offerer calls it (the number of its feed entry), handed back. */
  readonly ref: number | undefined;
}

export class WaitingRoom {
  readonly #byMissing = new Map<string, WaitingChange[]>();
  readonly #byHash = new Map<string, WaitingChange>();
  readonly #seqs = new Set<string>();
  #bytes = 0;

  get size(): number {
    return this.#byHash.size;
  }

  get isOverfull(): boolean {
    return this.#byHash.size > WAITING_CHANGES_MAX || this.#bytes > WAITING_BYTES_MAX;
  }

  has(hash: string): boolean {
    return this.#byHash.has(hash);
  }

  /** True when another change under this sequence number came before and waits: the later one is a reuse. */
  hasSeq(actor: string, seq: number): boolean {
    return this.#seqs.has(`${actor} ${seq}`);
  }

  /** Lets a change wait for one predecessor; the others are looked at when that one has come. */
  add(waiting: WaitingChange, missing: string): void {
    const queue = this.#byMissing.get(missing);
    if (queue === undefined) {
      this.#byMissing.set(missing, [waiting]);
    } else {
      queue.push(waiting);
    }
    const { hash, actor, seq, bytes } = waiting.change;
    this.#byHash.set(hash, waiting);
    this.#seqs.add(`${actor} ${seq}`);
    this.#bytes += bytes.length;
  }

  /** Everything that waited for `hash`, which has come. */
  release(hash: string): WaitingChange[] {
    const released = this.#byMissing.get(hash) ?? [];
    this.#byMissing.delete(hash);
    for (const waiting of released) {
      this.#forget(waiting);
    }
    return released;
  }

  /** Puts out the change that came last. */
  evictNewest(): WaitingChange | undefined {
    const newest = [...this.#byHash.values()].at(-1);
    if (newest === undefined) {
      return undefined;
    }
    this.#forget(newest);
    for (const [missing, queue] of this.#byMissing) {
      const rest = queue.filter((waiting) => waiting !== newest);
      if (rest.length === 0) {
        this.#byMissing.delete(missing);
      } else if (rest.length < queue.length) {
        this.#byMissing.set(missing, rest);
      }
    }
    return newest;
  }

  /** In order of arrival. */
  list(): WaitingChange[] {
    return [...this.#byHash.values()];
  }

  #forget({ change }: WaitingChange): void {
    this.#byHash.delete(change.hash);
    this.#seqs.delete(`${change.actor} ${change.seq}`);
    this.#bytes -= change.bytes.length;
  }
}
