export {
  BREAKER_DEFAULT,
  type BreakerOptions,
  type BreakerState,
  mayStart,
  restoreBreaker,
  type SavedBreaker,
  saveBreaker,
  stepBreaker,
} from './breaker.ts';
export { DELIVERY_CODES, OutboxError, type OutboxErrorCode } from './errors.ts';
export {
  type Attempted,
  assertJob,
  type Delivered,
  type JobAdded,
  type OutboxFact,
  type OutboxRecord,
  type Quarantined,
  type Resolved,
  type Retried,
} from './facts.ts';
export type { JobRow, Remark } from './job-history.ts';
export { Outbox, type OutboxEvent, type OutboxOptions } from './outbox.ts';
export type { KeyReport, OldestJob, OutboxReport } from './outbox-report.ts';
export type { Deliver, DeliverAnswer, DeliverableJob, OutboxJournal } from './ports.ts';
