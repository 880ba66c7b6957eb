/**
 * One document on its way into a fiscal storage, as a pure function: `(state, event) -> { state, effects }`.
 *
 *                                      not ready: wait
 *               ┌──────────────────────────┐
 *     start     ▼            ready         │        recorded           begun            closed
 *   ──────▶ waiting ──▶ checking ──────────┴─▶ intent ─────▶ opening ───────▶ closing ────────┐
 *               ▲                                              │ failed          │ failed     ▼
 *               │ nothing registered, trying again may help    ▼                 ▼          fiscal ──▶ printed
 *               ├────────────────────────────────────────── uncertain ◀──────────┘            ▲
 *               │                                              │ │ │  the document is there   │
 *    failed ◀───┼── nothing registered, the document is faulty ┘ │ └──────────────────────────┘
 *       │ retry │                                                │ even the storage cannot tell
 *       └───────┘                                              review ──▶ fiscal, waiting (an operator decides), uncertain
 *
 * Whatever fails after the intent is durable leads to `uncertain`, and only the storage leads out of it: its last document
 * number, then the documents after the one the intent knew, one by one, compared with what was meant. An open document is
 * cancelled, never closed again. Shifts are opened and closed the same way; they have nothing to begin.
 *
 * Fiscal is not printed: from `fiscal` on only paper is waited for, and nothing leads back.
 *
 * Invariants, checked by `assertJobStep` (job-invariants.ts) after every step of every test and every run
 *   J1  a command that registers is given once per intent, straight after it was recorded
 *   J2  a new intent follows only on the storage's word that nothing came of the last one; that word is recorded first
 *   J3  a fiscal outcome is of the intent's storage and newer than the last document the intent knew
 *   J4  fiscal and printed never lead anywhere but to printed; what is registered is never forgotten
 *   J5  one effect at most is under way; where none is, the state is one that rests
 *   J6  every search, attempt and cancellation has a limit, behind which an operator is asked
 *
 * Does not: wait, talk to a device or keep records: job.ts does. Does not open shifts by itself: it says that one is needed.
 */
import { assert } from '../assert.ts';
import type { KktErrorCode } from '../errors.ts';
import type { FiscalMark, FnDocument, KktStatus } from './driver.ts';
import { judgeDocument } from './job-evidence.ts';
import type {
  JobEvent,
  JobIntent,
  JobOrder,
  JobOutcome,
  JobRecord,
  JobState,
  JobStep,
  Search,
} from './job-types.ts';

/** Documents read in one search for ours. */
export const SEARCH_MAX = 64;
/** Intents of one job; each may cost a strip of paper. */
export const ATTEMPTS_MAX = 20;
/** Cancellations of one open document. */
export const CANCELS_MAX = 5;
/** Waits grow from the first to the last. */
export const WAIT_FIRST_MS = 200;
export const WAIT_MAX_MS = 15_000;

type In<P extends JobState['phase']> = Extract<JobState, { phase: P }>;

/** Refusals that are about the document: the same one is refused again tomorrow. */
const DOCUMENT_FAULTS: readonly KktErrorCode[] = [
  'KKT_RECEIPT_INVALID',
  'KKT_TOTAL_MISMATCH',
  'KKT_MARKING_REFUSED',
  'KKT_CASH_SHORT',
  'KKT_REFUSED',
  'KKT_UNSUPPORTED',
];

export function newJob(order: JobOrder): JobState {
  return { order, phase: 'waiting', attempts: 0, reason: undefined, tries: 0 };
}

/** The state after a restart, from what was recorded. An intent without an outcome is asked about first of all. */
export function resumeJob(order: JobOrder, records: readonly JobRecord[]): JobState {
  return records.reduce((state, record) => remember(state, record), newJob(order));
}

