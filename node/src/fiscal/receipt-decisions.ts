/**
 * What a person decides about a receipt no program could settle: it was printed as document n, it is to be printed again, there
 * will be none. Audited: who, what and why stand in the receipts feed, in the same commit as the records that follow from it.
 *
 * Guarantees: a document is named once (not one that another job registered, not one older than the receipt); a receipt the register
 * is at work with is let go first and not touched again before the decision is durable.
 * Does not: look at the paper. `toDecideWords` says what to look at.
 */
import type { JobRecord } from '@branchline/fiscal';
import { type EventBody, type FiscalReceipt, ProblemError, type ReceiptDecision } from '@branchline/model';
import type { CommitPipeline } from '../commit/commit-pipeline.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { WriteAnswer, WriteRequest } from '../services.ts';
import type { FiscalDesk } from './fiscal-desk.ts';
import { isSettlement } from './receipt-of-order.ts';
import { type KnownReceipt, type Receipts, stateAfter } from './receipts.ts';

const DECIDABLE: ReadonlySet<string> = new Set(['review', 'failed', 'uncertain']);

export interface DecisionOptions {
  readonly branch: string;
  readonly receipts: Receipts;
  readonly desk: FiscalDesk;
  readonly pipeline: CommitPipeline;
  readonly receipt: (id: string) => Promise<FiscalReceipt | undefined>;
}

export async function decideReceipt(
  { branch, receipts, desk, pipeline, receipt }: DecisionOptions,
  id: string,
  request: WriteRequest<ReceiptDecision>,
): Promise<WriteAnswer<FiscalReceipt>> {
  const release = await desk.letGo(id);
  try {
    const answer = await pipeline.submit(request, async (transaction) => {
      const known = await receipts.get(id);
      if (known === undefined || !isSettlement(known.what)) {
        throw new ProblemError('RECEIPT_NOT_FOUND', 'No fiscal receipt with this id is known to this node.');
      }
      if (!receipts.begun.has(id) && !receipts.unsettled.has(id)) {
        throw new ProblemError('RECEIPT_SETTLED', `The receipt is ${stateAfter(known.last)}.`);
      }
      if (known.outcome !== undefined) {
        const detail = `It is document ${known.outcome.fd} already; what is missing is paper.`;
        throw new ProblemError('RECEIPT_SETTLED', detail);
      }
      const records = await recordsOf(request.body, known, receipts);
      append(transaction, branch, id, request, records);
      return { status: 200, body: { id } };
    });
    return { ...answer, body: (await receipt(id))! };
  } finally {
    release();
  }
}

async function recordsOf(
  decision: ReceiptDecision,
  known: KnownReceipt,
  receipts: Receipts,
): Promise<JobRecord[]> {
  const [first] = await receipts.recordsOf(known.id);
  const attempt = first?.type === 'intent' ? first.intent.attempt : 0;
  switch (decision.decision) {
    case 'print-again':
      return [{ type: 'cleared', attempt }];
    case 'none':
      return [{ type: 'failed', attempts: attempt, reason: 'KKT_REFUSED' }];
    case 'printed': {
      const intent = first?.type === 'intent' ? first.intent : undefined;
      const fn = intent?.fn ?? receipts.storage;
      const { fd, fp } = decision;
      const owner = fn && receipts.ownerOf(fn, fd);
      const path = '/fd';
      if (fn === undefined || (intent !== undefined && fd <= intent.lastFd)) {
        const reason = `Document ${fd} is older than the receipt; its number is above ${intent?.lastFd}.`;
        throw new ProblemError('RECEIPT_INVALID', reason, { errors: [{ path, reason }] });
      }
      if (owner !== undefined && owner !== known.id) {
        const reason = `Document ${fd} is that of receipt ${owner}.`;
        throw new ProblemError('RECEIPT_INVALID', reason, { errors: [{ path, reason }] });
      }
      const outcome = { fn, fd, fp: Number(fp), evidence: 'operator' } as const;
      return [{ type: 'fiscal', outcome }, { type: 'printed' }];
    }
    default:
      return decision satisfies never;
  }
}

function append(
  transaction: Transaction,
  branch: string,
  id: string,
  { body, till: { till } }: WriteRequest<ReceiptDecision>,
  records: readonly JobRecord[],
): void {
  const collection = `receipts/${branch}`;
  for (const record of records) {
    transaction.append(collection, 'receipt-record', { id, record });
  }
  const decided: EventBody<'receipt-decision'> = {
    id: id as EventBody<'receipt-decision'>['id'],
    till: till as EventBody<'receipt-decision'>['till'],
    ...body,
  };
  transaction.append(collection, 'receipt-decision', decided);
}

/** What to look at before deciding; undefined where there is nothing to decide. */
export function toDecideWords(
  state: FiscalReceipt['state'],
  totalMinor: number,
  known: KnownReceipt,
  lastFd: number | undefined,
): string | undefined {
  if (!DECIDABLE.has(state) || known.decision !== undefined) {
    return undefined;
  }
  const sum = `${Math.floor(totalMinor / 100)}.${String(totalMinor % 100).padStart(2, '0')}`;
  if (state === 'failed') {
    return `Nothing was registered. Mend the cause and decide "print-again", or "none" when the sale of ${sum} was undone.`;
  }
  const since = lastFd === undefined ? '' : ` after document ${lastFd}`;
  return (
    `Look at the paper and at the archive of the register for a receipt of ${sum}${since}. If there is one, decide "printed" with ` +
    'its FD and FP; if certainly none, "print-again"; if the sale was undone, "none".'
  );
}

/** What was decided, for whoever reads the receipt later. */
export function decisionWords({ decision, till, reason }: EventBody<'receipt-decision'>): string {
  switch (decision) {
    case 'printed':
      return `${till} found it on paper: ${reason}`;
    case 'print-again':
      return `${till} has it printed again: ${reason}`;
    case 'none':
      return `${till} decided that there will be no document: ${reason}`;
    default:
      return decision satisfies never;
  }
}
