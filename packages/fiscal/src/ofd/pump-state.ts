/**
 * Carrying one fiscal storage's documents to its operator, as a pure function: `(state, event) -> { state, effects }`.
 *
 *            wake, release, rested            offered              last chunk
 *   idle ───────────────────────▶ asking ───────────────▶ reading ───────────▶ exchanging
 *    ▲  ▲         nothing           │                        │                     │ acknowledged
 *    │  └───────────────────────────┘                        │ hold                ▼
 *    │◀────────────────────────── hold ──────────────────────┘                 answered ◀── hold ──┐
 *    │                                                                             │ line is free  │
 *    │ accepted, while held                                              ready     ▼               │
 *    └──────────────────────────── writing ◀────────────────────────────────── preparing ──────────┤
 *                                     │ accepted: asking again                                     │
 *   resting ◀── failed, refused ── (any phase with something under way)         writing ───────────┘
 *
 * The storage is the queue: it offers its oldest unacknowledged document until it has accepted a ticket for it. So nothing
 * here must survive a crash; starting again at `asking` is always right. The line to the storage is shared with sales: a
 * `hold` frees it after the command under way, except for the last block of a ticket, whose verdict is waited for.
 *
 * Invariants, checked by `assertPumpStep` after every step of every test
 *   I1  one thing is under way at most, and one message at most between storage and operator
 *   I2  delivered is said when the storage accepted the ticket, or moved past a document whose verdict was lost: never before
 *   I3  what is handed to the storage is an acknowledgement of the very document it offered: (FN, FD)
 *   I4  no more is read than was offered, nor written than was answered; both are at most MESSAGE_BYTES_MAX
 *   I5  while somebody holds the line, nothing new begins on it
 *   I6  a document that is refused is never dropped: it is offered and carried again
 *
 * Does not: read the clock, draw jitter, or know what a message says beyond whose it is (acknowledgement.ts).
 */
import { assert } from '../assert.ts';
import { concatBytes } from '../bytes.ts';
import { FiscalError, type FiscalErrorCode } from '../errors.ts';
import {
  type Acknowledgement,
  type DocumentKey,
  RESPONSE_ACCEPTED,
  RESPONSE_FAULTY,
  readAnswerTo,
  readOutgoing,
  type Ticket,
} from './acknowledgement.ts';
import { SESSION_BODY_BYTES_MAX, SESSION_HEADER_BYTES } from './session-header.ts';

export const MESSAGE_BYTES_MAX = SESSION_HEADER_BYTES + SESSION_BODY_BYTES_MAX;
/** Reasons to keep the line free at one time: a sale, a report, a service call. */
export const HOLDS_MAX = 16;

/** What the storage offers. */
export interface Offer {
  readonly sizeBytes: number;
  readonly blockBytes: number;
  /** The printed sign, where the driver knows it. */
  readonly fp?: number;
}

interface PumpCore {
  readonly fn: string;
  readonly holds: readonly string[];
  /** Number of the last thing begun; answers to earlier ones are late and ignored. */
  readonly op: number;
  /** Attempts that failed since the last success. */
  readonly failures: number;
  /** A ticket whose verdict was lost on the line. */
  readonly unsure: Delivery | undefined;
}

export interface Delivery {
  readonly key: DocumentKey;
  readonly ticket: Ticket | undefined;
}

interface Carried {
  readonly key: DocumentKey;
  readonly answer: Uint8Array;
  readonly ticket: Ticket | undefined;
}

export type PumpState = PumpCore &
  (
    | { readonly phase: 'idle' }
    | { readonly phase: 'asking' }
    | { readonly phase: 'reading'; readonly offer: Offer; readonly received: Uint8Array }
    | { readonly phase: 'exchanging'; readonly key: DocumentKey; readonly message: Uint8Array }
    | ({ readonly phase: 'answered' } & Carried)
    | ({ readonly phase: 'preparing' } & Carried)
    | ({ readonly phase: 'writing'; readonly sent: number; readonly blockBytes: number } & Carried)
    | {
        readonly phase: 'resting';
        readonly code: FiscalErrorCode;
        readonly detail: string;
        readonly key: DocumentKey | undefined;
      }
  );

