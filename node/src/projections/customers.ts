/**
 * Loyalty accounts: customers of this node's region, and the gift cards and coupons beside them; folded from cells that changed.
 *
 * Rows hold what is personal as the cells do, encrypted; `Profiles` opens it, in memory. Accounts of customers who were merged stay rows of
 * their own and count as one here: what is earned goes to the survivor, what is spent is taken from all of them.
 * What is spendable here is a right this device holds, not the balance. It is
 * read from the row plus what earlier operations of the same commit group moved, so two tills cannot spend one point; a row that
 * lacks changes of others only makes it less.
 */
import {
  type Cell,
  type CustomerRow,
  cellsBySku,
  type DocName,
  editCustomer,
  foldCustomer,
  foldVoucher,
  issueVoucher,
  lastSeenDay,
  loyaltyDoc,
  moveRights,
  NO_RIGHTS,
  type Rights,
  type RightsMove,
  spendableOf,
  type VoucherRow,
  voucherKind,
} from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { type Customer, type CustomerPut, PERSONAL_FIELDS } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import type { CustomerKey } from '../customers/field-cipher.ts';
import type { KeyRing } from '../customers/key-ring.ts';
import { type Personal, Profiles } from '../customers/profiles.ts';
import { FoldedRows } from './folded-rows.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';
import type { PatchCause, RowSink } from './shards.ts';

/** Customer rows kept in memory; the rest is in LevelDB. */
export const CUSTOMER_ROWS_HELD_MAX = 5_000;

export interface CustomersOptions {
  readonly rows: Rows;
  readonly region: string;
  /** This device: whose rights can be spent here. */
  readonly writer: WriterId;
  readonly keys: KeyRing;
  readonly onChanged: (id: string, cause: PatchCause) => void;
  /** Called with every account whose row changed, of any region held. */
  readonly onRights?: (account: AccountName) => void;
}

/** An account, wherever it is kept. */
export interface AccountName {
  readonly region: string;
  readonly account: string;
}

type AccountRow = CustomerRow | VoucherRow;

export class CustomerBook implements RowSink {
  readonly collection: string;
  readonly #options: CustomersOptions;
  readonly #rows: FoldedRows<AccountRow>;
  readonly #profiles: Profiles;
  #refreshing: Promise<void> = Promise.resolve();

  private constructor(options: CustomersOptions) {
    this.#options = options;
    this.collection = `loyalty/${options.region}`;
    this.#profiles = new Profiles(options.keys);
    this.#rows = new FoldedRows(options.rows, { heldMax: CUSTOMER_ROWS_HELD_MAX });
  }

  static async open(options: CustomersOptions): Promise<CustomerBook> {
    const self = new CustomerBook(options);
    const prefix = rowKeys.customer(options.region, '');
    for await (const [, text] of options.rows.texts({ after: prefix, below: after(prefix) })) {
      const row: AccountRow = JSON.parse(text);
      if (isCustomer(row)) {
        self.#profiles.put(row);
      }
    }
    options.keys.watch((ids) => {
      // Rows that cannot be read stop the node wherever else they are asked for.
      self.#refreshing = self.#refreshing.then(() => self.#refresh(ids)).catch(() => undefined);
    });
    return self;
  }

