/** The commands of Pirit that are used, as data. Those with sub-requests carry them as their first field. */
export interface PiritCommand {
  readonly code: number;
  /** First field. */
  readonly request?: number;
  readonly kind: 'read' | 'step' | 'register';
  readonly limitMs: number;
}

const read = (code: number, request?: number): PiritCommand => ({
  code,
  kind: 'read',
  limitMs: 3_000,
  ...(request === undefined ? {} : { request }),
});
const step = (code: number, limitMs = 10_000): PiritCommand => ({ code, kind: 'step', limitMs });
/** Answered when the paper is out as well. */
const register = (code: number, limitMs = 60_000): PiritCommand => ({ code, kind: 'register', limitMs });

export const PIRIT_COMMANDS = {
  'full-status': read(0x00),
  serial: read(0x02, 1),
  inn: read(0x02, 3),
  'registration-number': read(0x02, 4),
  'money-register': read(0x02, 7),
  'fn-term': read(0x02, 14),
  'tax-systems': read(0x02, 23),
  firmware: read(0x02, 70),
  'printer-status': read(0x04),
  'refusal-reason': read(0x06, 1),
  'begin-work': step(0x10),
  clock: read(0x13),
  'x-report': step(0x20, 60_000),
  'close-shift': register(0x21),
  'open-shift': register(0x23, 150_000),
  'item-tags': step(0x24),
  'open-receipt': step(0x30),
  'close-receipt': register(0x31),
  'cancel-receipt': step(0x32),
  item: step(0x42),
  subtotal: step(0x44),
  payment: step(0x47),
  'move-cash': step(0x48),
  'compare-total': step(0x52),
  'send-tags': step(0x57),
  'open-correction': step(0x58),
  'set-total': step(0x64),
  'print-copy': step(0x73, 60_000),
  'fn-number': read(0x78, 1),
  'fn-status': read(0x78, 2),
  'last-document': read(0x78, 3),
  'shift-status': read(0x78, 6),
  'ofd-status': read(0x78, 7),
  'find-document': read(0x78, 11),
  'fn-versions': read(0x78, 14),
  'select-document': read(0x78, 15),
  'document-part': read(0x78, 16),
  'bind-marking': step(0x79),
} as const satisfies Record<string, PiritCommand>;

export type PiritCommandName = keyof typeof PIRIT_COMMANDS;

const REQUESTS = [0x02, 0x06, 0x78];

/** The name of a command as it arrives. */
export function piritCommandOf(code: number, fields: readonly string[]): PiritCommandName | undefined {
  const request = REQUESTS.includes(code) ? Number(fields[0]) : undefined;
  return (Object.keys(PIRIT_COMMANDS) as PiritCommandName[]).find((name) => {
    const command: PiritCommand = PIRIT_COMMANDS[name];
    return command.code === code && command.request === request;
  });
}
