/**
 * A customer's profile is created or changed: `PUT /v1/customers/{id}`. Only the named fields are written.
 *
 * What is personal is encrypted field by field, so that concurrent edits of different fields still merge; the first node that meets a customer
 * makes the key. Refused with CUSTOMER_ERASED for an id that was erased: whoever comes back gets a new one.
 *
 * Commits: a `customer-change` (who and which fields, never what they say) beside the change of the loyalty document, for a new customer
 * `customer-keys`. The answer is kept encrypted as well.
 */
import {
  type Customer,
  type CustomerPut,
  type EventBody,
  PERSONAL_FIELDS,
  ProblemError,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { type CustomerKey, KEY_BYTES, NONCE_BYTES } from '../customers/field-cipher.ts';
import type { Trade } from './trade.ts';

/** Random bytes of a key's id. */
const KEY_ID_BYTES = 9;

export async function changeCustomer(
  trade: Trade,
  transaction: Transaction,
  asked: Customer['id'],
  put: CustomerPut,
): Promise<Decision<Customer>> {
  const { customers, keys } = trade;
  if (!trade.mayWrite(customers.collection)) {
    throw new ProblemError('FORBIDDEN', `This node may not write ${customers.collection}.`);
  }
  // A merged customer is changed where it went.
  const id = customers.groupOf(asked)[0] as Customer['id'];
  if (keys.isErased(id)) {
    throw new ProblemError(
      'CUSTOMER_ERASED',
      `The personal data of ${id} was erased; give the customer a new id.`,
    );
  }
  const before = await customers.get(id);
  const body: EventBody<'customer-change'> = {
    id,
    till: transaction.till.till as EventBody<'customer-change'>['till'],
    fields: Object.keys(put),
  };
  transaction.append(customers.collection, 'customer-change', body);
  const isPersonal = PERSONAL_FIELDS.some((field) => put[field] !== undefined);
  const key = keys.keyOf(id) ?? (isPersonal ? newKey(trade, transaction, id) : undefined);
  const nonce = (): Uint8Array => trade.randomBytes(NONCE_BYTES);
  customers.change(transaction, id, put, { key, nonce });
  const after: Customer = {
    ...before,
    ...put,
    id,
    retired: put.retired ?? before?.retired ?? false,
    points: before?.points ?? { balance: 0, spendableHere: 0 },
  };
  return {
    status: before === undefined ? 201 : 200,
    body: after,
    ...(key === undefined ? {} : { seal: (text: string) => keys.sealAnswer(key, nonce(), text, id) }),
  };
}

/** Refused where this device may not write keys of its region. */
export function newKey(trade: Trade, transaction: Transaction, id: Customer['id']): CustomerKey {
  const collection = `keys/${trade.region}`;
  if (!trade.mayWrite(collection)) {
    throw new ProblemError('FORBIDDEN', `This node may not write ${collection}: no key for personal data.`);
  }
  const keyId = Buffer.from(trade.randomBytes(KEY_ID_BYTES)).toString('base64url');
  const key = { id: keyId, key: new Uint8Array(trade.randomBytes(KEY_BYTES)) };
  const body: EventBody<'customer-keys'> = { keys: [[id, key.id, key.key]] };
  transaction.append(collection, 'customer-keys', body);
  return key;
}
