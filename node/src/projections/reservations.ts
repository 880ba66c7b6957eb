/**
 * Goods promised to carts at this branch until a moment. Ended by a sale that names them, by the till, or by their time.
 *
 * Those that stand are in memory; a row each, so that a restart knows them. Time alone ends one for everybody who asks; the entry that
 * says so comes from a desk and only clears it away.
 */
import { type EventBody, eventBodies, type Reservation, type ReservationEnd } from '@branchline/model';
import { formatStamp, isoTime } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { ProjectedEntry, Projection } from './projection.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

/** Reservations that stand at a branch at a time. */
export const RESERVATIONS_MAX = 10_000;

export interface ReservationsOptions {
  readonly rows: Rows;
  readonly branch: string;
  readonly nowMs: () => number;
  readonly onMade: (reservation: Reservation, entry: ProjectedEntry) => void;
  readonly onEnded: (id: string, how: ReservationEnd, entry: ProjectedEntry) => void;
}

interface Standing {
  readonly expiresMs: number;
  readonly reservation: Reservation;
}

const COLLECTION = /^(goods|orders)\/([^/]+)$/;

export class Reservations implements Projection {
  readonly kinds = ['reservation', 'reservation-ended', 'order'];
  readonly #options: ReservationsOptions;
  readonly #standing = new Map<string, Standing>();
  readonly #bySku = new Map<string, Set<string>>();

  private constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  static async open(options: ReservationsOptions): Promise<Reservations> {
    const self = new Reservations(options);
    const prefix = rowKeys.reservation(options.branch, '');
    for await (const [, text] of options.rows.texts({ after: prefix, below: after(prefix) })) {
      self.#keep(JSON.parse(text));
    }
    return self;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.kind === 'order' && (entry.body as { reservation?: unknown }).reservation === undefined) {
      return;
    }
    const [, family, branch] = COLLECTION.exec(entry.collection) ?? [];
    if (branch === undefined || (family === 'orders') !== (entry.kind === 'order')) {
      return;
    }
    switch (entry.kind) {
      case 'reservation': {
        const body = eventBodies.reservation.parse(entry.body);
        const { expiresMs } = body;
        const reservation = reservationOf(branch, formatStamp(entry.hlc), body);
        const { rows } = this.#options;
        rows.putText(rowKeys.reservation(branch, body.id), JSON.stringify({ expiresMs, reservation }));
        if (branch === this.#options.branch) {
          this.#keep({ expiresMs, reservation });
        }
        if (!entry.replayed && branch === this.#options.branch) {
          this.#options.onMade(reservation, entry);
        }
        return;
      }
      case 'reservation-ended': {
        const { id, how } = eventBodies['reservation-ended'].parse(entry.body);
        this.#end(branch, id, how, entry);
        return;
      }
      default:
        this.#end(branch, eventBodies.order.parse(entry.body).reservation!, 'sold', entry);
    }
  }

  /** One that stands now. */
  get(id: string): Reservation | undefined {
    const standing = this.#standing.get(id);
    return standing !== undefined && standing.expiresMs > this.#options.nowMs()
      ? standing.reservation
      : undefined;
  }

  list(): Reservation[] {
    return [...this.#standing.keys()].flatMap((id) => this.get(id) ?? []);
  }

  get count(): number {
    return this.#standing.size;
  }

  /** Those whose time is over and that nobody has cleared away. */
  expired(): string[] {
    const nowMs = this.#options.nowMs();
    return [...this.#standing].filter(([, { expiresMs }]) => expiresMs <= nowMs).map(([id]) => id);
  }

  /** Thousandths of a SKU that are promised, with what earlier operations of the group promised or ended. */
  reservedMilli(sku: string, transaction?: Transaction): number {
    let sum = transaction?.movedMilli(reservedName(sku)) ?? 0;
    for (const id of this.#bySku.get(sku) ?? []) {
      for (const line of this.get(id)?.lines ?? []) {
        sum += line.sku === sku ? line.quantityMilli : 0;
      }
    }
    return Math.max(0, sum);
  }

  /** Called in the transaction that promises or ends: later operations of its group see it. */
  note(transaction: Transaction, { id, lines }: Pick<Reservation, 'id' | 'lines'>, sign: 1 | -1): void {
    if (sign < 0) {
      transaction.noteMoved(endedName(id), 1);
    }
    for (const { sku, quantityMilli } of lines) {
      transaction.noteMoved(reservedName(sku), sign * quantityMilli);
    }
  }

  /** A sale names it: what it promised is sold. Unknown and ended ones change nothing. */
  sell(transaction: Transaction, id: string): void {
    const reservation = this.standing(transaction, id);
    if (reservation !== undefined) {
      this.note(transaction, reservation, -1);
    }
  }

  standing(transaction: Transaction, id: string): Reservation | undefined {
    return transaction.movedMilli(endedName(id)) > 0 ? undefined : this.get(id);
  }

  #keep(standing: Standing): void {
    const { id, lines } = standing.reservation;
    this.#standing.set(id, standing);
    for (const { sku } of lines) {
      const ids = this.#bySku.get(sku) ?? new Set();
      ids.add(id);
      this.#bySku.set(sku, ids);
    }
  }

  #end(branch: string, id: string, how: ReservationEnd, entry: ProjectedEntry): void {
    this.#options.rows.remove(rowKeys.reservation(branch, id));
    const standing = this.#standing.get(id);
    if (standing === undefined) {
      return;
    }
    this.#standing.delete(id);
    for (const { sku } of standing.reservation.lines) {
      const ids = this.#bySku.get(sku);
      ids?.delete(id);
      if (ids?.size === 0) {
        this.#bySku.delete(sku);
      }
    }
    if (!entry.replayed) {
      this.#options.onEnded(id, how, entry);
    }
  }
}

function reservedName(sku: string): string {
  return `reserved/${sku}`;
}

function endedName(id: string): string {
  return `${id}/ended`;
}

export function reservationOf(branch: string, hlc: string, body: EventBody<'reservation'>): Reservation {
  const { id, till, cashier, reference, expiresMs, lines } = body;
  return {
    id,
    hlc,
    branch: branch as Reservation['branch'],
    till,
    ...(cashier === undefined ? {} : { cashier }),
    ...(reference === undefined ? {} : { reference }),
    expiresAt: isoTime(expiresMs),
    lines: lines.map(({ sku, quantityMilli }) => ({ sku, quantityMilli })),
  };
}
