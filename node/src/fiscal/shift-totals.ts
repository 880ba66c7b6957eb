/**
 * What a shift adds up to: sales, refunds and cash moves, all tills together and each by itself. Pure; sums are integers, change
 * is taken off the cash, what was given back is counted beside what was sold and never against it.
 */
import {
  type SettlementTotals,
  type ShiftTotals,
  type VatKind,
  type VatShare,
  vatSplit,
} from '@branchline/model';

export interface SettlementFacts {
  readonly kind: 'sale' | 'refund';
  readonly till: string;
  readonly totalMinor: number;
  readonly changeMinor: number;
  readonly payments: readonly { readonly kind: string; readonly amountMinor: number }[];
  readonly vat: readonly VatShare[];
}

export interface CashFacts {
  readonly till: string;
  readonly direction: 'in' | 'out';
  readonly amountMinor: number;
}

class Settlements {
  count = 0;
  totalMinor = 0;
  readonly #paid = { cash: 0, card: 0, other: 0 };
  readonly #vat = new Map<VatKind, { totalMinor: number; vatMinor: number }>();

  get cashMinor(): number {
    return this.#paid.cash;
  }

  add({ totalMinor, changeMinor, payments, vat }: SettlementFacts): void {
    this.count += 1;
    this.totalMinor += totalMinor;
    for (const { kind, amountMinor } of payments) {
      // Whatever is neither cash nor card stands together, as on the register's own report.
      this.#paid[kind === 'cash' || kind === 'card' ? kind : 'other'] += amountMinor;
    }
    this.#paid.cash -= changeMinor;
    for (const share of vat) {
      const sum = this.#vat.get(share.vat) ?? { totalMinor: 0, vatMinor: 0 };
      sum.totalMinor += share.totalMinor;
      sum.vatMinor += share.vatMinor;
      this.#vat.set(share.vat, sum);
    }
  }

  get totals(): SettlementTotals {
    return {
      count: this.count,
      totalMinor: this.totalMinor,
      cashMinor: this.#paid.cash,
      cardMinor: this.#paid.card,
      otherMinor: this.#paid.other,
      vat: [...this.#vat].sort().map(([vat, sums]) => ({ vat, ...sums })),
    };
  }
}

/** A running sum of one till, or of all. */
class Sums {
  readonly #sales = new Settlements();
  readonly #refunds = new Settlements();
  #inMinor = 0;
  #outMinor = 0;

  settle(facts: SettlementFacts): void {
    (facts.kind === 'sale' ? this.#sales : this.#refunds).add(facts);
  }

  move({ direction, amountMinor }: CashFacts): void {
    if (direction === 'in') {
      this.#inMinor += amountMinor;
    } else {
      this.#outMinor += amountMinor;
    }
  }

  get totals(): ShiftTotals {
    return {
      sales: this.#sales.totals,
      refunds: this.#refunds.totals,
      cashInMinor: this.#inMinor,
      cashOutMinor: this.#outMinor,
      drawerChangeMinor: this.#sales.cashMinor - this.#refunds.cashMinor + this.#inMinor - this.#outMinor,
    };
  }
}

export class ShiftSums {
  readonly #all = new Sums();
  readonly #tills = new Map<string, Sums>();

  settle(facts: SettlementFacts): void {
    this.#all.settle(facts);
    this.#of(facts.till).settle(facts);
  }

  move(facts: CashFacts): void {
    this.#all.move(facts);
    this.#of(facts.till).move(facts);
  }

  get totals(): ShiftTotals {
    return this.#all.totals;
  }

  get tills(): { till: string; totals: ShiftTotals }[] {
    return [...this.#tills]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([till, sums]) => ({ till, totals: sums.totals }));
  }

  #of(till: string): Sums {
    const known = this.#tills.get(till);
    const sums = known ?? new Sums();
    if (known === undefined) {
      this.#tills.set(till, sums);
    }
    return sums;
  }
}

/** Taxes of lines that came without their split. */
export function vatOf(lines: readonly { readonly vat: VatKind; readonly totalMinor: number }[]): VatShare[] {
  return vatSplit(lines);
}
