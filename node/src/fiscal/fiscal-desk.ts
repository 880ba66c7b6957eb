/**
 * The fiscal desk: takes the receipts this device owes, oldest first, to the register, and the shift with them.
 *
 *     sale ── receipt entry, same commit ──> queue ──> shift open? ── job-state over the driver ──> records in the feed
 *                                              ▲                                                        │
 *                                              └────── after a restart: unfinished jobs, from records ──┘
 *
 * Guarantees: one job at a time; a record is an entry of `receipts/<branch>` that survived fdatasync before what follows from
 * it happens; after a start the job that may have reached the storage is settled before anything new is registered. The first
 * storage met is the one sales are registered with; another one is refused until the setting `kkt.fn` names it. No sale ever
 * waits for any of this (G8). Shifts open with the first receipt and are closed before they are 24 hours old.
 *
 * Does not: finish what an earlier key of this device left.
 */
import {
  type JobDocument,
  type JobRecord,
  type JobState,
  type KktDriver,
  KktError,
  type KktErrorCode,
  type KktIdentity,
  type KktStatus,
  type newJob,
  printableText,
  type Receipt,
  resumeJob,
  runJob,
  type TaxSystem,
} from '@branchline/fiscal';
import { type EventBody, type Order, ProblemError, type ReceiptState, uuidV7 } from '@branchline/model';
import { type Clock, linkAborts } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import type { NodeLog } from '../ports.ts';
import type { OfdWatch } from './ofd-watch.ts';
import {
  expectationOf,
  isSettlement,
  receiptOfCorrection,
  receiptOfOrder,
  receiptOfRefund,
  type Settlement,
  withChecks,
} from './receipt-of-order.ts';
import type { ReceiptBody, Receipts, ShiftWanted } from './receipts.ts';

/** A shift is closed at this age; the law and the storage allow 24 h. */
export const SHIFT_MAX_MS = 23.5 * 3_600_000;
/** From this age on it is closed when nothing was registered for a while. */
export const SHIFT_QUIET_MS = 22 * 3_600_000;
export const QUIET_MS = 15 * 60_000;
/** Between two looks at the shift while nothing is sold. */
export const IDLE_MS = 10_000;
/** Waits after a failure of the desk itself grow to this. */
export const PAUSE_MAX_MS = 15_000;
const PAUSE_FIRST_MS = 250;
/** A job under way gets this long to rest when the node stops. */
export const STOP_WITHIN_MS = 3_000;
/** Errands that wait for the register. */
export const ERRANDS_MAX = 16;
/** Callers of `settled` at once; the others get their answer without waiting. */
export const WAITERS_MAX = 256;

/** The register of a node, as it is handed in. */
export interface KktPort {
  readonly driver: KktDriver;
  readonly taxSystem: TaxSystem;
  /** Takes the place of the storage used so far. */
  readonly fn?: string | undefined;
}

export interface FiscalDeskOptions extends KktPort {
  readonly branch: string;
  readonly receipts: Receipts;
  readonly order: (id: string) => Promise<Order | undefined>;
  readonly commit: (append: (transaction: Transaction) => void) => Promise<void>;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly log: NodeLog;
  /** Called when what is known of a receipt changes without an entry. */
  readonly onChanged: (id: string) => void;
  /** Called when the register begins or ceases to need somebody. */
  readonly onTrouble: (code: string | undefined) => void;
  readonly onFault: (words: string) => void;
  readonly watch: OfdWatch;
  /** Called when nothing is to do and everything about the register was seen. */
  readonly onLooked: () => void;
  /** Called when the shift is old: closes the log's, whose report is then in the queue. False when none is open. */
  readonly closeShift: () => Promise<boolean>;
}

interface Live {
  readonly state: ReceiptState;
  readonly reason: string | undefined;
}

/** A job of the desk: what it registers, and what its entries say besides. */
interface Task {
  readonly id: string;
  readonly document: JobDocument;
  readonly expected: Parameters<typeof newJob>[0]['expected'];
  /** Jobs of shifts are written down with their first record: without an intent there is nothing to remember. */
  readonly shift?: { readonly kind: 'shift-open' | 'shift-close'; readonly number: number };
  isWritten: boolean;
}

const SHIFT_REASONS: ReadonlySet<string> = new Set([
  'KKT_SHIFT_CLOSED',
  'KKT_SHIFT_EXPIRED',
  'KKT_SHIFT_OPEN',
]);

