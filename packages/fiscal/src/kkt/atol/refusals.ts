/** Error numbers of the ATOL driver as codes. Unknown numbers are asked about at the storage, never tried again blindly. */
import { KktError, type KktErrorCode } from '../../errors.ts';

const CODES: Readonly<Record<number, KktErrorCode>> = {
  1: 'KKT_LINE_FAILED',
  2: 'KKT_NO_ANSWER',
  3: 'KKT_LINE_FAILED',
  4: 'KKT_LINE_FAILED',
  35: 'KKT_CLOCK_WRONG',
  36: 'KKT_CLOCK_WRONG',
  44: 'KKT_PAPER_OUT',
  45: 'KKT_COVER_OPEN',
  46: 'KKT_PRINTER_FAULT',
  47: 'KKT_PRINTER_FAULT',
  55: 'KKT_BUSY',
  66: 'KKT_TOTAL_MISMATCH',
  68: 'KKT_SHIFT_EXPIRED',
  71: 'KKT_PASSWORD_WRONG',
  73: 'KKT_SHIFT_CLOSED',
  80: 'KKT_CASH_SHORT',
  81: 'KKT_STATE_INVALID',
  82: 'KKT_DOCUMENT_OPEN',
  83: 'KKT_SHIFT_OPEN',
  136: 'KKT_FN_FAULT',
  137: 'KKT_OFD_BACKLOG',
  138: 'KKT_REFUSED',
  140: 'KKT_OFD_BACKLOG',
  141: 'KKT_SHIFT_EXPIRED',
  142: 'KKT_CLOCK_WRONG',
  177: 'KKT_STATE_INVALID',
  178: 'KKT_STATE_INVALID',
  203: 'KKT_DOCUMENT_OPEN',
  219: 'KKT_REFUSED',
  241: 'KKT_NO_ANSWER',
  249: 'KKT_STATE_INVALID',
  502: 'KKT_STATE_INVALID',
  504: 'KKT_UNSUPPORTED',
};

/** The task may have been carried out all the same. */
const UNSURE = [2, 4, 15, 175, 176, 177, 178, 241];
/** No such document. */
export const NO_DOCUMENT = 133;

export function atolRefusal(task: string, code: number, description: string): KktError {
  return new KktError(CODES[code] ?? 'KKT_REFUSED', `${task}: ${code} ${description}`, {
    outcome: UNSURE.includes(code) ? 'unknown' : 'refused',
    deviceCode: code,
  });
}
