/** What the till tells its cashier: the strip, what is on offer, scans, and words in every language. */
import type { OrderDetail, ShiftView, SyncStatus } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { languages } from '../web/kit/words.ts';
import { addProduct, emptyCart, setCustomer } from '../web/till/cart.ts';
import {
  type OfferFacts,
  offerCloseShift,
  offerGiftCard,
  offerGoods,
  offerOpenShift,
  offerPay,
  offerPoints,
  offerPrint,
  offerRefund,
  refundableMilli,
} from '../web/till/offers.ts';
import { meaningOf, notScanning, SCAN_GAP_MS, SCAN_KEYS_MAX, timesOf, typed } from '../web/till/scanner.ts';
import { type Part, stripOf, worstOf } from '../web/till/status.ts';
import { tillWords } from '../web/till/till-words.ts';

const test = suite('till: status, offers, scans, words');

type Peer = SyncStatus['peers'][number];
const DAY_MS = 86_400_000;
const relay = (state: Peer['state']): Peer => ({
  peer: 'http://relay',
  kind: 'relay',
  direction: 'dialled',
  state,
  cause: '',
  causeCode: '',
  missingHere: 0,
  missingThere: 0,
  behindSeconds: 0,
  feeds: [],
});
const well: SyncStatus = {
  node: 'n',
  branch: 'B001',
  tenant: 't',
  role: 'branch',
  mode: 'hybrid',
  enrolled: true,
  allowedNow: ['Selling works.'],
  situation: [{ code: 'SELLING' }],
  canSell: true,
  unsentEntries: 0,
  peers: [relay('connected')],
  alarms: [],
  clock: { driftMs: 3 },
  disk: { freeBytes: 50, totalBytes: 100 },
  fiscal: { words: 'The register works.', receiptsWaiting: 0, documentsWaiting: 0, countdowns: [] },
};
const strip = (change: Partial<SyncStatus>, isHere = true) =>
  stripOf({ isHere, awayMs: 0, sync: { ...well, ...change } });
const fiscal = (change: Partial<NonNullable<SyncStatus['fiscal']>>) =>
  strip({ fiscal: { ...well.fiscal!, ...change } });
const part = (parts: readonly Part[], what: Part['what']): string => {
  const { level, state } = parts.find((one) => one.what === what)!;
  return `${level} ${state}`;
};

test('all is well, and what is not heard is not green', () => {
  const { parts, deadline, oldestMs, canSell } = strip({});
  assert.equal(
    parts.map(({ what, level }) => [what, level]),
    [
      ['network', 'well'],
      ['relay', 'well'],
      ['ofd', 'well'],
      ['printer', 'well'],
      ['clock', 'well'],
      ['disk', 'well'],
    ],
  );
  assert.equal([deadline, oldestMs, canSell], [undefined, undefined, true]);
  const unheard = stripOf({ isHere: true, awayMs: 0, sync: undefined });
  assert.equal(
    unheard.parts.slice(1).map(({ level, state }) => `${level} ${state}`),
    Array(5).fill('off unknown'),
  );
});

test('an outage is seen: entries wait, their age, yellow first and red after an hour', () => {
  const away = { peers: [relay('waiting')], unsentEntries: 4 };
  const short = strip({ ...away, oldestUnsentAgeMs: 60_000 });
  assert.is(part(short.parts, 'relay'), 'notice away');
  assert.equal([short.waiting.entries, short.oldestMs], [4, 60_000]);
  assert.is(part(strip({ ...away, oldestUnsentAgeMs: 2 * 3_600_000 }).parts, 'relay'), 'bad away');
  assert.is(worstOf(short)?.what, 'relay');
  assert.is(part(strip({ unsentEntries: 2 }).parts, 'relay'), 'well busy');
  assert.is(part(strip({ mode: 'offline' }).parts, 'relay'), 'off off');
  assert.is(part(strip({ peers: [] }).parts, 'relay'), 'off none');
});

test('the node itself away is the worst', () => {
  const gone = strip({ unsentEntries: 3 }, false);
  assert.is(worstOf(gone)?.what, 'network');
  assert.is(part(gone.parts, 'relay'), 'off unknown');
  assert.is(gone.waiting.entries, 3);
  assert.is(gone.canSell, false);
  assert.is(strip({ situation: [{ code: 'DISK_FULL' }], canSell: false }).canSell, false);
});

