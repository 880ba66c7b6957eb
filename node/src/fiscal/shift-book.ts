/**
 * Shifts as feeds tell of them: which one this device has open, which are closed and not reported yet, cash moved, and the reports
 * of every branch that is replicated here.
 *
 * The first sale, refund or cash move after a closed shift opens the next one under its own id, so a shift never has to be waited
 * for. Two that open at the same moment: the first stands. Every write is a plain put from one entry.
 */
import { type EventBody, eventBodies, type ShiftView } from '@branchline/model';
import { formatStamp } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

const RECEIPTS = /^receipts\/([^/]+)$/;

export interface OpenShift {
  readonly id: string;
  /** Stamp of what opened it, 16 hexadecimal digits. */
  readonly opened: string;
  readonly till: string;
  readonly cashier?: string | undefined;
}

export interface ClosedShift extends OpenShift {
  readonly closed: string;
  readonly closedBy: string;
  readonly automatic: boolean;
  readonly countedCashMinor?: number | undefined;
  /** The register's report that was asked for. */
  readonly receipt?: string | undefined;
}

export interface CashMoved {
  readonly id: string;
  readonly at: string;
  readonly direction: 'in' | 'out';
  readonly amountMinor: number;
  readonly till: string;
}

export interface CashAtRegister {
  readonly state: 'begun' | 'done' | 'refused' | 'unknown';
  readonly beforeMinor?: number | undefined;
}

export interface ShiftBookOptions {
  readonly rows: Rows;
  /** This device. */
  readonly writer: string;
  /** Called for every entry that is not of the past. */
  readonly onChanged: (id: string, event: string, entry: ProjectedEntry) => void;
}

export class ShiftBook implements Projection {
  readonly kinds = ['order', 'refund', 'shift'];
  readonly #options: ShiftBookOptions;
  readonly #unreported = new Map<string, ClosedShift>();
  readonly #untold = new Map<string, CashMoved>();
  #open: OpenShift | undefined;
  #last: ShiftView | undefined;
  #listener: (() => void) | undefined;

  private constructor(options: ShiftBookOptions) {
    this.#options = options;
  }

  static async open(options: ShiftBookOptions): Promise<ShiftBook> {
    const { rows, writer } = options;
    const book = new ShiftBook(options);
    const open = await rows.getText(rowKeys.shiftOpen(writer));
    book.#open = open === undefined || open === '' ? undefined : JSON.parse(open);
    const last = await rows.getText(rowKeys.shiftLast(writer));
    book.#last = last === undefined ? undefined : JSON.parse(last);
    const unreported = rowKeys.shiftUnreported(writer, '');
    for await (const [, text] of rows.texts({ after: unreported, below: after(unreported) })) {
      const closed = JSON.parse(text) as ClosedShift;
      book.#unreported.set(closed.id, closed);
    }
    const untold = rowKeys.cashUntold(writer, '');
    for await (const [, text] of rows.texts({ after: untold, below: after(untold) })) {
      const move = JSON.parse(text) as CashMoved;
      book.#untold.set(move.id, move);
    }
    return book;
  }

  /** The shift this device has open. */
  get current(): OpenShift | undefined {
    return this.#open;
  }

  /** The last one reported by this device. */
  get last(): ShiftView | undefined {
    return this.#last;
  }

