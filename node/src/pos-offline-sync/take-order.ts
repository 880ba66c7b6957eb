/**
 * A sale or refund that a branch with another program made, becomes an `order` or `refund` of that branch here.
 *
 * It has happened: it is never refused for what it says. What cannot become one (no lines, amounts that do not add up, a refund whose
 * sale was not pushed) is kept as it came and shown until somebody, or a later push, settles it. The same record again changes nothing; a
 * record that says more than before is kept beside the order, which stays as it was sold.
 *
 * Commits: the order (`orders/<branch>`) with its number, `pushed` and the record as it was sent; the movement in `stock/<branch>`.
 */
import {
  type Customer,
  type EventBody,
  eventBodies,
  type OrderId,
  type ReceiptId,
  uuidV7,
  vatSplit,
} from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import {
  customerOf,
  digestOf,
  entriesOf,
  ORDER,
  type PushedRecord,
  readingPorts,
  sealed,
  type Taken,
  type Taking,
} from './branch-context.ts';
import { evidenceOf, type Reading, type ReadRefund, type ReadSale, readOrder } from './order-reading.ts';
import { REFUND_UNLINKED, type UnsettledRecord } from './pos-sync-book.ts';
import { asRecord, type OdooRecord } from './values.ts';

const ID_BYTES = 10;
/** In the place of a number while the rest is looked at. */
const ANY_NUMBER = 'B001.P-000001';

type Tills = EventBody<'order'>['till'];

export async function takeOrder(
  taking: Taking,
  transaction: Transaction,
  { localId, data }: PushedRecord,
): Promise<Decision<Taken>> {
  const { book, key, ids } = taking;
  const text = JSON.stringify(data);
  const digest = digestOf(text);
  const evidence = evidenceOf(data);
  const known = await book.order(key.branch, localId, evidence);
  if (known !== undefined) {
    const last = await book.record(key.branch, ORDER, localId);
    const isNews =
      known.digest !== digest &&
      (last === undefined || last.key !== known.id || digestOfKept(last.record) !== digest);
    if (isNews) {
      const customer = await whose(taking, data);
      const body = {
        branch: key.branch,
        model: ORDER,
        localId,
        evidence,
        operation: 'write',
        key: known.id,
        cloudId: known.cloudId,
      };
      transaction.append(entriesOf(taking), 'pos-sync-record', {
        ...body,
        record: `${digest} ${sealed(taking, transaction, customer, text)}`,
      });
    }
    return {
      status: 200,
      body: { cloud_id: known.cloudId, order_name: known.name ?? known.id, message: 'Orden ya existe' },
    };
  }
  const cloudId = ids.take();
  const reading = readOrder(data, readingPorts(taking));
  const customer = await whose(taking, data);
  const pushed = {
    by: 'pos_offline_sync',
    localId,
    evidence,
    cloudId,
    digest,
    record: sealed(taking, transaction, customer, text),
  };
  if (reading.kind === 'sale') {
    const number = appendSale(taking, transaction, reading, pushed, customer);
    if (number !== undefined) {
      return { status: 200, body: { cloud_id: cloudId, ...toldOf(number, reading.payments.length, data) } };
    }
  }
  if (reading.kind === 'refund') {
    const number = await appendRefund(taking, transaction, reading, pushed, customer);
    if (number !== undefined) {
      return { status: 200, body: { cloud_id: cloudId, ...toldOf(number, reading.payments.length, data) } };
    }
  }
  const unsettled =
    reading.kind === 'refund'
      ? REFUND_UNLINKED
      : reading.kind === 'unreadable'
        ? reading.reason
        : 'NOT_READABLE';
  const reference = reading.kind === 'refund' ? reading.ofReferences[0] : undefined;
  const body = {
    branch: key.branch,
    model: ORDER,
    localId,
    evidence,
    operation: 'create',
    key: uuidV7(stampMs(transaction.stamp), taking.trade.randomBytes(ID_BYTES)),
    cloudId,
    unsettled,
    digest,
    ...(reference === undefined ? {} : { reference }),
    record: pushed.record,
  };
  transaction.append(entriesOf(taking), 'pos-sync-record', body);
  return {
    status: 200,
    body: { cloud_id: cloudId, order_name: body.key, message: `Orden guardada, por revisar: ${unsettled}` },
  };
}

