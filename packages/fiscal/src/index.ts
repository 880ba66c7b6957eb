/** Fiscal receipts: FFD documents, the exchange with the operator of fiscal data. */
export { decodeHex, HEX_FORMATS, hexFormats } from './decode-hex.ts';
export { FiscalError, type FiscalErrorCode, type ReceiptProblem, type ReceiptProblemCode } from './errors.ts';
