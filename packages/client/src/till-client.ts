/**
 * The SDK of a till: typed calls to the node of its branch.
 *
 * Guarantees: every write has one Idempotency-Key, made once and used by all attempts, so a sale repeated after a lost answer is
 * the same sale; refusals are the model's `ProblemError` with stable codes; waiting, randomness and the network come in through
 * ports. It keeps nothing: a till that must survive its own restart in the middle of a sale makes the key first (`newKey`),
 * writes it down with the order, and repeats the call with it.
 */
import {
  type CashMoveRequest,
  type ConflictPage,
  type ConflictResolve,
  type ConflictResolved,
  type CorrectionRequestInput,
  type Coupon,
  type CouponIssue,
  type Customer,
  type CustomerMerge,
  type CustomerPut,
  type DuplicateGroup,
  type Employee,
  type FiscalReceipt,
  type GiftCard,
  type GiftCardLoad,
  type IdempotencyKey,
  type LoyaltyProgrammeList,
  type NodeEvent,
  type Order,
  type OrderDetail,
  type OrderPage,
  type OrderQuote,
  type OrderRequestInput,
  type OutboxStatus,
  type OverridePut,
  type Oversell,
  type OversellResolution,
  type Product,
  type ProductOverrideView,
  type ProductPut,
  type Promotion,
  type QuarantinePage,
  type QuoteRequestInput,
  type ReceiptDecision,
  type RedeemQuote,
  type RedeemQuoteRequestInput,
  type Refund,
  type RefundRequestInput,
  type ReorderPoint,
  type ReorderPointPut,
  type ReorderSuggestion,
  type Reservation,
  type ReservationEnded,
  type ReservationRequestInput,
  type ShiftCloseRequest,
  type ShiftRequest,
  type ShiftView,
  type SignedIn,
  type StockAdjustmentRequest,
  type StockCountRequest,
  type StockLevel,
  type StockMovement,
  type StockReceiptRequest,
  type SyncNowAnswer,
  type SyncStatus,
  type TillSelf,
  type Transfer,
  type TransferPage,
  type TransferReception,
  type TransferRequest,
  uuidV7,
  type XReport,
} from '@branchline/model';
import { type EventOptions, nodeEvents } from './event-feed.ts';
import type { ClientClock, ClientFetch, ClientRandom } from './ports.ts';
import { type Operation, type RequestPorts, requestWithRetry } from './retrying-request.ts';

export interface TillClientOptions {
  /** Address of the node, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly token: string;
  /** `systemClock()` of hlc-ts. */
  readonly clock: ClientClock;
  /** `systemRandom()` of hlc-ts; only for jitter. */
  readonly random: ClientRandom;
  readonly fetch?: ClientFetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  /** A key made before, to repeat an operation whose outcome is not known. */
  readonly key?: string | undefined;
}

export interface OrderOptions extends WriteOptions {
  /** Seconds to wait for the fiscal receipt before the order is answered without it. */
  readonly waitSeconds?: number | undefined;
}

/** What a write did: the answer, whether it is an earlier one, and the key it has. */
export interface Written<T> {
  readonly answer: T;
  readonly replayed: boolean;
  readonly key: string;
}

/** A branded field may be given as plain text: the node checks it. */
type Plain<T> = T extends string
  ? string extends T
    ? T
    : T extends `${infer _}`
      ? T
      : string
  : T extends readonly (infer Item)[]
    ? readonly Plain<Item>[]
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;

export class TillClient {
  readonly #ports: RequestPorts;

  constructor(options: TillClientOptions) {
    const { url, token, clock, random } = options;
    const fetchPort: ClientFetch = options.fetch ?? ((target, init) => fetch(target, init));
    this.#ports = { url: url.replace(/\/+$/, ''), token, clock, random, fetch: fetchPort };
  }