/** Is the sale of a waiting refund here by now? */
export async function isSettleable(taking: Taking, waiting: UnsettledRecord): Promise<boolean> {
  const reading = readingOf(taking, waiting);
  return reading?.kind === 'refund' && (await originalOf(taking, reading)) !== undefined;
}

/** A refund that waited for its sale, which is here now: true when it became one. */
export async function settleRefund(
  taking: Taking,
  transaction: Transaction,
  waiting: UnsettledRecord,
): Promise<boolean> {
  const { key } = taking;
  const data = dataOf(taking, waiting);
  const reading = readingOf(taking, waiting);
  if (data === undefined || reading?.kind !== 'refund') {
    return false;
  }
  const { localId, cloudId, record } = waiting;
  const evidence = evidenceOf(data);
  const pushed = {
    by: 'pos_offline_sync',
    localId,
    evidence,
    cloudId,
    digest: digestOf(JSON.stringify(data)),
    record,
  };
  const number = await appendRefund(taking, transaction, reading, pushed, await whose(taking, data));
  if (number === undefined) {
    return false;
  }
  const body = {
    branch: key.branch,
    model: ORDER,
    localId,
    evidence,
    operation: 'write',
    key: waiting.key,
    cloudId,
  };
  transaction.append(entriesOf(taking), 'pos-sync-record', { ...body, settles: waiting.key, record: '' });
  return true;
}

function readingOf(taking: Taking, waiting: UnsettledRecord): Reading | undefined {
  const data = dataOf(taking, waiting);
  return data === undefined ? undefined : readOrder(data, readingPorts(taking));
}

function dataOf({ trade }: Taking, { record }: UnsettledRecord): OdooRecord | undefined {
  return asRecord(safeJson(trade.keys.openAnswer(record) ?? ''));
}

/** Undefined where it is no order as every node reads one. */
function appendSale(
  taking: Taking,
  transaction: Transaction,
  sale: ReadSale,
  pushed: Omit<NonNullable<EventBody<'order'>['pushed']>, 'by'> & { readonly by: string },
  customer: Customer['id'] | undefined,
): string | undefined {
  const { trade, key } = taking;
  const ms = stampMs(transaction.stamp);
  const random = trade.randomBytes(2 * ID_BYTES);
  const body = {
    id: uuidV7(ms, random.subarray(0, ID_BYTES)) as OrderId,
    number: ANY_NUMBER,
    till: sale.till as Tills,
    ...(sale.cashier === undefined ? {} : { cashier: sale.cashier }),
    totalMinor: sale.totalMinor,
    changeMinor: sale.changeMinor,
    lines: sale.lines,
    payments: sale.payments,
    vat: vatSplit(sale.lines as unknown as Parameters<typeof vatSplit>[0]),
    ...(customer === undefined ? {} : { customer: { id: customer } }),
    receipt: { id: uuidV7(ms, random.subarray(ID_BYTES)) as ReceiptId },
    loyalty: { earned: 0, redeemed: 0 },
    ...(sale.soldAt === undefined ? {} : { soldAt: sale.soldAt }),
    pushed: {
      ...pushed,
      ...namesOf(sale),
      ...(sale.returned.length === 0 ? {} : { returned: sale.returned }),
    },
  };
  if (!eventBodies.order.safeParse(body).success) {
    return undefined;
  }
  // Last of what can fail is behind us: a number is taken only by an order that will be.
  const number = trade.series.takePushed(key.branch, 'pushed');
  transaction.append(`orders/${key.branch}`, 'order', { ...body, number });
  trade.stock.moveAt(key.branch, transaction, 'sold', sale.lines);
  trade.stock.moveAt(key.branch, transaction, 'returned', sale.returned);
  return number;
}

