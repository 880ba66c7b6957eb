/** What the relay tells of the fleet, as far as the page reads it. */
export interface Listed<Item> {
  readonly total: number;
  readonly items: readonly Item[];
}
export interface TransferItem {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly lines: number;
  readonly sentAt?: string;
}
export interface ConflictItem {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly field: string;
}
export interface QuarantineEntry {
  readonly id: string;
  readonly kind: string;
  readonly what: string;
  readonly code: string;
  readonly words: string;
  readonly todo: string;
}
export interface DeviceDetail {
  readonly url?: string;
  readonly ready?: boolean;
  readonly reasons?: readonly string[];
  readonly unsent?: { readonly entries: number; readonly oldestAgeMs?: number };
  readonly fiscal?: {
    readonly words: string;
    readonly trouble?: string;
    readonly storage?: string;
    readonly receiptsWaiting: number;
    readonly receiptsUndecided?: number;
    readonly documentsWaiting?: number;
    readonly oldestDocumentAgeMs?: number;
    readonly stopsInMs?: number;
  };
  readonly transfers?: Listed<TransferItem>;
  readonly conflicts?: Listed<ConflictItem>;
  readonly quarantine?: Listed<QuarantineEntry>;
}
export interface Alarm {
  readonly code: string;
  readonly detail: string;
  readonly at: string;
}
export type DeviceState = 'invited' | 'enrolled' | 'online' | 'offline' | 'succeeded' | 'revoked';
export interface DeviceRow {
  readonly branch: string;
  readonly role: 'branch' | 'hq' | 'carrier' | 'relay';
  readonly writer: string | null;
  readonly nodeLetter: string;
  readonly incarnation: number;
  readonly state: DeviceState;
  readonly online: boolean;
  readonly lastContact: string | null;
  readonly version: string | null;
  readonly remote: string | null;
  readonly roundTripMs: number | null;
  readonly lag: {
    readonly entriesThere: number;
    readonly entriesHere: number;
    readonly seconds: number;
    readonly feeds: readonly {
      readonly feed: string;
      readonly missingThere: number;
      readonly missingHere: number;
      readonly seconds: number;
    }[];
  };
  readonly clockOffsetMs: number | null;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null;
  readonly oldestUndeliveredFiscalSeconds: number | null;
  readonly fnDaysLeft: number | null;
  readonly alarms: readonly Alarm[];
  readonly reportedAt: string | null;
  readonly inviteExpiresAt: string | null;
  readonly lastEntryAt: string | null;
  readonly detail: DeviceDetail | null;
}
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
