/** Numbers of the fiscal data format with their words: settlements, tax systems, agents, units, and what they allow. */
import type { Unit } from '@branchline/model';

/** Tag 1054. */
export const settlementKinds = { sale: 1, 'sale-return': 2, purchase: 3, 'purchase-return': 4 } as const;
export type SettlementKind = keyof typeof settlementKinds;

/** Tags 1055 and 1062: bits. */
export const taxSystems = {
  general: 1,
  'simplified-income': 2,
  'simplified-profit': 4,
  agricultural: 16,
  patent: 32,
} as const;
export type TaxSystem = keyof typeof taxSystems;

/** Tag 1214. */
export const settlementMethods = {
  'full-prepayment': 1,
  prepayment: 2,
  advance: 3,
  full: 4,
  'partial-credit': 5,
  credit: 6,
  'credit-payment': 7,
} as const;
export type SettlementMethod = keyof typeof settlementMethods;

/** Tag 1212: those with a word of their own here; any other number of the law may be given as a number. */
export const settlementSubjects = {
  goods: 1,
  excise: 2,
  work: 3,
  service: 4,
  payment: 10,
  'agent-fee': 11,
  other: 13,
  deposit: 19,
  'excise-unmarked': 30,
  'excise-marked': 31,
  'goods-unmarked': 32,
  'goods-marked': 33,
} as const;
export type SettlementSubject = keyof typeof settlementSubjects;

/** 1 to 27 in every version, 30 to 33 from 1.2. */
export function isSubject(code: number, isMarkingKnown: boolean): boolean {
  return (code >= 1 && code <= 27) || (isMarkingKnown && code >= 30 && code <= 33);
}

/** Tags 1057 and 1222: bits. */
export const agentKinds = {
  'bank-agent': 1,
  'bank-subagent': 2,
  'payment-agent': 4,
  'payment-subagent': 8,
  attorney: 16,
  commissioner: 32,
  agent: 64,
} as const;
export type AgentKind = keyof typeof agentKinds;

/** Tag 2108 and, up to format 1.1, the word of tag 1197. */
export const unitMeasures: Readonly<Record<Unit, { readonly code: number; readonly word: string }>> = {
  piece: { code: 0, word: 'шт' },
  g: { code: 10, word: 'г' },
  kg: { code: 11, word: 'кг' },
  m: { code: 22, word: 'м' },
  m2: { code: 32, word: 'м2' },
  ml: { code: 40, word: 'мл' },
  l: { code: 41, word: 'л' },
  m3: { code: 42, word: 'м3' },
  hour: { code: 71, word: 'ч' },
  other: { code: 255, word: 'ед' },
};
