/**
 * Loyalty: customer profiles merged per field, and points as rows of their writers.
 *
 * `CUSTOMER/field` is a register anybody may edit; `CUSTOMER/<movement>/<writer>` is a cumulative integer written only by
 * that writer. The balance is a sum, so two branches that credit one customer at the same time both count.
 *
 * Not here: the right to spend. A balance is knowledge, not permission.
 */
import type { CustomerFields } from '@branchline/model';
import { type Cell, type CellValue, cellKey, keySegments, type Mutator } from './cell.ts';
import { DocError } from './errors.ts';

/** Movements of points and what they do to the balance. */
export const pointMovements = {
  earned: 1,
  /** Taken back with a refund. */
  reversed: -1,
  spent: -1,
} as const;
export type PointMovement = keyof typeof pointMovements;

export type CustomerEdit = { readonly [F in keyof CustomerFields]?: CustomerFields[F] | undefined };

/** Plain JSON, kept by the node. */
export interface CustomerRow extends CustomerFields {
  readonly id: string;
  /** Cumulative points by movement and writer. */
  readonly points: Readonly<Partial<Record<PointMovement, Readonly<Record<string, number>>>>>;
  readonly balance: number;
  readonly conflicts: readonly string[];
}

const TEXTS = ['name', 'phone', 'email', 'note'] as const;
const FIELDS = [...TEXTS, 'retired'] as const;

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

export function movePoints(id: string, movement: PointMovement, points: number): Mutator {
  if (!Number.isSafeInteger(points) || points < 0) {
    throw new DocError('DOC_CELL', `${movement} cannot be ${points} points`);
  }
  return (cells) => {
    const key = cellKey(id, movement, cells.writer);
    cells.set(key, integer(cells.get(key)) + points);
  };
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
  const points: Partial<Record<PointMovement, Record<string, number>>> = { ...row?.points };
  const conflicts = new Set(row?.conflicts);
  for (const { key, value, conflict } of cells) {
    const [owner, column, writer] = keySegments(key);
    if (owner !== id || column === undefined) {
      continue;
    }
    if (writer !== undefined && isPointMovement(column)) {
      points[column] = { ...points[column], [writer]: integer(value) };
    } else if (isField(column)) {
      if (column === 'retired') {
        retired = value === true;
      } else {
        texts[column] = typeof value === 'string' ? value : '';
      }
      if (conflict) {
        conflicts.add(column);
      } else {
        conflicts.delete(column);
      }
    }
  }
  return { id, ...texts, retired, points, balance: balanceOf(points), conflicts: [...conflicts].sort() };
}

function balanceOf(points: CustomerRow['points']): number {
  let balance = 0;
  for (const [movement, byWriter] of Object.entries(points)) {
    for (const count of Object.values(byWriter)) {
      balance += pointMovements[movement as PointMovement] * count;
    }
  }
  return balance;
}

function isPointMovement(column: string): column is PointMovement {
  return Object.hasOwn(pointMovements, column);
}

function isField(column: string): column is (typeof FIELDS)[number] {
  return (FIELDS as readonly string[]).includes(column);
}

function integer(value: CellValue | undefined): number {
  return typeof value === 'number' ? value : 0;
}
