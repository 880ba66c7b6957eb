/** What the replaced adapter answers, field by field; see `kkt-answers.ts` for where each comes from. */
import { z } from 'zod';

const count = z.int().min(0);
const breakerState = z.enum(['CLOSED', 'OPEN', 'HALF_OPEN']);

/** A registered document. `fn`, `fd`, `fp` say the same once more, shorter. */
export const fiscalDoc = z.object({
  fiscal_doc_number: z.int(),
  fiscal_sign: z.string(),
  /** Wall time of the device, without a zone: it knows none. */
  fiscal_datetime: z.string().nullable(),
  fn_number: z.string(),
  kkt_number: z.string().nullable(),
  qr_code_data: z.string().nullable(),
  shift_number: z.int().nullable(),
  /** In its shift. */
  receipt_number: z.int().nullable(),
  ofd_name: z.string().nullable(),
  inn: z.string().nullable(),
  rn_kkt: z.string().nullable(),
  total: z.number(),
  fn: z.string(),
  fd: z.int(),
  fp: z.string(),
});
export type FiscalDoc = z.infer<typeof fiscalDoc>;

export const createdReceipt = z.object({
  status: z.enum(['printed', 'buffered']),
  receipt_id: z.string(),
  fiscal_doc: fiscalDoc.nullable(),
  message: z.string(),
});

export const receiptStatus = z.object({
  id: z.string(),
  status: z.enum(['pending', 'syncing', 'synced', 'failed']),
  created_at: z.string(),
  synced_at: z.string().nullable(),
  fiscal_doc: fiscalDoc.nullable(),
  retry_count: count,
  last_error: z.string().nullable(),
});

export const bufferStatus = z.object({
  total_capacity: count,
  current_queued: count,
  percent_full: z.number(),
  network_status: z.enum(['online', 'offline', 'degraded']),
  total_receipts: count,
  pending: count,
  synced: count,
  failed: count,
  dlq_size: count,
  oldest_receipt: z.object({ id: z.string(), created_at: z.string(), age_hours: z.number() }).nullable(),
  last_sync: z.object({ timestamp: z.string() }).nullable(),
  alerts: z.array(z.object({ level: z.enum(['warning', 'critical']), message: z.string() })),
});

export const syncResult = z.object({
  status: z.literal('completed'),
  synced: count,
  failed: count,
  skipped: count,
  duration_seconds: z.number(),
  message: z.string(),
});

const healthState = z.enum(['healthy', 'degraded', 'unhealthy']);
export const kktHealth = z.object({
  status: healthState,
  components: z.object({
    buffer: z.object({ status: healthState, percent_full: z.number(), dlq_size: count, pending: count }),
    circuit_breaker: z.object({
      state: breakerState,
      failure_count: count,
      success_count: count,
      last_failure: z.string().nullable(),
    }),
    database: z.object({ status: healthState, type: z.string(), mode: z.string() }),
  }),
  version: z.string(),
});

export const workerStatus = z.object({
  running: z.boolean(),
  task_status: z.enum(['running', 'stopped', 'completed', 'cancelled']),
});

export const heartbeatStatus = z.object({
  running: z.boolean(),
  state: z.enum(['unknown', 'online', 'offline']),
  consecutive_successes: count,
  consecutive_failures: count,
});

/** Amounts in whole units; `cashTotal + cardTotal = totalSales - totalRefunds`, whatever was not cash is in the second. */
export const shiftReport = z.object({
  /** 1 X, 2 Z. */
  reportType: z.union([z.literal(1), z.literal(2)]),
  fiscalDocumentNumber: z.int().nullable(),
  fiscalSign: z.string().nullable(),
  dateTime: z.string(),
  shiftNumber: z.int().nullable(),
  cashTotal: z.number(),
  cardTotal: z.number(),
  totalSales: z.number(),
  totalRefunds: z.number(),
  operatorName: z.string().nullable(),
  kktRegNumber: z.string().nullable(),
  /** The register has not closed its shift, or could not be reached. */
  offline: z.boolean(),
});

export const refundCheck = z.object({
  original_fiscal_doc_id: z.union([z.int().min(1), z.string().min(1).max(64)]),
});
export const refundAllowed = z.object({ allowed: z.literal(true), sync_status: z.literal('synced') });
export const refundHeld = z.object({
  allowed: z.literal(false),
  reason: z.string(),
  sync_status: z.enum(['pending', 'failed', 'unknown']),
  buffer_count: count,
});

export const breakerReset = z.object({ status: z.literal('reset'), state: breakerState });

export const maintenanceBody = z.object({
  reason: z.string().min(1).max(256),
  estimated_duration_minutes: z
    .int()
    .min(1)
    .max(24 * 60),
});
export const maintenanceState = z.object({
  status: z.enum(['maintenance', 'operational']),
  reason: z.string().nullable(),
  until: z.string().nullable(),
  message: z.string(),
});
