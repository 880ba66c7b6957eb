/**
 * Catalog: products as cells, one per field, merged per field.
 *
 * `SKU/field` is the chain's value, `SKU/field@BRANCH` a branch's own price or availability. Two people who change
 * different fields of a product both keep their work; two who change the same field leave a conflict that stays readable
 * (`productConflicts`) until somebody resolves it by an ordinary change. A product is retired, never deleted. Barcodes are one
 * field: whoever edits them names the whole set.
 *
 * Rows are plain JSON made only of cells: `foldProduct` is idempotent, takes cells in any grouping, and gives the same row
 * from patches as from all cells. Text of foreign writers is checked here once more: a cell of a wrong type reads as unset.
 */
import { type ProductFields, type Unit, unit, type VatKind, vatKind } from '@branchline/model';
import { type Cell, type CellValue, cellKey, keySegments, type Mutator } from './cell.ts';
import { catalogDoc, type WriterId } from './doc-name.ts';
import type { Documents } from './documents.ts';

/** Fields of a product, checked by whoever accepted them; `brand` is ours beside the model's. */
export type ProductEdit = {
  readonly [F in keyof Omit<ProductFields, 'barcodes'>]?: ProductFields[F] | undefined;
} & { readonly barcodes?: readonly string[] | undefined; readonly brand?: string | undefined };

/** What a branch sets for itself; null takes the branch's own value back. */
export interface ProductOverride {
  readonly priceMinor?: number | null | undefined;
  readonly available?: boolean | null | undefined;
}

/** A product as rows and searches know it. `priceMinor` and `vat` are null until somebody set them. */
export interface ProductRow {
  readonly sku: string;
  readonly name: string;
  readonly priceMinor: number | null;
  readonly vat: VatKind | null;
  readonly barcodes: readonly string[];
  readonly unit: Unit;
  readonly category: string;
  readonly brand: string;
  readonly retired: boolean;
  /** By branch. */
  readonly overrides: Readonly<
    Record<string, { readonly priceMinor?: number; readonly available?: boolean }>
  >;
  /** Columns in which a concurrent value lost and nobody has resolved it, sorted. */
  readonly conflicts: readonly string[];
}

export interface FieldConflict {
  readonly sku: string;
  /** Column: a field, or `field@BRANCH`. */
  readonly field: string;
  /** In parallel, the value every reader sees last. */
  readonly values: readonly CellValue[];
  readonly authors: readonly (WriterId | undefined)[];
  readonly times: readonly number[];
}

const FIELDS = ['name', 'priceMinor', 'vat', 'barcodes', 'unit', 'category', 'brand', 'retired'] as const;
const OVERRIDES = ['priceMinor', 'available'] as const;

/** Sets the fields named; the others stay as they are. */
export function editProduct(sku: string, edit: ProductEdit): Mutator {
  return (cells) => {
    for (const field of FIELDS) {
      const value = edit[field];
      if (value !== undefined) {
        cells.set(cellKey(sku, field), packed(value));
      }
    }
  };
}

export function overrideProduct(sku: string, branch: string, override: ProductOverride): Mutator {
  return (cells) => {
    for (const field of OVERRIDES) {
      const value = override[field];
      if (value !== undefined) {
        cells.set(cellKey(sku, `${field}@${branch}`), value);
      }
    }
  };
}

/** Settles a conflict with one of its values or a third: an ordinary change that supersedes every value seen. */
export function resolveProduct(sku: string, field: string, value: CellValue | readonly string[]): Mutator {
  return (cells) => cells.set(cellKey(sku, field), packed(value));
}

/** The row after these cells; cells of other products are skipped. */
export function foldProduct(row: ProductRow | undefined, sku: string, cells: Iterable<Cell>): ProductRow {
  let next = row ?? emptyProduct(sku);
  for (const cell of cells) {
    const [owner, column] = keySegments(cell.key);
    if (owner === sku && column !== undefined) {
      next = withConflict(withColumn(next, column, cell.value), column, cell.conflict);
    }
  }
  return next;
}

