/**
 * Orders of this branch and of every branch whose orders are replicated here, by id, by time and by branch.
 *
 * `orderOf` is the one place where an order entry becomes the order a till sees: the answer of a sale, a read years later
 * and a read on another machine agree because all of them go through it.
 *
 * Also finds again how far this device's number series got. Orders it has said again for an earlier key carry that one's numbers
 * and do not count.
 */
import {
  type EventBody,
  eventBodies,
  type NumberSeries,
  numberPrefix,
  type Order,
  type OrderPage,
  ProblemError,
} from '@branchline/model';
import { formatStamp, isoTime, makeStamp, type Stamp, stampMs } from 'hlc-ts';
import { LastNumber } from './last-number.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

const COLLECTION = /^orders\/([^/]+)$/;

export interface OrdersOptions {
  readonly rows: Rows;
  /** This device, whose number series is counted; undefined before enrolment. */
  readonly writer: string;
  readonly onAccepted: (order: Order, entry: ProjectedEntry) => void;
}

export class Orders implements Projection {
  readonly kinds = ['order'];
  readonly #options: OrdersOptions;
  #accepted = 0;
  /** The series of this device's last order, and its count there. */
  readonly #last: LastNumber;

  private constructor(options: OrdersOptions, last: LastNumber) {
    this.#options = options;
    this.#last = last;
  }

  static async open(options: OrdersOptions): Promise<Orders> {
    return new Orders(options, await LastNumber.open(options.rows, rowKeys.series, options.writer));
  }

  /** Count behind this device's last order number in a series. */
  lastCount(series: NumberSeries): number {
    return this.#last.countOf(numberPrefix(series));
  }

  /** Orders seen since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  apply(entry: ProjectedEntry): void {
    const branch = COLLECTION.exec(entry.collection)?.[1];
    if (branch === undefined) {
      return;
    }
    const trusted = entry.local && !entry.replayed;
    const body = trusted ? (entry.body as EventBody<'order'>) : eventBodies.order.parse(entry.body);
    const { rows, writer } = this.#options;
    const order = orderOf(branch, entry.hlc, body);
    rows.putText(rowKeys.order(order.id), JSON.stringify(order));
    rows.putText(rowKeys.orderByTime(order.hlc, order.id), entry.writer);
    rows.putText(rowKeys.branchOrder(branch, order.hlc, order.id), '');
    rows.putText(rowKeys.orderNumber(order.number), order.id);
    if (order.soldAt !== undefined) {
      rows.putText(rowKeys.pushedByTime(momentStamp(order.soldAt), order.id), branch);
    }
    if (entry.writer === writer && order.pushed === undefined) {
      this.#last.take(order.number);
    }
    this.#accepted += 1;
    this.#options.onAccepted(order, entry);
  }

  async get(id: string): Promise<Order | undefined> {
    const text = await this.#options.rows.getText(rowKeys.order(id));
    return text === undefined ? undefined : JSON.parse(text);
  }

  async withNumber(number: string): Promise<Order | undefined> {
    const id = await this.#options.rows.getText(rowKeys.orderNumber(number));
    return id === undefined ? undefined : await this.get(id);
  }

  /** The device that sold it; undefined where the order was told by a letter. */
  async soldBy({ hlc, id }: Order): Promise<string | undefined> {
    return await this.#options.rows.getText(rowKeys.orderByTime(hlc, id));
  }

  async list(query: {
    readonly after?: string | undefined;
    readonly limit: number;
    readonly branch?: string | undefined;
    readonly sort?: 'oldest' | 'newest' | undefined;
  }): Promise<OrderPage> {
    const { rows } = this.#options;
    const prefix = query.branch === undefined ? 't/' : `u/${query.branch}/`;
    const place = query.after === undefined ? undefined : `${prefix}${await this.#cursor(query.after)}`;
    const range =
      query.sort === 'newest'
        ? { after: prefix, below: place ?? after(prefix), reverse: true }
        : { after: place ?? prefix, below: after(prefix) };
    const ids: string[] = [];
    let cursor = '';
    for await (const [key] of rows.texts({ ...range, limit: query.limit + 1 })) {
      if (ids.length === query.limit) {
        return { orders: await this.#read(ids), next: cursor };
      }
      cursor = key.slice(prefix.length);
      ids.push(cursor.slice(cursor.indexOf('/') + 1));
    }
    return { orders: await this.#read(ids) };
  }

  /** `stamp/id`, from a cursor of ours or from the id of an order. */
  async #cursor(text: string): Promise<string> {
    if (/^[0-9a-f]{16}\/[0-9a-f-]{36}$/.test(text)) {
      return text;
    }
    const order = await this.get(text);
    if (order === undefined) {
      throw new ProblemError('ORDER_NOT_FOUND', `There is no order ${text} to go on after.`);
    }
    return `${order.hlc}/${order.id}`;
  }

  async #read(ids: readonly string[]): Promise<Order[]> {
    const texts = await this.#options.rows.getTexts(ids.map(rowKeys.order));
    return texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as Order]));
  }
}

