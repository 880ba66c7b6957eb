/**
 * S-26: the shift of this node. Opened by a till or the first sale, closed by a till or before it is 24 hours old.
 *
 *     open ──> sales, refunds, cash ──> closed ──(the register closes its own)──> reported: totals, differences, backlog
 *
 * Guarantees: opening, closing and cash moves are durable when answered, whatever the register does; the totals are read from the
 * log between the two stamps, so nothing is in two shifts; the report is written once, when the register is done or when there is
 * none. Where its storage counted otherwise, that is an event and an alarm and stops nothing. A cash move is told to the register
 * once at most: told in doubt, its drawer is asked before and after.
 */
import { KktError } from '@branchline/fiscal';
import {
  type CashMoveRequest,
  type EventBody,
  type Order,
  ProblemError,
  type ReceiptState,
  type ShiftBacklog,
  type ShiftCloseRequest,
  type ShiftRegister,
  type ShiftRequest,
  type ShiftView,
  uuidV7,
  type XReport,
} from '@branchline/model';
import { type Clock, isoTime, parseStamp, stampMs } from 'hlc-ts';
import type { Alarms } from '../alarms.ts';
import type { CommitPipeline } from '../commit/commit-pipeline.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { NodeLog } from '../ports.ts';
import type { WriteAnswer, WriteRequest } from '../services.ts';
import { cashierOf } from '../use-cases/own-till.ts';
import { type FiscalDesk, SHIFT_MAX_MS } from './fiscal-desk.ts';
import { isSettlement } from './receipt-of-order.ts';
import { receiptWords, troubleWords } from './receipt-words.ts';
import { type Receipts, stateAfter } from './receipts.ts';
import type { CashMoved, ClosedShift, OpenShift, ShiftBook } from './shift-book.ts';
import type { ShiftLog } from './shift-log.ts';
import { type ClosedAtRegister, closedAtRegister } from './shift-register.ts';
import { ShiftSums } from './shift-totals.ts';

/** Receipts listed in a backlog; the rest is counted. */
export const BACKLOG_RECEIPTS_MAX = 100;
/** How long a shift call waits for the register when the till does not say. */
export const REGISTER_WAIT_MS = 10_000;
/** Between two looks at the age of the shift, where no register does it. */
export const AGE_LOOK_MS = 60_000;

export interface ShiftsOptions {
  readonly branch: string;
  readonly book: ShiftBook;
  readonly log: ShiftLog;
  readonly receipts: Receipts;
  readonly desk: FiscalDesk | undefined;
  readonly order: (id: string) => Promise<Order | undefined>;
  readonly pipeline: CommitPipeline;
  /** An operation of the node itself. */
  readonly commit: (append: (transaction: Transaction) => void) => Promise<void>;
  /** Documents the operator does not have, as seen last. */
  readonly queue: () => { waiting: number; oldestAgeSeconds: number | undefined } | undefined;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly alarms: Alarms;
  readonly nodeLog: NodeLog;
}

type Body<E extends EventBody<'shift'>['event']> = Extract<EventBody<'shift'>, { event: E }>;
type Till = Body<'opened'>['till'];

export interface ShiftWait {
  readonly ms: number | undefined;
  readonly signal: AbortSignal;
}

export class Shifts {
  readonly #options: ShiftsOptions;
  #isRung = false;
  #ring: (() => void) | undefined;

  constructor(options: ShiftsOptions) {
    this.#options = options;
    options.book.watch(() => this.wake());
  }

  /** A shift was closed, or its report got further. */
  wake(): void {
    this.#isRung = true;
    this.#ring?.();
  }