export type PumpEvent =
  /** There may be something to carry. */
  | { readonly type: 'wake' }
  | { readonly type: 'hold'; readonly reason: string }
  | { readonly type: 'release'; readonly reason: string }
  | { readonly type: 'offered'; readonly op: number; readonly offer: Offer }
  | { readonly type: 'nothing'; readonly op: number }
  | { readonly type: 'chunk'; readonly op: number; readonly bytes: Uint8Array }
  | { readonly type: 'answered'; readonly op: number; readonly bytes: Uint8Array }
  | { readonly type: 'ready'; readonly op: number; readonly blockBytes: number }
  | { readonly type: 'written'; readonly op: number }
  /** The storage judged the ticket. */
  | { readonly type: 'verdict'; readonly op: number; readonly verdict: TicketVerdict }
  | { readonly type: 'failed'; readonly op: number; readonly code: FiscalErrorCode; readonly detail: string }
  /** The rest is over, or somebody wants it over. */
  | { readonly type: 'rested' };

export type TicketVerdict =
  | { readonly accepted: true }
  /** Error of the storage and its data byte: 1 sign, 2 format, 3 FD number, 4 FN number. */
  | { readonly accepted: false; readonly fnError: number; readonly reason?: number };

export type PumpEffect =
  | { readonly type: 'ask'; readonly op: number }
  | { readonly type: 'read'; readonly op: number; readonly offset: number; readonly length: number }
  | {
      readonly type: 'exchange';
      readonly op: number;
      readonly message: Uint8Array;
      readonly key: DocumentKey;
    }
  | { readonly type: 'prepare'; readonly op: number; readonly sizeBytes: number }
  | {
      readonly type: 'write';
      readonly op: number;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly isLast: boolean;
    }
  /** What was under way is not wanted any more. */
  | { readonly type: 'abandon' }
  /** Wait, then say `rested`: by backoff, or the longest wait at once where trying soon is no use. */
  | { readonly type: 'rest'; readonly isLong: boolean }
  | { readonly type: 'delivered'; readonly key: DocumentKey; readonly ticket: Ticket | undefined }
  | {
      readonly type: 'alarm';
      readonly code: FiscalErrorCode;
      readonly key: DocumentKey | undefined;
      readonly detail: string;
    };

export interface PumpStep {
  readonly state: PumpState;
  readonly effects: readonly PumpEffect[];
}

export function startPump(fn: string): PumpState {
  return { phase: 'idle', fn, holds: [], op: 0, failures: 0, unsure: undefined };
}

export function stepPump(state: PumpState, event: PumpEvent): PumpStep {
  switch (event.type) {
    case 'wake':
      return state.phase === 'idle' ? ask(state) : stay(state);
    case 'rested':
      return state.phase === 'resting' ? ask(state) : stay(state);
    case 'hold':
      return hold(state, event.reason);
    case 'release':
      return release(state, event.reason);
    case 'offered':
    case 'nothing':
    case 'chunk':
    case 'answered':
    case 'ready':
    case 'written':
    case 'verdict':
    case 'failed':
      return event.op === state.op ? stepUnderWay(state, event) : stay(state);
    default:
      return event satisfies never;
  }
}

type ResultEvent = Extract<PumpEvent, { readonly op: number }>;

function stepUnderWay(state: PumpState, event: ResultEvent): PumpStep {
  switch (state.phase) {
    case 'asking':
      if (event.type === 'offered') return offered(state, event.offer);
      if (event.type === 'nothing') return settled({ ...core(state), phase: 'idle', failures: 0 });
      return failure(state, event);
    case 'reading':
      return event.type === 'chunk' ? chunk(state, event.bytes) : failure(state, event);
    case 'exchanging':
      return event.type === 'answered' ? answered(state, event.bytes) : failure(state, event);
    case 'preparing':
      if (event.type !== 'ready') return failure(state, event);
      if (event.blockBytes < 1) return rest(state, 'FN_LINE_FAILED', 'the storage takes blocks of no size');
      return write({ ...state, phase: 'writing', sent: 0, blockBytes: event.blockBytes });
    case 'writing':
      if (event.type === 'verdict' && isLastBlock(state)) return judged(state, event.verdict);
      if (event.type === 'written' && !isLastBlock(state)) {
        return write({ ...state, sent: state.sent + state.blockBytes });
      }
      return failure(state, event);
    case 'idle':
    case 'answered':
    case 'resting':
      // Nothing is under way: the answer is to something abandoned.
      return stay(state);
    default:
      return state satisfies never;
  }
}

function ask(state: PumpState): PumpStep {
  if (isHeld(state)) return stay({ ...core(state), phase: 'idle' });
  const op = state.op + 1;
  return { state: { ...core(state), phase: 'asking', op }, effects: [{ type: 'ask', op }] };
}