test('register and operator: trouble by code, decisions, deadlines by the law', () => {
  assert.is(part(fiscal({ trouble: 'KKT_PAPER_OUT' }).parts, 'printer'), 'bad trouble');
  assert.is(part(fiscal({ receiptsUndecided: 1 }).parts, 'printer'), 'notice decide');
  assert.is(part(fiscal({ receiptsWaiting: 3 }).parts, 'printer'), 'well waiting');
  const ends = [{ what: 'storage-term', level: 'stopped', leftMs: 0, words: '' }] as const;
  assert.is(part(fiscal({ countdowns: [...ends] }).parts, 'printer'), 'bad stopped');
  const operator = (level: 'well' | 'notice' | 'urgent' | 'stopped', leftMs: number) =>
    fiscal({
      documentsWaiting: 2,
      oldestDocumentAgeMs: 30 * DAY_MS - leftMs,
      countdowns: [
        { what: 'operator', level, leftMs, words: '' },
        { what: 'storage-term', level: 'well', leftMs: 400 * DAY_MS, words: '' },
        { what: 'shift', level: 'well', leftMs: 3_600_000, words: '' },
      ],
    });
  assert.is(part(operator('well', 29 * DAY_MS).parts, 'ofd'), 'well waiting');
  assert.equal(operator('well', 29 * DAY_MS).deadline, { what: 'operator', leftMs: 29 * DAY_MS });
  assert.is(part(operator('notice', 20 * DAY_MS).parts, 'ofd'), 'notice late');
  assert.is(part(operator('urgent', 5 * DAY_MS).parts, 'ofd'), 'bad late');
  assert.is(part(operator('stopped', 0).parts, 'ofd'), 'bad stopped');
  assert.is(operator('notice', 20 * DAY_MS).oldestMs, 10 * DAY_MS);
  const alarms = [{ code: 'OFD_UNREACHABLE', detail: '', at: '' }];
  assert.is(part(strip({ alarms }).parts, 'ofd'), 'notice away');
  const { fiscal: _, ...without } = well;
  const none = stripOf({ isHere: true, awayMs: 0, sync: without });
  assert.equal([part(none.parts, 'ofd'), part(none.parts, 'printer')], ['off none', 'off none']);
});

test('clock and disk', () => {
  assert.is(part(strip({ clock: { driftMs: -90_000 } }).parts, 'clock'), 'notice off');
  assert.is(part(strip({ disk: { freeBytes: 5, totalBytes: 100 } }).parts, 'disk'), 'notice low');
  assert.is(part(strip({ disk: { freeBytes: 1, totalBytes: 100 } }).parts, 'disk'), 'bad full');
});

const goods = { sku: 'A', name: 'A', priceMinor: 100 } as never;
const facts: OfferFacts = {
  me: { till: 'T1', role: 'cashier', branch: 'B001', tenant: 't' } as never,
  strip: strip({}),
  isHere: true,
  cart: addProduct(emptyCart, goods),
  payment: { step: 'none' },
  shift: { state: 'open' } as ShiftView,
};

test('only what is possible is on offer, and the rest says why', () => {
  const away = { ...facts, isHere: false };
  const sending = {
    ...facts,
    payment: { step: 'sending', key: 'k', order: {} as never, sinceMs: 0 } as const,
  };
  assert.is(offerPay(facts), undefined);
  assert.is(offerPay(away), 'nodeAway');
  assert.is(offerPay(sending), 'paying');
  assert.is(offerPay({ ...facts, cart: emptyCart }), 'cartEmpty');
  assert.is(offerPay({ ...facts, strip: strip({ canSell: false }) }), 'cannotSell');
  assert.equal([offerGoods(facts), offerGoods(away), offerGoods(sending)], [undefined, 'nodeAway', 'paying']);
  const customer = (balance: number) => ({
    ...facts,
    cart: setCustomer(facts.cart, { id: 'a', name: 'A', balance, spendableHere: 0 }),
  });
  assert.is(offerPoints(facts), 'noCustomer');
  assert.is(offerPoints(customer(0)), 'noPoints');
  assert.is(offerPoints(customer(5)), undefined, 'also with none held here: asking is how they come');
  assert.is(offerPoints({ ...customer(5), cart: { ...customer(5).cart, lines: [] } }), 'cartEmpty');
  assert.is(offerGiftCard(facts), undefined);
  assert.is(offerGiftCard({ ...facts, cart: emptyCart }), 'nothingDue');
  assert.equal([offerCloseShift(facts), offerOpenShift(facts)], ['managerOnly', 'shiftOpen']);
  const closed = { ...facts, shift: { state: 'closed' } as ShiftView };
  assert.equal([offerCloseShift(closed), offerOpenShift(closed)], ['shiftClosed', undefined]);
  assert.is(offerCloseShift({ ...facts, me: { ...facts.me!, role: 'manager' } }), undefined);
  assert.is(offerPrint(undefined, false), 'noRegister');
  assert.is(offerPrint(undefined, true), 'notRegistered');
});

