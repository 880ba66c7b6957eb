/**
 * What goes wrong on the emulated device, and when: a list of rules, each for one kind of command or any, fired in order.
 *
 *     [{ "fault": "lost-reply", "command": "close-receipt" },
 *      { "fault": "power-cut-after", "command": "close-receipt", "skip": 1, "ms": 3000 },
 *      { "fault": "busy", "times": 5 }]
 *
 * Commands are called the same on every protocol (shtrih/commands.ts has the list); a rule without one fits all. `skip` lets
 * that many pass first, `times` fires more than once. Such a list is what `--faults FILE` holds.
 */
import { KktError } from '../../errors.ts';

export const faultKinds = [
  /** The device never sees the command. */
  'lost-request',
  /** The answer is lost on the line; the device still has it. */
  'lost-reply',
  /** The answer is lost, and the device has forgotten it. */
  'forgotten-reply',
  /** The answer comes `ms` late. */
  'late-reply',
  'duplicate-reply',
  'corrupt-reply',
  /** The command arrives damaged: the device asks for it again. */
  'corrupt-request',
  /** Bytes FF before the answer. */
  'noise',
  /** Half of the answer, then nothing. */
  'stall',
  /** Refused as still printing. */
  'busy',
  /** Refused with the device's own number `code`. */
  'refuse',
  /** Power is gone for `ms` before the command is carried out. */
  'power-cut-before',
  /** Power is gone for `ms` after it was carried out and before it is answered. */
  'power-cut-after',
  /** The connection is cut after the command was carried out. */
  'line-drop',
  /** Paper ends with the next strip. */
  'paper-out',
  'cover-open',
  /** Another storage sits in the device. */
  'swap-fn',
  /** Somebody else sells for `code` kopecks (12345 when left out) on the same device before the command is carried out. */
  'foreign-sale',
  /** The device's clock jumps by `ms`. */
  'clock-jump',
  /** Each strip takes `ms` from now on. */
  'slow-print',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface FaultRule {
  readonly fault: FaultKind;
  readonly command?: string;
  readonly skip?: number;
  readonly times?: number;
  readonly ms?: number;
  readonly code?: number;
}

/** Rules of one script. */
export const RULES_MAX = 1_000;

export class FaultPlan {
  #rules: { readonly rule: FaultRule; skip: number; times: number }[] = [];
  #fired = 0;
  readonly #firedBy = new Map<FaultKind, number>();

  /** How many times a rule fired. */
  get fired(): number {
    return this.#fired;
  }

  /** By kind. */
  get firedBy(): ReadonlyMap<FaultKind, number> {
    return this.#firedBy;
  }

  get waiting(): number {
    return this.#rules.length;
  }

  add(rules: readonly FaultRule[]): void {
    if (this.#rules.length + rules.length > RULES_MAX) throw invalid(`more than ${RULES_MAX} rules`);
    for (const rule of rules) this.#rules.push({ rule, skip: rule.skip ?? 0, times: rule.times ?? 1 });
  }

  clear(): void {
    this.#rules = [];
  }

  /** The rules that fire for this command, in their order; what happens on its way in is asked for apart. */
  take(command: string): FaultRule[] {
    return this.#fire(command, (fault) => fault !== 'corrupt-request' && fault !== 'lost-request');
  }

  takeOnly(fault: FaultKind, command: string): boolean {
    return this.#fire(command, (other) => other === fault).length > 0;
  }

  #fire(command: string, isMeant: (fault: FaultKind) => boolean): FaultRule[] {
    const fired: FaultRule[] = [];
    for (const entry of this.#rules) {
      const { rule } = entry;
      if (!isMeant(rule.fault) || (rule.command !== undefined && rule.command !== command)) continue;
      if (entry.skip > 0) {
        entry.skip -= 1;
        continue;
      }
      entry.times -= 1;
      this.#firedBy.set(rule.fault, (this.#firedBy.get(rule.fault) ?? 0) + 1);
      fired.push(rule);
    }
    this.#rules = this.#rules.filter(({ times }) => times > 0);
    this.#fired += fired.length;
    return fired;
  }
}

/** Reads a script; `KKT_FAULTS_INVALID` names the first thing wrong with it. */
export function parseFaults(script: unknown): FaultRule[] {
  if (!Array.isArray(script)) throw invalid('the script is no list of rules');
  if (script.length > RULES_MAX) throw invalid(`more than ${RULES_MAX} rules`);
  return script.map((rule: unknown, at) => parseRule(rule, at));
}

const NUMBERS = ['skip', 'times', 'ms', 'code'] as const;

function parseRule(rule: unknown, at: number): FaultRule {
  if (typeof rule !== 'object' || rule === null) throw invalid(`rule ${at} is no object`);
  const { fault, command, ...numbers } = rule as Record<string, unknown>;
  const kind = faultKinds.find((known) => known === fault);
  if (kind === undefined) throw invalid(`rule ${at}: no fault "${String(fault)}"`);
  if (command !== undefined && typeof command !== 'string') throw invalid(`rule ${at}: no command name`);
  for (const [key, value] of Object.entries(numbers)) {
    const isKnown = (NUMBERS as readonly string[]).includes(key);
    if (!isKnown || !Number.isSafeInteger(value)) throw invalid(`rule ${at}: "${key}": ${String(value)}`);
  }
  return { fault: kind, ...(command === undefined ? {} : { command }), ...numbers };
}

function invalid(detail: string): KktError {
  return new KktError('KKT_FAULTS_INVALID', detail, { outcome: 'refused' });
}
