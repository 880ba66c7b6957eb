/**
 * Whether the balances in the documents are what the business entries add up to: points, gift cards, coupons.
 *
 *     orders, refunds, `rights` entries of this device ──> counts per account ──compared with──> its own cells in the documents
 *
 * An order says what it earned and took; the change beside it in the same commit says so in the document. Both are re-read from the feeds
 * here and must agree, count by count. Of other devices only half may have arrived (their feeds travel one by one), so they are
 * checked by what must hold for any part of a history: no device holds less than nothing, and nothing is left below zero.
 *
 * Not here: whether rows equal what the changes add up to (`row-difference` compares every row).
 */
import { type CustomerRow, type Rights, rightsOf, valueLeft } from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { type EventBody, eventBodies } from '@branchline/model';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';
import type { Difference } from './row-difference.ts';

/** Counts by name, `given WRITER` and `taken WRITER` among them. */
type Counts = Map<string, number>;

export class BalanceLedger implements Projection {
  readonly kinds = ['order', 'refund', 'rights'];
  readonly #writer: WriterId;
  readonly #accounts = new Map<string, Counts>();
  /** Entries before the first one held here: what they did is not known. */
  #isWhole = true;

  constructor(writer: WriterId) {
    this.#writer = writer;
  }

  /** Called when the beginning of a feed of this device is not held. */
  missBeginning(): void {
    this.#isWhole = false;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.writer !== this.#writer) {
      return;
    }
    if (entry.kind === 'order') {
      this.#order(eventBodies.order.parse(entry.body));
    } else if (entry.kind === 'refund') {
      this.#refund(eventBodies.refund.parse(entry.body));
    } else {
      for (const { account, type, points, other } of eventBodies.rights.parse(entry.body).moves) {
        const name = type === 'issued' || type === 'loaded' ? 'earned' : type;
        this.#add(account, other === undefined ? name : `${name} ${other}`, points);
      }
    }
  }

  /** The first account whose documents say something else, by name. */
  async differenceIn(rows: Rows): Promise<Difference | undefined> {
    const unseen = new Set(this.#accounts.keys());
    for await (const [key, text] of rows.texts({ after: 'c/', below: after('c/') })) {
      const { id, rights } = JSON.parse(text) as Pick<CustomerRow, 'id' | 'rights'>;
      unseen.delete(id);
      const found = this.#differing(key, id, rights) ?? negativeIn(key, rights);
      if (found !== undefined) {
        return found;
      }
    }
    const [missing] = unseen;
    return this.#isWhole && missing !== undefined
      ? { what: 'balance', key: missing, expected: 'an account', found: 'nothing' }
      : undefined;
  }

  #differing(key: string, id: string, rights: Rights): Difference | undefined {
    if (!this.#isWhole) {
      return undefined;
    }
    const wanted: Counts = this.#accounts.get(id) ?? new Map();
    const stored = countsOf(rights, this.#writer);
    for (const name of [...new Set([...wanted.keys(), ...stored.keys()])].sort()) {
      const [expected, found] = [wanted.get(name) ?? 0, stored.get(name) ?? 0];
      // A refund takes back what it can at once and the rest later: between nothing and everything owed.
      const holds = name === 'reversed' ? found <= (stored.get('owed') ?? 0) : expected === found;
      if (!holds) {
        const what = name === 'reversed' ? (stored.get('owed') ?? 0) : expected;
        return { what: 'balance', key, expected: `${name} ${what}`, found: `${name} ${found}` };
      }
    }
    return undefined;
  }

  #order({ customer, loyalty, payments, coupons = [] }: EventBody<'order'>): void {
    if (customer?.id !== undefined) {
      this.#add(customer.id, 'earned', loyalty.earned);
      this.#add(customer.id, 'spent', loyalty.redeemed);
    }
    for (const { account, amountMinor } of payments) {
      if (account !== undefined) {
        this.#add(account, 'spent', amountMinor);
      }
    }
    for (const { account } of coupons) {
      this.#add(account, 'spent', 1);
    }
  }

  #refund({ customer, loyalty, payments }: EventBody<'refund'>): void {
    if (customer?.id !== undefined) {
      this.#add(customer.id, 'owed', loyalty.earned);
      this.#add(customer.id, 'returned', loyalty.redeemed);
    }
    for (const { account, amountMinor } of payments) {
      if (account !== undefined) {
        this.#add(account, 'returned', amountMinor);
      }
    }
  }

  #add(account: string, name: string, points: number): void {
    if (points > 0) {
      const counts: Counts = this.#accounts.get(account) ?? new Map();
      counts.set(name, (counts.get(name) ?? 0) + points);
      this.#accounts.set(account, counts);
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

function countsOf(rights: Rights, writer: string): Counts {
  const counts: Counts = new Map();
  const row = rights[writer];
  for (const [name, points] of Object.entries(row?.counts ?? {})) {
    counts.set(name, points);
  }
  for (const [to, points] of Object.entries(row?.moved ?? {})) {
    counts.set(`given ${to}`, points);
  }
  for (const [of, points] of Object.entries(row?.taken ?? {})) {
    counts.set(`taken ${of}`, points);
  }
  return counts;
}
