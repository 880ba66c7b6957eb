/**
 * Apply run: what becomes of the changes offered in one call, place by place.
 *
 * A change may be found waiting in one slice of the call and be applied in a later one; the last word counts. Patches of
 * one cell are kept once, the newest.
 */
import type { Cell } from './cell.ts';
import type { Refusal } from './change-check.ts';
import type { WriterId } from './doc-name.ts';
import type { WaitingChange } from './waiting-room.ts';

export interface Quarantined extends Refusal {
  /** Place in the list offered. */
  readonly index: number;
  readonly writer: WriterId;
}

export type ChangeOutcome = 'applied' | 'known' | 'waiting' | 'quarantined';

export interface ApplyResult {
  /** What became of each offered change, in the order offered. */
  readonly outcomes: readonly ChangeOutcome[];
  /** Offered changes that are in the document now (`applied` and `known`). */
  readonly applied: number;
  readonly waiting: number;
  readonly quarantined: readonly Quarantined[];
  /**
   * The cells written by the offered changes that are in the document, and by earlier ones that had waited for them, as they
   * stand now. Changes already known are included: a document may have been loaded, with them in it, before they were offered.
   */
  readonly patches: readonly Cell[];
}

/** A change on its way in; `index` is undefined for one that was offered in an earlier call and had waited. */
export interface Candidate {
  readonly index: number | undefined;
  readonly waiting: WaitingChange;
}

export class ApplyRun {
  readonly quarantined: Quarantined[] = [];
  readonly #outcomes: ChangeOutcome[];
  readonly #waitingIndex = new Map<string, number>();
  readonly #touched = new Set<string>();
  readonly #patches = new Map<string, Cell>();

  constructor(count: number) {
    this.#outcomes = new Array<ChangeOutcome>(count).fill('waiting');
  }

  known(index: number, keys: readonly string[]): void {
    this.#outcomes[index] = 'known';
    this.touch(keys);
  }

  wait({ index, waiting }: Candidate): void {
    if (index !== undefined) {
      this.#outcomes[index] = 'waiting';
      this.#waitingIndex.set(waiting.change.hash, index);
    }
  }

  /** Place in this run's list of a change that had to wait, undefined when it was offered in an earlier run. */
  indexOf(hash: string): number | undefined {
    return this.#waitingIndex.get(hash);
  }

  applied({ index, waiting }: Candidate): void {
    if (index !== undefined) {
      this.#outcomes[index] = 'applied';
    }
    this.touch(waiting.change.keys);
  }

  /** These cells may look different now. */
  touch(keys: Iterable<string>): void {
    for (const key of keys) {
      this.#touched.add(key);
    }
  }

  /** Reads the touched cells; called at the end of each slice, because the document may be evicted before the next. */
  collect(read: (key: string) => Cell | undefined): void {
    for (const key of this.#touched) {
      const cell = read(key);
      if (cell !== undefined) {
        this.#patches.set(key, cell);
      }
    }
    this.#touched.clear();
  }

  quarantine(index: number | undefined, writer: WriterId, refusal: Refusal): void {
    if (index !== undefined) {
      this.#outcomes[index] = 'quarantined';
      this.quarantined.push({ index, writer, code: refusal.code, reason: refusal.reason });
    }
  }

  result(): ApplyResult {
    const count = (outcome: ChangeOutcome) => this.#outcomes.filter((o) => o === outcome).length;
    return {
      outcomes: this.#outcomes,
      applied: count('applied') + count('known'),
      waiting: count('waiting'),
      quarantined: this.quarantined,
      patches: [...this.#patches.values()],
    };
  }
}
