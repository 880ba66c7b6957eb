/**
 * Points in the outage story: one customer, both shops cut off, each spends what it holds and no more.
 *
 *     before the cut   the customer buys in both shops and earns in both
 *     cut off          each shop redeems what it holds, and refuses one point more with what is spendable here
 *     afterwards       the balance is what was earned less what was redeemed, in both shops and at head office
 */
import type { Clock } from 'hlc-ts';
import type { Api } from './api.ts';
import type { Chain, Shop } from './chain.ts';
import type { Checks } from './checks.ts';

const POLL_MS = 50;
const DEADLINE_MS = 30_000;
/** What the customer pays in each shop before the cut, and for the cart some of which points pay. */
const EARNING_MINOR = [300_00, 200_00] as const;
const CART_MINOR = 100_00;
/** Of the default programme. */
const POINT_MINOR = 100;

interface Points {
  readonly balance: number;
  readonly spendableHere: number;
}

interface Earned {
  readonly loyalty: { readonly earned: number; readonly redeemed: number };
}

export interface PointsStoryOptions {
  readonly chain: Chain;
  readonly checks: Checks;
  readonly clock: Clock;
  readonly telling: string;
  readonly sku: string;
}

export class PointsStory {
  readonly customer: string;
  readonly #options: PointsStoryOptions;
  #left = 0;

  constructor(options: PointsStoryOptions) {
    this.#options = options;
    this.customer = `points-${options.telling}`.replaceAll(/[^A-Za-z0-9_.-]/g, '-').slice(0, 64);
  }

  async earn(): Promise<void> {
    const { chain, checks, clock } = this.#options;
    for (const [at, shop] of chain.shops.entries()) {
      const order = await this.#sell(shop, EARNING_MINOR[at] ?? EARNING_MINOR[0], 0, 'earn');
      this.#left += order.loyalty.earned;
    }
    const seen = await this.#untilAll(clock, (points) => points.balance === this.#left);
    checks.expect('points of a customer are known in both shops', seen, `${this.#left} points`);
  }

  /** Called while both shops are cut off. */
  async redeem(): Promise<void> {
    const { chain, checks } = this.#options;
    for (const shop of chain.shops) {
      const { balance, spendableHere: held } = await this.#points(shop.api);
      const order = await this.#sell(shop, CART_MINOR, held, 'redeem');
      this.#left += order.loyalty.earned - order.loyalty.redeemed;
      checks.expect(
        `${shop.branch} redeems what it holds, cut off`,
        held > 0 && order.loyalty.redeemed === held,
        `${held} of ${balance} points`,
      );
      const more = (await this.#points(shop.api)).spendableHere + 1;
      const refusal = await this.#sell(shop, CART_MINOR, more, 'too-much').then(
        () => 'sold',
        (error: Error) => error.message,
      );
      const isRight = refusal.includes('POINTS_SHORT') && refusal.includes('can be spent here now');
      checks.expect(`${shop.branch} refuses more, and says what can be spent here`, isRight, saidIn(refusal));
    }
  }

  /** Called when everything is back: nothing was spent twice. */
  async compare(): Promise<void> {
    const { checks, clock } = this.#options;
    const agreed = await this.#untilAll(clock, (points) => points.balance === this.#left);
    checks.expect(
      'points are what was earned less what was redeemed, everywhere',
      agreed,
      `${this.#left} points`,
    );
  }

  #sell(shop: Shop, totalMinor: number, redeemPoints: number, what: string): Promise<Earned> {
    const { sku, telling } = this.#options;
    const amountMinor = totalMinor - redeemPoints * POINT_MINOR;
    return shop.tills[0].post<Earned>(
      '/v1/orders',
      {
        lines: [{ sku, quantityMilli: 1_000, unitPriceMinor: totalMinor }],
        payments: [{ kind: 'cash', amountMinor }],
        customer: { id: this.customer },
        redeemPoints,
      },
      `${telling}-points-${what}-${shop.branch}`,
    );
  }

  async #untilAll(clock: Clock, holds: (points: Points) => boolean): Promise<boolean> {
    const { chain } = this.#options;
    const deadline = clock.monotonicMs() + DEADLINE_MS;
    for (;;) {
      const all = await Promise.all([chain.hq, ...chain.shops].map(({ api }) => this.#points(api)));
      if (all.every(holds)) {
        return true;
      }
      if (clock.monotonicMs() >= deadline) {
        return false;
      }
      await clock.sleep(POLL_MS);
    }
  }

  #points(api: Api): Promise<Points> {
    return api.get<{ points: Points }>(`/v1/customers/${this.customer}`).then(
      ({ points }) => points,
      () => ({ balance: 0, spendableHere: 0 }),
    );
  }
}

/** The words a cashier reads. */
function saidIn(refusal: string): string {
  return /\d+ of \d+ points can be spent here now/.exec(refusal)?.[0] ?? refusal.slice(0, 160);
}
