/**
 * Somebody decides a catalog conflict: `POST /v1/conflicts/{id}/resolve`.
 *
 * An ordinary change that supersedes every value seen; refused when the conflict is not as it was read (CONFLICT_NOT_FOUND), when the value does
 * not fit the field (CHANGE_INVALID), and where this device may not write the catalog (FORBIDDEN).
 *
 * Commits: a `conflict-resolved` (who, which value, over which) beside the change.
 */
import { type CellValue, catalogDoc, resolveProduct } from '@branchline/docs';
import { type ConflictResolved, type EventBody, ProblemError, resolvableFields } from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { Conflicts } from '../projections/conflicts.ts';
import type { Trade } from './trade.ts';

export function resolveConflict(
  trade: Trade,
  conflicts: Conflicts,
  transaction: Transaction,
  id: string,
  value: unknown,
): Decision<ConflictResolved> {
  const row = conflicts.find(id);
  if (row === undefined) {
    throw new ProblemError('CONFLICT_NOT_FOUND', 'There is no such conflict, or not as it was read.');
  }
  if (!trade.mayWrite('catalog')) {
    throw new ProblemError('FORBIDDEN', 'Only head office changes the catalog; this node may not.');
  }
  const { sku, field, values } = row;
  const parsed = resolvableFields.shape[field].safeParse(value);
  if (!parsed.success) {
    const reason = parsed.error.issues[0]!.message;
    throw new ProblemError('CHANGE_INVALID', `This cannot be the ${field} of a product: ${reason}.`, {
      errors: [{ path: '/value', reason }],
    });
  }
  const body: EventBody<'conflict-resolved'> = {
    id,
    sku: sku as EventBody<'conflict-resolved'>['sku'],
    field,
    till: transaction.till.till as EventBody<'conflict-resolved'>['till'],
    value: parsed.data as EventBody<'conflict-resolved'>['value'],
    over: values.map((each) => ({ value: each.value, writer: each.writer })),
  };
  transaction.append('catalog', 'conflict-resolved', body);
  transaction.change(catalogDoc(sku), resolveProduct(sku, field, parsed.data as CellValue));
  return {
    status: 200,
    body: { id, sku: body.sku, field, value: parsed.data as ConflictResolved['value'] },
  };
}
