/**
 * How a device finds out what its peer really holds of the device's own feeds: the questions of a restored or cloned
 * device. Pure: `(state, event) -> { state, effects }`, one search for all feeds the device has written.
 *
 *               started, asks at min(ours, theirs)
 *    (nothing) ──────────────────────────> asking ──┐ answer: equal at n  -> low = n
 *                                            │  ^   │         differs at n -> high = n
 *                                            │  └───┘ asks half way between
 *                                            v
 *                       high = low + 1 for every feed: found (the last common number of each feed)
 *
 * Invariants: low is a number where both hashes are equal (0 always is: it is made of names and key); high one where they
 * differ or the shorter side ends; low < high; every answer makes high - low smaller, so a feed of a million entries
 * takes 20 questions.
 *
 * Does not: believe the peer for more than this. Its answers decide what is appended again under a new key, they cannot
 * make the device give up anything: what the peer does not hold is appended again, what it does hold is signed by us.
 */
import type { FeedName, Head } from './types.ts';

export interface FeedQuestion {
  readonly feed: FeedName;
  /** Our length. */
  readonly ours: number;
  /** Last number known to be equal. */
  readonly low: Head;
  /** First number known to differ, or the first one beyond the shorter side. */
  readonly high: number;
  /** The peer's length, once it said. */
  readonly theirs?: number;
}

export type ForkSearch =
  | { readonly phase: 'asking'; readonly feeds: ReadonlyMap<FeedName, FeedQuestion> }
  | { readonly phase: 'found'; readonly feeds: ReadonlyMap<FeedName, FeedQuestion> };

/** The peer's claim about `seq`, beside our own hash there. `seq` below what was asked means: here its copy ends. */
export interface ForkAnswer {
  readonly feed: FeedName;
  readonly seq: number;
  readonly equal: boolean;
  /** Our head at `seq`. */
  readonly mine: Head;
}

export interface ForkSearchStep {
  readonly state: ForkSearch;
  /** Numbers to ask about. */
  readonly asks: readonly { readonly feed: FeedName; readonly seq: number }[];
}

export function startForkSearch(
  feeds: readonly { feed: FeedName; base: Head; ours: number }[],
): ForkSearchStep {
  const questions = new Map(
    feeds.map(({ feed, base, ours }) => [feed, { feed, ours, low: base, high: ours + 1 }] as const),
  );
  return advance(
    questions,
    feeds.map(({ feed, ours }) => ({ feed, seq: ours })),
  );
}

export function answerForkSearch(state: ForkSearch, answer: ForkAnswer): ForkSearchStep {
  const question = state.feeds.get(answer.feed);
  if (state.phase === 'found' || !question) return { state, asks: [] };
  const narrowed = narrow(question, answer);
  // An answer outside what is still open is an old one, or nonsense: it changes nothing and asks nothing.
  if (!narrowed) return { state, asks: [] };
  const feeds = new Map(state.feeds).set(answer.feed, narrowed);
  const open = narrowed.high - narrowed.low.seq > 1;
  const seq = Math.floor((narrowed.low.seq + narrowed.high) / 2);
  return advance(feeds, open ? [{ feed: answer.feed, seq }] : []);
}

function narrow(question: FeedQuestion, answer: ForkAnswer): FeedQuestion | undefined {
  const { low, high, ours } = question;
  const theirs = question.theirs ?? answer.seq;
  // The peer's copy ends at or below what we know to be equal: that is all there is in common.
  if (answer.seq <= low.seq) return { ...question, theirs, high: low.seq + 1 };
  if (answer.seq >= high) return undefined;
  if (!answer.equal) return { ...question, theirs, high: answer.seq };
  // The first answer tells how long the peer's copy is: beyond it nothing can be common.
  const end = question.theirs === undefined && answer.seq < ours ? answer.seq + 1 : high;
  return { ...question, theirs, low: answer.mine, high: end };
}

function advance(feeds: ReadonlyMap<FeedName, FeedQuestion>, asks: ForkSearchStep['asks']): ForkSearchStep {
  const found = [...feeds.values()].every(({ low, high }) => high - low.seq <= 1);
  return {
    state: { phase: found ? 'found' : 'asking', feeds },
    asks: found ? [] : asks.filter(({ seq }) => seq > 0),
  };
}
