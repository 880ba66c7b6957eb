/**
 * Rights: a bounded counter. How much of a customer's points, of a gift card, of a coupon each device may spend without asking.
 *
 *     rights(w) = created(w) + Σ moved[·][w] + Σ taken[w][·]  −  used(w) − Σ moved[w][·] − Σ taken[·][w]
 *     created   = earned + returned            used = spent + reversed + expired
 *
 * Row `w` is written only by device `w`, every count in it only grows, so states merge by taking the larger of each count: any
 * order, any repetition, any delay gives the same. A device uses or gives away only what its own durable state says it holds.
 *
 * Guarantees (checked over random schedules in the tests)
 *   I1  No device holds less than nothing, on any replica, provided changes arrive with what they were made upon.
 *   I2  What is left everywhere is created − used, whatever was moved; so nothing is spent twice and no balance is below zero.
 *   I3  Replicas that have seen the same hold the same.
 *   I4  Seeing less of the others only lets a device think it holds less.
 *
 * Debt: a refund takes back points that may be spent already. `owed` says how much was to be taken back at a device, `reversed`
 * how much was; the difference is paid out of the next rights that arrive, and is not spendable meanwhile.
 *
 * What does not hold: two machines with one key are one writer to this counter. Until peers find the copy out, each can spend what
 * both held when they parted. What the loser did is then done again under its next key, whose rights begin at nothing: they go
 * below zero by what was spent twice, stand there as a finding, and are covered by the next rights that arrive.
 */
import type { WriterId } from './doc-name.ts';
import { DocError } from './errors.ts';

/** Counts of a row, and what each does to the rights of its device. */
export const rightsCounts = {
  earned: 1,
  /** Given back by a refund of what they paid for. */
  returned: 1,
  spent: -1,
  /** Taken back with a refund of what earned them. */
  reversed: -1,
  /** Written off by the programme. */
  expired: -1,
  /** To be taken back; see Debt. */
  owed: 0,
} as const;
export type RightsCount = keyof typeof rightsCounts;

/** One device asks another for rights. A later ask to the same device replaces the earlier one. */
export interface Ask {
  readonly id: number;
  readonly points: number;
  readonly atMs: number;
  /** Somebody waits for it; otherwise it refills a reserve. */
  readonly urgent: boolean;
}

/** The last ask of a device that was answered, perhaps with nothing. */
export interface Answered {
  readonly id: number;
  readonly atMs: number;
}

/** What one device wrote about an account. */
export interface RightsRow {
  readonly counts: Readonly<Partial<Record<RightsCount, number>>>;
  /** Given to others, cumulative. */
  readonly moved: Readonly<Record<string, number>>;
  /** Taken over from keys this device had before, cumulative. */
  readonly taken: Readonly<Record<string, number>>;
  /** By the device asked. */
  readonly wanted: Readonly<Record<string, Ask>>;
  /** By the device that asked. */
  readonly answered: Readonly<Record<string, Answered>>;
  /** Day (since 1970) of its last movement made by a customer. */
  readonly seenDay: number;
}

/** By writer. */
export type Rights = Readonly<Record<string, RightsRow>>;

/** What a device may do; every number is positive. */
export type RightsMove =
  | { readonly type: 'count'; readonly count: RightsCount; readonly points: number }
  | { readonly type: 'give'; readonly to: WriterId; readonly points: number }
  | { readonly type: 'take'; readonly of: WriterId; readonly points: number }
  | { readonly type: 'ask'; readonly of: WriterId; readonly ask: Ask }
  | { readonly type: 'answer'; readonly asker: WriterId; readonly id: number; readonly atMs: number }
  | { readonly type: 'see'; readonly day: number };

export type Moved =
  | { readonly ok: true; readonly rights: Rights }
  | { readonly ok: false; readonly spendable: number };

export const NO_RIGHTS: Rights = {};
const NO_ROW: RightsRow = { counts: {}, moved: {}, taken: {}, wanted: {}, answered: {}, seenDay: 0 };

/** What a device holds. Below zero only after one key was used by two machines. */
export function rightsOf(rights: Rights, writer: string): number {
  let held = 0;
  for (const [other, row] of Object.entries(rights)) {
    held += (row.moved[writer] ?? 0) - (row.taken[writer] ?? 0);
    if (other === writer) {
      held += netOf(row) - sum(row.moved) + sum(row.taken);
    }
  }
  return held;
}

/** What a device still has to take back from the customer. */
export function debtOf(rights: Rights, writer: string): number {
  const counts = rights[writer]?.counts;
  return Math.max(0, (counts?.owed ?? 0) - (counts?.reversed ?? 0));
}

/** What a device may use or give away now. */
export function spendableOf(rights: Rights, writer: string): number {
  return Math.max(0, rightsOf(rights, writer) - debtOf(rights, writer));
}