function remember(state: JobState, record: JobRecord): JobState {
  const { order } = state;
  switch (record.type) {
    case 'intent':
      return uncertain(order, record.intent, 'KKT_RESTARTED').state;
    case 'cleared':
      return { order, phase: 'waiting', attempts: record.attempt, reason: undefined, tries: 0 };
    case 'fiscal':
      return {
        order,
        phase: 'fiscal',
        outcome: record.outcome,
        reason: undefined,
        asking: 'status',
        tries: 0,
      };
    case 'printed':
      assert(state.phase === 'fiscal', 'printed without an outcome');
      return { order, phase: 'printed', outcome: state.outcome };
    case 'failed':
      return { order, phase: 'failed', attempts: record.attempts, reason: record.reason };
    case 'review':
      return state;
    default:
      return record satisfies never;
  }
}

/** What is under way in a resumed state, to be done again: only questions are. */
export function startJob(state: JobState): JobStep {
  switch (state.phase) {
    case 'waiting':
      return { state, effects: [{ type: 'wait', delayMs: 0 }] };
    case 'uncertain':
      return ask(state);
    case 'fiscal':
      return { state, effects: [{ type: 'ask-status' }] };
    case 'printed':
    case 'review':
    case 'failed':
      return rest(state);
    case 'checking':
    case 'intent':
    case 'opening':
    case 'closing':
      throw new Error(`a job is not resumed in the middle of ${state.phase}`);
    default:
      return state satisfies never;
  }
}

export function stepJob(state: JobState, event: JobEvent): JobStep {
  switch (state.phase) {
    case 'waiting':
      return event.type === 'start' || event.type === 'tick' ? check(state) : rest(state);
    case 'checking':
      if (event.type === 'status') return assess(state, event.status);
      if (event.type === 'continued') return hold(state, 'KKT_BUSY');
      return event.type === 'failed' ? hold(state, event.code) : rest(state);
    case 'intent':
      return event.type === 'recorded' ? open(state) : rest(state);
    case 'opening':
      if (event.type === 'begun')
        return { state: { ...state, phase: 'closing' }, effects: [{ type: 'close' }] };
      return event.type === 'failed' ? uncertain(state.order, state.intent, event.code) : rest(state);
    case 'closing':
      if (event.type === 'closed') return closed(state, event.mark);
      return event.type === 'failed' ? uncertain(state.order, state.intent, event.code) : rest(state);
    case 'uncertain':
      return stepUncertain(state, event);
    case 'fiscal':
      return stepFiscal(state, event);
    case 'printed':
      return rest(state);
    case 'review':
      return stepReview(state, event);
    case 'failed':
      if (event.type !== 'start') return rest(state);
      return check({
        order: state.order,
        phase: 'waiting',
        attempts: state.attempts,
        reason: undefined,
        tries: 0,
      });
    default:
      return state satisfies never;
  }
}

// ── before anything is sent ──

function check({ order, attempts, tries }: In<'waiting'>): JobStep {
  return { state: { order, phase: 'checking', attempts, tries }, effects: [{ type: 'ask-status' }] };
}

function assess(state: In<'checking'>, status: KktStatus): JobStep {
  // Left over from whatever printed before: nobody else will set it going.
  if (status.print === 'stopped' && !status.isCoverOpen) {
    return { state, effects: [{ type: 'continue-print' }] };
  }
  const obstacle = obstacleTo(state.order, status);
  if (obstacle !== undefined) return hold(state, obstacle);
  if (state.attempts >= ATTEMPTS_MAX) return fail(state.order, 'KKT_ATTEMPTS_EXHAUSTED', 0);
  const intent: JobIntent = { attempt: state.attempts + 1, fn: status.fn, lastFd: status.lastFd };
  return {
    state: { order: state.order, phase: 'intent', intent },
    effects: [{ type: 'record', record: { type: 'intent', intent } }],
  };
}

