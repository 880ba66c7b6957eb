/**
 * The loyalty programme from a day on: `PUT /v1/loyalty/programmes/{from}`. Refused where this device may not write the catalog
 * (FORBIDDEN). Sales of a day take the programme of that day; what was sold before keeps what it got.
 *
 * Commits: a `programme-change` (who, which day) beside the change of the catalog document.
 */
import {
  type DatedProgramme,
  type EventBody,
  type LoyaltyProgrammePut,
  ProblemError,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export function changeProgramme(
  trade: Trade,
  transaction: Transaction,
  from: string,
  rules: LoyaltyProgrammePut,
): Decision<DatedProgramme> {
  if (!trade.mayWrite('catalog')) {
    throw new ProblemError('FORBIDDEN', 'Only head office sets the loyalty programme; this node may not.');
  }
  const isNew = trade.programmes.list().every((programme) => programme.from !== from);
  const till = transaction.till.till as EventBody<'programme-change'>['till'];
  transaction.append('catalog', 'programme-change', { till, from } satisfies EventBody<'programme-change'>);
  trade.programmes.change(transaction, from, rules);
  return { status: isNew ? 201 : 200, body: { from, ...rules } };
}
