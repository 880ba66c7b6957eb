/**
 * The register of this node and its way to the operator, as programs ask about them: how much waits, what a document says of itself,
 * what became of its delivery, and delivery by hand. Reads what the desk, the watch and the outbox know; changes nothing durable.
 *
 * Guarantees: a document is called delivered when its ticket is in the feeds, never before; `deliverNow` runs once at a time, ends
 * by itself, and counts what really happened.
 */
import { decodeTagList, type FfdVersion, findTag, type KktIdentity } from '@branchline/fiscal';
import { ProblemError } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import { type OfdDelivery, WAITING_MARK } from '../delivery/ofd-delivery.ts';
import { jobOf } from '../delivery/ofd-jobs.ts';
import type { FiscalDesk } from './fiscal-desk.ts';
import { healthOf } from './outbox-health.ts';
import type { Receipts } from './receipts.ts';

/** The longest one delivery by hand is waited for. */
export const DELIVER_WITHIN_MS = 25_000;
const LOOK_MS = 50;
const RECEIPT_FORM = 3;
const TAG = { registration: 1037, shift: 1038, receiptNumber: 1042 } as const;

export interface BufferFacts {
  /** The mark that is 100 %: nothing is refused beyond it. */
  readonly capacity: number;
  /** Receipts not registered and documents the operator does not have. */
  readonly pending: number;
  readonly delivered: number;
  /** What waits for a person: refused documents, receipts to decide about. */
  readonly undecided: number;
  /** When the oldest of them came about, and its document or receipt. */
  readonly oldest: { readonly id: string; readonly addedMs: number } | undefined;
  readonly breaker: 'closed' | 'open' | 'half-open';
  /** Tries since the start. */
  readonly failures: number;
  readonly successes: number;
  readonly lastFailureMs: number | undefined;
  readonly lastDeliveryMs: number | undefined;
}

/** What the storage has of a registered receipt. */
export interface DocumentFacts {
  readonly fn: string;
  readonly fd: number;
  readonly fp: number;
  readonly identity: KktIdentity | undefined;
  /** From the document itself, where its tags were kept. */
  readonly shift: number | undefined;
  readonly receiptNumber: number | undefined;
  readonly registrationNumber: string | undefined;
}

export interface DeliveryHistory {
  readonly attempts: number;
  readonly isRefused: boolean;
  readonly lastError: string | undefined;
  readonly deliveredMs: number | undefined;
}

export interface DeliveredNow {
  readonly delivered: number;
  readonly failed: number;
  readonly left: number;
  readonly tookMs: number;
}

export interface RegisterService {
  readonly isConfigured: boolean;
  /** What keeps the register from working now, by code. */
  readonly trouble: string | undefined;
  /** Whether a program of this node takes care of what waits. */
  readonly isRunning: boolean;
  readonly identity: KktIdentity | undefined;
  buffer(): Promise<BufferFacts>;
  /** The receipt that registered the document; without `fn`, of the storage in use. */
  receiptOf(fd: number, fn?: string): Promise<string | undefined>;
  /** Undefined before it is registered. */
  document(receipt: string): Promise<DocumentFacts | undefined>;
  history(receipt: string): Promise<DeliveryHistory | undefined>;
  /** Tries at once whatever waits. `DELIVERY_RUNNING` while somebody else's is under way. */
  deliverNow(signal: AbortSignal): Promise<DeliveredNow>;
  /** A person says that the operator answers again. */
  resetBreaker(): void;
}

export interface RegisterServiceOptions {
  readonly desk: FiscalDesk | undefined;
  readonly ofd: OfdDelivery | undefined;
  readonly receipts: Receipts;
  /** Documents that wait in the storage, as seen last. */
  readonly waiting: () => number;
  readonly clock: Clock;
}

export class RegisterDesk implements RegisterService {
  readonly #options: RegisterServiceOptions;
  #isDelivering = false;
  isRunning = false;

  constructor(options: RegisterServiceOptions) {
    this.#options = options;
  }

  get isConfigured(): boolean {
    return this.#options.desk !== undefined;
  }

  get trouble(): string | undefined {
    return this.#options.desk?.trouble;
  }

  get identity(): KktIdentity | undefined {
    return this.#options.desk?.identity;
  }

