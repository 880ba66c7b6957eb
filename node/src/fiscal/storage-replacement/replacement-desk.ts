/**
 * The guided replacement of the storage, over HTTP and the command line: shows what is to be done, takes what was done, and sells the test.
 *
 * Guarantees: a step is durable when it is answered, and a restart goes on with the next; nothing is done to the device but the test, which goes
 * the way of every sale under a key of its own, so repeating it sells nothing twice. Maintenance begins with the first step and ends
 * with the last.
 */
import {
  type EventBody,
  type MaintenanceRequest,
  ProblemError,
  type StorageReplacement,
  type StorageReplacementAct,
  uuidV7,
} from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { CommitPipeline } from '../../commit/commit-pipeline.ts';
import type { MaintenanceDesk } from '../../maintenance/maintenance-desk.ts';
import type { OrderService, OrderWish, TillIdentity, WriteAnswer, WriteRequest } from '../../services.ts';
import { tillOf } from '../../use-cases/own-till.ts';
import type { FiscalDesk } from '../fiscal-desk.ts';
import type { Receipts } from '../receipts.ts';
import type { RegisterDesk } from '../register-service.ts';
import type { ShiftBook } from '../shift-book.ts';
import type { ReplacementBook } from './replacement-book.ts';
import {
  type Act,
  type Check,
  checksBefore,
  type ReplacementEvent,
  type ReplacementFacts,
  refusalOf,
  swapChecks,
} from './replacement-state.ts';

/** One article of 1.00, without VAT. */
const TEST_MINOR = 100;
/** How long one half of the test waits for its paper. */
export const TEST_WAIT_MS = 15_000;
const ID_BYTES = 10;

export interface ReplacementService {
  view(): Promise<StorageReplacement>;
  /** `REGISTER_NONE`; `STORAGE_STEP` where it is not what is due, or something is not done yet. */
  act(
    request: WriteRequest<StorageReplacementAct>,
    signal: AbortSignal,
  ): Promise<WriteAnswer<StorageReplacement>>;
}

export interface ReplacementDeskOptions {
  readonly branch: string;
  readonly book: ReplacementBook;
  readonly desk: FiscalDesk | undefined;
  readonly register: RegisterDesk;
  readonly receipts: Receipts;
  readonly shiftBook: ShiftBook;
  readonly maintenance: MaintenanceDesk;
  readonly pipeline: CommitPipeline;
  readonly orders: () => Pick<OrderService, 'place' | 'refund'>;
  readonly receiptState: (id: string) => Promise<string | undefined>;
  readonly randomBytes: (length: number) => Uint8Array;
}

type Step = StorageReplacement['steps'][number];

export class ReplacementDesk implements ReplacementService {
  readonly #options: ReplacementDeskOptions;

  constructor(options: ReplacementDeskOptions) {
    this.#options = options;
  }

