/**
 * Grants: what a device is, which collections it may read, and in which it may write its own feed.
 *
 * Four roles. A *relay* stores and forwards everything and writes nothing of its own. *HQ* reads everything and writes the
 * catalog, loyalty, and stock and orders: its own, and those of branches that have no device here because they sell with another program and push
 * what they sold (every entry names head office as its writer). A *branch* reads and writes its own. A *carrier* is a branch that also
 * reads everything, so that it can carry other branches' feeds to where they cannot go themselves.
 *
 * What one branch has to say to another (a transfer under way, a right handed over) stands in `letters/<from>/<to>`: the one
 * writes, both read, nobody else at a branch does. What happens to goods besides sales stands in `goods/<branch>`.
 *
 * The lists are written into the registry when a device is enrolled. A device may what stands there and what its role may by this table
 * (`withRole`): a collection that came with a later program is open to devices that were enrolled before it, and nothing a registry
 * gives is ever taken away by this table. Peers with an older program refuse such a feed until they have the newer one; then they get it.
 */
import type { CollectionPattern } from './collections.ts';

export const ROLES = ['relay', 'hq', 'branch', 'carrier'] as const;
export type Role = (typeof ROLES)[number];

/** The region of devices that belong to none in particular. */
export const REGION_DEFAULT = 'main';

export interface Grant {
  readonly role: Role;
  /** Branch code. HQ and relays have one too: it names them in the fleet. */
  readonly branch: string;
  readonly region: string;
  /** Empty for the branch's first node, `b`, `c`, … for the next: part of order numbers. */
  readonly nodeLetter: string;
  /** 1 for a node's first key, one more for each key that followed it: part of order numbers. */
  readonly incarnation: number;
  readonly read: readonly CollectionPattern[];
  readonly write: readonly CollectionPattern[];
}

export interface Place {
  readonly role: Role;
  readonly branch: string;
  readonly region?: string;
  readonly nodeLetter?: string;
  readonly incarnation?: number;
}

export function defaultGrant(place: Place): Grant {
  const { role, branch } = place;
  const region = place.region ?? REGION_DEFAULT;
  return {
    role,
    branch,
    region,
    nodeLetter: place.nodeLetter ?? '',
    incarnation: place.incarnation ?? 1,
    ...patternsOf(role, branch, region),
  };
}

/** What a device may that was enrolled with this grant. */
export function withRole(grant: Grant): Grant {
  const { read, write } = patternsOf(grant.role, grant.branch, grant.region);
  return { ...grant, read: union(grant.read, read), write: union(grant.write, write) };
}

function union(one: readonly CollectionPattern[], other: readonly CollectionPattern[]): CollectionPattern[] {
  return [...new Set([...one, ...other])];
}

function patternsOf(role: Role, branch: string, region: string): Pick<Grant, 'read' | 'write'> {
  const goods = [`goods/${branch}`, `letters/${branch}/*`];
  const own = [
    `stock/${branch}`,
    `loyalty/${region}`,
    `orders/${branch}`,
    `receipts/${branch}`,
    `prices/${branch}`,
    `keys/${region}`,
    ...goods,
  ];
  switch (role) {
    case 'relay':
      return { read: ['*'], write: [] };
    case 'hq':
      return {
        read: ['*'],
        write: [
          'catalog',
          'loyalty/*',
          'keys/*',
          'erasures',
          'prices/*',
          'pricing',
          'employees',
          // Its own, and those of branches that sell with another program and push here.
          'stock/*',
          'orders/*',
          `pos-sync/${branch}`,
          ...goods,
        ],
      };
    case 'branch':
      return {
        read: ['registry', 'catalog', 'pricing', 'employees', 'erasures', ...own, `letters/*/${branch}`],
        write: own,
      };
    case 'carrier':
      return { read: ['*'], write: own };
    default:
      return role satisfies never;
  }
}
