/**
 * S-29, S-32: what is not yet everywhere, why, and whether this node can sell.
 *
 * Written for the person at the till: `cause`, `allowedNow` and `reasons` are English sentences; `causeCode` and `situation` say the same
 * as codes, for pages that speak other languages. Durations are milliseconds,
 * moments ISO 8601; an absent field means "never" or "not known", not zero.
 */
import { z } from 'zod';
import { rightsStatus } from './loyalty.ts';
import { maintenance } from './maintenance.ts';

const count = z.int().min(0);
const moment = z.string();

export const operationMode = z.enum(['hybrid', 'offline', 'sync_on_demand']);
export type OperationMode = z.infer<typeof operationMode>;

export const feedLag = z.strictObject({
  feed: z.string(),
  /** Length of the feed here, and how much of it the peer has confirmed after its fsync. */
  here: count,
  there: count,
  missingHere: count,
  missingThere: count,
  /** How long the oldest entry the peer lacks has been on this disk. */
  behindSeconds: z.number().min(0),
});
export const peerSync = z.strictObject({
  /** URL dialled, or the short key name of a peer that dialled this node. */
  peer: z.string(),
  kind: z.enum(['relay', 'peer']),
  direction: z.enum(['dialled', 'accepted']),
  state: z.enum(['connected', 'connecting', 'waiting', 'off']),
  cause: z.string(),
  /** The same for programs; how many entries is in `missingHere` and `missingThere`. */
  causeCode: z.string(),
  writer: z.string().optional(),
  lastContactAt: moment.optional(),
  nextAttemptInMs: count.optional(),
  missingHere: count,
  missingThere: count,
  /** Of the feed that waits longest. */
  behindSeconds: z.number().min(0),
  feeds: z.array(feedLag),
});
export const alarm = z.strictObject({ code: z.string(), detail: z.string(), at: moment });

/** Something that stops by law or by itself: how near it is. `notice` and `urgent` come before `stopped`. */
export const fiscalCountdown = z.strictObject({
  what: z.enum(['operator', 'storage-term', 'storage-memory', 'shift', 'clock']),
  level: z.enum(['well', 'notice', 'urgent', 'stopped']),
  leftMs: count.optional(),
  words: z.string(),
});
export type FiscalCountdown = z.infer<typeof fiscalCountdown>;

/** The register of this node, and what its storage still has to hand to the operator of fiscal data. */
export const fiscalStatus = z.strictObject({
  /** What is the matter and what to do, or that all is well. */
  words: z.string(),
  /** The same for programs: code of the fiscal package; absent when all is well. */
  trouble: z.string().optional(),
  storage: z.string().optional(),
  shift: z.strictObject({ number: count, state: z.enum(['closed', 'open', 'expired']) }).optional(),
  receiptsWaiting: count,
  documentsWaiting: count.optional(),
  oldestDocumentAgeMs: count.optional(),
  /** Until the storage registers nothing more, by law and by itself. */
  stopsInMs: count.optional(),
  /** Everything the law or the storage will stop, and when. */
  countdowns: z.array(fiscalCountdown).optional(),
  /** Receipts that need somebody to decide. */
  receiptsUndecided: count.optional(),
});
export type FiscalStatus = z.infer<typeof fiscalStatus>;

/** Why the node cannot sell; what must be known by whoever sells; what works, and what does not reach others now. */
export const situationCode = z.enum([
  'DATA_FAILED',
  'NODE_STOPPING',
  'NOT_ENROLLED',
  'COPY_FOUND',
  'DISK_FULL',
  'MAINTENANCE',
  'DEVICE_REVOKED',
  'SELLING',
  'PRICES_FROM_OFFICE',
  'NO_PEER',
  'MODE_OFFLINE',
  'MODE_ON_DEMAND',
]);
export type SituationCode = z.infer<typeof situationCode>;

export const syncStatus = z.strictObject({
  node: z.string(),
  branch: z.string(),
  tenant: z.string(),
  role: z.string(),
  mode: operationMode,
  enrolled: z.boolean(),
  allowedNow: z.array(z.string()),
  /** The same for programs, in the same order. */
  situation: z.array(z.strictObject({ code: situationCode, waiting: count.optional() })),
  canSell: z.boolean(),
  /** Own entries that no other machine has confirmed. */
  unsentEntries: count,
  oldestUnsentAgeMs: count.optional(),
  peers: z.array(peerSync),
  alarms: z.array(alarm),
  /** Where a cash register is configured. */
  fiscal: fiscalStatus.optional(),
  /** Rights to points, gift cards and coupons: what is waited for and what was moved. */
  rights: rightsStatus.optional(),
  /** While it is on. */
  maintenance: maintenance.optional(),
  clock: z.strictObject({ driftMs: z.number() }),
  /** Of the data folder. */
  disk: z.strictObject({ freeBytes: count, totalBytes: count }).optional(),
});
export type SyncStatus = z.infer<typeof syncStatus>;

export const syncNowRequest = z.strictObject({ timeoutMs: z.int().min(1).max(60_000).optional() });
export type SyncNowRequest = z.infer<typeof syncNowRequest>;
export const syncNowAnswer = z.strictObject({
  peers: z.array(z.strictObject({ peer: z.string(), ok: z.boolean(), cause: z.string() })),
});
export type SyncNowAnswer = z.infer<typeof syncNowAnswer>;

export const readiness = z.strictObject({
  ready: z.boolean(),
  /** Why it cannot sell and what to do; empty when ready. */
  reasons: z.array(z.string()),
});
export type Readiness = z.infer<typeof readiness>;

export const health = z.strictObject({ alive: z.literal(true) });
