/** The cart and the payment of the till page: what is shown is what is sent, and a payment survives whatever happens to the page. */
import {
  type Coupon,
  type Order,
  type OrderQuote,
  ProblemError,
  type Product,
  priceOrder,
} from '@branchline/model';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addCoupon,
  addGiftCard,
  addProduct,
  type Cart,
  coversDue,
  emptyCart,
  orderOf,
  quickAmounts,
  quoteOf,
  removeCoupon,
  removeGiftCard,
  removeLine,
  selectLine,
  setCustomer,
  setDiscount,
  setMarks,
  setPoints,
  setQuantity,
  totalsOf,
  withQuote,
} from '../web/till/cart.ts';
import { couponWhyNot } from '../web/till/coupon.ts';
import { isUnderWay, nextPayment, outcomeOf, type Payment, type PaymentEvent } from '../web/till/payment.ts';
import { meaningOf } from '../web/till/scanner.ts';
import { nothingRemembered, recall, remember } from '../web/till/till-memory.ts';

const test = suite('till: cart and payment');

const product = (sku: string, priceMinor: number): Product =>
  ({ sku, name: sku, priceMinor, vat: 'vat22', barcodes: [], retired: false }) as unknown as Product;
const tea = product('TEA', 26_196);
const cup = product('CUP', 333);
const anna = { id: 'anna', name: 'Anna', balance: 100, spendableHere: 60 };
const cash = (cashMinor: number) => ({ cashMinor, cardMinor: 0 });

test('goods scanned twice are one line, unless their price or discount was changed by hand', () => {
  let cart = addProduct(addProduct(emptyCart, tea), cup);
  cart = addProduct(cart, tea);
  assert.equal(
    cart.lines.map(({ sku, quantityMilli }) => [sku, quantityMilli]),
    [
      ['TEA', 2000],
      ['CUP', 1000],
    ],
  );
  assert.is(cart.selected, 0);
  cart = setDiscount(cart, 100);
  cart = addProduct(cart, tea, 500);
  assert.is(cart.lines.length, 3);
  assert.is(cart.selected, 2);
});

test('C2 quantities stay above zero, discounts within their line', () => {
  let cart = setDiscount(addProduct(emptyCart, cup), 1_000);
  assert.is(cart.lines[0]!.discountMinor, 333);
  cart = setQuantity(cart, 500);
  assert.is(totalsOf(cart).totalMinor, 0);
  assert.equal(setQuantity(cart, 0).lines, []);
  assert.equal(removeLine(removeLine(cart)).lines, []);
  assert.is(selectLine(cart, 9).selected, 0);
});

test('C3 points go with the customer and the lines they were quoted for', () => {
  const cart = setPoints(setCustomer(addProduct(emptyCart, tea), anna), 50, 5_000);
  assert.is(totalsOf(cart).dueMinor, 21_196);
  assert.is(orderOf(cart, cash(21_196), undefined).redeemPoints, 50);
  assert.is(addProduct(cart, cup).points, 0);
  assert.is(setCustomer(cart, undefined).points, 0);
  assert.is(setPoints(emptyCart, 50, 5_000).points, 0, 'nobody’s points');
});

test('C4 gift cards pay what is due and no more; the rest is cash or card', () => {
  const card = (code: string, spendableMinor: number) => ({ code, ending: '…1', spendableMinor });
  let cart = addGiftCard(addProduct(emptyCart, tea), card('A', 20_000));
  cart = addGiftCard(addGiftCard(cart, card('B', 50_000)), card('A', 20_000));
  assert.is(totalsOf(cart).dueMinor, 0);
  assert.equal(
    orderOf(cart, cash(0), undefined).payments.map(({ amountMinor }) => amountMinor),
    [26_196],
    'the first card suffices when it holds enough',
  );
  cart = removeGiftCard(cart, 'B');
  assert.is(totalsOf(cart).dueMinor, 6_196);
  assert.is(coversDue(cart, { cashMinor: 6_000, cardMinor: 196 }), true);
  assert.is(coversDue(cart, { cashMinor: 0, cardMinor: 6_197 }), false, 'a card is not overcharged');
  assert.is(coversDue(cart, cash(6_000)), false);
});

