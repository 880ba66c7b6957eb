/**
 * What this node knows, in the words of the replaced adapter. Pure.
 *
 * `printed` is said of a receipt that is registered and on paper, `synced` of a document whose acknowledgement is in the feeds, and of
 * nothing else.
 */
import { type FiscalReceipt, uuidTimeMs, type XReport } from '@branchline/model';
import { isoTime } from 'hlc-ts';
import type { z } from 'zod';
import type { BufferFacts, DeliveryHistory, DocumentFacts } from '../../fiscal/register-service.ts';
import { breakerName, type HeartbeatView, percentOf } from '../../heartbeat/heartbeat.ts';
import type {
  bufferStatus,
  createdReceipt,
  FiscalDoc,
  heartbeatStatus,
  kktHealth,
  receiptStatus,
  shiftReport,
} from './kkt-schemas.ts';

const WARNING_PERCENT = 80;
const DEGRADED_PERCENT = 90;
const DEGRADED_LETTERS = 50;
const UNHEALTHY_LETTERS = 100;

export function createdAnswer(
  receipt: FiscalReceipt,
  document: DocumentFacts | undefined,
): z.infer<typeof createdReceipt> {
  return {
    status: receipt.state === 'printed' ? 'printed' : 'buffered',
    receipt_id: receipt.id,
    fiscal_doc: fiscalDocOf(receipt, document),
    message: receipt.state === 'printed' ? 'Receipt printed successfully' : receipt.words,
  };
}

export function fiscalDocOf(receipt: FiscalReceipt, document: DocumentFacts | undefined): FiscalDoc | null {
  const { fn, fd, fp } = receipt;
  if (fn === undefined || fd === undefined || fp === undefined) {
    return null;
  }
  const identity = document?.identity;
  return {
    fiscal_doc_number: fd,
    fiscal_sign: fp,
    fiscal_datetime: receipt.at ?? null,
    fn_number: fn,
    kkt_number: identity?.serial ?? null,
    qr_code_data: receipt.qr ?? null,
    shift_number: document?.shift ?? null,
    receipt_number: document?.receiptNumber ?? null,
    ofd_name: null,
    inn: identity?.inn ?? null,
    rn_kkt: document?.registrationNumber ?? identity?.registrationNumber ?? null,
    total: unitsOf(receipt.totalMinor),
    fn,
    fd,
    fp,
  };
}

export function statusAnswer(
  receipt: FiscalReceipt,
  document: DocumentFacts | undefined,
  history: DeliveryHistory | undefined,
): z.infer<typeof receiptStatus> {
  const { state, ofd } = receipt;
  const isFailed = state === 'failed' || state === 'review' || history?.isRefused === true;
  const isSynced = ofd === 'delivered';
  const held = isSynced || state === 'printed' || receipt.reason === undefined ? null : receipt.words;
  return {
    id: receipt.id,
    status: isSynced ? 'synced' : isFailed ? 'failed' : 'pending',
    created_at: isoTime(uuidTimeMs(receipt.id)),
    synced_at: isSynced && history?.deliveredMs !== undefined ? isoTime(history.deliveredMs) : null,
    fiscal_doc: fiscalDocOf(receipt, document),
    retry_count: Math.max(0, (history?.attempts ?? 0) - (isSynced ? 1 : 0)),
    last_error: isSynced ? null : (history?.lastError ?? held),
  };
}

export function bufferAnswer(
  facts: BufferFacts,
  nowMs: number,
  trouble: string | undefined,
): z.infer<typeof bufferStatus> {
  const { capacity, pending, delivered, undecided, oldest, lastDeliveryMs } = facts;
  const percent = percentOf(pending, capacity);
  return {
    total_capacity: capacity,
    current_queued: pending,
    percent_full: percent,
    network_status: networkOf(facts),
    total_receipts: pending + delivered + undecided,
    pending,
    synced: delivered,
    failed: undecided,
    dlq_size: undecided,
    oldest_receipt:
      oldest === undefined
        ? null
        : {
            id: oldest.id,
            created_at: isoTime(oldest.addedMs),
            age_hours: Math.round((Math.max(0, nowMs - oldest.addedMs) / 3_600_000) * 100) / 100,
          },
    last_sync: lastDeliveryMs === undefined ? null : { timestamp: isoTime(lastDeliveryMs) },
    alerts: alertsOf(facts, percent, trouble),
  };
}

