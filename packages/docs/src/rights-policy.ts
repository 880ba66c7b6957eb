/**
 * Who gets which rights when: the pure plan of one device for one account.
 *
 *     till needs more ──> ask the pool ──no answer, or too little──> ask the richest device that is seen, then the next
 *     somebody asks   ──> give, but never what is needed here
 *     idle surplus    ──> to the pool (head office)
 *
 * Asks and answers stand in the account's own document rows, so they travel, survive and repeat as everything else does: an ask
 * has an id and is answered once, perhaps with nothing; one that is older than ASK_STALE_MS when it arrives (a link that was cut) is
 * not answered at all. Nothing here is needed for safety: a wrong plan moves rights to the wrong place, never makes or doubles any.
 *
 * Guarantees, each with a regression test because the published implementation of this scheme gets them wrong
 *   R1  Holders are asked from the richest to the poorest.
 *   R2  A stale ask is dropped: its age is now − asked, not the other way round.
 *   R3  Between two gifts to the same device GRANT_GRACE_MS pass, so that two devices do not play ping-pong.
 */
import type { WriterId } from './doc-name.ts';
import {
  type Ask,
  debtOf,
  isAnswered,
  move,
  type Rights,
  type RightsMove,
  rightsOf,
  spendableOf,
} from './rights.ts';

/** Without an answer the next holder is asked. */
export const ASK_TIMEOUT_MS = 3_000;
/** An ask that took longer to arrive is dropped by whoever got it. */
export const ASK_STALE_MS = 60_000;
/** Before the same holder is asked again. */
export const ASK_AGAIN_MS = 10_000;
/** Between two gifts to one device. */
export const GRANT_GRACE_MS = 1_000;
/** Without a movement here for so long, what is above the reserve goes to the pool. */
export const SETTLE_IDLE_MS = 60_000;
/** Asks answered in one plan. */
export const ANSWERS_MAX = 64;
/** A reserve forgets half of the use it was made of in a week. */
export const USE_HALF_LIFE_MS = 7 * 24 * 3_600_000;

export interface RightsSituation {
  readonly rights: Rights;
  readonly self: WriterId;
  /** Where surplus goes and rights are asked for first; undefined while none is known. */
  readonly pool: WriterId | undefined;
  /** Devices that may hold rights of the account and can be asked. */
  readonly holders: readonly WriterId[];
  /** Keys that can write no more and whose rights this device takes over: former ones of its own, and lost devices' at head office. */
  readonly fenced: readonly WriterId[];
  readonly nowMs: number;
  /** Somebody could hear us. */
  readonly connected: boolean;
  /** What a customer waits for here now; 0 when nobody does. */
  readonly needed: number;
  /** What is kept here for regulars: `reserveOf` their recent use. */
  readonly reserve: number;
  /** Nothing is given away that was assigned to this device. */
  readonly assigned: boolean;
  /** When the account was last used here; undefined = not known since this program started, nothing is settled then. */
  readonly usedAtMs: number | undefined;
  /** Everything held is to be written off now. */
  readonly expired: boolean;
}

/** Decaying sum of what was earned and spent here. */
export interface RecentUse {
  readonly points: number;
  readonly atMs: number;
}

export function usedAgain(use: RecentUse | undefined, points: number, atMs: number): RecentUse {
  return { points: decayed(use, atMs) + points, atMs };
}

/** Half of recent use: the other half is of more use in the pool, from where any shop that is online gets it at once. */
export function reserveOf(use: RecentUse | undefined, nowMs: number): number {
  return Math.floor(decayed(use, nowMs) / 2);
}

/** What this device should do now, in order; each step is allowed after the ones before it. */
export function planRights(situation: RightsSituation): RightsMove[] {
  const { self } = situation;
  const steps: RightsMove[] = [];
  let rights = situation.rights;
  const take = (step: RightsMove): void => {
    const moved = move(rights, self, step);
    if (moved.ok) {
      rights = moved.rights;
      steps.push(step);
    }
  };
  for (const of of situation.fenced) {
    // What it had to take back from the customer stays with it, and with that the debt.
    const left = spendableOf(rights, of);
    if (left > 0) {
      take({ type: 'take', of, points: left });
    }
  }
  const payable = Math.min(debtOf(rights, self), rightsOf(rights, self));
  if (payable > 0) {
    take({ type: 'count', count: 'reversed', points: payable });
  }
  if (situation.expired && spendableOf(rights, self) > 0) {
    take({ type: 'count', count: 'expired', points: spendableOf(rights, self) });
  }
  for (const answer of answers(situation, rights)) {
    take(answer);
  }
  const surplus = surplusOf(situation, rights);
  if (surplus > 0 && situation.pool !== undefined) {
    take({ type: 'give', to: situation.pool, points: surplus });
  }
  const ask = nextAsk(situation, rights);
  if (ask !== undefined) {
    take(ask);
  }
  return steps;
}

