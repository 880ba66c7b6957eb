/**
 * People at the tills and in head office: what they ask of the programs, and the oracle that remembers it.
 *
 * A request is started and left to itself; the answer comes when the machine gets to it, or never. Somebody who got no answer
 * asks again with the same key, as the till's software does.
 */
import { createHash } from 'node:crypto';
import type { WriteAnswer, WriteRequest } from '@branchline/node';
import { randomInteger } from 'hlc-ts';
import { type Attempt, BrokenPromise, type Movement, type Sale, type SaleBody, tell } from './oracle.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

export const SKUS = Array.from({ length: 12 }, (_, at) => `SKU-${String(at + 1).padStart(2, '0')}`);
export const CUSTOMERS = ['C-1', 'C-2', 'C-3'];
/** A shop whose disk has room again sells again within this time. */
const RESUME_LIMIT_MS = 30_000;
const AGAIN_MS = 1_000;
const CASH_MINOR = 100_000_000;
/** Share of a known customer's purchases that are partly paid with points. */
const REDEEMS = 0.4;
const POINTS_MAX = 300;

/** What a program may honestly say when it cannot write now. */
const HONEST: ReadonlySet<string> = new Set([
  'STORE_POISONED',
  'STORE_FULL',
  'STORE_CLOSED',
  'NODE_STOPPING',
  'NOT_READY',
  'NODE_FAILED',
]);
/** Points that are not spendable here, or not for so little: nothing happened. */
const POINTS: ReadonlySet<string> = new Set(['POINTS_SHORT', 'POINTS_LIMIT']);

export class People {
  readonly sales: Sale[] = [];
  readonly movements: Movement[] = [];
  /** Prices head office was told it changed, in the order of asking. */
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

  /** Requests without an answer. */
  get open(): readonly Attempt<unknown, unknown>[] {
    return [...this.sales, ...this.movements].filter(
      ({ told, isForgotten }) => told === 'nothing' && !isForgotten,
    );
  }

