/**
 * What the changes of documents did to balances, read from their bytes one after the other: each cell is a cumulative count of its
 * writer, so a change did the difference to what the same writer had written there before.
 *
 * A writer whose changes do not follow each other without a gap (a checkpoint stands for the first ones, or one was set aside) is said
 * to be known in part.
 */
import { keySegments, movements, parseDocName, readChange, rightsCounts } from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { ACCOUNTS, type Step } from './said.ts';

export interface Written {
  readonly steps: readonly Step[];
  /** Pairs of accounts that are one person from here on. */
  readonly merged: readonly (readonly [from: string, into: string])[];
  readonly isGap: boolean;
}

export class WrittenSteps {
  /** The last change of a writer in a document, by sequence number. */
  readonly #seqs = new Map<string, number>();
  /** Cells as their writers left them. */
  readonly #counts = new Map<string, number>();

  /** Undefined for a change of a document that holds no balances. */
  take(writer: WriterId, doc: string, bytes: Uint8Array): Written | undefined {
    const books = doc.startsWith('stock/')
      ? doc.slice(0, doc.lastIndexOf('/'))
      : doc.startsWith('loyalty/')
        ? ACCOUNTS
        : undefined;
    if (books === undefined) {
      return undefined;
    }
    const change = readChange(parseDocName(doc), writer, bytes);
    const place = `${doc} ${writer}`;
    if (change === undefined || change.seq !== (this.#seqs.get(place) ?? 0) + 1) {
      this.#seqs.set(place, change?.seq ?? 0);
      return { steps: [], merged: [], isGap: true };
    }
    this.#seqs.set(place, change.seq);
    const steps: Step[] = [];
    const merged: [string, string][] = [];
    for (const [key, value] of change.cells) {
      const [subject, ...columns] = keySegments(key) as [string, ...string[]];
      const count = books === ACCOUNTS ? rightsCount(columns) : movement(columns);
      if (count !== undefined && typeof value === 'number') {
        const cell = `${doc} ${key}`;
        steps.push({ books, subject, count, by: value - (this.#counts.get(cell) ?? 0) });
        this.#counts.set(cell, value);
      } else if (books === ACCOUNTS && columns.length === 1 && columns[0] === 'into') {
        merged.push([subject, String(value)]);
      }
    }
    return { steps, merged, isGap: false };
  }
}

/** `sold` of `SKU/<writer>/sold`; what a roll-over carries is no movement. */
function movement([, name, ...rest]: readonly string[]): string | undefined {
  return name !== undefined && rest.length === 0 && Object.hasOwn(movements, name) ? name : undefined;
}

/** `spent` of `ACCOUNT/spent/<writer>`, `given B` of `ACCOUNT/moved/<writer>/B`. */
function rightsCount([name, , other]: readonly string[]): string | undefined {
  if (name === undefined) {
    return undefined;
  }
  if (other === undefined) {
    return Object.hasOwn(rightsCounts, name) ? name : undefined;
  }
  return name === 'moved' ? `given ${other}` : name === 'taken' ? `taken ${other}` : undefined;
}