test('C1 what the node quotes is what is shown and sent: its price, its promotion, its coupons', () => {
  const asked = addCoupon(addProduct(addProduct(emptyCart, tea), cup), {
    code: 'SPRING2026',
    ending: '…2026',
  });
  assert.equal(quoteOf(asked), {
    lines: [
      { sku: 'TEA', quantityMilli: 1000 },
      { sku: 'CUP', quantityMilli: 1000 },
    ],
    coupons: ['SPRING2026'],
  });
  const line = { discountMinor: 0, name: '', vat: 'vat22' };
  const cart = withQuote(asked, {
    lines: [
      { ...line, unitPriceMinor: 20_000, promotion: { id: 'P', discountMinor: 2_000 } },
      { ...line, unitPriceMinor: 333 },
    ],
    totalMinor: 17_333,
    coupons: [{ ending: '…2026', account: 'x', discountMinor: 1_000 }],
  } as unknown as OrderQuote);
  const totals = totalsOf(cart);
  assert.is(totals.totalMinor, 17_333);
  assert.is(totals.couponMinor, 1_000);
  const { lines, coupons } = orderOf(cart, cash(17_333), undefined);
  assert.equal(lines[0], { sku: 'TEA', quantityMilli: 1000, unitPriceMinor: 20_000, discountMinor: 2_000 });
  assert.equal(coupons, ['SPRING2026']);
  const more = addProduct(cart, tea);
  assert.is(more.lines.length, 2, 'the catalog still says what it said: the same line');
  assert.is(more.quoted, undefined, 'asked again for another cart');
  assert.is(removeCoupon(cart, 'SPRING2026').quoted, undefined);
});

test('C5 a marked piece is one line and one piece, and there once; lot and serials stay with their line', () => {
  const code = '0104600000000017215abc';
  let cart = addProduct(addProduct(emptyCart, tea), tea, 1000, { markingCode: code });
  assert.is(cart.lines.length, 2);
  cart = addProduct(cart, tea, 1000, { markingCode: code });
  assert.is(cart.lines.length, 2);
  assert.is(setQuantity(cart, 5000).lines[1]!.quantityMilli, 1000);
  cart = setMarks(addProduct(cart, cup), { lot: 'L7', serials: ['S1', 'S2'] });
  assert.is(addProduct(cart, cup).lines.length, 4, 'another piece is not of this lot');
  const { lines } = orderOf(cart, cash(0), undefined);
  assert.is(lines[1]!.markingCode, code);
  assert.is(lines[2]!.lot, 'L7');
  assert.equal(lines[2]!.serials, ['S1', 'S2']);
  assert.is(setMarks(cart, { lot: '', serials: [] }).lines[2]!.lot, undefined);
});

test('a DataMatrix is goods with a code of their own, however the scanner begins it', () => {
  const plain = '010460000000001721abcDEF\u001d91ffd0';
  for (const text of [plain, `]d2${plain}`, `\u001d${plain}`]) {
    assert.equal(meaningOf(text), { kind: 'marked', barcode: '4600000000017', markingCode: plain });
  }
  assert.is(meaningOf('4600000000017').kind, 'goods');
});

test('a coupon that does not count says why', () => {
  const cart = addProduct(emptyCart, tea);
  const facts = { cart, branch: 'B001', nowMs: Date.UTC(2026, 5, 15) };
  const whyNot = (more: object) =>
    couponWhyNot({ ending: '…1', state: 'usable', words: '', discountMinor: 1, ...more } as Coupon, facts);
  assert.is(whyNot({}), undefined);
  assert.is(whyNot({ state: 'used' }), 'used');
  assert.is(whyNot({ state: 'held_elsewhere' }), 'elsewhere');
  assert.is(whyNot({ state: 'held_elsewhere', branch: 'B002' }), 'branch');
  assert.is(whyNot({ from: '2026-06-16' }), 'from');
  assert.is(whyNot({ until: '2026-06-14' }), 'until');
  assert.is(whyNot({ minTotalMinor: 26_197 }), 'min');
});

test('usual amounts begin with the exact one', () => {
  assert.equal(quickAmounts(206_30), [206_30, 210_00, 250_00, 300_00, 500_00]);
  assert.equal(quickAmounts(500_00), [500_00, 1_000_00, 5_000_00]);
});

test('C1 the total shown is what the node will come to, for any cart', () => {
  const lines = fc.array(
    fc.record({
      priceMinor: fc.integer({ min: 0, max: 5_000_000 }),
      quantityMilli: fc.integer({ min: 1, max: 99_999 }),
      discountMinor: fc.integer({ min: 0, max: 100_000 }),
    }),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(lines, (rows) => {
      const cart = rows.reduce<Cart>((sofar, { priceMinor, quantityMilli, discountMinor }, at) => {
        const added = addProduct(sofar, product(`S${at}`, priceMinor), quantityMilli);
        return setDiscount(added, discountMinor);
      }, emptyCart);
      const { totalMinor } = totalsOf(cart);
      const order = orderOf(cart, cash(totalMinor), undefined);
      const priced = priceOrder({
        lines: order.lines.map(({ quantityMilli, unitPriceMinor = 0, discountMinor = 0 }) => ({
          quantityMilli,
          unitPriceMinor,
          discountMinor,
          vat: 'vat22' as const,
        })),
        payments: order.payments,
      });
      assert.is(priced.ok && priced.order.totalMinor, totalMinor);
      assert.is(priced.ok && priced.order.changeMinor, 0);
    }),
    { numRuns: 200 },
  );
});

