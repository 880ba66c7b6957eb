/**
 * A closed shift by the register: what its storage counted, beside what this node knows to have registered between the shift's two
 * reports. Every figure that differs is named; what cannot be compared is said.
 */
import { type SettlementCounters, shiftCounters } from '@branchline/fiscal';
import type { Order, ShiftDifference, ShiftRegister } from '@branchline/model';
import { isSettlement, settlementOf } from './receipt-of-order.ts';
import type { Receipts } from './receipts.ts';

/** Documents of one shift that are looked at. */
export const SHIFT_DOCUMENTS_MAX = 20_000;

export interface ClosedAtRegister {
  readonly register: ShiftRegister;
  readonly differences: readonly ShiftDifference[];
}

interface Known {
  readonly receipts: number;
  /** Documents of the shift nobody here knows. */
  readonly foreign: number;
  readonly isWhole: boolean;
  readonly sums: { readonly sale: Sums; readonly 'sale-return': Sums };
}

interface Sums {
  count: number;
  cashMinor: number;
  electronicMinor: number;
  otherMinor: number;
  totalMinor: number;
}

const noSums = (): Sums => ({ count: 0, cashMinor: 0, electronicMinor: 0, otherMinor: 0, totalMinor: 0 });

export async function closedAtRegister(
  report: { readonly fn: string; readonly fd: number; readonly number: number | undefined },
  receipts: Receipts,
  order: (id: string) => Promise<Order | undefined>,
): Promise<ClosedAtRegister> {
  const { fn, fd, number } = report;
  const place = { fn, fd, ...(number === undefined ? {} : { number }) };
  const tags = await receipts.tagsOf(fn, fd);
  if (tags === undefined) {
    const words = 'The shift is closed. The storage does not show its report: nothing to compare with.';
    return { register: { state: 'closed', words, ...place }, differences: [] };
  }
  const counted = shiftCounters(tags);
  const known = await registeredIn(fn, fd, receipts, order);
  const differences = known.isWhole ? differencesOf(known, counted) : [];
  const words = known.isWhole
    ? differences.length === 0
      ? 'The shift is closed; the register counted what the log says.'
      : 'The shift is closed; the register counted something else than the log.'
    : 'The shift is closed. It was opened by another program: nothing to compare with.';
  const receiptsCounted = counted.receipts === undefined ? {} : { receipts: counted.receipts };
  return { register: { state: 'closed', words, ...place, ...receiptsCounted }, differences };
}

/** Back from the closing report to the opening one. */
async function registeredIn(
  fn: string,
  closeFd: number,
  receipts: Receipts,
  order: (id: string) => Promise<Order | undefined>,
): Promise<Known> {
  const sums = { sale: noSums(), 'sale-return': noSums() };
  let count = 0;
  let foreign = 0;
  let expected = closeFd - 1;
  for await (const { fd, id } of receipts.jobsBelow(fn, closeFd, SHIFT_DOCUMENTS_MAX)) {
    foreign += expected - fd;
    expected = fd - 1;
    const what = (await receipts.get(id))?.what;
    if (what === undefined) {
      foreign += 1;
    } else if (isSettlement(what)) {
      count += 1;
      const kind = settlementOf(what);
      if (what.kind !== 'correction' && (kind === 'sale' || kind === 'sale-return')) {
        const sold = what.kind === 'sale' ? await order(what.order) : undefined;
        const payments = what.kind === 'sale' ? (sold?.payments ?? []) : what.payments;
        add(sums[kind], what.totalMinor, payments, sold?.changeMinor ?? 0);
      }
    } else if (what.kind === 'shift-open') {
      return { receipts: count, foreign, isWhole: true, sums };
    } else {
      break;
    }
  }
  return { receipts: count, foreign, isWhole: false, sums };
}

function add(
  sums: Sums,
  totalMinor: number,
  payments: readonly { readonly kind: string; readonly amountMinor: number }[],
  changeMinor: number,
): void {
  sums.count += 1;
  sums.totalMinor += totalMinor;
  sums.cashMinor -= changeMinor;
  for (const { kind, amountMinor } of payments) {
    const field = kind === 'cash' ? 'cashMinor' : kind === 'card' ? 'electronicMinor' : 'otherMinor';
    sums[field] += amountMinor;
  }
}

const FIGURES = [
  ['count', 'receipts'],
  ['totalMinor', 'total'],
  ['cashMinor', 'cash'],
  ['electronicMinor', 'card'],
  ['otherMinor', 'other payments'],
] as const;

const SIDES = [
  ['sale', 'sales'],
  ['sale-return', 'refunds'],
] as const;

function differencesOf(known: Known, counted: ReturnType<typeof shiftCounters>): ShiftDifference[] {
  const found: ShiftDifference[] = [];
  const compare = (what: string, log: number, register: number): void => {
    if (log !== register) {
      const words = `${what}: ${log} by the log, ${register} by the register`;
      found.push({ what, log, register, words });
    }
  };
  compare('documents of another program', 0, known.foreign);
  if (counted.receipts !== undefined) {
    compare('receipts and corrections', known.receipts, counted.receipts);
  }
  if (counted.settlements !== undefined) {
    for (const [kind, side] of SIDES) {
      const register: SettlementCounters = counted.settlements[kind] ?? noSums();
      for (const [figure, word] of FIGURES) {
        compare(`${side}, ${word}`, known.sums[kind][figure], register[figure]);
      }
    }
  }
  return found;
}
