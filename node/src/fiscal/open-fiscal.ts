/**
 * Fiscal receipts of a node: what is known of them, and where a register is configured the desk that prints and the watch that
 * delivers. Without a register everything here only reads.
 */

import type { FeedName, FeedStore } from '@branchline/feed';
import { formatSign, formatWallTime, type OfdLink, type Receipt, receiptQr } from '@branchline/fiscal';
import {
  type CorrectionRequest,
  type EventBody,
  type FiscalCountdown,
  type FiscalReceipt,
  type FiscalStatus,
  type Order,
  type OrderPage,
  ProblemError,
  type ReceiptDecision,
  type ReceiptId,
  uuidV7,
} from '@branchline/model';
import { type Clock, isoTime, parseStamp, type Random, stampMs } from 'hlc-ts';
import qrcode from 'qrcode';
import type { Alarms } from '../alarms.ts';
import type { CommitPipeline } from '../commit/commit-pipeline.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { OfdDelivery } from '../delivery/ofd-delivery.ts';
import type { EventLog } from '../event-log.ts';
import type { NodeLog } from '../ports.ts';
import type { Orders } from '../projections/orders.ts';
import type { MetricSample, WriteAnswer, WriteRequest } from '../services.ts';
import { correctionOf } from './corrections.ts';
import { type CountdownFacts, countdowns } from './countdowns.ts';
import { FiscalDesk, type KktPort } from './fiscal-desk.ts';
import { kktMetrics } from './kkt-metrics.ts';
import { LIMIT_DAYS, OfdWatch } from './ofd-watch.ts';
import { healthOf, type OutboxHealth } from './outbox-health.ts';
import { decideReceipt, decisionWords, toDecideWords } from './receipt-decisions.ts';
import { guardReceipt, guessedDevice } from './receipt-guard.ts';
import {
  isSettlement,
  type RefundWanted,
  receiptOfCorrection,
  receiptOfOrder,
  receiptOfRefund,
  type Sold,
  settlementOf,
  withChecks,
} from './receipt-of-order.ts';
import { receiptWords, troubleWords } from './receipt-words.ts';
import { type KnownReceipt, type Receipts, stateAfter } from './receipts.ts';
import { RegisterDesk } from './register-service.ts';
import type { ShiftBook } from './shift-book.ts';
import { ShiftLog } from './shift-log.ts';
import { Shifts } from './shifts.ts';

/** The longest a sale may hold its answer for the receipt. */
export const WAIT_MAX_MS = 30_000;
const DAY_MS = 86_400_000;

export interface NodeKkt extends KktPort {
  /** The operator of fiscal data, where this node carries documents to it. */
  readonly ofdLink?: OfdLink | undefined;
}

export interface FiscalOptions {
  readonly kkt: NodeKkt | undefined;
  /** What the storage has for the operator; with `kkt`. */
  readonly ofd: OfdDelivery | undefined;
  readonly branch: string;
  readonly receipts: Receipts;
  readonly shiftBook: ShiftBook;
  readonly orders: Orders;
  /** The orders this device writes: what shifts add up to. */
  readonly ordersFeed: FeedName;
  readonly store: Pick<FeedStore, 'read' | 'feeds'>;
  readonly pipeline: CommitPipeline;
  readonly commit: (append: (transaction: Transaction) => void) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly log: NodeLog;
  readonly events: EventLog;
  readonly alarms: Alarms;
}

/** How long an answer may be held, and who holds it. */
export interface ReceiptWait {
  readonly ms: number;
  readonly signal: AbortSignal;
  /** Until there is paper as well; left out: until it is registered. */
  readonly forPaper?: boolean;
}

const COUNTDOWN_ALARMS: Readonly<Partial<Record<FiscalCountdown['what'], string>>> = {
  'storage-term': 'FN_TERM',
  'storage-memory': 'FN_MEMORY',
  shift: 'SHIFT_LONG',
  clock: 'KKT_CLOCK',
};

