/**
 * Every bound of Branchline's vocabulary, named once.
 *
 * Amounts end at 2^40 - 1 minor units because fiscal devices carry money in five bytes; quantities end just below a
 * million units. Both keep every sum of an order far inside the safe integers of JavaScript. Text is bounded so that
 * no entry, row or frame can be made large by one field.
 */

/** Bytes of a request body. */
export const BODY_BYTES_MAX = 100 * 1024;
/** Lines of one order, refund, goods receipt, count, transfer or reservation. */
export const LINES_MAX = 500;
/** Payments of one order. */
export const PAYMENTS_MAX = 16;
/** Barcodes of one product. */
export const BARCODES_MAX = 32;
/** Minor units of any amount: the largest number of five bytes. */
export const AMOUNT_MINOR_MAX = 2 ** 40 - 1;
/** Thousandths of any quantity. */
export const QUANTITY_MILLI_MAX = 999_999_999;
/** Characters of a marking code (tag 2000). */
export const MARKING_CODE_CHARS_MAX = 256;
/** Loyalty points in one operation. */
export const POINTS_MAX = 1_000_000_000;
/** Characters of an Idempotency-Key. */
export const IDEMPOTENCY_KEY_CHARS_MAX = 255;
/** Characters of a name, a reason, a contact. */
export const TEXT_CHARS_MAX = 256;
/** Characters of an SKU, a customer id, a barcode. */
export const CODE_CHARS_MAX = 64;
/** Rows of one page of orders, of one search answer, and of either when nothing was asked. */
export const PAGE_ROWS_MAX = 500;
export const SEARCH_ROWS_MAX = 100;
export const PAGE_ROWS_DEFAULT = 50;
/** Bytes of a catalog file, and what it may unpack to. */
export const IMPORT_FILE_BYTES_MAX = 25 * 1024 * 1024;
export const IMPORT_UNPACKED_BYTES_MAX = 200 * 1024 * 1024;
/** Rows of a catalog file, its columns, and characters of one cell. */
export const IMPORT_FILE_ROWS_MAX = 50_000;
export const IMPORT_COLUMNS_MAX = 200;
export const IMPORT_CELL_CHARS_MAX = 4_096;
/** Faults listed in a report; all are counted. */
export const IMPORT_FAULTS_MAX = 1_000;
/** Rows shown as products. */
export const IMPORT_PREVIEW_ROWS = 10;
/** Seconds a reservation may stand, and does when nothing was asked. */
export const RESERVATION_SECONDS_MAX = 86_400;
export const RESERVATION_SECONDS_DEFAULT = 900;
/** Serial numbers of one line. */
export const SERIALS_MAX = 200;
/** SKUs, categories or branches a promotion or pricelist names. */
export const PROMOTION_NAMES_MAX = 1_000;
/** Prices of one pricelist. */
export const PRICELIST_ROWS_MAX = 5_000;
