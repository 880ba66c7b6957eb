/** `NodeServices` over the parts of a node: each call goes to one use case or one projection, nothing is decided here. */
import type { Replicator } from '@branchline/feed';
import { type CustomerId, type QuarantineItem, type Sku, uuidTimeMs } from '@branchline/model';
import { type Clock, type HybridClock, isoTime } from 'hlc-ts';
import type { Alarms } from './alarms.ts';
import type { BranchKeeper } from './branch-keeper.ts';
import { catalogService } from './catalog-service.ts';
import type { Checkpoints } from './checkpoints/open-checkpoints.ts';
import type { Decide } from './commit/commit-pipeline.ts';
import type { Writing } from './commit/open-pipeline.ts';
import type { ErasureDesk } from './customers/erasure-desk.ts';
import type { OfdDelivery } from './delivery/ofd-delivery.ts';
import { OutboxDesk } from './delivery/outbox-desk.ts';
import type { Webhooks } from './delivery/webhooks.ts';
import type { SignInDesk } from './employees/sign-in-desk.ts';
import type { EventLog } from './event-log.ts';
import type { Failure } from './failure.ts';
import type { FolderMarks } from './files/folder-marks.ts';
import type { Fiscal } from './fiscal/open-fiscal.ts';
import { ReplacementDesk } from './fiscal/storage-replacement/replacement-desk.ts';
import type { GoodsDesk } from './goods/goods-desk.ts';
import { stockService } from './goods/goods-service.ts';
import { type Heartbeat, NO_HEARTBEAT } from './heartbeat/heartbeat.ts';
import type { LiveDesk } from './live/live-desk.ts';
import { loyaltyService } from './loyalty/loyalty-service.ts';
import type { ReclaimRules } from './loyalty/reclaim-rules.ts';
import type { RightsKeeper } from './loyalty/rights-keeper.ts';
import type { MaintenanceDesk } from './maintenance/maintenance-desk.ts';
import type { NodeSettings } from './node.ts';
import type { DiskSpace, NodePorts } from './ports.ts';
import type { PosSyncDesk } from './pos-offline-sync/pos-sync-desk.ts';
import type { ReadModels } from './read-models.ts';
import { reconcileDay } from './reports/day-reconciliation.ts';
import { salesReport } from './reports/sales-report.ts';
import { shiftArchive } from './reports/shift-archive.ts';
import { listOrders, orderDetail, refundOrders } from './returns/refund-service.ts';
import type { ReturnDesk } from './returns/return-desk.ts';
import type { MetricSample, NodeServices } from './services.ts';
import { stateMetrics } from './state-metrics.ts';
import { type DeviceFacts, reasonsNotToSell } from './state-of-device.ts';
import type { Renewal, Succession } from './succession/succession.ts';
import { isRevoked, REVOKED_WORDS } from './succession/succession-alarms.ts';
import type { Exchange } from './sync/exchange.ts';
import type { Peers } from './sync/peers.ts';
import type { Safety } from './sync/safety.ts';
import { syncStatus } from './sync/sync-status.ts';
import { addTill } from './use-cases/add-till.ts';
import { changeCustomer } from './use-cases/change-customer.ts';
import { changePricelist, changePromotion } from './use-cases/change-pricing.ts';
import { changeProduct } from './use-cases/change-product.ts';
import { type CatalogRow, importCatalog } from './use-cases/import-catalog.ts';
import { mergeCustomers } from './use-cases/merge-customers.ts';
import { quoteOrder } from './use-cases/quote-order.ts';
import { revokeTill } from './use-cases/revoke-till.ts';
import { sell } from './use-cases/sell.ts';
import type { Trade } from './use-cases/trade.ts';

