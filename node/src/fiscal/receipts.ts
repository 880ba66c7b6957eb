/**
 * Fiscal receipts as feeds tell of them: what is wanted, how far it got, what the storage gave it, whether the operator has it.
 *
 * Every write is a plain put from one entry, so rows of other branches need no room in memory. What this device still has to
 * register is also held in memory, oldest first: the queue of the fiscal desk. A job of another writer is never in it, also
 * not of an earlier key of this device: whether that one printed in the meantime only its own feed can tell.
 */
import type { JobIntent, JobOutcome, JobRecord } from '@branchline/fiscal';
import { type EventBody, eventBodies, type ReceiptState } from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after, ordinal, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

/** Documents of the storage in use whose job is known by heart; a search reaches back 64. */
export const CLAIMS_HELD_MAX = 1_000;

/** Documents a search for what an earlier key left begins before the last one known; as many may be new. */
export const INHERITED_BACK = 32;

const COLLECTION = /^receipts\/([^/]+)$/;

export type ReceiptBody = EventBody<'receipt'>;
export type ShiftWanted = Extract<ReceiptBody['what'], { kind: 'shift-open' | 'shift-close' }> & {
  readonly kind: 'shift-open' | 'shift-close';
};

export interface ReceiptRow {
  readonly branch: string;
  readonly what: ReceiptBody['what'];
}

/** Everything that is durable about one receipt. */
export interface KnownReceipt extends ReceiptRow {
  readonly id: string;
  readonly last: JobRecord | undefined;
  readonly outcome: JobOutcome | undefined;
  readonly isDelivered: boolean;
  /** What a person decided about it last. */
  readonly decision: EventBody<'receipt-decision'> | undefined;
}

export interface OpenShift {
  readonly shift: number;
  readonly openedMs: number;
}

export interface ReceiptsOptions {
  readonly rows: Rows;
  /** This device. */
  readonly writer: string;
  /** Keys this device had before: what they left is its own to finish. */
  readonly formers?: readonly string[];
  /** Called for every record that is not of the past. */
  readonly onChanged: (id: string, state: ReceiptState, entry: ProjectedEntry) => void;
}

export class Receipts implements Projection {
  readonly kinds = [
    'receipt',
    'receipt-record',
    'receipt-ticket',
    'receipt-storage',
    'receipt-document',
    'receipt-decision',
  ];
  readonly #options: ReceiptsOptions;
  readonly #open = new Set<string>();
  readonly #begun = new Set<string>();
  /** Left by an earlier key; what that key did last may be known only to the storage. */
  readonly #inherited = new Set<string>();
  readonly #unsettled = new Set<string>();
  readonly #claims = new Map<string, string>();
  #storage: string | undefined;
  #listener: (() => void) | undefined;

  private constructor(options: ReceiptsOptions) {
    this.#options = options;
  }