/** Why nothing may be begun now. */
function obstacleTo({ fn, expected }: JobOrder, status: KktStatus): KktErrorCode | undefined {
  if (status.fn !== fn) return 'KKT_FN_MISMATCH';
  if (status.phase !== 'fiscal') return 'KKT_FN_CLOSED';
  if (status.document !== 'none') return 'KKT_DOCUMENT_OPEN';
  if (status.isCoverOpen) return 'KKT_COVER_OPEN';
  if (!status.hasPaper || status.print === 'no-paper') return 'KKT_PAPER_OUT';
  if (status.print !== 'idle') return 'KKT_BUSY';
  switch (expected.kind) {
    case 'receipt':
      if (status.shift.state === 'expired') return 'KKT_SHIFT_EXPIRED';
      return status.shift.state === 'closed' ? 'KKT_SHIFT_CLOSED' : undefined;
    case 'shift-open':
      return status.shift.state === 'closed' ? undefined : 'KKT_SHIFT_OPEN';
    case 'shift-close':
      return status.shift.state === 'closed' ? 'KKT_SHIFT_CLOSED' : undefined;
    default:
      return expected satisfies never;
  }
}

function hold({ order, attempts, tries }: In<'checking'>, reason: KktErrorCode): JobStep {
  return {
    state: { order, phase: 'waiting', attempts, reason, tries: tries + 1 },
    effects: [{ type: 'wait', delayMs: delayMs(tries) }],
  };
}

function open(state: In<'intent'>): JobStep {
  if (state.order.expected.kind === 'receipt') {
    return { state: { ...state, phase: 'opening' }, effects: [{ type: 'begin' }] };
  }
  return { state: { ...state, phase: 'closing' }, effects: [{ type: 'close' }] };
}

function closed({ order, intent }: In<'closing'>, mark: FiscalMark): JobStep {
  // The answer to some other close, late or doubled, must not pass for ours.
  if (mark.fd !== intent.lastFd + 1) return uncertain(order, intent, 'KKT_ANSWER_FOREIGN');
  return registered(order, intent, mark, 'answer');
}

// ── after something failed ──

function uncertain(order: JobOrder, intent: JobIntent, cause: KktErrorCode): JobStep {
  return ask({
    order,
    phase: 'uncertain',
    intent,
    cause,
    reason: undefined,
    cancels: 0,
    asking: { step: 'status' },
    tries: 0,
  });
}

function ask(state: In<'uncertain'>): JobStep {
  return { state: { ...state, asking: { step: 'status' } }, effects: [{ type: 'ask-status' }] };
}

function stepUncertain(state: In<'uncertain'>, event: JobEvent): JobStep {
  const { asking } = state;
  switch (event.type) {
    case 'status':
      return asking.step === 'status' ? learn(state, event.status) : rest(state);
    case 'found':
      if (asking.step !== 'find') return rest(state);
      return weigh(state, asking.search, event.document, event.isClaimed);
    case 'cancelled':
      return asking.step === 'cancel' ? ask(state) : rest(state);
    case 'continued':
      // Printing takes a while from here: asking at once would find it stopped still.
      return asking.step === 'continue' ? pause(state, 'KKT_BUSY') : rest(state);
    case 'tick':
    case 'ask-again':
      return asking.step === 'wait' ? ask(state) : rest(state);
    case 'failed':
      return asking.step === 'wait' || asking.step === 'clear' ? rest(state) : pause(state, event.code);
    case 'recorded':
      return asking.step === 'clear' ? cleared(state) : rest(state);
    case 'start':
    case 'begun':
    case 'closed':
    case 'decided':
      return rest(state);
    default:
      return event satisfies never;
  }
}