const order = { lines: [], payments: [] } as const;
const underWay = { key: 'k1', order, sinceMs: 7 } as const;
const sold = { id: 'o1', receipt: { id: 'r1' } } as unknown as Order;
const states = {
  none: { step: 'none' },
  sending: { step: 'sending', ...underWay },
  doubt: { step: 'doubt', ...underWay },
  refused: { step: 'refused', code: 'PAYMENT_SHORT', detail: 'too little' },
  done: { step: 'done', order: sold },
} as const satisfies Record<Payment['step'], Payment>;
const events = {
  pay: { type: 'pay', key: 'k1', order, nowMs: 7 },
  answered: { type: 'answered', order: sold },
  refused: { type: 'refused', code: 'PAYMENT_SHORT', detail: 'too little' },
  lost: { type: 'lost' },
  repeat: { type: 'repeat' },
  edit: { type: 'edit' },
  next: { type: 'next' },
} as const satisfies Record<PaymentEvent['type'], PaymentEvent>;

const table: Record<Payment['step'], Record<PaymentEvent['type'], Payment['step']>> = {
  none: {
    pay: 'sending',
    answered: 'none',
    refused: 'none',
    lost: 'none',
    repeat: 'none',
    edit: 'none',
    next: 'none',
  },
  sending: {
    pay: 'sending',
    answered: 'done',
    refused: 'refused',
    lost: 'doubt',
    repeat: 'sending',
    edit: 'sending',
    next: 'sending',
  },
  doubt: {
    pay: 'doubt',
    answered: 'done',
    refused: 'refused',
    lost: 'doubt',
    repeat: 'sending',
    edit: 'doubt',
    next: 'doubt',
  },
  refused: {
    pay: 'sending',
    answered: 'refused',
    refused: 'refused',
    lost: 'refused',
    repeat: 'refused',
    edit: 'none',
    next: 'refused',
  },
  done: {
    pay: 'done',
    answered: 'done',
    refused: 'done',
    lost: 'done',
    repeat: 'done',
    edit: 'done',
    next: 'none',
  },
};

test('a payment goes its way: every state, every event', () => {
  for (const [step, row] of Object.entries(table)) {
    for (const [type, expected] of Object.entries(row)) {
      const next = nextPayment(states[step as Payment['step']], events[type as PaymentEvent['type']]);
      assert.equal(next, states[expected], `${step}, ${type}`);
    }
  }
});

test('P1, P3: under any happenings the key stays until the node has answered', () => {
  const happening = fc.constantFrom(...Object.values(events));
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 20 }), (happenings) => {
      let payment: Payment = { step: 'none' };
      for (const [at, event] of happenings.entries()) {
        const before = payment;
        payment = nextPayment(payment, event.type === 'pay' ? { ...event, key: `key ${at}` } : event);
        if (isUnderWay(before) && isUnderWay(payment)) {
          assert.is(payment.key, before.key);
        }
        if (isUnderWay(before) && !isUnderWay(payment)) {
          assert.ok(event.type === 'answered' || event.type === 'refused');
        }
      }
    }),
  );
});

test('only a refusal that will not change ends a payment; silence, trouble and a lost token do not', () => {
  const lost = [
    'NOT_READY',
    'STORE_POISONED',
    'OVERLOADED',
    'NODE_STOPPING',
    'INTERNAL',
    'UNAUTHENTICATED',
  ] as const;
  for (const code of lost) {
    assert.is(outcomeOf(new ProblemError(code, 'x')).type, 'lost', code);
  }
  assert.is(outcomeOf({ code: 'CLIENT_UNREACHABLE', retryable: true }).type, 'lost');
  assert.is(
    outcomeOf({ code: 'CLIENT_ANSWER', retryable: false }).type,
    'lost',
    'a proxy in between said something',
  );
  assert.is(outcomeOf(new TypeError('anything')).type, 'lost');
  for (const code of ['PAYMENT_SHORT', 'POINTS_SHORT', 'ORDER_INVALID'] as const) {
    assert.is(outcomeOf(new ProblemError(code, 'x')).type, 'refused', code);
  }
});

test('a page that was closed remembers its cart and its payment; what it cannot read it puts aside', () => {
  const kept = new Map<string, string>();
  const memory = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
  };
  assert.equal(recall(memory), nothingRemembered);
  const cart = setCustomer(addProduct(emptyCart, tea), anna);
  remember(memory, { cart, payment: states.doubt });
  assert.equal(recall(memory), { cart, payment: states.doubt });
  const [key] = kept.keys();
  for (const text of ['{', '{"version":0,"cart":{"lines":[]},"payment":{"step":"none"}}', '{"version":1}']) {
    kept.set(key!, text);
    assert.equal(recall(memory), nothingRemembered);
    assert.is(kept.get(`${key}.unreadable`), text);
  }
});

test.run();
