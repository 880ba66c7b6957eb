/**
 * Whether the balances in the documents are what the business entries add up to: stock, points, gift cards, coupons, of every device.
 *
 *     orders, refunds, counts, letters, `rights` ──said──┐
 *                                                        ├── per device, subject and count: the same sum, or one is on its way
 *     changes of the documents beside them ────written───┘
 *
 * An order says what it sold, earned and took; the change in the same commit says so in the document. Feeds travel one by one, so of
 * another device either side may have arrived further. Both are gap-free and in order of stamps: what one side says up to a moment
 * the other feed has passed must be there (settled); behind it, either side may be ahead by whole steps (on its way). They fit
 * when some point of the one is some point of the other. Of this device both sides are complete, so the sums must be equal.
 *
 * Points of a person are summed over all ids that were merged: what is earned goes to the one that stands for them. What a refund takes
 * back (`reversed`) is between nothing and what is owed.
 *
 * Not compared: counts said in feeds this node does not read (a shop does not see the orders of another), a device whose feeds are not
 * held from their beginning (a checkpoint stands for it) or that two machines have written for (`inPart`). For those only what
 * holds for any part of a history is checked: no device holds less than nothing, and nothing is left below zero.
 */
import { type CustomerRow, type Rights, rightsOf, valueLeft, voucherKind } from '@branchline/docs';
import { type Appended, collectionOf, INCARNATION_KIND, type WriterId, writerOf } from '@branchline/feed';
import { compareStamps, type Stamp, ZERO_STAMP } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import type { Difference } from './row-difference.ts';
import { ACCOUNTS, SAID_KINDS, type Step, stepsSaid } from './said.ts';
import { WrittenSteps } from './written.ts';

/** Steps on their way, of all devices; one whose step comes beyond that is known in part. */
export const STEPS_WAITING_MAX = 200_000;
/** Steps between two looks at what has settled. */
const SETTLE_EVERY = 50_000;

export interface BalancesVerified {
  readonly difference: Difference | undefined;
  /** Devices whose balances were held against their business entries, and those of which only part is known here. */
  readonly devices: number;
  readonly inPart: number;
}

type Kind = (typeof SAID_KINDS)[number];
const FAMILIES = ['orders', 'stock', 'goods', 'letters', 'loyalty'] as const;
type Family = (typeof FAMILIES)[number];

/** One count on one side: what is settled, and steps on their way, in order. */
interface Line {
  readonly step: Step;
  sum: number;
  waiting: { readonly by: number; readonly hlc: Stamp }[];
}

type Side = Map<string, Line>;

class Device {
  readonly said: Side = new Map();
  readonly written: Side = new Map();
  /** Last stamp seen of each family of feeds, and of documents by collection. */
  readonly families = new Map<Family, Stamp>();
  readonly documents = new Map<string, Stamp>();
  isInPart = false;
}

export class BalanceLedger implements Projection {
  readonly kinds = [...SAID_KINDS, 'change', INCARNATION_KIND];
  readonly #writer: WriterId;
  readonly #waitingMax: number;
  readonly #devices = new Map<string, Device>();
  readonly #steps = new WrittenSteps();
  readonly #persons = new Persons();
  /** Feeds held from their beginning. */
  readonly #begun = new Set<string>();
  /** Whose orders are read here is read here whole: their letters, too. */
  readonly #branches = new Set<string>();
  #waiting = 0;
  #untilSettling = SETTLE_EVERY;

  constructor(writer: WriterId, waitingMax = STEPS_WAITING_MAX) {
    this.#writer = writer;
    this.#waitingMax = waitingMax;
  }

  /** Called with each commit before its entries are applied: sees feeds that are not held from their beginning. */
  begin({ runs }: Pick<Appended, 'runs'>): void {
    for (const { feed, from } of runs) {
      if (this.#begun.has(feed)) {
        continue;
      }
      this.#begun.add(feed);
      const [family, branch] = collectionOf(feed).split('/');
      if (family === 'orders') {
        this.#branches.add(branch!);
      }
      if (from > 1 && isFamily(family)) {
        this.#device(writerOf(feed)).isInPart = true;
      }
    }
  }

  apply(entry: ProjectedEntry): void {
    const { kind, writer, collection, hlc, body } = entry;
    if (kind === INCARNATION_KIND) {
      const { predecessor } = body as { predecessor?: unknown };
      this.#device(String(predecessor)).isInPart = true;
      return;
    }
    const device = this.#device(writer);
    if (kind === 'change') {
      const { doc, change } = body as { doc?: unknown; change?: unknown };
      if (typeof doc === 'string' && change instanceof Uint8Array) {
        this.#write(device, entry, doc, change);
      }
      return;
    }
    try {
      this.#add(device, device.said, stepsSaid(kind as Kind, collection, body), hlc);
    } catch (error) {
      device.isInPart = true;
      throw error;
    }
    const family = collection.split('/')[0];
    if (isFamily(family)) {
      device.families.set(family, hlc);
    }
  }