  /** Closed, oldest first, and not reported. */
  get unreported(): readonly ClosedShift[] {
    return [...this.#unreported.values()];
  }

  /** Cash moves the register was not told of for certain, oldest first. */
  get untold(): readonly CashMoved[] {
    return [...this.#untold.values()];
  }

  /** Called with every shift entry that is not of the past; one listener. */
  watch(listener: () => void): void {
    this.#listener = listener;
  }

  apply(entry: ProjectedEntry): void {
    if (entry.kind === 'shift') {
      this.#shift(eventBodies.shift.parse(entry.body), entry);
      return;
    }
    const { id, till, pushed } = entry.body as { id?: unknown; till?: unknown; pushed?: unknown };
    // What another branch pushed was sold in a shift of its own.
    if (this.#isOwn(entry) && pushed === undefined && typeof id === 'string' && typeof till === 'string') {
      this.#openBy({ id, opened: formatStamp(entry.hlc), till });
    }
  }

  /** Cash moved by this device from one stamp to another, both included. */
  async cashBetween(from: string, to: string | undefined): Promise<CashMoved[]> {
    const { rows, writer } = this.#options;
    const prefix = rowKeys.cashMove(writer, '');
    const moves: CashMoved[] = [];
    for await (const [key, text] of rows.texts({ after: prefix, below: after(prefix) })) {
      const at = key.slice(prefix.length);
      if (at >= from && (to === undefined || at <= to)) {
        moves.push(JSON.parse(text));
      }
    }
    return moves;
  }

  async cashAtRegister(id: string): Promise<CashAtRegister | undefined> {
    const text = await this.#options.rows.getText(rowKeys.cashAtRegister(id));
    return text === undefined ? undefined : JSON.parse(text);
  }

  async report(id: string): Promise<ShiftView | undefined> {
    const text = await this.#options.rows.getText(rowKeys.shiftReport(id));
    return text === undefined ? undefined : JSON.parse(text);
  }

  #shift(body: EventBody<'shift'>, entry: ProjectedEntry): void {
    const branch = RECEIPTS.exec(entry.collection)?.[1];
    if (branch === undefined) {
      return;
    }
    if (body.event === 'reported') {
      this.#reported(body.id, body.report as ShiftView, branch, entry);
    } else if (this.#isOwn(entry)) {
      this.#own(body, entry);
    }
    if (!entry.replayed) {
      this.#options.onChanged(body.id, body.event, entry);
      this.#listener?.();
    }
  }

  #own(body: Exclude<EventBody<'shift'>, { event: 'reported' }>, entry: ProjectedEntry): void {
    const { rows, writer } = this.#options;
    const at = formatStamp(entry.hlc);
    switch (body.event) {
      case 'opened':
        this.#openBy({ id: body.id, opened: at, till: body.till, cashier: body.cashier });
        break;
      case 'cash': {
        const { id, direction, amountMinor, till } = body;
        this.#openBy({ id, opened: at, till, cashier: body.cashier });
        const move: CashMoved = { id, at, direction, amountMinor, till };
        rows.putText(rowKeys.cashMove(writer, at), JSON.stringify(move));
        if (body.toRegister === true) {
          rows.putText(rowKeys.cashUntold(writer, id), JSON.stringify(move));
          this.#untold.set(id, move);
        }
        break;
      }
      case 'register-cash': {
        const { id, state, beforeMinor } = body;
        rows.putText(rowKeys.cashAtRegister(id), JSON.stringify({ state, beforeMinor }));
        if (state !== 'begun') {
          rows.remove(rowKeys.cashUntold(writer, id));
          this.#untold.delete(id);
        }
        break;
      }
      case 'closed':
        this.#close(body, at);
        break;
      default:
        body satisfies never;
    }
  }

  #openBy(shift: OpenShift): void {
    if (this.#open === undefined) {
      this.#open = shift;
      const { rows, writer } = this.#options;
      rows.putText(rowKeys.shiftOpen(writer), JSON.stringify(shift));
    }
  }

  #close(body: Extract<EventBody<'shift'>, { event: 'closed' }>, closed: string): void {
    if (this.#open?.id !== body.id) {
      // Closed by two at the same moment: the first stands.
      return;
    }
    const { rows, writer } = this.#options;
    const { till: closedBy, automatic, countedCashMinor, receipt } = body;
    const shift: ClosedShift = { ...this.#open, closed, closedBy, automatic, countedCashMinor, receipt };
    this.#open = undefined;
    this.#unreported.set(shift.id, shift);
    rows.putText(rowKeys.shiftOpen(writer), '');
    rows.putText(rowKeys.shiftUnreported(writer, shift.id), JSON.stringify(shift));
  }

  #reported(id: string, report: ShiftView, branch: string, entry: ProjectedEntry): void {
    const { rows, writer } = this.#options;
    const text = JSON.stringify(report);
    rows.putText(rowKeys.shiftReport(id), text);
    rows.putText(rowKeys.branchShift(branch, formatStamp(entry.hlc), id), '');
    rows.putText(rowKeys.shiftLast(entry.writer), text);
    if (entry.writer === writer) {
      this.#last = report;
      this.#unreported.delete(id);
      rows.remove(rowKeys.shiftUnreported(writer, id));
    }
  }

  #isOwn({ writer }: ProjectedEntry): boolean {
    return writer === this.#options.writer;
  }
}
