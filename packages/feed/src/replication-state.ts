/**
 * What one session knows about its peer, and what it says next. Pure: `(state, event) -> { state, effects }`.
 *
 *            open                 have, all equal
 *    idle ─────────> comparing ───────────────────────────> live <─┐   (idle answers a `have` as live does)
 *                    ^  │   ^                               │ │    │ have(false): answer,
 *                    │  │   └────────── rescoped ───────────┘ └────┘ all equal
 *           rescoped │  │ have, some differ                   │
 *                    │  v                                     │ have(false): answer, some differ
 *                 exchanging <────────────────────────────────┘
 *                       │
 *                       └── the last awaited vector ──> live          closed: from anywhere, for good
 *
 * A *round* begins with a `have` from either side. Both compare the same two messages, so both find the same families
 * different; each sends its vector for those and waits for the peer's. A family that is not waited for is *settled*:
 * entries may flow. Rounds are for finding out; the flow of entries goes on by `sent` and `acked` until the session ends.
 *
 * Per feed a *reach* is kept: `has`, what the peer is known to hold on disk, and `sent`, how far it was sent in this
 * session. The channel is ordered and reliable while it lives, so what was sent is never sent again; whoever must drop something
 * ends the session, and the next one starts from exact vectors.
 *
 * Invariants (`replicationFaults` checks them after every step of every test and simulation):
 *   I1  has <= sent for every feed
 *   I2  neither ever shrinks
 *   I3  exchanging waits for at least one family, and only exchanging waits
 *   I4  a vector of a family is sent at most once in a round
 *   I5  a `have` that asks is answered once, unless ours is already on its way; an answer is never answered
 *   I6  families whose digests were equal cost no vector
 *   I7  closed says nothing more
 *
 * Does not: read a store, check a signature, know who may read what (`mine` holds only what both sides may read).
 */
import { familyOf, rankOf } from './collections.ts';
import { collectionOf, writerOf } from './feed-name.ts';
import type { FeedName, Head, WriterId } from './types.ts';

export interface FamilySummary {
  readonly digest: Uint8Array;
  readonly heads: ReadonlyMap<FeedName, Head>;
}
/** What we hold of what both sides may read, by family. Families with nothing in them are left out. */
export type Summary = ReadonlyMap<string, FamilySummary>;

export interface Reach {
  /** The peer holds this much, by its own word or because it came from there. */
  readonly has: number;
  /** The peer holds this much or it is on its way. */
  readonly sent: number;
}
/** By family, then by feed. A feed not listed in a settled family is not held by the peer at all. */
export type Reaches = ReadonlyMap<string, ReadonlyMap<FeedName, Reach>>;

export interface PeerPosition {
  readonly feed: FeedName;
  readonly seq: number;
  readonly hashPrefix: Uint8Array;
}

interface Open {
  readonly peer: WriterId;
  readonly reaches: Reaches;
}
export type ReplicationState =
  | { readonly phase: 'idle'; readonly peer: WriterId }
  | ({ readonly phase: 'comparing'; readonly mine: Summary } & Open)
  | ({ readonly phase: 'exchanging'; readonly waiting: ReadonlySet<string> } & Round)
  | ({ readonly phase: 'live' } & Round)
  | { readonly phase: 'closed'; readonly peer: WriterId; readonly code: string };
export type ReplicationPhase = ReplicationState['phase'];

interface Round extends Open {
  /** Families whose vector we sent in this round. */
  readonly told: ReadonlySet<string>;
}

export type ReplicationEvent =
  | { readonly type: 'open'; readonly mine: Summary }
  /** What both sides may read has changed, or somebody asked to compare again. */
  | { readonly type: 'rescoped'; readonly mine: Summary }
  | {
      readonly type: 'have';
      readonly digests: ReadonlyMap<string, Uint8Array>;
      readonly reply: boolean;
      readonly mine: Summary;
    }
  | {
      readonly type: 'vector';
      readonly family: string;
      readonly positions: readonly PeerPosition[];
      readonly mine: Summary;
    }
  /** Entries up to `seq` went out. */
  | { readonly type: 'sent'; readonly feed: FeedName; readonly seq: number }
  /** Entries up to `seq` came in from the peer, or it confirmed them. */
  | { readonly type: 'held'; readonly feed: FeedName; readonly seq: number }
  | { readonly type: 'close'; readonly code: string };
export type ReplicationEventType = ReplicationEvent['type'];

export type ReplicationEffect =
  | { readonly type: 'sendHave'; readonly mine: Summary; readonly reply: boolean }
  | { readonly type: 'sendVector'; readonly family: string; readonly heads: ReadonlyMap<FeedName, Head> }
  /** Entries of these families may flow. */
  | { readonly type: 'settled'; readonly families: readonly string[] }
  /** Everything is settled: from here on it is news only. */
  | { readonly type: 'live' }
  /** Same number, another hash: somebody wrote this feed twice. */
  | { readonly type: 'diverged'; readonly feed: FeedName }
  /** The peer is the feed's writer and knows less of it than we do: restored or cloned, or only slow. */
  | { readonly type: 'ownerBehind'; readonly feed: FeedName };

