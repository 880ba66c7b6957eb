/**
 * What a person may do with a job in quarantine: put it back in line, or settle it by hand and say why.
 *
 * Guarantees: the act is durable before it has an effect; two people deciding about the same job at once get one decision and
 * one refusal; who did it is part of the record.
 */
import { OutboxError } from './errors.ts';
import { cutWords, type OutboxRecord, type Resolved, type Retried } from './facts.ts';
import type { JobRow } from './job-history.ts';

export interface OperatorDeskOptions {
  readonly find: (id: string) => Promise<JobRow | undefined>;
  readonly record: (record: OutboxRecord) => Promise<void>;
  readonly nowMs: () => number;
}

export class OperatorDesk {
  readonly #options: OperatorDeskOptions;
  readonly #deciding = new Set<string>();

  constructor(options: OperatorDeskOptions) {
    this.#options = options;
  }

  retry(id: string, { by }: { readonly by: string }): Promise<void> {
    return this.#decide(id, { type: 'retried', by: said(by, 'who does it') });
  }

  resolve(id: string, { by, reason }: { readonly by: string; readonly reason: string }): Promise<void> {
    const words = { by: said(by, 'who does it'), reason: said(reason, 'the reason') };
    return this.#decide(id, { type: 'resolved', ...words });
  }

  async #decide(id: string, act: Omit<Retried, Stamped> | Omit<Resolved, Stamped>): Promise<void> {
    if (this.#deciding.has(id)) {
      throw new OutboxError('OUTBOX_DECIDING', `somebody is deciding about ${id}`, { retryable: true });
    }
    this.#deciding.add(id);
    try {
      const job = await this.#options.find(id);
      if (job === undefined) throw new OutboxError('OUTBOX_JOB_UNKNOWN', `no job ${id}`);
      if (job.status !== 'quarantined') {
        throw new OutboxError('OUTBOX_NOT_QUARANTINED', `${id} is ${job.status}`, {
          hint: 'only a job in quarantine waits for a decision',
        });
      }
      await this.#options.record({ ...act, id, step: job.step + 1, atMs: this.#options.nowMs() });
    } finally {
      this.#deciding.delete(id);
    }
  }
}

type Stamped = 'id' | 'step' | 'atMs';

function said(text: string, what: string): string {
  const words = typeof text === 'string' ? cutWords(text.trim()) : '';
  if (words === '') throw new OutboxError('OUTBOX_REASON_MISSING', `an operator's act says ${what}`);
  return words;
}
