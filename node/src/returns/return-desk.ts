/**
 * Moves rights to return between devices: asks for one a till needs, and hands on those others ask for.
 *
 *     here                                     the holder
 *     return-request ── letters/<us>/<them> ──> holds it: return-grant ── letters/<them>/<us> ──> here, for good
 *                                               handed it on before: the request is passed on to whom
 *
 * Guarantees: requests and grants are entries, so neither is lost by a crash on either side; a grant is decided inside a commit
 * group, behind every refund before it and ahead of every one after it, so the holder never refunds what it has given away. A
 * request stands until it is granted, however long the way is closed.
 */
import { type EventBody, type Order, ProblemError } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import type { Transaction } from '../commit/transaction.ts';
import { letterCollection } from '../projections/letters.ts';
import type { ReturnRequest, Returns } from '../projections/returns.ts';
import { turnName, withGroup } from '../use-cases/refund.ts';
import type { Trade } from '../use-cases/trade.ts';

/** How long a refund may hold its answer for the right to come. */
export const RETURN_WAIT_MS = 3_000;
/** Requests answered in one round; the rest in the next. */
export const ROUND_REQUESTS_MAX = 1_000;

export interface ReturnDeskOptions {
  readonly trade: Trade;
  readonly returns: Returns;
  readonly writer: string;
  readonly clock: Clock;
  readonly submit: (decide: (transaction: Transaction) => Promise<void>) => Promise<void>;
  /** Is anybody there who could bring an answer? */
  readonly isConnected: () => boolean;
  readonly failed: (error: Error) => void;
}

export class ReturnDesk {
  readonly #options: ReturnDeskOptions;
  readonly #waiting = new Map<string, Set<() => void>>();
  #wake: (() => void) | undefined;
  #noticed = true;
  #unwatch: () => void = () => undefined;

  constructor(options: ReturnDeskOptions) {
    this.#options = options;
  }

  /** Answers requests until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#unwatch = this.#options.returns.watch((order) => {
      for (const resolve of this.#waiting.get(order) ?? []) {
        resolve();
      }
      this.notice();
    });
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      if (!this.#noticed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#noticed = false;
      try {
        await this.answer(signal);
      } catch (error) {
        // A node that cannot write answers when it can: the requests stand.
        if (!(error instanceof ProblemError)) {
          this.#options.failed(error as Error);
        }
      }
    }
    this.#unwatch();
  }

  /** Called when a request may have become answerable. */
  notice(): void {
    this.#noticed = true;
    this.#wake?.();
  }

  /** Asks for the right once, and waits a moment for it where somebody is connected. */
  async ask(orderId: string, soldAt: string | undefined): Promise<void> {
    const { trade, writer, submit, isConnected, clock } = this.#options;
    const order = await trade.returns.order(orderId);
    const holder = order === undefined ? undefined : await trade.returns.standing(order);
    const branch = holder?.branch ?? soldAt;
    if (branch === undefined || (holder !== undefined && holder.elsewhere === undefined)) {
      return;
    }
    const collection = letterCollection(trade.branch, branch);
    if (!trade.mayWrite(collection) || !isBranchName(branch)) {
      return;
    }
    const arrived = this.#nextNews(orderId);
    const asked = (await this.#options.returns.requests(orderId)).find(({ to }) => to === writer);
    if (asked?.asked !== branch) {
      const body: EventBody<'return-request'> = {
        order: orderId as Order['id'],
        to: writer,
        toBranch: trade.branch as Order['branch'],
      };
      await submit(async (transaction) => transaction.append(collection, 'return-request', body));
    }
    if (isConnected()) {
      await this.#untilHere(orderId, arrived, clock.monotonicMs() + RETURN_WAIT_MS);
    }
    this.#waiting.delete(orderId);
  }

  async #untilHere(orderId: string, news: Promise<void>, untilMs: number): Promise<void> {
    const { trade, clock } = this.#options;
    const over = new AbortController();
    let arrived = news;
    try {
      for (;;) {
        const leftMs = untilMs - clock.monotonicMs();
        if (leftMs <= 0) {
          return;
        }
        const late = clock.sleep(leftMs, { signal: over.signal }).catch(() => undefined);
        await Promise.race([arrived, late]);
        arrived = this.#nextNews(orderId);
        const order = await trade.returns.order(orderId);
        if (order !== undefined && (await trade.returns.standing(order)).elsewhere === undefined) {
          return;
        }
      }
    } finally {
      over.abort();
    }
  }

  #nextNews(order: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(order) ?? new Set();
      waiting.add(resolve);
      this.#waiting.set(order, waiting);
    });
  }

  /** One look at what others ask for. */
  async answer(signal?: AbortSignal): Promise<void> {
    const { trade, returns, writer } = this.#options;
    let answered = 0;
    // All are looked at: a thousand that nobody here can answer must not hide the next.
    for (const request of await returns.requests()) {
      if (signal?.aborted === true) {
        return;
      }
      if (answered >= ROUND_REQUESTS_MAX) {
        this.notice();
        return;
      }
      const isForUs = request.to !== writer && request.asked === trade.branch;
      if (isForUs && trade.returns.mayHold(request.to, request.toBranch) && (await this.#isOurs(request))) {
        await this.#options.submit((transaction) => this.#decide(transaction, request));
        answered += 1;
      }
    }
  }

  /** Held here, or by another branch that has to be told. */
  async #isOurs({ order: id, to }: ReturnRequest): Promise<boolean> {
    const { trade } = this.#options;
    const order = await trade.returns.order(id);
    const standing = order && (await trade.returns.standing(order));
    return (
      standing !== undefined &&
      (standing.elsewhere === undefined || (standing.branch !== trade.branch && standing.writer !== to))
    );
  }

  /** Hands the right on, passes the request on, or leaves it to the device of this branch that has it. */
  async #decide(transaction: Transaction, { order: id, to, toBranch }: ReturnRequest): Promise<void> {
    const { trade } = this.#options;
    const order = await trade.returns.order(id);
    if (order === undefined || transaction.movedMilli(turnName(id)) > 0) {
      return;
    }
    const standing = await trade.returns.standing(order);
    const answer = letterCollection(trade.branch, toBranch);
    if (standing.elsewhere === undefined && trade.mayWrite(answer) && isBranchName(toBranch)) {
      transaction.append(answer, 'return-grant', await this.#grant(transaction, order, { to, toBranch }));
      transaction.noteMoved(turnName(id), 1);
      return;
    }
    const onward = letterCollection(trade.branch, standing.branch);
    if (standing.branch !== trade.branch && standing.writer !== to && trade.mayWrite(onward)) {
      const body: EventBody<'return-request'> = {
        order: order.id,
        to,
        toBranch: toBranch as Order['branch'],
      };
      transaction.append(onward, 'return-request', body);
    }
  }

  async #grant(
    transaction: Transaction,
    order: Order,
    { to, toBranch }: Pick<ReturnRequest, 'to' | 'toBranch'>,
  ): Promise<EventBody<'return-grant'>> {
    const { trade, writer } = this.#options;
    const standing = await trade.returns.standing(order);
    const { lines, paid } = withGroup(transaction, order, standing.returned);
    const { hlc, branch, state: _state, at: _at, receipt, ...body } = order;
    return {
      order: order.id,
      turn: standing.turn + 1,
      to,
      toBranch: toBranch as Order['branch'],
      returned: { lines: [...lines].filter(([, milli]) => milli > 0), paid: [...paid] },
      sold: { branch, hlc, writer, body: { ...body, receipt: { id: receipt.id } } },
    };
  }
}

/** Letters name branches in collections: nothing else may stand there. */
function isBranchName(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}