test('a refund offers what is left, where it may be taken back', () => {
  const order = { branch: 'B001', lines: [{ quantityMilli: 3000 }] } as unknown as OrderDetail;
  assert.is(offerRefund(order, 'B001', true), undefined);
  assert.is(offerRefund(order, 'B002', true), 'soldElsewhere');
  assert.is(offerRefund(order, 'B001', false), 'nodeAway');
  assert.is(refundableMilli(order, 0), 3000);
  const left = (quantityMilli: number): OrderDetail =>
    ({
      ...order,
      refundable: { totalMinor: quantityMilli, lines: [{ line: 0, quantityMilli }], here: true },
    }) as unknown as OrderDetail;
  assert.is(refundableMilli(left(1000), 0), 1000);
  assert.is(refundableMilli(left(1000), 1), 0);
  assert.is(offerRefund(left(0), 'B001', true), 'nothingLeft');
});

const type = (text: string, gapMs: number): string | undefined => {
  let scanning = notScanning;
  let scanned: string | undefined;
  [...text, 'Enter'].forEach((key, at) => {
    ({ scanning, scanned } = typed(scanning, key, at * gapMs));
  });
  return scanned;
};

test('a scanner is told from a person by its speed', () => {
  assert.is(type('4601234567890', 5), '4601234567890');
  assert.is(type('4601234567890', SCAN_GAP_MS + 1), undefined);
  assert.is(type('46012', 5), undefined, 'too short to be a code');
  assert.is(type('x'.repeat(SCAN_KEYS_MAX + 9), 1)?.length, SCAN_KEYS_MAX);
  const shifted = typed(typed(notScanning, 'A', 0).scanning, 'Shift', 1);
  assert.is(shifted.scanning.text, 'A');
});

test('what was scanned is goods, a receipt, or an order', () => {
  const qr = 't=20261122T1230&s=261.96&fn=9999000000000001&i=3&fp=0999000003&n=1';
  assert.equal(meaningOf(qr), { kind: 'receipt', qr });
  assert.equal(meaningOf(' B001-000123 '), { kind: 'order', number: 'B001-000123' });
  assert.equal(meaningOf('4601234567890'), { kind: 'goods', barcode: '4601234567890' });
  assert.equal(timesOf('3*tea'), { times: '3', rest: 'tea' });
  assert.equal(timesOf('0,5 * 460'), { times: '0,5', rest: '460' });
  assert.equal(timesOf(' tea '), { times: undefined, rest: 'tea' });
});

test('every language says something for everything, and nothing twice in English', () => {
  const leaves = (value: unknown, path: string): [string, string][] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`))
      : [
          [
            path,
            typeof value === 'function' ? (value as (...x: unknown[]) => string)('5', '7') : String(value),
          ],
        ];
  const tables = languages.map((language) => new Map(leaves(tillWords[language], language)));
  const sizes = tables.map((table) => table.size);
  assert.is(new Set(sizes).size, 1);
  for (const table of tables) {
    const empty = [...table].filter(([path, text]) => text === '' && !path.endsWith('ofd.none'));
    assert.equal(empty, []);
  }
  const english = leaves(tillWords.en, '').map(([, text]) => text);
  const russian = leaves(tillWords.ru, '').map(([, text]) => text);
  const same = english.filter((text, at) => text === russian[at] && /[a-z]{4}/i.test(text));
  assert.equal(same, []);
});

test.run();
