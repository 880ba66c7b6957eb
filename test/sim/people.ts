/**
 * People at the tills and in head office: what they ask of the programs, and the memory of what they were told.
 *
 * A request is started and left to itself; the answer comes when the machine gets to it, or never. Somebody who got no answer
 * asks again with the same key, as the till's software does.
 */
import { randomInteger } from 'hlc-ts';
import {
  arrival,
  delivery,
  giftCard,
  refund,
  requestOf,
  SKUS,
  sale,
  sending,
  type Where,
} from './errands.ts';
import {
  type Arrival,
  type Attempt,
  BrokenPromise,
  type CardIssue,
  type GivenBack,
  type Movement,
  type Sale,
  type Sending,
  tell,
} from './oracle.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

/** A shop whose disk has room again sells again within this time. */
const RESUME_LIMIT_MS = 30_000;
const AGAIN_MS = 1_000;
const CASH_MINOR = 100_000_000;
/** What a request waits for at most; more open ones would be an endless queue of one till. */
const OPEN_MAX = 20;
const FIRST_CARDS = 2;

/** What a program may honestly say when it cannot write now. */
const HONEST: ReadonlySet<string> = new Set([
  'STORE_POISONED',
  'STORE_FULL',
  'STORE_CLOSED',
  'NODE_STOPPING',
  'NOT_READY',
  'NODE_FAILED',
]);

export class People {
  readonly sales: Sale[] = [];
  readonly movements: Movement[] = [];
  readonly cards: CardIssue[] = [];
  readonly refunds: GivenBack[] = [];
  readonly sent: Sending[] = [];
  readonly arrived: Arrival[] = [];
  readonly #all: Attempt[] = [];
  readonly #world: World;
  #keys = 0;
  #broken: Error | undefined;

  constructor(world: World) {
    this.#world = world;
    world.onForgotten = (shop, sinceMs) => this.#forget(shop, sinceMs);
  }

  /** Throws when a till was told something it must not be told. */
  check(): void {
    if (this.#broken !== undefined) {
      throw this.#broken;
    }
  }

  /** Somebody comes to a shop, or nobody does. */
  visit(shop: Shop): void {
    const dice = this.#world.random();
    if (shop.isRevoked) {
      this.#sellStolen(shop);
    } else if (dice < 0.1) {
      this.#repeat(shop);
    } else if (this.#open < OPEN_MAX) {
      this.#want(shop, dice);
    }
  }

  /** Everybody knows of some cards before anything goes wrong. */
  async sellFirstCards(shop: Shop): Promise<void> {
    for (let card = 0; card < FIRST_CARDS; card += 1) {
      const attempt = giftCard(this.#world.random, this.#where(shop), card);
      this.cards.push(attempt);
      this.#all.push(attempt);
      await this.#place(shop, attempt);
    }
  }

  changePrice(office: Shop): void {
    const { random } = this.#world;
    const sku = this.#world.pick(SKUS);
    const priceMinor = 100 + randomInteger(random, 100_000);
    const request = requestOf(`price-${++this.#keys}`, { priceMinor });
    void office.services.products.put(sku, request).then(
      () => this.#world.say(`HQ: ${sku} costs ${priceMinor}`),
      (error: unknown) => this.#refused(office, request.key, error),
    );
  }

  /** Asks for everything again that has no answer; a shop that cannot sell yet must be able to soon, by itself. */
  async settle(shop: Shop): Promise<void> {
    for (const attempt of this.#all) {
      if (attempt.machine === shop.name && attempt.told === 'nothing' && !attempt.isForgotten) {
        await this.#world.within(`an answer to ${attempt.request.key}`, this.#insist(shop, attempt));
      }
    }
  }

  get #open(): number {
    return this.#all.filter(({ told, isForgotten }) => told === 'nothing' && !isForgotten).length;
  }

  #want(shop: Shop, dice: number): void {
    const { random } = this.#world;
    const where = this.#where(shop);
    const others = [...new Set(this.#world.shops.map(({ branch }) => branch))].filter(
      (branch) => branch !== shop.branch,
    );
    if (dice < 0.34) {
      this.#ask(shop, this.sales, sale(random, where, this.#usableCards));
    } else if (dice < 0.38) {
      this.#ask(shop, this.movements, delivery(random, where));
    } else if (dice < 0.42) {
      const sold = this.#known(this.sales).filter(({ branch }) => branch === shop.branch);
      if (sold.length > 0) {
        this.#ask(shop, this.refunds, refund(random, where, this.#world.pick(sold)));
      }
    } else if (dice < 0.43) {
      this.#ask(shop, this.cards, giftCard(random, where, this.cards.length));
    } else if (dice < 0.45 && others.length > 0) {
      this.#ask(shop, this.sent, sending(random, where, this.#world.pick(others)));
    } else if (dice < 0.49) {
      const here = this.#known(this.sent).filter(({ request }) => request.body.to === shop.branch);
      if (here.length > 0) {
        this.#ask(shop, this.arrived, arrival(random, where, this.#world.pick(here)));
      }
    }
  }

