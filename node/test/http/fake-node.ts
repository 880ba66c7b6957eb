/**
 * A node for tests of the HTTP edge alone: keeps everything in memory, answers a key twice the same way, and lets a test
 * say what fails and publish events by hand. The edge together with a real node is tested in `node/test`.
 */
import { createHash } from 'node:crypto';
import {
  type CustomerPut,
  type DayReconciliation,
  type EmployeeId,
  type FiscalReceipt,
  formatNumber,
  type IdempotencyKey,
  type ImportReport,
  type NodeEvent,
  type Order,
  type OrderRequest,
  type Oversell,
  ProblemError,
  type Product,
  type ProductImport,
  priceOrder,
  pricingProblem,
  type ReceiptId,
  type ReconciliationQuery,
  type Refund,
  type RefundRequest,
  type Reservation,
  type ShiftView,
  type Sku,
  type StockMovement,
  type SyncStatus,
  type Transfer,
  uuidV7,
} from '@branchline/model';
import { NO_HEARTBEAT } from '../../src/heartbeat/heartbeat.ts';
import { maintenanceView } from '../../src/maintenance/maintenance-book.ts';
import type {
  IdentifiedEvent,
  MetricSample,
  NodeServices,
  TillIdentity,
  WriteAnswer,
  WriteRequest,
} from '../../src/services.ts';

export const cashierToken = 'cashier-token';
export const managerToken = 'manager-token';
export const adminToken = 'admin-token';

const branch = 'B001' as Order['branch'];

const RULES = {
  pointsPerStep: 1,
  stepMinor: 1_000,
  pointValueMinor: 100,
  sharePercentMax: 50,
  expiryDays: 0,
};
const GIFT_CARD = { ending: '…1234', balanceMinor: 500, spendableHereMinor: 500, words: 'It has 500 left.' };
const COUPON = { ending: '…1234', state: 'usable' as const, discountMinor: 5, words: 'It can be used here.' };

const emptyReport: ImportReport = {
  file: { sha256: '0'.repeat(64), bytes: 0 },
  read: {
    profile: 'standard',
    format: 'csv',
    headerRow: 1,
    decimalMark: '.',
    columns: {},
    ignored: [],
    guessed: [],
  },
  dryRun: true,
  committed: false,
  rows: 0,
  created: 0,
  changed: 0,
  unchanged: 0,
  errors: 0,
  warnings: 0,
  byCode: {},
  faults: [],
  preview: [],
};

const NO_REPLACEMENT_VIEW = { phase: 'none' as const, steps: [], words: 'No storage is being replaced.' };
const NO_TOTALS = { count: 0, totalMinor: 0, cashMinor: 0, cardMinor: 0, otherMinor: 0, vat: [] };
const SHIFT = {
  state: 'open',
  branch: 'B001',
  totals: { sales: NO_TOTALS, refunds: NO_TOTALS, cashInMinor: 0, cashOutMinor: 0, drawerChangeMinor: 0 },
  tills: [],
  drawerMinor: 0,
  register: { state: 'none', words: 'No register is connected.' },
  differences: [],
  backlog: { receipts: [], moreReceipts: 0 },
  words: 'The shift is open.',
} as unknown as ShiftView;
const CORRECTED = {
  id: '019ab000-0000-7000-8000-000000000001',
  kind: 'correction',
  totalMinor: 1,
  branch: 'B001',
  state: 'waiting',
  words: 'The receipt waits for the register; the sale is safe.',
  ofd: 'none',
} as unknown as FiscalReceipt;
const noShifts = {
  view: async () => SHIFT,
  open: async () => ({ status: 201, body: SHIFT, replayed: false }),
  close: async () => ({ status: 200, body: SHIFT, replayed: false }),
  moveCash: async () => ({ status: 201, body: SHIFT, replayed: false }),
  xReport: async () => ({ shift: SHIFT, printed: false, words: 'Nothing was printed.' }),
};