/** Offline: the operator does not answer, or half of the mark waits. Degraded: something waits. */
function networkOf({ pending, capacity, breaker }: BufferFacts): 'online' | 'offline' | 'degraded' {
  if (breaker === 'open' || pending * 2 >= capacity) {
    return 'offline';
  }
  return pending === 0 && breaker === 'closed' ? 'online' : 'degraded';
}

function alertsOf(
  { undecided, breaker }: BufferFacts,
  percent: number,
  trouble: string | undefined,
): z.infer<typeof bufferStatus>['alerts'] {
  const alerts: z.infer<typeof bufferStatus>['alerts'] = [];
  if (percent >= WARNING_PERCENT) {
    const level = percent >= 100 ? 'critical' : 'warning';
    alerts.push({ level, message: `Buffer ${percent} % full; sales go on.` });
  }
  if (breaker !== 'closed') {
    alerts.push({ level: 'warning', message: 'The operator of fiscal data does not answer.' });
  }
  if (undecided > 0) {
    alerts.push({ level: 'warning', message: `${undecided} receipts or documents wait for a person.` });
  }
  if (trouble !== undefined) {
    alerts.push({ level: 'critical', message: trouble });
  }
  return alerts;
}

export function healthAnswer(
  facts: BufferFacts,
  isReady: boolean,
  version: string,
): z.infer<typeof kktHealth> {
  const { pending, capacity, undecided, breaker, failures, successes, lastFailureMs } = facts;
  const percent = percentOf(pending, capacity);
  const buffer =
    undecided > UNHEALTHY_LETTERS || percent >= 100
      ? 'unhealthy'
      : undecided > DEGRADED_LETTERS || percent > DEGRADED_PERCENT
        ? 'degraded'
        : 'healthy';
  const database = isReady ? 'healthy' : 'unhealthy';
  const isUnhealthy = buffer === 'unhealthy' || !isReady;
  const isDegraded = buffer === 'degraded' || breaker === 'open';
  return {
    status: isUnhealthy ? 'unhealthy' : isDegraded ? 'degraded' : 'healthy',
    components: {
      buffer: { status: buffer, percent_full: percent, dlq_size: undecided, pending },
      circuit_breaker: {
        state: breakerName(breaker),
        failure_count: failures,
        success_count: successes,
        last_failure: lastFailureMs === undefined ? null : isoTime(lastFailureMs),
      },
      database: { status: database, type: 'journal', mode: 'fdatasync' },
    },
    version,
  };
}

export function heartbeatAnswer(view: HeartbeatView): z.infer<typeof heartbeatStatus> {
  return {
    running: view.isRunning,
    state: view.phase,
    consecutive_successes: view.heard,
    consecutive_failures: view.unheard,
  };
}

/** `document`: the report of the register, of a Z. */
export function shiftReportOf(
  shift: XReport['shift'],
  at: string,
  more: {
    readonly reportType: 1 | 2;
    readonly isOffline: boolean;
    readonly registrationNumber: string | undefined;
    readonly sign: string | undefined;
  },
): z.infer<typeof shiftReport> {
  const { sales, refunds } = shift.totals;
  const cashMinor = sales.cashMinor - refunds.cashMinor;
  return {
    reportType: more.reportType,
    fiscalDocumentNumber: more.reportType === 2 ? (shift.register.fd ?? null) : null,
    fiscalSign: more.sign ?? null,
    dateTime: at,
    shiftNumber: shift.register.number ?? null,
    cashTotal: unitsOf(cashMinor),
    cardTotal: unitsOf(sales.totalMinor - refunds.totalMinor - cashMinor),
    totalSales: unitsOf(sales.totalMinor),
    totalRefunds: unitsOf(refunds.totalMinor),
    operatorName: shift.cashier ?? null,
    kktRegNumber: more.registrationNumber ?? null,
    offline: more.isOffline,
  };
}

/** Whole units as the adapter wrote them; the nearest number to the decimal. */
export function unitsOf(minor: number): number {
  return minor / 100;
}
