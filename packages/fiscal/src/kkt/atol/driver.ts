/**
 * The driver of the ATOL web server: the vendor's program beside the device, asked over HTTP.
 *
 * A receipt is one task there, so `beginReceipt` checks and keeps it and nothing goes out before `closeReceipt`. The number of
 * that job is made of storage, its last document, the receipt's mark and a count: a host that was killed after posting comes to
 * the same number and finds the job instead of posting another. Only when that job ended and registered nothing does the count
 * go up. Every question is a job as well, answered after all jobs before it.
 *
 * Does not: carry messages to the operator (the vendor's program does), know of a strip that was not printed before this
 * process began. Shapes of several answers follow public clients, not a device: see the package's README.
 */
import { createHash } from 'node:crypto';
import { type Clock, linkAborts } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import type { Receipt, ReceiptDevice } from '../../ffd/receipt.ts';
import { composeReceipt } from '../../ffd/receipt-tags.ts';
import { dayOfSeconds } from '../../ffd/wall-time.ts';
import type {
  Cashier,
  CashMove,
  FiscalMark,
  FnDocument,
  KktCapabilities,
  KktDriver,
  KktIdentity,
  KktStatus,
  OfdQueue,
  Waiting,
} from '../driver.ts';
import { documentOf, fieldsOf, identityOf, isUnprinted, markOf, queueOf, statusOf } from './answers.ts';
import type { AtolCall } from './call.ts';
import { AtolQueue, type AtolResult, type AtolTask } from './queue.ts';
import { kopecks, operatorOf, receiptTask, rubles } from './receipt-task.ts';
import { NO_DOCUMENT } from './refusals.ts';

/** Jobs of one receipt that the server certainly did not carry out. */
export const JOBS_MAX = 16;

export interface AtolOptions {
  readonly call: AtolCall;
  readonly clock: Clock;
  /** A new random number for questions: `crypto.randomUUID`. */
  readonly newUuid: () => string;
}

const STATUS_TASKS = ['getDeviceStatus', 'getShiftStatus', 'getFnInfo', 'getFnStatus'];
const IDENTITY_TASKS = ['getDeviceInfo', 'getRegistrationInfo', 'getFnInfo'];

interface Begun {
  readonly receipt: Receipt;
  readonly task: AtolTask;
  /** Makes its number. */
  readonly seed: string;
}

export class AtolDriver implements KktDriver {
  readonly capabilities: KktCapabilities = { model: 'atol-web', hostPump: false, embedsMark: true };
  readonly #queue: AtolQueue;
  readonly #newUuid: () => string;
  readonly #closing = new AbortController();
  #begun: Begun | undefined;
  #isUnprinted = false;
  #known: { readonly fn: string; readonly identity: KktIdentity } | undefined;

  constructor({ call, clock, newUuid }: AtolOptions) {
    this.#queue = new AtolQueue({ call, clock });
    this.#newUuid = newUuid;
  }

