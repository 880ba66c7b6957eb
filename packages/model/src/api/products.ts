/**
 * S-23: products as they travel, and the fields of a product everywhere (catalog documents, imports, events).
 *
 * A PUT names the fields it changes; fields left out stay as they are, so two people editing different fields of one
 * product both keep their work. A product is never deleted, it is `retired`.
 */
import { z } from 'zod';
import { barcode, sku } from '../ids.ts';
import { BARCODES_MAX, LINES_MAX, SEARCH_ROWS_MAX } from '../limits.ts';
import { amountMinor } from '../money.ts';
import { unit } from '../quantity.ts';
import { codeText } from '../text.ts';
import { vatKind } from '../vat.ts';
import { limitOf, searchText } from './page.ts';

const text = codeText(256);

/** Every field of a product but its SKU; each is a register of its own in the catalog document. */
export const productFields = z.strictObject({
  name: text,
  priceMinor: amountMinor,
  vat: vatKind,
  barcodes: z.array(barcode).max(BARCODES_MAX),
  unit,
  category: z.union([z.literal(''), text]),
  retired: z.boolean(),
});
export type ProductFields = z.infer<typeof productFields>;

/** What a new product has where nothing was said; name, price and VAT have no default. */
export const productDefaults = {
  barcodes: [],
  unit: 'piece',
  category: '',
  retired: false,
} as const satisfies Partial<ProductFields>;

/** With the SKU as well, where it is that of the path: what a GET answers may be sent back. */
export const productPut = productFields
  .partial()
  .extend({ sku: sku.optional() })
  .refine(({ sku: _, ...fields }) => Object.keys(fields).length > 0, 'must name at least one field');
export type ProductPut = z.infer<typeof productPut>;

export const product = z.strictObject({
  sku,
  ...productFields.shape,
  category: productFields.shape.category.optional(),
  unit: productFields.shape.unit.optional(),
});
export type Product = z.infer<typeof product>;

export const productQuery = z.strictObject({
  /** Beginnings of words of the name, or of the SKU. */
  q: searchText.optional(),
  barcode: barcode.optional(),
  limit: limitOf(SEARCH_ROWS_MAX),
});
export type ProductQuery = z.infer<typeof productQuery>;
export const productList = z.strictObject({ products: z.array(product) });

/** Many products at once, all or nothing; each as in a PUT of its SKU. */
export const productImport = z.strictObject({
  products: z
    .array(z.strictObject({ sku, ...productFields.partial().shape }))
    .min(1)
    .max(LINES_MAX),
});
export type ProductImport = z.infer<typeof productImport>;
export const productImportAnswer = z.strictObject({ rows: z.int().min(0), created: z.int().min(0) });
export type ProductImportAnswer = z.infer<typeof productImportAnswer>;
