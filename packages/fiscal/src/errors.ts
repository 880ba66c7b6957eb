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
  | 'RECEIPT_TOTAL_ZERO'
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

// ── cash registers ──

export type KktErrorCode = keyof typeof KKT_ADVICE;

/** Every failure of a device with what to do about it; `retryable` means that waiting or trying again may be enough. */
export const KKT_ADVICE = {
  KKT_LINE_FAILED: advice('Check the cable, the address and that nobody else uses the port.', true),
  KKT_NO_ANSWER: advice(
    'Check that the device is on; its storage is asked what became of the command.',
    true,
  ),
  KKT_PROTOCOL: advice(
    'Check baud rate and protocol of the device; something else may sit on the line.',
    true,
  ),
  KKT_CLOSED: advice('The driver was closed; open it again.', false),
  KKT_BUSY: advice('Wait until the device has printed.', true),
  KKT_PAPER_OUT: advice('Put paper in.', true),
  KKT_COVER_OPEN: advice('Close the cover.', true),
  KKT_PRINTER_FAULT: advice('Look at the cutter and the print head; switch the device off and on.', true),
  KKT_FN_MISMATCH: advice(
    'Another fiscal storage sits in the device: put the right one in or register it.',
    false,
  ),
  KKT_FN_EXPIRED: advice('The term of the fiscal storage is over: replace it.', false),
  KKT_FN_FULL: advice('The archive of the fiscal storage is full: replace it.', false),
  KKT_FN_FAULT: advice('The fiscal storage does not work: call the service.', false),
  KKT_FN_CLOSED: advice('The fiscal storage is not in fiscal mode: register the device.', false),
  KKT_OFD_BACKLOG: advice(
    'Documents wait for the operator too long: restore the link; sales resume by themselves.',
    true,
  ),
  KKT_SHIFT_EXPIRED: advice('The shift is longer than 24 hours: close it.', true),
  KKT_SHIFT_CLOSED: advice('Open a shift.', true),
  KKT_SHIFT_OPEN: advice('Close the shift first.', true),
  KKT_DOCUMENT_OPEN: advice(
    'A document of somebody else is open on the device: finish or cancel it there.',
    true,
  ),
  KKT_STATE_INVALID: advice(
    'The device is in another state than the command needs; it is asked again.',
    true,
  ),
  KKT_CLOCK_WRONG: advice('Set the clock of the device while the shift is closed.', true),
  KKT_PASSWORD_WRONG: advice('Correct the operator password of the device in the configuration.', false),
  KKT_CASH_SHORT: advice('There is less cash in the drawer than the command takes out.', false),
  KKT_MARKING_REFUSED: advice('The marking code may not be sold: take the item out of the receipt.', false),
  KKT_RECEIPT_INVALID: advice('Nothing was sent: correct what the list of problems names.', false),
  KKT_TOTAL_MISMATCH: advice('The device adds up to another total: check its rounding and discounts.', false),
  KKT_REFUSED: advice('The device refused the command; its own code is in the message.', false),
  KKT_UNSUPPORTED: advice('The firmware does not know the command: update it.', false),
  KKT_ANSWER_FOREIGN: advice('An answer to another command came; the storage is asked what is true.', true),
  KKT_FD_WENT_BACK: advice(
    'The storage counts fewer documents than before: look at the device before selling.',
    false,
  ),
  KKT_DOCUMENT_STUCK: advice(
    'The open document can be neither closed nor cancelled: cancel it at the device.',
    false,
  ),
  KKT_DOCUMENT_AMBIGUOUS: advice(
    'Several documents could be this receipt: compare the paper and decide.',
    false,
  ),
  KKT_DOCUMENT_UNREADABLE: advice(
    'The storage does not show a document that could be this receipt: compare the paper.',
    false,
  ),
  KKT_ATTEMPTS_EXHAUSTED: advice(
    'The device cancelled the receipt every time: look at it, then try again.',
    false,
  ),
  KKT_QUEUE_BLOCKED: advice(
    'An earlier job failed in the ATOL web server and blocks the rest: clear it there.',
    true,
  ),
  KKT_RESTARTED: advice('The program was restarted; the storage is asked what became of the receipt.', true),
  KKT_FAULTS_INVALID: advice('Correct the fault script of the emulator.', false),
} as const;

/**
 * A device said no, or said nothing. `outcome` tells what is known of the command: `unsent` and `refused` mean it was
 * certainly not carried out, `unknown` that it may have been.
 */
export class KktError extends Error {
  readonly code: KktErrorCode;
  readonly hint: string;
  readonly retryable: boolean;
  readonly outcome: 'unsent' | 'refused' | 'unknown';
  /** The device's own number for the refusal. */
  readonly deviceCode?: number;
  /** With `KKT_RECEIPT_INVALID`: everything that is wrong with the receipt. */
  readonly problems?: readonly ReceiptProblem[];

  constructor(
    code: KktErrorCode,
    message: string,
    options: {
      outcome: KktError['outcome'];
      cause?: unknown;
      deviceCode?: number;
      problems?: readonly ReceiptProblem[];
    },
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'KktError';
    this.code = code;
    this.hint = KKT_ADVICE[code].hint;
    this.retryable = KKT_ADVICE[code].retryable;
    this.outcome = options.outcome;
    if (options.deviceCode !== undefined) this.deviceCode = options.deviceCode;
    if (options.problems !== undefined) this.problems = options.problems;
  }
}

interface Advice {
  /** What a cashier or an operator can do. */
  readonly hint: string;
  readonly retryable: boolean;
}

function advice(hint: string, retryable: boolean): Advice {
  return { hint, retryable };
}