/** The storage says how far it is. */
function learn(state: In<'uncertain'>, status: KktStatus): JobStep {
  const { order, intent } = state;
  if (status.fn !== intent.fn) return review(order, intent, 'KKT_FN_MISMATCH', []);
  if (status.lastFd < intent.lastFd) return review(order, intent, 'KKT_FD_WENT_BACK', []);
  // Of whatever kind: the beginning of a shift stays open as well when its end was lost.
  const isDocumentOpen = status.document === 'receipt' || status.document === 'other';
  if (status.lastFd > intent.lastFd) {
    const lastFd = Math.min(status.lastFd, intent.lastFd + SEARCH_MAX);
    return find(state, {
      fd: intent.lastFd + 1,
      lastFd,
      isDocumentOpen,
      candidates: [],
      // What lies beyond the limit counts as unread.
      unreadable: status.lastFd - lastFd,
    });
  }
  // The device may still be busy with our own command: its word counts when it has come to rest.
  if (status.print === 'stopped') {
    return { state: { ...state, asking: { step: 'continue' } }, effects: [{ type: 'continue-print' }] };
  }
  if (status.print === 'no-paper') return pause(state, 'KKT_PAPER_OUT');
  if (status.print === 'printing') return pause(state, 'KKT_BUSY');
  return isDocumentOpen ? cancel(state) : clear(state);
}

function find(state: In<'uncertain'>, search: Search): JobStep {
  return {
    state: { ...state, asking: { step: 'find', search } },
    effects: [{ type: 'find', fd: search.fd }],
  };
}

/** One document of the search; the last one ends it. */
function weigh(
  state: In<'uncertain'>,
  search: Search,
  document: FnDocument | undefined,
  isClaimed: boolean,
): JobStep {
  const { order, intent } = state;
  // A document under another number than asked for proves nothing.
  const shown = document?.fd === search.fd ? document : undefined;
  const verdict = isClaimed ? 'other' : judgeDocument(order.expected, shown);
  if (verdict === 'ours') return registered(order, intent, markOf(document!), 'document');
  const candidates = verdict === 'likely' ? [...search.candidates, markOf(document!)] : search.candidates;
  const unreadable = search.unreadable + (verdict === 'unreadable' ? 1 : 0);
  const next: Search = { ...search, fd: search.fd + 1, candidates, unreadable };
  if (next.fd <= search.lastFd) return find(state, next);
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1 && unreadable === 0) {
    return registered(order, intent, only, 'document');
  }
  if (candidates.length > 0) return review(order, intent, 'KKT_DOCUMENT_AMBIGUOUS', candidates);
  if (unreadable > 0) return review(order, intent, 'KKT_DOCUMENT_UNREADABLE', []);
  // Somebody else's documents, all of them: ours was not among them.
  return search.isDocumentOpen ? cancel(state) : clear(state);
}

function cancel(state: In<'uncertain'>): JobStep {
  if (state.cancels >= CANCELS_MAX) return review(state.order, state.intent, 'KKT_DOCUMENT_STUCK', []);
  return {
    state: { ...state, cancels: state.cancels + 1, asking: { step: 'cancel' } },
    effects: [{ type: 'cancel' }],
  };
}

/** Proved: nothing came of the intent. Durable before anything else, or a restart would search for it among later documents. */
function clear(state: In<'uncertain'>): JobStep {
  return {
    state: { ...state, asking: { step: 'clear' } },
    effects: [{ type: 'record', record: { type: 'cleared', attempt: state.intent.attempt } }],
  };
}

function cleared({ order, intent, cause }: In<'uncertain'>): JobStep {
  if (DOCUMENT_FAULTS.includes(cause)) return fail(order, cause, intent.attempt);
  return {
    state: { order, phase: 'waiting', attempts: intent.attempt, reason: cause, tries: 1 },
    effects: [{ type: 'wait', delayMs: delayMs(0) }],
  };
}

function pause(state: In<'uncertain'>, reason: KktErrorCode): JobStep {
  return {
    state: { ...state, reason, tries: state.tries + 1, asking: { step: 'wait' } },
    effects: [{ type: 'wait', delayMs: delayMs(state.tries) }],
  };
}

// ── registered ──