  /** The first device and subject whose documents say something else, by name. */
  async verify(rows: Rows): Promise<BalancesVerified> {
    let negative: Difference | undefined;
    for await (const [key, text] of rows.texts({ after: 'c/', below: after('c/') })) {
      const { id, rights, into } = JSON.parse(text) as Pick<CustomerRow, 'id' | 'rights' | 'into'>;
      negative ??= negativeIn(key, rights);
      if (into !== undefined) {
        this.#persons.merge(id, into);
      }
    }
    this.#settle();
    let difference: Difference | undefined;
    let inPart = 0;
    for (const [writer, device] of [...this.#devices].sort(([a], [b]) => (a < b ? -1 : 1))) {
      inPart += device.isInPart ? 1 : 0;
      if (!device.isInPart) {
        difference ??= this.#differenceOf(writer, device);
      }
    }
    return { difference: difference ?? negative, devices: this.#devices.size - inPart, inPart };
  }

  #write(device: Device, { writer, collection, hlc }: ProjectedEntry, doc: string, change: Uint8Array): void {
    const written = this.#steps.take(writer, doc, change);
    if (written === undefined) {
      return;
    }
    device.isInPart ||= written.isGap;
    for (const [from, into] of written.merged) {
      this.#persons.merge(from, into);
    }
    this.#add(device, device.written, written.steps, hlc);
    device.documents.set(collection, hlc);
    // What is said in the same feed stands before it.
    device.families.set(collection.startsWith('stock/') ? 'stock' : 'loyalty', hlc);
  }

  #add(device: Device, side: Side, steps: readonly Step[], hlc: Stamp): void {
    for (const step of steps) {
      if (step.by === 0 || device.isInPart) {
        continue;
      }
      const name = lineOf(step);
      const line = side.get(name) ?? { step, sum: 0, waiting: [] };
      side.set(name, line);
      line.waiting.push({ by: step.by, hlc });
      this.#waiting += 1;
      this.#untilSettling -= 1;
    }
    if (this.#untilSettling <= 0 || this.#waiting > this.#waitingMax) {
      this.#settle();
      device.isInPart ||= this.#waiting > this.#waitingMax;
    }
  }

  #settle(): void {
    this.#untilSettling = SETTLE_EVERY;
    this.#waiting = 0;
    for (const device of this.#devices.values()) {
      if (device.isInPart) {
        device.said.clear();
        device.written.clear();
      } else {
        this.#waiting += settle(device);
      }
    }
  }

  #device(writer: string): Device {
    let device = this.#devices.get(writer);
    if (device === undefined) {
      device = new Device();
      this.#devices.set(writer, device);
    }
    return device;
  }

  #differenceOf(writer: string, device: Device): Difference | undefined {
    const [said, written] = [this.#tracks(device.said), this.#tracks(device.written)];
    const owed = (line: string): number => written.get(line.replace(/reversed$/, 'owed'))?.last ?? 0;
    for (const line of [...new Set([...said.keys(), ...written.keys()])].sort()) {
      const [one, other] = [said.get(line) ?? NO_TRACK, written.get(line) ?? NO_TRACK];
      const { books, subject, count } = (said.get(line) ?? written.get(line))!.step;
      const fits =
        count === 'reversed'
          ? other.last <= owed(line)
          : writer === this.#writer
            ? one.last === other.last
            : this.#isLetter(count, books)
              ? Math.min(...one.points()) <= Math.max(...other.points())
              : overlap(one.points(), other.points());
      if (!fits) {
        const by = writer === this.#writer ? '' : ` by ${writer}`;
        const wanted = count === 'reversed' ? owed(line) : one.last;
        return {
          what: 'balance',
          key: `${books} ${subject}`,
          expected: `${count} ${wanted}${by}`,
          found: `${count} ${other.last}${by}`,
        };
      }
    }
    return undefined;
  }

  /** Boxes of a branch whose letters are not all read here. */
  #isLetter(count: string, books: string): boolean {
    return (count === 'sent' || count === 'arrived') && !this.#branches.has(books.split('/')[1]!);
  }

  /** By line: where a side may stand, from what is settled to all that is known. */
  #tracks(side: Side): Map<string, Track> {
    const tracks = new Map<string, Track>();
    for (const { step, sum, waiting } of side.values()) {
      const name = lineOf({ ...step, subject: this.#persons.of(step.subject) });
      const track = tracks.get(name) ?? new Track(step);
      tracks.set(name, track);
      track.add(sum, waiting);
    }
    return tracks;
  }
}

