/**
 * What no register could print is refused before it is accepted: nobody leaves a shop with goods whose receipt cannot be made.
 *
 * Judged by the register that is connected, once it has said who it is; before that by the newest format, and then only for what no
 * register forgives: sums, size, contact. Whether the device is there, has paper or works has no part in this: a sale never waits.
 */
import { composeReceipt, type Receipt, type ReceiptDevice, type ReceiptProblem } from '@branchline/fiscal';
import { ProblemError } from '@branchline/model';

/** Not a matter of what was sold: somebody at the register mends them, and the receipt is printed. */
const MENDED_LATER: ReadonlySet<string> = new Set(['RECEIPT_TAX_SYSTEM_UNKNOWN', 'RECEIPT_DATE_INVALID']);
/** Known only of a device that has said who it is. */
const OF_THE_DEVICE: ReadonlySet<string> = new Set([
  'RECEIPT_VAT_UNKNOWN',
  'RECEIPT_VAT_MIXED',
  'RECEIPT_VAT_DATE',
  'RECEIPT_MARKING_INVALID',
  'RECEIPT_AGENT_INVALID',
]);
/** Problems told at once. */
export const PROBLEMS_TOLD_MAX = 20;

export interface KnownDevice {
  readonly device: ReceiptDevice;
  /** False for the guess before the first contact. */
  readonly isMet: boolean;
}

export function guessedDevice(receipt: Receipt, day: string): KnownDevice {
  return { device: { ffd: '1.2', day, taxSystems: [receipt.taxSystem] }, isMet: false };
}

/** Throws the refusal for a till; silent when the receipt can be printed. */
export function guardReceipt(receipt: Receipt, { device, isMet }: KnownDevice): void {
  const composition = composeReceipt(receipt, device);
  if (composition.ok) {
    return;
  }
  const problems = composition.problems.filter(
    ({ code }) => !MENDED_LATER.has(code) && (isMet || !OF_THE_DEVICE.has(code)),
  );
  const [first] = problems;
  if (first !== undefined) {
    throw refusalOf(first, problems);
  }
}

function refusalOf(first: ReceiptProblem, problems: readonly ReceiptProblem[]): ProblemError {
  const errors = problems
    .slice(0, PROBLEMS_TOLD_MAX)
    .map(({ code, path, detail, hint }) => ({ path, reason: `${code}: ${detail} ${hint}` }));
  const detail = `${first.detail} ${first.hint}`;
  switch (first.code) {
    case 'RECEIPT_TOO_LARGE':
      return new ProblemError('RECEIPT_TOO_LARGE', detail, { errors });
    case 'RECEIPT_TOTAL_ZERO':
      return new ProblemError('RECEIPT_TOTAL_ZERO', detail, { errors });
    case 'RECEIPT_MARKING_REFUSED':
      return new ProblemError('MARKING_REFUSED', detail, { errors });
    default:
      return new ProblemError('RECEIPT_INVALID', detail, { errors });
  }
}
