/**
 * Words of a job: what is ordered, what is kept, its states, what happens to it and what it wants done. The machine itself is
 * job-state.ts; its drawing and invariants stand there.
 */
import type { KktErrorCode } from '../errors.ts';
import type { FiscalMark, FnDocument, KktStatus } from './driver.ts';
import type { Expectation } from './job-evidence.ts';

export interface JobOrder {
  readonly job: string;
  readonly expected: Expectation;
  /** The storage this shop is registered with; any other is refused. */
  readonly fn: string;
}

/** What is durable before the first command that changes anything. */
export interface JobIntent {
  readonly attempt: number;
  readonly fn: string;
  /** The last document before ours. */
  readonly lastFd: number;
}

export interface JobOutcome extends FiscalMark {
  readonly fn: string;
  /** Who says so: the answer to the close, the document in the storage, or a person. */
  readonly evidence: 'answer' | 'document' | 'operator';
}

interface Tries {
  /** Waits since something last went right. */
  readonly tries: number;
}

export type JobState = { readonly order: JobOrder } & (
  | ({
      readonly phase: 'waiting';
      readonly attempts: number;
      readonly reason: KktErrorCode | undefined;
    } & Tries)
  | ({ readonly phase: 'checking'; readonly attempts: number } & Tries)
  | { readonly phase: 'intent'; readonly intent: JobIntent }
  | { readonly phase: 'opening'; readonly intent: JobIntent }
  | { readonly phase: 'closing'; readonly intent: JobIntent }
  | ({
      readonly phase: 'uncertain';
      readonly intent: JobIntent;
      /** What failed first: decides what becomes of the job when nothing was registered. */
      readonly cause: KktErrorCode;
      /** What holds up the answer. */
      readonly reason: KktErrorCode | undefined;
      readonly cancels: number;
      readonly asking: Asking;
    } & Tries)
  | ({
      readonly phase: 'fiscal';
      readonly outcome: JobOutcome;
      readonly reason: KktErrorCode | undefined;
      readonly asking: 'record' | 'status' | 'wait' | 'continue';
    } & Tries)
  | { readonly phase: 'printed'; readonly outcome: JobOutcome }
  | {
      readonly phase: 'review';
      readonly intent: JobIntent;
      readonly reason: KktErrorCode;
      readonly candidates: readonly FiscalMark[];
    }
  | { readonly phase: 'failed'; readonly attempts: number; readonly reason: KktErrorCode }
);

export type Asking =
  | { readonly step: 'status' | 'wait' | 'cancel' | 'continue' | 'clear' }
  | { readonly step: 'find'; readonly search: Search };

export interface Search {
  readonly fd: number;
  readonly lastFd: number;
  readonly isDocumentOpen: boolean;
  readonly candidates: readonly FiscalMark[];
  readonly unreadable: number;
}

export type JobEvent =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'recorded' }
  | { readonly type: 'status'; readonly status: KktStatus }
  | { readonly type: 'begun' }
  | { readonly type: 'closed'; readonly mark: FiscalMark }
  /** `isOurs: false` when the journal knows it as another job's. */
  | { readonly type: 'found'; readonly document: FnDocument | undefined; readonly isClaimed: boolean }
  | { readonly type: 'cancelled' }
  | { readonly type: 'continued' }
  | { readonly type: 'failed'; readonly code: KktErrorCode }
  /** An operator: look again, or decide. */
  | { readonly type: 'ask-again' }
  | { readonly type: 'decided'; readonly outcome: FiscalMark | 'not-registered' };

export type JobRecord =
  | { readonly type: 'intent'; readonly intent: JobIntent }
  /** Nothing came of the intent: proved, and another may follow. */
  | { readonly type: 'cleared'; readonly attempt: number }
  | { readonly type: 'fiscal'; readonly outcome: JobOutcome }
  | { readonly type: 'printed' }
  | { readonly type: 'failed'; readonly attempts: number; readonly reason: KktErrorCode }
  | { readonly type: 'review'; readonly reason: KktErrorCode };

export type JobEffect =
  | { readonly type: 'record'; readonly record: JobRecord }
  | { readonly type: 'ask-status' }
  | { readonly type: 'begin' }
  | { readonly type: 'close' }
  | { readonly type: 'cancel' }
  | { readonly type: 'find'; readonly fd: number }
  | { readonly type: 'continue-print' }
  | { readonly type: 'wait'; readonly delayMs: number };

export interface JobStep {
  readonly state: JobState;
  readonly effects: readonly JobEffect[];
}