export interface ReplicationStep {
  readonly state: ReplicationState;
  readonly effects: readonly ReplicationEffect[];
}

export function idle(peer: WriterId): ReplicationState {
  return { phase: 'idle', peer };
}

export function step(state: ReplicationState, event: ReplicationEvent): ReplicationStep {
  if (state.phase === 'closed') return { state, effects: [] };
  switch (event.type) {
    case 'open':
      return state.phase === 'idle' ? compare(state.peer, new Map(), event.mine) : unchanged(state);
    case 'rescoped':
      return state.phase === 'idle' ? unchanged(state) : compare(state.peer, state.reaches, event.mine);
    case 'have':
      return onHave(state, event);
    case 'vector':
      return onVector(state, event);
    case 'sent':
      return reached(state, event.feed, { has: 0, sent: event.seq });
    case 'held':
      return reached(state, event.feed, { has: event.seq, sent: event.seq });
    case 'close':
      return { state: { phase: 'closed', peer: state.peer, code: event.code }, effects: [] };
    default:
      return event satisfies never;
  }
}

/** May entries of this family be sent now? */
export function isSettled(state: ReplicationState, family: string): boolean {
  return state.phase === 'live' || (state.phase === 'exchanging' && !state.waiting.has(family));
}

/** What is known of the peer's copy; undefined until its family is settled. */
export function reachOf(state: ReplicationState, feed: FeedName): Reach | undefined {
  if (state.phase === 'idle' || state.phase === 'closed') return undefined;
  const family = familyOf(collectionOf(feed));
  const reach = state.reaches.get(family)?.get(feed);
  return reach ?? (isSettled(state, family) ? NOTHING : undefined);
}

const NOTHING: Reach = { has: 0, sent: 0 };

function compare(peer: WriterId, reaches: Reaches, mine: Summary): ReplicationStep {
  return {
    state: { phase: 'comparing', peer, mine, reaches },
    effects: [{ type: 'sendHave', mine, reply: false }],
  };
}

function onHave(state: ReplicationState, event: ReplicationEvent & { type: 'have' }): ReplicationStep {
  switch (state.phase) {
    case 'idle': {
      // The peer was faster; our answer is our first word, and no `open` is needed any more.
      const open = { peer: state.peer, reaches: new Map() };
      return settle(open, event.mine, event.digests, [{ type: 'sendHave', mine: event.mine, reply: true }]);
    }
    case 'comparing':
      // Ours is on its way and is the answer, whether theirs was meant as a question or as an answer.
      return settle(state, state.mine, event.digests, []);
    case 'exchanging':
    case 'live': {
      if (event.reply) return unchanged(state);
      return settle(state, event.mine, event.digests, [{ type: 'sendHave', mine: event.mine, reply: true }]);
    }
    case 'closed':
      return unchanged(state);
    default:
      return state satisfies never;
  }
}

/** Both digests of the round are known: what is equal is settled, the rest asks for vectors. */
function settle(
  open: Open,
  mine: Summary,
  theirs: ReadonlyMap<string, Uint8Array>,
  before: readonly ReplicationEffect[],
): ReplicationStep {
  const waiting = new Set<string>();
  const equal: string[] = [];
  let reaches = open.reaches;
  // What matters most is asked for first, and so flows first.
  const families = [...new Set([...mine.keys(), ...theirs.keys()])].sort((a, b) => rankOf(a) - rankOf(b));
  for (const family of families) {
    const ours = mine.get(family);
    const their = theirs.get(family);
    if (ours && their && sameBytes(ours.digest, their)) {
      equal.push(family);
      reaches = raised(reaches, family, heldAs(ours.heads));
    } else {
      waiting.add(family);
    }
  }
  const effects = [...before];
  for (const family of waiting) {
    effects.push({ type: 'sendVector', family, heads: mine.get(family)?.heads ?? new Map() });
  }
  if (equal.length > 0) effects.push({ type: 'settled', families: equal });
  const round = { peer: open.peer, reaches, told: waiting };
  if (waiting.size > 0) return { state: { phase: 'exchanging', ...round, waiting }, effects };
  effects.push({ type: 'live' });
  return { state: { phase: 'live', ...round }, effects };
}

