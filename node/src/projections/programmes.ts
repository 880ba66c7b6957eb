/**
 * Programmes of loyalty by the day they count from, in memory: head office writes them into the catalog, every shop applies them.
 *
 * A programme that cannot be read (written by a newer program) is passed over; the one before it goes on to count.
 */
import { type Cell, type DocName, programmeDoc, programmesIn, setProgramme } from '@branchline/docs';
import {
  type DatedProgramme,
  type LoyaltyProgramme,
  type LoyaltyProgrammePut,
  loyaltyRules,
  programmeAt,
} from '@branchline/model';
import { isoTime } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

export class Programmes {
  readonly #rows: Rows;
  readonly #byDay = new Map<string, DatedProgramme>();

  private constructor(rows: Rows) {
    this.#rows = rows;
  }

  static async open(rows: Rows): Promise<Programmes> {
    const self = new Programmes(rows);
    const prefix = rowKeys.programme('');
    for await (const [key, text] of rows.texts({ after: prefix, below: after(prefix) })) {
      self.#keep(key.slice(prefix.length), text);
    }
    return self;
  }

  /** Oldest first. */
  list(): DatedProgramme[] {
    return [...this.#byDay.values()].sort((a, b) => (a.from < b.from ? -1 : 1));
  }

  at(ms: number): LoyaltyProgramme {
    return programmeAt([...this.#byDay.values()], dayOf(ms));
  }

  change(transaction: Transaction, from: string, rules: LoyaltyProgrammePut): void {
    transaction.change(programmeDoc(), setProgramme(from, JSON.stringify(rules)));
  }

  /** Called with the cells of the catalog that changed. */
  patch(_doc: DocName, cells: readonly Cell[]): void {
    for (const { from, rules } of programmesIn(cells)) {
      this.#rows.putText(rowKeys.programme(from), rules);
      this.#keep(from, rules);
    }
  }

  #keep(from: string, text: string): void {
    const rules = loyaltyRules.loose().safeParse(jsonIn(text));
    if (rules.success) {
      const { pointsPerStep, stepMinor, pointValueMinor, sharePercentMax, expiryDays } = rules.data;
      this.#byDay.set(from, { from, pointsPerStep, stepMinor, pointValueMinor, sharePercentMax, expiryDays });
    }
  }
}

/** `2026-11-22`, UTC. */
export function dayOf(ms: number): string {
  return isoTime(ms).slice(0, 10);
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
