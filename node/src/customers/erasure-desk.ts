/**
 * Erasure of personal data, ordered at head office and done by every device.
 *
 *     order ─> keys of others in the same feeds are said again ─> `erasure` (whose, why, cuts, after)
 *                                                                     │ replicated
 *     every machine: waits for what was said again ─> shreds ─> letter `erasure-done` ─> act
 *
 * Guarantees: an erasure is durable only after the keys it takes along are durable elsewhere; a key said later, by whoever had not heard, is
 * erased as well (`late`); the act says of each device whether it has done it, and of relays, which write nothing of their own, whether
 * they have heard. One erasure at a time.
 *
 * Costs: the keys of all others in the feeds concerned are said again, about 100 bytes each.
 *
 * Does not: reach backups, receipts of the fiscal kind, or paper. The act says so.
 */
import {
  type Collection,
  type Cut,
  collectionOf,
  ERASURES_COLLECTION,
  type FeedName,
  type FeedStore,
  type Forgetting,
  type Forgotten,
  feedName,
  type Member,
  type PeerProgress,
  type Registry,
  startForgetting,
  type WriterId,
} from '@branchline/feed';
import {
  type CustomerId,
  type ErasureAct,
  type ErasureOrder,
  type ErasureRequest,
  type EventBody,
  eventBodies,
  ProblemError,
} from '@branchline/model';
import { type Clock, doze, isoTime } from 'hlc-ts';
import type { Decide } from '../commit/commit-pipeline.ts';
import { letterCollection } from '../projections/letters.ts';
import type { WriteAnswer, WriteRequest } from '../services.ts';
import type { Trade } from '../use-cases/trade.ts';
import type { ErasureBook, ErasureRow } from './erasure-book.ts';
import { KEYS_PER_ENTRY_MAX } from './key-ring.ts';

/** Between two looks for keys that came late, and for confirmations that could not be written. */
export const ERASURE_LOOK_MS = 60_000;

const WHAT = [
  'name, phone, e-mail and note of the customer: the key they were encrypted under was destroyed',
  'answers to tills that told them, encrypted under the same key',
];
const NOTES = [
  'Points, purchases and the id itself stay: without the key they name nobody.',
  'Fiscal receipts keep the contact an electronic receipt was sent to, as long as the law keeps the receipt.',
  'Backups made before hold the key until their own retention ends; a backup that is put back destroys it at its first contact.',
];

export interface ErasureDeskOptions {
  readonly trade: Trade;
  readonly book: ErasureBook;
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly writers: readonly WriterId[];
  readonly writer: WriterId;
  readonly clock: Clock;
  readonly progress: () => readonly PeerProgress[];
  /** An operation of a till. */
  readonly submit: <Answer>(
    request: WriteRequest<unknown>,
    decide: Decide<Answer>,
  ) => Promise<WriteAnswer<Answer>>;
  /** An operation of the node itself. */
  readonly submitOwn: (decide: Decide<unknown>) => Promise<unknown>;
  readonly failed: (error: Error) => void;
}

export class ErasureDesk {
  readonly #options: ErasureDeskOptions;
  #turn: Promise<unknown> = Promise.resolve();
  #forgetting: Forgetting | undefined;
  /** Done here and not said yet. */
  readonly #unsaid = new Map<string, { readonly done: Forgotten; readonly atMs: number }>();
  #wake: () => void = () => undefined;

  constructor(options: ErasureDeskOptions) {
    this.#options = options;
  }

  erase(id: CustomerId, request: WriteRequest<ErasureRequest>): Promise<WriteAnswer<ErasureOrder>> {
    return this.#inTurn(() => this.#erase(id, request));
  }

