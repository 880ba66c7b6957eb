/** Tells who listens which rows of which document changed. A sink beside the one that keeps the rows: it keeps nothing. */
import { type Cell, cellsBySku, type DocName } from '@branchline/docs';
import type { RowSink } from '../projections/shards.ts';

export type RowListener = (doc: DocName, rows: readonly string[]) => void;

export class RowWatch implements RowSink {
  readonly #listeners = new Set<RowListener>();

  listen(listener: RowListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async prepare(): Promise<void> {}

  forget(): void {}

  patch(doc: DocName, cells: readonly Cell[]): void {
    if (this.#listeners.size > 0) {
      const rows = [...cellsBySku(cells).keys()];
      for (const listener of this.#listeners) {
        listener(doc, rows);
      }
    }
  }
}