  async view(): Promise<StorageReplacement> {
    const { book } = this.#options;
    const { state } = book;
    const steps = stepsOf(state.phase, state.phase === 'none' ? '' : state.fn, await this.#facts());
    const now = steps.find((step) => step.state === 'now');
    return {
      phase: state.phase,
      ...(state.phase === 'none'
        ? {}
        : { reason: state.reason, since: isoTime(state.sinceMs), oldStorage: state.fn }),
      ...('newFn' in state ? { newStorage: state.newFn } : {}),
      steps,
      words: state.phase === 'none' ? 'No storage is being replaced.' : (now?.words ?? ''),
    };
  }

  async act(
    request: WriteRequest<StorageReplacementAct>,
    signal: AbortSignal,
  ): Promise<WriteAnswer<StorageReplacement>> {
    const { desk, pipeline } = this.#options;
    if (desk === undefined) {
      throw new ProblemError('REGISTER_NONE', 'This node has no register whose storage could be replaced.');
    }
    const { body } = request;
    if (body.act === 'test') {
      await this.#test(request.till, signal);
    }
    const facts = await this.#facts();
    const answer = await pipeline.submit(request, (transaction) => {
      this.#check(facts, body);
      const id = uuidV7(stampMs(transaction.stamp), this.#options.randomBytes(ID_BYTES));
      const event = eventOf(body, id, facts.fn ?? '');
      const said: EventBody<'storage-replacement'> = { ...event, till: tillOf(transaction) };
      transaction.append(this.#collection, 'storage-replacement', said);
      if (event.event === 'adopted') {
        // From here on sales are registered with it; what the register is was read when the storage was first seen.
        const { serial = '', inn = '' } = desk.identity ?? {};
        transaction.append(this.#collection, 'receipt-storage', { fn: event.fn, serial, inn });
      }
      return { status: 200, body: {} };
    });
    await this.#maintain(request);
    desk.wake();
    return { ...answer, body: await this.view() };
  }

  get #collection(): string {
    return `receipts/${this.#options.branch}`;
  }

  #check(facts: ReplacementFacts, act: Act): void {
    const refusal = refusalOf(this.#options.book.state, facts, act);
    if (refusal !== undefined) {
      throw new ProblemError('STORAGE_STEP', refusal);
    }
  }

  /** Begun with the first step and ended with the last, under keys of the act: repeating it changes nothing. */
  async #maintain({ key, fingerprint, till, body }: WriteRequest<StorageReplacementAct>): Promise<void> {
    const { maintenance } = this.#options;
    const request = { key: `${key}:maintenance`.slice(-255), fingerprint, till };
    if (body.act === 'start') {
      const wanted: MaintenanceRequest = { reason: body.reason, minutes: body.minutes };
      await maintenance.begin({ ...request, body: wanted });
    } else if (body.act === 'finish' || body.act === 'cancel') {
      await maintenance.end({ ...request, body: {} });
    }
  }

  async #facts(): Promise<ReplacementFacts> {
    const { desk, register, receipts, shiftBook, maintenance } = this.#options;
    const status = desk?.status;
    const isAway = desk?.trouble !== undefined && desk.trouble !== 'KKT_FN_MISMATCH';
    const { pending, undecided } = await register.buffer();
    return {
      fn: isAway ? undefined : status?.fn,
      phase: isAway ? undefined : status?.phase,
      receiptsWaiting: receipts.open.size,
      undecided,
      isLogShiftOpen: shiftBook.current !== undefined,
      isRegisterShiftOpen: status !== undefined && status.shift.state !== 'closed',
      documentsWaiting: pending - receipts.open.size,
      isMaintenance: maintenance.state !== undefined,
    };
  }

  /** A sale and its refund, each once, however often it is asked for; `STORAGE_STEP` while they are not on paper. */
  async #test({ till }: TillIdentity, signal: AbortSignal): Promise<void> {
    const { book, orders } = this.#options;
    const { state } = book;
    this.#check(await this.#facts(), { act: 'test' });
    if (state.phase !== 'testing') {
      return;
    }
    const wait = { ms: TEST_WAIT_MS, signal, forPaper: true };
    const request = { fingerprint: '0'.repeat(64), till: { till, role: 'admin' as const } };
    const key = `storage-replacement/${state.id}`;
    const sold = await orders().place({ ...request, key: `${key}/sale`, body: TEST_ORDER }, wait);
    await this.#printed(sold.body.receipt.id, 'sale');
    const body = { restock: true, reason: 'test of a new storage' };
    const back = await orders().refund(sold.body.id, { ...request, key: `${key}/refund`, body }, wait);
    await this.#printed(back.body.receipt.id, 'refund');
  }

  async #printed(receipt: string, what: string): Promise<void> {
    const state = await this.#options.receiptState(receipt);
    if (state !== 'printed') {
      throw new ProblemError(
        'STORAGE_STEP',
        `The test ${what} is ${state}: look at the register and test again.`,
      );
    }
  }
}

const TEST_ORDER = {
  lines: [
    {
      sku: 'kkt:test',
      name: 'Test',
      quantityMilli: 1_000,
      unitPriceMinor: TEST_MINOR,
      discountMinor: 0,
      vat: 'none',
    },
  ],
  payments: [{ kind: 'cash', amountMinor: TEST_MINOR }],
  redeemPoints: 0,
} as unknown as OrderWish;

function eventOf(act: StorageReplacementAct, id: string, fn: string): ReplacementEvent {
  switch (act.act) {
    case 'start':
      return { event: 'started', id, fn, reason: act.reason, atMs: 0 };
    case 'closed':
      return { event: 'closed', ...(act.broken === undefined ? {} : { broken: act.broken }) };
    case 'adopt':
      return { event: 'adopted', fn: act.fn };
    case 'test':
      return { event: 'tested' };
    case 'finish':
      return { event: 'finished' };
    case 'cancel':
      return { event: 'cancelled', reason: act.reason };
    default:
      return act satisfies never;
  }
}

function stepsOf(phase: StorageReplacement['phase'], fn: string, facts: ReplacementFacts): Step[] {
  const before = checksBefore(facts);
  const isPrepared = before.every(({ holds }) => holds);
  const place = { none: 0, preparing: isPrepared ? 2 : 1, swapping: 3, testing: 4, finishing: 5 }[phase];
  const step = (at: number, name: Step['name'], words: string, checks: Check[] = []): Step => ({
    name,
    state: place === 0 || at > place ? 'later' : at < place ? 'done' : 'now',
    words,
    checks: at === place ? checks : [],
  });
  return [
    step(1, 'prepare', 'Bring everything to its end: see the checks.', before),
    step(2, 'close', `Close the storage ${fn} at the register, then confirm with its number.`, before),
    step(
      3,
      'swap',
      'Put the new storage in and register it with the tax service, then adopt it with its number.',
      swapChecks(fn, facts),
    ),
    step(4, 'test', 'Test: a sale of 1.00 and its refund are registered with the new storage.'),
    step(5, 'finish', 'Compare the two papers, keep the old storage for five years, and finish.'),
  ];
}
