/**
 * What a node can do for its edges: the HTTP server, the command line and tests call these and nothing else.
 *
 * Guarantees: a write that resolves is durable (it survived fdatasync) and its answer is stored in the same commit, so the
 * same key with the same body gives byte-equal JSON for as long as the node keeps its `local` feed (G1, G2). A write is
 * refused with the model's `ProblemError`; then nothing was written, except under `STORE_POISONED`, where the till repeats
 * with the same key after the node's restart. Reads show what was committed before the call.
 *
 * Bodies arrive parsed by the model's schemas (types, limits, unknown fields); what only the node can know (prices, number
 * series, rights of the device) is checked here. Roles of tills are the edge's business, rights of the device are the node's.
 */
import type { EnrolAnswer, EnrolRequest, Role } from '@branchline/feed';
import type {
  ConflictPage,
  ConflictResolve,
  ConflictResolved,
  CorrectionRequest,
  Coupon,
  CouponIssue,
  Customer,
  CustomerMerge,
  CustomerPut,
  DayReconciliation,
  DecidedItem,
  DuplicateGroup,
  ErasureAct,
  ErasureOrder,
  ErasureRequest,
  FiscalReceipt,
  GiftCard,
  GiftCardLoad,
  ImportQuery,
  ImportRefusal,
  ImportReport,
  LiveDocumentList,
  LiveDocumentQuery,
  LiveTicket,
  LoyaltyProgrammeList,
  LoyaltyProgrammePut,
  NodeEvent,
  OperationMode,
  Order,
  OrderDetail,
  OrderPage,
  OrderQuote,
  OrderRequest,
  OutboxStatus,
  OverridePut,
  Oversell,
  OversellQuery,
  OversellResolution,
  Pricelist,
  PricelistPut,
  Product,
  ProductImport,
  ProductImportAnswer,
  ProductOverrideView,
  ProductPut,
  Promotion,
  PromotionPut,
  QuarantinePage,
  QuoteRequest,
  Readiness,
  ReceiptDecision,
  ReconciliationQuery,
  RedeemQuote,
  RedeemQuoteRequest,
  Refund,
  RefundRequest,
  ReorderPoint,
  ReorderPointPut,
  ReorderSuggestion,
  Reservation,
  ReservationEnded,
  ReservationRequest,
  RightsReclaim,
  RightsReclaimed,
  SalesQuery,
  SalesReport,
  ShiftArchive,
  ShiftArchiveQuery,
  StockAdjustmentRequest,
  StockCountRequest,
  StockLevel,
  StockMovement,
  StockReceiptRequest,
  SyncNowAnswer,
  SyncStatus,
  TillRole,
  Transfer,
  TransferPage,
  TransferQuery,
  TransferReception,
  TransferRequest,
  VoucherQuery,
} from '@branchline/model';
import type { RepoSocket } from '@branchline/repo';
import type { EmployeeService } from './employees/sign-in-desk.ts';
import type { ReceiptWait } from './fiscal/open-fiscal.ts';
import type { RegisterService } from './fiscal/register-service.ts';
import type { Shifts } from './fiscal/shifts.ts';
import type { ReplacementService } from './fiscal/storage-replacement/replacement-desk.ts';
import type { HeartbeatView } from './heartbeat/heartbeat.ts';
import type { MaintenanceService } from './maintenance/maintenance-desk.ts';
import type { KeyWanted } from './pos-offline-sync/head-office-desk.ts';
import type { PosKey } from './pos-offline-sync/pos-sync-book.ts';
import type { OdooRecord } from './pos-offline-sync/values.ts';

