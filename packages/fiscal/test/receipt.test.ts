import { vatKinds, vatRates } from '@branchline/model';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeTagList } from '../src/ffd/document.ts';
import { tagsJson } from '../src/ffd/document-json.ts';
import { isInn } from '../src/ffd/inn.ts';
import { isWithinOneKopeck, itemsOfLine } from '../src/ffd/line-items.ts';
import { MARKING_CODE_CHARS_MAX, nomenclatureCode, productCodeTag } from '../src/ffd/product-code.ts';
import { receiptQr } from '../src/ffd/qr.ts';
import type { ItemAgent, Original, Receipt, ReceiptDevice, ReceiptItem } from '../src/ffd/receipt.ts';
import { composeReceipt, RECEIPT_BYTES_MAX } from '../src/ffd/receipt-tags.ts';
import { isVatKnown, vatColumns } from '../src/ffd/vat-tags.ts';
import { formatWallTime, secondsOfDay, secondsOfWallTime } from '../src/ffd/wall-time.ts';
import { hexOfBytes } from '../src/hex.ts';

const device: ReceiptDevice = {
  ffd: '1.2',
  day: '2026-11-22',
  firmwareDate: '2026-01-15',
  taxSystems: ['general'],
};
const oldDevice: ReceiptDevice = { ...device, ffd: '1.05' };

const bread: ReceiptItem = {
  name: 'Хлеб «Ржаной»',
  quantityMilli: 2000,
  unitPriceMinor: 5000,
  totalMinor: 10_000,
  vat: 'vat10',
};

const sale: Receipt = {
  kind: 'sale',
  taxSystem: 'general',
  cashier: { name: 'Ann', inn: '500100732259' },
  items: [bread],
  payments: { cashMinor: 10_000 },
  totalMinor: 10_000,
};

const CODE = '0104607112345678215abcDEF12345\u001d91EE06\u001d92checkchecktail';
const marked: ReceiptItem = {
  ...bread,
  quantityMilli: 1000,
  unitPriceMinor: 10_000,
  marking: { code: CODE, checkResult: 15 },
};

const original: Original = {
  day: '2025-12-30',
  totalMinor: 30_000,
  refundedMinor: 10_000,
  lines: [
    { quantityMilli: 3000, totalMinor: 30_000, vat: 'vat20', refundedMilli: 1000, refundedMinor: 10_000 },
  ],
};
const refund: Receipt = {
  ...sale,
  kind: 'sale-return',
  original,
  items: [{ ...bread, quantityMilli: 1000, unitPriceMinor: 10_000, vat: 'vat20', originalLine: 0 }],
};

const agent: ItemAgent = {
  kind: 'agent',
  supplier: { inn: '7704358518', name: 'ООО', phones: ['+74951234567'] },
};

function composed(receipt: Receipt, on = device): Record<string, unknown> {
  const result = composeReceipt(receipt, on);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return tagsJson(decodeTagList(result.receipt.bytes, on.ffd, result.receipt.form));
}

/** Codes of the problems, each once. */
function problems(receipt: Receipt, on = device): string[] {
  const result = composeReceipt(receipt, on);
  if (result.ok) return [];
  for (const { hint, path, detail } of result.problems) {
    assert.ok(hint.length > 5 && detail.length > 0 && path.startsWith('/'));
  }
  return [...new Set(result.problems.map(({ code }) => code))];
}

const withItem = (item: Partial<ReceiptItem>, base = bread): Receipt => ({
  ...sale,
  items: [{ ...base, ...item }],
});

const test = suite('receipt');

