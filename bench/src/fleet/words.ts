/** What the programs of the fleet are asked and answer, over the channel between processes. */
import type { Usage } from '../system/process-usage.ts';
import type { FleetBranch, FleetPlan } from './plan.ts';

/** Feeds by name, and how many entries of each. */
export type Vector = Readonly<Record<string, number>>;

export interface OpenNode {
  readonly code: string;
  readonly data: string;
  readonly relay: string;
  readonly token?: string;
  readonly mode?: 'hybrid' | 'offline' | 'sync_on_demand';
  /** Where its wall clock begins; the real one when left out. */
  readonly nowMs?: number;
  /** With an emulated register beside it, so that sales get receipts. */
  readonly register?: boolean;
}

export interface BranchDay {
  readonly plan: FleetPlan;
  /** Undefined: head office. */
  readonly branch: FleetBranch | undefined;
  readonly fromMs: number;
}

export interface Reach {
  readonly code: string;
  readonly target: Vector;
}

export interface Reached {
  readonly code: string;
  /** Wall clock of this machine, with a fraction. */
  readonly atMs: number;
}

/** What a node says of itself once everything is materialised. */
export interface NodeState {
  readonly code: string;
  /** Feed → seq:hash, without what is local. */
  readonly feeds: Readonly<Record<string, string>>;
  /** Document → its heads. */
  readonly heads: Readonly<Record<string, string>>;
  readonly products: string;
  readonly customers: string;
  /** Orders by branch: how many, and their sum. */
  readonly orders: Readonly<Record<string, { readonly count: number; readonly totalMinor: number }>>;
  readonly stock: string;
}

export interface AskState {
  readonly code: string;
  readonly plan: FleetPlan;
  readonly documents: readonly string[];
  readonly customers: readonly string[];
}

export interface Settled {
  readonly cpuMs: number;
  readonly wallMs: number;
}

export interface RelayOpened {
  readonly url: string;
}

export type { Usage };
