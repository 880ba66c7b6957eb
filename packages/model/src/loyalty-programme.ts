/**
 * The loyalty programme as data: what a sale earns, what a point is worth, how much of a receipt points may pay, when they expire.
 *
 * Head office writes programmes with the day from which each counts; a sale takes the one of its day. Points are whole; what is paid
 * below the next step earns nothing, and a sale without a named customer earns nobody anything. The rule is applied once, at the
 * sale, by the node that makes it, and its result stands in the order: a later programme never recalculates the past.
 *
 * What a refund does to points is said by `refundOrder`.
 */

export interface LoyaltyProgramme {
  /** Points for every full step of the total. */
  readonly pointsPerStep: number;
  /** Size of a step, minor units. */
  readonly stepMinor: number;
  /** What one point pays, minor units. */
  readonly pointValueMinor: number;
  /** Hundredths of a receipt that points may pay. */
  readonly sharePercentMax: number;
  /** Points of a customer not seen for so many days are written off; 0 = never. */
  readonly expiryDays: number;
}

export interface DatedProgramme extends LoyaltyProgramme {
  /** First day (UTC) it counts, `2026-11-01`. */
  readonly from: string;
}

/** One point for every full 10.00; a point pays 1.00; up to half of a receipt; never expiring. */
export const LOYALTY_PROGRAMME_DEFAULT: LoyaltyProgramme = {
  pointsPerStep: 1,
  stepMinor: 1_000,
  pointValueMinor: 100,
  sharePercentMax: 50,
  expiryDays: 0,
};

/** The programme of a day: the latest that has begun. */
export function programmeAt(programmes: readonly DatedProgramme[], day: string): LoyaltyProgramme {
  let found: DatedProgramme | undefined;
  for (const programme of programmes) {
    if (programme.from <= day && (found === undefined || programme.from > found.from)) {
      found = programme;
    }
  }
  return found ?? LOYALTY_PROGRAMME_DEFAULT;
}

export function earnedPoints(
  totalMinor: number,
  programme: Pick<LoyaltyProgramme, 'pointsPerStep' | 'stepMinor'>,
): number {
  return Math.floor(totalMinor / programme.stepMinor) * programme.pointsPerStep;
}

/** Why not more points can be redeemed. */
export type RedeemLimit =
  /** The customer has no more anywhere. */
  | 'balance'
  /** The customer has more, but this node may not spend it now. */
  | 'held_elsewhere'
  /** The programme lets points pay only a share of a receipt. */
  | 'share'
  /** One more would leave nothing to pay: a register prints no receipt that comes to nothing. */
  | 'zero_total'
  /** Not seen for too long. */
  | 'expired'
  /** The programme gives points no value. */
  | 'no_value';

export interface RedeemOffer {
  readonly points: number;
  readonly minor: number;
  readonly limit: RedeemLimit;
}

/** What points and coupons, which are discounts, may take off: all but the one minor unit a receipt must come to. */
export function discountableMinor(totalMinor: number): number {
  return Math.max(0, totalMinor - 1);
}

/** The most points that can pay part of `totalMinor` here; at least one minor unit always stays to be paid. */
export function redeemOffer(options: {
  readonly totalMinor: number;
  readonly balance: number;
  readonly spendableHere: number;
  readonly expired: boolean;
  readonly programme: LoyaltyProgramme;
}): RedeemOffer {
  const { totalMinor, balance, spendableHere, expired, programme } = options;
  const { pointValueMinor, sharePercentMax } = programme;
  if (pointValueMinor === 0) {
    return { points: 0, minor: 0, limit: 'no_value' };
  }
  if (expired) {
    return { points: 0, minor: 0, limit: 'expired' };
  }
  const byShare = Math.floor(Math.floor((totalMinor * sharePercentMax) / 100) / pointValueMinor);
  const payable = Math.min(byShare, Math.floor(discountableMinor(totalMinor) / pointValueMinor));
  const points = Math.min(payable, spendableHere);
  if (points === payable) {
    return { points, minor: points * pointValueMinor, limit: payable < byShare ? 'zero_total' : 'share' };
  }
  const limit = spendableHere < balance ? 'held_elsewhere' : 'balance';
  return { points, minor: points * pointValueMinor, limit };
}

/** The offer in words for the person at the till. */
export function offerInWords(
  offer: RedeemOffer,
  { balance, spendableHere }: { readonly balance: number; readonly spendableHere: number },
  { sharePercentMax, expiryDays }: LoyaltyProgramme,
): string {
  switch (offer.limit) {
    case 'balance':
      return `The customer has ${balance} points.`;
    case 'held_elsewhere':
      return `${spendableHere} of ${balance} points can be spent here now; the others were asked for and come when their shop or head office can be reached.`;
    case 'share':
      return `Points may pay ${sharePercentMax} % of this receipt: ${offer.points} points.`;
    case 'zero_total':
      return `A receipt may not come to nothing: ${offer.points} points can pay, something stays to be paid.`;
    case 'expired':
      return `The points expired: the customer was not seen for ${expiryDays} days.`;
    case 'no_value':
      return 'The programme gives points no value now.';
    default:
      return offer.limit satisfies never;
  }
}

/** Whether points of a customer last seen on `lastSeenDay` (days since 1970; 0 = never) are written off on `today`. */
export function isExpired(lastSeenDay: number, today: number, { expiryDays }: LoyaltyProgramme): boolean {
  return expiryDays > 0 && lastSeenDay > 0 && today - lastSeenDay > expiryDays;
}
