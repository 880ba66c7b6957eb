/**
 * Ids: branded strings that only a parser here can make.
 *
 * Every id that names something created by Branchline is a UUID version 7 (48-bit milliseconds first, so ids sort by
 * creation), made from a time and random bytes handed in. Codes chosen by people (SKU, customer id, branch code, till
 * name) are bounded and clean; they take part in collection names and storage keys.
 *
 * Order numbers: `branch + node letter + incarnation`, a hyphen, a gap-free count of at least six digits:
 * `B001-000123`, `B001b-000001` (second node), `B001.2-000124` (after a restore). To keep series of different devices
 * apart for ever, a code may not look like another code with a node letter (`B001b`), and a code that itself ends in
 * a small letter takes its node letter behind a dot (`north.b-000001`).
 */
import { z } from 'zod';
import { ModelError } from './errors.ts';
import { CODE_CHARS_MAX, IDEMPOTENCY_KEY_CHARS_MAX } from './limits.ts';
import { codeText } from './text.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const uuid = z.string().regex(UUID_V7, 'must be a UUID version 7 in small letters');
const plainCode = codeText(CODE_CHARS_MAX).regex(
  /^[^\s/]([^/]*[^\s/])?$/u,
  'must not hold "/" or outer blanks',
);

export const orderId = uuid.brand<'OrderId'>();
export type OrderId = z.infer<typeof orderId>;
/** A goods receipt, count, adjustment, reservation, transfer or task. */
export const stockDocumentId = uuid.brand<'StockDocumentId'>();
export type StockDocumentId = z.infer<typeof stockDocumentId>;
export const receiptId = uuid.brand<'ReceiptId'>();
export type ReceiptId = z.infer<typeof receiptId>;
export const shiftId = uuid.brand<'ShiftId'>();
export type ShiftId = z.infer<typeof shiftId>;

export const sku = plainCode.brand<'Sku'>();
export type Sku = z.infer<typeof sku>;
export const barcode = z
  .string()
  .regex(/^[0-9A-Za-z._+-]{1,64}$/, 'must be 1-64 letters, digits or . _ + -')
  .brand<'Barcode'>();
export type Barcode = z.infer<typeof barcode>;
export const customerId = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1-64 letters, digits or _ . -')
  .brand<'CustomerId'>();
export type CustomerId = z.infer<typeof customerId>;
export const employeeId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/, 'must be 1-32 letters, digits or _ . -')
  .brand<'EmployeeId'>();
export type EmployeeId = z.infer<typeof employeeId>;
export const branchCode = z
  .string()
  .regex(
    /^(?!.*[A-Z0-9][a-z]$)[A-Za-z0-9]([A-Za-z0-9_-]{0,14}[A-Za-z0-9])?$/,
    'must be 1-16 letters, digits, _ or -, and not end in one small letter after a digit or capital',
  )
  .brand<'BranchCode'>();
export type BranchCode = z.infer<typeof branchCode>;
export const tillName = z
  .string()
  .regex(
    /^[\p{L}\p{N}]([\p{L}\p{N} ._-]{0,30}[\p{L}\p{N}])?$/u,
    'must be 1-32 letters, digits, blanks or . _ -',
  )
  .brand<'TillName'>();
export type TillName = z.infer<typeof tillName>;
/** `B001-000123`. */
export const orderNumber = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}-\d{6,12}$/, 'must be a number like B001-000123')
  .brand<'OrderNumber'>();
export type OrderNumber = z.infer<typeof orderNumber>;
export const idempotencyKey = z
  .string()
  .min(1)
  .max(IDEMPOTENCY_KEY_CHARS_MAX)
  .regex(/^[\x21-\x7e]+$/, 'must be visible ASCII without blanks')
  .brand<'IdempotencyKey'>();
export type IdempotencyKey = z.infer<typeof idempotencyKey>;

const UUID_TIME_MAX = 2 ** 48 - 1;

/** A UUID version 7 of `nowMs` and ten random bytes, branded as what the caller creates: `uuidV7<OrderId>(…)`. */
export function uuidV7<Id extends string = string>(nowMs: number, random: Uint8Array): Id {
  if (!Number.isInteger(nowMs) || nowMs < 0 || nowMs > UUID_TIME_MAX) {
    throw new ModelError('MODEL_UUID_TIME', `time ${nowMs} does not fit into 48 bits of milliseconds`);
  }
  if (random.length < 10) {
    throw new ModelError('MODEL_ID', `a UUID needs 10 random bytes, got ${random.length}`);
  }
  const time = nowMs.toString(16).padStart(12, '0');
  let tail = '';
  for (let i = 0; i < 10; i++) {
    const byte = random[i] ?? 0;
    const value = i === 0 ? 0x70 | (byte & 0x0f) : i === 2 ? 0x80 | (byte & 0x3f) : byte;
    tail += value.toString(16).padStart(2, '0');
  }
  return `${time.slice(0, 8)}-${time.slice(8)}-${tail.slice(0, 4)}-${tail.slice(4, 8)}-${tail.slice(8)}` as Id;
}

/** Milliseconds since 1970 inside a UUID version 7. */
export function uuidTimeMs(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

export interface NumberSeries {
  readonly branch: BranchCode;
  /** Small letter of a branch's second, third… node; absent for the first. */
  readonly nodeLetter?: string | undefined;
  /** 1 for the first writer of this node, 2 after its first restore. */
  readonly incarnation?: number | undefined;
  /** The beginning of the writer id, while two copies of a device may both have taken the incarnation: `B001.2.k7q2mz-000001`. */
  readonly unconfirmed?: string | undefined;
  /** Refunds are counted by themselves: `B001.R-000001`; so is what a branch with another program sold, `B001.P-…` and `B001.PR-…`. */
  readonly of?: 'refunds' | 'pushed' | 'pushed-refunds' | undefined;
}

const SERIES = { refunds: '.R', pushed: '.P', 'pushed-refunds': '.PR' } as const;

/** What the numbers of one device start with. */
export function numberPrefix(series: NumberSeries): string {
  const { branch, nodeLetter = '', incarnation = 1, unconfirmed } = series;
  if (unconfirmed !== undefined && !/^[a-z2-7]{4,16}$/.test(unconfirmed)) {
    throw new ModelError('MODEL_ID', `"${unconfirmed}" is not the beginning of a writer id`);
  }
  if (!/^[a-z]?$/.test(nodeLetter) || !Number.isInteger(incarnation) || incarnation < 1) {
    throw new ModelError('MODEL_ID', `no number series for node "${nodeLetter}", incarnation ${incarnation}`);
  }
  const letter = nodeLetter !== '' && /[a-z]$/.test(branch) ? `.${nodeLetter}` : nodeLetter;
  const suffix = `${incarnation === 1 ? '' : `.${incarnation}`}${unconfirmed === undefined ? '' : `.${unconfirmed}`}`;
  return `${branch}${letter}${suffix}${series.of === undefined ? '' : SERIES[series.of]}`;
}

/** The `count`-th order number of a series. */
export function formatNumber(series: NumberSeries, count: number): OrderNumber {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new ModelError('MODEL_ID', `${count} is not a count of orders`);
  }
  return `${numberPrefix(series)}-${String(count).padStart(6, '0')}` as OrderNumber;
}
