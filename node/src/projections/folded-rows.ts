/**
 * JSON rows that are folded, new from old: a bounded cache over LevelDB whose entries cannot leave while somebody is about to
 * fold them.
 *
 * Folding must be synchronous (it happens while a commit is projected) and must start from the newest row, so whoever
 * will fold calls `prepare` first, which reads what is missing and holds it, and `fold` or `forget` afterwards, once per key.
 */
import type { Rows } from './rows.ts';

interface Held<Row> {
  row: Row | undefined;
  /** Folds announced and not done yet. */
  users: number;
}

export class FoldedRows<Row> {
  readonly #rows: Rows;
  readonly #heldMax: number;
  /** Oldest use first. */
  readonly #held = new Map<string, Held<Row>>();

  constructor(rows: Rows, options: { readonly heldMax: number }) {
    this.#rows = rows;
    this.#heldMax = options.heldMax;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  async get(key: string): Promise<Row | undefined> {
    const held = this.#touch(key);
    if (held !== undefined) {
      return held.row;
    }
    const text = await this.#rows.getText(key);
    // Somebody may have folded it while we read.
    const entry = this.#touch(key) ?? { row: parse<Row>(text), users: 0 };
    this.#held.set(key, entry);
    this.#trim();
    return entry.row;
  }

  async prepare(keys: Iterable<string>): Promise<void> {
    const missing: string[] = [];
    for (const key of keys) {
      const held = this.#touch(key);
      if (held === undefined) {
        missing.push(key);
      } else {
        held.users += 1;
      }
    }
    if (missing.length === 0) {
      return;
    }
    const texts = await this.#rows.getTexts(missing);
    for (const [index, key] of missing.entries()) {
      const held = this.#touch(key) ?? { row: parse<Row>(texts[index]), users: 0 };
      held.users += 1;
      this.#held.set(key, held);
    }
  }

  /** Called once for each key prepared. */
  fold(key: string, fold: (before: Row | undefined) => Row): Row {
    const held = this.#held.get(key);
    if (held === undefined || held.users === 0) {
      throw new Error(`row ${key} was not prepared`);
    }
    const row = fold(held.row);
    held.row = row;
    this.#rows.putText(key, JSON.stringify(row));
    this.#release(held);
    return row;
  }

  /** Called instead of `fold` when it will not happen. */
  forget(key: string): void {
    const held = this.#held.get(key);
    if (held !== undefined) {
      this.#release(held);
    }
  }

  #release(held: Held<Row>): void {
    held.users -= 1;
    this.#trim();
  }

  #touch(key: string): Held<Row> | undefined {
    const held = this.#held.get(key);
    if (held !== undefined) {
      this.#held.delete(key);
      this.#held.set(key, held);
    }
    return held;
  }

  #trim(): void {
    let excess = this.#held.size - this.#heldMax;
    if (excess <= 0) {
      return;
    }
    for (const [key, held] of this.#held) {
      if (held.users === 0) {
        this.#held.delete(key);
        excess -= 1;
        if (excess <= 0) {
          return;
        }
      }
    }
  }
}

function parse<Row>(text: string | undefined): Row | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Row);
}
