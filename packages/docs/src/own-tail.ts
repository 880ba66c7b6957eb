/**
 * This device's newest changes of a document, written out before Automerge has taken them in.
 *
 * A change of cells that nobody else writes follows from its author's changes before: number, operations and predecessors are
 * known, so its bytes can be made without touching the document. That costs a twentieth of putting the cells one by one, and
 * taking in many such changes later costs half. The bytes are the same as Automerge would have made, which a test holds it to.
 *
 * The tail is the end of one chain: the first change is made by Automerge, each further one follows the last. It breaks off,
 * and is to be dropped, as soon as the document gets a change of anybody else.
 */
import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import type { CellValue } from './cell.ts';
import { DocError } from './errors.ts';

/** Cells remembered with the operation that wrote them; a tail that reaches it is begun anew. */
export const TAIL_CELLS_MAX = 20_000;

/** Magic bytes and checksum; the type of the chunk follows. */
const HEADER_BYTES = 8;
const PLAIN = 1;

interface WrittenCell {
  readonly value: CellValue;
  readonly operation: string;
}

/** A cell to write, where it stands, and what it replaces. */
export interface TailWrite {
  readonly key: string;
  readonly bucket: string;
  readonly value: CellValue;
  /** Operations this one replaces; asked for when the tail did not write the cell itself. */
  readonly replaced: () => string[];
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly operations: number;
}

export class OwnTail {
  readonly #actor: string;
  readonly #cells = new Map<string, WrittenCell>();
  #waiting: Waiting[] = [];
  #waitingOperations = 0;
  #seq: number;
  #lastOperation: number;
  #head: string;

  private constructor(last: Automerge.DecodedChange) {
    this.#actor = last.actor;
    this.#seq = last.seq;
    this.#lastOperation = last.startOp + last.ops.length - 1;
    this.#head = last.hash;
  }

  /** Begins behind a change the document holds and which is its only head. */
  static behind(change: Uint8Array): OwnTail {
    return new OwnTail(Automerge.decodeChange(change));
  }

  /** Changes the document does not hold, and their operations. */
  get waiting(): { readonly changes: number; readonly operations: number } {
    return { changes: this.#waiting.length, operations: this.#waitingOperations };
  }

  get isFull(): boolean {
    return this.#cells.size >= TAIL_CELLS_MAX;
  }

  /** What the tail wrote into a cell; undefined when it did not. */
  written(key: string): CellValue | undefined {
    return this.#cells.get(key)?.value;
  }

  /** The next change; undefined when there is nothing to write. */
  append(writes: readonly TailWrite[], timeS: number): Uint8Array | undefined {
    if (writes.length === 0) {
      return undefined;
    }
    const startOp = this.#lastOperation + 1;
    const ops = writes.map(({ key, bucket, value, replaced }) => {
      const before = this.#cells.get(key);
      return {
        action: 'set' as const,
        obj: bucket,
        key,
        value,
        ...(typeof value === 'number' ? { datatype: 'int' as const } : {}),
        pred: before === undefined ? replaced() : [before.operation],
      };
    });
    const bytes = Automerge.encodeChange({
      actor: this.#actor,
      seq: this.#seq + 1,
      startOp,
      time: timeS,
      message: null,
      deps: [this.#head],
      ops,
    } as unknown as Automerge.DecodedChange);
    const head = hashOf(bytes);
    for (const [at, { key, value }] of writes.entries()) {
      this.#cells.set(key, { value, operation: `${startOp + at}@${this.#actor}` });
    }
    this.#seq += 1;
    this.#lastOperation += writes.length;
    this.#head = head;
    this.#waiting.push({ bytes, operations: writes.length });
    this.#waitingOperations += writes.length;
    return bytes;
  }

  /** Oldest changes of about so many operations, at least one if there is one: for the document to take in. */
  take(operations: number): Uint8Array[] {
    let taken = 0;
    let count = 0;
    while (count < this.#waiting.length && taken < operations) {
      taken += this.#waiting[count]!.operations;
      count += 1;
    }
    this.#waitingOperations -= taken;
    return this.#waiting.splice(0, count).map(({ bytes }) => bytes);
  }
}

/** SHA-256 over everything behind the checksum. */
function hashOf(bytes: Uint8Array): string {
  if (bytes[HEADER_BYTES] !== PLAIN) {
    throw new DocError('DOC_CELL', 'Automerge wrote a change in another form than it used to');
  }
  return createHash('sha256').update(bytes.subarray(HEADER_BYTES)).digest('hex');
}
