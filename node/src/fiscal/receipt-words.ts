/** What a receipt's state means, in a sentence for the person at the till: what is the matter, and what to do. */
import { KKT_ADVICE, type KktErrorCode } from '@branchline/fiscal';
import type { ReceiptState } from '@branchline/model';

const STATES: Readonly<Record<ReceiptState, string>> = {
  waiting: 'The receipt waits for the register; the sale is safe.',
  printing: 'The receipt is being registered.',
  fiscal: 'The receipt is registered and not on paper yet.',
  printed: 'The receipt is registered and printed.',
  uncertain: 'The register did not answer in time; its storage is asked what became of the receipt.',
  review: 'Nobody can tell whether the receipt was registered: somebody has to compare the paper.',
  failed: 'The receipt was refused and is not registered.',
};

/** What happened, where the advice alone would not say it. */
const CAUSES: Readonly<Partial<Record<KktErrorCode, string>>> = {
  KKT_LINE_FAILED: 'The register cannot be reached.',
  KKT_NO_ANSWER: 'The register does not answer.',
  KKT_PAPER_OUT: 'The printer is out of paper.',
  KKT_COVER_OPEN: 'The cover of the printer is open.',
  KKT_PRINTER_FAULT: 'The printer does not work.',
  KKT_BUSY: 'The register is printing.',
  KKT_DOCUMENT_OPEN: 'The register is in the middle of another document.',
  KKT_SHIFT_CLOSED: 'The shift is being opened.',
  KKT_PASSWORD_WRONG: 'The register refuses the password.',
};

export function receiptWords(state: ReceiptState, reason: string | undefined): string {
  if (state === 'printed' || reason === undefined) {
    return STATES[state];
  }
  return `${STATES[state]} ${troubleWords(reason)}`;
}

/** What holds the register up, and what to do about it. */
export function troubleWords(reason: string): string {
  const code = reason as KktErrorCode;
  const advice = Object.hasOwn(KKT_ADVICE, code) ? KKT_ADVICE[code].hint : `See the log for ${reason}.`;
  const cause = CAUSES[code];
  return cause === undefined ? advice : `${cause} ${advice}`;
}
