/**
 * Error numbers of Shtrih-M devices as codes. The meanings are those of devices with a fiscal storage; older texts for the
 * same numbers differ and mislead.
 */
import { KktError, type KktErrorCode } from '../../errors.ts';
import { COMMANDS, type CommandName, codeText } from './commands.ts';

/** The previous command is still printing: the same one may be given again. */
export const STILL_PRINTING = 0x50;
/** No (more) data. */
export const NO_DATA = 0x08;

const CODES: Readonly<Record<number, KktErrorCode>> = {
  2: 'KKT_STATE_INVALID',
  3: 'KKT_FN_FAULT',
  4: 'KKT_FN_FAULT',
  5: 'KKT_FN_EXPIRED',
  6: 'KKT_FN_FULL',
  7: 'KKT_CLOCK_WRONG',
  18: 'KKT_FN_FAULT',
  20: 'KKT_OFD_BACKLOG',
  21: 'KKT_OFD_BACKLOG',
  22: 'KKT_SHIFT_EXPIRED',
  23: 'KKT_CLOCK_WRONG',
  46: 'KKT_CASH_SHORT',
  47: 'KKT_FN_FAULT',
  48: 'KKT_FN_FAULT',
  54: 'KKT_UNSUPPORTED',
  55: 'KKT_UNSUPPORTED',
  60: 'KKT_SHIFT_OPEN',
  61: 'KKT_SHIFT_CLOSED',
  69: 'KKT_TOTAL_MISMATCH',
  70: 'KKT_CASH_SHORT',
  74: 'KKT_STATE_INVALID',
  77: 'KKT_TOTAL_MISMATCH',
  78: 'KKT_SHIFT_EXPIRED',
  79: 'KKT_PASSWORD_WRONG',
  80: 'KKT_BUSY',
  85: 'KKT_STATE_INVALID',
  86: 'KKT_STATE_INVALID',
  88: 'KKT_STATE_INVALID',
  89: 'KKT_DOCUMENT_OPEN',
  107: 'KKT_PAPER_OUT',
  108: 'KKT_PAPER_OUT',
  113: 'KKT_PRINTER_FAULT',
  114: 'KKT_STATE_INVALID',
  115: 'KKT_STATE_INVALID',
  124: 'KKT_CLOCK_WRONG',
  125: 'KKT_CLOCK_WRONG',
  160: 'KKT_MARKING_REFUSED',
  161: 'KKT_MARKING_REFUSED',
  162: 'KKT_MARKING_REFUSED',
  163: 'KKT_MARKING_REFUSED',
  170: 'KKT_MARKING_REFUSED',
  172: 'KKT_MARKING_REFUSED',
  192: 'KKT_CLOCK_WRONG',
  200: 'KKT_PRINTER_FAULT',
  201: 'KKT_PRINTER_FAULT',
  211: 'KKT_MARKING_REFUSED',
  212: 'KKT_MARKING_REFUSED',
};

/** The device asked its storage and heard nothing back: it may have been carried out all the same. */
const UNSURE = [0x2f, 0x30];

/** What a device with this number is saying, and what it answers itself. */
export function shtrihRefusal(command: CommandName, deviceCode: number): KktError {
  const code = CODES[deviceCode] ?? 'KKT_REFUSED';
  const number = deviceCode.toString(16).toUpperCase().padStart(2, '0');
  return new KktError(code, `${command} (${codeText(COMMANDS[command].code)}) refused with ${number}h`, {
    outcome: UNSURE.includes(deviceCode) ? 'unknown' : 'refused',
    deviceCode,
  });
}