/** When the plan may differ though nothing happened: the answer of an ask is overdue, surplus becomes idle. */
export function nextLookMs({ rights, self, nowMs, usedAtMs, needed }: RightsSituation): number | undefined {
  const waits: number[] = [];
  const open = lastAsk(rights, self);
  if (needed > spendableOf(rights, self)) {
    const overdueMs = (open?.ask.atMs ?? 0) + ASK_TIMEOUT_MS;
    // Past that, everybody was asked: some may be asked again when ASK_AGAIN_MS are over.
    waits.push(overdueMs > nowMs ? overdueMs - nowMs : ASK_TIMEOUT_MS);
  }
  if (usedAtMs !== undefined && usedAtMs + SETTLE_IDLE_MS > nowMs && spendableOf(rights, self) > 0) {
    waits.push(usedAtMs + SETTLE_IDLE_MS - nowMs);
  }
  if (asksTo(rights, self).some(({ asker, ask }) => !isAnswered(rights, asker, self, ask.id))) {
    waits.push(GRANT_GRACE_MS);
  }
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Devices to ask: the pool, then from the richest to the poorest. */
export function holdersToAsk({ rights, self, pool, holders }: RightsSituation): WriterId[] {
  const others = holders
    .filter((holder) => holder !== self && holder !== pool)
    .map((holder) => ({ holder, held: spendableOf(rights, holder) }))
    .filter(({ held }) => held > 0)
    .sort((a, b) => b.held - a.held || (a.holder < b.holder ? -1 : 1))
    .map(({ holder }) => holder);
  return pool === undefined || pool === self || spendableOf(rights, pool) === 0 ? others : [pool, ...others];
}

function* answers(situation: RightsSituation, before: Rights): Generator<RightsMove> {
  const { self, nowMs, needed, reserve, assigned } = situation;
  let left = spendableOf(before, self);
  const isShort = needed > left;
  let count = 0;
  for (const { asker, ask } of asksTo(before, self)) {
    const last = before[self]?.answered[asker];
    const isOld = Math.abs(nowMs - ask.atMs) >= ASK_STALE_MS;
    const isTooSoon = last !== undefined && nowMs - last.atMs < GRANT_GRACE_MS && nowMs >= last.atMs;
    if ((last?.id ?? 0) >= ask.id || isOld || isTooSoon || count >= ANSWERS_MAX) {
      continue;
    }
    count += 1;
    // A customer who waits there goes before a reserve here; one who waits here goes before anything.
    const kept = assigned ? left : ask.urgent ? needed : Math.max(needed, reserve);
    const points = isShort ? 0 : Math.min(ask.points, Math.max(0, left - kept));
    if (points > 0) {
      left -= points;
      yield { type: 'give', to: asker, points };
    }
    yield { type: 'answer', asker, id: ask.id, atMs: nowMs };
  }
}

function surplusOf({ self, pool, ...situation }: RightsSituation, rights: Rights): number {
  const { connected, usedAtMs, nowMs, needed, reserve, assigned } = situation;
  if (pool === undefined || pool === self || !connected || assigned || usedAtMs === undefined) {
    return 0;
  }
  return nowMs - usedAtMs < SETTLE_IDLE_MS
    ? 0
    : Math.max(0, spendableOf(rights, self) - Math.max(needed, reserve));
}

function nextAsk(situation: RightsSituation, rights: Rights): RightsMove | undefined {
  const { self, connected, needed, reserve, nowMs, pool } = situation;
  const here = spendableOf(rights, self);
  const debt = Math.max(0, debtOf(rights, self) - Math.max(0, rightsOf(rights, self)));
  const urgent = needed > here;
  const short = debt + (urgent ? needed - here + reserve : here < reserve ? 2 * reserve - here : 0);
  if (short <= 0 || !connected) {
    return undefined;
  }
  const open = lastAsk(rights, self);
  if (
    open !== undefined &&
    !isAnswered(rights, self, open.of, open.ask.id) &&
    nowMs >= open.ask.atMs &&
    nowMs - open.ask.atMs < ASK_TIMEOUT_MS
  ) {
    return undefined;
  }
  const of = holdersToAsk({ ...situation, rights })
    // Reserves are filled from the pool only: devices do not raid each other for a forecast.
    .filter((holder) => urgent || debt > 0 || holder === pool)
    .find((holder) => {
      const before = rights[self]?.wanted[holder];
      return before === undefined || Math.abs(nowMs - before.atMs) >= ASK_AGAIN_MS;
    });
  if (of === undefined) {
    return undefined;
  }
  const points = Math.min(short, spendableOf(rights, of));
  return { type: 'ask', of, ask: { id: (open?.ask.id ?? 0) + 1, points, atMs: nowMs, urgent } };
}

function lastAsk(rights: Rights, self: WriterId): { of: WriterId; ask: Ask } | undefined {
  let last: { of: WriterId; ask: Ask } | undefined;
  for (const [of, ask] of Object.entries(rights[self]?.wanted ?? {})) {
    if (last === undefined || ask.id > last.ask.id) {
      last = { of: of as WriterId, ask };
    }
  }
  return last;
}

/** Asks addressed to a device, oldest first. */
function asksTo(rights: Rights, self: WriterId): { asker: WriterId; ask: Ask }[] {
  const asks: { asker: WriterId; ask: Ask }[] = [];
  for (const [asker, row] of Object.entries(rights)) {
    const ask = row.wanted[self];
    if (ask !== undefined && asker !== self) {
      asks.push({ asker: asker as WriterId, ask });
    }
  }
  return asks.sort((a, b) => a.ask.atMs - b.ask.atMs || (a.asker < b.asker ? -1 : 1));
}

function decayed(use: RecentUse | undefined, nowMs: number): number {
  return use === undefined ? 0 : use.points * 2 ** (-Math.max(0, nowMs - use.atMs) / USE_HALF_LIFE_MS);
}
