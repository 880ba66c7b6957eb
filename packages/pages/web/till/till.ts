/**
 * The till between the node and the screen: holds what is shown, calls the node, and never lets go of a payment.
 *
 *     keys, taps ──> Till ──calls──> node ──events──> Till ──state──> page
 *                      └──every change of the sale──> localStorage
 *
 * Guarantees: a payment is written down before it is sent and repeated with its key until the node answers (payment.ts), also after a
 * reload; scans are put on the cart in the order they came; what the node tells is shown within a moment of its event. It decides
 * nothing of the trade: prices of lines apart, every figure that counts comes from the node.
 */
import { TillClient } from '@branchline/client';
import type {
  Customer,
  FiscalReceipt,
  Order,
  OrderDetail,
  Product,
  ShiftView,
  SyncStatus,
  TillSelf,
} from '@branchline/model';
import { browserClock, browserRandom, type Reach } from '../kit/api.ts';
import { parseQuantity } from '../kit/numbers.ts';
import { problemWords } from '../kit/problem-words.ts';
import type { Language } from '../kit/words.ts';
import {
  addProduct,
  type Cart,
  emptyCart,
  hasMarkingCode,
  type LineMarks,
  type Money,
  orderOf,
  quoteOf,
  removeCoupon,
  setCustomer,
  setPoints,
  totalsOf,
  withQuote,
} from './cart.ts';
import { isUnderWay, nextPayment, outcomeOf, type Payment, type PaymentEvent } from './payment.ts';
import { meaningOf, timesOf } from './scanner.ts';
import { type Strip, stripOf } from './status.ts';
import { isMemoryKey, recall, remember } from './till-memory.ts';
import type { TillWords } from './till-words.ts';

export type View = 'sale' | 'refund' | 'shift' | 'details';

/** Shown and spoken; in words only when drawn, so that it follows the language. */
export interface Notice {
  readonly level: 'well' | 'notice' | 'bad';
  readonly say: (words: TillWords, language: Language) => string;
}

export interface TillState {
  readonly view: View;
  readonly me: TillSelf | undefined;
  readonly isSignedOut: boolean;
  readonly cart: Cart;
  readonly payment: Payment;
  /** The payment is being taken: amounts, means. */
  readonly isPaying: boolean;
  readonly isHere: boolean;
  readonly awaySinceMs: number | undefined;
  readonly sync: SyncStatus | undefined;
  readonly strip: Strip;
  readonly shift: ShiftView | undefined;
  /** Of the order just sold. */
  readonly receipt: FiscalReceipt | undefined;
  readonly notice: Notice | undefined;
  readonly refund: OrderDetail | undefined;
  readonly events: readonly { readonly type: string; readonly atMs: number }[];
  readonly nowMs: number;
}

/** Often enough for a countdown in seconds to be believed; events come at once anyway. */
const SYNC_EVERY_MS = 3_000;
/** Between two questions when news come fast. */
const SYNC_PAUSE_MS = 150;
/** After the last change of a cart, before the node is asked what it costs. */
const QUOTE_PAUSE_MS = 60;
/** A sale never waits longer for it: then the catalog's prices count. */
const QUOTE_WAIT_MS = 1_500;
const RECEIPT_EVERY_MS = 1_000;
const PAYMENT_PAUSE_MS = 2_000;
const EVENTS_SHOWN_MAX = 30;
const SETTLED: ReadonlySet<string> = new Set(['printed', 'failed', 'review']);

export class Till {
  readonly client: TillClient;
  readonly #reach: Reach;
  readonly #token: string;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  #state: TillState;
  #round: AbortController | undefined;
  #isRunning = false;
  #scans: Promise<void> = Promise.resolve();
  #syncAsked = false;
  #syncAskedAgain = false;
  #quoteDue: ReturnType<typeof setTimeout> | undefined;
  /** The payment under way was once in doubt: its good end is worth a word. */
  #wasInDoubt = false;

