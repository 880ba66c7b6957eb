/**
 * Loyalty: customer profiles merged per field, and points as rows of their writers.
 *
 * `CUSTOMER/field` is a register anybody may edit; what is personal in it comes and goes encrypted, this file never sees a name. `into` names the
 * customer this one was merged into; everything about points is rows of their writers (`rights-rows`). The balance
 * is a sum, so two branches that credit one customer at the same time both count; it is knowledge, not permission: what may be spent
 * here is `spendableOf` the rights. Gift cards and coupons are accounts of the same form (`vouchers`).
 */
import type { CustomerFields } from '@branchline/model';
import { type Cell, type CellValue, cellKey, keySegments, type Mutator } from './cell.ts';
import { balanceOf, NO_RIGHTS, type Rights, type RightsCount } from './rights.ts';
import { foldRights, moveRights } from './rights-rows.ts';

export type CustomerEdit = { readonly [F in keyof CustomerFields]?: CustomerFields[F] | undefined } & {
  readonly into?: string | undefined;
};

/** Plain JSON, kept by the node. */
export interface CustomerRow extends Omit<CustomerFields, 'group'> {
  readonly group?: string;
  /** The customer it was merged into, or was once: chains and rings are possible. */
  readonly into?: string;
  readonly id: string;
  readonly rights: Rights;
  readonly balance: number;
  readonly conflicts: readonly string[];
}

const TEXTS = ['name', 'phone', 'email', 'note'] as const;
const FIELDS = [...TEXTS, 'group', 'into', 'retired'] as const;

/** Sets the fields named; the others stay as they are. */
export function editCustomer(id: string, edit: CustomerEdit): Mutator {
  return (cells) => {
    for (const field of FIELDS) {
      const value = edit[field];
      if (value !== undefined) {
        cells.set(cellKey(id, field), value);
      }
    }
  };
}

export function movePoints(id: string, count: RightsCount, points: number): Mutator {
  return moveRights(id, { type: 'count', count, points });
}

/** The row after these cells; cells of other customers are skipped. */
export function foldCustomer(row: CustomerRow | undefined, id: string, cells: Iterable<Cell>): CustomerRow {
  const texts: Record<(typeof TEXTS)[number], string> = {
    name: row?.name ?? '',
    phone: row?.phone ?? '',
    email: row?.email ?? '',
    note: row?.note ?? '',
  };
  let retired = row?.retired ?? false;
  let group = row?.group ?? '';
  let into = row?.into ?? '';
  let rights = row?.rights ?? NO_RIGHTS;
  const conflicts = new Set(row?.conflicts);
  for (const { key, value, conflict } of cells) {
    const [owner, column, ...rest] = keySegments(key);
    if (owner !== id || column === undefined) {
      continue;
    }
    if (rest.length > 0) {
      rights = foldRights(rights, [column, ...rest], value) ?? rights;
    } else if (isField(column)) {
      if (column === 'retired') {
        retired = value === true;
      } else if (column === 'group') {
        group = textOf(value);
      } else if (column === 'into') {
        into = textOf(value);
      } else {
        texts[column] = textOf(value);
      }
      if (conflict) {
        conflicts.add(column);
      } else {
        conflicts.delete(column);
      }
    }
  }
  return {
    id,
    ...texts,
    ...(group === '' ? {} : { group }),
    ...(into === '' ? {} : { into }),
    retired,
    rights,
    balance: balanceOf(rights),
    conflicts: [...conflicts].sort(),
  };
}

function textOf(value: CellValue): string {
  return typeof value === 'string' ? value : '';
}

function isField(column: string): column is (typeof FIELDS)[number] {
  return (FIELDS as readonly string[]).includes(column);
}