test('a sale becomes the tags of its version', () => {
  assert.equal(composed({ ...sale, extra: { name: 'order', value: 'B001-000123' } }), {
    operationType: 1,
    taxationType: 1,
    operator: 'Ann',
    operatorInn: '500100732259',
    totalSum: 10_000,
    cashTotalSum: 10_000,
    ecashTotalSum: 0,
    prepaidSum: 0,
    creditSum: 0,
    provisionSum: 0,
    properties: { propertyName: 'order', propertyValue: 'B001-000123' },
    nds10: 909,
    items: [
      {
        name: 'Хлеб "Ржаной"',
        price: 5000,
        quantity: 2,
        sum: 10_000,
        nds: 2,
        paymentType: 4,
        productType: 1,
        itemsQuantityMeasure: 0,
      },
    ],
  });
  const old = composed(withItem({ unit: 'kg', quantityMilli: 1250, unitPriceMinor: 8000 }), oldDevice);
  const [item] = old.items as Record<string, unknown>[];
  assert.equal([item?.quantity, item?.unit, item?.itemsQuantityMeasure], [1.25, 'кг', undefined]);
});

test('rates without a column of their own stand in pairs, beside an empty zero column', () => {
  const tags = composed(withItem({ vat: 'vat22' }));
  assert.equal(tags.amountsReceiptNds, { amountsNds: [{ nds: 11, ndsSum: 1803 }] });
  assert.is(tags.nds0, 0);
  const both = composed({
    ...sale,
    items: [
      { ...bread, vat: 'vat5', quantityMilli: 1000, totalMinor: 5000 },
      { ...bread, vat: 'none', quantityMilli: 1000, totalMinor: 5000 },
    ],
  });
  assert.equal(both.amountsReceiptNds, { amountsNds: [{ nds: 7, ndsSum: 238 }] });
  assert.equal([both.ndsNo, both.nds0], [5000, undefined]);
});

test('every kind of VAT has a column, and the codes are those of the model', () => {
  for (const kind of vatKinds) {
    const { tag } = vatColumns[kind];
    assert.is(tag === 'pair', vatRates[kind].fiscalCode > 6, kind);
  }
});

test('a rate the firmware cannot know is refused before anything is sent', () => {
  const firmware = (date: string): ReceiptDevice => ({ ...device, firmwareDate: date });
  assert.equal(problems(withItem({ vat: 'vat22' }), firmware('2025-06-01')), ['RECEIPT_VAT_UNKNOWN']);
  assert.equal(problems(withItem({ vat: 'vat5' }), firmware('2025-06-01')), []);
  assert.equal(problems(withItem({ vat: 'vat5' }), firmware('2024-01-01')), ['RECEIPT_VAT_UNKNOWN']);
  assert.equal(problems(withItem({ vat: 'vat22' }), { ...device, vatCodes: [1, 2, 5, 6] }), [
    'RECEIPT_VAT_UNKNOWN',
  ]);
  assert.not(isVatKnown('vat22', { ffd: '1.0' }));
  assert.ok(isVatKnown('vat22', { ffd: '1.2', vatCodes: [11] }));
});

test('a new sale uses the rates of its day, a return those of the sale', () => {
  assert.equal(problems(withItem({ vat: 'vat20' })), ['RECEIPT_VAT_DATE']);
  assert.equal(problems(refund), []);
  const today = { ...refund, items: [{ ...refund.items[0]!, vat: 'vat22' as const }] };
  assert.equal(problems(today), ['RECEIPT_VAT_DATE']);
  const correction = { by: 'own' as const, day: '2025-12-30' };
  assert.equal(problems({ ...withItem({ vat: 'vat20' }), correction }), []);
  const half = { ...bread, quantityMilli: 1000, totalMinor: 5000 };
  const mixed = {
    ...sale,
    correction,
    items: [
      { ...half, vat: 'vat20' as const },
      { ...half, vat: 'vat22' as const },
    ],
  };
  assert.ok(problems(mixed).includes('RECEIPT_VAT_MIXED'));
  assert.not(problems(mixed, { ...device, mixesBaseRates: true }).includes('RECEIPT_VAT_MIXED'));
});

