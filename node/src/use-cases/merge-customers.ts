/**
 * Two ids are one person: `POST /v1/customers/{id}/merge` names the id that goes into the one of the path.
 *
 * Nothing is moved: rows of points stay under their ids, so sales made meanwhile under either, anywhere, are kept; from now on the survivor
 * stands for both, is credited, and spends of both. Merged twice is merged once. The profile of the one that goes is not shown any more.
 *
 * Commits: a `customer-merge` (who, why) beside the change of the document. Refused with CUSTOMER_NOT_FOUND, CUSTOMER_ERASED and, for an
 * id merged into itself, CHANGE_INVALID.
 */
import { type Customer, type CustomerMerge, type EventBody, ProblemError } from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { NONCE_BYTES } from '../customers/field-cipher.ts';
import type { Trade } from './trade.ts';

export async function mergeCustomers(
  trade: Trade,
  transaction: Transaction,
  id: Customer['id'],
  { from, reason }: CustomerMerge,
): Promise<Decision<Customer>> {
  const { customers, keys } = trade;
  if (!trade.mayWrite(customers.collection)) {
    throw new ProblemError('FORBIDDEN', `This node may not write ${customers.collection}.`);
  }
  if (from === id) {
    throw new ProblemError('CHANGE_INVALID', 'A customer cannot be merged into itself.');
  }
  const [into] = customers.groupOf(id) as [Customer['id']];
  const [going] = customers.groupOf(from) as [Customer['id']];
  const survivor = await customers.get(into);
  const gone = await customers.get(going);
  if (survivor === undefined || gone === undefined) {
    const missing = survivor === undefined ? id : from;
    throw new ProblemError('CUSTOMER_NOT_FOUND', `No customer ${missing} is known to this node.`);
  }
  if (keys.isErased(into) || keys.isErased(going)) {
    throw new ProblemError(
      'CUSTOMER_ERASED',
      'The personal data of one of the two was erased: nothing shows they are one.',
    );
  }
  if (into === going) {
    return sealed(trade, survivor);
  }
  const body: EventBody<'customer-merge'> = {
    from: going,
    into,
    reason,
    till: transaction.till.till as EventBody<'customer-merge'>['till'],
  };
  transaction.append(customers.collection, 'customer-merge', body);
  customers.merge(transaction, going, into);
  return sealed(trade, {
    ...survivor,
    points: {
      balance: survivor.points.balance + gone.points.balance,
      spendableHere: survivor.points.spendableHere + gone.points.spendableHere,
    },
    merged: [...(survivor.merged ?? []), going, ...(gone.merged ?? [])].sort(),
  });
}

function sealed({ keys, randomBytes }: Trade, body: Customer): Decision<Customer> {
  const key = keys.keyOf(body.id);
  return {
    status: 200,
    body,
    ...(key === undefined
      ? {}
      : { seal: (text: string) => keys.sealAnswer(key, randomBytes(NONCE_BYTES), text, body.id) }),
  };
}