  static async open(options: ReceiptsOptions): Promise<Receipts> {
    const { rows, writer, formers = [] } = options;
    const receipts = new Receipts(options);
    for (const own of [...formers, writer]) {
      const queue = rowKeys.receiptQueue(own, '');
      for await (const [key] of rows.texts({ after: queue, below: after(queue) })) {
        const id = key.slice(queue.length);
        receipts.#open.add(id);
        if (own === writer) {
          receipts.#inherited.delete(id);
        } else {
          receipts.#inherited.add(id);
        }
      }
    }
    const unsettled = rowKeys.receiptUnsettled(writer, '');
    for await (const [key] of rows.texts({ after: unsettled, below: after(unsettled) })) {
      receipts.#unsettled.add(key.slice(unsettled.length));
    }
    const open = [...receipts.#open];
    const lasts = await rows.getTexts(open.map(rowKeys.receiptLast));
    for (const [at, id] of open.entries()) {
      const text = lasts[at];
      const last = text === undefined ? undefined : (JSON.parse(text) as JobRecord);
      if (last !== undefined && isBegun(last)) {
        receipts.#begun.add(id);
      }
      // The queue of an earlier key is never taken off by another.
      if (last?.type === 'printed' || last?.type === 'failed' || last?.type === 'review') {
        receipts.#open.delete(id);
      }
    }
    for (const own of [writer, ...formers.toReversed()]) {
      receipts.#storage ??= await rows.getText(rowKeys.receiptStorage(own));
    }
    if (receipts.#storage !== undefined) {
      const prefix = rowKeys.receiptDocument(receipts.#storage, '');
      const range = { after: prefix, below: after(prefix), limit: CLAIMS_HELD_MAX, reverse: true };
      for await (const [key, id] of rows.texts(range)) {
        receipts.#claims.set(key, id);
      }
    }
    return receipts;
  }

  /** The storage this device registers with; undefined before its first contact. */
  get storage(): string | undefined {
    return this.#storage;
  }

  /** Receipts of this device that are not registered and on paper, oldest first. */
  get open(): ReadonlySet<string> {
    return this.#open;
  }

  /** Receipts of this device that need somebody to decide, oldest first. */
  get unsettled(): ReadonlySet<string> {
    return this.#unsettled;
  }

  /** Called for every receipt and record that is not of the past; one listener, the desk. */
  watch(listener: () => void): void {
    this.#listener = listener;
  }

  /** Those of them that may have reached the storage: one at most, unless records were lost. */
  get begun(): ReadonlySet<string> {
    return this.#begun;
  }

  /** Which job registered the document. */
  ownerOf(fn: string, fd: number): string | undefined {
    return this.#claims.get(rowKeys.receiptDocument(fn, ordinal(fd)));
  }

  /** Which receipt registered the document; of any storage known here. */
  async receiptOf(fn: string, fd: number): Promise<string | undefined> {
    return await this.#options.rows.getText(rowKeys.receiptDocument(fn, ordinal(fd)));
  }

  apply(entry: ProjectedEntry): void {
    const branch = COLLECTION.exec(entry.collection)?.[1];
    if (branch === undefined) {
      return;
    }
    const { rows, writer } = this.#options;
    switch (entry.kind) {
      case 'receipt': {
        const { id, what } = eventBodies.receipt.parse(entry.body);
        rows.putText(rowKeys.receipt(id), JSON.stringify({ branch, what } satisfies ReceiptRow));
        this.#setOpen(entry.writer, id, true);
        this.#tell(id, undefined, entry);
        break;
      }
      case 'receipt-record': {
        this.#record(eventBodies['receipt-record'].parse(entry.body), entry);
        break;
      }
      case 'receipt-ticket': {
        const { fn, fd } = eventBodies['receipt-ticket'].parse(entry.body);
        rows.putText(rowKeys.receiptTicket(fn, ordinal(fd)), '');
        break;
      }
      case 'receipt-document': {
        const { fn, fd, tags } = eventBodies['receipt-document'].parse(entry.body);
        rows.putBytes(rowKeys.receiptTags(fn, ordinal(fd)), tags);
        break;
      }
      case 'receipt-decision': {
        // What follows from it are records, written before it; this says who decided, and that nobody has to any more.
        const decided = eventBodies['receipt-decision'].parse(entry.body);
        rows.putText(rowKeys.receiptDecision(decided.id), JSON.stringify(decided));
        this.#setUnsettled(entry.writer, decided.id, false);
        this.#listenerOf(entry);
        break;
      }
      default: {
        const { fn } = eventBodies['receipt-storage'].parse(entry.body);
        rows.putText(rowKeys.receiptStorage(entry.writer), fn);
        if (entry.writer === writer) {
          this.#storage = fn;
        }
      }
    }
  }

  async get(id: string): Promise<KnownReceipt | undefined> {
    const { rows } = this.#options;
    const [text, last, fiscal, decision] = await rows.getTexts([
      rowKeys.receipt(id),
      rowKeys.receiptLast(id),
      rowKeys.receiptOutcome(id),
      rowKeys.receiptDecision(id),
    ]);
    if (text === undefined) {
      return undefined;
    }
    const outcome = fiscal === undefined ? undefined : (JSON.parse(fiscal) as JobOutcome);
    const ticket = outcome && (await rows.getText(rowKeys.receiptTicket(outcome.fn, ordinal(outcome.fd))));
    return {
      ...(JSON.parse(text) as ReceiptRow),
      id,
      last: last === undefined ? undefined : (JSON.parse(last) as JobRecord),
      outcome,
      isDelivered: ticket !== undefined,
      decision: decision === undefined ? undefined : JSON.parse(decision),
    };
  }

  /** The number a job of a shift was begun with. */
  async shiftNumber(id: string): Promise<number | undefined> {
    const text = await this.#options.rows.getText(rowKeys.receiptShiftNumber(id));
    return text === undefined ? undefined : Number(text);
  }

  /** The tags of a document as its storage holds them, where they were kept. */
  async tagsOf(fn: string, fd: number): Promise<Uint8Array | undefined> {
    return await this.#options.rows.getBytes(rowKeys.receiptTags(fn, ordinal(fd)));
  }

  /** Jobs that registered documents of a storage, youngest first, below a number. */
  async *jobsBelow(fn: string, fd: number, limit: number): AsyncGenerator<{ fd: number; id: string }> {
    const prefix = rowKeys.receiptDocument(fn, '');
    const range = { after: prefix, below: rowKeys.receiptDocument(fn, ordinal(fd)), limit, reverse: true };
    for await (const [key, id] of this.#options.rows.texts(range)) {
      yield { fd: Number(key.slice(prefix.length)), id };
    }
  }

  /** The durable states of many, in their order. */
  async states(ids: readonly string[]): Promise<ReceiptState[]> {
    const texts = await this.#options.rows.getTexts(ids.map(rowKeys.receiptLast));
    return texts.map((text) => stateAfter(text === undefined ? undefined : (JSON.parse(text) as JobRecord)));
  }

  /** Records that lead to the same state as all records of the job: what a restart goes on from. */
  async recordsOf(id: string): Promise<JobRecord[]> {
    const { rows } = this.#options;
    const keys = [rowKeys.receiptIntent(id), rowKeys.receiptOutcome(id), rowKeys.receiptLast(id)];
    const [intent, outcome, last] = (await rows.getTexts(keys)).map((text) =>
      text === undefined ? undefined : (JSON.parse(text) as unknown),
    ) as [JobIntent | undefined, JobOutcome | undefined, JobRecord | undefined];
    if (this.#inherited.has(id) && (last === undefined || last.type === 'cleared')) {
      return this.#asIfBegun(last?.attempt ?? 1);
    }
    if (last === undefined) {
      return [];
    }
    if (outcome !== undefined) {
      const fiscal: JobRecord = { type: 'fiscal', outcome };
      return last.type === 'printed' ? [fiscal, last] : [fiscal];
    }
    return last.type === 'review' && intent !== undefined ? [{ type: 'intent', intent }, last] : [last];
  }

  /**
   * What an earlier key left may have been registered after the last that is known of it, by a machine that was restored since: the
   * storage is searched for it before anything is registered, and where that cannot tell, somebody is asked.
   */
  #asIfBegun(attempt: number): JobRecord[] {
    if (this.#storage === undefined) {
      return [];
    }
    const prefix = rowKeys.receiptDocument(this.#storage, '');
    const known = [...this.#claims.keys()].filter((key) => key.startsWith(prefix));
    const lastKnown = Math.max(0, ...known.map((key) => Number(key.slice(prefix.length))));
    const lastFd = Math.max(0, lastKnown - INHERITED_BACK);
    return [{ type: 'intent', intent: { attempt, fn: this.#storage, lastFd } }];
  }

  #isOwn(writer: string): boolean {
    const { writer: present, formers } = this.#options;
    return writer === present || formers?.includes(writer) === true;
  }

  /** The shift a job of this device opened and none has closed. */
  async shift(): Promise<OpenShift | undefined> {
    const text = await this.#options.rows.getText(rowKeys.receiptShift(this.#options.writer));
    return text === undefined || text === '' ? undefined : (JSON.parse(text) as OpenShift);
  }

  #record(body: EventBody<'receipt-record'>, entry: ProjectedEntry): void {
    const { id, shift } = body;
    const record = body.record as JobRecord;
    const { rows } = this.#options;
    rows.putText(rowKeys.receiptLast(id), JSON.stringify(record));
    if (shift !== undefined) {
      rows.putText(rowKeys.receiptShiftNumber(id), String(shift.number));
    }
    this.#begun.delete(id);
    if (this.#isOwn(entry.writer) && isBegun(record)) {
      this.#begun.add(id);
    }
    this.#setUnsettled(entry.writer, id, record.type === 'failed' || record.type === 'review');
    switch (record.type) {
      case 'intent':
        rows.putText(rowKeys.receiptIntent(id), JSON.stringify(record.intent));
        this.#setOpen(entry.writer, id, true);
        break;
      case 'fiscal':
        rows.putText(rowKeys.receiptOutcome(id), JSON.stringify(record.outcome));
        this.#claim(id, record.outcome);
        this.#setOpen(entry.writer, id, true);
        this.#noteShift(shift, entry);
        break;
      case 'printed':
      case 'failed':
      case 'review':
        this.#setOpen(entry.writer, id, false);
        break;
      case 'cleared':
        // Also what somebody decided to print again: it is in the queue as before.
        this.#setOpen(entry.writer, id, true);
        break;
      default:
        record satisfies never;
    }
    this.#tell(id, record, entry);
  }

  #claim(id: string, { fn, fd }: JobOutcome): void {
    const key = rowKeys.receiptDocument(fn, ordinal(fd));
    this.#options.rows.putText(key, id);
    this.#claims.set(key, id);
    const oldest = this.#claims.keys().next();
    if (this.#claims.size > CLAIMS_HELD_MAX && oldest.done !== true) {
      this.#claims.delete(oldest.value);
    }
  }

  #noteShift(shift: EventBody<'receipt-record'>['shift'], entry: ProjectedEntry): void {
    if (shift === undefined) {
      return;
    }
    const open: OpenShift = { shift: shift.number, openedMs: stampMs(entry.hlc) };
    const text = shift.kind === 'shift-open' ? JSON.stringify(open) : '';
    this.#options.rows.putText(rowKeys.receiptShift(entry.writer), text);
  }

  #setOpen(writer: string, id: string, isOpen: boolean): void {
    const key = rowKeys.receiptQueue(writer, id);
    if (isOpen) {
      this.#options.rows.putText(key, '');
    } else {
      this.#options.rows.remove(key);
    }
    if (!this.#isOwn(writer)) {
      return;
    }
    if (isOpen) {
      this.#open.add(id);
    } else {
      this.#open.delete(id);
    }
    if (isOpen && writer !== this.#options.writer) {
      this.#inherited.add(id);
    } else {
      this.#inherited.delete(id);
    }
  }

  #setUnsettled(writer: string, id: string, isUnsettled: boolean): void {
    const { rows } = this.#options;
    const key = rowKeys.receiptUnsettled(writer, id);
    if (isUnsettled) {
      rows.putText(key, '');
    } else {
      rows.remove(key);
    }
    if (writer === this.#options.writer) {
      this.#unsettled[isUnsettled ? 'add' : 'delete'](id);
    }
  }

  #listenerOf({ replayed }: ProjectedEntry): void {
    if (!replayed) {
      this.#listener?.();
    }
  }

  #tell(id: string, record: JobRecord | undefined, entry: ProjectedEntry): void {
    if (!entry.replayed) {
      this.#options.onChanged(id, stateAfter(record), entry);
      this.#listener?.();
    }
  }
}

function isBegun({ type }: JobRecord): boolean {
  return type === 'intent' || type === 'fiscal';
}

/** What the last record says, to somebody who knows nothing else. */
export function stateAfter(last: JobRecord | undefined): ReceiptState {
  switch (last?.type) {
    case undefined:
    case 'cleared':
      return 'waiting';
    case 'intent':
      return 'printing';
    case 'fiscal':
      return 'fiscal';
    case 'printed':
      return 'printed';
    case 'failed':
      return 'failed';
    case 'review':
      return 'review';
    default:
      return last satisfies never;
  }
}
