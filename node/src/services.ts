/**
 * What a node can do for its edges: the HTTP server, the command line and tests call these and nothing else.
 *
 * Guarantees: a write that resolves is durable (it survived fdatasync) and its answer is stored in the same commit, so the
 * same key with the same body gives byte-equal JSON for as long as the node keeps its `local` feed (G1, G2). A write that
 * throws `NodeError` with `retryable: false` changed nothing; `STORE_POISONED` means the outcome is unknown and the till
 * repeats with the same key after the node's restart.
 *
 * Reads are from projections of durable entries: what a read shows was committed before.
 *
 * Bodies arrive already parsed (types and limits checked by the edge with the model's schemas); what only the node can know
 * (prices, rights, number series, who is enrolled) is checked here. Amounts are integer minor units, quantities integer
 * thousandths, stamps 16 hex digits.
 */

export type TillRole = 'cashier' | 'manager' | 'admin';

/** Who asks. Found from a bearer token with `tills.find`; `till` is the name given at `branchline till add`. */
export interface TillIdentity {
  readonly till: string;
  readonly role: TillRole;
}

/**
 * Every write. `key` is the Idempotency-Key (1-255 printable characters), `fingerprint` a hash of method, path and raw
 * body: the edge computes it, the node compares it.
 */
export interface WriteRequest<Body> {
  readonly key: string;
  readonly fingerprint: string;
  readonly till: TillIdentity;
  readonly body: Body;
}

/** `body` is exactly what was stored: `JSON.stringify(body)` is the same text on every replay. */
export interface WriteAnswer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly replayed: boolean;
}

// ---------------------------------------------------------------------------------------------------------- orders

export interface OrderLineInput {
  readonly sku: string;
  readonly quantityMilli: number;
  /** Catalog price when left out. */
  readonly unitPriceMinor?: number | undefined;
  readonly discountMinor?: number | undefined;
  /** The product's VAT kind when left out. */
  readonly vat?: string | undefined;
  readonly name?: string | undefined;
}

export interface PaymentInput {
  readonly kind: string;
  readonly amountMinor: number;
}

export interface PlaceOrder {
  /** Till named in the body; when present it must be the token's till. */
  readonly till?: string | undefined;
  readonly cashier?: string | undefined;
  readonly lines: readonly OrderLineInput[];
  readonly payments: readonly PaymentInput[];
  readonly customer?: { readonly id?: string | undefined; readonly contact?: string | undefined } | undefined;
  readonly redeemPoints?: number | undefined;
}

export interface OrderLine {
  readonly sku: string;
  readonly name: string;
  readonly quantityMilli: number;
  readonly unitPriceMinor: number;
  readonly discountMinor: number;
  readonly vat: string;
  readonly totalMinor: number;
}

export interface Order {
  readonly id: string;
  readonly number: string;
  readonly branch: string;
  readonly till: string;
  readonly cashier?: string;
  readonly hlc: string;
  /** ISO 8601, from the stamp. */
  readonly at: string;
  readonly state: 'accepted';
  readonly totalMinor: number;
  readonly changeMinor: number;
  readonly lines: readonly OrderLine[];
  readonly payments: readonly PaymentInput[];
  readonly customer?: { readonly id?: string; readonly contact?: string };
  readonly receipt: { readonly id: string; readonly state: string };
  readonly loyalty: { readonly earned: number; readonly redeemed: number };
}

export interface OrderPage {
  readonly orders: readonly Order[];
  /** Hand back as `after` for the next page; absent at the end. */
  readonly next?: string;
}

export interface OrderService {
  place(request: WriteRequest<PlaceOrder>): Promise<WriteAnswer<Order>>;
  get(id: string): Promise<Order | undefined>;
  /** Oldest first by stamp; `after` is a `next` of a page (or an order id). `limit` 1-500. */
  list(query: { after?: string | undefined; limit: number; branch?: string | undefined }): Promise<OrderPage>;
}

// -------------------------------------------------------------------------------------------------------- products

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly priceMinor: number;
  readonly vat: string;
  readonly barcodes: readonly string[];
  readonly category?: string;
  readonly unit?: string;
  readonly retired: boolean;
}

/** Every field optional on a known SKU (only what is named changes); `name` and `priceMinor` required for a new one. */
export interface ProductChange {
  readonly name?: string | undefined;
  readonly priceMinor?: number | undefined;
  readonly vat?: string | undefined;
  readonly barcodes?: readonly string[] | undefined;
  readonly category?: string | undefined;
  readonly unit?: string | undefined;
  readonly retired?: boolean | undefined;
}

export interface ProductService {
  /** Prefix search by name, or SKU; `barcode` is exact. Synchronous: memory only. `limit` 1-100. */
  search(query: { q?: string | undefined; barcode?: string | undefined; limit: number }): readonly Product[];
  get(sku: string): Product | undefined;
  /** Manager. Refused with `FORBIDDEN` where this device may not write the catalog. */
  put(sku: string, request: WriteRequest<ProductChange>): Promise<WriteAnswer<Product>>;
  readonly count: number;
}

// ----------------------------------------------------------------------------------------------------------- stock

export interface StockLevel {
  readonly sku: string;
  readonly branch: string;
  readonly onHandMilli: number;
  readonly receivedMilli: number;
  readonly soldMilli: number;
  readonly returnedMilli: number;
  readonly adjustedMilli: number;
}

export interface StockReceipt {
  readonly reference?: string | undefined;
  readonly lines: readonly { readonly sku: string; readonly quantityMilli: number }[];
}

export interface StockCount {
  readonly reference?: string | undefined;
  readonly lines: readonly {
    readonly sku: string;
    readonly countedMilli: number;
    /** What the counter saw as on-hand; the difference to it is written. Left out = what this node sees now. */
    readonly seenMilli?: number | undefined;
  }[];
}