export interface NodeParts extends ReadModels, Writing {
  readonly ports: NodePorts;
  readonly settings: NodeSettings;
  readonly clock: Clock;
  readonly branch: string;
  readonly tenant: string;
  readonly hlc: HybridClock;
  readonly events: EventLog;
  readonly alarms: Alarms;
  readonly trade: Trade;
  readonly rights: RightsKeeper;
  readonly reclaimRules: ReclaimRules;
  readonly fiscal: Fiscal;
  readonly returnDesk: ReturnDesk;
  readonly goodsDesk: GoodsDesk;
  readonly maintenanceDesk: MaintenanceDesk;
  readonly signIns: SignInDesk;
  readonly erasureDesk: ErasureDesk;
  readonly ofd: OfdDelivery | undefined;
  readonly webhooks: Webhooks | undefined;
  readonly heartbeat: Heartbeat | undefined;
  readonly exchange: Exchange;
  live: LiveDesk | undefined;
  /** At a head office. */
  posSyncDesk: PosSyncDesk | undefined;
  readonly succession: Succession;
  readonly renewal: Promise<Renewal>;
  /** Those of the key spoken with now. */
  readonly replicator: Replicator;
  readonly checkpoints: Checkpoints | undefined;
  readonly peers: Peers;
  readonly safety: Safety;
  readonly failure: Failure;
  closing: boolean;
  /** Room on the disk, as of the last housekeeping. */
  space: DiskSpace | undefined;
  /** What commands left in the folder, as of then. */
  marks: FolderMarks | undefined;
  readonly startedMs: number;
  /** What decides whether this device may sell now. */
  facts(): DeviceFacts;
  /** An operation of the node itself. */
  submitOwn<Answer>(what: string, decide: Decide<Answer>): Promise<Answer>;
  /** Where this node keeps the tenant's authority. */
  readonly keeper: BranchKeeper | undefined;
}