  sell(shop: Shop): void {
    const { random } = this.#world;
    const lines = Array.from({ length: 1 + randomInteger(random, 3) }, () => ({
      sku: this.#world.pick(SKUS),
      quantityMilli: 1000 * (1 + randomInteger(random, 3)),
      discountMinor: 0 as const,
    }));
    const customer = random() < 0.4 ? { id: this.#world.pick(CUSTOMERS) } : undefined;
    const isRedeeming = customer !== undefined && random() < REDEEMS;
    const body: SaleBody = {
      till: `T${1 + randomInteger(random, 2)}`,
      cashier: 'Ann',
      lines,
      payments: [{ kind: 'cash', amountMinor: CASH_MINOR }],
      ...(customer === undefined ? {} : { customer }),
      redeemPoints: isRedeeming ? 1 + randomInteger(random, POINTS_MAX) : 0,
    };
    const sale: Sale = { ...this.#attempt(shop, body, body.till) };
    this.sales.push(sale);
    this.#ask(shop, sale);
  }

  receive(shop: Shop): void {
    const { random } = this.#world;
    const body = {
      lines: [{ sku: this.#world.pick(SKUS), quantityMilli: 1000 * (1 + randomInteger(random, 20)) }],
    };
    const movement: Movement = { ...this.#attempt(shop, body, 'T1') };
    this.movements.push(movement);
    this.#ask(shop, movement);
  }

  /** Asks again, with the same key, for something asked before; rarely with another body, which must be refused. */
  repeat(shop: Shop): void {
    const own = [...this.sales, ...this.movements].filter(
      ({ machine, isForgotten }) => machine === shop.name && !isForgotten,
    );
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
    this.#ask(shop, attempt);
  }

  /** Whoever has a stolen machine sells on it; nobody else may ever hear of it. */
  sellStolen(shop: Shop): void {
    const body = {
      till: 'T1',
      lines: [{ sku: SKUS[0]!, quantityMilli: 1_000, discountMinor: 0 }],
      payments: [{ kind: 'cash', amountMinor: CASH_MINOR }],
      redeemPoints: 0,
    };
    this.#world.count('sale on a stolen machine');
    void shop.services.orders
      .place(this.#request(`stolen-${++this.#keys}`, body, 'T1') as never)
      .catch(() => undefined);
  }

  changePrice(office: Shop): void {
    const { random } = this.#world;
    const sku = this.#world.pick(SKUS);
    const priceMinor = 100 + randomInteger(random, 100_000);
    const request = this.#request(`price-${++this.#keys}`, { priceMinor }, 'T1');
    void office.services.products.put(sku, request).then(
      () => this.#world.say(`HQ: ${sku} costs ${priceMinor}`),
      (error: unknown) => this.#refused(office, request.key, error),
    );
  }

  /** Asks for everything again that has no answer; a shop that cannot sell yet must be able to soon, by itself. */
  async settle(shop: Shop): Promise<void> {
    for (const attempt of [...this.sales, ...this.movements]) {
      if (attempt.machine === shop.name && attempt.told !== 'done' && !attempt.isForgotten) {
        await this.#world.within(`an answer to ${attempt.request.key}`, this.#insist(shop, attempt));
      }
    }
  }

  async #insist(shop: Shop, attempt: Sale | Movement): Promise<void> {
    for (let left = RESUME_LIMIT_MS; ; left -= AGAIN_MS) {
      try {
        await this.#place(shop, attempt);
        return;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== undefined && POINTS.has(code)) {
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
    for (const attempt of [...this.sales, ...this.movements]) {
      const isKnown = attempt.told === 'done' && attempt.answeredMs < sinceMs;
      if (attempt.machine === shop.name && !isKnown) {
        attempt.isForgotten = true;
      }
    }
  }

  #attempt<Body>(
    shop: Shop,
    body: Body,
    till: string,
  ): Omit<Attempt<Body, never>, 'answer'> & { answer: undefined } {
    const key = `${shop.branch}-${++this.#keys}`;
    const request = this.#request(key, body, till);
    return {
      machine: shop.name,
      branch: shop.branch,
      request,
      told: 'nothing',
      answer: undefined,
      answeredMs: 0,
      isForgotten: false,
    };
  }

  #request<Body>(key: string, body: Body, till: string): WriteRequest<Body> {
    const fingerprint = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    return { key, fingerprint, till: { till, role: 'manager' }, body };
  }

  #ask(shop: Shop, attempt: Sale | Movement): void {
    this.#place(shop, attempt).catch((error: unknown) => {
      if (error instanceof BrokenPromise) {
        this.#broken ??= error;
        return;
      }
      this.#refused(shop, attempt.request.key, error);
    });
  }

  async #place(shop: Shop, attempt: Sale | Movement): Promise<void> {
    const { services } = shop;
    const answer = (await ('payments' in attempt.request.body
      ? services.orders.place(attempt.request as never)
      : services.stock.receive(attempt.request as never))) as WriteAnswer<never>;
    this.#world.count(answer.replayed ? 'replayed answer' : 'answer');
    attempt.answeredMs = attempt.told === 'done' ? attempt.answeredMs : this.#world.timeMs;
    tell(attempt as Attempt<unknown, unknown>, answer);
    this.#world.say(`${shop.name}: ${attempt.request.key} done${answer.replayed ? ' before' : ''}`);
  }

  #mismatch(shop: Shop, attempt: Sale | Movement): void {
    const request = { ...attempt.request, fingerprint: 'f'.repeat(64) };
    const asked =
      'payments' in request.body
        ? shop.services.orders.place(request as never)
        : shop.services.stock.receive(request as never);
    void asked.then(
      () => {
        this.#broken ??= new BrokenPromise(`G2: ${request.key} was taken with another body`);
      },
      (error: unknown) => {
        const { code } = error as { code?: string };
        if (code !== 'IDEMPOTENCY_MISMATCH') {
          this.#refused(shop, request.key, error);
        }
      },
    );
  }

  #refused(shop: Shop, key: string, error: unknown): void {
    const { code, message } = error as { code?: string; message: string };
    this.#world.say(`${shop.name}: ${key} ${code}`);
    this.#world.count(`refused: ${code}`);
    const isDamaged = shop.damage !== undefined && code === 'STORE_CORRUPT';
    if (code === undefined || !(HONEST.has(code) || POINTS.has(code) || isDamaged)) {
      this.#broken ??= new Error(`${shop.name} refused ${key}: ${code ?? (error as Error).stack} ${message}`);
    }
  }
}