/** Who asks. Found from a bearer token with `tills.find`; `till` is the name given at `branchline till add`. */
export interface TillIdentity {
  readonly till: string;
  /** Of the token; of the employee, where one has signed in. */
  readonly role: TillRole;
  readonly employee?: { readonly id: string; readonly name: string };
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

/** An order whose lines may bring their own names: goods of programs that have no catalog here. */
export type OrderWish = Omit<OrderRequest, 'lines'> & {
  readonly lines: (OrderRequest['lines'][number] & { readonly name?: string | undefined })[];
};

export interface OrderService {
  /** With `wait` the answer is held until the receipt is registered, somebody is needed, or the time is over. */
  place(request: WriteRequest<OrderWish>, wait?: ReceiptWait): Promise<WriteAnswer<Order>>;
  get(id: string): Promise<OrderDetail | undefined>;
  /**
   * Goods and money go back. Where another device holds the right to return, it is asked, and the answer held a moment; with
   * `REFUND_ELSEWHERE` the request for it stands, and the same key may succeed later.
   */
  refund(id: string, request: WriteRequest<RefundRequest>, wait?: ReceiptWait): Promise<WriteAnswer<Refund>>;
  /** A refund by its own id. */
  refundOf(id: string): Promise<Refund | undefined>;
  /** Oldest first by stamp. `after` is the `next` of an earlier page, or an order id. */
  list(query: {
    readonly after?: string | undefined;
    readonly limit: number;
    readonly branch?: string | undefined;
    readonly sort?: 'oldest' | 'newest' | undefined;
    /** Either of them: the one order it names, or none. */
    readonly number?: string | undefined;
    readonly qr?: string | undefined;
  }): Promise<OrderPage>;
}

/** Fiscal receipts of this branch, and of every branch whose receipts are replicated here. */
export interface ReceiptService {
  /** Refused before anything is durable with what no register would print. */
  correct(
    request: WriteRequest<CorrectionRequest>,
    wait: ReceiptWait | undefined,
  ): Promise<WriteAnswer<FiscalReceipt>>;
  /** By a person, for a receipt no program could settle. */
  decide(id: string, request: WriteRequest<ReceiptDecision>): Promise<WriteAnswer<FiscalReceipt>>;
  /** Those that need it, oldest first. */
  undecided(): Promise<readonly FiscalReceipt[]>;
  /** Undefined for a receipt that is not registered. */
  qrSvg(id: string): Promise<string | undefined>;
  get(id: string): Promise<FiscalReceipt | undefined>;
}

/** What the chain adds up to, as far as it is replicated here; see `reports/`. */
export interface ReportService {
  sales(query: SalesQuery): Promise<SalesReport>;
  shifts(query: ShiftArchiveQuery): Promise<ShiftArchive>;
  reconcile(query: ReconciliationQuery): Promise<DayReconciliation>;
}

/** The shift of this node; see `fiscal/shifts.ts`. */
export type ShiftService = Pick<Shifts, 'view' | 'open' | 'close' | 'moveCash' | 'xReport'>;

export interface ProductService {
  /** By beginnings of words, SKU, or exact barcode. Synchronous: memory only. */
  search(query: {
    readonly q?: string | undefined;
    readonly barcode?: string | undefined;
    readonly limit: number;
  }): readonly Product[];
  get(sku: string): Product | undefined;
  /** `FORBIDDEN` where this device may not write the catalog. */
  put(sku: string, request: WriteRequest<ProductPut>): Promise<WriteAnswer<Product>>;
  /** Many at once, all or nothing, under one key. */
  putMany(request: WriteRequest<ProductImport>): Promise<WriteAnswer<ProductImportAnswer>>;
  readonly count: number;
}

export interface CatalogService {
  /**
   * A catalog file: 200 with what it would do (dry run, not kept under the key), 201 with what it did, 422 with the rows that are wrong; then
   * nothing was written. `IMPORT_FILE` for a file that is no table, `FORBIDDEN` where this device may not write the catalog.
   */
  importFile(
    request: WriteRequest<Uint8Array>,
    query: ImportQuery,
  ): Promise<WriteAnswer<ImportReport | ImportRefusal>>;
  /** What a branch (this one when left out) says of a product for itself. */
  override(sku: string, branch: string | undefined): ProductOverrideView;
  /** `FORBIDDEN` for another branch's, unless this is head office; `PRODUCT_NOT_FOUND`. */
  putOverride(
    sku: string,
    branch: string | undefined,
    request: WriteRequest<OverridePut>,
  ): Promise<WriteAnswer<ProductOverrideView>>;
  /** Memory only, no document is touched. */
  conflicts(query: { readonly after?: string | undefined; readonly limit: number }): ConflictPage;
  /** `CONFLICT_NOT_FOUND`, also when it is not as it was read any more; `CHANGE_INVALID`; `FORBIDDEN`. */
  resolve(id: string, request: WriteRequest<ConflictResolve>): Promise<WriteAnswer<ConflictResolved>>;
}

export interface StockService {
  /**
   * Zeros for a product that never moved; undefined for an unknown SKU that never moved. `branch` is this node's when left
   * out; `BRANCH_UNKNOWN` for one this node does not replicate.
   */
  get(sku: string, branch?: string): Promise<StockLevel | undefined>;
  receive(request: WriteRequest<StockReceiptRequest>): Promise<WriteAnswer<StockMovement>>;
  count(request: WriteRequest<StockCountRequest>): Promise<WriteAnswer<StockMovement>>;
  adjust(request: WriteRequest<StockAdjustmentRequest>): Promise<WriteAnswer<StockMovement>>;
  /** `STOCK_SHORT` when less is free than is asked. */
  reserve(request: WriteRequest<ReservationRequest>): Promise<WriteAnswer<Reservation>>;
  release(id: string, request: WriteRequest<unknown>): Promise<WriteAnswer<ReservationEnded>>;
  /** Those that stand now. */
  reservations(): readonly Reservation[];
  send(request: WriteRequest<TransferRequest>): Promise<WriteAnswer<Transfer>>;
  /** 200 with the reception there was, when it was received before. */
  receiveTransfer(id: string, request: WriteRequest<TransferReception>): Promise<WriteAnswer<Transfer>>;
  transfer(id: string): Promise<Transfer | undefined>;
  transfers(query: TransferQuery): Promise<TransferPage>;
  oversells(query: OversellQuery): Promise<readonly Oversell[]>;
  resolveOversell(id: string, request: WriteRequest<OversellResolution>): Promise<WriteAnswer<Oversell>>;
  setReorderPoint(sku: string, request: WriteRequest<ReorderPointPut>): Promise<WriteAnswer<ReorderPoint>>;
  reorder(limit: number): Promise<readonly ReorderSuggestion[]>;
}

export interface CustomerService {
  get(id: string): Promise<Customer | undefined>;
  search(query: { readonly q: string; readonly limit: number }): Promise<readonly Customer[]>;
  /** `CUSTOMER_ERASED`. A merged id changes the customer it was merged into. */
  put(id: string, request: WriteRequest<CustomerPut>): Promise<WriteAnswer<Customer>>;
  /** Those with one phone or one e-mail. */
  duplicates(limit: number): Promise<readonly DuplicateGroup[]>;
  /** `CUSTOMER_NOT_FOUND`, `CUSTOMER_ERASED`, `CHANGE_INVALID`. */
  merge(id: string, request: WriteRequest<CustomerMerge>): Promise<WriteAnswer<Customer>>;
  /** Head office only (`FORBIDDEN`): the keys of the personal data go, here and at every device that hears of it. */
  erase(id: string, request: WriteRequest<ErasureRequest>): Promise<WriteAnswer<ErasureOrder>>;
  /** The act, as far as it is known here; `ERASURE_NOT_FOUND`. */
  erasure(id: string): Promise<ErasureAct>;
}

/** Promotions, pricelists, quotes. */
export interface PricingService {
  promotions(): Promotion[];
  pricelists(): Pricelist[];
  /** `FORBIDDEN` but at head office; `PRICING_FULL`. */
  putPromotion(id: string, request: WriteRequest<PromotionPut>): Promise<WriteAnswer<Promotion>>;
  putPricelist(id: string, request: WriteRequest<PricelistPut>): Promise<WriteAnswer<Pricelist>>;
  /** Refused as the sale would be. */
  quote(till: TillIdentity, request: QuoteRequest): Promise<OrderQuote>;
}

/** Programmes, offers, gift cards and coupons. */
export interface LoyaltyService {
  programmes(): LoyaltyProgrammeList;
  /** `FORBIDDEN` where this device may not write the catalog. */
  putProgramme(
    from: string,
    request: WriteRequest<LoyaltyProgrammePut>,
  ): Promise<WriteAnswer<LoyaltyProgrammeList['programmes'][number]>>;
  /** What is spendable for a cart, and why not more; asks for rights held elsewhere. */
  redeemQuote(id: string, request: RedeemQuoteRequest): Promise<RedeemQuote>;
  issueGiftCard(request: WriteRequest<GiftCardLoad>): Promise<WriteAnswer<GiftCard>>;
  topUpGiftCard(request: WriteRequest<GiftCardLoad>): Promise<WriteAnswer<GiftCard>>;
  /** Asks for what is held elsewhere. */
  giftCard(query: VoucherQuery): Promise<GiftCard>;
  issueCoupon(request: WriteRequest<CouponIssue>): Promise<WriteAnswer<Coupon>>;
  coupon(query: VoucherQuery): Promise<Coupon>;
  /** At head office: rights of a device that is lost for ever are taken back. */
  reclaim(request: WriteRequest<RightsReclaim>): Promise<WriteAnswer<RightsReclaimed>>;
}

export interface TillRow {
  readonly till: string;
  readonly role: TillRole;
  readonly addedAt: string;
  readonly revoked: boolean;
}

export interface TillService {
  /** Called on every request with the bearer token; undefined = unknown or revoked. Memory only. */
  find(token: string): TillIdentity | undefined;
  /** Called with a token that was just used. */
  seen?(token: string): void;
  list(): readonly TillRow[];
  /** The token is in this answer and nowhere else. `TILL_EXISTS` while a till of that name is not revoked. */
  add(till: string, role: TillRole): Promise<{ till: string; role: TillRole; token: string }>;
  /** `TILL_UNKNOWN` when there is none. */
  revoke(till: string): Promise<void>;
}

export interface SyncService {
  status(): SyncStatus;
  /**
   * One exchange with every peer configured, also in mode `sync_on_demand`; `SYNC_OFFLINE` in mode `offline`. Resolves when
   * every reachable peer is level, or after `timeoutMs` (default 10 s).
   */
  now(options?: {
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<SyncNowAnswer>;
  readonly mode: OperationMode;
}

/** Events of a node always have an id; those of the stream itself are made by the edge. */
export type IdentifiedEvent = NodeEvent & { readonly id: string };

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

export interface BranchRequest {
  readonly code: string;
  readonly role: Role;
  readonly region?: string | undefined;
}

/** The token is in this answer and nowhere else. */
export interface BranchToken {
  readonly code: string;
  readonly role: Role;
  readonly token: string;
  readonly expiresAt: string;
}

export interface BranchRow {
  readonly branch: string;
  readonly role: Role;
  readonly nodeLetter: string;
  /** Null for an invitation nobody has used. */
  readonly writer: string | null;
  readonly state: 'invited' | 'enrolled' | 'online' | 'offline' | 'revoked';
  readonly lastContact: string | null;
  readonly lag: { readonly entriesThere: number; readonly seconds: number };
}

/** The fleet's keys, where this node keeps the tenant's authority. */
export interface BranchService {
  /** All or none. */
  add(branches: readonly BranchRequest[], ttlHours: number | undefined): Promise<readonly BranchToken[]>;
  list(): readonly BranchRow[];
  /** How many keys; `BRANCH_UNKNOWN` when none is enrolled. */
  revoke(code: string, reason: string): Promise<number>;
  rotate(code: string): Promise<readonly BranchToken[]>;
}

/** Values are read when called; the edge turns them into Prometheus text. */
export interface MetricSample {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** S-61: branches that sell with another program and name this head office as their cloud. Bodies are the module's own, see `pos-offline-sync/`. */
export interface PosSyncService {
  /** Undefined for a key nobody made here, and one that was revoked. Memory only. */
  find(key: string): PosKey | undefined;
  /** Refused with `PosSyncRefusal`, in words for the caller; then nothing was stored. */
  push(key: PosKey, body: OdooRecord): Promise<object>;
  /** The text of the answer; `sent` is called once it has left. */
  pull(key: PosKey, body: OdooRecord): Promise<{ readonly text: string; readonly sent: () => void }>;
  manifest(key: PosKey, body: OdooRecord): Promise<object>;
  batch(key: PosKey, body: OdooRecord): Promise<object>;
  productList(key: PosKey, body: OdooRecord): Promise<object>;
  stockList(key: PosKey, body: OdooRecord): Promise<object>;
  /** A call the module's own client does not make, by its name in `OTHER_CALLS`. */
  other(name: string, key: PosKey, body: OdooRecord): Promise<object>;
  branches(): Promise<readonly PosBranch[]>;
  /** The key is in this answer and nowhere else. `CHANGE_INVALID` for a branch with a device of its own. */
  addKey(till: TillIdentity, wanted: KeyWanted): Promise<{ readonly id: string; readonly key: string }>;
  /** `NOT_FOUND`. */
  revokeKey(id: string): Promise<void>;
  /** Records that could not become what they should. */
  unsettled(): Promise<readonly object[]>;
  resolve(request: WriteRequest<{ readonly reason: string }>, key: string): Promise<WriteAnswer<unknown>>;
  credits(): readonly object[];
  references(model: string): readonly object[];
  putReference(
    request: WriteRequest<{ readonly fields: Record<string, unknown>; readonly archived: boolean }>,
    model: string,
    id: string,
  ): Promise<WriteAnswer<unknown>>;
  /** What was counted on the shelves of such a branch; `BRANCH_UNKNOWN` without a key. */
  count(
    request: WriteRequest<{
      readonly lines: readonly { readonly sku: string; readonly quantityMilli: number }[];
      readonly reference?: string | undefined;
    }>,
    branch: string,
  ): Promise<WriteAnswer<unknown>>;
}

export interface PosBranch {
  readonly branch: string;
  readonly keys: readonly PosKey[];
  readonly lastPush: string | null;
  readonly lastPull: string | null;
  /** Records a person has to look at. */
  readonly toDecide: number;
}

/** S-28: what is still to be delivered, and decisions about what was refused. */
export interface OutboxService {
  status(): Promise<OutboxStatus>;
  quarantine(page: { readonly after?: string | undefined; readonly limit: number }): Promise<QuarantinePage>;
  /** `OUTBOX_ITEM_NOT_FOUND`, `OUTBOX_NOT_QUARANTINED`. */
  retry(id: string, request: WriteRequest<unknown>): Promise<WriteAnswer<DecidedItem>>;
  resolve(id: string, request: WriteRequest<{ readonly reason: string }>): Promise<WriteAnswer<DecidedItem>>;
}

/** Live documents for automerge-repo clients. */
export interface LiveService {
  documents(till: TillIdentity, query: LiveDocumentQuery): LiveDocumentList;
  ticket(till: TillIdentity): LiveTicket;
  /** Undefined for a ticket worth nothing. */
  admit(ticket: string): ((socket: RepoSocket) => void) | undefined;
  accept(socket: RepoSocket, till: TillIdentity): void;
}

export interface NodeServices {
  readonly branch: string;
  readonly tenant: string;
  readonly orders: OrderService;
  readonly receipts: ReceiptService;
  readonly shifts: ShiftService;
  readonly maintenance: MaintenanceService;
  /** The guided replacement of the register's storage. */
  readonly replacement: ReplacementService;
  readonly employees: EmployeeService;
  /** Whether the ERP hears this node. */
  heartbeat(): HeartbeatView;
  /** The register and its way to the operator. */
  readonly register: RegisterService;
  readonly reports: ReportService;
  readonly outbox: OutboxService;
  readonly products: ProductService;
  readonly catalog: CatalogService;
  readonly stock: StockService;
  readonly customers: CustomerService;
  readonly pricing: PricingService;
  readonly loyalty: LoyaltyService;
  readonly tills: TillService;
  readonly sync: SyncService;
  /** Where this node has somewhere to keep them. */
  readonly live?: LiveService;
  readonly events: EventService;
  /**
   * `POST /v1/enrol`, where this node keeps the tenant's authority (no relay); undefined elsewhere. Refused with feed's
   * `TOKEN_UNKNOWN`, `TOKEN_USED`, `TOKEN_EXPIRED`.
   */
  readonly enrol?: (request: EnrolRequest) => Promise<EnrolAnswer>;
  /** `/v1/branches`, where `enrol` is. */
  readonly branches?: BranchService;
  /** At a head office. */
  readonly posSync?: PosSyncService;
  readiness(): Readiness;
  metrics(): readonly MetricSample[];
}
