/** The way to the operator at a glance, for metrics: memory only, as of a moment ago. */
import { type OfdDelivery, WAITING_MARK } from '../delivery/ofd-delivery.ts';

export interface OutboxHealth {
  /** `closed` is well, as with fuses. */
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Documents that wait for a decision. */
  readonly deadLetters: number;
  /** Documents registered and not acknowledged, as the outbox knows them. */
  readonly pending: number;
  /** How long the operator took to answer last. */
  readonly lastExchangeSeconds: number | undefined;
  /** Receipts not registered and documents not acknowledged, in percent of the mark; may pass 100. */
  readonly fillPercent: number;
  /** What 100 % is; nothing is refused beyond it. */
  readonly mark: number;
}

export function healthOf(ofd: OfdDelivery | undefined, owed: number, waiting: number): OutboxHealth {
  const report = ofd?.queue.lastReport;
  const { lastExchangeMs } = ofd ?? {};
  return {
    breaker: report?.destinations[0]?.breaker ?? 'closed',
    deadLetters: report?.totals.quarantined ?? 0,
    pending: report?.totals.pending ?? 0,
    lastExchangeSeconds: lastExchangeMs === undefined ? undefined : lastExchangeMs / 1_000,
    fillPercent: ((owed + Math.max(waiting, report?.totals.pending ?? 0)) / WAITING_MARK) * 100,
    mark: WAITING_MARK,
  };
}
