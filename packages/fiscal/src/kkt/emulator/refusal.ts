/**
 * Why the emulated device refuses, in words; each protocol has its own number for it. Refusals of the storage carry the
 * storage's number, which every device passes on in some way.
 */
export type RefusalReason =
  | 'paper-out'
  | 'cover-open'
  | 'printing'
  | 'waits-for-continue'
  | 'shift-open'
  | 'shift-closed'
  | 'shift-expired'
  | 'document-open'
  | 'document-closed'
  | 'nothing-to-cancel'
  | 'payments-short'
  | 'cash-short'
  | 'tags-wrong'
  | 'value-wrong'
  | 'password-wrong'
  | 'command-unknown'
  | 'no-data';

export class Refusal extends Error {
  readonly reason: RefusalReason | 'storage';
  /** With `storage`: its own number. */
  readonly fnError: number;

  constructor(reason: RefusalReason | 'storage', fnError = 0) {
    super(reason === 'storage' ? `storage error ${fnError}` : reason);
    this.name = 'Refusal';
    this.reason = reason;
    this.fnError = fnError;
  }
}

/** Numbers of the storage itself. */
export const FN_ERRORS = {
  state: 0x02,
  expired: 0x05,
  full: 0x06,
  clock: 0x07,
  'no-data': 0x08,
  'too-large': 0x10,
  'shift-expired': 0x16,
  'message-refused': 0x20,
  'backlog-old': 0x15,
  'backlog-full': 0x14,
} as const;

export function storageRefusal(word: keyof typeof FN_ERRORS): Refusal {
  return new Refusal('storage', FN_ERRORS[word]);
}