  async identify(waiting: Waiting = {}): Promise<KktIdentity> {
    return identityOf(await this.#ask(IDENTITY_TASKS.map(taskOf), waiting));
  }

  async status(waiting: Waiting = {}): Promise<KktStatus> {
    const results = await this.#ask(STATUS_TASKS.map(taskOf), waiting);
    return statusOf(results, { isBegun: this.#begun !== undefined, isUnprinted: this.#isUnprinted });
  }

  openShift(cashier: Cashier | undefined, waiting: Waiting = {}): Promise<FiscalMark> {
    return this.#register({ type: 'openShift', ...operatorOf(cashier) }, waiting);
  }

  closeShift(cashier: Cashier | undefined, waiting: Waiting = {}): Promise<FiscalMark> {
    return this.#register({ type: 'closeShift', ...operatorOf(cashier) }, waiting);
  }

  async printXReport(waiting: Waiting = {}): Promise<void> {
    await this.#ask([{ type: 'reportX' }], waiting);
  }

  async moveCash({ direction, amountMinor }: CashMove, waiting: Waiting = {}): Promise<void> {
    const type = direction === 'in' ? 'cashIn' : 'cashOut';
    await this.#ask([{ type, cashSum: rubles(amountMinor) }], waiting);
  }

  async cashMinor(waiting: Waiting = {}): Promise<number> {
    const [result] = await this.#ask([{ type: 'getCashDrawerStatus' }], waiting);
    return kopecks(fieldsOf(result?.counters).cashSum);
  }

  async beginReceipt(receipt: Receipt, waiting: Waiting = {}): Promise<void> {
    this.#begun = undefined;
    const status = await this.status(waiting);
    refuseUnlessReady(status);
    const device = await this.#device(status, waiting);
    const composition = composeReceipt(receipt, device);
    if (!composition.ok) {
      const { problems } = composition;
      const codes = problems.map(({ code, path }) => `${code} at ${path}`).join(', ');
      throw new KktError('KKT_RECEIPT_INVALID', codes, { outcome: 'unsent', problems });
    }
    const task = receiptTask(receipt, device);
    const mark = receipt.extra?.value ?? JSON.stringify(task);
    this.#begun = { receipt, task, seed: `${status.fn}/${status.lastFd}/${mark}` };
  }

  async closeReceipt(receipt: Receipt, waiting: Waiting = {}): Promise<FiscalMark> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun?.receipt !== receipt) {
      throw new KktError('KKT_STATE_INVALID', 'this receipt was not begun', { outcome: 'unsent' });
    }
    for (let count = 0; count < JOBS_MAX; count += 1) {
      const uuid = jobNumber(begun.seed, count);
      const wasKnown = await this.#until(waiting, (signal) => this.#queue.isKnown(uuid, signal));
      try {
        const tasks = [begun.task];
        const results = wasKnown
          ? await this.#until(waiting, (signal) => this.#queue.await(uuid, tasks, signal))
          : await this.#run(uuid, tasks, waiting);
        return this.#marked(results);
      } catch (error) {
        // A job from before this attempt that ended in an error: the last document `beginReceipt` was told, after it, is
        // still the one in its number, so nothing came of it. The receipt is given under the next number.
        if (!wasKnown || !(error instanceof KktError) || error.deviceCode === undefined) throw error;
      }
    }
    throw new KktError('KKT_ATTEMPTS_EXHAUSTED', `${JOBS_MAX} jobs were refused`, { outcome: 'refused' });
  }

  async cancelReceipt(_waiting: Waiting = {}): Promise<void> {
    if (this.#begun === undefined) {
      throw new KktError('KKT_STATE_INVALID', 'no receipt was begun', { outcome: 'refused' });
    }
    this.#begun = undefined;
  }

  async findDocument(fd: number, waiting: Waiting = {}): Promise<FnDocument | undefined> {
    const tasks = [{ type: 'getFnDocument', fiscalDocumentNumber: fd, withRawData: true }];
    try {
      const [result = {}] = await this.#ask(tasks, waiting);
      const { first } = await this.ofdQueue(waiting);
      return documentOf(result, first?.fd);
    } catch (error) {
      if (error instanceof KktError && error.deviceCode === NO_DOCUMENT) return undefined;
      throw error;
    }
  }

  async documentTags(fd: number, waiting: Waiting = {}): Promise<Uint8Array | undefined> {
    const tasks = [{ type: 'getFnDocument', fiscalDocumentNumber: fd, withRawData: true }];
    try {
      const [{ rawData } = {}] = await this.#ask(tasks, waiting);
      return typeof rawData === 'string' ? new Uint8Array(Buffer.from(rawData, 'base64')) : undefined;
    } catch (error) {
      if (error instanceof KktError && error.deviceCode === NO_DOCUMENT) return undefined;
      throw error;
    }
  }

  async continuePrint(waiting: Waiting = {}): Promise<void> {
    await this.#ask([{ type: 'continuePrint' }], waiting);
    this.#isUnprinted = false;
  }

  async printCopy(waiting: Waiting = {}): Promise<void> {
    await this.#ask([{ type: 'printLastReceiptCopy' }], waiting);
  }

  async ofdQueue(waiting: Waiting = {}): Promise<OfdQueue> {
    const [result = {}] = await this.#ask([{ type: 'ofdExchangeStatus' }], waiting);
    return queueOf(result);
  }

  messagePort(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#closing.abort(new KktError('KKT_CLOSED', 'the driver was closed', { outcome: 'unknown' }));
  }

  async #device(status: KktStatus, waiting: Waiting): Promise<ReceiptDevice> {
    if (this.#known?.fn !== status.fn)
      this.#known = { fn: status.fn, identity: await this.identify(waiting) };
    return { ...this.#known.identity.receipts, day: dayOfSeconds(status.clockSeconds ?? 0) };
  }

  async #register(task: AtolTask, waiting: Waiting): Promise<FiscalMark> {
    return this.#marked(await this.#run(this.#newUuid(), [task], waiting));
  }

  #marked([result = {}]: readonly AtolResult[]): FiscalMark {
    this.#isUnprinted = isUnprinted(result);
    return markOf(result);
  }

  #ask(tasks: readonly AtolTask[], waiting: Waiting): Promise<AtolResult[]> {
    return this.#run(this.#newUuid(), tasks, waiting);
  }

  #run(uuid: string, tasks: readonly AtolTask[], waiting: Waiting): Promise<AtolResult[]> {
    return this.#until(waiting, (signal) => this.#queue.run(uuid, tasks, signal));
  }

  /** Asks until there is an answer, whoever asked gives up, or the driver is closed. */
  async #until<Answer>({ signal }: Waiting, ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const either = linkAborts(this.#closing.signal, ...(signal === undefined ? [] : [signal]));
    try {
      return await ask(either.signal);
    } finally {
      either.unlink();
    }
  }
}

const taskOf = (type: string): AtolTask => ({ type });

/** The server would refuse as well, after it had taken the job: better before. */
function refuseUnlessReady({ shift, hasPaper, isCoverOpen }: KktStatus): void {
  const refuse = (
    code: 'KKT_SHIFT_CLOSED' | 'KKT_SHIFT_EXPIRED' | 'KKT_PAPER_OUT' | 'KKT_COVER_OPEN',
  ): never => {
    throw new KktError(code, 'the device is not ready', { outcome: 'unsent' });
  };
  if (shift.state === 'closed') refuse('KKT_SHIFT_CLOSED');
  if (shift.state === 'expired') refuse('KKT_SHIFT_EXPIRED');
  if (isCoverOpen) refuse('KKT_COVER_OPEN');
  if (!hasPaper) refuse('KKT_PAPER_OUT');
}

/** A number in the form of a UUID, the same for the same job. */
export function jobNumber(seed: string, count: number): string {
  const hex = createHash('sha256').update(`${seed}/${count}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