function onVector(state: ReplicationState, event: ReplicationEvent & { type: 'vector' }): ReplicationStep {
  if (state.phase === 'idle' || state.phase === 'closed') return unchanged(state);
  const { family, positions } = event;
  const heads = event.mine.get(family)?.heads ?? new Map<FeedName, Head>();
  const reaches = raised(
    state.reaches,
    family,
    positions.map(({ feed, seq }) => [feed, seq] as const),
  );
  // A vector while comparing is left over from the round before: true, but not what this round waits for.
  if (state.phase === 'comparing') return { state: { ...state, reaches }, effects: [] };

  const effects: ReplicationEffect[] = [];
  const told = new Set(state.told);
  if (!told.has(family)) {
    told.add(family);
    effects.push({ type: 'sendVector', family, heads });
  }
  effects.push(...suspicions(state.peer, heads, positions), { type: 'settled', families: [family] });
  const round = { peer: state.peer, reaches, told };
  if (state.phase === 'live') return { state: { phase: 'live', ...round }, effects };
  const waiting = new Set(state.waiting);
  waiting.delete(family);
  if (waiting.size > 0) return { state: { phase: 'exchanging', ...round, waiting }, effects };
  effects.push({ type: 'live' });
  return { state: { phase: 'live', ...round }, effects };
}

function suspicions(
  peer: WriterId,
  heads: ReadonlyMap<FeedName, Head>,
  positions: readonly PeerPosition[],
): ReplicationEffect[] {
  const theirs = new Map(positions.map((position) => [position.feed, position]));
  const effects: ReplicationEffect[] = [];
  for (const [feed, head] of heads) {
    const their = theirs.get(feed);
    if (
      their &&
      their.seq === head.seq &&
      !sameBytes(their.hashPrefix, head.hash.subarray(0, their.hashPrefix.length))
    ) {
      effects.push({ type: 'diverged', feed });
    } else if (writerOf(feed) === peer && (their?.seq ?? 0) < head.seq) {
      effects.push({ type: 'ownerBehind', feed });
    }
  }
  return effects;
}

function reached(state: ReplicationState, feed: FeedName, reach: Reach): ReplicationStep {
  if (state.phase === 'idle' || state.phase === 'closed') return unchanged(state);
  const family = familyOf(collectionOf(feed));
  const known = state.reaches.get(family)?.get(feed) ?? NOTHING;
  const next = { has: Math.max(known.has, reach.has), sent: Math.max(known.sent, reach.sent) };
  if (next.has === known.has && next.sent === known.sent) return unchanged(state);
  const reaches = new Map(state.reaches);
  reaches.set(family, new Map(reaches.get(family)).set(feed, next));
  return { state: { ...state, reaches }, effects: [] };
}

function raised(reaches: Reaches, family: string, held: Iterable<readonly [FeedName, number]>): Reaches {
  const known = new Map(reaches.get(family));
  for (const [feed, seq] of held) {
    const before = known.get(feed) ?? NOTHING;
    known.set(feed, { has: Math.max(before.has, seq), sent: Math.max(before.sent, seq) });
  }
  return new Map(reaches).set(family, known);
}

function* heldAs(heads: ReadonlyMap<FeedName, Head>): Iterable<readonly [FeedName, number]> {
  for (const [feed, head] of heads) yield [feed, head.seq];
}

function unchanged(state: ReplicationState): ReplicationStep {
  return { state, effects: [] };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The numbered invariants that a step broke; empty when all hold. */
export function replicationFaults(
  before: ReplicationState,
  event: ReplicationEvent,
  { state: after, effects }: ReplicationStep,
): string[] {
  const faults: string[] = [];
  const reachesBefore = 'reaches' in before ? before.reaches : new Map();
  if ('reaches' in after) {
    for (const [family, feeds] of after.reaches) {
      for (const [feed, reach] of feeds) {
        if (reach.has > reach.sent) faults.push(`I1 ${feed}: has ${reach.has}, sent ${reach.sent}`);
        const was: Reach | undefined = reachesBefore.get(family)?.get(feed);
        if (was && (reach.has < was.has || reach.sent < was.sent)) faults.push(`I2 ${feed} shrank`);
      }
    }
  }
  if (after.phase === 'exchanging' && after.waiting.size === 0)
    faults.push('I3 exchanging waits for nothing');
  const vectors = effects.filter((effect) => effect.type === 'sendVector');
  const roundGoesOn = event.type === 'vector' && 'told' in before;
  for (const { family } of vectors) {
    if (roundGoesOn && before.told.has(family)) faults.push(`I4 ${family} told twice`);
  }
  if (new Set(vectors.map(({ family }) => family)).size < vectors.length)
    faults.push('I4 two vectors at once');
  const answers = effects.filter((effect) => effect.type === 'sendHave' && effect.reply).length;
  const asked = event.type === 'have' && !event.reply;
  const due = asked && before.phase !== 'comparing' && before.phase !== 'closed' ? 1 : 0;
  const first = event.type === 'have' && before.phase === 'idle' ? 1 : due;
  if (answers !== first) faults.push(`I5 ${answers} answers, ${due} due`);
  if (event.type === 'have') {
    for (const { family, heads } of vectors) {
      const ours = (before.phase === 'comparing' ? before.mine : event.mine).get(family);
      const their = event.digests.get(family);
      if (heads.size > 0 && ours && their && sameBytes(ours.digest, their))
        faults.push(`I6 ${family} is equal`);
    }
  }
  if (before.phase === 'closed' && (effects.length > 0 || after !== before)) faults.push('I7 closed spoke');
  return faults;
}
