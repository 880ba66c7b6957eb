/**
 * The life of one connection as a pure function: `(state, event, nowMs) -> { state, effects }`.
 *
 *                 hello                auth
 *   greeting ───────────▶ proving ───────────▶ open
 *      │ refused, timeout,   │ bad signature,    │ bye, close, silence, fault
 *      │ close, fault        │ timeout, close    │
 *      └─────────────────────┴───────┬───────────┘
 *                                    ▼                  lost, or DRAIN_MS
 *                                draining ─────────────────────────────▶ closed
 *   (every phase goes to closed on lost)
 *
 * greeting waits for the peer's hello, proving for its signature; draining lets the last frame (reject or bye) leave.
 * Credit counts bytes of message frames before compression. Bulk (entries, checkpoints) waits until credit covers it;
 * small messages may overdraw, so that two peers full of each other's bulk can still answer.
 *
 * Invariants, checked by `assertInvariants` after every step of every test
 *   I1  −OVERDRAFT_BYTES ≤ sendCredit ≤ CREDIT_WINDOW_BYTES
 *   I2  unconsumed + ungranted ≤ CREDIT_WINDOW_BYTES + OVERDRAFT_BYTES
 *   I3  ungranted < GRANT_BYTES between steps: no consumed byte is forgotten
 *   I4  CREDIT_WINDOW_BYTES − GRANT_BYTES covers the largest frame: with nothing under way, any frame may go
 *   I5  messages are delivered in `open` only: nobody unproven is heard
 *   I6  closed is final, and draining leads nowhere else
 *
 * Does not: sign, verify, keep frames, or set timers: effects say what the shell (connection.ts) does.
 */
import { assert } from './assert.ts';
import type { Ending } from './ending.ts';
import type { ByeFrame, CreditFrame, PingFrame, PongFrame, RejectFrame } from './frames.ts';
import type { Role } from './handshake.ts';

/** A listener gives a stranger this long, a dialer bears a slow line. */
export const LISTEN_HANDSHAKE_MS = 5_000;
export const DIAL_HANDSHAKE_MS = 10_000;
/** A ping after each such span of silence; the peer is gone after three. */
export const KEEPALIVE_MS = 20_000;
export const KEEPALIVE_MISSES_MAX = 2;
/** How long the last frame has to leave. */
export const DRAIN_MS = 2_000;
export const CREDIT_WINDOW_BYTES = 2_097_152;
export const GRANT_BYTES = 524_288;
export const OVERDRAFT_BYTES = 262_144;
/** Pings, pongs and credits heard in one keepalive span: ten times what 10 MB/s needs. */
export const CONTROL_FRAMES_MAX = 4_096;

export interface OpenState {
  readonly phase: 'open';
  readonly sendCredit: number;
  /** Bytes delivered and not yet consumed. */
  readonly unconsumed: number;
  /** Bytes consumed and not yet granted again. */
  readonly ungranted: number;
  readonly heardMs: number;
  readonly misses: number;
  readonly controlFrames: number;
  readonly controlSinceMs: number;
}

export type ConnectionState =
  | { readonly phase: 'greeting'; readonly role: Role; readonly deadlineMs: number }
  | { readonly phase: 'proving'; readonly role: Role; readonly deadlineMs: number }
  | OpenState
  | { readonly phase: 'draining'; readonly deadlineMs: number; readonly ending: Ending }
  | { readonly phase: 'closed'; readonly ending: Ending };

export type Refusal = { readonly code: string; readonly hint?: string };

export type ConnectionEvent =
  /** The peer's hello arrived and was judged. */
  | { readonly type: 'hello'; readonly refusal: Refusal | undefined }
  /** The peer's signature arrived and was verified. */
  | { readonly type: 'auth'; readonly valid: boolean }
  | { readonly type: 'reject'; readonly code: string; readonly hint?: string }
  | { readonly type: 'credit'; readonly bytes: number }
  | { readonly type: 'ping'; readonly at: number }
  | { readonly type: 'pong'; readonly at: number }
  | { readonly type: 'bye'; readonly code: string }
  /** A message frame arrived. */
  | { readonly type: 'message'; readonly cost: number }
  /** The receiver is done with one. */
  | { readonly type: 'consumed'; readonly cost: number }
  /** A message frame went out; `maySend` allowed it. */
  | { readonly type: 'sent'; readonly cost: number; readonly urgent: boolean }
  | { readonly type: 'tick' }
  | { readonly type: 'close'; readonly code: string }
  /** The peer broke the protocol, or our own receiver failed. */
  | { readonly type: 'fault'; readonly code: string }
  /** The transport is gone. */
  | { readonly type: 'lost' };