export class FiscalDesk {
  readonly #options: FiscalDeskOptions;
  readonly #live = new Map<string, Live>();
  readonly #waiters = new Set<() => void>();
  readonly #abort = new AbortController();
  #isStopping = false;
  #isRung = false;
  #ring: (() => void) | undefined;
  #trouble: string | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #status: KktStatus | undefined;
  #failures = 0;
  #lastWorkMs = 0;
  #statusMs = 0;
  #identity: { readonly fn: string; readonly is: KktIdentity } | undefined;
  readonly #heldBack = new Set<string>();
  #running:
    | { readonly id: string; readonly abort: AbortController; readonly ended: Promise<void> }
    | undefined;
  readonly #errands: ((signal: AbortSignal) => Promise<void>)[] = [];

  constructor(options: FiscalDeskOptions) {
    this.#options = options;
  }

  /** What keeps the register from working now, by code; undefined when it works as far as is known. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Who the register is, once it has said so. */
  get identity(): KktIdentity | undefined {
    return this.#identity?.is;
  }

  /** When it was. */
  get statusMs(): number {
    return this.#statusMs;
  }

  /** As seen last. */
  get status(): KktStatus | undefined {
    return this.#status;
  }

  /** What is known of a job under way beyond its records. */
  live(id: string): Live | undefined {
    return this.#live.get(id);
  }

  /** There may be a new receipt, or something was mended. */
  wake(): void {
    this.#isRung = true;
    this.#ring?.();
  }

  /** Called with every change of a receipt: whoever waits looks again. */
  notice(): void {
    for (const look of this.#waiters) {
      look();
    }
    this.wake();
  }

  /**
   * Something between two receipts: an X report, a cash move. Refused when too many wait, when the register does not get to it in
   * time, and with what the register says.
   */
  async between<T>(
    work: (driver: KktDriver, signal: AbortSignal) => Promise<T>,
    limitMs: number,
  ): Promise<T> {
    const { clock, driver } = this.#options;
    if (this.#errands.length >= ERRANDS_MAX) {
      throw new KktError('KKT_BUSY', `${ERRANDS_MAX} errands wait for the register`, { outcome: 'unsent' });
    }
    return await new Promise<T>((resolve, reject) => {
      const code = this.#trouble as KktErrorCode | undefined;
      const late = (): void => {
        this.#errands.splice(0, this.#errands.length, ...this.#errands.filter((other) => other !== errand));
        reject(new KktError(code ?? 'KKT_BUSY', 'the register did not get to it', { outcome: 'unsent' }));
      };
      const limit = clock.setTimer(limitMs, late);
      const errand = async (signal: AbortSignal): Promise<void> => {
        limit.cancel();
        await work(driver, signal).then(resolve, reject);
      };
      this.#errands.push(errand);
      this.wake();
    });
  }

  /**
   * Called before a person decides about a receipt: when it resolves the register is not at work with it, and will not be until the
   * function it gives is called. Whatever the job had begun stays as its records say.
   */
  async letGo(id: string): Promise<() => void> {
    this.#heldBack.add(id);
    const release = (): void => {
      this.#heldBack.delete(id);
      this.wake();
    };
    const running = this.#running;
    if (running?.id === id) {
      running.abort.abort(new Error('somebody decides about it'));
      await running.ended;
    }
    return release;
  }