const ON_PAPER: ReadonlySet<string> = new Set(['printed', 'review', 'failed']);
const SETTLED: ReadonlySet<string> = new Set(['fiscal', ...ON_PAPER]);

export class Fiscal {
  readonly #options: FiscalOptions;
  readonly #desk: FiscalDesk | undefined;
  readonly #watch: OfdWatch | undefined;
  /** The shift of this node, with a register or without. */
  readonly shifts: Shifts;
  readonly register: RegisterDesk;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #shifting: Promise<void> = Promise.resolve();

  constructor(options: FiscalOptions) {
    this.#options = options;
    const { kkt, ofd, receipts } = options;
    if (kkt !== undefined && ofd !== undefined) {
      this.#watch = this.#makeWatch(kkt, ofd);
      this.#desk = this.#makeDesk(kkt, this.#watch);
    }
    this.shifts = this.#makeShifts();
    const waiting = (): number => this.#watch?.queue?.waiting ?? 0;
    this.register = new RegisterDesk({ ...options, desk: this.#desk, waiting });
    receipts.watch(() => {
      this.#desk?.notice();
      this.#watch?.note();
      this.shifts.wake();
    });
  }

  start(): void {
    this.#running = this.#desk?.run() ?? this.#running;
    this.#shifting = this.shifts.run(this.#stop.signal);
    this.register.isRunning = this.#desk !== undefined;
    this.#options.ofd?.queue.start().catch((error: Error) => {
      this.#options.log.error({ err: error }, 'the outbox of the operator did not start');
    });
  }

  /** Called before commits end: the job under way may still write down what became of it. */
  async stop(): Promise<void> {
    const { ofd } = this.#options;
    this.register.isRunning = false;
    this.#stop.abort();
    await this.#shifting;
    await ofd?.queue.stop();
    await this.#desk?.stop(this.#running);
    await ofd?.queue.close();
  }

  /** For those beside it that ask the register itself. */
  get desk(): FiscalDesk | undefined {
    return this.#desk;
  }

  /** Throws where the register could never print the sale; without one nothing is asked. */
  guardSale(sold: Sold, till: string): void {
    const { kkt } = this.#options;
    if (kkt !== undefined) {
      this.#guard(receiptOfOrder(sold, { taxSystem: kkt.taxSystem, cashier: till }));
    }
  }

  guardRefund(refund: RefundWanted, original: Order | undefined): void {
    const { kkt } = this.#options;
    if (kkt !== undefined) {
      this.#guard(receiptOfRefund('', refund, { taxSystem: kkt.taxSystem, cashier: refund.till, original }));
    }
  }

  /** A correction receipt: checked, durable, then printed in its turn. */
  async correct(
    request: WriteRequest<CorrectionRequest>,
    wait: ReceiptWait | undefined,
  ): Promise<WriteAnswer<FiscalReceipt>> {
    const { kkt, pipeline, branch, randomBytes } = this.#options;
    if (kkt === undefined) {
      throw new ProblemError('REGISTER_NONE', 'Corrections are made by a register.');
    }
    const answer = await pipeline.submit(request, (transaction) => {
      const id = uuidV7<ReceiptId>(stampMs(transaction.stamp), randomBytes(10));
      const what = correctionOf(request);
      this.#guard(receiptOfCorrection(id, what, { taxSystem: kkt.taxSystem, cashier: what.till }));
      const body: EventBody<'receipt'> = { id, what };
      transaction.append(`receipts/${branch}`, 'receipt', body);
      return { status: 201, body: { id } };
    });
    const { id } = answer.body;
    const ends = wait?.forPaper === true ? ON_PAPER : SETTLED;
    const isSettled = async (): Promise<boolean> => ends.has((await this.receipt(id))?.state ?? 'waiting');
    if (wait !== undefined) {
      await this.#desk?.settled(isSettled, Math.min(wait.ms, WAIT_MAX_MS), wait.signal);
    }
    return { ...answer, body: (await this.receipt(id))! };
  }