export type ConnectionEffect =
  | { readonly type: 'send-hello' }
  | { readonly type: 'send-auth' }
  | { readonly type: 'send'; readonly frame: RejectFrame | CreditFrame | PingFrame | PongFrame | ByeFrame }
  | { readonly type: 'open' }
  | { readonly type: 'deliver' }
  /** Credit arrived: waiting messages may go. */
  | { readonly type: 'flush' }
  | { readonly type: 'round-trip'; readonly ms: number }
  | { readonly type: 'end' }
  | { readonly type: 'terminate' };

export interface Step {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

const NOTHING: readonly ConnectionEffect[] = [];

export function startConnection(role: Role, nowMs: number): Step {
  const spanMs = role === 'dial' ? DIAL_HANDSHAKE_MS : LISTEN_HANDSHAKE_MS;
  return {
    state: { phase: 'greeting', role, deadlineMs: nowMs + spanMs },
    effects: role === 'dial' ? [{ type: 'send-hello' }] : NOTHING,
  };
}

/** When the next `tick` is due; undefined when none is. */
export function nextTickMs(state: ConnectionState): number | undefined {
  if (state.phase === 'closed') return undefined;
  if (state.phase === 'open') return state.heardMs + KEEPALIVE_MS * (state.misses + 1);
  return state.deadlineMs;
}

/** Whether a message of this cost may leave now. */
export function maySend(state: ConnectionState, cost: number, urgent: boolean): boolean {
  if (state.phase !== 'open') return false;
  return state.sendCredit - cost >= (urgent ? -OVERDRAFT_BYTES : 0);
}

export function stepConnection(state: ConnectionState, event: ConnectionEvent, nowMs: number): Step {
  if (state.phase === 'closed') return { state, effects: NOTHING };
  if (event.type === 'lost') return lost(state);
  switch (state.phase) {
    case 'greeting':
    case 'proving':
      return stepHandshake(state, event, nowMs);
    case 'open':
      return stepOpen(state, event, nowMs);
    case 'draining':
      if (event.type !== 'tick' || nowMs < state.deadlineMs) return { state, effects: NOTHING };
      return { state: { phase: 'closed', ending: state.ending }, effects: [{ type: 'terminate' }] };
  }
}

type HandshakeState = Extract<ConnectionState, { phase: 'greeting' | 'proving' }>;

function stepHandshake(state: HandshakeState, event: ConnectionEvent, nowMs: number): Step {
  switch (event.type) {
    case 'hello': {
      if (state.phase !== 'greeting') return fault('HANDSHAKE_ORDER', nowMs);
      if (event.refusal !== undefined) return refuse(event.refusal, nowMs);
      // The listener answers and proves itself in one go; the dialer waits for that proof before giving its own.
      const answer: ConnectionEffect[] = [{ type: 'send-hello' }, { type: 'send-auth' }];
      return { state: { ...state, phase: 'proving' }, effects: state.role === 'listen' ? answer : NOTHING };
    }
    case 'auth':
      if (state.phase !== 'proving') return fault('HANDSHAKE_ORDER', nowMs);
      if (!event.valid) return refuse({ code: 'SIGNATURE_INVALID' }, nowMs);
      return {
        state: opened(nowMs),
        effects: state.role === 'dial' ? [{ type: 'send-auth' }, { type: 'open' }] : [{ type: 'open' }],
      };
    case 'reject':
      return rejected(event, nowMs);
    case 'bye':
      return end({ code: event.code, by: 'peer', refused: false }, NOTHING, nowMs);
    case 'tick':
      if (nowMs < state.deadlineMs) return { state, effects: NOTHING };
      return fault('HANDSHAKE_TIMEOUT', nowMs);
    case 'close':
    case 'fault':
      return fault(event.code, nowMs);
    case 'credit':
    case 'ping':
    case 'pong':
    case 'message':
      return fault('HANDSHAKE_ORDER', nowMs);
    case 'consumed':
    case 'sent':
      return { state, effects: NOTHING };
    case 'lost':
      return lost(state);
    default:
      return event satisfies never;
  }
}

function stepOpen(state: OpenState, event: ConnectionEvent, nowMs: number): Step {
  switch (event.type) {
    case 'message': {
      const unconsumed = state.unconsumed + event.cost;
      if (unconsumed + state.ungranted > CREDIT_WINDOW_BYTES + OVERDRAFT_BYTES) {
        return fault('CREDIT_EXCEEDED', nowMs);
      }
      return { state: heard({ ...state, unconsumed }, nowMs), effects: [{ type: 'deliver' }] };
    }
    case 'consumed': {
      assert(event.cost <= state.unconsumed, 'more was consumed than delivered');
      const unconsumed = state.unconsumed - event.cost;
      const ungranted = state.ungranted + event.cost;
      if (ungranted < GRANT_BYTES) return { state: { ...state, unconsumed, ungranted }, effects: NOTHING };
      return {
        state: { ...state, unconsumed, ungranted: 0 },
        effects: [{ type: 'send', frame: { type: 'credit', bytes: ungranted } }],
      };
    }
    case 'sent':
      assert(maySend(state, event.cost, event.urgent), 'sent without credit');
      return { state: { ...state, sendCredit: state.sendCredit - event.cost }, effects: NOTHING };
    case 'credit': {
      const sendCredit = state.sendCredit + event.bytes;
      if (sendCredit > CREDIT_WINDOW_BYTES) return fault('CREDIT_INVALID', nowMs);
      return control({ ...state, sendCredit }, [{ type: 'flush' }], nowMs);
    }
    case 'ping':
      return control(state, [{ type: 'send', frame: { type: 'pong', at: event.at } }], nowMs);
    case 'pong':
      // `at` is our own number come back; a peer that makes one up only spoils its own round-trip figure.
      return control(state, [{ type: 'round-trip', ms: Math.max(0, nowMs - event.at) }], nowMs);
    case 'tick':
      return tickOpen(state, nowMs);
    case 'reject':
      return rejected(event, nowMs);
    case 'bye':
      return end({ code: event.code, by: 'peer', refused: false }, NOTHING, nowMs);
    case 'close':
    case 'fault':
      return fault(event.code, nowMs);
    case 'hello':
    case 'auth':
      return fault('HANDSHAKE_ORDER', nowMs);
    case 'lost':
      return lost(state);
    default:
      return event satisfies never;
  }
}

function tickOpen(state: OpenState, nowMs: number): Step {
  if (nowMs < nextTickMs(state)!) return { state, effects: NOTHING };
  if (state.misses >= KEEPALIVE_MISSES_MAX) return fault('PEER_SILENT', nowMs);
  return {
    state: { ...state, misses: state.misses + 1 },
    effects: [{ type: 'send', frame: { type: 'ping', at: Math.floor(nowMs) } }],
  };
}

function opened(nowMs: number): OpenState {
  return {
    phase: 'open',
    sendCredit: CREDIT_WINDOW_BYTES,
    unconsumed: 0,
    ungranted: 0,
    heardMs: nowMs,
    misses: 0,
    controlFrames: 0,
    controlSinceMs: nowMs,
  };
}

function heard(state: OpenState, nowMs: number): OpenState {
  return { ...state, heardMs: nowMs, misses: 0 };
}

/** A frame that no credit pays for: counted instead. */
function control(state: OpenState, effects: readonly ConnectionEffect[], nowMs: number): Step {
  const isNewSpan = nowMs - state.controlSinceMs >= KEEPALIVE_MS;
  const controlSinceMs = isNewSpan ? nowMs : state.controlSinceMs;
  const controlFrames = isNewSpan ? 1 : state.controlFrames + 1;
  if (controlFrames > CONTROL_FRAMES_MAX) return fault('CONTROL_FLOOD', nowMs);
  return { state: { ...heard(state, nowMs), controlFrames, controlSinceMs }, effects };
}

/** We will not talk to this peer. */
function refuse(refusal: Refusal, nowMs: number): Step {
  const ending: Ending = { ...refusal, by: 'us', refused: true };
  return end(ending, [{ type: 'send', frame: { type: 'reject', ...refusal } }], nowMs);
}

/** The peer will not talk to us. */
function rejected(event: Refusal, nowMs: number): Step {
  const hint = event.hint === undefined ? {} : { hint: event.hint };
  return end({ code: event.code, by: 'peer', refused: true, ...hint }, NOTHING, nowMs);
}

function fault(code: string, nowMs: number): Step {
  return end({ code, by: 'us', refused: false }, [{ type: 'send', frame: { type: 'bye', code } }], nowMs);
}

function end(ending: Ending, last: readonly ConnectionEffect[], nowMs: number): Step {
  return {
    state: { phase: 'draining', deadlineMs: nowMs + DRAIN_MS, ending },
    effects: [...last, { type: 'end' }],
  };
}

function lost(state: Exclude<ConnectionState, { phase: 'closed' }>): Step {
  const ending: Ending =
    state.phase === 'draining' ? state.ending : { code: 'TRANSPORT_LOST', by: 'transport', refused: false };
  return { state: { phase: 'closed', ending }, effects: NOTHING };
}

/** Throws when a state breaks I1 to I4; I5 and I6 are about steps and are checked by whoever makes them. */
export function assertInvariants(state: ConnectionState): void {
  if (state.phase !== 'open') return;
  const { sendCredit, unconsumed, ungranted } = state;
  assert(sendCredit >= -OVERDRAFT_BYTES && sendCredit <= CREDIT_WINDOW_BYTES, `I1: ${sendCredit}`);
  assert(unconsumed >= 0 && ungranted >= 0, 'I2: negative');
  assert(unconsumed + ungranted <= CREDIT_WINDOW_BYTES + OVERDRAFT_BYTES, `I2: ${unconsumed} + ${ungranted}`);
  assert(ungranted < GRANT_BYTES, `I3: ${ungranted}`);
}
