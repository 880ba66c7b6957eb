/**
 * Whether a document in the storage is the one that was meant.
 *
 * `ours` is certain: the document carries the job's own mark, or it is the opening or closing of the very shift. `likely`
 * means that everything a short reading shows agrees; with nothing else in between that is enough. `other` is as certain as
 * `ours`: the mark was read and differs, or form, kind or sum do.
 */
import type { SettlementKind } from '../ffd/enumerations.ts';
import type { FnDocument } from './driver.ts';

export type Expectation =
  | {
      readonly kind: 'receipt';
      /** 3, 31, 4 or 41. */
      readonly form: number;
      readonly settlement: SettlementKind;
      readonly totalMinor: number;
      /** The job's own mark, where the driver can write one. */
      readonly mark?: string;
    }
  | { readonly kind: 'shift-open'; readonly shift: number }
  | { readonly kind: 'shift-close'; readonly shift: number };

export type Verdict = 'ours' | 'likely' | 'other' | 'unreadable';

/** Forms of the reports on opening and closing a shift. */
const SHIFT_FORMS = { 'shift-open': 2, 'shift-close': 5 } as const;

export function judgeDocument(expected: Expectation, document: FnDocument | undefined): Verdict {
  if (document === undefined) return 'unreadable';
  if (expected.kind !== 'receipt') {
    if (document.form !== SHIFT_FORMS[expected.kind]) return 'other';
    if (document.shift === undefined) return 'likely';
    return document.shift === expected.shift ? 'ours' : 'other';
  }
  if (document.form !== expected.form) return 'other';
  if (document.isDetailed && expected.mark !== undefined) {
    return document.mark === expected.mark ? 'ours' : 'other';
  }
  if (document.mark !== undefined && document.mark === expected.mark) return 'ours';
  if (document.settlement !== expected.settlement) return 'other';
  return document.totalMinor === expected.totalMinor ? 'likely' : 'other';
}
