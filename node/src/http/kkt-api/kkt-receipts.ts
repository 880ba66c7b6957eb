/**
 * Receipts of the replaced adapter on the use cases of this node: a sale is an order, a refund gives an order back, a correction is a
 * correction. There is no other way to the register than theirs, so once is once here as well.
 *
 * The same key gives the same receipt, whatever the body looks like in bytes, as long as it says the same. A sale may wait for its paper as
 * long as the settings say; what is not on paper by then is `buffered`, and printed by itself.
 */
import { createHash } from 'node:crypto';
import {
  type CorrectionRequest,
  type FiscalReceipt,
  type OrderDetail,
  ProblemError,
  type RefundRequest,
  sku as skuOf,
  tillName,
} from '@branchline/model';
import { type Clock, isoTime } from 'hlc-ts';
import type { NodeServices, OrderWish, TillIdentity, WriteAnswer, WriteRequest } from '../../services.ts';
import { MACHINE_TILL, requireRole } from '../till-auth.ts';
import { type ReceiptBody, type SoldItem, soldItems, vatOf } from './receipt-body.ts';

/** Characters of a name that still fit into an SKU made of it. */
const NAME_CHARS_MAX = 56;
const NAME_CUT = 40;
const HASH_CHARS = 12;

export interface ReceiptCall {
  readonly services: NodeServices;
  readonly clock: Clock;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export async function makeReceipt(
  call: ReceiptCall,
  { key, till, body }: WriteRequest<ReceiptBody>,
): Promise<{ receipt: FiscalReceipt; replayed: boolean }> {
  const { services } = call;
  if (!services.register.isConfigured) {
    throw new ProblemError('REGISTER_NONE', 'No register is connected to this node.');
  }
  const fingerprint = digestOf(JSON.stringify(['kkt receipt', body]));
  const request = { key, fingerprint, till: tillOf(till, body.pos_id) };
  switch (body.type) {
    case 'sale':
      return await sale(call, request, body);
    case 'refund':
      return await refund(call, request, body);
    case 'correction':
      return await correction(call, request, body);
    default:
      return body.type satisfies never;
  }
}

/** Any text will do for a key; the node keeps its hash. */
export function keyOfHeader(header: string | undefined): string {
  if (header === undefined || header === '') {
    throw new ProblemError('IDEMPOTENCY_KEY_REQUIRED', 'The Idempotency-Key header is missing.');
  }
  return `kkt-${digestOf(header)}`;
}

type Asked = Omit<WriteRequest<unknown>, 'body'>;

async function sale(call: ReceiptCall, request: Asked, body: ReceiptBody) {
  const { services, clock } = call;
  const day = isoTime(clock.nowMs()).slice(0, 10);
  const contact = body.customer?.email ?? body.customer?.phone ?? undefined;
  const order: OrderWish = {
    lines: soldItems(body).map((item) => ({
      sku: skuOfItem(item),
      name: item.name,
      quantityMilli: item.quantityMilli,
      unitPriceMinor: item.unitPriceMinor,
      discountMinor: item.discountMinor,
      vat: vatOf(item.vatRate, day),
      ...(item.markingCode === undefined ? {} : { markingCode: item.markingCode }),
    })),
    payments: paymentsOf(body),
    ...(contact === undefined ? {} : { customer: { contact } }),
    redeemPoints: 0,
  };
  const answer = await services.orders.place({ ...request, body: order }, waitOf(call));
  return await receiptOf(services, answer);
}

async function refund(call: ReceiptCall, request: Asked, body: ReceiptBody) {
  const { services } = call;
  const order = await originalOf(services, body);
  const wanted: RefundRequest = {
    lines: linesGivenBack(order, soldItems(body)),
    payments: paymentsOf(body),
    restock: true,
  };
  const answer = await services.orders.refund(order.id, { ...request, body: wanted }, waitOf(call));
  return await receiptOf(services, answer);
}

async function correction(call: ReceiptCall, request: Asked, body: ReceiptBody) {
  const { services, clock } = call;
  requireRole(request.till, { name: 'correctReceipt', method: 'post', role: 'manager' });
  const day = body.correction_date ?? isoTime(clock.nowMs()).slice(0, 10);
  const wanted: CorrectionRequest = {
    settlement: 'sale',
    by: 'own',
    day,
    lines: soldItems(body).map((item, index) => ({
      name: item.name,
      quantityMilli: item.quantityMilli,
      unitPriceMinor: wholePriceOf(item, index),
      vat: vatOf(item.vatRate, day),
      ...(item.markingCode === undefined ? {} : { markingCode: item.markingCode }),
    })),
    payments: paymentsOf(body),
  };
  const { body: receipt, replayed } = await services.receipts.correct(
    { ...request, body: wanted },
    waitOf(call),
  );
  return { receipt, replayed };
}

/** The order of the receipt that a refund names. */
async function originalOf(services: NodeServices, body: ReceiptBody): Promise<OrderDetail> {
  const named = body.original_receipt_id ?? body.original_fiscal_doc_id ?? undefined;
  if (named === undefined) {
    const reason = 'a refund names what it gives back: original_receipt_id or original_fiscal_doc_id';
    throw new ProblemError('RECEIPT_INVALID', reason, {
      errors: [{ path: '/body/original_receipt_id', reason }],
    });
  }
  const receipt = await findReceipt(services, named);
  const order = receipt?.order === undefined ? undefined : await services.orders.get(receipt.order);
  if (receipt?.kind !== 'sale' || order === undefined) {
    throw new ProblemError('ORDER_NOT_FOUND', 'No sale with this receipt is known to this node.');
  }
  return order;
}

/** By id; by the number of its document in the storage in use, or in another: `FN-FD`. */
export async function findReceipt(
  services: NodeServices,
  named: string | number,
): Promise<FiscalReceipt | undefined> {
  const text = String(named);
  const [, fn, fd] = /^(?:(\d{16})[-:/])?(\d{1,10})$/.exec(text) ?? [];
  const id = fd === undefined ? text : await services.register.receiptOf(Number(fd), fn);
  return id === undefined ? undefined : await services.receipts.get(id);
}

/** Lines of the order by name, those of the same price first; what is too much is for the refund to refuse. */
function linesGivenBack(
  order: OrderDetail,
  items: readonly SoldItem[],
): { line: number; quantityMilli: number }[] {
  const back = new Map<number, number>();
  for (const [index, { name, unitPriceMinor, quantityMilli }] of items.entries()) {
    const named = order.lines.flatMap((line, at) => (line.name === name ? [{ ...line, at }] : []));
    named.sort(
      (one, other) =>
        Number(other.unitPriceMinor === unitPriceMinor) - Number(one.unitPriceMinor === unitPriceMinor),
    );
    const last = named.at(-1);
    if (last === undefined) {
      const reason = `the original receipt has no item "${name}"`;
      throw new ProblemError('REFUND_LINE_UNKNOWN', reason, {
        errors: [{ path: `/body/items/${index}/name`, reason }],
      });
    }
    let left = quantityMilli;
    for (const { at, quantityMilli: sold } of named) {
      const part = at === last.at ? left : Math.min(left, Math.max(0, sold - (back.get(at) ?? 0)));
      if (part > 0) {
        back.set(at, (back.get(at) ?? 0) + part);
        left -= part;
      }
    }
  }
  return [...back].map(([line, quantityMilli]) => ({ line, quantityMilli }));
}

/** A correction knows no discount. */
function wholePriceOf(
  { quantityMilli, unitPriceMinor, discountMinor, totalMinor }: SoldItem,
  index: number,
): number {
  if (discountMinor === 0) {
    return unitPriceMinor;
  }
  if ((totalMinor * 1_000) % quantityMilli === 0) {
    return (totalMinor * 1_000) / quantityMilli;
  }
  const reason = 'an item of a correction is its price times its quantity';
  throw new ProblemError('RECEIPT_INVALID', reason, {
    errors: [{ path: `/body/items/${index}/total`, reason }],
  });
}

async function receiptOf(
  services: NodeServices,
  { body, replayed }: WriteAnswer<{ readonly receipt: { readonly id: string } }>,
): Promise<{ receipt: FiscalReceipt; replayed: boolean }> {
  const receipt = await services.receipts.get(body.receipt.id);
  if (receipt === undefined) {
    throw new ProblemError('REGISTER_NONE', 'The order was accepted by a node without a register.');
  }
  return { receipt, replayed };
}

function waitOf({ waitMs, signal }: ReceiptCall) {
  return waitMs === 0 ? undefined : { ms: waitMs, signal, forPaper: true };
}

function paymentsOf({ payments }: ReceiptBody) {
  return payments.map(({ type, amount }) => ({ kind: type, amountMinor: amount }));
}

/** An admin, and a program of this machine, speak for any point of sale; a till speaks for itself. */
function tillOf(till: TillIdentity, posId: string): TillIdentity {
  if (till.role !== 'admin' && till.till !== MACHINE_TILL) {
    return till;
  }
  const parsed = tillName.safeParse(posId);
  if (!parsed.success) {
    const reason = parsed.error.issues[0]?.message ?? 'is no name of a till';
    throw new ProblemError('INVALID_REQUEST', reason, { errors: [{ path: '/body/pos_id', reason }] });
  }
  return { ...till, till: parsed.data };
}

/** Goods the caller names by an SKU of ours, or by nothing but words: the same words are the same goods. */
function skuOfItem({ sku, name }: SoldItem) {
  const known = skuOf.safeParse(sku);
  if (known.success) {
    return known.data;
  }
  const signs = Array.from(name);
  const plain = signs.length <= NAME_CHARS_MAX && name.length <= NAME_CHARS_MAX && !name.includes('/');
  const text = plain
    ? name
    : `${signs
        .slice(0, NAME_CUT / 2)
        .join('')
        .replaceAll('/', '-')
        .trimEnd()}-${digestOf(name).slice(0, HASH_CHARS)}`;
  return skuOf.parse(`kkt:${text}`);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
