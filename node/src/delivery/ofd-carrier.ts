/**
 * Carries one document of a storage to its operator and the operator's answer back: the deliverer of the outbox for fiscal documents.
 *
 *     job (FN, FD) ──> pump: storage ──message──> operator ──answer──> storage ──verdict──> delivered
 *
 * The storage offers its oldest document and no other, so a job is done when the storage has moved past its document, and what is
 * older is carried on the way. Bytes are opaque. The line to the register is free for sales from the next command on while `hold`
 * is called; the exchange with the operator needs no line and goes on.
 *
 * Guarantees: `delivered` only on the storage's word; a fault between node and register is `ours` and says nothing about the
 * operator; a document that is refused again and again ends in front of a person, with the operator's words.
 */
import {
  FiscalError,
  type KktDriver,
  type OfdLink,
  OfdPump,
  type PumpPause,
  type PumpReport,
  type PumpStatus,
  type Ticket,
} from '@branchline/fiscal';
import type { DeliverAnswer, DeliverableJob } from '@branchline/outbox';
import { Backoff, type Clock, type Random } from 'hlc-ts';
import { type DocumentName, documentOf } from './ofd-jobs.ts';

/** One try, the wait for a free line included: more than the link allows itself. */
export const CARRY_LIMIT_MS = 120_000;
/** Refusals of one document in a row before a person has to look. */
export const REFUSALS_MAX = 3;
/** The pump's own rests never count here: a try ends with its first failure. */
const NO_REST = { baseMs: 1_000, capMs: 1_000 } as const;

export interface OfdCarrierOptions {
  readonly driver: KktDriver;
  readonly link: OfdLink;
  readonly clock: Clock;
  readonly random: Random;
  /** Called for a document carried on the way to the one that was asked for. */
  readonly onOther: (document: DocumentName, proof: string) => void;
}

export class OfdCarrier {
  readonly #options: OfdCarrierOptions;
  #pump: OfdPump | undefined;
  #isHeld = false;
  #lastExchangeMs: number | undefined;
  #refusals: { readonly job: string; readonly count: number } | undefined;

  constructor(options: OfdCarrierOptions) {
    this.#options = options;
  }

  get status(): PumpStatus | undefined {
    return this.#pump?.status;
  }

  /** How long the operator took to answer last. */
  get lastExchangeMs(): number | undefined {
    return this.#lastExchangeMs;
  }

  /** It waits for the line, or has it. */
  get wantsLine(): boolean {
    const phase = this.#pump?.status.phase;
    return phase !== undefined && phase !== 'exchanging' && phase !== 'resting';
  }

  hold(): void {
    this.#isHeld = true;
    this.#pump?.hold('sale');
  }

  release(): void {
    this.#isHeld = false;
    this.#pump?.release('sale');
    this.#pump?.wake();
  }

  async carry(job: DeliverableJob, { signal }: { readonly signal: AbortSignal }): Promise<DeliverAnswer> {
    const { driver, clock, random } = this.#options;
    const document = documentOf(job.id);
    const port = document === undefined ? undefined : driver.messagePort(document.fn);
    if (document === undefined || port === undefined) {
      const cause = new FiscalError('FN_LINE_FAILED', 'this register delivers by itself');
      return { type: 'failed', retryable: true, ours: true, cause };
    }
    const over = new AbortController();
    let outcome: Outcome | undefined;
    const end = (reached: Outcome): void => {
      outcome ??= reached;
      over.abort();
    };
    const pump = new OfdPump({
      port,
      link: { exchange: (message, options) => this.#exchange(message, options) },
      clock,
      random,
      backoff: new Backoff(NO_REST),
      onEvent: (report) => this.#hear(report, document, end),
      onPause: (why) => end(why.type === 'nothing' ? 'nothing' : failed(why)),
    });
    const abandon = (): void => end(abandoned(pump));
    const limit = clock.setTimer(CARRY_LIMIT_MS, abandon);
    signal.addEventListener('abort', abandon, { once: true });
    if (this.#isHeld) {
      pump.hold('sale');
    }
    this.#pump = pump;
    try {
      if (!signal.aborted) {
        await pump.run(over.signal);
      }
      const reached = outcome ?? abandoned(pump);
      const answer = reached === 'nothing' ? await this.#confirm(document, signal) : reached;
      return answer.type === 'refused' ? this.#weigh(job.id, answer) : answer;
    } finally {
      this.#pump = undefined;
      limit.cancel();
      signal.removeEventListener('abort', abandon);
    }
  }

  async #exchange(message: Uint8Array, options: { signal: AbortSignal }): Promise<Uint8Array> {
    const { clock, link } = this.#options;
    const fromMs = clock.monotonicMs();
    try {
      return await link.exchange(message, options);
    } finally {
      this.#lastExchangeMs = clock.monotonicMs() - fromMs;
    }
  }