export interface StockMovement {
  readonly id: string;
  readonly hlc: string;
  readonly lines: readonly {
    readonly sku: string;
    readonly deltaMilli: number;
    readonly onHandMilli: number;
  }[];
}

export interface StockService {
  /** Zeros for a known SKU that never moved; undefined for an unknown SKU. `branch` is this node's when left out. */
  get(sku: string, branch?: string): Promise<StockLevel | undefined>;
  receive(request: WriteRequest<StockReceipt>): Promise<WriteAnswer<StockMovement>>;
  count(request: WriteRequest<StockCount>): Promise<WriteAnswer<StockMovement>>;
}

// ------------------------------------------------------------------------------------------------------- customers

export interface Customer {
  readonly id: string;
  readonly name?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly note?: string;
  readonly retired: boolean;
  readonly points: { readonly balance: number; readonly spendableHere: number };
}

export interface CustomerChange {
  readonly name?: string | undefined;
  readonly phone?: string | undefined;
  readonly email?: string | undefined;
  readonly note?: string | undefined;
  readonly retired?: boolean | undefined;
}

export interface CustomerService {
  get(id: string): Promise<Customer | undefined>;
  search(query: { q: string; limit: number }): Promise<readonly Customer[]>;
  put(id: string, request: WriteRequest<CustomerChange>): Promise<WriteAnswer<Customer>>;
}

// ----------------------------------------------------------------------------------------------------------- tills

export interface TillRow {
  readonly till: string;
  readonly role: TillRole;
  readonly addedAt: string;
  readonly revoked: boolean;
}

export interface TillService {
  /** Called on every request with the bearer token; undefined = unknown or revoked. Memory only. */
  find(token: string): TillIdentity | undefined;
  list(): readonly TillRow[];
  /** The token is in this answer and nowhere else; a replay answers `TILL_EXISTS`. */
  add(till: string, role: TillRole): Promise<{ till: string; role: TillRole; token: string }>;
  revoke(till: string): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------------ sync

export type SyncMode = 'hybrid' | 'offline' | 'sync_on_demand';

export interface FeedLag {
  readonly feed: string;
  /** Our length. */
  readonly here: number;
  /** Acknowledged by the peer after its fsync. */
  readonly there: number;
  readonly missingHere: number;
  readonly missingThere: number;
}

export interface PeerSync {
  /** URL dialled, or the writer id of a peer that dialled us. */
  readonly peer: string;
  readonly kind: 'relay' | 'peer';
  readonly direction: 'dialled' | 'accepted';
  readonly state: 'connected' | 'connecting' | 'waiting' | 'off';
  /** In words: why it is not connected, or what it is doing. */
  readonly cause: string;
  readonly writer?: string;
  readonly lastContactAt?: string;
  readonly nextAttemptInMs?: number;
  readonly missingHere: number;
  readonly missingThere: number;
  readonly feeds: readonly FeedLag[];
}

export interface SyncStatus {
  readonly node: string;
  readonly branch: string;
  readonly tenant: string;
  readonly role: string;
  readonly mode: SyncMode;
  readonly enrolled: boolean;
  /** In words, what works now and what waits. */
  readonly allowedNow: readonly string[];
  /** Own entries no other machine has acknowledged. */
  readonly unsentEntries: number;
  readonly oldestUnsentAgeMs?: number;
  readonly peers: readonly PeerSync[];
  readonly alarms: readonly { readonly code: string; readonly detail: string; readonly at: string }[];
  readonly clock: { readonly driftMs: number };
}

export interface SyncService {
  status(): SyncStatus;
  /**
   * One exchange with every peer configured, also in mode `sync_on_demand`; refused with `SYNC_OFFLINE` in mode `offline`.
   * Resolves when every reachable peer is level or after `timeoutMs` (default 10 s).
   */
  now(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<{
    readonly peers: readonly { readonly peer: string; readonly ok: boolean; readonly cause: string }[];
  }>;
}

// ---------------------------------------------------------------------------------------------------------- events

/** Past tense, few, one union by `type`; anything an event says can also be read. `id` grows and resumes a stream. */
export interface NodeEvent {
  readonly id: string;
  readonly type:
    | 'order.accepted'
    | 'stock.changed'
    | 'product.changed'
    | 'customer.changed'
    | 'sync.changed'
    | 'alarm.raised'
    | 'node.state';
  readonly data: unknown;
}

export interface EventService {
  /**
   * Calls `listener` for every event after `afterId` that the ring still holds, then for live ones. `missed` is true when
   * `afterId` is older than the ring: the client re-reads what it shows. The listener must not throw and must not block: it
   * gets at most what its own buffer takes, the edge closes slow clients.
   */
  subscribe(
    afterId: string | undefined,
    listener: (event: NodeEvent) => void,
  ): { readonly missed: boolean; readonly unsubscribe: () => void };
}

// ------------------------------------------------------------------------------------------------------- readiness

export interface Readiness {
  readonly ready: boolean;
  /** In words, why it cannot sell and what to do; empty when ready. */
  readonly reasons: readonly string[];
}

/** One sample per row; names as exported, e.g. `branchline_orders_total`. `value` is read when called. */
export interface MetricSample {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A row a till asks for in `GET /v1/sync` and metrics, see the services above. */
export interface NodeServices {
  readonly branch: string;
  readonly tenant: string;
  readonly orders: OrderService;
  readonly products: ProductService;
  readonly stock: StockService;
  readonly customers: CustomerService;
  readonly tills: TillService;
  readonly sync: SyncService;
  readonly events: EventService;
  readiness(): Readiness;
  metrics(): readonly MetricSample[];
}