export class FakeNode implements NodeServices {
  readonly branch = branch;
  readonly tenant = 'test';
  readonly placed: Order[] = [];
  /** What each sale was told to wait for its receipt. */
  readonly waitedMs: (number | undefined)[] = [];
  readonly written: WriteRequest<unknown>[] = [];
  ready = true;
  samples: MetricSample[] = [];
  /** Thrown by the next write. */
  failure: unknown;
  missed = false;
  /** What `sync.now` waits for, and how many do. */
  hold: Promise<void> | undefined;
  held = 0;
  enrol?: NonNullable<NodeServices['enrol']>;
  readonly #answers = new Map<string, { fingerprint: string; answer: WriteAnswer<unknown> }>();
  readonly #tills = new Map<string, TillIdentity>([
    [cashierToken, { till: 'T1', role: 'cashier' }],
    [managerToken, { till: 'M1', role: 'manager' }],
    [adminToken, { till: 'A1', role: 'admin' }],
  ]);
  readonly #held: IdentifiedEvent[] = [];
  readonly #listeners = new Set<(event: IdentifiedEvent) => void>();
  readonly #products = new Map<string, Product>([
    [
      'TEA 25',
      {
        sku: 'TEA 25' as Sku,
        name: 'Tea',
        priceMinor: 26196,
        vat: 'vat22',
        barcodes: [],
        retired: false,
      },
    ],
  ]);

  readonly shifts = noShifts;
  readonly register: NodeServices['register'] = {
    isConfigured: true,
    isRunning: true,
    trouble: undefined,
    identity: undefined,
    buffer: async () => ({
      capacity: 200,
      pending: 0,
      delivered: 0,
      undecided: 0,
      oldest: undefined,
      breaker: 'closed',
      failures: 0,
      successes: 0,
      lastFailureMs: undefined,
      lastDeliveryMs: undefined,
    }),
    receiptOf: async () => undefined,
    document: async () => undefined,
    history: async () => undefined,
    deliverNow: async () => ({ delivered: 0, failed: 0, left: 0, tookMs: 0 }),
    resetBreaker: () => {},
  };
  readonly maintenance: NodeServices['maintenance'] = {
    view: () => maintenanceView(undefined),
    begin: (request) => this.#once(request, () => maintenanceView(undefined), 200),
    end: (request) => this.#once(request, () => maintenanceView(undefined), 200),
  };
  readonly replacement: NodeServices['replacement'] = {
    view: async () => NO_REPLACEMENT_VIEW,
    act: (request) => this.#once(request, () => NO_REPLACEMENT_VIEW, 200),
  };
  readonly employees: NodeServices['employees'] = {
    list: () => [{ id: 'ann' as EmployeeId, name: 'Ann', role: 'cashier', active: true }],
    put: (id, request) =>
      this.#once(
        request,
        () => {
          const { name, role, active } = request.body;
          return { id: id as EmployeeId, name, role, active };
        },
        200,
      ),
    signIn: async (till) => ({
      token: 'signed-in',
      till: till.till as never,
      employee: { id: 'ann' as EmployeeId, name: 'Ann' },
      role: 'cashier',
      expiresAt: '2026-11-22T21:00:00.000Z',
      idleSeconds: 900,
    }),
    signOut: async () => {},
  };
  heartbeat = () => NO_HEARTBEAT;
  readonly reports = {
    sales: async () => ({ rows: [] }),
    shifts: async () => ({ shifts: [] }),
    reconcile: async ({ day }: ReconciliationQuery): Promise<DayReconciliation> => ({
      branch: 'B001' as DayReconciliation['branch'],
      day,
      orders: 0,
      refunds: 0,
      salesMinor: 0,
      refundsMinor: 0,
      documents: 0,
      confirmed: 0,
      shifts: 0,
      mismatches: [],
      moreMismatches: 0,
      complete: true,
      words: 'Every book says the same.',
    }),
  };

  readonly receipts = {
    correct: async () => ({ status: 201, body: CORRECTED, replayed: false }),
    decide: async () => ({ status: 200, body: CORRECTED, replayed: false }),
    undecided: async (): Promise<FiscalReceipt[]> => [],
    qrSvg: async (): Promise<string | undefined> => undefined,
    get: async (id: string): Promise<FiscalReceipt | undefined> => {
      const order = this.placed.find(({ receipt }) => receipt.id === id);
      return (
        order && {
          id: order.receipt.id,
          kind: 'sale',
          order: order.id,
          totalMinor: order.totalMinor,
          branch,
          state: 'waiting',
          words: 'waits',
          ofd: 'none',
        }
      );
    },
  };

  readonly outbox = {
    status: async () => ({ lines: [], totals: { pending: 0, quarantined: 0, delivered: 0, resolved: 0 } }),
    quarantine: async () => ({ items: [] }),
    retry: (id: string, request: WriteRequest<unknown>) =>
      this.#once(request, () => ({ id, state: 'pending' as const }), 200),
    resolve: (id: string, request: WriteRequest<{ readonly reason: string }>) =>
      this.#once(request, () => ({ id, state: 'resolved' as const }), 200),
  };

  readonly orders = {
    place: (request: WriteRequest<OrderRequest>, wait?: { readonly ms: number }) => {
      this.waitedMs.push(wait?.ms);
      return this.#once(request, () => this.#sell(request));
    },
    get: async (id: string) => this.placed.find((order) => order.id === id),
    refund: (id: string, request: WriteRequest<RefundRequest>) =>
      this.#once(request, () => this.#refund(this.placed.find((order) => order.id === id)!)),
    refundOf: async () => undefined,
    list: async (query: { after?: string | undefined; limit: number }) => {
      const from = query.after === undefined ? 0 : Number(query.after);
      const orders = this.placed.slice(from, from + query.limit);
      const end = from + orders.length;
      return { orders, ...(end < this.placed.length ? { next: String(end) } : {}) };
    },
  };

  readonly products = {
    search: () => [...this.#products.values()],
    get: (sku: string) => this.#products.get(sku),
    put: (sku: string, request: WriteRequest<object>) =>
      this.#once(request, () => ({ ...this.#products.get('TEA 25')!, sku: sku as Sku, ...request.body })),
    putMany: (request: WriteRequest<ProductImport>) =>
      this.#once(request, () => ({ rows: request.body.products.length, created: 0 }), 200),
    count: 1,
  };

  readonly catalog = {
    importFile: async () => ({ status: 200, body: emptyReport, replayed: false }),
    override: (sku: string) => ({ sku: sku as Sku, branch, price: null, available: null }),
    putOverride: async (sku: string) => ({
      status: 200,
      body: { sku: sku as Sku, branch, price: null, available: null },
      replayed: false,
    }),
    conflicts: () => ({ conflicts: [], total: 0 }),
    resolve: async (id: string) => ({
      status: 200,
      body: { id, sku: 'TEA 25' as Sku, field: 'priceMinor' as const, value: 1 },
      replayed: false,
    }),
  };

  readonly stock = {
    get: async (sku: string) =>
      sku === 'TEA 25'
        ? {
            sku: sku as Sku,
            branch,
            onHandMilli: -1000,
            receivedMilli: 0,
            soldMilli: 1000,
            returnedMilli: 0,
            adjustedMilli: 0,
          }
        : undefined,
    receive: (request: WriteRequest<unknown>) => this.#once(request, () => this.#movement()),
    count: (request: WriteRequest<unknown>) => this.#once(request, () => this.#movement()),
    adjust: (request: WriteRequest<unknown>) => this.#once(request, () => this.#movement()),
    reserve: (request: WriteRequest<unknown>) => this.#once(request, () => this.#reservation()),
    release: (id: string, request: WriteRequest<unknown>) =>
      this.#once(request, () => ({ id: id as StockMovement['id'], how: 'released' as const }), 200),
    reservations: () => [this.#reservation()],
    send: (request: WriteRequest<unknown>) => this.#once(request, () => this.#transfer()),
    receiveTransfer: (_id: string, request: WriteRequest<unknown>) =>
      this.#once(request, () => this.#transfer()),
    transfer: async () => this.#transfer(),
    transfers: async () => ({ transfers: [this.#transfer()] }),
    oversells: async () => [this.#oversell()],
    resolveOversell: (_id: string, request: WriteRequest<unknown>) =>
      this.#once(request, () => this.#oversell(), 200),
    setReorderPoint: (sku: string, request: WriteRequest<{ minMilli: number; upToMilli: number }>) =>
      this.#once(request, () => ({ sku: sku as Sku, branch, ...request.body }), 200),
    reorder: async () => [],
  };

  readonly customers = {
    get: async (id: string) => (id === 'c1' ? this.#customer(id) : undefined),
    search: async () => [this.#customer('c1')],
    put: (id: string, request: WriteRequest<CustomerPut>) => this.#once(request, () => this.#customer(id)),
    duplicates: async () => [{ by: 'phone' as const, customers: [this.#customer('c1')] }],
    merge: (id: string, request: WriteRequest<unknown>) => this.#once(request, () => this.#customer(id), 200),
    erase: (id: string, request: WriteRequest<{ reason: string }>) =>
      this.#once(
        request,
        () => ({
          customer: id as never,
          customers: [id as never],
          at: '2026-11-22T09:00:00.000Z',
          ...request.body,
        }),
        200,
      ),
    erasure: async (id: string) => ({
      customer: id as never,
      customers: [id as never],
      at: '2026-11-22T09:00:00.000Z',
      reason: 'asked for',
      by: { till: 'T1', branch: 'HQ', device: 'a'.repeat(16) },
      what: ['name'],
      entry: { feed: 'erasures/x', seq: 1 },
      devices: [{ device: 'a'.repeat(16), branch: 'HQ', role: 'hq', state: 'waiting' as const }],
      complete: false,
      notes: [],
    }),
  };

  readonly pricing: NodeServices['pricing'] = {
    promotions: () => [{ id: 'p', name: 'P', percentOff: 5, archived: false }],
    pricelists: () => [
      { id: 'l', name: 'L', prices: [{ sku: 'TEA 25' as Sku, priceMinor: 1 }], archived: false },
    ],
    putPromotion: (id, request) => this.#once(request, () => ({ id, ...request.body }), 200),
    putPricelist: (id, request) => this.#once(request, () => ({ id, ...request.body }), 200),
    quote: async () => ({
      lines: [],
      totalMinor: 0,
      discountMinor: 0,
      vat: [],
      loyalty: { earned: 0, redeemed: 0 },
    }),
  };

  readonly loyalty: NodeServices['loyalty'] = {
    programmes: () => ({ programmes: [{ from: '2026-11-01', ...RULES }], today: RULES }),
    putProgramme: (from, request) => this.#once(request, () => ({ from, ...request.body })),
    redeemQuote: async () => ({
      balance: 9,
      spendableHere: 4,
      totalMinor: 1_000,
      maxPoints: 4,
      maxMinor: 400,
      limit: 'held_elsewhere',
      words: '4 of 9 points can be spent here now',
      asked: true,
    }),
    issueGiftCard: (request) => this.#once(request, () => GIFT_CARD),
    topUpGiftCard: async (request) => ({ ...(await this.#once(request, () => GIFT_CARD)), status: 200 }),
    giftCard: async () => GIFT_CARD,
    issueCoupon: (request) => this.#once(request, () => COUPON),
    coupon: async () => COUPON,
    reclaim: async (request) => ({
      ...(await this.#once(request, () => ({
        ...request.body,
        branch,
        at: '2026-11-22T12:00:00.000Z',
        accounts: 2,
      }))),
      status: 200,
    }),
  };

  readonly tills = {
    find: (token: string) => this.#tills.get(token),
    list: () => [...this.#tills.values()].map((till) => ({ ...till, addedAt: '2026-11-22', revoked: false })),
    add: async (till: string, role: TillIdentity['role']) => {
      const token = createHash('sha256').update(till).digest('hex');
      this.#tills.set(token, { till, role });
      return { till, role, token };
    },
    revoke: async (till: string) => {
      const found = [...this.#tills].find(([, identity]) => identity.till === till);
      if (found === undefined) {
        throw new ProblemError('TILL_UNKNOWN', `There is no till ${till}.`);
      }
      this.#tills.delete(found[0]);
    },
  };

  readonly sync = {
    mode: 'hybrid' as const,
    status: (): SyncStatus => ({
      node: 'n1',
      branch: 'B001',
      tenant: 'test',
      role: 'branch',
      mode: 'hybrid',
      enrolled: true,
      allowedNow: ['Selling works.'],
      situation: [{ code: 'SELLING' }],
      canSell: true,
      unsentEntries: 3,
      peers: [],
      alarms: [],
      clock: { driftMs: 250 },
    }),
    now: async () => {
      this.held += 1;
      await this.hold;
      return { peers: [{ peer: 'ws://relay', ok: false, cause: 'not reachable' }] };
    },
  };

  readonly events = {
    subscribe: (afterId: string | undefined, listener: (event: IdentifiedEvent) => void) => {
      if (afterId !== undefined) {
        for (const event of this.#held.filter(({ id }) => Number(id) > Number(afterId))) {
          listener(event);
        }
      }
      this.#listeners.add(listener);
      return { missed: this.missed, unsubscribe: () => this.#listeners.delete(listener) };
    },
  };

  publish(type: NodeEvent['type'], data: NodeEvent['data']): void {
    const event = { id: String(this.#held.length + 1), type, data };
    this.#held.push(event);
    for (const listener of this.#listeners) {
      listener(event);
    }
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  readiness() {
    return { ready: this.ready, reasons: this.ready ? [] : ['The disk is full: free 100 MB and restart.'] };
  }

  metrics(): readonly MetricSample[] {
    return this.samples;
  }

  #once<B, A>(request: WriteRequest<B>, decide: () => A, status = 201): Promise<WriteAnswer<A>> {
    const earlier = this.#answers.get(request.key);
    if (earlier !== undefined) {
      if (earlier.fingerprint !== request.fingerprint) {
        throw new ProblemError('IDEMPOTENCY_MISMATCH', 'The key answered another request.');
      }
      return Promise.resolve({ ...(earlier.answer as WriteAnswer<A>), replayed: true });
    }
    if (this.failure !== undefined) {
      const failure = this.failure;
      this.failure = undefined;
      return Promise.reject(failure);
    }
    const answer = { status, body: decide(), replayed: false };
    this.#answers.set(request.key as IdempotencyKey, { fingerprint: request.fingerprint, answer });
    this.written.push(request);
    return Promise.resolve(answer);
  }

  #sell({ body, till }: WriteRequest<OrderRequest>): Order {
    const pricing = priceOrder({
      lines: body.lines.map(({ vat = 'vat22', unitPriceMinor = 26196, ...line }) => ({
        ...line,
        vat,
        unitPriceMinor,
      })),
      payments: body.payments,
    });
    if (!pricing.ok) {
      throw pricingProblem(pricing);
    }
    const { lines, totalMinor, changeMinor } = pricing.order;
    const id = uuidV7<Order['id']>(1, new Uint8Array(10).fill(this.placed.length));
    const order: Order = {
      id,
      number: formatNumber({ branch }, this.placed.length + 1),
      hlc: '0'.repeat(16),
      at: '2026-11-22T12:00:00.000Z',
      state: 'accepted',
      branch,
      till: till.till as Order['till'],
      totalMinor,
      changeMinor,
      lines: lines.map(({ redeemedMinor: _, ...line }) => ({ ...line, name: 'Tea' })),
      payments: body.payments,
      receipt: { id: id as string as ReceiptId, state: 'waiting' },
      loyalty: { earned: 0, redeemed: 0 },
    };
    this.placed.push(order);
    return order;
  }

  #refund({ id, number, lines, vat: _vat, loyalty, ...order }: Order): Refund {
    return {
      ...order,
      id: uuidV7<Refund['id']>(2, new Uint8Array(10)),
      number: formatNumber({ branch, of: 'refunds' }, 1),
      kind: 'refund',
      refundOf: id,
      refundOfNumber: number,
      changeMinor: 0,
      lines: lines.map((line, at) => ({ ...line, line: at, restock: true })),
      payments: [],
      loyalty,
    } as Refund;
  }

  #reservation(): Reservation {
    const id = uuidV7<Reservation['id']>(3, new Uint8Array(10));
    const at = '2026-11-22T12:00:00.000Z';
    return { id, hlc: '0'.repeat(16), branch, till: 'T1' as never, expiresAt: at, lines: [] };
  }

  #transfer(): Transfer {
    const id = uuidV7<Transfer['id']>(4, new Uint8Array(10));
    return { id, from: branch, to: 'B002' as never, state: 'in-transit', lines: [] };
  }

  #oversell(): Oversell {
    const id = uuidV7<Oversell['id']>(5, new Uint8Array(10));
    const sku = 'TEA 25' as Sku;
    return { id, sku, branch, at: '', onHandMilli: -1, owner: { branch }, state: 'open' };
  }

  #movement(): StockMovement {
    return { id: uuidV7<StockMovement['id']>(1, new Uint8Array(10)), hlc: '0'.repeat(16), lines: [] };
  }

  #customer(id: string) {
    return { id: id as never, retired: false, points: { balance: 10, spendableHere: 4 } };
  }
}