export function makeServices(parts: NodeParts): NodeServices {
  const { pipeline, trade, products, orders, fiscal, customers, tills, keeper, registry } = {
    ...parts,
    registry: parts.ports.registry,
  };
  const replacement = new ReplacementDesk({
    ...parts,
    ...parts.ports,
    book: parts.replacement,
    desk: fiscal.desk,
    register: fiscal.register,
    maintenance: parts.maintenanceDesk,
    orders: () => services.orders,
    receiptState: async (id) => (await fiscal.receipt(id))?.state,
  });
  const services: NodeServices = {
    branch: parts.branch,
    tenant: parts.tenant,
    orders: {
      place: async (request, wait) => {
        const answer = await pipeline.submit(request, (transaction) =>
          sell(trade, transaction, request.body),
        );
        return wait === undefined ? answer : await fiscal.held(answer, wait);
      },
      get: async (id) => {
        const order = await orders.get(id);
        return order && orderDetail(parts, (await fiscal.withStates([order]))[0]!);
      },
      refund: (id, request, wait) => refundOrders(parts, id, request, wait),
      refundOf: async (id) => {
        const found = await parts.returns.refund(id);
        return found && (await fiscal.withStates([found]))[0];
      },
      list: async (query) => fiscal.pageWithStates(await listOrders(parts, query)),
    },
    outbox: new OutboxDesk({
      ...parts,
      reviews: { list: () => receiptsToDecide(parts) },
      submit: (request, decide) => pipeline.submit(request, decide),
    }),
    receipts: {
      get: (id) => fiscal.receipt(id),
      correct: (request, wait) => fiscal.correct(request, wait),
      decide: (id, request) => fiscal.decide(id, request),
      undecided: () => fiscal.undecided(),
      qrSvg: (id) => fiscal.qrSvg(id),
    },
    shifts: fiscal.shifts,
    register: fiscal.register,
    maintenance: parts.maintenanceDesk,
    replacement,
    employees: parts.signIns,
    heartbeat: () => parts.heartbeat?.view() ?? NO_HEARTBEAT,
    reports: {
      sales: (query) => salesReport(parts.rows, query),
      shifts: (query) => shiftArchive(parts.rows, query),
      reconcile: (query) => reconcileDay(parts, query),
    },
    products: {
      search: (query) => products.search(query),
      get: (sku) => products.get(sku),
      put: (sku, request) =>
        pipeline.submit(request, (transaction) =>
          changeProduct(trade, transaction, sku as Sku, request.body),
        ),
      putMany: (request) =>
        pipeline.submit(request, (transaction) => ({
          status: 200,
          body: importCatalog(trade, transaction, request.body.products as readonly CatalogRow[]),
        })),
      get count() {
        return products.count;
      },
    },
    catalog: catalogService(parts),
    stock: stockService(parts),
    customers: {
      get: (id) => customers.get(id),
      search: (query) => customers.search(query),
      put: (id, request) =>
        pipeline.submit(request, (transaction) =>
          changeCustomer(trade, transaction, id as CustomerId, request.body),
        ),
      duplicates: (limit) => customers.duplicates(limit),
      merge: (id, request) =>
        pipeline.submit(request, (transaction) =>
          mergeCustomers(trade, transaction, id as CustomerId, request.body),
        ),
      erase: (id, request) => parts.erasureDesk.erase(id as CustomerId, request),
      erasure: (id) => parts.erasureDesk.act(id as CustomerId),
    },
    pricing: {
      promotions: () => parts.pricing.promotions,
      pricelists: () => parts.pricing.pricelists,
      putPromotion: (id, request) =>
        pipeline.submit(request, (transaction) => changePromotion(trade, transaction, id, request.body)),
      putPricelist: (id, request) =>
        pipeline.submit(request, (transaction) => changePricelist(trade, transaction, id, request.body)),
      quote: (till, request) => quoteOrder(trade, till, request),
    },
    loyalty: loyaltyService(parts),
    tills: {
      find: (token) => tills.find(token) ?? parts.signIns.find(token),
      seen: (token) => parts.signIns.seen(token),
      list: () => tills.list(),
      add: async (till, role) => {
        // The token must not be in the stored answer: it is handed over outside of it.
        let token = '';
        await parts.submitOwn('till', (transaction) => {
          token = addTill(trade, transaction, till, role).token;
          return { status: 201, body: { till, role } };
        });
        return { till, role, token };
      },
      revoke: async (till) => {
        await parts.submitOwn('till', (transaction) => {
          revokeTill(trade, transaction, till);
          return { status: 200, body: { till } };
        });
      },
    },
    sync: {
      mode: parts.settings.mode,
      status: () => {
        const progress = parts.replicator.progress();
        parts.safety.note(progress);
        const status = fiscal.status();
        const synced = syncStatus({
          node: parts.ports.key.writer,
          self: registry.member(parts.ports.key.writer),
          tenant: parts.tenant,
          mode: parts.settings.mode,
          peers: parts.peers,
          progress,
          unsent: parts.safety.unsent(),
          safety: parts.safety,
          disk: parts.space,
          alarms: parts.alarms.list(),
          driftMs: parts.hlc.aheadOfWallMs,
          nowMs: parts.clock.nowMs(),
          stopped: [
            ...reasonsNotToSell(parts.facts()),
            ...(parts.maintenanceDesk.state === undefined
              ? []
              : [{ cause: 'MAINTENANCE' as const, words: parts.maintenanceDesk.view().words }]),
          ],
          warning: isRevoked(parts.ports) ? `Note: ${REVOKED_WORDS}.` : undefined,
        });
        return {
          ...synced,
          rights: parts.rights.status(),
          ...(parts.maintenanceDesk.state === undefined ? {} : { maintenance: parts.maintenanceDesk.view() }),
          ...(status === undefined ? {} : { fiscal: status }),
        };
      },
      now: async (options = {}) => {
        const answer = await parts.peers.now(options);
        parts.safety.note(parts.replicator.progress());
        return answer;
      },
    },
    events: parts.events,
    ...(parts.live === undefined ? {} : { live: parts.live }),
    ...(parts.posSyncDesk === undefined ? {} : { posSync: parts.posSyncDesk }),
    ...(keeper === undefined ? {} : { enrol: (request) => keeper.enrol(request), branches: keeper }),
    readiness: () => {
      const reasons = reasonsNotToSell(parts.facts()).map(({ words }) => words);
      return { ready: reasons.length === 0, reasons };
    },
    metrics: () => metrics(parts),
  };
  return services;
}

/** Receipts somebody has to decide about, in the list of everything that waits for a person. */
async function receiptsToDecide({ receipts, fiscal }: NodeParts): Promise<QuarantineItem[]> {
  const items: QuarantineItem[] = [];
  for (const id of receipts.unsettled) {
    const receipt = await fiscal.receipt(id);
    if (receipt !== undefined) {
      items.push({
        id,
        kind: 'receipt',
        what: `Receipt of ${receipt.order ?? 'a correction'}, ${receipt.state}`,
        why: { code: receipt.reason ?? receipt.state, words: receipt.words, at: isoTime(uuidTimeMs(id)) },
        todo: 'Compare the paper and decide on the receipt itself: see /docs, receipts.',
        attempts: 0,
        acts: [],
      });
    }
  }
  return items;
}

