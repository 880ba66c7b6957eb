/** Whether everybody has the same: feeds with hashes, heads of documents, totals of the business. Differences are named. */
import { BenchError } from '../errors.ts';
import type { NodeState } from './words.ts';

export interface Disagreement {
  readonly node: string;
  readonly what: string;
}

/** Named at most; the rest is counted by its length. */
const NAMED_MAX = 20;

export interface States {
  readonly states: readonly (NodeState & { readonly region?: string })[];
  /** Head office, asked about each region. */
  readonly office: readonly { readonly region: string; readonly state: NodeState }[];
  /** Feed → seq:hash at the relay. */
  readonly relay: Readonly<Record<string, string>>;
}

export function agreementOf({ states, office, relay }: States): Disagreement[] {
  const found: Disagreement[] = [];
  const differ = (node: string, what: string): void => {
    if (found.length < NAMED_MAX) found.push({ node, what });
  };
  const byRegion = new Map(office.map(({ region, state }) => [region, state]));
  for (const state of [...states, ...office.slice(0, 1).map((each) => each.state)]) {
    for (const [feed, head] of Object.entries(state.feeds)) {
      if (relay[feed] !== head) differ(state.code, `feed ${feed} is ${head}, at the relay ${relay[feed]}`);
    }
  }
  const all = office[0]?.state;
  for (const feed of Object.keys(relay)) {
    if (all !== undefined && all.feeds[feed] === undefined) differ(all.code, `feed ${feed} is missing`);
  }
  // Head office shows points of its own region only: branches are compared with the first of their region.
  const points = new Map<string, string>();
  for (const { region = '', customers } of states) if (!points.has(region)) points.set(region, customers);
  for (const state of states) {
    const hq = byRegion.get(state.region ?? '');
    if (hq === undefined) continue;
    for (const [document, heads] of Object.entries(state.heads)) {
      if (hq.heads[document] !== heads)
        differ(state.code, `document ${document} has other heads than at head office`);
    }
    if (state.products !== hq.products) differ(state.code, 'prices differ from head office');
    if (state.customers !== points.get(state.region ?? '')) differ(state.code, 'points differ in its region');
    for (const [branch, own] of Object.entries(state.orders)) {
      const there = hq.orders[branch];
      if (there?.count !== own.count || there.totalMinor !== own.totalMinor) {
        differ(state.code, `${own.count} orders of ${branch}, ${there?.count ?? 0} at head office`);
      }
    }
  }
  return found;
}

export function expectAgreement(disagreements: readonly Disagreement[]): void {
  if (disagreements.length === 0) return;
  const words = disagreements.slice(0, 3).map(({ node, what }) => `${node}: ${what}`);
  throw new BenchError('BENCH_DISAGREEMENT', `not everybody agrees: ${words.join('; ')}`, {
    hint: 'This is a fault of the program, not of the machine: keep the prepared fleet and look for it.',
  });
}
