/**
 * Fiscal documents of this device and the operator: an outbox where this node carries, a list of what waits where the register
 * delivers by itself.
 *
 * Guarantees: a document is carried between receipts, one at a time per storage, in order; one that the operator never accepts
 * stands in quarantine with its words and holds up its own storage alone. A document that waits in the storage and that nobody
 * here registered becomes a job as well, so nothing waits unseen.
 */
import type { KktDriver, OfdLink, OfdQueue, PumpStatus } from '@branchline/fiscal';
import type { EventBody } from '@branchline/model';
import type { OutboxEvent } from '@branchline/outbox';
import type { Alarms } from '../alarms.ts';
import type { NodeLog } from '../ports.ts';
import { type DeliveryPorts, DeliveryQueue } from './delivery-queue.ts';
import { CARRY_LIMIT_MS, OfdCarrier } from './ofd-carrier.ts';
import { type DocumentName, documentOf, ofdFacts, sayTicket } from './ofd-jobs.ts';

/** Deliveries observed at a register that delivers by itself, written down in one commit. */
export const OBSERVED_AT_ONCE = 200;
/** Documents and receipts waiting at which somebody is told. Nothing is refused at any of them: a mark, not a wall. */
export const WAITING_MARK = 200;
export const WAITING_PERCENTS = [80, 90, 100] as const;
const GRACE_MS = 10_000;
/** The operator: every storage of this node has the same one. */
const OPERATOR = 'ofd';

export interface OfdDeliveryOptions extends DeliveryPorts {
  readonly branch: string;
  readonly driver: KktDriver;
  /** The operator, where this node carries. */
  readonly link: OfdLink | undefined;
  /** Of this device, under this key or an earlier one. */
  readonly isOwn: (writer: string) => boolean;
  readonly log: NodeLog;
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
}

export class OfdDelivery {
  readonly queue: DeliveryQueue;
  readonly #options: OfdDeliveryOptions;
  readonly #carrier: OfdCarrier | undefined;
  #delivered = 0;
  #percent = 0;
  #failed = 0;
  #lastFailureMs: number | undefined;
  #lastDeliveryMs: number | undefined;

  private constructor(options: OfdDeliveryOptions, queue: DeliveryQueue, carrier: OfdCarrier | undefined) {
    this.#options = options;
    this.queue = queue;
    this.#carrier = carrier;
  }

  static async open(options: OfdDeliveryOptions): Promise<OfdDelivery> {
    const { branch, link, isOwn } = options;
    const collection = `receipts/${branch}`;
    const late = {} as { self: OfdDelivery };
    const carrier =
      link === undefined
        ? undefined
        : new OfdCarrier({
            ...options,
            link,
            onOther: (document, proof) => void late.self.#tickets([{ document, proof }]),
          });
    const queue = await DeliveryQueue.open({
      ...options,
      name: 'ofd',
      collection,
      reads: (of) => of === collection,
      factsOf: (entry) => ofdFacts(entry, isOwn),
      writes: (transaction, record) => {
        const document = documentOf(record.id);
        if (record.type !== 'delivered' || document === undefined) {
          return false;
        }
        sayTicket(transaction, collection, document, record.proof);
        return true;
      },
      deliver: carrier && ((job, call) => carrier.carry(job, call)),
      deadlineMs: CARRY_LIMIT_MS + GRACE_MS,
      onQuarantine: 'hold',
      destinationOf: () => OPERATOR,
      onEvent: (event) => late.self.#hear(event),
    });
    late.self = new OfdDelivery(options, queue, carrier);
    return late.self;
  }

  get pump(): PumpStatus | undefined {
    return this.#carrier?.status;
  }

  get lastExchangeMs(): number | undefined {
    return this.#carrier?.lastExchangeMs;
  }

  get wantsLine(): boolean {
    return this.#carrier?.wantsLine ?? false;
  }

  /** Documents the operator acknowledged, since the start. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Tries that did not succeed since the start, and the last of either kind. */
  get tries(): {
    readonly failed: number;
    readonly lastFailureMs: number | undefined;
    readonly lastDeliveryMs: number | undefined;
  } {
    return {
      failed: this.#failed,
      lastFailureMs: this.#lastFailureMs,
      lastDeliveryMs: this.#lastDeliveryMs,
    };
  }