/** Undefined where the sale is not known, or none of its lines is what came back. */
async function appendRefund(
  taking: Taking,
  transaction: Transaction,
  refund: ReadRefund,
  pushed: Parameters<typeof appendSale>[3],
  customer: Customer['id'] | undefined,
): Promise<string | undefined> {
  const { trade, key } = taking;
  const order = await originalOf(taking, refund);
  const places = order === undefined ? undefined : placesOf(refund, order.lines);
  if (order === undefined || places === undefined) {
    return undefined;
  }
  const ms = stampMs(transaction.stamp);
  const random = trade.randomBytes(2 * ID_BYTES);
  const lines = refund.lines.map((line, index) => ({ ...line, line: places[index]!, restock: true }));
  const body = {
    id: uuidV7(ms, random.subarray(0, ID_BYTES)) as OrderId,
    number: ANY_NUMBER,
    branch: key.branch,
    till: refund.till as Tills,
    ...(refund.cashier === undefined ? {} : { cashier: refund.cashier }),
    refundOf: order.id,
    refundOfNumber: order.number,
    turn: 0,
    totalMinor: refund.totalMinor,
    lines,
    payments: refund.payments,
    vat: vatSplit(lines as unknown as Parameters<typeof vatSplit>[0]),
    ...(customer === undefined ? {} : { customer: { id: customer } }),
    receipt: { id: uuidV7(ms, random.subarray(ID_BYTES)) as ReceiptId },
    loyalty: { earned: 0, redeemed: 0 },
    ...(refund.soldAt === undefined ? {} : { soldAt: refund.soldAt }),
    pushed: { ...pushed, ...namesOf(refund) },
  };
  if (!eventBodies.refund.safeParse(body).success) {
    return undefined;
  }
  const number = trade.series.takePushed(key.branch, 'pushed-refunds');
  transaction.append(`orders/${key.branch}`, 'refund', { ...body, number });
  trade.stock.moveAt(key.branch, transaction, 'returned', refund.lines);
  return number;
}

async function originalOf({ trade, book, key }: Taking, refund: ReadRefund) {
  for (const reference of refund.ofReferences) {
    const id = await book.orderCalled(key.branch, reference);
    const order = id === undefined ? undefined : await trade.returns.order(id);
    if (order !== undefined) {
      return order;
    }
  }
  for (const localId of refund.ofLocalIds) {
    const [known, ...others] = (await book.ordersWith(key.branch, localId)).filter(
      ({ kind }) => kind === 'order',
    );
    // Of two sales with one local id, from before and after a reinstallation, nobody can tell which.
    const order = known === undefined || others.length > 0 ? undefined : await trade.returns.order(known.id);
    if (order !== undefined) {
      return order;
    }
  }
  return undefined;
}

/** The line of the sale that each line of the refund gives back. */
function placesOf(refund: ReadRefund, sold: readonly { readonly sku: string }[]): number[] | undefined {
  const places = refund.lines.map(({ sku }) => sold.findIndex((line) => line.sku === sku));
  return places.includes(-1) ? undefined : places;
}

async function whose(taking: Taking, data: PushedRecord['data']): Promise<Customer['id'] | undefined> {
  return await customerOf(taking, {
    localId: data.partner_id,
    cloudId: data.partner_cloud_sync_id,
    vat: data.partner_vat,
  });
}

function namesOf({ reference, name, accessKey, taxMinor }: ReadSale | ReadRefund) {
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(name === undefined ? {} : { name }),
    ...(accessKey === undefined ? {} : { accessKey }),
    ...(taxMinor === undefined ? {} : { taxMinor }),
  };
}

/** What the module's own cloud tells of a new order. */
function toldOf(number: string, payments: number, data: PushedRecord['data']): Omit<Taken, 'cloud_id'> {
  return {
    order_name: number,
    order_state: typeof data.state === 'string' ? data.state : 'paid',
    pos_reference: data.pos_reference ?? number,
    session_name: data.session_name ?? '',
    payments_count: payments,
    invoice_created: false,
    invoice_name: false,
    json_storage_created: false,
    json_storage_id: false,
  };
}

/** An amendment is kept behind its digest, which is told even when its customer was erased. */
function digestOfKept(record: string): string {
  return record.slice(0, 64);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
