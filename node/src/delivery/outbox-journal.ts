/**
 * The journal of an outbox in the node's own feeds: what became of a job is an entry, in a commit like any other.
 *
 * Guarantees: resolves only when the entries are durable. A disk that is full is waited for; the outbox must not go on meanwhile.
 * A failed try is not written: an outage of weeks would fill a journal that every peer replicates, and all it says is found out
 * again by trying. The rows remember it until they are lost.
 */
import { type EventBody, ProblemError } from '@branchline/model';
import type { OutboxJournal, OutboxRecord } from '@branchline/outbox';
import type { Clock } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';

/** Between two tries to write an outcome down. */
export const JOURNAL_RETRY_MS = 1_000;

export type Commit = (append: (transaction: Transaction) => void) => Promise<void>;
type Kept = Exclude<OutboxRecord, { type: 'attempted' }>;

export interface OutboxJournalOptions {
  readonly commit: Commit;
  readonly clock: Clock;
  readonly collection: string;
  /** Aborts when the node stops. */
  readonly signal: AbortSignal;
  /** Writes a record its own way; true when it did. */
  readonly writes?: (transaction: Transaction, record: Kept) => boolean;
}

export function outboxJournal(options: OutboxJournalOptions): OutboxJournal {
  const { commit, clock, collection, signal, writes } = options;
  return {
    append: async (records) => {
      const kept = records.filter((record): record is Kept => record.type !== 'attempted');
      while (kept.length > 0) {
        try {
          await commit((transaction) => {
            for (const record of kept) {
              if (writes?.(transaction, record) !== true) {
                const body: EventBody<'outbox-record'> = { record: { ...record } };
                transaction.append(collection, 'outbox-record', body);
              }
            }
          });
          return;
        } catch (error) {
          const isPassing = error instanceof ProblemError && error.code !== 'STORE_POISONED';
          if (!isPassing || signal.aborted) {
            throw error;
          }
          await clock.sleep(JOURNAL_RETRY_MS, { signal });
        }
      }
    },
  };
}

/** A record as the outbox knows it, read back from an entry. */
export function recordIn(body: EventBody<'outbox-record'>): OutboxRecord {
  return body.record as OutboxRecord;
}
