/**
 * What devices say and what is said to them, word by word: every state, warning and rare field has its translation, and what a device leaves
 * out is unknown, never guessed. No line, no device: pure functions over answers.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KktError } from '../src/errors.ts';
import { encodeTags } from '../src/ffd/document.ts';
import type { Receipt, ReceiptDevice, ReceiptItem } from '../src/ffd/receipt.ts';
import { documentOf, identityOf, isUnprinted, markOf, queueOf, statusOf } from '../src/kkt/atol/answers.ts';
import { kopecks, operatorOf, receiptTask, rubles, taxSystemOfWord } from '../src/kkt/atol/receipt-task.ts';
import { MARK_NAME } from '../src/kkt/node-mark.ts';
import {
  checkFits,
  closeFields,
  correctionFields,
  detailFields,
  itemFields,
  markingFields,
  minorOfField,
  operatorField,
  paymentFields,
  sumField,
} from '../src/kkt/pirit/receipt-fields.ts';
import { NO_DATA } from '../src/kkt/pirit/refusals.ts';
import {
  finishingCommand,
  isPrinterReady,
  PARTS_MAX,
  readPiritDocument,
  readPiritIdentity,
  readPiritQueue,
  readPiritStatus,
  readPiritTags,
  secondsOf,
} from '../src/kkt/pirit/status.ts';

const test = suite('words of devices');

const AT = Date.UTC(2026, 10, 22, 15, 4, 5) / 1000;
const OLD: ReceiptDevice = { ffd: '1.05', day: '2026-11-22', taxSystems: ['general'] };
const NEW: ReceiptDevice = { ...OLD, ffd: '1.2' };
const TEA: ReceiptItem = {
  name: 'Tea',
  quantityMilli: 2000,
  unitPriceMinor: 5005,
  totalMinor: 10_010,
  vat: 'vat10',
};
const SALE: Receipt = {
  kind: 'sale',
  taxSystem: 'general',
  cashier: { name: 'Ann' },
  items: [TEA],
  payments: { cashMinor: 10_010 },
  totalMinor: 10_010,
};

function refusal(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof KktError ? `${error.code} ${error.outcome}` : String(error);
  }
}

// ---------------------------------------------------------------------------------------------------------------- ATOL

test('ATOL: a document is known by its number and sign, and without them nobody knows', () => {
  const fiscalParams = {
    fiscalDocumentNumber: 7,
    fiscalDocumentSign: '123456',
    fiscalDocumentDateTime: '2026-11-22T15:04:05+03:00',
  };
  assert.equal(markOf({ fiscalParams }), { fd: 7, fp: 123_456, atSeconds: AT });
  assert.equal(markOf({ fiscalParams: { ...fiscalParams, fiscalDocumentDateTime: 5 } }), {
    fd: 7,
    fp: 123_456,
  });
  for (const broken of [
    {},
    { fiscalParams: null },
    { fiscalParams: { ...fiscalParams, fiscalDocumentSign: 'x' } },
  ]) {
    assert.is(
      refusal(() => markOf(broken)),
      'KKT_PROTOCOL unknown',
    );
  }
  assert.is(isUnprinted({ warnings: { notPrinted: true } }), true);
  assert.is(isUnprinted({}), false);
});

test('ATOL: every phase, shift and warning has a word; nothing said is unregistered and closed', () => {
  const own = { isBegun: false, isUnprinted: false };
  const nothing = statusOf([], own);
  assert.equal(nothing, {
    fn: '',
    lastFd: 0,
    phase: 'unregistered',
    shift: { state: 'closed', number: 0, receipts: 0 },
    document: 'none',
    print: 'idle',
    hasPaper: true,
    isCoverOpen: false,
    clockSeconds: undefined,
    warnings: [],
  });
  for (const [word, phase] of [
    ['fiscalMode', 'fiscal'],
    ['postFiscalMode', 'closed'],
    ['accessArchive', 'archive'],
  ] as const) {
    assert.is(statusOf([{}, {}, { fnInfo: { livePhase: word } }, {}], own).phase, phase);
  }
  const fnStatus = {
    fiscalDocumentNumber: 9,
    fiscalReceiptNumber: 2,
    warnings: {
      needReplacement: true,
      resourceExhausted: true,
      memoryOverflow: true,
      ofdTimeout: true,
      criticalError: true,
    },
  };
  const deviceStatus = { paperPresent: false, coverOpened: true, currentDateTime: '2026-11-22T15:04:05' };
  const results = [
    { deviceStatus },
    { shiftStatus: { state: 'expired', number: 3 } },
    { fnInfo: { serial: 9999 } },
    { fnStatus },
  ];
  const all = statusOf(results, { isBegun: true, isUnprinted: true });
  assert.equal(all.warnings, [
    'replace-in-3-days',
    'replace-in-30-days',
    'memory-90-percent',
    'ofd-late',
    'critical',
  ]);
  assert.equal(all.shift, { state: 'expired', number: 3, receipts: 2 });
  assert.equal(
    [all.fn, all.lastFd, all.document, all.print, all.isCoverOpen, all.clockSeconds],
    ['9999', 9, 'receipt', 'no-paper', true, AT],
  );
  assert.is(
    statusOf([{ deviceStatus: {} }, {}, {}, {}], { isBegun: false, isUnprinted: true }).print,
    'stopped',
  );
});

test('ATOL: a document out of the storage, ours or of somebody else, or none', () => {
  const documentTLV = {
    '1040': 7,
    '1012': '2026-11-22T15:04:05',
    '1077': 5,
    '1054': 1,
    '1020': 100.1,
    '1038': 3,
    '1084': { '1085': MARK_NAME, '1086': 'a-mark' },
  };
  assert.equal(documentOf({ fiscalDocumentType: 'receipt', documentTLV }, 7), {
    fd: 7,
    fp: 5,
    atSeconds: AT,
    form: 3,
    isDelivered: false,
    settlement: 'sale',
    totalMinor: 10_010,
    shift: 3,
    mark: 'a-mark',
    isDetailed: true,
  });
  const bare = {
    '1040': 8,
    '1012': '2026-11-22T15:04:05',
    '1077': 6,
    '1084': { '1085': 'Another', '1086': 'x' },
  };
  assert.equal(documentOf({ fiscalDocumentType: 'unheard of', documentTLV: bare }, undefined), {
    fd: 8,
    fp: 6,
    atSeconds: AT,
    form: 0,
    isDelivered: true,
    isDetailed: true,
  });
  assert.is(documentOf({}, undefined), undefined);
  assert.is(documentOf({ documentTLV: { '1040': 7, '1012': 'yesterday' } }, undefined), undefined);
});

test('ATOL: the queue, empty and not; the identity, whole and bare; firmware too old for 22 %', () => {
  assert.equal(queueOf({}), { waiting: 0, first: undefined });
  const status = {
    notSentCount: 2,
    notSentFirstDocNumber: 5,
    notSentFirstDocDateTime: '2026-11-22T15:04:05',
  };
  assert.equal(queueOf({ status }), { waiting: 2, first: { fd: 5, atSeconds: AT } });
  assert.equal(queueOf({ status: { notSentCount: 1 } }), { waiting: 1, first: { fd: 0, atSeconds: 0 } });

  const bare = identityOf([]);
  assert.equal([bare.name, bare.inn, bare.fnExpires, bare.receipts.ffd], ['ATOL', '', undefined, '1.05']);
  assert.equal(bare.receipts.taxSystems, []);
  const whole = identityOf([
    { deviceInfo: { modelName: 'ATOL 30F', serial: 1, firmwareVersion: '5.16.1' } },
    {
      organization: { vatin: '7707083893', taxationTypes: ['osn', 'patent', 'unheard of'] },
      device: { registrationNumber: 5 },
    },
    { fnInfo: { ffdVersion: '1.2', validityDate: '2027-12-01T00:00:00' } },
  ]);
  assert.equal(whole.receipts.taxSystems, ['general', 'patent']);
  assert.equal([whole.fnExpires, whole.receipts.ffd], ['2027-12-01', '1.2']);
  assert.equal(whole.receipts.vatCodes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  for (const [firmwareVersion, isOld] of [
    ['4.99', true],
    ['5.17', false],
    ['6.0', false],
    ['unknown', false],
  ] as const) {
    const { vatCodes } = identityOf([{ deviceInfo: { firmwareVersion } }]).receipts;
    assert.is(vatCodes !== undefined, isOld, firmwareVersion);
  }
  assert.is(
    identityOf([{}, { device: { ffdVersion: '1.0', taxationTypes: ['osn'] } }, {}]).receipts.ffd,
    '1.05',
  );
});

test('ATOL: a receipt with everything, an old one with little, and a correction', () => {
  const marked: ReceiptItem = {
    ...TEA,
    unit: 'kg',
    method: 'advance',
    marking: { code: 'ab', checkResult: 15 },
  };
  const full: Receipt = {
    ...SALE,
    cashier: { name: 'Ann', inn: '7707083893' },
    items: [marked],
    buyer: { contact: '+7', name: 'Ivan', inn: '77' },
    extra: { name: 'n', value: 'v' },
    payments: { cashMinor: 10, electronicMinor: 10_000 },
    isElectronicOnly: true,
  };
  const told = receiptTask(full, NEW) as unknown as {
    items: {
      imcParams?: { itemInfoCheckResult?: number };
      markingCode?: unknown;
      measurementUnit: unknown;
    }[];
    clientInfo: unknown;
    operator: unknown;
    payments: unknown;
  };
  assert.equal(told.clientInfo, { emailOrPhone: '+7', name: 'Ivan', vatin: '77' });
  assert.equal(told.operator, { name: 'Ann', vatin: '7707083893' });
  assert.equal(told.payments, [
    { type: 'cash', sum: 0.1 },
    { type: 'electronically', sum: 100 },
  ]);
  assert.is(told.items[0]?.imcParams?.itemInfoCheckResult, 15);
  assert.is(told.items[0]?.measurementUnit, 11);
  assert.is(told.items.length, 2);

  const bare = { ...TEA, marking: { code: 'ab' } };
  const old = receiptTask(
    { ...SALE, cashier: undefined, items: [bare], buyer: { contact: '+7' } } as never,
    OLD,
  );
  const [item] = old.items as { markingCode: unknown; measurementUnit: string }[];
  assert.equal(item?.markingCode, { type: 'other', mark: 'YWI=' });
  assert.is(item?.measurementUnit, 'шт');
  assert.equal(old.clientInfo, { emailOrPhone: '+7' });
  const [unchecked] = receiptTask({ ...SALE, items: [bare] }, NEW).items as { imcParams: object }[];
  assert.not.ok('itemInfoCheckResult' in unchecked!.imcParams);

  const correction = { by: 'order', day: '2026-11-20', number: '5', wrongSign: 77 } as const;
  const corrected = receiptTask({ ...SALE, kind: 'purchase-return', correction }, NEW);
  assert.equal(
    [corrected.type, corrected.correctionType, corrected.correctionBaseDate, corrected.correctionBaseNumber],
    ['buyReturnCorrection', 'instruction', '2026.11.20', '5'],
  );
  assert.is((corrected.items as unknown[]).length, 2, 'the wrong sign stands beside the items');
  const own = receiptTask({ ...SALE, correction: { by: 'own', day: '2026-11-20' } }, NEW);
  assert.equal([own.correctionType, own.correctionBaseNumber], ['self', '']);
  assert.equal(
    [operatorOf(undefined), rubles(5005), kopecks(50.05), taxSystemOfWord('x')],
    [{}, 50.05, 5005, undefined],
  );
});

// --------------------------------------------------------------------------------------------------------------- Pirit

type Answers = Readonly<Record<string, readonly (string | undefined)[]>>;

const QUIET: Answers = {
  'full-status': ['', '0', '0'],
  'printer-status': ['0'],
  'fn-number': ['9999'],
  'fn-status': ['3', '0', '0'],
  'last-document': ['7'],
  'shift-status': ['3', '0', '0'],
  clock: ['221126', '150405'],
};

function device(answers: Answers, told: string[] = []) {
  return async (command: string, ...fields: string[]): Promise<readonly string[]> => {
    told.push([command, ...fields].join(' '));
    const answer = answers[`${command} ${fields.join(' ')}`.trim()] ?? answers[command];
    if (answer === undefined)
      throw new KktError('KKT_STATE_INVALID', command, { outcome: 'unsent', deviceCode: NO_DATA });
    return answer as readonly string[];
  };
}

test('Pirit: shifts, documents, printer and warnings, bit by bit', async () => {
  const status = (answers: Answers) => readPiritStatus(device({ ...QUIET, ...answers }) as never);
  const quiet = await status({});
  assert.equal(
    [quiet.phase, quiet.shift.state, quiet.document, quiet.print, quiet.hasPaper, quiet.clockSeconds],
    ['fiscal', 'closed', 'none', 'idle', true, AT],
  );
  for (const [answers, wanted] of [
    [{ 'fn-status': ['7'] }, { phase: 'closed' }],
    [{ 'fn-status': ['15', '0', '255'] }, { phase: 'archive' }],
    [{ 'fn-status': [] }, { phase: 'unregistered' }],
    [{ 'full-status': ['', '4', '2'] }, { document: 'receipt' }],
    [{ 'full-status': ['', '4', '5'] }, { document: 'other' }],
    [{ 'fn-status': ['3', '9', '0'] }, { document: 'other' }],
    [
      { 'full-status': ['', '0', '130'], 'printer-status': ['2'] },
      { document: 'unprinted', print: 'no-paper' },
    ],
    [{ 'full-status': ['', '256', '0'] }, { document: 'unprinted', print: 'idle' }],
    [{ 'printer-status': ['6'] }, { hasPaper: false, isCoverOpen: true, print: 'idle' }],
    [{ clock: [] }, { clockSeconds: undefined }],
    [{ 'fn-number': [] }, { fn: '' }],
  ] as const) {
    const found = (await status(answers)) as unknown as Record<string, unknown>;
    for (const [word, value] of Object.entries(wanted))
      assert.is(found[word], value, JSON.stringify(answers));
  }
  assert.equal((await status({ 'fn-status': ['3', '0', '143'] })).warnings, [
    'replace-in-3-days',
    'replace-in-30-days',
    'memory-90-percent',
    'ofd-late',
    'critical',
  ]);
  assert.equal((await status({ 'shift-status': ['3', '1', '5'] })).shift, {
    state: 'open',
    number: 3,
    receipts: 5,
  });
  assert.is((await status({ 'shift-status': [], 'full-status': ['', '12', '0'] })).shift.state, 'expired');

  const flags = { flags: 0, documentType: 0, documentState: 0 };
  assert.is(finishingCommand(flags), undefined);
  assert.is(finishingCommand({ ...flags, documentState: 8 }), 'close-receipt');
  assert.is(finishingCommand({ ...flags, flags: 256 }), 'close-shift');
  assert.equal([0, 1, 2, 4].map(isPrinterReady), [true, false, false, false]);
  assert.equal(
    [secondsOf('221126', '1504'), secondsOf('x', '150405'), secondsOf(undefined, undefined)],
    [AT - 5, undefined, undefined],
  );
});

test('Pirit: documents in parts, bounded; what is no document is none', async () => {
  const mark = [
    { tag: 1085, value: MARK_NAME },
    { tag: 1086, value: 'a-mark' },
  ];
  const tags = [
    { tag: 1040, value: 7 },
    { tag: 1012, value: AT },
    { tag: 1077, value: 5 },
    { tag: 1054, value: 1 },
    { tag: 1020, value: 10_010 },
    { tag: 1038, value: 3 },
    { tag: 1084, value: mark },
  ];
  const archive = (list: readonly { tag: number; value: unknown }[]): Answers => {
    const bytes = Buffer.from(encodeTags(list as never, '1.2', 3));
    const parts: Record<string, string[]> = {};
    for (let at = 0; at < bytes.length; at += 64) {
      parts[`document-part ${at} 64`] = [bytes.subarray(at, at + 64).toString('hex')];
    }
    return { 'find-document': ['1'], 'select-document': ['3', String(bytes.length)], ...parts };
  };
  const read = (answers: Answers) => readPiritDocument(device(answers) as never, 7);
  const found = await read(archive(tags));
  assert.equal(
    [
      found?.fd,
      found?.fp,
      found?.atSeconds,
      found?.form,
      found?.settlement,
      found?.totalMinor,
      found?.shift,
      found?.mark,
    ],
    [7, 5, AT, 3, 'sale', 10_010, 3, 'a-mark'],
  );
  assert.is(found?.isDelivered, true);
  const bare = await read(archive(tags.slice(0, 3)));
  assert.equal([bare?.settlement, bare?.shift, bare?.mark], [undefined, undefined, undefined]);
  assert.is(await read(archive(tags.slice(0, 2))), undefined, 'without its sign');
  assert.is(await read({}), undefined, 'not there');
  assert.is(
    (await readPiritTags(device({ 'find-document': ['0'], 'select-document': [] }) as never, 7))?.bytes
      .length,
    0,
  );

  const told: string[] = [];
  const endless = { 'find-document': ['0'], 'select-document': ['3', '9999999'], 'document-part': ['00'] };
  await readPiritTags(device(endless, told) as never, 7);
  assert.is(told.filter((words) => words.startsWith('document-part')).length, PARTS_MAX);
  const broken = async () => {
    throw new KktError('KKT_FN_FAULT', 'broken', { outcome: 'unknown' });
  };
  assert.is(await readPiritTags(broken as never, 7).catch((error: KktError) => error.code), 'KKT_FN_FAULT');
});

test('Pirit: queue and identity, whole and bare', async () => {
  assert.equal(await readPiritQueue(device({ 'ofd-status': ['', '0'] }) as never), {
    waiting: 0,
    first: undefined,
  });
  assert.equal(await readPiritQueue(device({ 'ofd-status': ['', '2', '5', '221126', '150405'] }) as never), {
    waiting: 2,
    first: { fd: 5, atSeconds: AT },
  });
  assert.is((await readPiritQueue(device({ 'ofd-status': ['', '1', '5'] }) as never)).first?.atSeconds, 0);
  const bare: Answers = {
    serial: [],
    inn: [],
    'registration-number': [],
    firmware: [],
    'fn-term': [],
    'tax-systems': [],
    'fn-versions': [],
  };
  const nothing = await readPiritIdentity(device(bare) as never);
  assert.equal(
    [nothing.serial, nothing.inn, nothing.fnExpires, nothing.receipts.ffd],
    ['', '', undefined, '1.05'],
  );
  assert.equal([nothing.receipts.isAutonomous, nothing.receipts.isAutomat], [false, false]);
  const said = {
    ...bare,
    'fn-term': ['011227'],
    'tax-systems': ['33', '6'],
    'fn-versions': ['', '', '', '', '', '4'],
  };
  const whole = await readPiritIdentity(device(said) as never);
  assert.equal(
    [whole.fnExpires, whole.receipts.ffd, whole.receipts.taxSystems],
    ['2027-12-01', '1.2', ['general', 'patent']],
  );
  assert.equal([whole.receipts.isAutonomous, whole.receipts.isAutomat], [true, true]);
});

test('Pirit: what has no field is refused before anything is opened', () => {
  const tags = [{ tag: 1191, value: 'x' }];
  for (const [receipt, on, wanted] of [
    [SALE, OLD, undefined],
    [{ ...SALE, correction: { by: 'own', day: '2026-11-20' } }, OLD, 'KKT_UNSUPPORTED unsent'],
    [{ ...SALE, correction: { by: 'own', day: '2026-11-20' } }, NEW, undefined],
    [{ ...SALE, extraTags: tags }, NEW, 'KKT_UNSUPPORTED unsent'],
    [{ ...SALE, items: [{ ...TEA, extraTags: tags }] }, NEW, 'KKT_UNSUPPORTED unsent'],
    [{ ...SALE, items: [{ ...TEA, totalMinor: 10_011 }] }, NEW, 'KKT_TOTAL_MISMATCH unsent'],
  ] as const) {
    assert.is(
      refusal(() => checkFits(receipt as Receipt, on)),
      wanted,
    );
  }
});

test('Pirit: every field of a receipt, and the empty ones', () => {
  const rich: ReceiptItem = {
    ...TEA,
    unit: 'kg',
    method: 'advance',
    countryCode: '643',
    customsDeclaration: 'd',
    exciseMinor: 5,
    marking: { code: 'a\u001Db', checkResult: 15 },
    agent: {
      kind: 'agent',
      supplier: { inn: '77', name: 'S', phones: ['+1', '+2'] },
      transfer: { name: 'T', inn: '78', address: 'A', phones: ['+3'] },
      operation: 'op',
      agentPhones: ['+4'],
      operatorPhones: ['+5'],
    },
  };
  assert.equal([itemFields(rich, NEW)[8], itemFields(rich, NEW)[10]], ['11', '3']);
  assert.equal(itemFields(rich, NEW).slice(12), ['643', 'd', '0.05']);
  assert.equal(itemFields(TEA, OLD).slice(12), ['', '', '']);
  assert.is(itemFields(TEA, OLD)[8], '');
  assert.is(itemFields(TEA, NEW)[8], '0');
  assert.equal(detailFields(rich, OLD), [
    'a$1Db',
    '',
    'кг',
    '64',
    '77',
    '+1,+2',
    'S',
    'A',
    '78',
    'T',
    '+3',
    'op',
    '+4',
    '+5',
  ]);
  assert.equal(detailFields({ ...rich, agent: { kind: 'attorney', supplier: { inn: '77' } } }, NEW), [
    ...['', '', '', '16', '77', '', '', '', '', '', '', '', '', ''],
  ]);
  assert.is(detailFields(TEA, OLD), undefined);
  assert.equal(detailFields({ ...TEA, unit: 'l' }, OLD), ['', '', 'л']);
  assert.equal(markingFields(rich, NEW), ['15', 'a$1Db', '1', '0', '15', '11']);
  assert.equal(markingFields({ ...TEA, marking: { code: 'ab' } }, NEW), ['15', 'ab', '1', '0', '0', '0']);
  assert.is(markingFields(rich, OLD), undefined);
  assert.is(markingFields(TEA, NEW), undefined);
  assert.equal(paymentFields({ ...SALE, payments: { cashMinor: 5, barterMinor: 100 } }), [
    ['0', '0.05', ''],
    ['15', '1.00', ''],
  ]);
  assert.equal(closeFields(SALE), ['0', '', '', '', '', '', '', '', '', '']);
  const told = {
    ...SALE,
    buyer: { contact: '+7', name: 'I', inn: '7' },
    senderEmail: 's@s',
    extra: { name: 'n', value: 'v' },
  };
  assert.equal(closeFields(told), ['0', '+7', '', '', 's@s', '', 'n', 'v', 'I', '7']);
  assert.equal(
    [operatorField(undefined), operatorField({ name: 'A' }), operatorField({ name: 'A', inn: '7' })],
    ['', 'A', '7&A'],
  );
  assert.equal(
    [sumField(5), sumField(12_345), minorOfField('123.45'), minorOfField(undefined)],
    ['0.05', '123.45', 12_345, 0],
  );
});

test('Pirit: a correction says who ordered it, of what kind it is, and of which day', () => {
  const own = correctionFields({ ...SALE, correction: { by: 'own', day: '2026-11-20' } });
  assert.equal([own[0], own[6], own[7], own[8], own.at(-1)], ['Ann', '0', '201126', 'б/н', '']);
  const correction = { by: 'order', day: '2026-11-20', number: '5', wrongSign: 77 } as const;
  const ordered = (kind: Receipt['kind']) =>
    correctionFields({ ...SALE, kind, taxSystem: 'patent', correction });
  assert.equal(
    [ordered('sale')[6], ordered('sale')[8], ordered('sale').at(-1)],
    [String(1 + (5 << 2)), '5', '77'],
  );
  assert.is(ordered('purchase')[6], String(1 + 2 + (5 << 2)));
  assert.is(ordered('sale-return')[6], String(1 + (5 << 2) + 64));
  assert.is(ordered('purchase-return')[6], String(1 + 2 + (5 << 2) + 64));
});

test.run();
