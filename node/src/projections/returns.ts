/**
 * What went back of orders, and who may give back more: refunds, and the right to return as it was handed from device to device.
 *
 * The right to return an order is homed at the device that sold it. It is handed on by a letter of its holder, which says what went
 * back so far; its *turn* counts those. Each refund names the turn it was made under, so what went back is what the last grant
 * says and the refunds of its turn: no device has to know the refunds of earlier turns, and none is counted twice.
 *
 * Rows are plain puts, one per entry. Whether a grant was its writer's to give is looked at when it is read: only a chain in which
 * each grant comes from the holder before it counts.
 *
 * Also finds again how far this device's refund numbers got.
 */
import {
  type EventBody,
  eventBodies,
  NOTHING_RETURNED,
  type NumberSeries,
  numberPrefix,
  type Order,
  type Refund,
  type Returned,
  returnedWith,
} from '@branchline/model';
import { formatStamp, isoTime, parseStamp, type Stamp, stampMs } from 'hlc-ts';
import { LastNumber } from './last-number.ts';
import { letterOf } from './letters.ts';
import { orderOf, paymentOf, pushedOf } from './orders.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

const ORDERS = /^orders\/([^/]+)$/;

export interface ReturnsOptions {
  readonly rows: Rows;
  readonly writer: string;
  readonly onRefunded: (refund: Refund, entry: ProjectedEntry) => void;
}

/** Another device asks for the right to return an order. */
export interface ReturnRequest {
  readonly order: string;
  readonly to: string;
  readonly toBranch: string;
  /** The branch that was asked last. */
  readonly asked: string;
}

export interface Holder {
  readonly turn: number;
  /** Undefined where nobody here knows who sold the order. */
  readonly writer: string | undefined;
  readonly branch: string;
}

export interface Standing extends Holder {
  readonly returned: Returned;
  /** All that are known here, oldest first. */
  readonly refunds: readonly Refund[];
}

interface RefundRow {
  readonly writer: string;
  readonly turn: number;
  readonly refund: Refund;
}

interface GrantRow {
  readonly from: string;
  readonly to: string;
  readonly toBranch: string;
  readonly returned: EventBody<'return-grant'>['returned'];
}

export class Returns implements Projection {
  readonly kinds = ['refund', 'refund-notice', 'return-request', 'return-grant'];
  readonly #options: ReturnsOptions;
  readonly #listeners = new Set<(order: string) => void>();
  /** The series of this device's last refund, and its count there. */
  readonly #last: LastNumber;

  private constructor(options: ReturnsOptions, last: LastNumber) {
    this.#options = options;
    this.#last = last;
  }

  static async open(options: ReturnsOptions): Promise<Returns> {
    return new Returns(options, await LastNumber.open(options.rows, rowKeys.refundSeries, options.writer));
  }

  /** Count behind this device's last refund number in a series. */
  lastCount(series: NumberSeries): number {
    return this.#last.countOf(numberPrefix({ ...series, of: 'refunds' }));
  }