test('sums that do not match are refused', () => {
  assert.equal(problems({ ...sale, items: [], totalMinor: 0, payments: {} }), ['RECEIPT_EMPTY']);
  const gift = { ...bread, unitPriceMinor: 0, totalMinor: 0 };
  assert.equal(problems({ ...sale, items: [gift], totalMinor: 0, payments: {} }), ['RECEIPT_TOTAL_ZERO']);
  assert.equal(problems({ ...sale, items: [gift, ...sale.items] }), [], 'a free item among others is fine');
  assert.equal(problems({ ...sale, totalMinor: 9_000, payments: { cashMinor: 9_000 } }), [
    'RECEIPT_TOTAL_MISMATCH',
  ]);
  assert.equal(problems({ ...sale, payments: { cashMinor: 9_999 } }), ['RECEIPT_PAYMENT_MISMATCH']);
  assert.equal(problems({ ...sale, payments: { cashMinor: 10_001, electronicMinor: -1 } }), [
    'RECEIPT_PAYMENT_MISMATCH',
  ]);
  assert.equal(problems(withItem({ unitPriceMinor: 4_999 })), ['RECEIPT_ITEM_SUM']);
  assert.equal(problems(withItem({ quantityMilli: 0 })), ['RECEIPT_ITEM_INVALID']);
  assert.equal(problems(withItem({ name: ' ' })), ['RECEIPT_ITEM_INVALID']);
  assert.equal(problems(withItem({ subject: 32 }), oldDevice), ['RECEIPT_ITEM_INVALID']);
});

test('kopecks may be dropped from the total, all of them or none', () => {
  const item = { ...bread, quantityMilli: 1000, unitPriceMinor: 10_099, totalMinor: 10_099 };
  const of = (totalMinor: number): Receipt => ({
    ...sale,
    items: [item],
    totalMinor,
    payments: { cashMinor: totalMinor },
  });
  assert.equal(problems(of(10_000)), []);
  assert.equal(problems(of(10_099)), []);
  assert.equal(problems(of(10_050)), ['RECEIPT_TOTAL_MISMATCH']);
});

test('a return gives back no more than is left, by line and in total', () => {
  const returning = (milli: number, minor: number): Receipt => ({
    ...refund,
    items: [
      {
        ...refund.items[0]!,
        quantityMilli: milli,
        unitPriceMinor: Math.floor((minor * 1000) / milli),
        totalMinor: minor,
      },
    ],
    totalMinor: minor,
    payments: { cashMinor: minor },
  });
  assert.equal(problems(returning(2000, 20_000)), []);
  assert.equal(problems(returning(2001, 20_000)), ['RECEIPT_REFUND_EXCEEDS']);
  assert.equal(problems(returning(2000, 20_001)), ['RECEIPT_REFUND_EXCEEDS']);
  const twice = { ...refund, items: [refund.items[0]!, refund.items[0]!, refund.items[0]!] };
  const sum = { ...twice, totalMinor: 30_000, payments: { cashMinor: 30_000 } };
  assert.equal(problems(sum), ['RECEIPT_REFUND_EXCEEDS']);
  const { original: _, ...unlinked } = refund;
  assert.ok(problems(unlinked).includes('RECEIPT_REFUND_UNLINKED'));
  assert.equal(problems({ ...refund, items: [{ ...refund.items[0]!, originalLine: 7 }] }), [
    'RECEIPT_REFUND_UNLINKED',
  ]);
});

test('people, contacts and tax systems are checked', () => {
  const { cashier: _, ...nobody } = sale;
  assert.equal(problems(nobody), ['RECEIPT_CASHIER_MISSING']);
  assert.equal(problems(nobody, { ...device, isAutomat: true }), []);
  assert.equal(problems({ ...sale, cashier: { name: ' ' } }), ['RECEIPT_CASHIER_MISSING']);
  assert.equal(problems({ ...sale, cashier: { name: 'Ann', inn: '500100732258' } }), ['RECEIPT_INN_INVALID']);
  assert.equal(problems({ ...sale, taxSystem: 'patent' }), ['RECEIPT_TAX_SYSTEM_UNKNOWN']);
  for (const contact of ['+79991234567', 'ann@example.com']) {
    assert.is(composed({ ...sale, buyer: { contact } }).buyerPhoneOrAddress, contact);
  }
  for (const contact of [
    '89991234567',
    'ann@',
    'ann@ex ample.com',
    'ann@example.日本',
    `${'a'.repeat(60)}@b.ru`,
  ]) {
    assert.equal(problems({ ...sale, buyer: { contact } }), ['RECEIPT_CONTACT_INVALID'], contact);
  }
  assert.equal(problems({ ...sale, buyer: { inn: '1' } }), ['RECEIPT_INN_INVALID']);
  assert.equal(problems({ ...sale, isElectronicOnly: true }), ['RECEIPT_CONTACT_INVALID']);
  assert.equal(problems(sale, { ...device, day: 'today' }), ['RECEIPT_DATE_INVALID']);
});

