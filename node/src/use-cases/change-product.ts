/**
 * A product is created or some of its fields change: `PUT /v1/products/{sku}`.
 *
 * Only the named fields are written, each a register of its own, so two people changing different fields both keep their
 * work. A new product needs a name, a price and a VAT kind. Refused where this device may not write the catalog (FORBIDDEN).
 *
 * Commits: a `product-change` (who, which fields) beside the change of the catalog document.
 */
import type { ProductEdit } from '@branchline/docs';
import {
  type EventBody,
  ProblemError,
  type Product,
  type ProductPut,
  productDefaults,
  productFields,
} from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Trade } from './trade.ts';

export function changeProduct(
  trade: Trade,
  transaction: Transaction,
  sku: Product['sku'],
  { sku: named = sku, ...put }: ProductPut,
): Decision<Product> {
  if (named !== sku) {
    throw new ProblemError(
      'CHANGE_INVALID',
      `The body names ${named}, the path ${sku}; an SKU never changes.`,
      {
        errors: [{ path: '/body/sku', reason: 'is not the SKU of the path' }],
      },
    );
  }
  if (!trade.mayWrite('catalog')) {
    throw new ProblemError('FORBIDDEN', 'Only head office changes the catalog; this node may not.');
  }
  const before = trade.catalog.get(sku);
  const changes: ProductEdit = before === undefined ? { ...productDefaults, ...put } : put;
  const full = productFields.safeParse({ ...productDefaults, ...withoutSku(before), ...put });
  if (!full.success) {
    const missing = full.error.issues.map((issue) => String(issue.path[0]));
    throw new ProblemError('CHANGE_INVALID', `A new product needs ${missing.join(', ')}.`, {
      errors: missing.map((field) => ({ path: `/${field}`, reason: 'needed for a new product' })),
    });
  }
  const body: EventBody<'product-change'> = {
    sku,
    till: transaction.till.till as EventBody<'product-change'>['till'],
    fields: Object.keys(put) as EventBody<'product-change'>['fields'],
  };
  transaction.append('catalog', 'product-change', body);
  trade.catalog.change(transaction, sku, changes);
  return { status: before === undefined ? 201 : 200, body: { sku, ...full.data } };
}

function withoutSku(product: Product | undefined): Partial<Omit<Product, 'sku'>> {
  if (product === undefined) {
    return {};
  }
  const { sku: _, ...fields } = product;
  return fields;
}
