/**
 * A customer as a branch with another program has it, becomes a customer here: `res.partner`.
 *
 * Whole records are pushed, so only what differs from what this branch pushed last is written: two branches that changed different
 * fields both keep their work. The record as it came is kept under the customer's key, because the module has more fields than a customer
 * here; it goes down to the other branches with them.
 *
 * Commits: as `PUT /v1/customers/{id}`, and a `pos-sync-record` with the number the record goes under.
 */
import { type Customer, type CustomerPut, customerPut } from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { changeCustomer } from '../use-cases/change-customer.ts';
import {
  customerOf,
  entriesOf,
  PARTNER,
  type PushedRecord,
  sealed,
  type Taken,
  type Taking,
} from './branch-context.ts';
import { asRecord, type OdooRecord, textOf } from './values.ts';

type Profile = { -readonly [Field in keyof CustomerPut]: CustomerPut[Field] };

export async function takePartner(
  taking: Taking,
  transaction: Transaction,
  { localId, operation, data }: PushedRecord,
): Promise<Decision<Taken>> {
  const { trade, book, ids, key } = taking;
  const before = await book.record(key.branch, PARTNER, localId);
  const customer =
    (await customerOf(taking, { localId, cloudId: data.cloud_sync_id, vat: data.vat })) ??
    (`pos-${key.branch}-${localId}` as Customer['id']);
  const [cloudId] = (await ids.of(transaction, PARTNER, [customer])) as [number];
  const isErased = trade.keys.isErased(customer);
  if (!isErased) {
    const opened = before === undefined ? undefined : trade.keys.openAnswer(before.record);
    const was = opened === undefined ? {} : profileOf(asRecord(parsed(opened)) ?? {}, 'write');
    const change = changed(was, profileOf(data, operation));
    if (Object.keys(change).length > 0) {
      await changeCustomer(trade, transaction, customer, change);
    }
  }
  const body = { branch: key.branch, model: PARTNER, localId, operation, key: customer, cloudId };
  const record = sealed(taking, transaction, customer, JSON.stringify(data));
  transaction.append(entriesOf(taking), 'pos-sync-record', { ...body, record });
  const message = isErased
    ? 'Datos personales eliminados'
    : before === undefined
      ? 'Contacto creado'
      : 'Contacto actualizado';
  return { status: 200, body: { cloud_id: cloudId, partner_name: textOf(data.name) ?? customer, message } };
}

/** The fields a customer here has. A field the record does not name is not said. */
function profileOf(record: OdooRecord, operation: PushedRecord['operation']): Profile {
  const profile: Profile = {};
  const say = (field: 'name' | 'phone' | 'email' | 'note', value: unknown, charsMax: number): void => {
    const text = value === false || value === null ? '' : textOf(value, charsMax);
    if (text !== undefined && customerPut.safeParse({ [field]: text }).success) {
      profile[field] = text;
    }
  };
  say('name', record.name, 128);
  say('phone', record.mobile || record.phone, 32);
  say('email', record.email, 254);
  say(
    'note',
    typeof record.comment === 'string' ? record.comment.replaceAll(/<[^>]*>/g, ' ') : record.comment,
    256,
  );
  if (operation === 'unlink' || typeof record.active === 'boolean') {
    profile.retired = operation === 'unlink' || record.active === false;
  }
  return profile;
}

/** Empty text of a customer that was never said is no change. */
function changed(before: Profile, now: Profile): Profile {
  const change: Profile = {};
  for (const [field, value] of Object.entries(now) as [keyof Profile, never][]) {
    const was = before[field] ?? (field === 'retired' ? false : '');
    if (was !== value) {
      change[field] = value;
    }
  }
  return change;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