  /** The open shift, or the last one. */
  async view(): Promise<ShiftView> {
    const { book, branch } = this.#options;
    if (book.current !== undefined) {
      return await this.#viewOf(book.current);
    }
    const closed = book.unreported.at(-1);
    if (closed !== undefined) {
      return await this.#viewOf(closed);
    }
    if (book.last !== undefined) {
      return { ...book.last, backlog: await this.#backlog() };
    }
    return {
      state: 'closed',
      branch: branch as ShiftView['branch'],
      totals: new ShiftSums().totals,
      tills: [],
      drawerMinor: 0,
      register: this.#registerNow(),
      differences: [],
      backlog: await this.#backlog(),
      words: 'There was no shift yet; the first sale opens one.',
    };
  }

  async open(request: WriteRequest<ShiftRequest>, wait: ShiftWait): Promise<WriteAnswer<ShiftView>> {
    const { pipeline, book, desk } = this.#options;
    const answer = await pipeline.submit(request, (transaction) => {
      const till = tillOf(request, request.body.till);
      const cashier = cashierOf(transaction, request.body.cashier);
      if (book.current !== undefined) {
        throw new ProblemError('SHIFT_OPEN', `A shift is open since ${timeOf(book.current.opened)}.`);
      }
      const id = this.#newId(transaction) as Body<'opened'>['id'];
      this.#append(transaction, { event: 'opened', id, till, ...(cashier === undefined ? {} : { cashier }) });
      if (desk !== undefined) {
        this.#order(transaction, 'shift-open', till, cashier);
      }
      return { status: 201, body: { id } };
    });
    await this.#settled(async () => this.#registerNow().state === 'open', wait);
    return { ...answer, body: await this.#byId(answer.body.id) };
  }

  async close(request: WriteRequest<ShiftCloseRequest>, wait: ShiftWait): Promise<WriteAnswer<ShiftView>> {
    const { pipeline, book } = this.#options;
    const answer = await pipeline.submit(request, (transaction) => {
      if (book.current === undefined) {
        throw new ProblemError('SHIFT_CLOSED', 'No shift is open.');
      }
      const till = tillOf(request, request.body.till);
      const cashier = cashierOf(transaction, request.body.cashier);
      this.#close(transaction, book.current, { ...request.body, cashier, till, automatic: false });
      return { status: 200, body: { id: book.current.id } };
    });
    const { id } = answer.body;
    await this.#settled(async () => (await book.report(id)) !== undefined, wait);
    return { ...answer, body: await this.#byId(id) };
  }

  /** Called when the shift is old. False when the log has none open. */
  async closeByAge(): Promise<boolean> {
    const { book, commit } = this.#options;
    const { current } = book;
    if (current === undefined) {
      return false;
    }
    const till = current.till as Till;
    await commit((transaction) => this.#close(transaction, current, { till, automatic: true }));
    return true;
  }

  async moveCash(
    direction: 'in' | 'out',
    request: WriteRequest<CashMoveRequest>,
  ): Promise<WriteAnswer<ShiftView>> {
    const { pipeline, desk } = this.#options;
    const view = await this.view();
    const { amountMinor } = request.body;
    if (direction === 'out' && view.drawerMinor < amountMinor) {
      const detail = `There are ${view.drawerMinor} in the drawer by the log, ${amountMinor} would go out.`;
      throw new ProblemError('CASH_SHORT', detail);
    }
    const answer = await pipeline.submit(request, (transaction) => {
      const { reason } = request.body;
      const cashier = cashierOf(transaction, request.body.cashier);
      this.#append(transaction, {
        event: 'cash',
        id: this.#newId(transaction),
        direction,
        amountMinor,
        till: tillOf(request, request.body.till),
        ...(cashier === undefined ? {} : { cashier }),
        ...(reason === undefined ? {} : { reason }),
        ...(desk === undefined ? {} : { toRegister: true }),
      });
      return { status: 201, body: {} };
    });
    return { ...answer, body: await this.view() };
  }

  /** What the shift adds up to so far; on paper too, where the register can. */
  async xReport(print: boolean): Promise<XReport> {
    const { desk } = this.#options;
    const shift = await this.view();
    if (desk === undefined || !print) {
      return { shift, printed: false, words: 'Nothing was printed.' };
    }
    try {
      const cashMinor = await desk.between(async (driver, signal) => {
        const cash = await driver.cashMinor({ signal });
        await driver.printXReport({ signal });
        return cash;
      }, REGISTER_WAIT_MS);
      const register = { ...shift.register, cashMinor };
      return { shift: { ...shift, register }, printed: true, words: 'The register prints its report.' };
    } catch (error) {
      if (!(error instanceof KktError)) {
        throw error;
      }
      return { shift, printed: false, words: `The register printed nothing. ${troubleWords(error.code)}` };
    }
  }

  /** Reports closed shifts, closes old ones, tells the register of cash; until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { nodeLog, clock } = this.#options;
    while (!signal.aborted) {
      this.#isRung = false;
      let restMs = AGE_LOOK_MS;
      try {
        await this.#round(signal);
      } catch (error) {
        if (signal.aborted) {
          return;
        }
        nodeLog.warn({ err: error }, 'a shift could not be settled');
        restMs = REGISTER_WAIT_MS;
      }
      if (this.#isRung && restMs === AGE_LOOK_MS) {
        continue;
      }
      await new Promise<void>((resolve) => {
        const end = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', end);
          this.#ring = undefined;
          resolve();
        };
        const timer = clock.setTimer(restMs, end);
        this.#ring = end;
        signal.addEventListener('abort', end, { once: true });
      });
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { book, desk, clock } = this.#options;
    for (const closed of book.unreported) {
      const atRegister = await this.#atRegister(closed);
      if (atRegister === undefined) {
        break;
      }
      await this.#report(closed, atRegister);
    }
    const { current } = book;
    const isOld = current !== undefined && clock.nowMs() - msOf(current.opened) >= SHIFT_MAX_MS;
    if (desk === undefined) {
      if (isOld) {
        await this.closeByAge();
      }
      return;
    }
    for (const move of book.untold) {
      await this.#tell(desk, move, signal);
    }
  }

  /** Undefined while the register is not done. */
  async #atRegister(closed: ClosedShift): Promise<ClosedAtRegister | undefined> {
    const { receipts, order } = this.#options;
    if (closed.receipt === undefined) {
      return { register: { state: 'none', words: 'No register is connected.' }, differences: [] };
    }
    const known = await receipts.get(closed.receipt);
    switch (known?.last?.type) {
      case 'printed': {
        const { fn, fd } = known.outcome!;
        const number = await receipts.shiftNumber(closed.receipt);
        return await closedAtRegister({ fn, fd, number }, receipts, order);
      }
      case 'failed':
        return {
          register: {
            state: 'closed',
            words: `The register closed nothing. ${troubleWords(known.last.reason)}`,
          },
          differences: [],
        };
      case 'review': {
        const words = `Nobody can tell whether the register closed its shift. ${troubleWords(known.last.reason)}`;
        return { register: { state: 'unknown', words }, differences: [] };
      }
      default:
        return undefined;
    }
  }

  async #report(closed: ClosedShift, { register, differences }: ClosedAtRegister): Promise<void> {
    const { commit, alarms } = this.#options;
    const view: ShiftView = {
      ...(await this.#viewOf(closed)),
      register,
      differences: [...differences],
      words: differences.length === 0 ? 'The shift is closed.' : DIFFERENT_WORDS,
    };
    const id = closed.id as Body<'reported'>['id'];
    await commit((transaction) => this.#append(transaction, { event: 'reported', id, report: view }));
    if (differences.length > 0) {
      const figures = differences.map(({ words }) => words).join('; ');
      alarms.raise('SHIFT_MISMATCH', `shift of ${view.openedAt}: ${figures}. ${DIFFERENT_WORDS}`);
    }
  }

  /** Once at most: begun is durable before the register hears of it, and what was begun and not finished is only looked at. */
  async #tell(
    desk: FiscalDesk,
    { id, direction, amountMinor }: CashMoved,
    signal: AbortSignal,
  ): Promise<void> {
    const { book, alarms } = this.#options;
    const say = (state: Body<'register-cash'>['state'], more: Partial<Body<'register-cash'>> = {}) =>
      this.#options.commit((transaction) =>
        this.#append(transaction, { event: 'register-cash', id, state, ...more }),
      );
    const before = await book.cashAtRegister(id);
    const outcome = await desk.between(async (driver) => {
      const nowMinor = await driver.cashMinor({ signal });
      const signed = direction === 'in' ? amountMinor : -amountMinor;
      if (before?.state === 'begun') {
        // This program was restarted in the middle of it.
        return nowMinor === (before.beforeMinor ?? 0) + signed ? 'done' : 'unknown';
      }
      await say('begun', { beforeMinor: nowMinor });
      try {
        await driver.moveCash({ direction, amountMinor }, { signal });
        return 'done';
      } catch (error) {
        if (!(error instanceof KktError)) {
          throw error;
        }
        if (error.outcome !== 'unknown') {
          return error.code;
        }
        return (await driver.cashMinor({ signal })) === nowMinor + signed ? 'done' : 'unknown';
      }
    }, REGISTER_WAIT_MS);
    if (outcome === 'done' || outcome === 'unknown') {
      await say(outcome);
    } else {
      await say('refused', { reason: outcome });
    }
    if (outcome !== 'done') {
      const words = outcome === 'unknown' ? 'Compare the drawer of the register.' : troubleWords(outcome);
      alarms.raise(
        'CASH_NOT_TOLD',
        `cash ${direction} of ${amountMinor} may be missing in the register. ${words}`,
      );
    }
  }