/** Cells by the SKU they belong to: what `foldProduct` and the index take. */
export function cellsBySku(cells: Iterable<Cell>): Map<string, Cell[]> {
  const bySku = new Map<string, Cell[]>();
  for (const cell of cells) {
    const sku = keySegments(cell.key)[0]!;
    if (!sku.startsWith('~')) {
      const group = bySku.get(sku);
      if (group === undefined) {
        bySku.set(sku, [cell]);
      } else {
        group.push(cell);
      }
    }
  }
  return bySku;
}

/** What a sale in this branch costs; null when nobody has set a price. */
export function priceAt(row: ProductRow, branch: string): number | null {
  return row.overrides[branch]?.priceMinor ?? row.priceMinor;
}

/** False when this branch has taken the product off its shelves. */
export function availableAt(row: ProductRow, branch: string): boolean {
  return row.overrides[branch]?.available ?? true;
}

/** The conflicts of a row with all values, authors and times. `writers` are those whose feeds may hold catalog changes. */
export async function productConflicts(
  documents: Documents,
  row: Pick<ProductRow, 'sku' | 'conflicts'>,
  writers: Iterable<WriterId>,
): Promise<FieldConflict[]> {
  const known = [...writers];
  const conflicts: FieldConflict[] = [];
  for (const field of row.conflicts) {
    const versions = await documents.conflict(catalogDoc(row.sku), cellKey(row.sku, field), known);
    if (versions.length > 0) {
      conflicts.push({
        sku: row.sku,
        field,
        values: versions.map((version) => version.value),
        authors: versions.map((version) => version.author),
        times: versions.map((version) => version.timeMs),
      });
    }
  }
  return conflicts;
}

function emptyProduct(sku: string): ProductRow {
  return {
    sku,
    name: '',
    priceMinor: null,
    vat: null,
    barcodes: [],
    unit: 'piece',
    category: '',
    brand: '',
    retired: false,
    overrides: {},
    conflicts: [],
  };
}

function withColumn(row: ProductRow, column: string, value: CellValue): ProductRow {
  const at = column.indexOf('@');
  if (at > 0) {
    return withOverride(row, column.slice(0, at), column.slice(at + 1), value);
  }
  switch (column) {
    case 'name':
    case 'category':
    case 'brand':
      return { ...row, [column]: typeof value === 'string' ? value : '' };
    case 'priceMinor':
      return { ...row, priceMinor: isAmount(value) ? value : null };
    case 'vat':
      return { ...row, vat: vatKind.safeParse(value).data ?? null };
    case 'unit':
      return { ...row, unit: unit.safeParse(value).data ?? 'piece' };
    case 'barcodes':
      return { ...row, barcodes: typeof value === 'string' ? value.split(' ').filter(Boolean) : [] };
    case 'retired':
      return { ...row, retired: value === true };
    default:
      // A column of a later version: kept in the document, not shown here.
      return row;
  }
}

function withOverride(row: ProductRow, field: string, branch: string, value: CellValue): ProductRow {
  const { priceMinor, available } = row.overrides[branch] ?? {};
  const price = field === 'priceMinor' ? (isAmount(value) ? value : undefined) : priceMinor;
  const shelf = field === 'available' ? (typeof value === 'boolean' ? value : undefined) : available;
  const { [branch]: _before, ...others } = row.overrides;
  if (price === undefined && shelf === undefined) {
    return { ...row, overrides: others };
  }
  const own = {
    ...(price === undefined ? {} : { priceMinor: price }),
    ...(shelf === undefined ? {} : { available: shelf }),
  };
  return { ...row, overrides: { ...others, [branch]: own } };
}

function withConflict(row: ProductRow, column: string, conflict: boolean): ProductRow {
  if (row.conflicts.includes(column) === conflict) {
    return row;
  }
  const others = row.conflicts.filter((other) => other !== column);
  return { ...row, conflicts: conflict ? [...others, column].sort() : others };
}

function packed(value: CellValue | readonly string[]): CellValue {
  return typeof value === 'object' && value !== null ? [...new Set(value)].sort().join(' ') : value;
}

function isAmount(value: CellValue): value is number {
  return typeof value === 'number' && value >= 0;
}
