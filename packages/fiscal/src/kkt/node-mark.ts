/**
 * The node's own mark inside a document: tag 1084, a name and a value that the buyer may see and no law gives a meaning. By it
 * a document is found again whatever was lost on the line.
 */
import { findTag } from '../ffd/document.ts';
import type { Receipt } from '../ffd/receipt.ts';
import type { TagNode } from '../ffd/tag.ts';

export const MARK_NAME = 'Branchline';

export function withMark(receipt: Receipt, mark: string): Receipt {
  return { ...receipt, extra: { name: MARK_NAME, value: mark } };
}

export function markIn(nodes: readonly TagNode[]): string | undefined {
  const inside = findTag(nodes, 1084)?.value;
  if (!Array.isArray(inside) || findTag(inside, 1085)?.value !== MARK_NAME) return undefined;
  const value = findTag(inside, 1086)?.value;
  return typeof value === 'string' ? value : undefined;
}