  async buffer(): Promise<BufferFacts> {
    const { ofd, receipts, waiting } = this.#options;
    const report = await ofd?.queue.report();
    const { breaker } = healthOf(ofd, 0, 0);
    const totals = report?.totals;
    // Where this node carries, every document is a job; what was seen in the storage is older than that.
    const queued = totals?.pending ?? 0;
    const documents = ofd?.queue.delivers === true ? queued : Math.max(queued, waiting());
    const pending = receipts.open.size + documents;
    const ages = (report?.keys ?? []).flatMap(({ oldest }) => (oldest === undefined ? [] : [oldest]));
    ages.sort((one, other) => one.addedMs - other.addedMs);
    return {
      capacity: WAITING_MARK,
      pending,
      delivered: totals?.delivered ?? 0,
      undecided: (totals?.quarantined ?? 0) + receipts.unsettled.size,
      oldest: ages[0],
      breaker,
      failures: ofd?.tries.failed ?? 0,
      successes: ofd?.delivered ?? 0,
      lastFailureMs: ofd?.tries.lastFailureMs,
      lastDeliveryMs: ofd?.tries.lastDeliveryMs,
    };
  }

  async receiptOf(fd: number, fn = this.#options.receipts.storage): Promise<string | undefined> {
    return fn === undefined ? undefined : await this.#options.receipts.receiptOf(fn, fd);
  }

  async document(receipt: string): Promise<DocumentFacts | undefined> {
    const { receipts, desk } = this.#options;
    const outcome = (await receipts.get(receipt))?.outcome;
    if (outcome === undefined) {
      return undefined;
    }
    const { fn, fd, fp } = outcome;
    const identity = desk?.identity;
    const bytes = await receipts.tagsOf(fn, fd);
    const read = bytes === undefined ? () => undefined : reader(bytes, identity?.receipts.ffd ?? '1.2');
    const registrationNumber = read(TAG.registration);
    return {
      fn,
      fd,
      fp,
      identity,
      shift: numberOf(read(TAG.shift)),
      receiptNumber: numberOf(read(TAG.receiptNumber)),
      registrationNumber: typeof registrationNumber === 'string' ? registrationNumber.trim() : undefined,
    };
  }

  async history(receipt: string): Promise<DeliveryHistory | undefined> {
    const { receipts, ofd } = this.#options;
    const outcome = (await receipts.get(receipt))?.outcome;
    const job = outcome && (await ofd?.queue.job(jobOf(outcome)));
    if (job === undefined) {
      return undefined;
    }
    const last = 'last' in job ? job.last : undefined;
    return {
      attempts: job.attempts,
      isRefused: job.status === 'quarantined',
      lastError: last === undefined ? undefined : `${last.code}: ${last.words}`,
      deliveredMs: job.status === 'delivered' ? job.atMs : undefined,
    };
  }

  async deliverNow(signal: AbortSignal): Promise<DeliveredNow> {
    if (this.#isDelivering) {
      throw new ProblemError('DELIVERY_RUNNING', 'Somebody else has asked for it a moment ago.');
    }
    this.#isDelivering = true;
    try {
      return await this.#deliver(signal);
    } finally {
      this.#isDelivering = false;
    }
  }

  resetBreaker(): void {
    this.#options.ofd?.queue.hurry();
  }

  async #deliver(signal: AbortSignal): Promise<DeliveredNow> {
    const { clock, ofd, desk } = this.#options;
    const fromMs = clock.monotonicMs();
    const before = await this.buffer();
    ofd?.queue.hurry();
    desk?.wake();
    let now = before;
    // One failed try says enough about the way; what is left is tried again by itself.
    const isOver = (): boolean =>
      now.pending === 0 || now.failures > before.failures || now.undecided > before.undecided;
    while (!isOver() && !signal.aborted && clock.monotonicMs() - fromMs < DELIVER_WITHIN_MS) {
      await clock.sleep(LOOK_MS, { signal }).catch(() => undefined);
      now = await this.buffer();
    }
    return {
      delivered: now.delivered - before.delivered,
      failed: now.failures - before.failures + Math.max(0, now.undecided - before.undecided),
      left: now.pending,
      tookMs: clock.monotonicMs() - fromMs,
    };
  }
}

function reader(bytes: Uint8Array, ffd: FfdVersion): (tag: number) => unknown {
  try {
    const nodes = decodeTagList(bytes, ffd, RECEIPT_FORM);
    return (tag) => findTag(nodes, tag)?.value;
  } catch {
    // A document of another version than the device says now: what it tells of itself stays unknown.
    return () => undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
