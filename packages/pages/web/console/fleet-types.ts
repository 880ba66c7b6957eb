/** What the relay tells of itself, as far as the page reads it; of its devices `src/fleet-row.ts`. */
export type { DeviceDetail, DeviceRow, QuarantineEntry } from '../../src/fleet-row.ts';

export interface RelaySummary {
  readonly tenant: string;
  readonly version: string;
  readonly url: string;
  readonly startedAt: string;
  readonly connections: number;
  readonly feeds: number;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number };
  readonly refusals: Readonly<Record<string, number>>;
}
export interface Happening {
  readonly at: string;
  readonly type: string;
  readonly branch?: string;
  readonly code?: string;
  readonly detail?: string;
  readonly who?: string;
  readonly what?: string;
  readonly subject?: string;
  readonly outcome?: string;
  readonly reason?: string;
}
export interface Token {
  readonly code: string;
  readonly role: string;
  readonly token: string;
  readonly expiresAt: string;
}
export interface Act {
  readonly n: number;
  readonly at: string;
  readonly who: string;
  readonly what: string;
  readonly subject: string;
  readonly outcome: string;
}