  /** With the points of all ids of the person; a merged id is answered with the one that stands for it. */
  async get(id: string): Promise<Customer | undefined> {
    const [survivor, ...merged] = this.#profiles.groupOf(id) as [string, ...string[]];
    const row = await this.#row(this.#here(survivor));
    if (row === undefined || !isCustomer(row)) {
      return undefined;
    }
    const points = { balance: 0, spendableHere: 0 };
    for (const each of [survivor, ...merged]) {
      const { rights, balance } = (await this.#row(this.#here(each))) ?? { rights: NO_RIGHTS, balance: 0 };
      points.balance += balance;
      points.spendableHere += Math.max(0, Math.min(balance, spendableOf(rights, this.#options.writer)));
    }
    return {
      ...profileOf(row, this.#profiles.open(row)),
      points,
      ...(merged.length === 0 ? {} : { merged: merged as Customer['id'][] }),
      ...(this.#options.keys.isErased(survivor) ? { erased: true as const } : {}),
    };
  }

  async search(query: { readonly q: string; readonly limit: number }): Promise<readonly Customer[]> {
    const ids = this.#profiles.search(query.q, query.limit);
    const found = await Promise.all(ids.map((id) => this.get(id)));
    return found.flatMap((customer) => (customer === undefined ? [] : [customer]));
  }

  /** Customers who may be one person. */
  async duplicates(limit: number): Promise<{ by: 'phone' | 'email'; customers: Customer[] }[]> {
    return await Promise.all(
      this.#profiles.duplicates(limit).map(async ({ by, ids }) => {
        const found = await Promise.all(ids.map((id) => this.get(id)));
        return { by, customers: found.flatMap((each) => (each === undefined ? [] : [each])) };
      }),
    );
  }

  /** Every customer of this region, merged ones included. */
  async *ids(): AsyncGenerator<string> {
    const prefix = rowKeys.customer(this.#options.region, '');
    for await (const [key, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      if (isCustomer(JSON.parse(text) as AccountRow)) {
        yield key.slice(prefix.length);
      }
    }
  }

  /** All ids of a person, the one that stands for them first. */
  groupOf(id: string): readonly string[] {
    return this.#profiles.groupOf(id);
  }

  /** Resolves when the search knows of every key that came or went until now. */
  refreshed(): Promise<void> {
    return this.#refreshing;
  }

  /** What is personal goes in encrypted under `key`; each text takes a nonce. */
  change(
    transaction: Transaction,
    id: string,
    put: CustomerPut,
    { key, nonce }: { readonly key: CustomerKey | undefined; readonly nonce: () => Uint8Array },
  ): void {
    const edit: { -readonly [F in keyof CustomerPut]: CustomerPut[F] } = { ...put };
    for (const field of PERSONAL_FIELDS) {
      const text = put[field];
      if (text !== undefined && text !== '') {
        edit[field] = this.#options.keys.seal(key!, nonce(), text, id, field);
      }
    }
    transaction.change(loyaltyDoc(this.#options.region, id), editCustomer(id, edit));
  }

  /** From now on `into` stands for `from`; said twice, it stands once. */
  merge(transaction: Transaction, from: string, into: string): void {
    transaction.change(loyaltyDoc(this.#options.region, from), editCustomer(from, { into }));
  }

  /** Points of a sale; the row of this device grows, nobody else's. */
  earn(transaction: Transaction, id: string, points: number): void {
    this.move(transaction, this.#here(this.#profiles.survivor(id)), {
      type: 'count',
      count: 'earned',
      points,
    });
  }

  /** Points or money of an account that are spent here; more than `spendable` says must not be asked. */
  async spend(transaction: Transaction, id: string, points: number): Promise<void> {
    let left = points;
    const accounts = this.#profiles.groupOf(id);
    for (const each of accounts) {
      const part = Math.min(left, (await this.#spendableOf(transaction, each)).spendable);
      if (part > 0) {
        this.move(transaction, this.#here(each), { type: 'count', count: 'spent', points: part });
        left -= part;
      }
    }
    if (left > 0) {
      throw new RangeError(`${points} were spent of ${id}, ${left} more than is here`);
    }
  }

  /**
   * What a refund does: `earned` points of the sale are taken back, as far as this device holds rights now, the rest out of the next that
   * come; `redeemed` ones are given back, here.
   */
  async refund(
    transaction: Transaction,
    id: string,
    { earned, redeemed }: { readonly earned: number; readonly redeemed: number },
  ): Promise<void> {
    const account = this.#here(this.#profiles.survivor(id));
    if (redeemed > 0) {
      this.move(transaction, account, { type: 'count', count: 'returned', points: redeemed });
    }
    if (earned > 0) {
      const { spendable } = await this.#spendableOf(transaction, account.account);
      this.move(transaction, account, { type: 'count', count: 'owed', points: earned });
      if (Math.min(earned, spendable) > 0) {
        const points = Math.min(earned, spendable);
        this.move(transaction, account, { type: 'count', count: 'reversed', points });
      }
    }
  }

  /** A customer was here: keeps points from expiring. */
  see(transaction: Transaction, id: string, day: number): void {
    for (const each of this.#profiles.groupOf(id)) {
      this.move(transaction, this.#here(each), { type: 'see', day });
    }
  }

  /** Any step; allowed by whoever calls. */
  move(transaction: Transaction, { region, account }: AccountName, step: RightsMove): void {
    transaction.change(loyaltyDoc(region, account), moveRights(account, step));
    const delta = deltaOf(step);
    if (delta !== 0) {
      transaction.noteMoved(groupKey(region, account), delta);
    }
  }

  /** What this device may spend now of an account, or of all accounts of a person; and when the person was last seen. */
  async spendable(
    transaction: Transaction | undefined,
    account: string,
  ): Promise<{ readonly spendable: number; readonly balance: number; readonly seenDay: number }> {
    let sum = { spendable: 0, balance: 0, seenDay: 0 };
    for (const each of this.#profiles.groupOf(account)) {
      const { rights, spendable, balance } = await this.#spendableOf(transaction, each);
      sum = {
        spendable: sum.spendable + spendable,
        balance: sum.balance + balance,
        seenDay: Math.max(sum.seenDay, lastSeenDay(rights)),
      };
    }
    return sum;
  }

  async #spendableOf(
    transaction: Transaction | undefined,
    account: string,
  ): Promise<{ readonly rights: Rights; readonly spendable: number; readonly balance: number }> {
    const row = await this.#row(this.#here(account));
    const rights = row?.rights ?? NO_RIGHTS;
    const moved = transaction?.movedMilli(groupKey(this.#options.region, account)) ?? 0;
    const spendable = Math.max(0, spendableOf(rights, this.#options.writer) + moved);
    return { rights, spendable, balance: row?.balance ?? 0 };
  }

  async rights({ region, account }: AccountName): Promise<Rights> {
    return (await this.#row({ region, account }))?.rights ?? NO_RIGHTS;
  }

  /** Whether earlier operations of this transaction's group have moved rights of the account. */
  isMoving(transaction: Transaction, { region, account }: AccountName): boolean {
    return transaction.movedMilli(groupKey(region, account)) !== 0;
  }

  async voucher(account: string): Promise<VoucherRow | undefined> {
    return this.voucherOf(this.#here(account));
  }

  async voucherOf(name: AccountName): Promise<VoucherRow | undefined> {
    const row = await this.#row(name);
    return row === undefined || isCustomer(row) || row.terms === '' ? undefined : row;
  }

  issue(transaction: Transaction, account: string, terms: object): void {
    transaction.change(
      loyaltyDoc(this.#options.region, account),
      issueVoucher(account, JSON.stringify(terms)),
    );
    // A second issue in the same group must see this one.
    transaction.noteMoved(issuedKey(account), 1);
  }

  async isIssued(transaction: Transaction, account: string): Promise<boolean> {
    return (await this.voucher(account)) !== undefined || transaction.movedMilli(issuedKey(account)) > 0;
  }

  /** Every account held here with what is known of it, one after the other. */
  async *accounts(): AsyncGenerator<AccountName & { readonly rights: Rights }> {
    const prefix = rowKeys.customer('', '').slice(0, 2);
    for await (const [key, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      const [region, account] = key.slice(prefix.length).split('/') as [string, string];
      yield { region, account, rights: (JSON.parse(text) as AccountRow).rights };
    }
  }

  prepare(doc: DocName, cells: readonly Cell[]): Promise<void> {
    return this.#rows.prepare(keys(doc, cells));
  }

  patch(doc: DocName, cells: readonly Cell[], cause: PatchCause): void {
    const region = regionOf(doc);
    for (const [id, own] of cellsBySku(cells)) {
      const row = this.#rows.fold(rowKeys.customer(region, id), (before) =>
        voucherKind(id) === undefined
          ? foldCustomer(before as CustomerRow | undefined, id, own)
          : foldVoucher(before as VoucherRow | undefined, id, own),
      );
      if (region === this.#options.region && isCustomer(row)) {
        this.#profiles.put(row);
        this.#options.onChanged(id, cause);
      }
      this.#options.onRights?.({ region, account: id });
    }
  }

  forget(doc: DocName, cells: readonly Cell[]): void {
    for (const key of keys(doc, cells)) {
      this.#rows.forget(key);
    }
  }

  async #refresh(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const row = await this.#row(this.#here(id));
      if (row !== undefined && isCustomer(row)) {
        this.#profiles.put(row);
      }
    }
  }

  #here(account: string): AccountName {
    return { region: this.#options.region, account };
  }

  #row({ region, account }: AccountName): Promise<AccountRow | undefined> {
    return this.#rows.get(rowKeys.customer(region, account));
  }
}

/** What a step of this device does to its own rights. */
function deltaOf(step: RightsMove): number {
  switch (step.type) {
    case 'count':
      // What is owed is not spendable before it is taken back.
      return step.count === 'earned' || step.count === 'returned'
        ? step.points
        : step.count === 'reversed'
          ? 0
          : -step.points;
    case 'give':
      return -step.points;
    default:
      return 0;
  }
}

/** Names in the book-keeping of a group; no SKU holds a slash. */
function groupKey(region: string, account: string): string {
  return `rights/${region}/${account}`;
}

function issuedKey(account: string): string {
  return `issued/${account}`;
}

function isCustomer(row: AccountRow): row is CustomerRow {
  return voucherKind(row.id) === undefined;
}

function keys(doc: DocName, cells: readonly Cell[]): string[] {
  const region = regionOf(doc);
  return Array.from(cellsBySku(cells).keys(), (id) => rowKeys.customer(region, id));
}

/** `north` of `loyalty/north/17`. */
function regionOf(doc: DocName): string {
  return doc.split('/')[1]!;
}

function profileOf(row: CustomerRow, personal: Personal): Omit<Customer, 'points'> {
  const { name, phone, email, note } = personal;
  return {
    id: row.id as Customer['id'],
    ...(name === '' ? {} : { name }),
    ...(phone === '' ? {} : { phone }),
    ...(email === '' ? {} : { email }),
    ...(note === '' ? {} : { note }),
    ...(row.group === undefined ? {} : { group: row.group }),
    retired: row.retired,
  };
}