  #hear(report: PumpReport, wanted: DocumentName, end: (outcome: Outcome) => void): void {
    if (report.type === 'alarm') {
      const about = report.key === undefined ? '' : `document ${report.key.fd}: `;
      end({ type: 'refused', permanent: false, code: report.code, words: `${about}${report.detail}` });
      return;
    }
    const { fn, fd } = report.key;
    const proof = proofOf(report.ticket);
    if (fd !== wanted.fd) {
      this.#options.onOther({ fn, fd }, proof);
    }
    if (fd >= wanted.fd) {
      end({ type: 'delivered', proof: fd === wanted.fd ? proof : `the storage has moved on to ${fd}` });
    }
  }

  /** The device offers nothing: is it our storage that says so, and is it past the document? */
  async #confirm({ fn, fd }: DocumentName, signal: AbortSignal): Promise<DeliverAnswer> {
    const { driver } = this.#options;
    try {
      const status = await driver.status({ signal });
      const { waiting, first } = await driver.ofdQueue({ signal });
      if (
        status.fn === fn &&
        status.lastFd >= fd &&
        (waiting === 0 || (first !== undefined && first.fd > fd))
      ) {
        return { type: 'delivered', proof: 'the storage has it acknowledged' };
      }
      const words =
        status.fn === fn
          ? `${waiting} documents wait and none is offered`
          : `storage ${status.fn} is in the register`;
      return { type: 'failed', retryable: true, ours: true, cause: new FiscalError('FN_LINE_FAILED', words) };
    } catch (cause) {
      return { type: 'failed', retryable: true, ours: true, cause };
    }
  }

  #weigh(job: string, answer: Extract<DeliverAnswer, { type: 'refused' }>): DeliverAnswer {
    const count = this.#refusals?.job === job ? this.#refusals.count + 1 : 1;
    const isLast = count >= REFUSALS_MAX;
    this.#refusals = isLast ? undefined : { job, count };
    return { ...answer, permanent: isLast };
  }
}

type Outcome = DeliverAnswer | 'nothing';

function failed({ code, detail, isFar }: Extract<PumpPause, { type: 'failed' }>): DeliverAnswer {
  const cause = new FiscalError(code, detail, { retryable: true });
  return { type: 'failed', retryable: true, ...(isFar ? {} : { ours: true }), cause };
}

function abandoned(pump: OfdPump): DeliverAnswer {
  const isFar = pump.status.phase === 'exchanging';
  return isFar
    ? {
        type: 'failed',
        retryable: true,
        cause: new FiscalError('OFD_TIMEOUT', 'the operator does not answer'),
      }
    : {
        type: 'failed',
        retryable: true,
        ours: true,
        cause: new FiscalError('FN_LINE_FAILED', 'the register had no time for it'),
      };
}

/** The operator's answer as it is kept: what it said and its sign. */
function proofOf(ticket: Ticket | undefined): string {
  if (ticket === undefined) {
    return 'acknowledged; the storage encrypts';
  }
  const { responseCode, messageBits, operatorInn, atSeconds, operatorSign } = ticket;
  const sign = operatorSign === undefined ? undefined : Buffer.from(operatorSign).toString('hex');
  return JSON.stringify({ responseCode, messageBits, operatorInn, atSeconds, sign });
}
