/**
 * S-28: what is still to be delivered, in words, and an operator's decisions about what stands in quarantine.
 *
 * Guarantees: a decision is an ordinary commit under an Idempotency-Key, durable with its answer; of two people deciding at once
 * one is told that it is decided. Receipts in review stand in the same list; deciding about them is the fiscal desk's.
 */
import {
  type DecidedItem,
  type EventBody,
  type OutboxStatus,
  ProblemError,
  type QuarantineItem,
  type QuarantinePage,
} from '@branchline/model';
import type { JobRow, KeyReport, OutboxReport } from '@branchline/outbox';
import { type Clock, isoTime } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { WriteAnswer, WriteRequest } from '../services.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import type { OfdDelivery } from './ofd-delivery.ts';
import { documentOf } from './ofd-jobs.ts';
import type { Webhooks } from './webhooks.ts';

/** Receipts that wait for a person, and what the desk can do about them. */
export interface ReceiptReviews {
  list(): Promise<readonly QuarantineItem[]>;
}

export interface OutboxDeskOptions {
  readonly clock: Clock;
  readonly branch: string;
  readonly ofd: OfdDelivery | undefined;
  readonly webhooks: Webhooks | undefined;
  readonly reviews: ReceiptReviews | undefined;
  readonly submit: <Answer>(
    request: WriteRequest<unknown>,
    decide: (transaction: Transaction) => Promise<{ status: number; body: Answer }>,
  ) => Promise<WriteAnswer<Answer>>;
}

interface Held {
  readonly queue: DeliveryQueue;
  readonly job: JobRow;
  readonly collection: string;
}

const NONE = { pending: 0, quarantined: 0, delivered: 0, resolved: 0 };

export class OutboxDesk {
  readonly #options: OutboxDeskOptions;
  readonly #deciding = new Set<string>();

  constructor(options: OutboxDeskOptions) {
    this.#options = options;
  }

  async status(): Promise<OutboxStatus> {
    const { ofd, webhooks } = this.#options;
    const lines: OutboxStatus['lines'] = [];
    const totals = { ...NONE };
    for (const queue of [ofd?.queue, webhooks?.queue]) {
      if (queue === undefined) {
        continue;
      }
      const report = await queue.report();
      for (const name of ['pending', 'quarantined', 'delivered', 'resolved'] as const) {
        totals[name] += report.totals[name];
      }
      const name = (key: string): string => (queue === webhooks?.queue ? webhooks.nameOf(key) : key);
      const kind = queue === ofd?.queue ? 'ofd' : 'webhook';
      lines.push(
        ...report.keys.map((line) => lineOf(line, report, { kind, name, delivers: queue.delivers })),
      );
    }
    return { lines, totals };
  }

  /** By id: first what the operator refuses, then refused events, then receipts. */
  async quarantine({ after, limit }: { after?: string | undefined; limit: number }): Promise<QuarantinePage> {
    const { ofd, webhooks, reviews } = this.#options;
    const items: QuarantineItem[] = [];
    for (const queue of [ofd?.queue, webhooks?.queue]) {
      for (let last: JobRow | undefined; queue !== undefined; ) {
        const page = await queue.quarantined(last === undefined ? {} : { after: last });
        items.push(...page.map((job) => itemOf(job, (key) => webhooks?.nameOf(key) ?? key)));
        last = page.at(-1);
        if (last === undefined) {
          break;
        }
      }
    }
    items.push(...((await reviews?.list()) ?? []));
    const from = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
    const page = items.slice(from, from + limit);
    const isMore = from + page.length < items.length;
    return { items: page, ...(isMore ? { next: page.at(-1)!.id } : {}) };
  }

  retry(id: string, request: WriteRequest<unknown>): Promise<WriteAnswer<DecidedItem>> {
    return this.#decide(id, request, 'pending', (base, by) => ({ type: 'retried', ...base, by }));
  }

  resolve(id: string, request: WriteRequest<{ readonly reason: string }>): Promise<WriteAnswer<DecidedItem>> {
    const { reason } = request.body;
    return this.#decide(id, request, 'resolved', (base, by) => ({ type: 'resolved', ...base, by, reason }));
  }

