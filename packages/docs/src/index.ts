export { ACTOR_BYTES, type ActorId, actorOf } from './actor.ts';
export type { ApplyResult, ChangeOutcome, Quarantined } from './apply-run.ts';
export {
  availableAt,
  cellsBySku,
  editProduct,
  type FieldConflict,
  foldProduct,
  overrideProduct,
  type ProductEdit,
  type ProductOverride,
  type ProductRow,
  priceAt,
  productConflicts,
  resolveProduct,
} from './catalog.ts';
export { type Cell, type CellValue, type CellWriter, cellKey, keySegments, type Mutator } from './cell.ts';
export { type QuarantineCode, readChange } from './change-check.ts';
export { buildCheckpoint, type CheckpointDoc, type OpenedSnapshot, openSnapshot } from './checkpoint.ts';
export { CHANGE_LIMITS, guardChange, guardSnapshot, SNAPSHOT_LIMITS } from './chunk-guard.ts';
export { CustomerIndex } from './customer-index.ts';
export {
  catalogDoc,
  type DocKind,
  type DocName,
  docCollection,
  docKind,
  docPeriod,
  loyaltyDoc,
  type Period,
  parseDocName,
  parsePeriod,
  shardDocs,
  stockDoc,
  stockPeriod,
  type WriterId,
} from './doc-name.ts';
export {
  type ConflictingValue,
  type DocumentChange,
  type DocumentCounters,
  type DocumentSource,
  Documents,
  LEVEL_SLICE,
  type StoredDocument,
} from './documents.ts';
export { DocError, type DocErrorCode } from './errors.ts';
export type { OfferedChange } from './intake.ts';
export {
  type CustomerEdit,
  type CustomerRow,
  editCustomer,
  foldCustomer,
  movePoints,
} from './loyalty.ts';
export { ProductIndex } from './product-index.ts';
export { programmeDoc, programmesIn, setProgramme } from './programmes.ts';
export {
  type Answered,
  type Ask,
  balanceOf,
  debtOf,
  isAnswered,
  lastSeenDay,
  type Moved,
  mergeRights,
  move,
  NO_RIGHTS,
  type Rights,
  type RightsCount,
  type RightsMove,
  type RightsRow,
  rightsCounts,
  rightsOf,
  spendableOf,
  valueLeft,
} from './rights.ts';
export {
  ANSWERS_MAX,
  ASK_STALE_MS,
  ASK_TIMEOUT_MS,
  GRANT_GRACE_MS,
  nextLookMs,
  planRights,
  type RecentUse,
  type RightsSituation,
  reserveOf,
  SETTLE_IDLE_MS,
  USE_HALF_LIFE_MS,
  usedAgain,
} from './rights-policy.ts';
export { foldRights, moveRights } from './rights-rows.ts';
export { countStock, foldStock, type Movement, movements, moveStock, type StockRow } from './stock.ts';
export { StockPeriods } from './stock-periods.ts';
export { type CellEffect, doAgain } from './succession.ts';
export {
  foldVoucher,
  issueVoucher,
  type VoucherKind,
  type VoucherRow,
  voucherAccount,
  voucherKind,
} from './vouchers.ts';
