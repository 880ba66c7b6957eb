/** The sum on a receipt, as the storage keeps it: tag 1020, in kopecks (the format's appendix 2, table of receipts). */
import { decodeTagList, findTag } from './document.ts';

const RECEIPT = 3;
const TOTAL = 1020;

/** From the tags of a document of form 3, without the outer one; undefined where there is none. */
export function receiptTotal(tags: Uint8Array): number | undefined {
  const value = findTag(decodeTagList(tags, '1.2', RECEIPT), TOTAL)?.value;
  return typeof value === 'number' ? value : undefined;
}