  /** Resolves when `done` says so, after `limitMs`, or when the caller has gone. */
  async settled(done: () => Promise<boolean>, limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#waiters.size >= WAITERS_MAX) {
      return;
    }
    const untilMs = this.#options.clock.monotonicMs() + limitMs;
    while (!(await done()) && !signal.aborted && this.#options.clock.monotonicMs() < untilMs) {
      const leftMs = untilMs - this.#options.clock.monotonicMs();
      await this.#pause(leftMs, signal, this.#waiters);
    }
  }

  async run(): Promise<void> {
    const { signal } = this.#abort;
    while (!this.#isStopping) {
      this.#isRung = false;
      try {
        await this.#round(signal);
        this.#failures = 0;
      } catch (error) {
        if (this.#isStopping) {
          return;
        }
        this.#fail(error);
        this.#failures += 1;
        // Whatever rang during a failure does not make trying again at once any better.
        this.#isRung = false;
        await this.#rest(Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** Math.min(this.#failures, 6)));
      }
    }
  }

  /** Lets the job under way come to rest, or abandons it: the next start asks the storage what became of it. */
  async stop(running: Promise<void>): Promise<void> {
    this.#isStopping = true;
    this.wake();
    const abandon = (): void => this.#abort.abort(new Error('the node stops'));
    const isRegistering = [...this.#live.values()].some(({ state }) => state === 'printing');
    const limit = this.#options.clock.setTimer(isRegistering ? STOP_WITHIN_MS : 0, abandon);
    await running;
    limit.cancel();
    await this.#options.driver.close();
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { driver, receipts, watch } = this.#options;
    watch.hold();
    try {
      const status = await driver.status({ signal });
      this.#status = status;
      this.#statusMs = this.#options.clock.nowMs();
      if (this.#identity?.fn !== status.fn) {
        this.#identity = { fn: status.fn, is: await driver.identify({ signal }) };
      }
      await this.#chooseStorage(status.fn, signal);
      this.#setTrouble(status.fn === receipts.storage ? undefined : 'KKT_FN_MISMATCH');
      // Also while something fails again and again: what the law counts is told whatever else stops the register.
      const isLooked = this.#failures > 0 && this.#options.clock.monotonicMs() - this.#lookedMs >= IDLE_MS;
      if (isLooked) {
        await this.#look(status, signal);
      }
      const task = await this.#nextTask();
      if (task !== undefined) {
        await this.#work(task, signal);
        await watch.turn(signal);
        return;
      }
      const errand = this.#errands.shift();
      if (errand !== undefined) {
        await errand(signal);
        return;
      }
      if (await this.#isShiftOld()) {
        // The log's shift ends with the register's; what it opened without the log is closed all the same.
        if (!(await this.#options.closeShift())) {
          await this.#changeShift('shift-close', signal);
        }
        return;
      }
      if (!isLooked) {
        await this.#look(status, signal);
      }
    } finally {
      watch.release();
    }
    await this.#rest(IDLE_MS);
  }

  /** At the documents that wait. */
  async #look(status: KktStatus, signal: AbortSignal): Promise<void> {
    const { clock, watch, onLooked } = this.#options;
    await watch.look(status, signal);
    onLooked();
    this.#lookedMs = clock.monotonicMs();
  }

  #setTrouble(code: string | undefined): void {
    if (code !== this.#trouble) {
      this.#trouble = code;
      this.#options.onTrouble(code);
    }
  }

  /** The first storage met, or the one the settings name, is written down before anything is registered with it. */
  async #chooseStorage(fn: string, signal: AbortSignal): Promise<void> {
    const { receipts, driver, commit, branch, fn: wanted } = this.#options;
    const isChosen = receipts.storage === undefined ? wanted === undefined || wanted === fn : wanted === fn;
    if (receipts.storage === fn || !isChosen) {
      return;
    }
    const { serial, inn } = await driver.identify({ signal });
    await commit((transaction) => {
      const body: EventBody<'receipt-storage'> = { fn, serial, inn };
      transaction.append(`receipts/${branch}`, 'receipt-storage', body);
    });
  }

  /** The job that may have reached the storage comes first, then the oldest. */
  async #nextTask(): Promise<Task | undefined> {
    const { open, begun } = this.#options.receipts;
    const free = (ids: ReadonlySet<string>): string | undefined => {
      for (const id of ids) {
        if (!this.#heldBack.has(id)) {
          return id;
        }
      }
      return undefined;
    };
    // While one that may have reached the storage is decided about, nothing else is registered.
    const id = begun.size > 0 ? free(begun) : free(open);
    return id === undefined ? undefined : this.#taskOf(id);
  }

  async #taskOf(id: string): Promise<Task> {
    const known = await this.#options.receipts.get(id);
    if (known === undefined) {
      throw new Error(`receipt ${id} waits and is not known`);
    }
    const { what } = known;
    if (!isSettlement(what)) {
      return shiftTask(id, what.kind, await this.#shiftNumber(id, what), true, what);
    }
    const receipt = withChecks(await this.#receiptOf(id, what));
    return { id, document: { kind: 'receipt', receipt }, expected: expectationOf(id, what), isWritten: true };
  }

  /** Of a shift a till asked for nobody knew the number; once begun it stands. */
  async #shiftNumber(id: string, what: ShiftWanted): Promise<number> {
    const { receipts } = this.#options;
    const now = this.#status?.shift.number ?? 0;
    return what.shift ?? (await receipts.shiftNumber(id)) ?? (what.kind === 'shift-open' ? now + 1 : now);
  }

  async #receiptOf(id: string, what: Settlement): Promise<Receipt> {
    const { taxSystem, order } = this.#options;
    switch (what.kind) {
      case 'sale': {
        const sold = await order(what.order);
        if (sold === undefined) {
          throw new Error(`the order of receipt ${id} is not known`);
        }
        const to = what.contact === undefined ? sold : { ...sold, customer: { contact: what.contact } };
        return receiptOfOrder(to, { taxSystem, cashier: sold.till });
      }
      case 'refund': {
        const original = await order(what.original.order);
        return receiptOfRefund(id, what, { taxSystem, cashier: what.till, original });
      }
      case 'correction':
        return receiptOfCorrection(id, what, { taxSystem, cashier: what.till });
      default:
        return what satisfies never;
    }
  }

  async #work(task: Task, signal: AbortSignal): Promise<void> {
    const state = await this.#runTask(task, signal);
    this.#lastWorkMs = this.#options.clock.nowMs();
    if (state.phase !== 'waiting' || state.reason === undefined || this.#isStopping) {
      return;
    }
    if (task.shift !== undefined) {
      // Left over from before a restart, and somebody else has done it: the shift is as it should be.
      await this.#append(task, { type: 'failed', attempts: 0, reason: state.reason ?? 'KKT_STATE_INVALID' });
      return;
    }
    // The receipt stays in the queue; what it waits for is done first.
    await this.#changeShift(state.reason === 'KKT_SHIFT_EXPIRED' ? 'shift-close' : 'shift-open', signal);
  }

  async #changeShift(kind: 'shift-open' | 'shift-close', signal: AbortSignal): Promise<void> {
    const { driver, clock, randomBytes } = this.#options;
    const { shift } = await driver.status({ signal });
    const number = kind === 'shift-open' ? shift.number + 1 : shift.number;
    const state = await this.#runTask(
      shiftTask(uuidV7(clock.nowMs(), randomBytes(10)), kind, number, false),
      signal,
    );
    if (state.phase === 'failed' || state.phase === 'review') {
      throw new KktError(state.reason, `${kind} of shift ${number} did not succeed`, { outcome: 'unknown' });
    }
  }

  async #runTask(task: Task, signal: AbortSignal): Promise<JobState> {
    const { receipts, driver, clock } = this.#options;
    const records = await receipts.recordsOf(task.id);
    // A document is looked for in the storage it was meant for, whichever is in use by now.
    const last = records.at(0);
    const fn = last?.type === 'intent' ? last.intent.fn : (receipts.storage ?? '');
    const from = resumeJob({ job: task.id, expected: task.expected, fn }, records);
    const abort = new AbortController();
    const either = linkAborts(signal, abort.signal);
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#running = { id: task.id, abort, ended };
    try {
      return await runJob(
        from,
        task.document,
        {
          driver,
          clock,
          journal: {
            append: (_, record) => this.#append(task, record),
            ownerOf: (storage, fd) => receipts.ownerOf(storage, fd),
          },
          onChange: (state) => this.#show(state),
        },
        {
          signal: either.signal,
          stopWhen: (state) => this.#shouldStop(state) || this.#isStopping,
        },
      );
    } catch (error) {
      if (!abort.signal.aborted || signal.aborted) {
        throw error;
      }
      return resumeJob({ job: task.id, expected: task.expected, fn }, await receipts.recordsOf(task.id));
    } finally {
      either.unlink();
      end();
      this.#running = undefined;
      this.#live.delete(task.id);
      this.#options.onChanged(task.id);
    }
  }

  #shouldStop(state: JobState): boolean {
    return state.phase === 'waiting' && state.reason !== undefined && SHIFT_REASONS.has(state.reason);
  }

  async #append(task: Task, record: JobRecord): Promise<void> {
    const { commit, branch } = this.#options;
    const collection = `receipts/${branch}`;
    const { shift } = task;
    const kept = record.type === 'printed' ? await this.#keepDocument(task) : undefined;
    await commit((transaction) => {
      if (!task.isWritten && shift !== undefined) {
        const what: ReceiptBody['what'] = { kind: shift.kind, shift: shift.number };
        transaction.append(collection, 'receipt', { id: task.id, what });
      }
      const body = { id: task.id, ...(shift === undefined ? {} : { shift }), record };
      transaction.append(collection, 'receipt-record', body);
      if (kept !== undefined) {
        transaction.append(collection, 'receipt-document', kept);
      }
    });
    task.isWritten = true;
  }

  /** The document as its storage has it. A device that does not show it keeps nobody waiting. */
  async #keepDocument({ id }: Task): Promise<EventBody<'receipt-document'> | undefined> {
    const { receipts, driver, log } = this.#options;
    const outcome = (await receipts.get(id))?.outcome;
    if (outcome === undefined) {
      return undefined;
    }
    try {
      const tags = await driver.documentTags(outcome.fd, { signal: this.#abort.signal });
      const { fn, fd } = outcome;
      return tags && { id: id as EventBody<'receipt-document'>['id'], fn, fd, tags: new Uint8Array(tags) };
    } catch (error) {
      log.warn({ err: error, fd: outcome.fd }, 'the document could not be read back');
      return undefined;
    }
  }

  #show(state: JobState): void {
    const { job } = state.order;
    const before = this.#live.get(job);
    const now = liveOf(state);
    const passes = now.reason === 'KKT_BUSY' || SHIFT_REASONS.has(now.reason ?? '');
    this.#setTrouble(passes ? undefined : now.reason);
    if (before?.state !== now.state || before.reason !== now.reason) {
      this.#live.set(job, now);
      this.#options.onChanged(job);
    }
  }

  async #isShiftOld(): Promise<boolean> {
    if (this.#status?.shift.state === 'expired') {
      return true;
    }
    const shift = await this.#options.receipts.shift();
    const isOpen = this.#status?.shift.state === 'open' && shift?.shift === this.#status.shift.number;
    if (!isOpen) {
      return false;
    }
    const nowMs = this.#options.clock.nowMs();
    const isQuiet = nowMs - this.#lastWorkMs >= QUIET_MS;
    return nowMs - shift.openedMs >= (isQuiet ? SHIFT_QUIET_MS : SHIFT_MAX_MS);
  }

  #fail(error: unknown): void {
    const { log, onFault } = this.#options;
    if (error instanceof KktError) {
      this.#setTrouble(error.code);
      log.warn({ code: error.code, detail: error.message }, 'the register is not ready');
      return;
    }
    if (error instanceof ProblemError) {
      log.warn({ code: error.code }, 'a record of a receipt could not be kept');
      return;
    }
    log.error({ err: error }, 'the fiscal desk failed');
    onFault(String(error));
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isStopping || this.#isRung) {
      return;
    }
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(ms, resolve);
      this.#ring = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#ring = undefined;
  }

  /** Until somebody calls what is put into `bells`, or the time is over. */
  async #pause(ms: number, signal: AbortSignal, bells: Set<() => void>): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        timer.cancel();
        bells.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = clock.setTimer(ms, end);
      bells.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  }
}

function shiftTask(
  id: string,
  kind: 'shift-open' | 'shift-close',
  shift: number,
  isWritten: boolean,
  who: Pick<ShiftWanted, 'till' | 'cashier'> = {},
): Task {
  const name = who.cashier ?? who.till;
  const document = name === undefined ? { kind } : { kind, cashier: { name: printableText(name, 64) } };
  return { id, document, expected: { kind, shift }, shift: { kind, number: shift }, isWritten };
}

/** What a job under way shows. Registered is said only once that is durable. */
function liveOf(state: JobState): Live {
  switch (state.phase) {
    case 'waiting':
      return { state: 'waiting', reason: state.reason };
    case 'checking':
      return { state: 'waiting', reason: undefined };
    case 'intent':
    case 'opening':
    case 'closing':
      return { state: 'printing', reason: undefined };
    case 'uncertain':
      return { state: 'uncertain', reason: state.reason };
    case 'fiscal':
      return { state: state.asking === 'record' ? 'printing' : 'fiscal', reason: state.reason };
    case 'printed':
      return { state: 'fiscal', reason: undefined };
    case 'review':
    case 'failed':
      return { state: 'printing', reason: undefined };
    default:
      return state satisfies never;
  }
}
