/**
 * Who may call what. Cashier, manager and admin are a ladder: each may what the one below may. An accountant stands beside it: prices,
 * catalog files and reports, every figure a manager reads, and nothing that takes or gives money or goods.
 *
 *     cashier      sells, gives back, X report, discounts up to a bound, sees what waits
 *     manager      Z report, stock, transfers, promotions, delivery by hand
 *     accountant   reads, price policy, catalog files, reports; no sale
 *     admin        all of it, and decisions about what was refused, tills, the register
 */
import type { TillRole } from '@branchline/model';
import type { TillIdentity } from '../services.ts';
import type { Method } from './route.ts';

const RANK = { cashier: 0, manager: 1, admin: 2 } as const;

/** What an accountant may besides reading; by the name of the operation. */
const OF_ACCOUNTANTS: ReadonlySet<string> = new Set([
  'quoteOrder',
  'changeProduct',
  'importProducts',
  'importCatalogFile',
  'overrideProduct',
  'resolveConflict',
  'changePromotion',
  'changePricelist',
  'changeProgramme',
  'readGiftCard',
  'readCoupon',
  'signOut',
]);

export interface Permission {
  readonly name: string;
  readonly method: Method;
  /** Lowest rung of the ladder; absent = open to everybody. */
  readonly role?: TillRole;
}

export function mayCall(role: TillRole, { name, method, role: wanted }: Permission): boolean {
  if (wanted === undefined) {
    return true;
  }
  if (role === 'accountant') {
    return wanted === 'accountant' || (wanted !== 'admin' && (method === 'get' || OF_ACCOUNTANTS.has(name)));
  }
  return RANK[role] >= RANK[wanted === 'accountant' ? 'manager' : wanted];
}

/** Live documents hold stock and customers, and a socket outlives a sign-in: they are edited with the token of a till, never of a person. */
export function mayEditLive({ role, employee }: TillIdentity): boolean {
  return employee === undefined && (role === 'manager' || role === 'admin');
}