  async #byId(id: string): Promise<ShiftView> {
    const { book } = this.#options;
    const closed = book.unreported.find((shift) => shift.id === id);
    if (book.current?.id === id) {
      return await this.#viewOf(book.current);
    }
    return closed === undefined
      ? ((await book.report(id)) ?? (await this.view()))
      : await this.#viewOf(closed);
  }

  async #viewOf(shift: OpenShift | ClosedShift): Promise<ShiftView> {
    const { branch, book } = this.#options;
    const closed = 'closed' in shift ? shift : undefined;
    const sums = await this.#sums(shift.opened, closed?.closed);
    const { totals } = sums;
    let drawerMinor = (book.last?.drawerMinor ?? 0) + totals.drawerChangeMinor;
    for (const earlier of book.unreported) {
      if (earlier.opened < shift.opened) {
        drawerMinor += (await this.#sums(earlier.opened, earlier.closed)).totals.drawerChangeMinor;
      }
    }
    return {
      state: closed === undefined ? 'open' : 'closed',
      branch: branch as ShiftView['branch'],
      id: shift.id as NonNullable<ShiftView['id']>,
      openedAt: timeOf(shift.opened),
      openedBy: shift.till as Till,
      ...(shift.cashier === undefined ? {} : { cashier: shift.cashier }),
      ...(closed === undefined
        ? { closesAt: isoTime(msOf(shift.opened) + SHIFT_MAX_MS) }
        : { closedAt: timeOf(closed.closed), closedBy: closed.closedBy as Till }),
      totals,
      tills: sums.tills as ShiftView['tills'],
      drawerMinor,
      ...(closed?.countedCashMinor === undefined ? {} : { countedCashMinor: closed.countedCashMinor }),
      register: closed === undefined ? this.#registerNow() : this.#registerWaiting(),
      differences: [],
      backlog: await this.#backlog(),
      words:
        closed === undefined
          ? 'The shift is open.'
          : 'The shift is closed; the register is not done with it yet.',
    };
  }

  async #sums(from: string, to: string | undefined): Promise<ShiftSums> {
    const { log, book } = this.#options;
    const sums = new ShiftSums();
    for (const settled of await log.between(from, to)) {
      sums.settle(settled);
    }
    for (const move of await book.cashBetween(from, to)) {
      sums.move(move);
    }
    return sums;
  }

  async #backlog(): Promise<ShiftBacklog> {
    const { receipts, queue } = this.#options;
    const listed: ShiftBacklog['receipts'] = [];
    let more = 0;
    for (const id of [...receipts.open, ...receipts.unsettled]) {
      const known = await receipts.get(id);
      if (known === undefined || !isSettlement(known.what)) {
        continue;
      }
      if (listed.length >= BACKLOG_RECEIPTS_MAX) {
        more += 1;
        continue;
      }
      listed.push(this.#backlogOf(id, known.what.totalMinor, known.last));
    }
    const waiting = queue();
    return {
      receipts: listed,
      moreReceipts: more,
      ...(waiting === undefined ? {} : { documentsWaiting: waiting.waiting }),
      ...(waiting?.oldestAgeSeconds === undefined
        ? {}
        : { oldestDocumentAgeMs: waiting.oldestAgeSeconds * 1_000 }),
    };
  }

  #backlogOf(
    id: string,
    totalMinor: number,
    last: Parameters<typeof stateAfter>[0],
  ): ShiftBacklog['receipts'][number] {
    const live = this.#options.desk?.live(id);
    const state: ReceiptState = live?.state ?? stateAfter(last);
    const reason = live?.reason ?? (last !== undefined && 'reason' in last ? last.reason : undefined);
    return {
      id: id as ShiftBacklog['receipts'][number]['id'],
      state,
      totalMinor,
      words: receiptWords(state, reason),
    };
  }

  #registerNow(): ShiftRegister {
    const { desk, receipts } = this.#options;
    if (desk === undefined) {
      return { state: 'none', words: 'No register is connected.' };
    }
    const { status, trouble } = desk;
    if (status === undefined) {
      return { state: 'unknown', words: troubleWords(trouble ?? 'KKT_NO_ANSWER') };
    }
    return {
      state: status.shift.state,
      words: trouble === undefined ? 'The register works.' : troubleWords(trouble),
      ...(receipts.storage === undefined ? {} : { fn: receipts.storage }),
      number: status.shift.number,
      receipts: status.shift.receipts,
    };
  }

  #registerWaiting(): ShiftRegister {
    const now = this.#registerNow();
    return now.state === 'none' ? now : { ...now, state: 'waiting' };
  }

  async #settled(done: () => Promise<boolean>, { ms = REGISTER_WAIT_MS, signal }: ShiftWait): Promise<void> {
    const { desk } = this.#options;
    if (desk !== undefined) {
      await desk.settled(done, ms, signal);
      return;
    }
    // Nothing to wait for but this node itself.
    await this.#round(signal);
  }

  #close(
    transaction: Transaction,
    { id }: OpenShift,
    how: {
      till: Till;
      cashier?: string | undefined;
      countedCashMinor?: number | undefined;
      automatic: boolean;
    },
  ): void {
    const { till, cashier, countedCashMinor, automatic } = how;
    const receipt = this.#options.desk && this.#order(transaction, 'shift-close', till, cashier);
    this.#append(transaction, {
      event: 'closed',
      id: id as Body<'closed'>['id'],
      till,
      ...(cashier === undefined ? {} : { cashier }),
      automatic,
      ...(countedCashMinor === undefined ? {} : { countedCashMinor }),
      ...(receipt === undefined ? {} : { receipt }),
    });
  }

  /** Of the register: behind every receipt that was accepted before. */
  #order(
    transaction: Transaction,
    kind: 'shift-open' | 'shift-close',
    till: Till,
    cashier: string | undefined,
  ): EventBody<'receipt'>['id'] {
    const id = this.#newId(transaction) as EventBody<'receipt'>['id'];
    const what = { kind, till, ...(cashier === undefined ? {} : { cashier }) };
    const body: EventBody<'receipt'> = { id, what };
    transaction.append(`receipts/${this.#options.branch}`, 'receipt', body);
    return id;
  }

  #append(transaction: Transaction, body: EventBody<'shift'>): void {
    transaction.append(`receipts/${this.#options.branch}`, 'shift', body);
  }

  #newId(transaction: Transaction): string {
    return uuidV7(stampMs(transaction.stamp), this.#options.randomBytes(10));
  }
}

const DIFFERENT_WORDS = 'Compare the report of the register with the receipts of the shift.';

/** The till of the token; an admin's is an office and may name any. */
function tillOf({ till: { till, role } }: WriteRequest<unknown>, named: string | undefined): Till {
  if (named !== undefined && named !== till && role !== 'admin') {
    throw new ProblemError('TILL_MISMATCH', `The token belongs to till ${till}, the request names ${named}.`);
  }
  return (named ?? till) as Till;
}

function msOf(stamp: string): number {
  return stampMs(parseStamp(stamp));
}

function timeOf(stamp: string): string {
  return isoTime(msOf(stamp));
}
