/**
 * Edits of live documents as use cases: what a field of a row means, and who decides about it.
 *
 * Nothing of a client's document is taken over. Fields are parsed by the schemas of the HTTP API and go the way a request goes: the
 * same checks, the same entries under this node's key, the same answer when the same edit comes twice.
 */
import {
  customerId,
  customerPut,
  ProblemError,
  productPut,
  QUANTITY_MILLI_MAX,
  sku as skuSchema,
  stockCountRequest,
} from '@branchline/model';
import type { LiveFieldEdit } from '@branchline/repo';
import type { z } from 'zod';
import type { Decide } from '../commit/commit-pipeline.ts';
import { changeCustomer } from '../use-cases/change-customer.ts';
import { changeProduct } from '../use-cases/change-product.ts';
import { countStock } from '../use-cases/count-stock.ts';
import type { Trade } from '../use-cases/trade.ts';

export type LiveKind = 'catalog' | 'stock' | 'loyalty';

export interface FieldsWritten {
  readonly kind: LiveKind;
  readonly row: string;
  readonly fields: readonly LiveFieldEdit[];
}

/** Throws `CHANGE_INVALID` for what is no edit of such a row. */
export function decisionOf(trade: Trade, { kind, row, fields }: FieldsWritten): Decide<unknown> {
  const removed = fields.find(({ value }) => value === undefined);
  if (removed !== undefined) {
    throw invalid(`${row}.${removed.field} was removed or is no text, whole number, true, false or null.`);
  }
  switch (kind) {
    case 'catalog': {
      const sku = parsed(skuSchema, row, row);
      const put = parsed(productPut, putOf(fields), row);
      return (transaction) => changeProduct(trade, transaction, sku, put);
    }
    case 'loyalty': {
      const id = parsed(customerId, row, row);
      const put = parsed(customerPut, putOf(fields), row);
      return (transaction) => changeCustomer(trade, transaction, id, put);
    }
    case 'stock': {
      const request = parsed(stockCountRequest, countOf(row, fields), row);
      return (transaction) => countStock(trade, transaction, request);
    }
    default:
      return kind satisfies never;
  }
}

/** The barcodes of a product are one field: a row holds no lists. */
function putOf(fields: readonly LiveFieldEdit[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.map(({ field, value }) => [
      field,
      field === 'barcodes' ? String(value).split(' ').filter(Boolean) : value,
    ]),
  );
}

/** What somebody counted, against what he saw: sales made meanwhile stay sold. */
function countOf(row: string, fields: readonly LiveFieldEdit[]): object {
  const other = fields.find(({ field }) => field !== 'onHandMilli');
  if (other !== undefined) {
    throw invalid(`${row}.${other.field} cannot be written; only onHandMilli can, as a count.`);
  }
  const { value, seen } = fields[0]!;
  const seenMilli = typeof seen === 'number' ? seen : 0;
  if (Math.abs(seenMilli) > QUANTITY_MILLI_MAX) {
    throw invalid(`${row}: there was more than stock can hold.`);
  }
  return { lines: [{ sku: row, quantityMilli: value, seenMilli }] };
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, row: string): z.output<S> {
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(`${row}.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
  }
  return result.data;
}

function invalid(detail: string): ProblemError {
  return new ProblemError('CHANGE_INVALID', detail);
}