function offered(state: PumpState, offer: Offer): PumpStep {
  const isSize = offer.sizeBytes >= SESSION_HEADER_BYTES && offer.sizeBytes <= MESSAGE_BYTES_MAX;
  if (!isSize || offer.blockBytes < 1) {
    return refuse(state, 'OFD_TOO_LARGE', `a message of ${offer.sizeBytes} in ${offer.blockBytes}`);
  }
  return read({ ...core(state), phase: 'reading', offer, received: new Uint8Array() });
}

type Reading = Extract<PumpState, { phase: 'reading' }>;

function read(state: Reading): PumpStep {
  const op = state.op + 1;
  const offset = state.received.length;
  const length = Math.min(state.offer.blockBytes, state.offer.sizeBytes - offset);
  return { state: { ...state, op }, effects: [{ type: 'read', op, offset, length }] };
}

function chunk(state: Reading, bytes: Uint8Array): PumpStep {
  const left = state.offer.sizeBytes - state.received.length;
  if (bytes.length === 0 || bytes.length > left) {
    return rest(state, 'FN_LINE_FAILED', `${bytes.length} bytes came where ${left} are left`);
  }
  const received = concatBytes([state.received, bytes]);
  if (received.length < state.offer.sizeBytes) return read({ ...state, received });
  return readMessage(state, received);
}

function readMessage(state: Reading, message: Uint8Array): PumpStep {
  const outgoing = judge(() => readOutgoing(message, state.fn));
  if (!outgoing.ok) return refuse(state, outgoing.code, outgoing.detail);
  const fp = outgoing.value.key.fp ?? state.offer.fp;
  const key = { ...outgoing.value.key, ...(fp === undefined ? {} : { fp }) };
  const op = state.op + 1;
  const next = settled({ ...core(state), phase: 'exchanging', key, message, op }, key.fd);
  return { state: next.state, effects: [...next.effects, { type: 'exchange', op, message, key }] };
}

function answered(state: Extract<PumpState, { phase: 'exchanging' }>, answer: Uint8Array): PumpStep {
  const { key } = state;
  if (answer.length > MESSAGE_BYTES_MAX) return rest(state, 'OFD_TOO_LARGE', `${answer.length} bytes`, key);
  const judged = judge((): Acknowledgement => readAnswerTo(key, answer));
  if (!judged.ok) return rest(state, judged.code, judged.detail, key);
  const { ticket } = judged.value;
  if (ticket !== undefined && ![RESPONSE_ACCEPTED, RESPONSE_FAULTY].includes(ticket.responseCode)) {
    return refuse(state, 'OFD_REFUSED', `the operator answers with code ${ticket.responseCode}`, key);
  }
  return prepare({ ...core(state), phase: 'answered', key, answer, ticket });
}

type Answered = Extract<PumpState, { phase: 'answered' }>;

function prepare(state: Answered): PumpStep {
  if (isHeld(state)) return stay(state);
  const op = state.op + 1;
  return {
    state: { ...state, phase: 'preparing', op },
    effects: [{ type: 'prepare', op, sizeBytes: state.answer.length }],
  };
}

type Writing = Extract<PumpState, { phase: 'writing' }>;

function write(state: Writing): PumpStep {
  const op = state.op + 1;
  const bytes = state.answer.subarray(state.sent, state.sent + state.blockBytes);
  const isLast = isLastBlock(state);
  return { state: { ...state, op }, effects: [{ type: 'write', op, offset: state.sent, bytes, isLast }] };
}

function isLastBlock({ sent, blockBytes, answer }: Writing): boolean {
  return sent + blockBytes >= answer.length;
}

function judged(state: Writing, verdict: TicketVerdict): PumpStep {
  const { key, ticket } = state;
  if (!verdict.accepted) {
    const detail = `the storage refuses the ticket: error ${verdict.fnError}, reason ${verdict.reason ?? '-'}`;
    return refuse(state, 'FN_TICKET_REFUSED', detail, key);
  }
  const next = ask({ ...core(state), phase: 'idle', failures: 0 });
  return { state: next.state, effects: [{ type: 'delivered', key, ticket }, ...next.effects] };
}

/** The storage has moved on: was it past the document whose verdict was lost? */
function settled(state: PumpState, offeredFd?: number): PumpStep {
  const { unsure } = state;
  if (unsure === undefined) return stay(state);
  const isAccepted = offeredFd === undefined || offeredFd > unsure.key.fd;
  const effects: PumpEffect[] = isAccepted ? [{ type: 'delivered', ...unsure }] : [];
  return { state: { ...state, unsure: undefined }, effects };
}

