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
export type { QuarantineCode } from './change-check.ts';
export { buildCheckpoint, type CheckpointDoc, type OpenedSnapshot, openSnapshot } from './checkpoint.ts';
export { CHANGE_LIMITS, SNAPSHOT_LIMITS } from './chunk-guard.ts';
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
  type PointMovement,
} from './loyalty.ts';
export { ProductIndex } from './product-index.ts';
export { countStock, foldStock, type Movement, moveStock, type StockRow } from './stock.ts';
export { StockPeriods } from './stock-periods.ts';
export { type CellEffect, doAgain } from './succession.ts';
