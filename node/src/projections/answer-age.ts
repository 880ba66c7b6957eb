/**
 * Forgets stored answers that nobody will ask for again: their rows, and their entries of the feed `local/answers`.
 *
 * Guarantees: an answer is kept for ANSWERS_KEPT_MS at least, counted by stamps of this device, and until ANSWERS_KEPT_DAYS days
 * have seen answers since; a till that was away for a month still gets the answer it missed. Days are counted because a clock cannot
 * be believed: one that jumps forty days ahead makes one day, and a sale repeated then must not become a second one.
 *
 * Rows go first. A crash between the two leaves entries whose rows are gone, and the next look takes up there.
 * Answers that earlier programs wrote into the feed `local` stay: that feed holds the tills as well.
 */
import { collectionOf, decodeEntry, type FeedName, type FeedStore } from '@branchline/feed';
import { type Clock, stampMs } from 'hlc-ts';
import { ANSWERS_COLLECTION, type Answers } from './answers.ts';
import type { Rows } from './rows.ts';

const DAY_MS = 86_400_000;
/** How long an answer is repeated. G2 promises thirty days. */
export const ANSWERS_KEPT_MS = 35 * DAY_MS;
/** Days with answers after which one may be forgotten. */
export const ANSWERS_KEPT_DAYS = 35;
/** Between two looks, by the clock on the wall. */
export const ANSWERS_LOOK_MS = 3_600_000;
/** Answers forgotten at a time; more are left to the next look. */
export const ANSWERS_FORGOTTEN_MAX = 5_000;
/** Entries read at a time. */
const READ_BYTES = 64 * 1024;

export interface AnswerAgeOptions {
  readonly store: FeedStore;
  readonly rows: Rows;
  readonly answers: Answers;
  readonly clock: Clock;
}

export class AnswerAge {
  readonly #options: AnswerAgeOptions;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: AnswerAgeOptions) {
    this.#options = options;
  }

  /** Called now and then; looks once in ANSWERS_LOOK_MS. Returns how many answers were forgotten. */
  async look(): Promise<number> {
    const nowMs = this.#options.clock.nowMs();
    if (Math.abs(nowMs - this.#lookedMs) < ANSWERS_LOOK_MS) {
      return 0;
    }
    this.#lookedMs = nowMs;
    let forgotten = 0;
    // Nobody else's local feeds are ever here; those of earlier keys of this device are.
    for (const feed of [...this.#options.store.feeds().keys()]) {
      if (collectionOf(feed) === ANSWERS_COLLECTION) {
        forgotten += await this.#forget(feed, nowMs);
      }
    }
    return forgotten;
  }

  async #forget(feed: FeedName, nowMs: number): Promise<number> {
    const { store, rows, answers, clock } = this.#options;
    const newestMs = await this.#stampMsAt(feed, store.feeds().get(feed)?.head.seq ?? 0);
    const beforeMs = Math.min(nowMs, newestMs) - ANSWERS_KEPT_MS;
    const first = (store.feeds().get(feed)?.base.seq ?? 0) + 1;
    const kept = await this.#firstKept(feed, first, store.feeds().get(feed)?.head.seq ?? 0);
    let seq = first;
    for (let isOld = seq < kept; isOld && seq - first < ANSWERS_FORGOTTEN_MAX; ) {
      const run = await store.read(feed, seq, READ_BYTES);
      isOld = run !== undefined;
      for (const bytes of run?.entries ?? []) {
        const { hlc, body } = decodeEntry(feed, seq, bytes);
        if (stampMs(hlc) >= beforeMs || seq >= kept) {
          isOld = false;
          break;
        }
        answers.forget(body);
        seq += 1;
      }
      await clock.yield();
    }
    if (seq > first) {
      await rows.flush();
      await store.prune(feed, seq);
    }
    return seq - first;
  }

  /** Where the last ANSWERS_KEPT_DAYS days that have answers begin. */
  async #firstKept(feed: FeedName, first: number, head: number): Promise<number> {
    let start = head + 1;
    for (let days = 0; days < ANSWERS_KEPT_DAYS && start > first; days += 1) {
      const day = await this.#dayAt(feed, start - 1);
      let [before, on] = [first - 1, start - 1];
      while (on - before > 1) {
        const middle = (before + on) >> 1;
        if ((await this.#dayAt(feed, middle)) < day) {
          before = middle;
        } else {
          on = middle;
        }
      }
      start = on;
    }
    return start;
  }

  async #dayAt(feed: FeedName, seq: number): Promise<number> {
    const run = await this.#options.store.read(feed, seq, 1);
    return Math.floor(stampMs(decodeEntry(feed, seq, run!.entries[0]!).hlc) / DAY_MS);
  }

  async #stampMsAt(feed: FeedName, seq: number): Promise<number> {
    const { store } = this.#options;
    if (seq <= (store.feeds().get(feed)?.base.seq ?? 0)) {
      return Number.NEGATIVE_INFINITY;
    }
    const bytes = (await store.read(feed, seq, 1))?.entries.at(-1);
    return bytes === undefined ? Number.NEGATIVE_INFINITY : stampMs(decodeEntry(feed, seq, bytes).hlc);
  }
}