  /** Cards that somebody has in hand: nobody is sold a card without an answer. */
  get #usableCards(): readonly CardIssue[] {
    return this.#known(this.cards);
  }

  #known<Kind extends Attempt>(attempts: readonly Kind[]): readonly Kind[] {
    return attempts.filter(({ told, isForgotten }) => told === 'done' && !isForgotten);
  }

  /** Asks again, with the same key, for something asked before; rarely with another body, which must be refused. */
  #repeat(shop: Shop): void {
    const own = this.#all.filter(({ machine, isForgotten }) => machine === shop.name && !isForgotten);
    if (own.length === 0) {
      return;
    }
    const attempt = this.#world.pick(own);
    if (attempt.told === 'done' && this.#world.chance(0.1)) {
      this.#world.count('another body under a known key');
      this.#mismatch(shop, attempt);
      return;
    }
    this.#world.count('repeated request');
    this.#send(shop, attempt);
  }

  /** Whoever has a stolen machine sells on it; nobody else may ever hear of it. */
  #sellStolen(shop: Shop): void {
    const body = {
      till: 'T1',
      lines: [{ sku: SKUS[0]!, quantityMilli: 1_000, discountMinor: 0 }],
      payments: [{ kind: 'cash', amountMinor: CASH_MINOR }],
      redeemPoints: 0,
    };
    this.#world.count('sale on a stolen machine');
    void shop.services.orders
      .place(requestOf(`stolen-${++this.#keys}`, body) as never)
      .catch(() => undefined);
  }

  async #insist(shop: Shop, attempt: Attempt): Promise<void> {
    for (let left = RESUME_LIMIT_MS; ; left -= AGAIN_MS) {
      try {
        await this.#place(shop, attempt);
        return;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== undefined && attempt.refusals.has(code)) {
          this.#noteRefusal(attempt, code);
          return;
        }
        if (left <= 0 || code === undefined || !HONEST.has(code)) {
          throw error;
        }
      }
      await this.#world.clock.sleep(AGAIN_MS);
    }
  }

  #forget(shop: Shop, sinceMs: number): void {
    for (const attempt of this.#all) {
      const isKnown = attempt.told === 'done' && attempt.answeredMs < sinceMs;
      if (attempt.machine === shop.name && !isKnown) {
        attempt.isForgotten = true;
      }
    }
  }

  #where(shop: Shop): Where {
    return { machine: shop.name, branch: shop.branch, key: `${shop.branch}-${++this.#keys}` };
  }

  #ask<Kind extends Attempt>(shop: Shop, kept: Kind[], attempt: Kind): void {
    kept.push(attempt);
    this.#all.push(attempt);
    this.#send(shop, attempt);
  }

  #send(shop: Shop, attempt: Attempt): void {
    attempt.told = attempt.told === 'refused' ? 'nothing' : attempt.told;
    this.#place(shop, attempt).catch((error: unknown) => {
      if (error instanceof BrokenPromise) {
        this.#broken ??= error;
        return;
      }
      this.#noteRefusal(attempt, (error as { code?: string }).code);
      this.#refused(shop, attempt.request.key, error, attempt.refusals);
    });
  }

  async #place(shop: Shop, attempt: Attempt): Promise<void> {
    attempt.pending += 1;
    const answer = await attempt.ask(shop.services, attempt.request);
    attempt.pending -= 1;
    this.#world.count(answer.replayed ? 'replayed answer' : 'answer');
    attempt.answeredMs = attempt.told === 'done' ? attempt.answeredMs : this.#world.timeMs;
    tell(attempt, answer);
    this.#world.say(`${shop.name}: ${attempt.request.key} done${answer.replayed ? ' before' : ''}`);
  }

  /** Nothing happened, unless another request under the same key is under way or got lost. */
  #noteRefusal(attempt: Attempt, code: string | undefined): void {
    if (code !== undefined && attempt.refusals.has(code)) {
      attempt.pending -= 1;
      attempt.told = attempt.told === 'nothing' && attempt.pending === 0 ? 'refused' : attempt.told;
    }
  }

  #mismatch(shop: Shop, attempt: Attempt): void {
    const request = { ...attempt.request, fingerprint: 'f'.repeat(64) };
    void attempt.ask(shop.services, request).then(
      () => {
        this.#broken ??= new BrokenPromise(`43: ${request.key} was taken with another body`);
      },
      (error: unknown) => {
        const { code } = error as { code?: string };
        if (code !== 'IDEMPOTENCY_MISMATCH') {
          this.#refused(shop, request.key, error);
        }
      },
    );
  }

  #refused(shop: Shop, key: string, error: unknown, refusals: ReadonlySet<string> = new Set()): void {
    const { code, message } = error as { code?: string; message: string };
    this.#world.say(`${shop.name}: ${key} ${code}`);
    this.#world.count(`refused: ${code}`);
    const isDamaged = shop.damage !== undefined && code === 'STORE_CORRUPT';
    if (code === undefined || !(HONEST.has(code) || refusals.has(code) || isDamaged)) {
      // Everything is on sale from the beginning: a shop that does not know it has lost what it had taken in.
      const number = code === 'PRODUCT_UNKNOWN' ? '4, 8' : '20';
      const words = code ?? (error as Error).stack;
      this.#broken ??= new BrokenPromise(`${number}: ${shop.name} refused ${key}: ${words} ${message}`);
    }
  }
}