/** What is left everywhere, as far as this state knows. */
export function valueLeft(rights: Rights): number {
  return Object.values(rights).reduce((value, row) => value + netOf(row), 0);
}

/** What is left, less what is still to be taken back. */
export function balanceOf(rights: Rights): number {
  const debt = Object.keys(rights).reduce((owed, writer) => owed + debtOf(rights, writer), 0);
  return Math.max(0, valueLeft(rights) - debt);
}

/** Day of the last movement by a customer anywhere; 0 when there was none. */
export function lastSeenDay(rights: Rights): number {
  return Object.values(rights).reduce((day, row) => Math.max(day, row.seenDay), 0);
}

/** The state after `writer` did this; refused when it takes more than the writer holds. */
export function move(rights: Rights, writer: WriterId, step: RightsMove): Moved {
  const needed = neededFor(rights, writer, step);
  const spendable =
    step.type === 'count' && step.count === 'reversed'
      ? // Debt is paid out of what it is owed from.
        Math.max(0, rightsOf(rights, writer))
      : spendableOf(rights, writer);
  if (needed > spendable) {
    return { ok: false, spendable };
  }
  return { ok: true, rights: { ...rights, [writer]: after(rights[writer] ?? NO_ROW, step) } };
}

/** The larger of each count: what both know. */
export function mergeRights(left: Rights, right: Rights): Rights {
  const merged: Record<string, RightsRow> = { ...left };
  for (const [writer, row] of Object.entries(right)) {
    const before = merged[writer];
    if (before === row) {
      continue;
    }
    merged[writer] =
      before === undefined
        ? row
        : {
            counts: larger(before.counts, row.counts) as RightsRow['counts'],
            moved: larger(before.moved, row.moved),
            taken: larger(before.taken, row.taken),
            wanted: later(before.wanted, row.wanted),
            answered: later(before.answered, row.answered),
            seenDay: Math.max(before.seenDay, row.seenDay),
          };
  }
  return merged;
}

/** Whether an ask was answered by the device it went to. */
export function isAnswered(rights: Rights, asker: string, holder: string, id: number): boolean {
  return (rights[holder]?.answered[asker]?.id ?? 0) >= id;
}

function neededFor(rights: Rights, writer: WriterId, step: RightsMove): number {
  switch (step.type) {
    case 'count':
      return rightsCounts[step.count] < 0 ? positive(step.points) : free(step.points);
    case 'give':
      if (step.to === writer) {
        throw new DocError('DOC_CELL', 'a device gives no rights to itself');
      }
      return positive(step.points);
    case 'take':
      // What a key that writes no more still holds; nobody else takes it.
      return positive(step.points) > rightsOf(rights, step.of) ? Number.POSITIVE_INFINITY : 0;
    case 'ask':
    case 'answer':
    case 'see':
      return 0;
    default:
      return step satisfies never;
  }
}

function after(row: RightsRow, step: RightsMove): RightsRow {
  switch (step.type) {
    case 'count':
      return { ...row, counts: grown(row.counts as Record<string, number>, step.count, step.points) };
    case 'give':
      return { ...row, moved: grown(row.moved, step.to, step.points) };
    case 'take':
      return { ...row, taken: grown(row.taken, step.of, step.points) };
    case 'ask':
      return { ...row, wanted: { ...row.wanted, [step.of]: step.ask } };
    case 'answer':
      return { ...row, answered: { ...row.answered, [step.asker]: { id: step.id, atMs: step.atMs } } };
    case 'see':
      return { ...row, seenDay: Math.max(row.seenDay, step.day) };
    default:
      return step satisfies never;
  }
}

function netOf({ counts }: RightsRow): number {
  let net = 0;
  for (const [count, points] of Object.entries(counts)) {
    net += rightsCounts[count as RightsCount] * points;
  }
  return net;
}

function grown(
  counts: Readonly<Record<string, number>>,
  name: string,
  points: number,
): Record<string, number> {
  return { ...counts, [name]: (counts[name] ?? 0) + points };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function larger(
  left: Readonly<Record<string, number>>,
  right: Readonly<Record<string, number>>,
): Record<string, number> {
  const merged: Record<string, number> = { ...left };
  for (const [name, count] of Object.entries(right)) {
    merged[name] = Math.max(merged[name] ?? 0, count);
  }
  return merged;
}

function later<Item extends { readonly id: number }>(
  left: Readonly<Record<string, Item>>,
  right: Readonly<Record<string, Item>>,
): Record<string, Item> {
  const merged: Record<string, Item> = { ...left };
  for (const [name, item] of Object.entries(right)) {
    const before = merged[name];
    merged[name] = before === undefined || before.id < item.id ? item : before;
  }
  return merged;
}

function free(points: number): number {
  positive(points);
  return 0;
}

function positive(points: number): number {
  if (!Number.isSafeInteger(points) || points <= 0) {
    throw new DocError('DOC_CELL', `${points} is not a number of rights to move`);
  }
  return points;
}
