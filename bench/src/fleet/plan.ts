/**
 * What a fleet is and what happens in it while it is cut off: the same plan and seed make the same fleet.
 *
 * The day is an optician's: 8 hours, 300 orders of 1 to 5 lines at each branch, 40 % of them with a customer who collects points,
 * two deliveries and one stock count; head office changes 500 prices and imports a price list of 2,000 rows meanwhile.
 */
export interface FleetPlan {
  readonly branches: number;
  /** Loyalty regions; 1 means that every branch gets every other branch's points. */
  readonly regions: number;
  readonly seed: number;
  readonly products: number;
  readonly orders: number;
  readonly priceEdits: number;
  readonly importRows: number;
}

/** Version of what is kept in the folder of prepared fleets: changes when the day or the stored formats do. */
export const FLEET_FORMAT = 1;
export const DAY_MS = 8 * 3_600_000;
export const TENANT = 'bench';
export const HQ = 'HQ';
/** Customers who come to one branch; one visit in ten is at another branch of the region. */
export const REGULARS = 150;

export const FLEET_DEFAULT = {
  branches: 200,
  regions: 10,
  products: 2_000,
  orders: 300,
  priceEdits: 500,
  importRows: 2_000,
} as const;

export interface FleetBranch {
  readonly code: string;
  readonly region: string;
  /** Place in the fleet, from 0. */
  readonly index: number;
}

export function branchesOf({ branches, regions }: Pick<FleetPlan, 'branches' | 'regions'>): FleetBranch[] {
  return Array.from({ length: branches }, (_, index) => ({
    index,
    code: `B${String(index + 1).padStart(3, '0')}`,
    region: `R${String((index % regions) + 1).padStart(2, '0')}`,
  }));
}

/** Names the folder of a prepared fleet. */
export function fleetKey(plan: FleetPlan): string {
  const { branches, regions, seed, products, orders, priceEdits, importRows } = plan;
  const size = `${products}p-${orders}o-${priceEdits}e-${importRows}i`;
  return `fleet-v${FLEET_FORMAT}-${branches}b-${regions}r-${size}-s${seed}`;
}

export function customerOf(branch: string, number: number): string {
  return `c-${branch}-${String(number).padStart(4, '0')}`;
}