test('a buyer stands on the receipt up to 1.1 and in a tag of its own from 1.2', () => {
  const buyer = { name: 'ООО «Ромашка»', inn: '7704358518' };
  assert.equal(composed({ ...sale, buyer }).buyerInformation, {
    buyer: 'ООО "Ромашка"',
    buyerInn: '7704358518',
  });
  assert.is(composed({ ...sale, buyer }, oldDevice).buyerInn, '7704358518');
});

test('marked goods carry their code, checked, once, one piece at a time', () => {
  const [item] = composed({ ...sale, items: [marked] }).items as Record<string, unknown>[];
  assert.equal(item?.productCodeNew, { gs1m: '0104607112345678215abcDEF12345' });
  assert.equal(
    [item?.productType, item?.labelCodeProcesMode, item?.checkingProdInformationResult],
    [33, 0, 15],
  );
  const part = { code: CODE, checkResult: 15, fraction: { numerator: 1, denominator: 10 } };
  const [tenth] = composed(withItem({ marking: part }, marked)).items as Record<string, unknown>[];
  assert.equal(tenth?.labeledProdFractionalQuantity, {
    fractionalPart: '1/10',
    numerator: 1,
    denominator: 10,
  });

  const invalid: Partial<ReceiptItem>[] = [
    { marking: { code: CODE } },
    { marking: { code: 'with space', checkResult: 15 } },
    { marking: { code: 'x'.repeat(MARKING_CODE_CHARS_MAX + 1), checkResult: 15 } },
    { marking: { ...part, fraction: { numerator: 2, denominator: 1 } } },
    { subject: 'goods' },
    { quantityMilli: 2000, unitPriceMinor: 5000 },
  ];
  for (const item of invalid) assert.equal(problems(withItem(item, marked)), ['RECEIPT_MARKING_INVALID']);
  assert.equal(problems(withItem({ subject: 'goods-marked' })), ['RECEIPT_MARKING_INVALID']);
  for (const checkResult of [1, 4, 5, 7, 13]) {
    assert.equal(problems(withItem({ marking: { code: CODE, checkResult } }, marked)), [
      'RECEIPT_MARKING_REFUSED',
    ]);
  }
  const two = { ...sale, items: [marked, marked], totalMinor: 20_000, payments: { cashMinor: 20_000 } };
  assert.equal(problems(two), ['RECEIPT_MARKING_DUPLICATE']);
});

test('up to 1.1 a code becomes a nomenclature code, where there is one', () => {
  const [item] = composed({ ...sale, items: [marked] }, oldDevice).items as Record<string, unknown>[];
  assert.is(
    item?.productCode,
    `444d${(4607112345678).toString(16).padStart(12, '0')}${hexOfBytes(Buffer.from('5abcDEF12345'))}`,
  );
  const strange = { code: 'not-a-known-kind-of-code' };
  assert.equal(problems(withItem({ marking: strange }, marked), oldDevice), ['RECEIPT_MARKING_INVALID']);
});