/** Where a count may stand: from what is settled, over each step on its way, to all that is known. */
class Track {
  readonly step: Step;
  #settled = 0;
  readonly #waiting: Line['waiting'] = [];

  constructor(step: Step) {
    this.step = step;
  }

  add(sum: number, waiting: Line['waiting']): void {
    this.#settled += sum;
    this.#waiting.push(...waiting);
  }

  get last(): number {
    return this.#waiting.reduce((sum, { by }) => sum + by, this.#settled);
  }

  points(): Set<number> {
    const points = new Set([this.#settled]);
    let at = this.#settled;
    for (const { by } of this.#waiting.sort((a, b) => compareStamps(a.hlc, b.hlc))) {
      at += by;
      points.add(at);
    }
    return points;
  }
}

const NO_TRACK = new Track({ books: '', subject: '', count: '', by: 0 });

/** Ids that are one person, by what any device ever merged. */
class Persons {
  readonly #into = new Map<string, string>();

  of(id: string): string {
    let at = id;
    for (let next = this.#into.get(at); next !== undefined; next = this.#into.get(at)) {
      at = next;
    }
    return at;
  }

  merge(from: string, into: string): void {
    const [one, other] = [this.of(from), this.of(into)];
    if (one !== other && into !== '') {
      this.#into.set(one, other);
    }
  }
}

/** The first device that holds less than nothing; a key used by two machines leaves one. */
export function negativeIn(key: string, rights: Rights): Difference | undefined {
  for (const writer of Object.keys(rights).sort()) {
    const held = rightsOf(rights, writer);
    if (held < 0) {
      return { what: 'balance', key, expected: `rights of ${writer} 0 or more`, found: String(held) };
    }
  }
  const left = valueLeft(rights);
  return left < 0 ? { what: 'balance', key, expected: '0 or more left', found: String(left) } : undefined;
}

/** Returns how many steps are on their way still. */
function settle({ said, written, families, documents }: Device): number {
  // A device writes accounts of several regions only at head office; the one furthest behind decides.
  let accounts: Stamp | undefined;
  for (const [collection, stamp] of documents) {
    if (collection.startsWith('loyalty/') && (accounts === undefined || stamp < accounts)) {
      accounts = stamp;
    }
  }
  let waiting = 0;
  for (const line of said.values()) {
    const { books } = line.step;
    waiting += settleUpTo(line, (books === ACCOUNTS ? accounts : documents.get(books)) ?? ZERO_STAMP);
  }
  for (const line of written.values()) {
    const heard = sourcesOf(line.step).map((family) =>
      family === 'nobody knows' ? ZERO_STAMP : (families.get(family) ?? ZERO_STAMP),
    );
    waiting += settleUpTo(
      line,
      heard.reduce((least, stamp) => (stamp < least ? stamp : least)),
    );
  }
  return waiting;
}

function settleUpTo(line: Line, stamp: Stamp): number {
  const settled = line.waiting.findIndex(({ hlc }) => hlc > stamp);
  const count = settled < 0 ? line.waiting.length : settled;
  for (const { by } of line.waiting.splice(0, count)) {
    line.sum += by;
  }
  return line.waiting.length;
}

/** Feeds in which a count can be said. */
function sourcesOf({ books, subject, count }: Step): readonly (Family | 'nobody knows')[] {
  if (books === ACCOUNTS) {
    const isOrder = count === 'spent' || count === 'returned' || count === 'owed' || count === 'reversed';
    return isOrder || (count === 'earned' && voucherKind(subject) === undefined) ? ['orders'] : ['loyalty'];
  }
  switch (count) {
    case 'sold':
    case 'returned':
      return ['orders'];
    case 'received':
      return ['stock'];
    case 'adjusted':
      return ['stock', 'goods'];
    default:
      // Letters go to many branches, each in a feed of its own: nobody can tell when all have been heard.
      return ['nobody knows'];
  }
}

function lineOf({ books, subject, count }: Pick<Step, 'books' | 'subject' | 'count'>): string {
  return `${books}\n${subject}\n${count}`;
}

function isFamily(family: string | undefined): family is Family {
  return (FAMILIES as readonly (string | undefined)[]).includes(family);
}

function overlap(one: ReadonlySet<number>, other: ReadonlySet<number>): boolean {
  return [...one].some((point) => other.has(point));
}
