/**
 * Error numbers of Pirit as codes. 01h and 03h are explained by the extended reason (06/1), whose numbers are listed apart.
 * A printer that fails during a command that registers leaves the document registered: its outcome is unknown.
 */
import { KktError, type KktErrorCode } from '../../errors.ts';
import { PIRIT_COMMANDS, type PiritCommandName } from './commands.ts';

/** Damaged or cut short on the way: certainly not carried out. */
export const DAMAGED = [0x04, 0x05, 0x07];
export const STATUS_WRONG = 0x01;
export const PARAMETER_WRONG = 0x03;
export const NO_DATA = 0x48;
/** Begin of work was carried out; the clocks differ. */
export const CLOCKS_DIFFER = 0x0b;

const CODES: Readonly<Record<number, KktErrorCode>> = {
  1: 'KKT_STATE_INVALID',
  2: 'KKT_UNSUPPORTED',
  6: 'KKT_PASSWORD_WRONG',
  8: 'KKT_PAPER_OUT',
  9: 'KKT_PRINTER_FAULT',
  10: 'KKT_SHIFT_EXPIRED',
  11: 'KKT_CLOCK_WRONG',
  12: 'KKT_CLOCK_WRONG',
  14: 'KKT_CASH_SHORT',
  15: 'KKT_SHIFT_OPEN',
  32: 'KKT_FN_FAULT',
  66: 'KKT_STATE_INVALID',
  67: 'KKT_FN_FAULT',
  68: 'KKT_FN_FAULT',
  69: 'KKT_FN_EXPIRED',
  70: 'KKT_FN_FULL',
  71: 'KKT_CLOCK_WRONG',
  82: 'KKT_FN_FAULT',
  84: 'KKT_OFD_BACKLOG',
  85: 'KKT_OFD_BACKLOG',
  86: 'KKT_SHIFT_EXPIRED',
  87: 'KKT_CLOCK_WRONG',
  97: 'KKT_FN_FAULT',
  98: 'KKT_FN_FAULT',
  114: 'KKT_MARKING_REFUSED',
  115: 'KKT_MARKING_REFUSED',
  116: 'KKT_MARKING_REFUSED',
  117: 'KKT_MARKING_REFUSED',
  124: 'KKT_MARKING_REFUSED',
  126: 'KKT_MARKING_REFUSED',
};

/** Reasons behind 01h. */
const REASONS: Readonly<Record<number, KktErrorCode>> = {
  1: 'KKT_STATE_INVALID',
  3: 'KKT_FN_CLOSED',
  4: 'KKT_FN_CLOSED',
  9: 'KKT_DOCUMENT_OPEN',
  20: 'KKT_SHIFT_CLOSED',
  21: 'KKT_FN_FAULT',
  34: 'KKT_OFD_BACKLOG',
  88: 'KKT_UNSUPPORTED',
};

const PRINTER = [0x08, 0x09];
const STORAGE_SILENT = [0x61, 0x62];

export function piritRefusal(command: PiritCommandName, deviceCode: number, reason?: number): KktError {
  const isRegistering = PIRIT_COMMANDS[command].kind === 'register';
  const isUnsure = STORAGE_SILENT.includes(deviceCode) || (isRegistering && PRINTER.includes(deviceCode));
  const explained = deviceCode === STATUS_WRONG && reason !== undefined ? REASONS[reason] : undefined;
  const code = explained ?? CODES[deviceCode] ?? 'KKT_REFUSED';
  const number = deviceCode.toString(16).toUpperCase().padStart(2, '0');
  const because = reason === undefined ? '' : `, reason ${reason}`;
  return new KktError(code, `${command} refused with ${number}h${because}`, {
    outcome: isUnsure ? 'unknown' : 'refused',
    deviceCode,
  });
}