test('each kind of code goes into the tag of its kind', () => {
  const kind = (code: string): number => productCodeTag(code).tag;
  assert.is(kind('46071123'), 1301);
  assert.is(kind('4607112345678'), 1302);
  assert.is(kind('14607112345678'), 1303);
  assert.is(kind('0114607112345678'), 1304);
  assert.is(kind('RU-430302-ABC1234567'), 1307);
  assert.is(kind(`04607112345678${'a'.repeat(7)}${'b'.repeat(8)}`), 1306);
  assert.is(kind('N'.repeat(68)), 1308);
  assert.is(kind('1'.repeat(150)), 1309);
  assert.equal(productCodeTag('?'.repeat(40)), { tag: 1300, value: '?'.repeat(32) });
  assert.is(nomenclatureCode('4607112345678')?.length, 8);
  assert.is(nomenclatureCode('?'), undefined);
});

test('an agent names the supplier, and up to 1.1 is registered', () => {
  const [item] = composed(withItem({ agent })).items as Record<string, unknown>[];
  assert.equal(
    [item?.paymentAgentByProductType, item?.providerInn, item?.providerData],
    [64, '7704358518', { providerPhone: ['+74951234567'], providerName: 'ООО' }],
  );
  assert.equal(problems(withItem({ agent }), oldDevice), ['RECEIPT_AGENT_INVALID']);
  assert.equal(problems(withItem({ agent }), { ...oldDevice, agents: ['agent'] }), []);
  const bank: ItemAgent = { ...agent, kind: 'bank-agent' };
  const whole: ItemAgent = {
    ...bank,
    operation: 'transfer',
    agentPhones: ['+74950000001'],
    operatorPhones: ['+74950000002'],
    transfer: { name: 'Bank', inn: '7704358518', address: 'Moscow' },
  };
  const wrong: ItemAgent[] = [
    { ...agent, supplier: { inn: '123' } },
    { ...agent, supplier: { inn: '000000000000', phones: ['12'] } },
    bank,
  ];
  for (const each of wrong) assert.equal(problems(withItem({ agent: each })), ['RECEIPT_AGENT_INVALID']);
  assert.equal(problems(withItem({ agent: whole })), []);
});

test('a correction has the form its version allows', () => {
  const own: Receipt = { ...sale, correction: { by: 'own', day: '2026-11-20', wrongSign: 476_807_588 } };
  const tags = composed(own);
  assert.equal([tags.correctionType, tags.propertiesData], [0, '476807588']);
  assert.equal(tags.correctionBase, { correctionDocumentDate: secondsOfDay('2026-11-20') });
  assert.is((tags.items as unknown[]).length, 1);
  const old = composed(own, oldDevice);
  assert.equal([old.items, old.nds10], [undefined, 909]);
  assert.equal(old.correctionBase, {
    correctionName: 'Коррекция',
    correctionDocumentDate: secondsOfDay('2026-11-20'),
    correctionDocumentNumber: 'б/н',
  });
  const complaint = ['RECEIPT_CORRECTION_INVALID'];
  assert.equal(problems({ ...own, correction: { by: 'own', day: '2026-11-23' } }), complaint);
  assert.equal(problems({ ...own, correction: { by: 'order', day: '2026-11-20' } }), complaint);
  assert.equal(problems({ ...own, kind: 'sale-return' }, oldDevice), complaint);
  assert.equal(problems({ ...own, kind: 'sale-return' }), []);
  assert.ok(problems({ ...own, items: [] }).includes('RECEIPT_CORRECTION_INVALID'));
});

test('a tag that is foreign, doubled or too long is found here and not by the device', () => {
  const extra = (tag: number, value: string | number): Receipt => ({ ...sale, extraTags: [{ tag, value }] });
  assert.equal(problems(extra(1021, 'Bob')), ['RECEIPT_TAG_DUPLICATE']);
  assert.equal(problems(extra(1101, 1)), ['RECEIPT_TAG_UNKNOWN']);
  assert.equal(problems(extra(1192, 'x'.repeat(17))), ['RECEIPT_TAG_INVALID']);
  assert.equal(problems(extra(1192, '日')), ['RECEIPT_TAG_INVALID']);
  const item = withItem({ extraTags: [{ tag: 1199, value: 1 }] });
  assert.equal(problems(item), ['RECEIPT_TAG_DUPLICATE']);
  const old = withItem({ extraTags: [{ tag: 2108, value: 0 }] });
  assert.equal(problems(old, oldDevice), ['RECEIPT_TAG_UNKNOWN']);
  const empty = withItem({ extraTags: [{ tag: 1260, value: [{ tag: 1262, value: '030' }] }] });
  assert.equal(problems(empty), ['RECEIPT_TAG_INVALID']);
});