  constructor(reach: Reach, token: string) {
    this.#reach = reach;
    this.#token = token;
    this.client = new TillClient({
      url: location.origin,
      token,
      clock: browserClock,
      random: browserRandom,
      fetch: reach.fetch,
    });
    const { cart, payment } = recall(localStorage);
    this.#wasInDoubt = isUnderWay(payment);
    this.#state = {
      view: 'sale',
      me: undefined,
      isSignedOut: false,
      cart,
      payment,
      isPaying: false,
      isHere: reach.isHere,
      awaySinceMs: reach.awaySinceMs,
      sync: undefined,
      strip: stripOf({ isHere: true, awayMs: 0, sync: undefined }),
      shift: undefined,
      receipt: undefined,
      notice: undefined,
      refund: undefined,
      events: [],
      nowMs: Date.now(),
    };
  }

  get state(): TillState {
    return this.#state;
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(change: Partial<TillState>): void {
    this.#state = { ...this.#state, ...change };
    const { isHere, sync } = this.#state;
    if (change.isHere !== undefined || change.sync !== undefined) {
      this.#state = { ...this.#state, strip: stripOf({ isHere, awayMs: 0, sync }) };
    }
    for (const listener of this.#listeners) {
      listener();
    }
  }

  start(): void {
    const { signal } = this.#stop;
    const unwatch = this.#reach.watch((isHere) => this.#reached(isHere));
    const beat = setInterval(() => this.#beat(), SYNC_EVERY_MS);
    const tick = setInterval(() => this.set({ nowMs: Date.now() }), 1_000);
    const other = (event: StorageEvent) => this.#otherTab(event);
    addEventListener('storage', other);
    signal.addEventListener('abort', () => {
      unwatch();
      clearInterval(beat);
      clearInterval(tick);
      removeEventListener('storage', other);
    });
    void this.#learn();
    void this.#listen();
    void this.#payOn();
    if (this.#state.payment.step === 'done') {
      void this.#followReceipt(this.#state.payment.order.receipt.id);
    }
  }

  close(): void {
    this.#stop.abort();
    this.#round?.abort();
  }

  // ── what a person does ──

  setCart(cart: Cart): void {
    if (isUnderWay(this.#state.payment)) {
      return;
    }
    this.#keep({ cart });
  }

  emptyCart(): void {
    this.setCart(emptyCart);
    this.set({ isPaying: false });
  }

  say(level: Notice['level'], say: Notice['say']): void {
    this.set({ notice: { level, say } });
  }

  refuse(error: unknown): void {
    const { code = 'INTERNAL', message = '' } = error as { code?: string; message?: string };
    if (code === 'UNAUTHENTICATED') {
      this.set({ isSignedOut: true });
      return;
    }
    this.say('bad', (_, language) => problemWords(language, code, message));
  }

  /** A scan or a typed code: goods go on the cart, a receipt opens the refund. One after the other. */
  scan(text: string): Promise<void> {
    this.#scans = this.#scans.then(() => this.#scanned(text)).catch((error: unknown) => this.refuse(error));
    return this.#scans;
  }

  addProduct(product: Product, times?: string, marks: LineMarks = {}): void {
    const { cart, payment } = this.#state;
    if (isUnderWay(payment)) {
      this.say('notice', (words) => words.whyNot.paying);
      return;
    }
    const milli = times === undefined ? undefined : parseQuantity(times);
    this.#sellOn();
    this.#keep({ cart: addProduct(payment.step === 'done' ? emptyCart : cart, product, milli, marks) });
    this.set({ notice: undefined, isPaying: false, view: 'sale' });
  }

  chooseCustomer(customer: Customer): void {
    const { id, name = '', phone = '', points } = customer;
    this.setCart(setCustomer(this.#state.cart, { id, name: name || phone || id, ...points }));
  }

  async pay(money: Money): Promise<void> {
    const { cart, payment } = this.#state;
    if (isUnderWay(payment)) {
      return;
    }
    const shownMinor = totalsOf(cart).totalMinor;
    const isTold = await this.#quote();
    // Nobody pays a sum he was not told: prices may have changed while it was shown.
    if (totalsOf(this.#state.cart).totalMinor !== shownMinor) {
      if (!isTold) {
        this.say('notice', (words) => words.pay.changed);
      }
      return;
    }
    if (isUnderWay(this.#state.payment)) {
      return;
    }
    this.#pass({
      type: 'pay',
      key: this.client.newKey(),
      order: orderOf(this.#state.cart, money, undefined),
      nowMs: Date.now(),
    });
    this.set({ notice: undefined, receipt: undefined });
    void this.#payOn();
  }

  /** Without what was refused: it would be refused again. */
  editCart(): void {
    const { cart, payment } = this.#state;
    const code = payment.step === 'refused' ? payment.code : '';
    this.#pass({ type: 'edit' });
    if (code.startsWith('GIFT_CARD_')) {
      this.setCart({ ...cart, giftCards: [] });
    } else if (code.startsWith('POINTS_')) {
      this.setCart(setPoints(cart, 0, 0));
    } else if (code.startsWith('COUPON_')) {
      this.setCart(cart.coupons.reduce((left, coupon) => removeCoupon(left, coupon.code), cart));
    }
    this.set({ isPaying: false });
  }

  nextSale(): void {
    this.#sellOn();
    this.set({ notice: undefined, view: 'sale' });
  }

  async findOrder(text: string): Promise<void> {
    const meaning = meaningOf(text);
    const query = meaning.kind === 'receipt' ? { qr: meaning.qr } : { number: text.trim() };
    try {
      const [found] = (await this.client.orders({ ...query, limit: 1 })).orders;
      if (found === undefined) {
        this.set({ view: 'refund', refund: undefined });
        this.say('bad', (words) => words.refund.notFound);
        return;
      }
      await this.openRefund(found.id);
    } catch (error) {
      const isUnknown = (error as { code?: string }).code === 'INVALID_REQUEST';
      this.set({ view: 'refund', refund: undefined });
      if (isUnknown) {
        this.say('bad', (words) => words.refund.notFound);
      } else {
        this.refuse(error);
      }
    }
  }

  /** The last sales of this branch, newest first. */
  async recentOrders(limit: number): Promise<readonly Order[]> {
    const branch = this.#state.me?.branch;
    return branch === undefined ? [] : (await this.client.orders({ branch, limit, sort: 'newest' })).orders;
  }

  async openRefund(id: string): Promise<void> {
    const refund = await this.client.order(id);
    this.set({ view: 'refund', refund, notice: undefined });
  }

  async readShift(): Promise<void> {
    this.set({ shift: await this.client.shift() });
  }

  /** A picture of the receipt's QR code, as text. */
  async qrSvg(receiptId: string): Promise<string | undefined> {
    const answer = await fetch(`/v1/receipts/${receiptId}/qr.svg`, {
      headers: { Authorization: `Bearer ${this.#token}` },
    });
    return answer.ok ? await answer.text() : undefined;
  }

  // ── what it costs ──

  #quoteSoon(): void {
    clearTimeout(this.#quoteDue);
    this.#quoteDue = setTimeout(() => void this.#quote(), QUOTE_PAUSE_MS);
  }

  /** Pricelists, promotions and coupons are the node's to count. A node that is away leaves the catalog's prices.
   * True when it was told why something was taken off. */
  async #quote(): Promise<boolean> {
    const { cart, isHere } = this.#state;
    if (cart.lines.length === 0 || cart.quoted !== undefined || !isHere) {
      return false;
    }
    try {
      const signal = AbortSignal.timeout(QUOTE_WAIT_MS);
      const quote = await this.client.quoteOrder(quoteOf(cart), { signal });
      // Said of another cart otherwise; that one is asked about by its own change.
      if (this.#state.cart === cart && !isUnderWay(this.#state.payment)) {
        this.#keep({ cart: withQuote(cart, quote) });
      }
    } catch (error) {
      const { code } = error as { code?: string };
      const last = cart.coupons.at(-1);
      if (this.#state.cart !== cart) {
        return false;
      }
      if (code?.startsWith('COUPON_') && last !== undefined) {
        this.#keep({ cart: removeCoupon(cart, last.code) });
        this.refuse(error);
        return true;
      }
      if (code?.startsWith('POINTS_')) {
        this.#keep({ cart: setPoints(cart, 0, 0) });
        this.refuse(error);
        return true;
      }
    }
    return false;
  }

  // ── the payment ──

  /** Until the node has answered; at most one runs. */
  async #payOn(): Promise<void> {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    try {
      while (isUnderWay(this.#state.payment) && !this.#stop.signal.aborted && !this.#state.isSignedOut) {
        await this.#payRound(this.#state.payment);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #payRound({ key, order }: Extract<Payment, { key: string }>): Promise<void> {
    const round = new AbortController();
    this.#round = round;
    try {
      const { answer } = await this.client.placeOrder(order, { key, signal: round.signal });
      this.#pass({ type: 'answered', order: answer });
      if (this.#wasInDoubt) {
        this.#wasInDoubt = false;
        this.say('well', (words) => words.pay.resumed);
      }
      this.set({ isPaying: false, view: 'sale' });
      void this.#followReceipt(answer.receipt.id);
    } catch (error) {
      if (round.signal.aborted) {
        return;
      }
      const outcome = outcomeOf(error);
      this.#pass(outcome);
      if ((error as { code?: string }).code === 'UNAUTHENTICATED') {
        this.set({ isSignedOut: true });
        return;
      }
      if (outcome.type === 'lost') {
        await browserClock.sleep(PAYMENT_PAUSE_MS, { signal: round.signal }).catch(() => undefined);
      }
    }
  }

  #pass(event: PaymentEvent): void {
    const payment = nextPayment(this.#state.payment, event);
    this.#wasInDoubt ||= payment.step === 'doubt';
    // What was sold is not on the cart any more; both are written at once.
    this.#keep(payment.step === 'done' ? { payment, cart: emptyCart } : { payment });
  }

  #sellOn(): void {
    if (this.#state.payment.step === 'done') {
      this.#pass({ type: 'next' });
      this.set({ receipt: undefined });
    }
    if (this.#state.payment.step === 'refused') {
      this.#pass({ type: 'edit' });
    }
  }

  #keep(change: Partial<Pick<TillState, 'cart' | 'payment'>>): void {
    const { cart, payment } = { ...this.#state, ...change };
    remember(localStorage, { cart, payment });
    this.set(change);
    if (cart.lines.length > 0 && cart.quoted === undefined && !isUnderWay(payment)) {
      this.#quoteSoon();
    }
  }

  // ── the node ──

  #reached(isHere: boolean): void {
    this.set({ isHere, awaySinceMs: this.#reach.awaySinceMs, nowMs: Date.now() });
    if (isHere) {
      // Not after the pause of some attempt: now, with the same key.
      this.#pass({ type: 'repeat' });
      this.#round?.abort();
      void this.#payOn();
      void this.#learn();
    } else if (this.#state.payment.step === 'sending') {
      this.#pass({ type: 'lost' });
    }
  }

  async #learn(): Promise<void> {
    try {
      this.set({ me: await this.client.self() });
      await this.#readSync();
      await this.readShift();
    } catch (error) {
      if ((error as { code?: string }).code === 'UNAUTHENTICATED') {
        this.set({ isSignedOut: true });
      }
    }
  }

  /** News that come while it is asked are asked for again: the answer under way may be older than they are. */
  #beat(): void {
    if (!this.#state.isHere) {
      return;
    }
    if (this.#syncAsked) {
      this.#syncAskedAgain = true;
      return;
    }
    this.#syncAsked = true;
    this.#readSync()
      .catch((error: unknown) => {
        if ((error as { code?: string }).code === 'UNAUTHENTICATED') {
          this.set({ isSignedOut: true });
        }
      })
      .finally(() => {
        this.#syncAsked = false;
        if (this.#syncAskedAgain) {
          this.#syncAskedAgain = false;
          setTimeout(() => this.#beat(), SYNC_PAUSE_MS);
        }
      });
  }

  async #readSync(): Promise<void> {
    this.set({ sync: await this.client.sync(), nowMs: Date.now() });
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    try {
      for await (const { type } of this.client.events({ signal })) {
        const events = [{ type, atMs: Date.now() }, ...this.#state.events].slice(0, EVENTS_SHOWN_MAX);
        this.set({ events });
        if (type === 'sync.changed' || type.startsWith('alarm.') || type === 'node.state') {
          this.#beat();
        }
        if (type === 'shift.changed') {
          await this.readShift().catch(() => undefined);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        this.refuse(error);
      }
    }
  }

  /** Until the register has it on paper, somebody is needed, or the next sale begins. */
  async #followReceipt(id: string): Promise<void> {
    const { signal } = this.#stop;
    const isCurrent = () =>
      this.#state.payment.step === 'done' && this.#state.payment.order.receipt.id === id;
    while (!signal.aborted && isCurrent()) {
      try {
        const receipt = await this.client.receipt(id);
        if (isCurrent()) {
          this.set({ receipt });
        }
        if (SETTLED.has(receipt.state) && receipt.ofd !== 'queued') {
          return;
        }
      } catch (error) {
        if ((error as { code?: string }).code === 'RECEIPT_NOT_FOUND') {
          return;
        }
      }
      await browserClock.sleep(RECEIPT_EVERY_MS, { signal }).catch(() => undefined);
    }
  }

  async #scanned(text: string): Promise<void> {
    const { times, rest } = timesOf(text);
    const meaning = meaningOf(rest);
    if (meaning.kind === 'receipt' || meaning.kind === 'order') {
      await this.findOrder(rest);
      return;
    }
    const { barcode } = meaning;
    const [product] = await this.client.products({ barcode, limit: 1 });
    if (product === undefined) {
      this.say('bad', (words) => words.sale.unknownBarcode(barcode));
      return;
    }
    if (meaning.kind === 'goods') {
      this.addProduct(product, times);
    } else if (hasMarkingCode(this.#state.cart, meaning.markingCode)) {
      this.say('notice', (words) => words.sale.markedAlready);
    } else {
      this.addProduct(product, undefined, { markingCode: meaning.markingCode });
    }
  }

  /** Two pages of one till are one till: what the other wrote is what is sold here. */
  #otherTab(event: StorageEvent): void {
    if (isMemoryKey(event.key) && !this.#isRunning) {
      this.set(recall(localStorage));
      void this.#payOn();
    }
  }
}
