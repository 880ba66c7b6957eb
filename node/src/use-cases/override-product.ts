/**
 * A branch's own price or availability of a product: `PUT /v1/products/{sku}/override`.
 *
 * A branch speaks for itself, head office for any branch (FORBIDDEN otherwise, here and at every peer). Head office's own fields are not
 * touched: what it changes meanwhile is there again when the override ends.
 *
 * Commits: a `product-override` in `prices/<branch>`.
 */
import {
  type EventBody,
  type OverridePut,
  ProblemError,
  type ProductOverrideView,
  type Sku,
} from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { type OverrideRow, PRICES, type Said } from '../projections/overrides.ts';
import type { Trade } from './trade.ts';

export function overrideProduct(
  trade: Trade,
  transaction: Transaction,
  before: OverrideRow | undefined,
  target: { readonly branch: string; readonly sku: string },
  put: OverridePut,
): Decision<ProductOverrideView> {
  const { branch, sku } = target;
  const collection = `${PRICES}${branch}`;
  if (!trade.mayWrite(collection)) {
    throw new ProblemError('FORBIDDEN', `This node may not set prices of ${branch}.`);
  }
  if (trade.catalog.get(sku) === undefined) {
    throw new ProblemError('PRODUCT_NOT_FOUND', `No product has the SKU ${sku}.`);
  }
  const { priceMinor, available, from, until } = put;
  const atMs = stampMs(transaction.stamp);
  const dates = {
    ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
    ...(until === undefined ? {} : { untilMs: Date.parse(until) }),
  };
  const body: EventBody<'product-override'> = {
    sku: sku as Sku,
    till: transaction.till.till as EventBody<'product-override'>['till'],
    ...(priceMinor === undefined ? {} : { priceMinor }),
    ...(available === undefined ? {} : { available }),
    ...dates,
    atMs,
  };
  transaction.append(collection, 'product-override', body);
  const said = { ...dates, by: '', atMs };
  const after: OverrideRow = {
    ...before,
    ...(priceMinor === undefined ? {} : { price: { ...said, value: priceMinor } }),
    ...(available === undefined ? {} : { available: { ...said, value: available } }),
  };
  return { status: 200, body: overrideView(branch, sku, after) };
}

export function overrideView(branch: string, sku: string, row: OverrideRow | undefined): ProductOverrideView {
  return {
    sku: sku as Sku,
    branch: branch as ProductOverrideView['branch'],
    price: viewOf(row?.price),
    available: viewOf(row?.available),
  };
}

function viewOf<Value>(said: Said<Value> | undefined) {
  if (said === undefined || said.value === null) {
    return null;
  }
  const { value, fromMs, untilMs, atMs } = said;
  return {
    value,
    ...(fromMs === undefined ? {} : { from: isoTime(fromMs) }),
    ...(untilMs === undefined ? {} : { until: isoTime(untilMs) }),
    at: isoTime(atMs),
  };
}