function registered(
  order: JobOrder,
  intent: JobIntent,
  mark: FiscalMark,
  evidence: JobOutcome['evidence'],
): JobStep {
  const outcome: JobOutcome = { ...mark, fn: intent.fn, evidence };
  return {
    state: { order, phase: 'fiscal', outcome, reason: undefined, asking: 'record', tries: 0 },
    effects: [{ type: 'record', record: { type: 'fiscal', outcome } }],
  };
}

function stepFiscal(state: In<'fiscal'>, event: JobEvent): JobStep {
  const { asking } = state;
  switch (event.type) {
    case 'recorded':
      return asking === 'record' ? watch(state) : rest(state);
    case 'tick':
      return asking === 'wait' ? watch(state) : rest(state);
    case 'continued':
      return asking === 'continue' ? linger(state, 'KKT_BUSY') : rest(state);
    case 'failed':
      return asking === 'status' || asking === 'continue' ? linger(state, event.code) : rest(state);
    case 'status':
      return asking === 'status' ? seePaper(state, event.status) : rest(state);
    case 'start':
    case 'begun':
    case 'closed':
    case 'found':
    case 'cancelled':
    case 'ask-again':
    case 'decided':
      return rest(state);
    default:
      return event satisfies never;
  }
}

function watch(state: In<'fiscal'>): JobStep {
  return { state: { ...state, asking: 'status' }, effects: [{ type: 'ask-status' }] };
}

function seePaper(state: In<'fiscal'>, status: KktStatus): JobStep {
  if (status.print === 'stopped' || (status.document === 'unprinted' && status.hasPaper)) {
    return { state: { ...state, asking: 'continue' }, effects: [{ type: 'continue-print' }] };
  }
  if (status.isCoverOpen) return linger(state, 'KKT_COVER_OPEN');
  if (status.print === 'no-paper' || status.document === 'unprinted') return linger(state, 'KKT_PAPER_OUT');
  if (status.print === 'printing') return linger(state, 'KKT_BUSY');
  const { order, outcome } = state;
  return {
    state: { order, phase: 'printed', outcome },
    effects: [{ type: 'record', record: { type: 'printed' } }],
  };
}

function linger(state: In<'fiscal'>, reason: KktErrorCode): JobStep {
  return {
    state: { ...state, reason, asking: 'wait', tries: state.tries + 1 },
    effects: [{ type: 'wait', delayMs: delayMs(state.tries) }],
  };
}

// ── where people decide ──

function review(
  order: JobOrder,
  intent: JobIntent,
  reason: KktErrorCode,
  candidates: readonly FiscalMark[],
): JobStep {
  return {
    state: { order, phase: 'review', intent, reason, candidates },
    effects: [{ type: 'record', record: { type: 'review', reason } }],
  };
}

function stepReview(state: In<'review'>, event: JobEvent): JobStep {
  const { order, intent } = state;
  if (event.type === 'ask-again') return uncertain(order, intent, 'KKT_RESTARTED');
  if (event.type !== 'decided') return rest(state);
  if (event.outcome === 'not-registered') {
    const before: In<'uncertain'> = {
      order,
      phase: 'uncertain',
      intent,
      cause: 'KKT_RESTARTED',
      reason: undefined,
      cancels: 0,
      asking: { step: 'clear' },
      tries: 0,
    };
    return clear(before);
  }
  assert(event.outcome.fd > intent.lastFd, 'the document named is older than the receipt');
  return registered(order, intent, event.outcome, 'operator');
}

function fail(order: JobOrder, reason: KktErrorCode, attempts: number): JobStep {
  return {
    state: { order, phase: 'failed', attempts, reason },
    effects: [{ type: 'record', record: { type: 'failed', attempts, reason } }],
  };
}

function rest(state: JobState): JobStep {
  return { state, effects: [] };
}

function markOf({ fd, fp, atSeconds }: FnDocument): FiscalMark {
  return { fd, fp, atSeconds };
}

function delayMs(tries: number): number {
  return Math.min(WAIT_MAX_MS, WAIT_FIRST_MS * 2 ** Math.min(tries, 10));
}
