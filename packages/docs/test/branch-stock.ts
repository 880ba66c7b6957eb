/** A branch's device for stock tests: documents, rows folded from patches alone, and its period book. */
import {
  type Cell,
  cellsBySku,
  type DocName,
  docPeriod,
  foldStock,
  type Mutator,
  type OfferedChange,
  type Period,
  StockPeriods,
  type StockRow,
  type WriterId,
} from '../src/index.ts';
import { Device } from './device.ts';

export interface SentChange {
  readonly doc: DocName;
  readonly change: OfferedChange;
}

export class BranchStock {
  readonly device: Device;
  readonly rows = new Map<string, StockRow>();
  readonly #periods: StockPeriods;

  constructor(name: string, predecessors: WriterId[] = []) {
    this.device = new Device(name);
    const { documents, writer } = this.device;
    this.#periods = new StockPeriods({ documents, branch: 'B001', writer, predecessors });
  }

  /** One commit of movements, carried over when its period is new for this device. */
  async move(now: Period, ...moves: Mutator[]): Promise<SentChange> {
    const held = Array.from(this.device.log.keys(), docPeriod);
    const { doc, before } = await this.#periods.open(now, held);
    const made = await this.device.change(doc, ...before, ...moves);
    const change = { writer: this.device.writer, bytes: made.bytes };
    this.device.append(doc, change);
    this.device.documents.settle([made]);
    this.#fold(doc, made.patches);
    return { doc, change };
  }

  async receive(...sent: SentChange[]): Promise<void> {
    for (const { doc, change } of sent) {
      const { patches } = await this.device.receive(doc, change);
      this.#fold(doc, patches);
    }
  }

  onHand(sku: string): number {
    return this.rows.get(sku)?.onHandMilli ?? 0;
  }

  /** Rows made anew from every cell, oldest period first or last. */
  async rebuilt(order: 1 | -1 = 1): Promise<Map<string, StockRow>> {
    const rows = new Map<string, StockRow>();
    for (const doc of [...this.device.log.keys()].sort((a, b) => (a < b ? -order : order))) {
      foldInto(rows, doc, await this.device.documents.cells(doc));
    }
    return rows;
  }

  #fold(doc: DocName, cells: readonly Cell[]): void {
    foldInto(this.rows, doc, cells);
  }
}

function foldInto(rows: Map<string, StockRow>, doc: DocName, cells: readonly Cell[]): void {
  for (const [sku, own] of cellsBySku(cells)) {
    rows.set(sku, foldStock(rows.get(sku), sku, docPeriod(doc), own));
  }
}
