/** The till an operation is entered under: that of the token; a body may repeat its name but not use another's. */
import { type EventBody, ProblemError } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';

/** An admin's token is an office: it acts for any till. */
export function ownTill(transaction: Transaction, named: string | undefined): EventBody<'order'>['till'] {
  const { till, role } = transaction.till;
  if (named !== undefined && role === 'admin') {
    return named as EventBody<'order'>['till'];
  }
  if (named !== undefined && named !== till) {
    throw new ProblemError(
      'TILL_MISMATCH',
      `The token belongs to till ${till}, the order names till ${named}.`,
    );
  }
  return till as EventBody<'order'>['till'];
}

export function tillOf(transaction: Transaction): EventBody<'order'>['till'] {
  return transaction.till.till as EventBody<'order'>['till'];
}

/** Who sells: whoever has signed in, else whom the till names. */
export function cashierOf(transaction: Transaction, named: string | undefined): string | undefined {
  return transaction.till.employee?.name ?? named;
}