  /** A key for one operation: unique, sorting by time. */
  newKey(): IdempotencyKey {
    return uuidV7<IdempotencyKey>(this.#ports.clock.nowMs(), crypto.getRandomValues(new Uint8Array(10)));
  }

  placeOrder(order: PlainOrder, options: OrderOptions = {}): Promise<Written<Order>> {
    const prefer = options.waitSeconds === undefined ? {} : { prefer: `wait=${options.waitSeconds}` };
    return this.#write('POST', '/v1/orders', order, options, prefer);
  }

  /** All that has not gone back yet, when `refund` names no lines. */
  refundOrder(
    id: string,
    refund: Plain<RefundRequestInput> = {},
    options: OrderOptions = {},
  ): Promise<Written<Refund>> {
    const prefer = options.waitSeconds === undefined ? {} : { prefer: `wait=${options.waitSeconds}` };
    return this.#write('POST', `/v1/orders/${encodeURIComponent(id)}/refunds`, refund, options, prefer);
  }

  /** What an order would cost here now; nothing is committed, payments may be left out. */
  quoteOrder(order: Plain<QuoteRequestInput>, options: CallOptions = {}): Promise<OrderQuote> {
    return this.#ask('/v1/quotes', order, options);
  }

  async promotions(options: CallOptions = {}): Promise<readonly Promotion[]> {
    return (await this.#read<{ promotions: Promotion[] }>('/v1/promotions', options)).promotions;
  }

  order(id: string, options: CallOptions = {}): Promise<OrderDetail> {
    return this.#read(`/v1/orders/${encodeURIComponent(id)}`, options);
  }

  /** Whose token this is, and where. */
  self(options: CallOptions = {}): Promise<TillSelf> {
    return this.#read('/v1/till', options);
  }

  /** Who may sign in at the tills of this node; empty where the chain keeps no employees. */
  async employees(options: CallOptions = {}): Promise<readonly Employee[]> {
    return (await this.#read<{ employees: Employee[] }>('/v1/employees', options)).employees;
  }

  /** With the token of a till: one of this person at this till. `PIN_WRONG`, `PIN_LOCKED` with `retryAfterSeconds`; tried once. */
  async signIn(employee: string, pin: string, options: CallOptions = {}): Promise<SignedIn> {
    const body = { employee, pin };
    const operation = { method: 'POST', path: '/v1/sign-in', body, attempts: 1, ...options } as const;
    return (await requestWithRetry(this.#ports, operation)).json as SignedIn;
  }

  /** With the token of a person: it ends. */
  async signOut(options: CallOptions = {}): Promise<void> {
    const operation = { method: 'POST', path: '/v1/sign-out', body: {}, attempts: 1, ...options } as const;
    await requestWithRetry(this.#ports, operation);
  }

  /** With `number` or `qr` at most one: what a customer brings back. */
  orders(
    query: {
      after?: string | undefined;
      limit?: number | undefined;
      branch?: string | undefined;
      sort?: 'oldest' | 'newest' | undefined;
      number?: string | undefined;
      qr?: string | undefined;
    } = {},
    options: CallOptions = {},
  ): Promise<OrderPage> {
    return this.#read(`/v1/orders${queryText(query)}`, options);
  }

  /** How far a fiscal receipt got, in words and for programs. */
  receipt(id: string, options: CallOptions = {}): Promise<FiscalReceipt> {
    return this.#read(`/v1/receipts/${encodeURIComponent(id)}`, options);
  }

  shift(options: CallOptions = {}): Promise<ShiftView> {
    return this.#read('/v1/shift', options);
  }

  openShift(shift: Plain<ShiftRequest> = {}, options: WriteOptions = {}): Promise<Written<ShiftView>> {
    return this.#write('POST', '/v1/shift/open', shift, options);
  }

  /** The answer is the Z report. */
  closeShift(shift: Plain<ShiftCloseRequest> = {}, options: WriteOptions = {}): Promise<Written<ShiftView>> {
    return this.#write('POST', '/v1/shift/close', shift, options);
  }

  moveCash(
    direction: 'in' | 'out',
    move: Plain<CashMoveRequest>,
    options: WriteOptions = {},
  ): Promise<Written<ShiftView>> {
    return this.#write('POST', `/v1/shift/cash-${direction}`, move, options);
  }

  /** Tried once: it may print. */
  async xReport(print = true, options: CallOptions = {}): Promise<XReport> {
    const operation = {
      method: 'POST',
      path: '/v1/shift/x-report',
      body: { print },
      attempts: 1,
      ...options,
    } as const;
    return (await requestWithRetry(this.#ports, operation)).json as XReport;
  }

  async products(
    query: { q?: string | undefined; barcode?: string | undefined; limit?: number | undefined },
    options: CallOptions = {},
  ): Promise<readonly Product[]> {
    return (await this.#read<{ products: Product[] }>(`/v1/products${queryText(query)}`, options)).products;
  }

  product(sku: string, options: CallOptions = {}): Promise<Product> {
    return this.#read(`/v1/products/${encodeURIComponent(sku)}`, options);
  }

  changeProduct(
    sku: string,
    change: Plain<ProductPut>,
    options: WriteOptions = {},
  ): Promise<Written<Product>> {
    return this.#write('PUT', `/v1/products/${encodeURIComponent(sku)}`, change, options);
  }

  stock(sku: string, options: CallOptions & { branch?: string | undefined } = {}): Promise<StockLevel> {
    return this.#read(
      `/v1/stock/${encodeURIComponent(sku)}${queryText({ branch: options.branch })}`,
      options,
    );
  }

  receiveGoods(
    receipt: Plain<StockReceiptRequest>,
    options: WriteOptions = {},
  ): Promise<Written<StockMovement>> {
    return this.#write('POST', '/v1/stock/receipts', receipt, options);
  }

  adjustStock(
    adjustment: Plain<StockAdjustmentRequest>,
    options: WriteOptions = {},
  ): Promise<Written<StockMovement>> {
    return this.#write('POST', '/v1/stock/adjustments', adjustment, options);
  }

  /** Name the answer's id in the order that sells it. */
  reserveGoods(
    reservation: Plain<ReservationRequestInput>,
    options: WriteOptions = {},
  ): Promise<Written<Reservation>> {
    return this.#write('POST', '/v1/stock/reservations', reservation, options);
  }

  releaseGoods(id: string, options: WriteOptions = {}): Promise<Written<ReservationEnded>> {
    return this.#write('POST', `/v1/stock/reservations/${encodeURIComponent(id)}/release`, {}, options);
  }

  sendTransfer(transfer: Plain<TransferRequest>, options: WriteOptions = {}): Promise<Written<Transfer>> {
    return this.#write('POST', '/v1/stock/transfers', transfer, options);
  }

  /** All as sent, when `reception` names no lines. */
  receiveTransfer(
    id: string,
    reception: Plain<TransferReception> = {},
    options: WriteOptions = {},
  ): Promise<Written<Transfer>> {
    return this.#write('POST', `/v1/stock/transfers/${encodeURIComponent(id)}/receive`, reception, options);
  }

  transfers(
    query: {
      state?: Transfer['state'] | undefined;
      after?: string | undefined;
      limit?: number | undefined;
    } = {},
    options: CallOptions = {},
  ): Promise<TransferPage> {
    return this.#read(`/v1/stock/transfers${queryText(query)}`, options);
  }

  /** Reservations that stand at this branch now. */
  async reservations(options: CallOptions = {}): Promise<readonly Reservation[]> {
    return (await this.#read<{ reservations: Reservation[] }>('/v1/stock/reservations', options))
      .reservations;
  }

  transfer(id: string, options: CallOptions = {}): Promise<Transfer> {
    return this.#read(`/v1/stock/transfers/${encodeURIComponent(id)}`, options);
  }

  /** What came of goods sold that the books did not have. */
  resolveOversell(
    id: string,
    resolution: Plain<OversellResolution>,
    options: WriteOptions = {},
  ): Promise<Written<Oversell>> {
    return this.#write('POST', `/v1/stock/oversells/${encodeURIComponent(id)}/resolve`, resolution, options);
  }

  /** What to order again. */
  async reorderSuggestions(options: CallOptions = {}): Promise<readonly ReorderSuggestion[]> {
    return (await this.#read<{ suggestions: ReorderSuggestion[] }>('/v1/stock/reorder', options)).suggestions;
  }

  /** When to order a product again, and up to how much. */
  setReorderPoint(
    sku: string,
    point: Plain<ReorderPointPut>,
    options: WriteOptions = {},
  ): Promise<Written<ReorderPoint>> {
    return this.#write('PUT', `/v1/stock/${encodeURIComponent(sku)}/reorder-point`, point, options);
  }

  async oversells(options: CallOptions = {}): Promise<readonly Oversell[]> {
    return (await this.#read<{ oversells: Oversell[] }>('/v1/stock/oversells', options)).oversells;
  }

  countStock(count: Plain<StockCountRequest>, options: WriteOptions = {}): Promise<Written<StockMovement>> {
    return this.#write('POST', '/v1/stock/counts', count, options);
  }

  customer(id: string, options: CallOptions = {}): Promise<Customer> {
    return this.#read(`/v1/customers/${encodeURIComponent(id)}`, options);
  }

  async customers(
    query: { q: string; limit?: number | undefined },
    options: CallOptions = {},
  ): Promise<readonly Customer[]> {
    return (await this.#read<{ customers: Customer[] }>(`/v1/customers${queryText(query)}`, options))
      .customers;
  }

  changeCustomer(
    id: string,
    change: Plain<CustomerPut>,
    options: WriteOptions = {},
  ): Promise<Written<Customer>> {
    return this.#write('PUT', `/v1/customers/${encodeURIComponent(id)}`, change, options);
  }

  /** Customers with one phone or one e-mail. */
  async customerDuplicates(options: CallOptions = {}): Promise<readonly DuplicateGroup[]> {
    return (await this.#read<{ groups: DuplicateGroup[] }>('/v1/customer-duplicates', options)).groups;
  }

  /** From now on `id` stands for `merge.from` as well. */
  mergeCustomers(
    id: string,
    merge: Plain<CustomerMerge>,
    options: WriteOptions = {},
  ): Promise<Written<Customer>> {
    return this.#write('POST', `/v1/customers/${encodeURIComponent(id)}/merge`, merge, options);
  }

  /** This branch's own price or availability of a product. */
  overrideProduct(
    sku: string,
    override: Plain<OverridePut>,
    options: WriteOptions = {},
  ): Promise<Written<ProductOverrideView>> {
    return this.#write('PUT', `/v1/products/${encodeURIComponent(sku)}/override`, override, options);
  }

  /** How many points can pay for a cart here now, and why not more. */
  async redeemQuote(
    id: string,
    cart: Plain<RedeemQuoteRequestInput>,
    options: CallOptions = {},
  ): Promise<RedeemQuote> {
    return await this.#ask(`/v1/customers/${encodeURIComponent(id)}/points/redeem-quote`, cart, options);
  }

  loyaltyProgrammes(options: CallOptions = {}): Promise<LoyaltyProgrammeList> {
    return this.#read('/v1/loyalty/programmes', options);
  }

  issueGiftCard(load: Plain<GiftCardLoad>, options: WriteOptions = {}): Promise<Written<GiftCard>> {
    return this.#write('POST', '/v1/gift-cards/issue', load, options);
  }

  topUpGiftCard(load: Plain<GiftCardLoad>, options: WriteOptions = {}): Promise<Written<GiftCard>> {
    return this.#write('POST', '/v1/gift-cards/top-up', load, options);
  }

  giftCard(code: string, options: CallOptions = {}): Promise<GiftCard> {
    return this.#ask('/v1/gift-cards/balance', { code }, options);
  }

  issueCoupon(issue: Plain<CouponIssue>, options: WriteOptions = {}): Promise<Written<Coupon>> {
    return this.#write('POST', '/v1/coupons/issue', issue, options);
  }

  coupon(code: string, options: CallOptions = {}): Promise<Coupon> {
    return this.#ask('/v1/coupons/check', { code }, options);
  }

  /** Fields of products that two authors changed without knowing of each other. */
  conflicts(options: CallOptions & { readonly limit?: number } = {}): Promise<ConflictPage> {
    return this.#read(`/v1/conflicts${queryText({ limit: options.limit })}`, options);
  }

  /** With one of the values, or another (manager). */
  resolveConflict(
    id: string,
    decision: Plain<ConflictResolve>,
    options: WriteOptions = {},
  ): Promise<Written<ConflictResolved>> {
    return this.#write('POST', `/v1/conflicts/${encodeURIComponent(id)}/resolve`, decision, options);
  }

  /** What was settled without a register, or wrongly, is put right (manager). */
  correctReceipt(
    correction: Plain<CorrectionRequestInput>,
    options: OrderOptions = {},
  ): Promise<Written<FiscalReceipt>> {
    const prefer = options.waitSeconds === undefined ? {} : { prefer: `wait=${options.waitSeconds}` };
    return this.#write('POST', '/v1/receipts/corrections', correction, options, prefer);
  }

  /** Somebody has looked at the register: what became of a receipt no program could settle (admin). */
  decideReceipt(
    id: string,
    decision: Plain<ReceiptDecision>,
    options: WriteOptions = {},
  ): Promise<Written<FiscalReceipt>> {
    return this.#write('POST', `/v1/receipts/${encodeURIComponent(id)}/decision`, decision, options);
  }

  /** What is still to be delivered, per storage and address. */
  outbox(options: CallOptions = {}): Promise<OutboxStatus> {
    return this.#read('/v1/outbox', options);
  }

  /** What waits for a person (admin). */
  quarantine(options: CallOptions = {}): Promise<QuarantinePage> {
    return this.#read('/v1/outbox/quarantine', options);
  }

  sync(options: CallOptions = {}): Promise<SyncStatus> {
    return this.#read('/v1/sync', options);
  }

  /** Tried once: asking again is the caller's decision. */
  async syncNow(options: CallOptions = {}): Promise<SyncNowAnswer> {
    const operation = { method: 'POST', path: '/v1/sync/now', body: {}, attempts: 1, ...options } as const;
    return (await requestWithRetry(this.#ports, operation)).json as SyncNowAnswer;
  }

  /** Events without end; see event-feed.ts. */
  events(options: EventOptions = {}): AsyncGenerator<NodeEvent, void> {
    return nodeEvents(this.#ports, options);
  }

  async #read<T>(path: string, options: CallOptions): Promise<T> {
    const answer = await requestWithRetry(this.#ports, { method: 'GET', path, signal: options.signal });
    return answer.json as T;
  }

  /** A question with a body; changes nothing, so it may be repeated. */
  async #ask<T>(path: string, body: unknown, options: CallOptions): Promise<T> {
    const answer = await requestWithRetry(this.#ports, {
      method: 'POST',
      path,
      body,
      signal: options.signal,
    });
    return answer.json as T;
  }

  async #write<T>(
    method: 'POST' | 'PUT',
    path: string,
    body: unknown,
    options: WriteOptions,
    extra: Partial<Operation> = {},
  ): Promise<Written<T>> {
    const key = options.key ?? this.newKey();
    const operation = { method, path, body, key, signal: options.signal, ...extra };
    const { json, replayed } = await requestWithRetry(this.#ports, operation);
    return { answer: json as T, replayed, key };
  }
}

export type PlainOrder = Plain<OrderRequestInput>;

function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? '' : `?${given.join('&')}`;
}
