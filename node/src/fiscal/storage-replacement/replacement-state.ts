/**
 * The replacement of a fiscal storage, step by step. Pure: what was decided is a fold of events, what may be decided depends on what the
 * register and the log say now.
 *
 *     none ──start──▶ preparing ──closed──▶ swapping ──adopt──▶ testing ──tested──▶ finishing ──finish──▶ none
 *                         │                     │
 *                         └───────cancel────────┴──────────▶ none
 *
 * Before the old storage is closed: the register answers, nothing waits to be registered or decided, the shift is closed in the log and in
 * the register, every document is with the operator. A broken storage is let go without the last three, with a reason. A new storage is
 * adopted when it is the one in the register, was typed, and is not the old one. Invariant: after `adopt` there is no way back.
 */
export type ReplacementState =
  | { readonly phase: 'none' }
  | (Started & { readonly phase: 'preparing' | 'swapping' })
  | (Started & { readonly phase: 'testing' | 'finishing'; readonly newFn: string });

interface Started {
  readonly id: string;
  readonly fn: string;
  readonly reason: string;
  readonly sinceMs: number;
}

export type ReplacementEvent =
  | {
      readonly event: 'started';
      readonly id: string;
      readonly fn: string;
      readonly reason: string;
      readonly atMs: number;
    }
  | { readonly event: 'closed'; readonly broken?: string | undefined }
  | { readonly event: 'adopted'; readonly fn: string }
  | { readonly event: 'tested' }
  | { readonly event: 'finished' }
  | { readonly event: 'cancelled'; readonly reason: string };

/** As the register and the log say now. */
export interface ReplacementFacts {
  /** In the register; undefined while it does not answer. */
  readonly fn: string | undefined;
  readonly phase: 'unregistered' | 'fiscal' | 'closed' | 'archive' | undefined;
  readonly receiptsWaiting: number;
  readonly undecided: number;
  readonly isLogShiftOpen: boolean;
  readonly isRegisterShiftOpen: boolean;
  readonly documentsWaiting: number;
  readonly isMaintenance: boolean;
}

export interface Check {
  readonly name: string;
  readonly holds: boolean;
  readonly words: string;
}

export type Act =
  | { readonly act: 'closed'; readonly fn: string; readonly broken?: string | undefined }
  | { readonly act: 'adopt'; readonly fn: string }
  | { readonly act: 'test' | 'finish' | 'start' }
  | { readonly act: 'cancel'; readonly reason: string };

export const NO_REPLACEMENT: ReplacementState = { phase: 'none' };

/** Events that do not fit the phase change nothing: feeds of two histories may say the same twice. */
export function foldReplacement(state: ReplacementState, event: ReplacementEvent): ReplacementState {
  switch (event.event) {
    case 'started': {
      const { id, fn, reason, atMs } = event;
      return state.phase === 'none' ? { phase: 'preparing', id, fn, reason, sinceMs: atMs } : state;
    }
    case 'closed':
      return state.phase === 'preparing' ? { ...state, phase: 'swapping' } : state;
    case 'adopted':
      return state.phase === 'swapping' ? { ...state, phase: 'testing', newFn: event.fn } : state;
    case 'tested':
      return state.phase === 'testing' ? { ...state, phase: 'finishing' } : state;
    case 'finished':
      return state.phase === 'finishing' ? NO_REPLACEMENT : state;
    case 'cancelled':
      return state.phase === 'preparing' || state.phase === 'swapping' ? NO_REPLACEMENT : state;
    default:
      return event satisfies never;
  }
}

/** Why the act is not possible now, in words; undefined when it is. */
export function refusalOf(state: ReplacementState, facts: ReplacementFacts, act: Act): string | undefined {
  switch (act.act) {
    case 'start':
      if (state.phase !== 'none') {
        return 'A replacement is under way already.';
      }
      return facts.fn === undefined
        ? 'The register does not answer: there is no storage to replace.'
        : undefined;
    case 'closed': {
      if (state.phase !== 'preparing') {
        return notNow(state);
      }
      if (act.fn !== state.fn) {
        return `The storage to be closed is ${state.fn}, not ${act.fn}.`;
      }
      const open = checksBefore(facts).filter(({ holds, name }) => !holds && !mayBreak(name, act.broken));
      return open.length === 0 ? undefined : open.map(({ words }) => words).join(' ');
    }
    case 'adopt':
      if (state.phase !== 'swapping') {
        return notNow(state);
      }
      if (act.fn === state.fn) {
        return 'This is the old storage.';
      }
      return swapChecks(state.fn, facts).find(({ holds }) => !holds)?.words ?? mistyped(facts, act.fn);
    case 'test':
      return state.phase === 'testing' ? undefined : notNow(state);
    case 'finish':
      return state.phase === 'finishing' ? undefined : notNow(state);
    case 'cancel':
      return state.phase === 'preparing' || state.phase === 'swapping' ? undefined : notNow(state);
    default:
      return act satisfies never;
  }
}

/** What must hold before the old storage is closed. */
export function checksBefore(facts: ReplacementFacts): Check[] {
  const { fn, receiptsWaiting, undecided, isLogShiftOpen, isRegisterShiftOpen, documentsWaiting } = facts;
  return [
    check(
      'maintenance',
      facts.isMaintenance,
      'Nothing is sold meanwhile.',
      'Maintenance has ended: begin it again.',
    ),
    check('register', fn !== undefined, 'The register answers.', 'The register does not answer.'),
    check(
      'receipts',
      receiptsWaiting === 0,
      'Every receipt is registered and on paper.',
      `${receiptsWaiting} receipts wait for the register.`,
    ),
    check(
      'decisions',
      undecided === 0,
      'Nothing waits for a person.',
      `${undecided} receipts wait for a person.`,
    ),
    check(
      'shift',
      !isLogShiftOpen && !isRegisterShiftOpen,
      'The shift is closed.',
      'The shift is open: print the Z report.',
    ),
    check(
      'delivered',
      documentsWaiting === 0,
      'The operator has every document.',
      `${documentsWaiting} documents are not with the operator: deliver them.`,
    ),
  ];
}

/** What must hold before a new storage is adopted. */
export function swapChecks(old: string, { fn, phase }: ReplacementFacts): Check[] {
  return [
    check('register', fn !== undefined, 'The register answers.', 'The register does not answer.'),
    check(
      'new storage',
      fn !== undefined && fn !== old,
      `The storage in the register is ${fn}.`,
      'The register still has the old storage.',
    ),
    check(
      'registered',
      phase === 'fiscal',
      'The new storage is registered.',
      'The new storage is not registered with the tax service yet.',
    ),
  ];
}

function check(name: string, holds: boolean, yes: string, no: string): Check {
  return { name, holds, words: holds ? yes : no };
}

/** A storage that does not work any more can neither deliver nor close its shift. */
function mayBreak(name: string, broken: string | undefined): boolean {
  return broken !== undefined && name !== 'maintenance' && name !== 'decisions';
}

function mistyped({ fn }: ReplacementFacts, typed: string): string | undefined {
  return fn === typed ? undefined : `The storage in the register is ${fn}, not ${typed}.`;
}

function notNow({ phase }: ReplacementState): string {
  switch (phase) {
    case 'none':
      return 'No replacement is under way: start one.';
    case 'preparing':
      return 'The old storage has to be closed first.';
    case 'swapping':
      return 'The new storage has to be adopted first.';
    case 'testing':
      return 'A new storage is in use: test it.';
    case 'finishing':
      return 'Everything is tested: finish.';
    default:
      return phase satisfies never;
  }
}
