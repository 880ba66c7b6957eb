/**
 * A composed receipt as Shtrih-M wants it: what goes into fixed fields of its commands, and the rest as tags beside them.
 *
 * The device adds what it knows itself and works out the taxes. Everything is checked here before the receipt is opened: a
 * tag list longer than one command holds, a rate without a byte, a sum without room.
 */
import type { VatKind } from '@branchline/model';
import { KktError } from '../../errors.ts';
import { encodeTag } from '../../ffd/document.ts';
import {
  type SettlementKind,
  settlementKinds,
  settlementMethods,
  taxSystems,
} from '../../ffd/enumerations.ts';
import { subjectCode } from '../../ffd/item-check.ts';
import type { Receipt, ReceiptDevice, ReceiptItem } from '../../ffd/receipt.ts';
import { paymentSums } from '../../ffd/receipt-check.ts';
import type { ComposedReceipt } from '../../ffd/receipt-tags.ts';
import { isVersionAtLeast, type TagInput } from '../../ffd/tag.ts';
import type { FieldWriter } from './fields.ts';

/** Bytes of tags in one command. */
export const TAGS_BYTES_MAX = 250;
export const NAME_BYTES_MAX = 128;

/** Tax byte of an item. Those of 7/107 and 22 % follow the vendor's rule and were never seen on a device. */
export const TAX_BYTES: Readonly<Record<VatKind, number>> = {
  vat20: 0x01,
  vat10: 0x02,
  vat0: 0x04,
  none: 0x08,
  vat20_120: 0x10,
  vat10_110: 0x20,
  vat5: 0x81,
  vat7: 0x82,
  vat5_105: 0x84,
  vat7_107: 0x90,
  vat22: 0xcb,
  vat22_122: 0xcc,
};

/** Fields of the closing command, or worked out by the device. */
const CLOSE_TAGS = new Set([
  1054, 1055, 1020, 1031, 1081, 1215, 1216, 1217, 1102, 1103, 1104, 1105, 1106, 1107, 1115,
]);
/** Fields of the item command. */
const ITEM_TAGS = new Set([1030, 1079, 1023, 1043, 1199, 1214, 1212]);
/** What the old correction command has a field for. */
const OLD_CORRECTION_TAGS = new Set([...CLOSE_TAGS, 1173]);

export interface ReceiptMessages {
  /** Corrections up to FFD 1.1 have a command of their own and no items. */
  readonly isOldCorrection: boolean;
  /** Parameter of the opening command. */
  readonly kind: number;
  readonly items: readonly {
    readonly fields: (writer: FieldWriter) => unknown;
    readonly tags: readonly Uint8Array[];
  }[];
  readonly tags: readonly Uint8Array[];
  readonly itemsMinor: number;
  readonly close: (writer: FieldWriter) => unknown;
}

const CORRECTION_BIT = 0x80;

export function receiptMessages(
  receipt: Receipt,
  composed: ComposedReceipt,
  device: ReceiptDevice,
): ReceiptMessages {
  const isOldCorrection = receipt.correction !== undefined && !isVersionAtLeast(device.ffd, '1.2');
  const kind = settlementKinds[receipt.kind] - 1;
  const ours = isOldCorrection ? OLD_CORRECTION_TAGS : CLOSE_TAGS;
  return {
    isOldCorrection,
    kind: receipt.correction === undefined ? kind : kind | CORRECTION_BIT,
    items: composed.items.map((tags, at) => {
      const item = receipt.items[at]!;
      return {
        fields: itemFields(item, receipt.kind, subjectCode(item, device)),
        tags: encodeEach(tags, ITEM_TAGS, device, 1059),
      };
    }),
    tags: encodeEach(composed.tags, ours, device, composed.form),
    itemsMinor: receipt.items.reduce((sum, item) => sum + item.totalMinor, 0),
    close: isOldCorrection ? correctionFields(receipt) : closeFields(receipt),
  };
}

function encodeEach(
  tags: readonly TagInput[],
  ours: ReadonlySet<number>,
  { ffd }: ReceiptDevice,
  parent: number,
): Uint8Array[] {
  return tags
    .filter(({ tag }) => !ours.has(tag))
    .map((input) => {
      const bytes = encodeTag(input, ffd, parent);
      if (bytes.length <= TAGS_BYTES_MAX) return bytes;
      throw new KktError('KKT_UNSUPPORTED', `tag ${input.tag} takes ${bytes.length} bytes`, {
        outcome: 'unsent',
      });
    });
}

function itemFields(item: ReceiptItem, kind: SettlementKind, subject: number) {
  return (writer: FieldWriter): FieldWriter =>
    writer
      .byte(settlementKinds[kind])
      .number(item.quantityMilli * 1000, 6)
      .money(item.unitPriceMinor)
      .money(item.totalMinor)
      .auto(5)
      .byte(TAX_BYTES[item.vat])
      .byte(1)
      .byte(settlementMethods[item.method ?? 'full'])
      .byte(subject)
      .text(item.name, NAME_BYTES_MAX);
}

/** Cash, twelve electronic, prepaid, credit, barter; the kopecks dropped; taxes left to the device. */
function closeFields(receipt: Receipt) {
  const [cash = 0, electronic = 0, prepaid = 0, credit = 0, barter = 0] = paymentSums(receipt.payments);
  const itemsMinor = receipt.items.reduce((sum, item) => sum + item.totalMinor, 0);
  return (writer: FieldWriter): FieldWriter => {
    writer.money(cash).money(electronic);
    for (let spare = 0; spare < 11; spare += 1) writer.money(0);
    writer.money(prepaid).money(credit).money(barter);
    writer.byte(itemsMinor - receipt.totalMinor);
    for (let tax = 0; tax < 6; tax += 1) writer.money(0);
    return writer.byte(taxSystems[receipt.taxSystem]);
  };
}

function correctionFields(receipt: Receipt) {
  return (writer: FieldWriter): FieldWriter => {
    writer.byte(receipt.correction?.by === 'order' ? 1 : 0).byte(settlementKinds[receipt.kind]);
    writer.money(receipt.totalMinor);
    for (const minor of paymentSums(receipt.payments)) writer.money(minor);
    for (let tax = 0; tax < 6; tax += 1) writer.money(0);
    return writer.byte(taxSystems[receipt.taxSystem]);
  };
}
