/**
 * The commands of Shtrih-M that are used, as data: code, how long an answer may take, whether giving one twice is harmless.
 *
 * `read` commands change nothing. `step` commands change an unfinished document, which can be cancelled. `register` commands
 * end in the storage or on money: they are never repeated without proof. Limits are the vendor's advice; the first opening
 * of a shift may fetch keys for marking codes and takes minutes.
 */
export interface ShtrihCommand {
  /** One byte, or two beginning with FF. */
  readonly code: number;
  readonly kind: 'read' | 'step' | 'register';
  readonly limitMs: number;
  /** FC asks for no password. */
  readonly isOpen?: boolean;
}

const read = (code: number): ShtrihCommand => ({ code, kind: 'read', limitMs: 2_000 });
const step = (code: number, limitMs = 5_000): ShtrihCommand => ({ code, kind: 'step', limitMs });
const register = (code: number, limitMs = 30_000): ShtrihCommand => ({ code, kind: 'register', limitMs });

export const COMMANDS = {
  'short-status': read(0x10),
  'full-status': read(0x11),
  'money-register': read(0x1a),
  'read-table': read(0x1e),
  'write-table': step(0x1f),
  cut: step(0x25),
  'table-structure': read(0x2d),
  'field-structure': read(0x2e),
  'x-report': step(0x40, 30_000),
  'close-shift': register(0x41),
  'cash-in': register(0x50, 10_000),
  'cash-out': register(0x51, 10_000),
  'cancel-receipt': step(0x88, 10_000),
  subtotal: read(0x89),
  'print-copy': step(0x8c, 10_000),
  'open-receipt': step(0x8d),
  'continue-print': step(0xb0, 10_000),
  'open-shift': register(0xe0, 150_000),
  'device-type': { ...read(0xfc), isOpen: true },
  'fn-status': read(0xff01),
  'fn-term': read(0xff03),
  'cancel-document': step(0xff08, 10_000),
  registration: read(0xff09),
  'find-document': read(0xff0a),
  'send-tags': step(0xff0c),
  'message-begin': { ...read(0xff30), limitMs: 10_000 },
  'message-read': { ...read(0xff31), limitMs: 5_000 },
  'answer-begin': step(0xff32),
  'answer-write': step(0xff33, 10_000),
  'begin-correction': step(0xff35),
  'ofd-status': read(0xff39),
  'select-document': read(0xff3a),
  // Each one moves on to the next part: given twice it would skip one.
  'document-part': step(0xff3b),
  ticket: read(0xff3c),
  'shift-status': read(0xff40),
  'begin-open-shift': step(0xff41),
  'begin-close-shift': step(0xff42),
  'close-receipt': register(0xff45),
  item: step(0xff46),
  'close-correction': register(0xff4a),
  'item-tags': step(0xff4d),
} as const satisfies Record<string, ShtrihCommand>;

export type CommandName = keyof typeof COMMANDS;

const NAMES = new Map(
  Object.entries(COMMANDS).map(([name, { code }]) => [code, name as CommandName] as const),
);

/** Splits a message into command and the rest; the name is missing for commands that are not used here. */
export function commandIn(message: Uint8Array): {
  readonly code: number;
  readonly name: CommandName | undefined;
  readonly rest: Uint8Array;
} {
  const isLong = message[0] === 0xff;
  const code = isLong ? 0xff00 | (message[1] ?? 0) : (message[0] ?? 0);
  return { code, name: NAMES.get(code), rest: message.subarray(isLong ? 2 : 1) };
}

export function codeBytes(code: number): Uint8Array {
  return code > 0xff ? Uint8Array.of(code >> 8, code & 0xff) : Uint8Array.of(code);
}

/** `FF45`, `10h`: how the vendor's documents and people name commands. */
export function codeText(code: number): string {
  const hex = code.toString(16).toUpperCase().padStart(2, '0');
  return code > 0xff ? hex : `${hex}h`;
}
