/**
 * A customer's profile is created or changed: `PUT /v1/customers/{id}`. Only the named fields are written.
 *
 * Commits: a `customer-change` (who and which fields, never what they say) beside the change of the loyalty document.
 */
import { type Customer, type CustomerPut, type EventBody, ProblemError } from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export async function changeCustomer(
  trade: Trade,
  transaction: Transaction,
  id: Customer['id'],
  put: CustomerPut,
): Promise<Decision<Customer>> {
  const { customers } = trade;
  if (!trade.mayWrite(customers.collection)) {
    throw new ProblemError('FORBIDDEN', `This node may not write ${customers.collection}.`);
  }
  const before = await customers.get(id);
  const body: EventBody<'customer-change'> = {
    id,
    till: transaction.till.till as EventBody<'customer-change'>['till'],
    fields: Object.keys(put),
  };
  transaction.append(customers.collection, 'customer-change', body);
  customers.change(transaction, id, put);
  const after: Customer = {
    ...before,
    ...put,
    id,
    retired: put.retired ?? before?.retired ?? false,
    points: before?.points ?? { balance: 0, spendableHere: 0 },
  };
  return { status: before === undefined ? 201 : 200, body: after };
}
