/** How far the replacement of this node's storage is: a fold of its entries in `receipts/<branch>`, so that a restart goes on where it was. */
import { eventBodies } from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../../projections/projection.ts';
import { rowKeys } from '../../projections/row-keys.ts';
import type { Rows } from '../../projections/rows.ts';
import {
  foldReplacement,
  NO_REPLACEMENT,
  type ReplacementEvent,
  type ReplacementState,
} from './replacement-state.ts';

export class ReplacementBook implements Projection {
  readonly kinds = ['storage-replacement'];
  readonly #rows: Rows;
  readonly #writers: ReadonlySet<string>;
  /** By device: each has a register of its own. */
  readonly #states = new Map<string, ReplacementState>();
  #state: ReplacementState = NO_REPLACEMENT;

  private constructor(rows: Rows, writers: ReadonlySet<string>) {
    this.#rows = rows;
    this.#writers = writers;
  }

  /** `writers`: this device under all its keys, oldest first. */
  static async open(rows: Rows, writers: readonly string[]): Promise<ReplacementBook> {
    const self = new ReplacementBook(rows, new Set(writers));
    const prefix = rowKeys.replacement('');
    for await (const [key, text] of rows.texts({ after: prefix, below: `${prefix}~` })) {
      self.#states.set(key.slice(prefix.length), JSON.parse(text));
    }
    for (const writer of writers) {
      self.#state = self.#states.get(writer) ?? self.#state;
    }
    return self;
  }

  get state(): ReplacementState {
    return this.#state;
  }

  apply(entry: ProjectedEntry): void {
    const body = eventBodies['storage-replacement'].parse(entry.body);
    const event = { ...body, atMs: stampMs(entry.hlc) } as ReplacementEvent;
    const isOwn = this.#writers.has(entry.writer);
    // Under a new key this device goes on where its former one was.
    const before = this.#states.get(entry.writer) ?? (isOwn ? this.#state : NO_REPLACEMENT);
    const state = foldReplacement(before, event);
    this.#states.set(entry.writer, state);
    this.#rows.putText(rowKeys.replacement(entry.writer), JSON.stringify(state));
    if (isOwn) {
      this.#state = state;
    }
  }
}