function standing(alarms: Alarms): MetricSample[] {
  const help = 'Alarms that stand now, by code.';
  return Array.from(alarms.counts(), ([code, value]) => ({
    name: 'branchline_alarms',
    type: 'gauge',
    help,
    value,
    labels: { code },
  }));
}

function metrics(parts: NodeParts): MetricSample[] {
  const { pipeline, projector, shards, rows, peers, safety, events, alarms, hlc, products, orders } = parts;
  const { groups, operations, replays, refusals, waiting } = pipeline.counts;
  const { entries, unreadable } = projector.counts;
  const { pendingDocuments, loaded, quarantined } = shards.counts;
  const unsent = safety.unsent();
  const rights = parts.rights.status();
  const oldestSeconds =
    unsent.oldestMs === undefined ? 0 : Math.max(0, parts.clock.nowMs() - unsent.oldestMs) / 1000;
  const sample = (type: MetricSample['type'], name: string, value: number, help: string): MetricSample => ({
    name,
    type,
    value,
    help,
  });
  return [
    sample('counter', 'branchline_commit_groups_total', groups, 'Commit groups: one fdatasync each.'),
    sample('counter', 'branchline_operations_total', operations, 'Writes committed.'),
    sample(
      'counter',
      'branchline_replays_total',
      replays,
      'Writes answered from an earlier one with the same key.',
    ),
    sample('counter', 'branchline_refusals_total', refusals, 'Writes refused.'),
    sample('gauge', 'branchline_operations_waiting', waiting, 'Writes waiting for their commit.'),
    sample(
      'counter',
      'branchline_orders_total',
      orders.accepted,
      'Orders seen since the start, of all branches here.',
    ),
    sample('counter', 'branchline_entries_total', entries, 'Entries projected since the start.'),
    sample('counter', 'branchline_entries_unreadable_total', unreadable, 'Entries passed over.'),
    sample(
      'gauge',
      'branchline_documents_pending',
      pendingDocuments,
      'Documents with changes not applied yet.',
    ),
    sample('gauge', 'branchline_documents_loaded', loaded, 'Documents in memory.'),
    sample(
      'counter',
      'branchline_changes_quarantined_total',
      quarantined,
      'Changes that can never be applied.',
    ),
    sample('gauge', 'branchline_rows_dirty', rows.dirtyCount, 'Rows not in LevelDB yet.'),
    sample('gauge', 'branchline_products', products.count, 'Products in the catalog.'),
    sample(
      'gauge',
      'branchline_conflicts_open',
      parts.conflicts.count,
      'Catalog conflicts nobody has decided.',
    ),
    sample('gauge', 'branchline_peers_connected', peers.openCount, 'Peers connected.'),
    sample('counter', 'branchline_peers_refused_total', peers.refused, 'Peers turned away.'),
    sample(
      'gauge',
      'branchline_unsent_entries',
      unsent.entries,
      'Own entries no other machine has confirmed.',
    ),
    sample('gauge', 'branchline_unsent_oldest_seconds', oldestSeconds, 'Age of the oldest of them.'),
    sample('gauge', 'branchline_event_streams', events.subscribers, 'Open event streams.'),
    sample('counter', 'branchline_alarms_total', alarms.raised, 'Alarms raised.'),
    ...standing(alarms),
    sample(
      'gauge',
      'branchline_ready',
      reasonsNotToSell(parts.facts()).length === 0 ? 1 : 0,
      'Whether the node can sell.',
    ),
    sample('gauge', 'branchline_rights_waiting', rights.waiting, 'Accounts a customer waits for rights of.'),
    sample('counter', 'branchline_rights_asked_total', rights.asked, 'Asks for rights held elsewhere.'),
    sample('counter', 'branchline_rights_given_total', rights.given, 'Rights given to other shops.'),
    ...parts.fiscal.metrics(),
    ...stateMetrics({
      ...parts,
      mode: parts.settings.mode,
      queues: [
        { name: 'ofd', queue: parts.ofd?.queue },
        { name: 'hooks', queue: parts.webhooks?.queue },
      ],
    }),
    ...(parts.live?.metrics() ?? []),
    ...(parts.posSyncDesk?.metrics() ?? []),
    sample(
      'gauge',
      'kkt_hlc_drift_seconds',
      hlc.aheadOfWallMs / 1000,
      'How far stamps run ahead of the wall clock.',
    ),
  ];
}
