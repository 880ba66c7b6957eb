/**
 * What the report on closing a shift says of it: how many receipts, and from format 1.1 on the storage's own sums of the shift
 * (tag 1194). Up to 1.05 only the count is there; then the sums are not known, which is not zero.
 */
import { decodeTagList, findTag } from './document.ts';
import { type SettlementKind, settlementKinds } from './enumerations.ts';
import type { TagNode } from './tag.ts';

export interface SettlementCounters {
  readonly count: number;
  readonly cashMinor: number;
  readonly electronicMinor: number;
  readonly otherMinor: number;
  readonly totalMinor: number;
}

export interface ShiftCounters {
  /** Receipts and corrections of the shift (tag 1118). */
  readonly receipts: number | undefined;
  /** Receipts by settlement; corrections are counted elsewhere. Absent where the storage does not tell. */
  readonly settlements: Readonly<Partial<Record<SettlementKind, SettlementCounters>>> | undefined;
}

const CLOSE_SHIFT = 5;
/** Tag 1129 holds the counters of settlement 1, and so on. */
export const SETTLEMENT_COUNTERS_BASE = 1128;

/** From the tags of a report of form 5, without the outer one. */
export function shiftCounters(tags: Uint8Array): ShiftCounters {
  const nodes = decodeTagList(tags, '1.2', CLOSE_SHIFT);
  const sums = findTag(nodes, 1194)?.value;
  return {
    receipts: numberIn(nodes, 1118),
    settlements: Array.isArray(sums) ? settlementsIn(sums as readonly TagNode[]) : undefined,
  };
}

function settlementsIn(nodes: readonly TagNode[]): ShiftCounters['settlements'] {
  const found: Partial<Record<SettlementKind, SettlementCounters>> = {};
  for (const [kind, code] of Object.entries(settlementKinds) as [SettlementKind, number][]) {
    const inside = findTag(nodes, SETTLEMENT_COUNTERS_BASE + code)?.value;
    if (Array.isArray(inside)) {
      found[kind] = countersIn(inside as readonly TagNode[]);
    }
  }
  return found;
}

function countersIn(nodes: readonly TagNode[]): SettlementCounters {
  const sum = (...tags: number[]): number =>
    tags.reduce((minor, tag) => minor + (numberIn(nodes, tag) ?? 0), 0);
  return {
    count: sum(1135),
    cashMinor: sum(1136),
    electronicMinor: sum(1138),
    otherMinor: sum(1218, 1219, 1220),
    totalMinor: sum(1201),
  };
}

function numberIn(nodes: readonly TagNode[], tag: number): number | undefined {
  const value = findTag(nodes, tag)?.value;
  return typeof value === 'number' ? value : undefined;
}
