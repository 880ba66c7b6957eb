/** A till's token stops working at once: `branchline till revoke NAME`. Its sales stay. */
import { type EventBody, ProblemError } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export function revokeTill(trade: Trade, transaction: Transaction, name: string): void {
  const till = trade.tills.get(name);
  if (till === undefined || till.revoked) {
    throw new ProblemError('TILL_UNKNOWN', `There is no till ${name}.`);
  }
  const body: EventBody<'till'> = {
    till: till.till as EventBody<'till'>['till'],
    role: till.role,
    tokenHash: '',
    revoked: true,
  };
  transaction.append('local', 'till', body);
}
