/**
 * What can go wrong with fiscal data, by code. Callers and tests look at `code`, never at the text.
 *
 * Two shapes. `FiscalError` is thrown where bytes or a link break a promise: FFD documents (`FFD_*`, `HEX_*`), the exchange
 * with the operator of fiscal data (`OFD_*`), the fiscal storage (`FN_*`). A receipt that may not be sent is no exception
 * but a list of `ReceiptProblem` values, because a till shows all of them at once.
 */

export type FiscalErrorCode =
  // ── FFD ──
  /** A TLV announces more bytes than there are. */
  | 'FFD_TRUNCATED'
  /** A document beyond the size, depth or number of tags any fiscal storage takes. */
  | 'FFD_TOO_LARGE'
  /** The outer tag is no document form. */
  | 'FFD_FORM_UNKNOWN'
  /** A tag this FFD version does not know in this place. */
  | 'FFD_TAG_UNKNOWN'
  /** A value that does not fit the type or the length of its tag. */
  | 'FFD_VALUE_INVALID'
  /** Text with characters CP866 does not have. */
  | 'FFD_TEXT_INVALID'
  // ── hexadecimal input ──
  | 'HEX_INVALID'
  | 'HEX_FORMAT_UNKNOWN'
  // ── OFD ──
  /** Fewer bytes than a header or than the header announces. */
  | 'OFD_TRUNCATED'
  | 'OFD_TOO_LARGE'
  | 'OFD_SIGNATURE_INVALID'
  | 'OFD_SESSION_VERSION_UNKNOWN'
  | 'OFD_FORMAT_VERSION_UNKNOWN'
  | 'OFD_CRC_MISMATCH'
  | 'OFD_CONTAINER_INVALID'
  /** An answer that is no acknowledgement, or one for another document. */
  | 'OFD_ACK_INVALID'
  | 'OFD_ACK_FOREIGN'
  /** The operator took the document and says it cannot be accepted. */
  | 'OFD_REFUSED'
  | 'OFD_CONNECT_FAILED'
  | 'OFD_TIMEOUT'
  | 'OFD_CLOSED_EARLY'
  // ── FN ──
  /** The message the fiscal storage offers is not its own. */
  | 'FN_MESSAGE_FOREIGN'
  /** The fiscal storage refused the operator's ticket. */
  | 'FN_TICKET_REFUSED'
  /** The line to the fiscal storage failed in the middle of an exchange. */
  | 'FN_LINE_FAILED';

export class FiscalError extends Error {
  readonly code: FiscalErrorCode;
  /** What an operator can do about it. */
  readonly hint?: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(
    code: FiscalErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'FiscalError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

/** Why a receipt is refused before anything is sent to a device. */
export type ReceiptProblemCode =
  | 'RECEIPT_EMPTY'
  | 'RECEIPT_TOO_LARGE'
  | 'RECEIPT_DATE_INVALID'
  | 'RECEIPT_TAX_SYSTEM_UNKNOWN'
  | 'RECEIPT_CASHIER_MISSING'
  | 'RECEIPT_INN_INVALID'
  | 'RECEIPT_CONTACT_INVALID'
  | 'RECEIPT_ITEM_INVALID'
  | 'RECEIPT_ITEM_SUM'
  | 'RECEIPT_TOTAL_MISMATCH'
  | 'RECEIPT_PAYMENT_MISMATCH'
  | 'RECEIPT_VAT_UNKNOWN'
  | 'RECEIPT_VAT_DATE'
  | 'RECEIPT_VAT_MIXED'
  | 'RECEIPT_AGENT_INVALID'
  | 'RECEIPT_MARKING_INVALID'
  | 'RECEIPT_MARKING_REFUSED'
  | 'RECEIPT_MARKING_DUPLICATE'
  | 'RECEIPT_CORRECTION_INVALID'
  | 'RECEIPT_REFUND_UNLINKED'
  | 'RECEIPT_REFUND_EXCEEDS'
  | 'RECEIPT_TAG_UNKNOWN'
  | 'RECEIPT_TAG_DUPLICATE'
  | 'RECEIPT_TAG_INVALID';

export interface ReceiptProblem {
  readonly code: ReceiptProblemCode;
  /** Where: `/items/2/vat`. */
  readonly path: string;
  readonly detail: string;
  /** What the cashier or the administrator can do about it. */
  readonly hint: string;
}
