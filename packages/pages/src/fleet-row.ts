/**
 * What a relay tells the console of one device: the shape both are made for, declared where it is read.
 *
 * Times are ISO texts; null is "not known". What a device says of itself (`detail`) may lack anything.
 */

/** What a device lacks of one feed. */
export interface FeedLag {
  readonly feed: string;
  /** Entries held at the relay that the device has not acknowledged. */
  readonly missingThere: number;
  /** Entries the device reported that the relay does not have yet. */
  readonly missingHere: number;
  /** How long the oldest entry missing there has been durable at the relay. */
  readonly seconds: number;
}

/** `succeeded`: away, and the device goes on under another key, which has a row of its own. */
export type DeviceState = 'invited' | 'enrolled' | 'online' | 'offline' | 'succeeded' | 'revoked';

export interface DeviceAlarm {
  readonly code: string;
  readonly detail: string;
  readonly at: string;
}

/** The first few of what there is. */
export interface Listed<Item> {
  readonly total: number;
  readonly items: readonly Item[];
}

export interface TransferItem {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly lines: number;
  readonly sentAt?: string | undefined;
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

/** What waits there for somebody, as the device said itself. */
export interface DeviceDetail {
  readonly url?: string | undefined;
  readonly ready?: boolean | undefined;
  /** Why it cannot sell, in its own words. */
  readonly reasons?: readonly string[] | undefined;
  /** Codes of what works there and what does not. */
  readonly situation?: readonly string[] | undefined;
  readonly unsent?: { readonly entries: number; readonly oldestAgeMs?: number | undefined } | undefined;
  readonly fiscal?:
    | {
        readonly words: string;
        /** Code of the driver. */
        readonly trouble?: string | undefined;
        readonly storage?: string | undefined;
        readonly receiptsWaiting: number;
        readonly receiptsUndecided?: number | undefined;
        readonly documentsWaiting?: number | undefined;
        readonly oldestDocumentAgeMs?: number | undefined;
        readonly stopsInMs?: number | undefined;
      }
    | undefined;
  readonly transfers?: Listed<TransferItem> | undefined;
  readonly conflicts?: Listed<ConflictItem> | undefined;
  readonly quarantine?: Listed<QuarantineEntry> | undefined;
}

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
    readonly feeds: readonly FeedLag[];
  };
  readonly clockOffsetMs: number | null;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null;
  readonly oldestUndeliveredFiscalSeconds: number | null;
  readonly fnDaysLeft: number | null;
  /** What the device says is wrong with it, and forks of its feeds found at the relay. */
  readonly alarms: readonly DeviceAlarm[];
  /** When the device last reported about itself. */
  readonly reportedAt: string | null;
  readonly inviteExpiresAt: string | null;
  /** When the last entry this device wrote became durable at the relay, since that started. */
  readonly lastEntryAt: string | null;
  readonly detail: DeviceDetail | null;
}
