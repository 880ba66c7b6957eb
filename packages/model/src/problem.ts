/**
 * Problem documents (RFC 9457) and the table of their codes: what a till can be told when it is told no.
 *
 * A code is stable for ever; title, detail and hint are words for people and may improve. 400 = the request is
 * malformed; 409 = it contradicts an earlier one; 422 = it is well formed and a rule of the trade forbids it;
 * 503 = not now. `retryable` says whether the very same request, with the same Idempotency-Key, may succeed later.
 * Two problems are special: after `STORE_POISONED` the write may or may not be durable, and only a repetition with the
 * same key can tell; `IDEMPOTENCY_MISMATCH` means that key already answered another request.
 */
import { z } from 'zod';

export interface ProblemRow {
  readonly status: number;
  readonly title: string;
  readonly hint: string;
  readonly retryable: boolean;
}

const row = (status: number, title: string, hint: string, retryable = false): ProblemRow => ({
  status,
  title,
  hint,
  retryable,
});

const table = {
  // The request cannot be read.
  MALFORMED_JSON: row(400, 'The body is not JSON', 'Send one JSON object encoded as UTF-8.'),
  INVALID_REQUEST: row(400, 'The request breaks the schema', 'Correct the fields named in `errors`.'),
  UNKNOWN_FIELD: row(400, 'The request has unknown fields', 'Remove the fields named in `errors`.'),
  IDEMPOTENCY_KEY_REQUIRED: row(
    400,
    'Writes need an Idempotency-Key',
    'Send a new UUID in the Idempotency-Key header, and the same one when you repeat the request.',
  ),
  UNAUTHENTICATED: row(
    401,
    'No valid till token',
    'Send `Authorization: Bearer <till token>`; make one with `branchline till add NAME`.',
  ),
  FORBIDDEN: row(
    403,
    'Not allowed for this till or node',
    'Use a token or a node that may do it; see `detail`.',
  ),
  ORIGIN_REFUSED: row(
    403,
    'Refused for a page of another site',
    'Open the till page from this node itself; other sites may not call it.',
  ),
  TILL_MISMATCH: row(
    403,
    'The token belongs to another till',
    'Send the name of the token’s own till, or none; an admin may name any.',
  ),
  TOKEN_UNKNOWN: row(403, 'No enrolment token of this chain', 'Make a new one with `branchline branch add`.'),
  TOKEN_EXPIRED: row(403, 'The enrolment token is too old', 'Make a new one with `branchline branch add`.'),
  PIN_WRONG: row(
    403,
    'Wrong PIN, or nobody of that id works here',
    'Try again; ask head office for a new PIN.',
  ),
  DISCOUNT_NEEDS_APPROVAL: row(
    403,
    'The discount is beyond what this person may give',
    'Let a manager sign in and sell, or lower the discount.',
  ),
  NOT_FOUND: row(404, 'There is no such resource', 'See /docs for the paths of this API.'),
  ORDER_NOT_FOUND: row(
    404,
    'There is no such order here',
    'It may not have been replicated yet; see /v1/sync.',
  ),
  RECEIPT_NOT_FOUND: row(
    404,
    'There is no such receipt here',
    'It may not have been replicated yet, or the branch has no fiscal register; see /v1/sync.',
  ),
  TRANSFER_NOT_FOUND: row(
    404,
    'There is no such transfer here',
    'Word of it may still be on its way: send `from` and `lines` of the delivery note with the reception.',
  ),
  RESERVATION_NOT_FOUND: row(
    404,
    'There is no such reservation',
    'It was sold, released, or its time is over; make a new one.',
  ),
  OVERSELL_NOT_FOUND: row(404, 'There is no such task here', 'See /v1/stock/oversells for those there are.'),
  OUTBOX_ITEM_NOT_FOUND: row(
    404,
    'There is no such item in the outbox',
    'Look at GET /v1/outbox/quarantine again.',
  ),
  PRODUCT_NOT_FOUND: row(404, 'There is no such product', 'Check the SKU; see /v1/products?q=.'),
  CUSTOMER_NOT_FOUND: row(404, 'There is no such customer here', 'Check the id, or create it with PUT.'),
  CUSTOMER_ERASED: row(
    410,
    'The personal data of this customer was erased',
    'Points stay under the id; whoever comes back gets a new one.',
  ),
  PRICING_FULL: row(
    409,
    'There are too many promotions or pricelists',
    'Use the id of one that is archived.',
  ),
  EMPLOYEES_FULL: row(409, 'There are too many employees', 'Use the id of one who left.'),
  ERASURE_NOT_FOUND: row(404, 'Nothing was erased of this customer', 'Check the id.'),
  TILL_UNKNOWN: row(404, 'There is no such till', 'See `branchline till list`.'),
  CONFLICT_NOT_FOUND: row(
    404,
    'There is no such conflict',
    'It was resolved or another value joined it; read /v1/conflicts again.',
  ),
  METHOD_NOT_ALLOWED: row(
    405,
    'The method does not fit this path',
    'Use a method named in the Allow header.',
  ),
  IDEMPOTENCY_MISMATCH: row(
    409,
    'This Idempotency-Key belongs to another request',
    'Use a new key for a new operation; repeat the first one only with an unchanged body.',
  ),
  REFUND_ELSEWHERE: row(
    409,
    'Another device holds the right to return this order',
    'It has been asked for it: repeat with the same key once it is reachable, or let the branch `detail` names refund.',
    true,
  ),
  STOCK_SHORT: row(
    409,
    'Not so much is free to be reserved',
    'Reserve less, or sell the goods in hand: a sale is never refused for stock.',
  ),
  TRANSFER_RECEIVED: row(
    409,
    'The transfer was received before',
    'Nothing was moved again; correct the stock with a count or an adjustment.',
  ),
  OVERSELL_RESOLVED: row(409, 'The task was resolved before', 'Nothing is left to do.'),
  OUTBOX_NOT_QUARANTINED: row(
    409,
    'The item does not wait for a decision',
    'Somebody decided already, or it was delivered; look at the list again.',
  ),
  TILL_EXISTS: row(409, 'There is a till of that name', 'Revoke it first, or choose another name.'),
  TOKEN_USED: row(
    409,
    'The enrolment token was used already',
    'Make a new one with `branchline branch add`.',
  ),
  BUNDLE_INVALID: row(
    422,
    'The file is no bundle for this device',
    'Write it anew with `branchline export` and copy it whole; nothing was taken in.',
  ),
  TOKEN_BRANCH: row(
    409,
    'The enrolment token is for another branch',
    'Start the device for the branch of the token, or ask for a token for its own; this one is not spent.',
  ),
  SYNC_OFFLINE: row(409, 'This node is set never to dial', 'Change its operation mode to sync.'),
  BODY_TOO_LARGE: row(413, 'The body is too large', 'Keep a request within 100 KB.'),
  UNSUPPORTED_MEDIA_TYPE: row(
    415,
    'Only plain JSON is understood',
    'Send `Content-Type: application/json` without Content-Encoding.',
  ),
  HOST_REFUSED: row(
    421,
    'This node does not answer to that host name',
    'Call it by the address it listens on, or add the name to `allowedHosts` in its config.',
  ),
  HEADERS_TOO_LARGE: row(431, 'The headers are too large', 'Send fewer or shorter headers.'),
  // The request is clear and a rule of the trade forbids it.
  ORDER_INVALID: row(422, 'The order cannot be accepted', 'Correct what `detail` says.'),
  ORDER_PAYMENT: row(422, 'The payments do not fit the total', 'Correct what `detail` says.'),
  PAYMENT_SHORT: row(
    422,
    'The payments do not cover the total',
    'Take the missing amount and send it all again.',
  ),
  OVERPAID_NOT_CASH: row(
    422,
    'Only cash can be over-paid',
    'Charge cards and other means with exactly what cash does not cover.',
  ),
  DISCOUNT_TOO_LARGE: row(422, 'A discount exceeds what it is taken off', 'Lower the discount.'),
  AMOUNT_TOO_LARGE: row(422, 'An amount is beyond what a receipt can carry', 'Split the sale.'),
  REFUND_EXCEEDS: row(
    422,
    'More would go back than was sold',
    'Refund at most what `refundable` of the order says.',
  ),
  REFUND_LINE_UNKNOWN: row(
    422,
    'The refund names a line the order does not have',
    'Name each line once, by its place in the order, counted from 0.',
  ),
  PRODUCT_UNKNOWN: row(
    422,
    'A line names an unknown product',
    'Check the SKU, or send unitPriceMinor and vat with the line.',
  ),
  CUSTOMER_UNKNOWN: row(422, 'The customer is not known here', 'Check the id, or create it with PUT.'),
  BRANCH_UNKNOWN: row(422, 'There is no such branch', 'See `branchline branch list`.'),
  CHANGE_INVALID: row(422, 'The change is incomplete', 'Send the fields `detail` names.'),
  POINTS_SHORT: row(
    422,
    'Not so many points can be spent here',
    'Redeem at most `spendableHere`; the rest is spendable at other branches or when online.',
  ),
  IMPORT_FILE: row(
    422,
    'The catalog file cannot be read',
    'See `detail`; a profile can say how the file is written.',
  ),
  IMPORT_REFUSED: row(
    422,
    'Rows of the catalog file are wrong; nothing was imported',
    'Correct the rows in `report` and send the file again; VAT_CHANGED and PRICE_JUMP may be accepted instead.',
  ),
  POINTS_LIMIT: row(
    422,
    'Points may not pay so much of this receipt',
    'Redeem at most what redeem-quote answers as `maxPoints`.',
  ),
  GIFT_CARD_UNKNOWN: row(
    404,
    'There is no such gift card here',
    'Check the code; a new card may not be replicated yet.',
  ),
  GIFT_CARD_SHORT: row(
    422,
    'Not so much can be paid with this gift card here',
    'Take the rest otherwise, or repeat in a moment: what other shops hold was asked for.',
  ),
  COUPON_UNKNOWN: row(
    404,
    'There is no such coupon here',
    'Check the code; a new coupon may not be replicated yet.',
  ),
  COUPON_REFUSED: row(422, 'The coupon does not count for this order', 'Sell without it; `detail` says why.'),
  VOUCHER_EXISTS: row(409, 'The code is taken', 'Use another code; load more on a gift card with /top-up.'),
  SHIFT_OPEN: row(422, 'The shift is open', 'Go on selling, or close it first; see GET /v1/shift.'),
  SHIFT_CLOSED: row(422, 'No shift is open', 'Open one, or sell: the first sale does.'),
  CASH_SHORT: row(
    422,
    'There is less cash in the drawer',
    'Take out at most what GET /v1/shift says is there.',
  ),
  RECEIPT_SETTLED: row(
    409,
    'The receipt needs no decision',
    'Only receipts in review, uncertain or failed are decided; read the receipt again.',
  ),
  RECEIPT_INVALID: row(422, 'No register could print this', 'Correct the fields named in `errors`.'),
  RECEIPT_TOTAL_ZERO: row(
    422,
    'A receipt cannot come to nothing',
    'Leave at least one minor unit to be paid; give goods of no price back together with a line that was paid.',
  ),
  RECEIPT_TOO_LARGE: row(
    422,
    'The receipt does not fit the fiscal storage',
    'Split it into several; the storage takes 30 KB.',
  ),
  MARKING_REFUSED: row(
    422,
    'The marking code was checked and refused',
    'Do not sell this piece; take another one.',
  ),
  DELIVERY_RUNNING: row(
    409,
    'Delivery by hand is under way already',
    'Wait for it to end; see GET /v1/outbox.',
    true,
  ),
  STORAGE_STEP: row(
    409,
    'This step of the replacement is not due, or not possible yet',
    'See `detail`, and GET /v1/storage-replacement for what to do now.',
  ),
  REGISTER_NONE: row(409, 'No register is connected to this node', 'Set `kkt` in its configuration.'),
  // Not now.
  REGISTER_AWAY: row(
    503,
    'The register does not answer now',
    'See `detail`; repeat when it is mended.',
    true,
  ),
  MAINTENANCE: row(
    503,
    'The node is in maintenance: nothing is sold until it ends',
    'See `detail` for the reason and the end; repeat with the same key then. An admin may end it, and may sell for a test.',
    true,
  ),
  PIN_LOCKED: row(429, 'Too many wrong PINs', 'Wait as long as Retry-After says.', true),
  RATE_LIMITED: row(429, 'Too many requests from this till', 'Wait as long as Retry-After says.', true),
  INTERNAL: row(
    500,
    'The node failed to serve the request',
    'Repeat with the same key; tell support the code.',
    true,
  ),
  NOT_READY: row(
    503,
    'The node cannot sell now',
    'See /readyz for the reason; repeat with the same key.',
    true,
  ),
  NOT_ENROLLED: row(
    503,
    'The node is not enrolled yet',
    'Connect it once to its relay with a valid token.',
    true,
  ),
  NODE_STOPPING: row(503, 'The node is stopping', 'Repeat with the same key in a moment.', true),
  OVERLOADED: row(
    503,
    'Too many requests are waiting',
    'Repeat with the same key as Retry-After says.',
    true,
  ),
  STORE_POISONED: row(
    503,
    'The disk failed while this was being written',
    'Repeat with the same key once the node is back: the answer tells whether it was kept.',
    true,
  ),
} as const satisfies Record<string, ProblemRow>;

export type ProblemCode = keyof typeof table;
export const problemTable: Readonly<Record<ProblemCode, ProblemRow>> = table;
export const problemCodes = Object.keys(table) as readonly ProblemCode[];

/** The document as it travels, `Content-Type: application/problem+json`. */
export const problem = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  code: z.enum(problemCodes as readonly [ProblemCode, ...ProblemCode[]]),
  detail: z.string(),
  hint: z.string(),
  retryable: z.boolean(),
  errors: z.array(z.strictObject({ path: z.string(), reason: z.string() })).optional(),
});
export type Problem = z.infer<typeof problem>;