function hold(state: PumpState, reason: string): PumpStep {
  if (state.holds.includes(reason)) return stay(state);
  assert(state.holds.length < HOLDS_MAX, `more than ${HOLDS_MAX} holds`);
  const held = { ...state, holds: [...state.holds, reason] };
  switch (held.phase) {
    case 'asking':
    case 'reading':
      return { state: { ...core(held), phase: 'idle', op: held.op + 1 }, effects: [{ type: 'abandon' }] };
    case 'preparing':
      return abandonTicket(held);
    case 'writing':
      // The last block is the ticket: interrupted here, nobody would know whether it was accepted.
      return isLastBlock(held) ? stay(held) : abandonTicket(held);
    case 'idle':
    case 'exchanging':
    case 'answered':
    case 'resting':
      return stay(held);
    default:
      return held satisfies never;
  }
}

function abandonTicket(state: Extract<PumpState, { phase: 'preparing' | 'writing' }>): PumpStep {
  const { key, answer, ticket } = state;
  return {
    state: { ...core(state), phase: 'answered', key, answer, ticket, op: state.op + 1 },
    effects: [{ type: 'abandon' }],
  };
}

function release(state: PumpState, reason: string): PumpStep {
  const free = { ...state, holds: state.holds.filter((other) => other !== reason) };
  if (free.phase === 'answered') return prepare(free);
  return free.phase === 'idle' && state.holds.length > 0 ? ask(free) : stay(free);
}

/** Whatever came is not what this phase waits for: a failure, or a driver that breaks its word. */
function failure(state: PumpState, event: ResultEvent): PumpStep {
  const key = 'key' in state ? state.key : undefined;
  const code = event.type === 'failed' ? event.code : 'FN_LINE_FAILED';
  const detail = event.type === 'failed' ? event.detail : `${event.type} came while ${state.phase}`;
  if (state.phase !== 'writing' || !isLastBlock(state)) return rest(state, code, detail, key);
  return rest({ ...state, unsure: { key: state.key, ticket: state.ticket } }, code, detail, key);
}

/** Trying again may help. */
function rest(state: PumpState, code: FiscalErrorCode, detail: string, key?: DocumentKey): PumpStep {
  const next: PumpState = {
    ...core(state),
    phase: 'resting',
    code,
    detail,
    key,
    failures: state.failures + 1,
  };
  return { state: next, effects: [{ type: 'rest', isLong: false }] };
}

/** Trying again soon will not help: somebody has to know. */
function refuse(state: PumpState, code: FiscalErrorCode, detail: string, key?: DocumentKey): PumpStep {
  const next: PumpState = {
    ...core(state),
    phase: 'resting',
    code,
    detail,
    key,
    failures: state.failures + 1,
  };
  return {
    state: next,
    effects: [
      { type: 'alarm', code, key, detail },
      { type: 'rest', isLong: true },
    ],
  };
}

function stay(state: PumpState): PumpStep {
  return { state, effects: [] };
}

function isHeld(state: PumpState): boolean {
  return state.holds.length > 0;
}

function core({ fn, holds, op, failures, unsure }: PumpState): PumpCore {
  return { fn, holds, op, failures, unsure };
}

type Judged<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: FiscalErrorCode; readonly detail: string };

function judge<T>(read: () => T): Judged<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (!(error instanceof FiscalError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}

const LINE_EFFECTS = ['ask', 'read', 'prepare', 'write'];

/** Throws when a step breaks an invariant. */
export function assertPumpStep(before: PumpState, event: PumpEvent, { state, effects }: PumpStep): void {
  const begun = effects.filter((effect) => 'op' in effect);
  assert(begun.length <= 1, 'I1: two things begun at once');
  for (const effect of begun) assert(effect.op === state.op && effect.op > before.op, 'I1: op numbers');
  for (const effect of effects) {
    if (effect.type !== 'delivered') continue;
    const isVerdict = event.type === 'verdict' && event.verdict.accepted && before.phase === 'writing';
    assert(isVerdict || before.unsure !== undefined, 'I2: delivered without a verdict');
  }
  if ('answer' in state) readAnswerTo(state.key, state.answer);
  if (state.phase === 'reading') assert(state.received.length < state.offer.sizeBytes, 'I4: read too far');
  if (state.phase === 'writing') assert(state.sent < state.answer.length, 'I4: written too far');
  if ('answer' in state) assert(state.answer.length <= MESSAGE_BYTES_MAX, 'I4: answer too large');
  const usesLine = effects.some((effect) => LINE_EFFECTS.includes(effect.type));
  assert(!usesLine || !isHeld(state), 'I5: the line is held');
  const rests = effects.some((effect) => effect.type === 'rest');
  assert(
    rests === (state.phase === 'resting' && before.phase !== 'resting'),
    'I6: rests without coming back',
  );
}
