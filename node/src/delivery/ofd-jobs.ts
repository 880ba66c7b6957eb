/**
 * Fiscal documents on their way to the operator, as jobs: one per document, in line per storage.
 *
 * A document is a job from the moment the feeds say it is registered, whoever carries it: this node, or the register by itself. Its id
 * is its number in its storage, so however often it is told, also under a later key of this device, it is one job.
 */
import { type EventBody, eventBodies } from '@branchline/model';
import type { JobAdded, OutboxFact } from '@branchline/outbox';
import { stampMs } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { FedEntry } from './fact-feed.ts';
import { recordIn } from './outbox-journal.ts';

const ID = /^ofd\.(\d{16})\.(\d{1,10})$/;
/** What stands for a proof where nobody kept one. */
const TOLD = 'told by the storage';

export interface DocumentName {
  readonly fn: string;
  readonly fd: number;
}

export function jobOf({ fn, fd }: DocumentName): string {
  return `ofd.${fn}.${fd}`;
}

export function documentOf(job: string): DocumentName | undefined {
  const found = ID.exec(job);
  return found === null ? undefined : { fn: found[1]!, fd: Number(found[2]) };
}

/** `isOwn`: of this device, under this key or an earlier one. */
export function ofdFacts(entry: FedEntry, isOwn: (writer: string) => boolean): OutboxFact[] {
  if (!isOwn(entry.writer)) {
    return [];
  }
  const atMs = stampMs(entry.hlc);
  switch (entry.kind) {
    case 'receipt-record': {
      const { id, record } = eventBodies['receipt-record'].parse(entry.body);
      return record.type === 'fiscal' ? [added(record.outcome, id, atMs)] : [];
    }
    case 'receipt-ticket': {
      const { fn, fd, proof = TOLD } = eventBodies['receipt-ticket'].parse(entry.body);
      return [{ type: 'delivered', id: jobOf({ fn, fd }), proof, atMs }];
    }
    case 'outbox-job': {
      const { fn, fd, ref } = eventBodies['outbox-job'].parse(entry.body);
      return [added({ fn, fd }, ref, atMs)];
    }
    case 'outbox-record': {
      const record = recordIn(eventBodies['outbox-record'].parse(entry.body));
      return documentOf(record.id) === undefined ? [] : [record];
    }
    default:
      return [];
  }
}

function added({ fn, fd }: DocumentName, ref: string, addedMs: number): JobAdded {
  return { type: 'added', id: jobOf({ fn, fd }), key: fn, ref, addedMs };
}

/** Says that the operator has a document. */
export function sayTicket(
  transaction: Transaction,
  collection: string,
  { fn, fd }: DocumentName,
  proof: string,
): void {
  const body: EventBody<'receipt-ticket'> = { fn, fd, proof };
  transaction.append(collection, 'receipt-ticket', body);
}
