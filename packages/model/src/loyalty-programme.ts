/**
 * The loyalty programme as data: what a sale earns.
 *
 * Points are whole; what is paid below the next step earns nothing, and a sale without a named customer earns nobody
 * anything. The rule is applied once, at the sale, by the node that makes it, and its result stands in the order: a later
 * change of the programme never recalculates the past.
 */

export interface LoyaltyProgramme {
  /** Points for every full step of the total. */
  readonly pointsPerStep: number;
  /** Size of a step, minor units. */
  readonly stepMinor: number;
}

/** One point for every full 10.00. */
export const LOYALTY_PROGRAMME_DEFAULT: LoyaltyProgramme = { pointsPerStep: 1, stepMinor: 1_000 };

export function earnedPoints(totalMinor: number, programme: LoyaltyProgramme): number {
  return Math.floor(totalMinor / programme.stepMinor) * programme.pointsPerStep;
}