  async act(id: CustomerId): Promise<ErasureAct> {
    const erasures = await this.#options.book.of(id);
    const [first] = erasures;
    if (first === undefined) {
      throw new ProblemError('ERASURE_NOT_FOUND', `No erasure of ${id} is known to this node.`);
    }
    const devices: ErasureAct['devices'] = [];
    for (const member of this.#options.registry.members()) {
      if (member.revocation === undefined && this.#isConcerned(member, erasures)) {
        devices.push(await this.#deviceRow(member, erasures));
      }
    }
    return {
      customer: id,
      customers: first.customers as CustomerId[],
      at: isoTime(first.atMs),
      reason: first.reason,
      by: { till: first.till, branch: first.branch, device: first.writer },
      what: WHAT,
      entry: { feed: first.feed, seq: first.seq },
      devices,
      complete: devices.every(({ state }) => state !== 'waiting'),
      notes: NOTES,
    };
  }

  /** Until `signal` aborts: shreds what is ordered, confirms it, and orders what came late. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, failed } = this.#options;
    this.#forgetting = await startForgetting(store, {
      onFailed: failed,
      onForgotten: (done) => {
        this.#unsaid.set(`${done.feed}/${done.seq}`, { done, atMs: clock.nowMs() });
        this.#wake();
      },
    });
    this.#options.trade.keys.watch(() => this.#wake());
    try {
      while (!signal.aborted) {
        await this.#confirm();
        await this.#eraseLate();
        await this.#pause(signal);
      }
    } finally {
      this.#forgetting.stop();
      await this.#forgetting.settled();
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort('woken');
    await doze(this.#options.clock, ERASURE_LOOK_MS, signal, woken.signal);
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #erase(id: CustomerId, request: WriteRequest<ErasureRequest>): Promise<WriteAnswer<ErasureOrder>> {
    const { trade, book } = this.#options;
    const { customers, keys } = trade;
    if (!trade.mayWrite(ERASURES_COLLECTION)) {
      throw new ProblemError('FORBIDDEN', 'Personal data is erased at head office.');
    }
    const group = customers.groupOf(id) as CustomerId[];
    const isKnown = (await customers.get(id)) !== undefined || keys.feedsOf(group).length > 0;
    const before = await book.of(id);
    if (!isKnown && before.length === 0) {
      throw new ProblemError('CUSTOMER_NOT_FOUND', `No customer ${id} is known to this node.`);
    }
    const cuts = await this.#sayAgain(group);
    return await this.#options.submit(request, (transaction) => {
      const { reason } = request.body;
      const body: EventBody<'erasure'> = {
        customers: group,
        reason,
        till: transaction.till.till as EventBody<'erasure'>['till'],
        branch: trade.branch,
        atMs: trade.nowMs(),
        ...cuts,
      };
      const [first] = before;
      if (first === undefined || cuts.cuts.length > 0) {
        transaction.append(ERASURES_COLLECTION, 'erasure', body);
      }
      const order = {
        customer: id,
        customers: (first?.customers ?? group) as CustomerId[],
        at: isoTime(first?.atMs ?? body.atMs),
        reason: first?.reason ?? reason,
      };
      return { status: 200, body: order };
    });
  }

  /** Makes everything durable elsewhere that the cuts would take along; says what they are, and what must be there first. */
  async #sayAgain(customers: readonly string[]): Promise<Pick<EventBody<'erasure'>, 'cuts' | 'after'>> {
    const { trade, store, writer } = this.#options;
    const cuts: Cut[] = trade.keys
      .feedsOf(customers)
      .map((feed) => ({ feed, ...store.feeds().get(feed)!.head }));
    const needing = trade.keys.needing(cuts, customers);
    if (needing.size > 0) {
      await this.#options.submitOwn((transaction) => {
        for (const [collection, keys] of needing) {
          for (let from = 0; from < keys.length; from += KEYS_PER_ENTRY_MAX) {
            const part = keys.slice(from, from + KEYS_PER_ENTRY_MAX);
            const body: EventBody<'customer-keys'> = {
              keys: part.map(({ customer, id, key }) => [customer as CustomerId, id, new Uint8Array(key)]),
            };
            transaction.append(collection, 'customer-keys', body);
          }
        }
        return { status: 200, body: {} };
      });
    }
    const after = [...needing.keys()].map((collection) => {
      const feed: FeedName = feedName(collection as Collection, writer);
      return { feed, seq: store.feeds().get(feed)!.head.seq };
    });
    return { cuts: cuts.map((cut) => ({ ...cut, hash: new Uint8Array(cut.hash) })), after };
  }

  async #eraseLate(): Promise<void> {
    const { trade } = this.#options;
    if (trade.keys.late.length === 0 || !trade.mayWrite(ERASURES_COLLECTION)) {
      return;
    }
    await this.#inTurn(async () => {
      const customers = trade.keys.late as CustomerId[];
      if (customers.length === 0) {
        return;
      }
      const cuts = await this.#sayAgain(customers);
      await this.#options.submitOwn((transaction) => {
        const body: EventBody<'erasure'> = {
          customers,
          reason: 'a key was said after the erasure, by a device that had not heard of it',
          till: transaction.till.till as EventBody<'erasure'>['till'],
          branch: trade.branch,
          atMs: trade.nowMs(),
          ...cuts,
        };
        transaction.append(ERASURES_COLLECTION, 'erasure', body);
        return { status: 200, body: {} };
      });
    }).catch((error: Error) => this.#tolerate(error));
  }

  async #confirm(): Promise<void> {
    const { trade, book, writers } = this.#options;
    for (const [name, { done, atMs }] of [...this.#unsaid]) {
      const { feed, seq } = done;
      const said = await book.done({ feed, seq });
      const parsed = eventBodies.erasure.safeParse(done.body);
      const letter = parsed.success ? letterCollection(trade.branch, parsed.data.branch) : undefined;
      if (letter === undefined || writers.some((writer) => said.has(writer))) {
        this.#unsaid.delete(name);
      } else if (trade.mayWrite(letter)) {
        const body: EventBody<'erasure-done'> = { feed, seq, atMs };
        const isSaid = await this.#options
          .submitOwn((transaction) => {
            transaction.append(letter, 'erasure-done', body);
            return { status: 200, body: {} };
          })
          .then(
            () => true,
            (error: Error) => this.#tolerate(error),
          );
        if (isSaid) {
          this.#unsaid.delete(name);
        }
      }
    }
  }

  /** A node that cannot write now tries again at the next look; anything else is a bug. */
  #tolerate(error: Error): false {
    if (!(error instanceof ProblemError)) {
      this.#options.failed(error);
    }
    return false;
  }

  #isConcerned({ writer, grant }: Member, erasures: readonly ErasureRow[]): boolean {
    const { registry } = this.#options;
    const collections = new Set(
      erasures.flatMap(({ cuts }) => cuts.map((cut) => collectionOf(cut as FeedName))),
    );
    return collections.size === 0
      ? grant.role === 'relay' || registry.mayRead(writer, ERASURES_COLLECTION)
      : [...collections].some((collection) => registry.mayRead(writer, collection));
  }

  async #deviceRow(
    { writer, grant }: Member,
    erasures: readonly ErasureRow[],
  ): Promise<ErasureAct['devices'][number]> {
    const { branch, role } = grant;
    const row = { device: writer, branch, role };
    if (role === 'relay') {
      return { ...row, state: this.#hasHeard(writer, erasures) ? 'heard' : 'waiting' };
    }
    let latestMs = 0;
    for (const erasure of erasures) {
      const atMs = (await this.#options.book.done(erasure)).get(writer);
      if (atMs === undefined) {
        return { ...row, state: 'waiting' };
      }
      latestMs = Math.max(latestMs, atMs);
    }
    return { ...row, state: 'destroyed', at: isoTime(latestMs) };
  }

  #hasHeard(writer: WriterId, erasures: readonly ErasureRow[]): boolean {
    const feeds = this.#options.progress().find(({ peer }) => peer === writer)?.feeds ?? [];
    return erasures.every(({ feed, seq }) =>
      feeds.some((each) => each.feed === feed && each.ackedUpTo >= seq),
    );
  }
}