  /** What a person decided about a receipt nobody could tell about. */
  async decide(id: string, request: WriteRequest<ReceiptDecision>): Promise<WriteAnswer<FiscalReceipt>> {
    const desk = this.#desk;
    if (desk === undefined) {
      throw new ProblemError('REGISTER_NONE', 'Receipts are decided at the node of their register.');
    }
    const receipt = (which: string) => this.receipt(which);
    return await decideReceipt({ ...this.#options, desk, receipt }, id, request);
  }

  /** Receipts of this node that need a decision, oldest first. */
  async undecided(): Promise<FiscalReceipt[]> {
    const { unsettled, begun } = this.#options.receipts;
    const found = await Promise.all([...unsettled, ...begun].map((id) => this.receipt(id)));
    return found.flatMap((receipt) => (receipt?.toDecide === undefined ? [] : [receipt]));
  }

  /** The receipt's QR code as a picture; undefined before it is registered. */
  async qrSvg(id: string): Promise<string | undefined> {
    const text = (await this.receipt(id))?.qr;
    return text === undefined ? undefined : await qrcode.toString(text, { type: 'svg', margin: 2 });
  }

  #guard(receipt: Receipt): void {
    const identity = this.#desk?.identity;
    const day = isoTime(this.#options.clock.nowMs()).slice(0, 10);
    guardReceipt(
      withChecks(receipt),
      identity === undefined
        ? guessedDevice(receipt, day)
        : { device: { ...identity.receipts, day }, isMet: true },
    );
  }

  async receipt(id: string): Promise<FiscalReceipt | undefined> {
    const known = await this.#options.receipts.get(id);
    const what = known?.what;
    if (what === undefined || !isSettlement(what)) {
      return undefined;
    }
    const { branch, outcome } = known!;
    const { state, reason } = this.#stateOf(known!);
    const [first] =
      state === 'review' || state === 'uncertain' ? await this.#options.receipts.recordsOf(id) : [];
    const lastFd = first?.type === 'intent' ? first.intent.lastFd : undefined;
    const toDecide = toDecideWords(state, what.totalMinor, known!, lastFd);
    return {
      id: id as FiscalReceipt['id'],
      kind: what.kind,
      ...(what.kind === 'correction' ? {} : { order: what.order }),
      totalMinor: what.totalMinor,
      branch: branch as FiscalReceipt['branch'],
      state,
      words: known!.decision === undefined ? receiptWords(state, reason) : decisionWords(known!.decision),
      ...(toDecide === undefined ? {} : { toDecide }),
      ...(reason === undefined ? {} : { reason }),
      ...(outcome === undefined ? {} : { fn: outcome.fn, fd: outcome.fd, fp: formatSign(outcome.fp) }),
      ...(outcome?.atSeconds === undefined
        ? {}
        : {
            at: formatWallTime(outcome.atSeconds),
            qr: receiptQr({
              dateTime: outcome.atSeconds,
              totalMinor: what.totalMinor,
              fn: outcome.fn,
              fd: outcome.fd,
              sign: outcome.fp,
              kind: settlementOf(what),
            }),
          }),
      ofd: outcome === undefined ? 'none' : known!.isDelivered ? 'delivered' : 'queued',
    };
  }

  /** What was sold or given back with the receipt whose QR code has this text. */
  async settledWith(qr: string): Promise<string | undefined> {
    const fields = new URLSearchParams(qr);
    const [fn, fd] = [fields.get('fn'), Number(fields.get('i'))];
    const id = fn === null ? undefined : await this.#options.receipts.receiptOf(fn, fd);
    const what = id === undefined ? undefined : (await this.#options.receipts.get(id))?.what;
    return what?.kind === 'sale' || what?.kind === 'refund' ? what.order : undefined;
  }

  /** Orders with the present state of their receipts. */
  async withStates<Some extends Pick<Order, 'receipt' | 'pushed'>>(orders: readonly Some[]): Promise<Some[]> {
    const states = await this.#options.receipts.states(orders.map(({ receipt }) => receipt.id));
    return orders.map((order, at) => {
      if (order.pushed !== undefined) {
        // Its receipt is another program's.
        return order;
      }
      const state = this.#desk?.live(order.receipt.id)?.state ?? states[at] ?? order.receipt.state;
      return { ...order, receipt: { ...order.receipt, state } };
    });
  }

  async pageWithStates(page: OrderPage): Promise<OrderPage> {
    return { ...page, orders: await this.withStates(page.orders) };
  }

  /** The answer of a sale, once its receipt is registered, somebody is needed, or the time is over. */
  async held<Some extends Pick<Order, 'receipt' | 'pushed'>>(
    answer: WriteAnswer<Some>,
    { ms, signal, forPaper }: ReceiptWait,
  ): Promise<WriteAnswer<Some>> {
    if (this.#desk === undefined) {
      return answer;
    }
    const read = async (): Promise<Some> => (await this.withStates([answer.body]))[0]!;
    const ends = forPaper === true ? ON_PAPER : SETTLED;
    const isSettled = async (): Promise<boolean> => ends.has((await read()).receipt.state);
    await this.#desk.settled(isSettled, Math.min(ms, WAIT_MAX_MS), signal);
    return { ...answer, body: await read() };
  }

  /** For `GET /v1/sync`: the register in words, and how long the operator may still be out of reach. */
  status(): FiscalStatus | undefined {
    if (this.#desk === undefined) {
      return undefined;
    }
    const { storage, open } = this.#options.receipts;
    const { status, trouble } = this.#desk;
    const queue = this.#watch?.queue;
    const ageMs = queue?.oldestAgeSeconds === undefined ? undefined : queue.oldestAgeSeconds * 1_000;
    return {
      words: trouble === undefined ? 'The register works.' : troubleWords(trouble),
      ...(trouble === undefined ? {} : { trouble }),
      ...(storage === undefined ? {} : { storage }),
      ...(status === undefined ? {} : { shift: { number: status.shift.number, state: status.shift.state } }),
      receiptsWaiting: open.size,
      receiptsUndecided: this.#options.receipts.unsettled.size,
      countdowns: countdowns(this.#facts()),
      ...(queue === undefined ? {} : { documentsWaiting: queue.waiting }),
      ...(ageMs === undefined
        ? {}
        : { oldestDocumentAgeMs: ageMs, stopsInMs: Math.max(0, LIMIT_DAYS * DAY_MS - ageMs) }),
    };
  }

  /** For metrics: the way to the operator at a glance. */
  outboxHealth(): OutboxHealth {
    const { ofd, receipts } = this.#options;
    return healthOf(ofd, receipts.open.size, this.#watch?.queue?.waiting ?? 0);
  }

  metrics(): MetricSample[] {
    if (this.#desk === undefined) {
      return [];
    }
    const { queue, delivered } = this.#watch!;
    const gauge = (name: string, value: number, help: string): MetricSample => ({
      name,
      type: 'gauge',
      value,
      help,
    });
    const { receipts } = this.#options;
    return [
      ...kktMetrics({
        health: this.outboxHealth(),
        facts: this.#facts(),
        receiptsWaiting: receipts.open.size,
        undecided: receipts.unsettled.size,
      }),
      gauge(
        'branchline_receipts_waiting',
        this.#options.receipts.open.size,
        'Receipts not registered and printed yet.',
      ),
      gauge(
        'branchline_receipts_undecided',
        receipts.unsettled.size,
        'Receipts in review, uncertain or failed: a person decides.',
      ),
      ...(this.#desk.trouble === undefined
        ? []
        : [
            {
              ...gauge('branchline_kkt_trouble', 1, 'What stops the register, by code.'),
              labels: { code: this.#desk.trouble },
            },
          ]),
      gauge('branchline_kkt_ready', this.#desk.trouble === undefined ? 1 : 0, 'Whether the register works.'),
      gauge('branchline_ofd_waiting', queue?.waiting ?? 0, 'Documents the operator has not acknowledged.'),
      gauge('branchline_ofd_oldest_seconds', queue?.oldestAgeSeconds ?? 0, 'Age of the oldest of them.'),
      {
        name: 'branchline_ofd_delivered_total',
        type: 'counter',
        value: delivered,
        help: 'Documents carried to the operator since the start.',
      },
    ];
  }

  #facts(): CountdownFacts {
    const { shiftBook, clock } = this.#options;
    const desk = this.#desk;
    const ageSeconds = this.#watch?.queue?.oldestAgeSeconds;
    const opened = shiftBook.current?.opened;
    const status = desk?.status;
    const isOpen = status?.shift.state === 'open' && opened !== undefined;
    return {
      nowMs: clock.nowMs(),
      oldestDocumentAgeMs: ageSeconds === undefined ? undefined : ageSeconds * 1_000,
      fnExpires: desk?.identity?.fnExpires,
      warnings: status?.warnings ?? [],
      shiftOpenedMs: isOpen ? stampMs(parseStamp(opened)) : undefined,
      isShiftExpired: status?.shift.state === 'expired',
      clock:
        status?.clockSeconds === undefined || desk === undefined
          ? undefined
          : { deviceSeconds: status.clockSeconds, atMs: desk.statusMs },
    };
  }

  /** What comes near is an alarm, in words, until it is over; of the operator the watch tells. */
  #count(): void {
    const { alarms } = this.#options;
    for (const { what, level, words } of countdowns(this.#facts())) {
      const code = COUNTDOWN_ALARMS[what];
      if (code !== undefined && (level === 'urgent' || level === 'stopped' || level === 'notice')) {
        if (!alarms.has(code)) {
          alarms.raise(code, words);
        }
      } else if (code !== undefined) {
        alarms.clear(code);
      }
    }
  }

  #stateOf({ id, last }: KnownReceipt): { state: FiscalReceipt['state']; reason: string | undefined } {
    const live = this.#desk?.live(id);
    if (live !== undefined) {
      return live;
    }
    const reason = last?.type === 'failed' || last?.type === 'review' ? last.reason : undefined;
    const state = stateAfter(last);
    // A receipt nobody has touched yet is held up by whatever holds up the register.
    return { state, reason: reason ?? (state === 'waiting' ? this.#desk?.trouble : undefined) };
  }

  #makeShifts(): Shifts {
    const { log, ordersFeed, store, shiftBook, orders } = this.#options;
    return new Shifts({
      ...this.#options,
      nodeLog: log,
      log: new ShiftLog({ store, feed: ordersFeed }),
      book: shiftBook,
      desk: this.#desk,
      order: (id) => orders.get(id),
      queue: () => this.#watch?.queue,
    });
  }

  #makeDesk(kkt: NodeKkt, watch: OfdWatch): FiscalDesk {
    const { branch, receipts, orders, commit, clock, randomBytes, log, events, alarms } = this.#options;
    return new FiscalDesk({
      ...kkt,
      branch,
      receipts,
      order: (id) => orders.get(id),
      commit,
      clock,
      randomBytes,
      log,
      watch,
      onChanged: (id) => {
        const state = this.#desk?.live(id)?.state;
        if (state !== undefined) {
          events.publish('receipt.changed', { id, state });
        }
        this.#desk?.notice();
      },
      onTrouble: (code) => {
        alarms.clear('KKT_NOT_READY');
        if (code !== undefined) {
          alarms.raise('KKT_NOT_READY', troubleWords(code));
        }
      },
      onLooked: () => this.#count(),
      closeShift: () => this.shifts.closeByAge(),
      onFault: (words) => alarms.raise('FISCAL_FAULT', words),
    });
  }

  #makeWatch({ driver }: NodeKkt, delivery: OfdDelivery): OfdWatch {
    const { receipts, clock, alarms } = this.#options;
    return new OfdWatch({
      driver,
      delivery,
      clock,
      owed: () => receipts.open.size,
      onAlarm: (code, words) => {
        alarms.clear(code);
        if (words !== undefined) {
          alarms.raise(code, words);
        }
      },
    });
  }
}