  /** Called with the order when a right to return it is asked for or handed on; not for entries of the past. */
  watch(listener: (order: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  apply(entry: ProjectedEntry): void {
    switch (entry.kind) {
      case 'refund': {
        if (ORDERS.test(entry.collection)) {
          this.#refund(eventBodies.refund.parse(entry.body), entry.hlc, entry);
        }
        return;
      }
      case 'refund-notice': {
        const { hlc, refund } = eventBodies['refund-notice'].parse(entry.body);
        if (letterOf(entry.collection)?.from === refund.branch) {
          this.#refund(refund, parseStamp(hlc), entry);
        }
        return;
      }
      case 'return-request': {
        const letter = letterOf(entry.collection);
        if (letter !== undefined) {
          const { order, to, toBranch } = eventBodies['return-request'].parse(entry.body);
          const row: ReturnRequest = { order, to, toBranch, asked: letter.to };
          this.#options.rows.putText(rowKeys.returnRequest(order, to), JSON.stringify(row));
          this.#tell(order, entry);
        }
        return;
      }
      default:
        if (letterOf(entry.collection) !== undefined) {
          this.#grant(eventBodies['return-grant'].parse(entry.body), entry);
        }
    }
  }

  async refund(id: string): Promise<Refund | undefined> {
    const text = await this.#options.rows.getText(rowKeys.refund(id));
    return text === undefined ? undefined : (JSON.parse(text) as RefundRow).refund;
  }

  /**
   * How it stands with an order's return. `sameDevice` says whether two keys are one device's, one after the other; `home` is the
   * device that sold it.
   */
  async standing(
    order: Order,
    home: string | undefined,
    sameDevice: (one: string, other: string) => boolean,
  ): Promise<Standing> {
    let holder: Holder = { turn: 0, writer: home, branch: order.branch };
    let returned = NOTHING_RETURNED;
    for (const { turn, row } of await this.#grants(order.id)) {
      const isNext = holder.writer === undefined || turn === holder.turn + 1;
      if (isNext && (holder.writer === undefined || sameDevice(row.from, holder.writer))) {
        holder = { turn, writer: row.to, branch: row.toBranch };
        returned = { lines: new Map(row.returned.lines), paid: new Map(row.returned.paid) };
      }
    }
    const rows = await this.#refundsOf(order.id);
    for (const { turn, writer, refund } of rows) {
      // A refund made without the right is shown, and takes nothing away from who has it.
      if (turn === holder.turn && (holder.writer === undefined || sameDevice(writer, holder.writer))) {
        returned = returnedWith(returned, refund);
      }
    }
    return { ...holder, returned, refunds: rows.map(({ refund }) => refund) };
  }

  /** Rights asked for and not handed over, as far as is known here. */
  async requests(order?: string): Promise<ReturnRequest[]> {
    const prefix = order === undefined ? 'bq/' : rowKeys.returnRequest(order, '');
    const found: ReturnRequest[] = [];
    for await (const [, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      found.push(JSON.parse(text));
    }
    return found;
  }

  #refund(body: EventBody<'refund'>, hlc: Stamp, entry: ProjectedEntry): void {
    const { rows, writer } = this.#options;
    const refund = refundOf(hlc, body);
    const row: RefundRow = { writer: entry.writer, turn: body.turn, refund };
    rows.putText(rowKeys.refund(refund.id), JSON.stringify(row));
    rows.putText(rowKeys.refundOf(refund.refundOf, refund.id), '');
    if (entry.writer === writer && entry.kind === 'refund' && refund.pushed === undefined) {
      this.#last.take(refund.number);
    }
    if (!entry.replayed) {
      this.#options.onRefunded(refund, entry);
    }
  }

  #grant(body: EventBody<'return-grant'>, entry: ProjectedEntry): void {
    const { order, turn, to, toBranch, returned, sold } = body;
    const { rows } = this.#options;
    const row: GrantRow = { from: entry.writer, to, toBranch, returned };
    rows.putText(rowKeys.returnGrant(order, `${turnText(turn)}/${entry.writer}`), JSON.stringify(row));
    rows.remove(rowKeys.returnRequest(order, to));
    const told = eventBodies.order.safeParse(sold.body);
    if (told.success && told.data.id === order) {
      // The same row the order's own entry gives, where that is replicated; it stands in no list of orders here otherwise.
      rows.putText(
        rowKeys.order(order),
        JSON.stringify(orderOf(sold.branch, parseStamp(sold.hlc), told.data)),
      );
    }
    this.#tell(order, entry);
  }

  async #grants(order: string): Promise<{ turn: number; row: GrantRow }[]> {
    const prefix = rowKeys.returnGrant(order, '');
    const found: { turn: number; row: GrantRow }[] = [];
    for await (const [key, text] of this.#options.rows.texts({ after: prefix, below: after(prefix) })) {
      found.push({ turn: Number(key.slice(prefix.length).split('/')[0]), row: JSON.parse(text) });
    }
    return found;
  }

  async #refundsOf(order: string): Promise<RefundRow[]> {
    const { rows } = this.#options;
    const prefix = rowKeys.refundOf(order, '');
    const ids: string[] = [];
    for await (const [key] of rows.texts({ after: prefix, below: after(prefix) })) {
      ids.push(key.slice(prefix.length));
    }
    const texts = await rows.getTexts(ids.map(rowKeys.refund));
    return texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as RefundRow]));
  }

  #tell(order: string, entry: ProjectedEntry): void {
    if (!entry.replayed) {
      for (const listener of this.#listeners) {
        listener(order);
      }
    }
  }
}

/** A turn in keys: four digits, so that text sorts as numbers do. */
function turnText(turn: number): string {
  return String(turn).padStart(4, '0');
}

/** The refund as tills see it. Fields stand in one order for ever: the text of an answer is compared byte by byte. */
export function refundOf(stamp: Stamp, body: EventBody<'refund'>): Refund {
  return {
    kind: 'refund',
    id: body.id,
    number: body.number,
    hlc: formatStamp(stamp),
    at: isoTime(stampMs(stamp)),
    state: 'accepted',
    branch: body.branch,
    till: body.till,
    ...(body.cashier === undefined ? {} : { cashier: body.cashier }),
    ...(body.employee === undefined ? {} : { employee: body.employee }),
    refundOf: body.refundOf,
    refundOfNumber: body.refundOfNumber,
    ...(body.reason === undefined ? {} : { reason: body.reason }),
    totalMinor: body.totalMinor,
    changeMinor: 0,
    lines: body.lines.map((line) => ({
      sku: line.sku,
      name: line.name,
      quantityMilli: line.quantityMilli,
      unitPriceMinor: line.unitPriceMinor,
      discountMinor: line.discountMinor,
      ...(line.redeemedMinor === undefined ? {} : { redeemedMinor: line.redeemedMinor }),
      totalMinor: line.totalMinor,
      vat: line.vat,
      ...(line.markingCode === undefined ? {} : { markingCode: line.markingCode }),
      ...(line.lot === undefined ? {} : { lot: line.lot }),
      ...(line.serials === undefined ? {} : { serials: line.serials }),
      line: line.line,
      restock: line.restock,
    })),
    payments: body.payments.map(paymentOf),
    ...(body.vat === undefined
      ? {}
      : { vat: body.vat.map(({ vat, totalMinor, vatMinor }) => ({ vat, totalMinor, vatMinor })) }),
    ...(body.customer === undefined
      ? {}
      : {
          customer: {
            ...(body.customer.id === undefined ? {} : { id: body.customer.id }),
            ...(body.customer.contact === undefined ? {} : { contact: body.customer.contact }),
          },
        }),
    receipt: { id: body.receipt.id, state: body.pushed === undefined ? 'waiting' : 'printed' },
    loyalty: { earned: body.loyalty.earned, redeemed: body.loyalty.redeemed },
    ...pushedOf(body),
  };
}
