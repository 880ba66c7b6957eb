/**
 * Vouchers: gift cards and coupons, accounts in the loyalty documents whose name is a hash of their code.
 *
 * `VOUCHER/terms` is a register written when it is issued: JSON the model knows. What is left on it is rights (`rights`): money for
 * a card, one for a coupon. The code itself stands nowhere: who holds the documents cannot spend from them.
 */
import { type Cell, cellKey, keySegments, type Mutator } from './cell.ts';
import { balanceOf, NO_RIGHTS, type Rights } from './rights.ts';
import { foldRights } from './rights-rows.ts';

export type VoucherKind = 'card' | 'coupon';

/** Plain JSON, kept by the node. */
export interface VoucherRow {
  readonly id: string;
  /** Empty until the change that issued it arrived. */
  readonly terms: string;
  readonly rights: Rights;
  readonly balance: number;
}

/** A name no customer can have: ids of customers hold no colon. */
export function voucherAccount(kind: VoucherKind, codeHash: string): string {
  return `${kind}:${codeHash}`;
}

export function voucherKind(account: string): VoucherKind | undefined {
  return account.startsWith('card:') ? 'card' : account.startsWith('coupon:') ? 'coupon' : undefined;
}

export function issueVoucher(account: string, terms: string): Mutator {
  return (cells) => cells.set(cellKey(account, 'terms'), terms);
}

/** The row after these cells; cells of other accounts are skipped. */
export function foldVoucher(row: VoucherRow | undefined, id: string, cells: Iterable<Cell>): VoucherRow {
  let terms = row?.terms ?? '';
  let rights = row?.rights ?? NO_RIGHTS;
  for (const { key, value } of cells) {
    const [owner, column, ...rest] = keySegments(key);
    if (owner !== id || column === undefined) {
      continue;
    }
    if (rest.length > 0) {
      rights = foldRights(rights, [column, ...rest], value) ?? rights;
    } else if (column === 'terms' && typeof value === 'string') {
      terms = value;
    }
  }
  return { id, terms, rights, balance: balanceOf(rights) };
}
