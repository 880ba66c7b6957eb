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
  /** Cells that look different now, including those of earlier changes that had waited. */
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
  readonly #patches = new Map<string, Cell>();

  constructor(count: number) {
    this.#outcomes = new Array<ChangeOutcome>(count).fill('waiting');
  }

  known(index: number): void {
    this.#outcomes[index] = 'known';
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

  applied(candidates: readonly Candidate[], patches: readonly Cell[]): void {
    for (const { index } of candidates) {
      if (index !== undefined) {
        this.#outcomes[index] = 'applied';
      }
    }
    for (const patch of patches) {
      this.#patches.set(patch.key, patch);
    }
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
