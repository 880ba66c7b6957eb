/**
 * Loyalty accounts: customers of this node's region, found by id and by the beginnings of words, and the gift cards and coupons beside
 * them; folded from cells that changed.
 *
 * The search holds only ids and the words people search by. What is spendable here is a right this device holds, not the balance. It is
 * read from the row plus what earlier operations of the same commit group moved, so two tills cannot spend one point; a row that
 * lacks changes of others only makes it less.
 */
import {
  type Cell,
  CustomerIndex,
  type CustomerRow,
  cellsBySku,
  type DocName,
  editCustomer,
  foldCustomer,
  foldVoucher,
  issueVoucher,
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
import type { Customer, CustomerPut } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
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
  readonly #index = new CustomerIndex();

  private constructor(options: CustomersOptions) {
    this.#options = options;
    this.collection = `loyalty/${options.region}`;
    this.#rows = new FoldedRows(options.rows, { heldMax: CUSTOMER_ROWS_HELD_MAX });
  }

  static async open(options: CustomersOptions): Promise<CustomerBook> {
    const self = new CustomerBook(options);
    const prefix = rowKeys.customer(options.region, '');
    for await (const [, text] of options.rows.texts({ after: prefix, below: after(prefix) })) {
      const row: AccountRow = JSON.parse(text);
      if (isCustomer(row)) {
        self.#index.put(row);
      }
    }
    return self;
  }

  async get(id: string): Promise<Customer | undefined> {
    const row = await this.#row(this.#here(id));
    return row === undefined || !isCustomer(row) ? undefined : customerOf(row, this.#options.writer);
  }

  async search(query: { readonly q: string; readonly limit: number }): Promise<readonly Customer[]> {
    const ids = this.#index.search(query.q, query.limit);
    const found = await Promise.all(ids.map((id) => this.get(id)));
    return found.flatMap((customer) => (customer === undefined ? [] : [customer]));
  }

  change(transaction: Transaction, id: string, put: CustomerPut): void {
    transaction.change(loyaltyDoc(this.#options.region, id), editCustomer(id, put));
  }

  /** Points of a sale; the row of this device grows, nobody else's. */
  earn(transaction: Transaction, id: string, points: number): void {
    this.move(transaction, this.#here(id), { type: 'count', count: 'earned', points });
  }

  /** Points or money of an account that are spent here; more than `spendable` says must not be asked. */
  spend(transaction: Transaction, id: string, points: number): void {
    this.move(transaction, this.#here(id), { type: 'count', count: 'spent', points });
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
    const account = this.#here(id);
    if (redeemed > 0) {
      this.move(transaction, account, { type: 'count', count: 'returned', points: redeemed });
    }
    if (earned > 0) {
      const { spendable } = await this.spendable(transaction, id);
      this.move(transaction, account, { type: 'count', count: 'owed', points: earned });
      if (Math.min(earned, spendable) > 0) {
        const points = Math.min(earned, spendable);
        this.move(transaction, account, { type: 'count', count: 'reversed', points });
      }
    }
  }

  /** A customer was here: keeps points from expiring. */
  see(transaction: Transaction, id: string, day: number): void {
    this.move(transaction, this.#here(id), { type: 'see', day });
  }

  /** Any step; allowed by whoever calls. */
  move(transaction: Transaction, { region, account }: AccountName, step: RightsMove): void {
    transaction.change(loyaltyDoc(region, account), moveRights(account, step));
    const delta = deltaOf(step);
    if (delta !== 0) {
      transaction.noteMoved(groupKey(region, account), delta);
    }
  }

  /** Rights as stored, and what this device may spend of them now. */
  async spendable(
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
        this.#index.put(row);
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

function customerOf(row: CustomerRow, writer: WriterId): Customer {
  return {
    id: row.id as Customer['id'],
    ...(row.name === '' ? {} : { name: row.name }),
    ...(row.phone === '' ? {} : { phone: row.phone }),
    ...(row.email === '' ? {} : { email: row.email }),
    ...(row.note === '' ? {} : { note: row.note }),
    retired: row.retired,
    points: {
      balance: row.balance,
      spendableHere: Math.min(row.balance, spendableOf(row.rights, writer)),
    },
  };
}
