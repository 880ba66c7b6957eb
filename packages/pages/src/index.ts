/** The web pages, built, the router that serves them, and what a relay tells its console. */
export type {
  ConflictItem,
  DeviceAlarm,
  DeviceDetail,
  DeviceRow,
  DeviceState,
  FeedLag,
  Listed,
  QuarantineEntry,
  TransferItem,
} from './fleet-row.ts';
export { type PageName, type PagePaths, pageRouter } from './page-router.ts';