/** Where a moment told by another program stands among stamps. */
export function momentStamp(at: string): string {
  return formatStamp(makeStamp(Math.max(0, Date.parse(at)), 0));
}

/** The order as tills see it. Fields stand in one order for ever: the text of an answer is compared byte by byte. */
export function orderOf(branch: string, stamp: Stamp, body: EventBody<'order'>): Order {
  return {
    id: body.id,
    number: body.number,
    hlc: formatStamp(stamp),
    at: isoTime(stampMs(stamp)),
    state: 'accepted',
    branch: branch as Order['branch'],
    till: body.till,
    ...(body.cashier === undefined ? {} : { cashier: body.cashier }),
    ...(body.employee === undefined ? {} : { employee: body.employee }),
    totalMinor: body.totalMinor,
    changeMinor: body.changeMinor,
    lines: body.lines.map((line) => ({
      sku: line.sku,
      name: line.name,
      quantityMilli: line.quantityMilli,
      unitPriceMinor: line.unitPriceMinor,
      discountMinor: line.discountMinor,
      ...(line.promotion === undefined
        ? {}
        : { promotion: { id: line.promotion.id, discountMinor: line.promotion.discountMinor } }),
      ...(line.redeemedMinor === undefined ? {} : { redeemedMinor: line.redeemedMinor }),
      totalMinor: line.totalMinor,
      vat: line.vat,
      ...(line.markingCode === undefined ? {} : { markingCode: line.markingCode }),
      ...(line.lot === undefined ? {} : { lot: line.lot }),
      ...(line.serials === undefined ? {} : { serials: line.serials }),
    })),
    payments: body.payments.map(paymentOf),
    ...(body.vat === undefined
      ? {}
      : { vat: body.vat.map(({ vat, totalMinor, vatMinor }) => ({ vat, totalMinor, vatMinor })) }),
    ...(body.customer === undefined ? {} : { customer: customerOf(body.customer) }),
    ...(body.coupons === undefined
      ? {}
      : {
          coupons: body.coupons.map(({ ending, account, discountMinor }) => ({
            ending,
            account,
            discountMinor,
          })),
        }),
    // What another program sold has its receipt from there.
    receipt: { id: body.receipt.id, state: body.pushed === undefined ? 'waiting' : 'printed' },
    loyalty: { earned: body.loyalty.earned, redeemed: body.loyalty.redeemed },
    ...pushedOf(body),
  };
}

/** Of an order or refund: when it was sold and how it is known there, without the record itself. */
export function pushedOf({
  soldAt,
  pushed,
}: Pick<EventBody<'order'>, 'soldAt' | 'pushed'>): Pick<Order, 'soldAt' | 'pushed'> {
  if (pushed === undefined) {
    return soldAt === undefined ? {} : { soldAt };
  }
  const { by, localId, cloudId, reference, name, accessKey, taxMinor, returned } = pushed;
  return {
    ...(soldAt === undefined ? {} : { soldAt }),
    pushed: {
      by,
      localId,
      cloudId,
      ...(reference === undefined ? {} : { reference }),
      ...(name === undefined ? {} : { name }),
      ...(accessKey === undefined ? {} : { accessKey }),
      ...(taxMinor === undefined ? {} : { taxMinor }),
      ...(returned === undefined
        ? {}
        : {
            returned: returned.map(({ sku, quantityMilli, totalMinor }) => ({
              sku,
              quantityMilli,
              totalMinor,
            })),
          }),
    },
  };
}

export function paymentOf(payment: EventBody<'order'>['payments'][number]): Order['payments'][number] {
  const { kind, amountMinor, ending, account } = payment;
  return {
    kind,
    amountMinor,
    ...(ending === undefined ? {} : { ending }),
    ...(account === undefined ? {} : { account }),
  };
}

function customerOf(customer: NonNullable<EventBody<'order'>['customer']>): NonNullable<Order['customer']> {
  return {
    ...(customer.id === undefined ? {} : { id: customer.id }),
    ...(customer.contact === undefined ? {} : { contact: customer.contact }),
  };
}
