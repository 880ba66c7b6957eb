/** Counters of a shift as an emulated storage adds them up from its own documents, for the report that closes it. */
import { decodeTagList, findTag } from '../../ffd/document.ts';
import { settlementKinds } from '../../ffd/enumerations.ts';
import { SETTLEMENT_COUNTERS_BASE } from '../../ffd/shift-counters.ts';
import { isVersionAtLeast, type TagInput } from '../../ffd/tag.ts';
import type { FiscalStorage } from './fiscal-storage.ts';

const RECEIPT_FORMS = [3, 4];
/** Tag of a receipt, and the counter it goes into. */
const COUNTED = [
  [1031, 1136],
  [1081, 1138],
  [1215, 1218],
  [1216, 1219],
  [1217, 1220],
  [1020, 1201],
] as const;

export function shiftCounterTags(storage: FiscalStorage): TagInput[] {
  const { ffd } = storage.registration;
  if (!isVersionAtLeast(ffd, '1.1')) return [];
  const { number } = storage.shift;
  const receipts = storage.documents
    .filter(({ shift, form }) => shift === number && RECEIPT_FORMS.includes(form))
    .map((document) => ({ document, nodes: decodeTagList(document.tags, ffd, document.form) }));
  const counters = Object.entries(settlementKinds).map(([kind, code]): TagInput => {
    const own = receipts.filter(({ document }) => document.settlement === kind);
    const sums = COUNTED.map(([tag, counter]): TagInput => {
      const values = own.map(({ nodes }) => Number(findTag(nodes, tag)?.value ?? 0));
      return { tag: counter, value: values.reduce((sum, value) => sum + value, 0) };
    });
    return { tag: SETTLEMENT_COUNTERS_BASE + code, value: [{ tag: 1135, value: own.length }, ...sums] };
  });
  return [{ tag: 1194, value: [{ tag: 1134, value: receipts.length }, ...counters] }];
}