  hold(): void {
    this.#carrier?.hold();
  }

  release(): void {
    this.#carrier?.release();
  }

  /** Called with what the storage just said of its queue. */
  async compare(fn: string, { waiting, first }: OfdQueue): Promise<void> {
    const open = await this.queue.pending(fn, this.queue.delivers ? 1 : OBSERVED_AT_ONCE);
    const gone = open
      .map(({ id }) => documentOf(id)!)
      .filter(({ fd }) => (waiting === 0 && first === undefined) || (first !== undefined && fd < first.fd));
    if (!this.queue.delivers && gone.length > 0) {
      this.#delivered += gone.length;
      this.#lastDeliveryMs = this.#options.clock.nowMs();
      await this.#tickets(gone.map((document) => ({ document, proof: 'delivered by the register' })));
    }
    const counts = this.queue.lastReport?.keys.find(({ key }) => key === fn);
    const isEmpty = open.length === 0 && (counts?.quarantined ?? 0) === 0;
    if (this.queue.delivers && isEmpty && waiting > 0 && first !== undefined) {
      await this.#adopt({ fn, fd: first.fd });
    }
  }

  /** Called with how much waits: told once when a mark is passed, and over when it is below the first again. */
  mark(waiting: number): void {
    const { alarms } = this.#options;
    const passed = WAITING_PERCENTS.filter((percent) => waiting * 100 >= WAITING_MARK * percent).at(-1) ?? 0;
    if (passed === this.#percent) {
      return;
    }
    this.#percent = passed;
    alarms.clear('OUTBOX_FILLING');
    if (passed > 0) {
      const words = `${waiting} receipts and documents wait, ${passed} % of the mark of ${WAITING_MARK}. Sales go on; look at what holds them up: GET /v1/outbox.`;
      alarms.raise('OUTBOX_FILLING', words);
    }
  }

  async #adopt({ fn, fd }: DocumentName): Promise<void> {
    const { commit, branch } = this.#options;
    // Its record may be on the way: what is committed by now is known first.
    await this.queue.settled();
    if ((await this.queue.pending(fn, 1)).length > 0) {
      return;
    }
    const body: EventBody<'outbox-job'> = { fn, fd, ref: 'found in the storage' };
    await commit((transaction) => transaction.append(`receipts/${branch}`, 'outbox-job', body));
    await this.queue.settled();
  }

  async #tickets(told: readonly { document: DocumentName; proof: string }[]): Promise<void> {
    const { commit, branch, log } = this.#options;
    try {
      await commit((transaction) => {
        for (const { document, proof } of told) {
          sayTicket(transaction, `receipts/${branch}`, document, proof);
        }
      });
    } catch (error) {
      log.warn({ err: error, fd: told[0]?.document.fd }, 'a ticket could not be written down');
    }
  }

  #hear(event: OutboxEvent): void {
    const { alarms, log, clock } = this.#options;
    switch (event.type) {
      case 'delivered':
        this.#delivered += 1;
        this.#lastDeliveryMs = clock.nowMs();
        break;
      case 'attempted':
        this.#failed += 1;
        this.#lastFailureMs = clock.nowMs();
        break;
      case 'quarantined': {
        this.#failed += 1;
        this.#lastFailureMs = clock.nowMs();
        const last = 'last' in event.job ? event.job.last : undefined;
        const document = documentOf(event.job.id);
        const words = `document ${document?.fd} of storage ${document?.fn} is refused (${last?.code}: ${last?.words})`;
        alarms.raise('OUTBOX_QUARANTINED', `${words}. See GET /v1/outbox/quarantine.`);
        break;
      }
      case 'retried':
      case 'resolved':
        alarms.clear('OUTBOX_QUARANTINED');
        break;
      case 'breaker-changed':
        log.info({ destination: event.destination, phase: event.phase }, 'delivery to the operator');
        alarms.clear('OFD_UNREACHABLE');
        if (event.phase !== 'closed') {
          const words =
            'The operator of fiscal data does not answer; documents wait and are sent by themselves.';
          alarms.raise('OFD_UNREACHABLE', words);
        }
        break;
      default:
        break;
    }
  }
}
