/**
 * What a node can do for its edges: the HTTP server, the command line and tests call these and nothing else.
 *
 * Guarantees: a write that resolves is durable (it survived fdatasync) and its answer is stored in the same commit, so the
 * same key with the same body gives byte-equal JSON for as long as the node keeps its `local` feed (G1, G2). A write is
 * refused with the model's `ProblemError`; then nothing was written, except under `OUTCOME_UNKNOWN`, where the till repeats
 * with the same key after the node's restart. Reads show what was committed before the call.
 *
 * Bodies arrive parsed by the model's schemas (types, limits, unknown fields); what only the node can know (prices, number
 * series, rights of the device) is checked here. Roles of tills are the edge's business, rights of the device are the node's.
 */
import type {
  Customer,
  CustomerListQuery,
  CustomerPut,
  NodeEvent,
  OperationMode,
  Order,
  OrderListQuery,
  OrderRequest,
  Page,
  Product,
  ProductListQuery,
  ProductPut,
  Readiness,
  StockCountRequest,
  StockDocument,
  StockLevel,
  StockReceiptRequest,
  SyncNowAnswer,
  SyncReport,
} from '@branchline/model';

export type TillRole = 'cashier' | 'manager' | 'admin';

/** Who asks. Found from a bearer token with `tills.find`; `till` is the name given at `branchline till add`. */
export interface TillIdentity {
  readonly till: string;
  readonly role: TillRole;
}

/**
 * Every write. `fingerprint` is a hash of method, path and raw body: the edge computes it, the node compares it with the one
 * stored under `key`.
 */
export interface WriteRequest<Body> {
  readonly key: string;
  readonly fingerprint: string;
  readonly till: TillIdentity;
  readonly body: Body;
}

/** `JSON.stringify(body)` is the same text on every replay. */
export interface WriteAnswer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly replayed: boolean;
}

export interface OrderService {
  place(request: WriteRequest<OrderRequest>): Promise<WriteAnswer<Order>>;
  get(id: string): Promise<Order | undefined>;
  /** Oldest first. `after` is the `next` of an earlier page. */
  list(query: OrderListQuery): Promise<Page<Order>>;
}

export interface ProductService {
  /** By beginnings of words, SKU, or exact barcode. Synchronous: memory only. */
  search(query: ProductListQuery): Product[];
  get(sku: string): Product | undefined;
  /** `FORBIDDEN` where this device may not write the catalog. */
  put(sku: string, request: WriteRequest<ProductPut>): Promise<WriteAnswer<Product>>;
  readonly count: number;
}

export interface StockService {
  /** Zeros for a product that never moved here; undefined for an unknown SKU that never moved. */
  get(sku: string): Promise<StockLevel | undefined>;
  receive(request: WriteRequest<StockReceiptRequest>): Promise<WriteAnswer<StockDocument>>;
  count(request: WriteRequest<StockCountRequest>): Promise<WriteAnswer<StockDocument>>;
}

export interface CustomerService {
  get(id: string): Promise<Customer | undefined>;
  search(query: CustomerListQuery): Promise<Customer[]>;
  put(id: string, request: WriteRequest<CustomerPut>): Promise<WriteAnswer<Customer>>;
}

export interface TillRow {
  readonly till: string;
  readonly role: TillRole;
  readonly addedAtMs: number;
  readonly revoked: boolean;
}

export interface TillService {
  /** Called on every request with the bearer token; undefined = unknown or revoked. Memory only. */
  find(token: string): TillIdentity | undefined;
  list(): readonly TillRow[];
  /** The token is in this answer and nowhere else. Adding a name again replaces its token. */
  add(till: string, role: TillRole): Promise<{ till: string; role: TillRole; token: string }>;
  /** False when there is no such till. */
  revoke(till: string): Promise<boolean>;
}

export interface SyncService {
  report(): SyncReport;
  /**
   * Dials every configured peer now; in mode `offline` nothing starts and `words` say so. Resolves when
   * every reachable peer is level or after `timeoutMs`.
   */
  now(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<SyncNowAnswer>;
  readonly mode: OperationMode;
}

/** An event and the id that resumes the stream after it. */
export interface IdentifiedEvent {
  readonly id: string;
  readonly event: NodeEvent;
}

export interface EventSubscription {
  /** True when events after `afterId` are no longer held: the client re-reads what it shows. */
  readonly missed: boolean;
  readonly unsubscribe: () => void;
}

export interface EventService {
  /**
   * Calls `listener` with every event after `afterId` still held, then with live ones, in order and without a gap. The
   * listener must not throw and must not block; the edge closes clients that do not keep up.
   */
  subscribe(afterId: string | undefined, listener: (event: IdentifiedEvent) => void): EventSubscription;
}

/** Values are read when called; the edge turns them into Prometheus text. */
export interface MetricSample {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

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
