/** What taking a record of a branch needs besides the transaction: who pushed, what is known, and the node's use-case view. */
import { createHash } from 'node:crypto';
import type { Customer } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import type { CustomerKey } from '../customers/field-cipher.ts';
import { NONCE_BYTES } from '../customers/field-cipher.ts';
import { newKey } from '../use-cases/change-customer.ts';
import type { Trade } from '../use-cases/trade.ts';
import type { CloudIds } from './cloud-ids.ts';
import type { ReadingPorts } from './order-reading.ts';
import { POS_SYNC, type PosKey, type PosSyncBook } from './pos-sync-book.ts';
import { codeOf, idOf, type OdooRecord } from './values.ts';

export interface Taking {
  readonly trade: Trade;
  readonly book: PosSyncBook;
  readonly ids: CloudIds;
  readonly key: PosKey;
  readonly tenant: string;
  /** Keys of personal data made for customers that rows do not show yet. */
  readonly newKeys: Map<string, CustomerKey>;
  readonly skusOf: (barcode: string) => readonly string[];
}

/** One record of a push. */
export interface PushedRecord {
  readonly localId: number;
  readonly operation: 'create' | 'write' | 'unlink';
  readonly data: OdooRecord;
}

/** What is told of it, besides whose row it answers. */
export interface Taken {
  readonly cloud_id: number;
  readonly message?: string;
  readonly [field: string]: unknown;
}

export const PARTNER = 'res.partner';
export const ORDER = 'pos.order';

export const entriesOf = ({ trade }: Pick<Taking, 'trade'>): string => `${POS_SYNC}/${trade.branch}`;

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Keys remembered until rows show them; forgotten ones are made anew, and both open. */
export const NEW_KEYS_MAX = 10_000;
/** Longest customer id; what is personal goes into it as a hash. */
const HASH_HEX = 32;

/** One tax number is one person in the chain; the number itself stands in no feed. */
export function customerOfVat(tenant: string, vat: string): Customer['id'] {
  const hash = createHash('sha256')
    .update(`branchline partner\0${tenant}\0${vat.toUpperCase()}`)
    .digest('hex');
  return `pos-${hash.slice(0, HASH_HEX)}` as Customer['id'];
}

/**
 * Who it is: as this branch pushed it before, by the number it has from here, by tax number, or new. An order may come before its customer:
 * both come to the same id.
 */
export async function customerOf(
  { book, key, tenant }: Pick<Taking, 'book' | 'key' | 'tenant'>,
  partner: { readonly localId: unknown; readonly cloudId: unknown; readonly vat: unknown },
): Promise<Customer['id'] | undefined> {
  const localId = idOf(partner.localId);
  const known = localId === undefined ? undefined : await book.record(key.branch, PARTNER, localId);
  if (known !== undefined) {
    return known.key as Customer['id'];
  }
  const cloudId = idOf(partner.cloudId);
  const named = cloudId === undefined ? undefined : await book.ofCloudId(PARTNER, cloudId);
  if (named !== undefined) {
    return named as Customer['id'];
  }
  const vat = codeOf(partner.vat, 64);
  if (vat !== undefined) {
    return customerOfVat(tenant, vat);
  }
  return localId === undefined ? undefined : (`pos-${key.branch}-${localId}` as Customer['id']);
}

/** The record as it is kept: sealed under the customer's key where it is about one, nothing where that one was erased. */
export function sealed(
  taking: Taking,
  transaction: Transaction,
  customer: Customer['id'] | undefined,
  text: string,
): string {
  if (customer === undefined) {
    return text;
  }
  const { trade, newKeys } = taking;
  const { keys } = trade;
  if (keys.isErased(customer)) {
    return '{}';
  }
  let key = keys.keyOf(customer);
  if (key === undefined) {
    key = newKeys.get(customer);
    if (key === undefined) {
      key = newKey(trade, transaction, customer);
      if (newKeys.size >= NEW_KEYS_MAX) {
        newKeys.clear();
      }
      newKeys.set(customer, key);
    } else {
      transaction.append(`keys/${trade.region}`, 'customer-keys', { keys: [[customer, key.id, key.key]] });
    }
  } else {
    newKeys.delete(customer);
  }
  return keys.sealAnswer(key, trade.randomBytes(NONCE_BYTES), text, customer);
}

export function readingPorts({ trade, key, skusOf }: Pick<Taking, 'trade' | 'key' | 'skusOf'>): ReadingPorts {
  return {
    branch: key.branch,
    skuOf: (code, barcode) => {
      if (code !== undefined && trade.catalog.get(code) !== undefined) {
        return code;
      }
      const skus = barcode === undefined ? [] : skusOf(barcode);
      // Two products with one barcode: nobody guesses.
      return skus.length === 1 ? skus[0] : undefined;
    },
    vatOf: (sku) => trade.catalog.get(sku)?.vat,
  };
}