  async #decide(
    id: string,
    request: WriteRequest<unknown>,
    state: DecidedItem['state'],
    recordOf: (
      base: { id: string; step: number; atMs: number },
      by: string,
    ) => EventBody<'outbox-record'>['record'],
  ): Promise<WriteAnswer<DecidedItem>> {
    const { submit, clock } = this.#options;
    try {
      const answer = await submit(request, async (transaction) => {
        const { job, collection } = await this.#find(id);
        if (job.status !== 'quarantined' || this.#deciding.has(id)) {
          const words = job.status === 'quarantined' ? 'just being decided about' : job.status;
          throw new ProblemError('OUTBOX_NOT_QUARANTINED', `${id} is ${words}.`);
        }
        this.#deciding.add(id);
        const base = { id, step: job.step + 1, atMs: clock.nowMs() };
        const body: EventBody<'outbox-record'> = { record: recordOf(base, request.till.till) };
        transaction.append(collection, 'outbox-record', body);
        return { status: 200, body: { id, state } };
      });
      await this.#queueOf(id)?.settled();
      return answer;
    } finally {
      this.#deciding.delete(id);
    }
  }

  #queueOf(id: string): DeliveryQueue | undefined {
    const { ofd, webhooks } = this.#options;
    return documentOf(id) === undefined ? webhooks?.queue : ofd?.queue;
  }

  async #find(id: string): Promise<Held> {
    const queue = this.#queueOf(id);
    const job = await queue?.job(id);
    if (queue === undefined || job === undefined) {
      throw new ProblemError('OUTBOX_ITEM_NOT_FOUND', `The outbox has no item ${id}.`);
    }
    const collection = documentOf(id) === undefined ? 'local' : `receipts/${this.#options.branch}`;
    return { queue, job, collection };
  }
}

function lineOf(
  line: KeyReport,
  report: OutboxReport,
  of: {
    readonly kind: 'ofd' | 'webhook';
    readonly name: (key: string) => string;
    readonly delivers: boolean;
  },
): OutboxStatus['lines'][number] {
  const { key, pending, quarantined, retryInMs, oldest, destination } = line;
  const breaker = report.destinations.find((one) => one.destination === destination)?.breaker ?? 'closed';
  return {
    key: of.name(key),
    kind: of.kind,
    words: of.delivers
      ? wordsOf(line, breaker)
      : 'The register delivers by itself; what it has delivered is taken off.',
    pending,
    quarantined,
    breaker,
    ...(retryInMs === undefined ? {} : { retryInMs: Math.ceil(retryInMs) }),
    ...(oldest === undefined
      ? {}
      : {
          oldest: {
            id: oldest.id,
            addedAt: isoTime(oldest.addedMs),
            ageMs: Math.round(oldest.ageMs),
            attempts: oldest.attempts,
            ...(oldest.last === undefined ? {} : { last: remarkOf(oldest.last) }),
          },
        }),
  };
}

function wordsOf({ phase, quarantined, pending }: KeyReport, breaker: string): string {
  if (phase === 'held') {
    return `${pending} wait behind one that is refused: decide about it, see /v1/outbox/quarantine.`;
  }
  if (breaker !== 'closed') {
    return `The other side does not answer; ${pending} wait and are sent by themselves.`;
  }
  const aside = quarantined === 0 ? '' : ` ${quarantined} are refused and wait for a decision.`;
  return phase === 'waiting'
    ? `The last try failed; the next comes by itself.${aside}`
    : `Being sent.${aside}`;
}

function itemOf(job: JobRow, nameOf: (key: string) => string): QuarantineItem {
  const { id, addedMs, attempts } = job;
  const document = documentOf(id);
  const why = 'last' in job && job.last !== undefined ? remarkOf(job.last) : { code: '', words: '', at: '' };
  const words =
    document === undefined
      ? {
          kind: 'webhook' as const,
          what: `Event ${id.split('.').slice(2, 4).join('.')} for ${nameOf(job.key)}`,
          todo: 'Mend the receiver and retry, or resolve with a reason; later events were sent.',
        }
      : {
          kind: 'ofd' as const,
          what: `Fiscal document ${document.fd} of storage ${document.fn}`,
          todo: 'Call the operator of fiscal data with this number. Retry when they accept it; later documents of this storage wait behind it.',
        };
  return { id, ...words, why, addedAt: isoTime(addedMs), attempts, acts: ['retry', 'resolve'] };
}

function remarkOf({ code, words, atMs }: { code: string; words: string; atMs: number }) {
  return { code, words, at: isoTime(atMs) };
}