test('a receipt that does not fit the storage is refused', () => {
  const many = (count: number, name = bread.name): Receipt => ({
    ...sale,
    items: Array<ReceiptItem>(count).fill({ ...bread, name }),
    totalMinor: 10_000 * count,
    payments: { cashMinor: 10_000 * count },
  });
  const fits = composeReceipt(many(350), device);
  assert.ok(fits.ok && fits.receipt.bytes.length < RECEIPT_BYTES_MAX);
  assert.equal(problems(many(500, 'x'.repeat(40))), ['RECEIPT_TOO_LARGE']);
  const autonomous = { ...device, isAutonomous: true };
  const supplied = { ...many(11), items: Array<ReceiptItem>(11).fill({ ...bread, agent }) };
  assert.equal(problems(supplied, autonomous), ['RECEIPT_TOO_LARGE']);
  assert.equal(problems(supplied), []);
});

test('a line of an order becomes items a device accepts, whose sums add up to the line', () => {
  const line = fc.record({
    quantityMilli: fc.integer({ min: 1, max: 999_999_999 }),
    totalMinor: fc.integer({ min: 0, max: 100_000_000 }),
  });
  fc.assert(
    fc.property(line, ({ quantityMilli, totalMinor }) => {
      const items = itemsOfLine({ quantityMilli, totalMinor });
      const sum = (of: (item: (typeof items)[number]) => number): number =>
        items.reduce((total, item) => total + of(item), 0);
      assert.is(
        sum((item) => item.quantityMilli),
        quantityMilli,
      );
      assert.is(
        sum((item) => item.totalMinor),
        totalMinor,
      );
      for (const item of items) {
        assert.ok(item.quantityMilli > 0);
        assert.ok(isWithinOneKopeck(item.unitPriceMinor, item.quantityMilli, item.totalMinor));
      }
    }),
    { numRuns: 2_000, seed: 3 },
  );
  assert.equal(itemsOfLine({ quantityMilli: 7000, totalMinor: 10_000 }), [
    { quantityMilli: 3000, unitPriceMinor: 1428, totalMinor: 4284 },
    { quantityMilli: 4000, unitPriceMinor: 1429, totalMinor: 5716 },
  ]);
  assert.is(itemsOfLine({ quantityMilli: 3000, totalMinor: 10_000 }).length, 1);
});

test('the QR string is the one on paper', () => {
  const receipt = {
    dateTime: secondsOfWallTime('2019-01-01T19:53')!,
    totalMinor: 3,
    fn: '9999078900002838',
    fd: 3,
    sign: 839_499_349,
    kind: 'sale' as const,
  };
  assert.is(receiptQr(receipt), 't=20190101T195300&s=0.03&fn=9999078900002838&i=3&fp=0839499349&n=1');
});

test('wall times are days and seconds without a zone', () => {
  assert.is(secondsOfDay('2026-02-30'), undefined);
  assert.is(secondsOfDay('22.11.2026'), undefined);
  assert.is(secondsOfWallTime('2026-11-22T25:00'), undefined);
  assert.is(formatWallTime(secondsOfWallTime('2026-11-22T15:04:05')!), '2026-11-22T15:04:05');
});

test('taxpayer numbers are checked by their digits', () => {
  for (const inn of ['7704358518', '500100732259', '000000000000']) assert.ok(isInn(inn), inn);
  for (const inn of ['7704358519', '500100732250', '', '77043585181', 'x'.repeat(10)]) {
    assert.not(isInn(inn), inn);
  }
});

test.run();
