/**
 * Everything the node reads, opened from rows and brought level with the store: the tail behind the rows is replayed, and when
 * there are no rows at all they are made again from the first entry, documents included, before anything is served.
 */
import type { Grant } from '@branchline/feed';
import type { HybridClock } from 'hlc-ts';
import type { Alarms } from './alarms.ts';
import { finishTakeovers } from './checkpoints/open-checkpoints.ts';
import { ErasureBook } from './customers/erasure-book.ts';
import { KeyRing } from './customers/key-ring.ts';
import { EmployeeBook } from './employees/employee-book.ts';
import type { EventLog } from './event-log.ts';
import type { Failure } from './failure.ts';
import { Receipts } from './fiscal/receipts.ts';
import { ShiftBook } from './fiscal/shift-book.ts';
import { ReplacementBook } from './fiscal/storage-replacement/replacement-book.ts';
import { OversoldWatch } from './goods/oversold-watch.ts';
import { erasureNews } from './live/erasure-news.ts';
import { RowWatch } from './live/row-watch.ts';
import { MaintenanceBook } from './maintenance/maintenance-book.ts';
import type { NodePorts } from './ports.ts';
import { PosSyncBook } from './pos-offline-sync/pos-sync-book.ts';
import { Answers } from './projections/answers.ts';
import { bothSinks, Conflicts } from './projections/conflicts.ts';
import { type AccountName, CustomerBook } from './projections/customers.ts';
import { Orders } from './projections/orders.ts';
import { Overrides } from './projections/overrides.ts';
import { Pricing } from './projections/pricing.ts';
import { Products } from './projections/products.ts';
import { Programmes } from './projections/programmes.ts';
import { Projector } from './projections/projection.ts';
import { Reclaims } from './projections/reclaims.ts';
import { Reservations } from './projections/reservations.ts';
import { Returns } from './projections/returns.ts';
import { discardOtherLayout, Rows } from './projections/rows.ts';
import { type RowSink, Shards } from './projections/shards.ts';
import { ShelfTasks } from './projections/shelf-tasks.ts';
import { StockBook } from './projections/stock.ts';
import { Tills } from './projections/tills.ts';
import { Transfers } from './projections/transfers.ts';

/** Characters of a cause that go into an alarm. */
const CAUSE_CHARS_MAX = 200;

export interface ReadModels {
  readonly rows: Rows;
  readonly products: Products;
  readonly conflicts: Conflicts;
  readonly overrides: Overrides;
  readonly programmes: Programmes;
  readonly pricing: Pricing;
  readonly stock: StockBook;
  readonly customers: CustomerBook;
  readonly keys: KeyRing;
  readonly erasures: ErasureBook;
  readonly reclaims: Reclaims;
  readonly tills: Tills;
  readonly answers: Answers;
  readonly orders: Orders;
  readonly returns: Returns;
  readonly reservations: Reservations;
  readonly transfers: Transfers;
  readonly shelfTasks: ShelfTasks;
  /** Calls the listener when this branch has less of a stocked product than nothing. */
  readonly oversold: OversoldWatch;
  readonly receipts: Receipts;
  readonly shiftBook: ShiftBook;
  readonly maintenance: MaintenanceBook;
  readonly replacement: ReplacementBook;
  /** What branches with another program pushed here. */
  readonly posSync: PosSyncBook;
  readonly employees: EmployeeBook;
  readonly shards: Shards;
  readonly rowWatch: RowWatch;
  readonly projector: Projector;
}

export interface ReadModelsOptions {
  readonly ports: NodePorts;
  readonly grant: Grant;
  readonly hlc: HybridClock;
  readonly events: EventLog;
  readonly alarms: Alarms;
  readonly failure: Failure;
  /** Called with every account whose rights or terms changed. */
  readonly onRights?: (account: AccountName) => void;
}

export async function openReadModels(options: ReadModelsOptions): Promise<ReadModels> {
  const { ports, grant, hlc, events, alarms, failure } = options;
  const { store, clock, key, log } = ports;
  const { branch, region } = grant;
  await discardOtherLayout(ports.rows);
  const rows = await Rows.open({ level: ports.rows, onFailure: (error) => failure.set(error), clock });
  const isRebuild = rows.position === 0 && store.position > 0;
  const overrides = await Overrides.open({
    rows,
    onChanged: (of, sku, position) => {
      if (of === branch) {
        events.publish('product.changed', { sku }, position);
      }
    },
  });
  const products = await Products.open({
    rows,
    branch,
    own: (sku) => overrides.get(branch, sku),
    nowMs: () => clock.nowMs(),
    onChanged: (sku, { position }) => events.publish('product.changed', { sku }, position),
  });
  const programmes = await Programmes.open(rows);
  const pricing = await Pricing.open(rows, (id, position) =>
    events.publish('pricing.changed', { id }, position),
  );
  const oversold = new OversoldWatch();
  const stock = new StockBook({
    rows,
    branch,
    onChanged: (of, row, { position, local }) => {
      if (of === branch) {
        oversold.look(row, local);
        events.publish('stock.changed', { sku: row.sku, onHandMilli: row.onHandMilli }, position);
      }
    },
  });
  const keys = await KeyRing.open({ store });
  const erasures = new ErasureBook(rows);
  const reclaims = await Reclaims.open(rows);
  const customers = await CustomerBook.open({
    rows,
    region,
    keys,
    writer: key.writer,
    onChanged: (id, { position }) => events.publish('customer.changed', { id }, position),
    onRights: (account) => options.onRights?.(account),
  });
  const tills = await Tills.open(rows);
  const answers = new Answers(rows);
  const orders = await Orders.open({
    rows,
    writer: key.writer,
    onAccepted: (order, { position, replayed, local }) => {
      const { id, number, branch: of, totalMinor } = order;
      if (local && !replayed && of === branch) {
        oversold.noteSale(order);
      }
      if (!replayed) {
        events.publish('order.accepted', { id, number, branch: of, totalMinor }, position);
      }
    },
  });
  const reservations = await Reservations.open({
    rows,
    branch,
    nowMs: () => clock.nowMs(),
    onMade: ({ id, till }, { position }) => events.publish('reservation.made', { id, till }, position),
    onEnded: (id, how, { position }) => events.publish('reservation.ended', { id, how }, position),
  });
  const transfers = await Transfers.open({
    rows,
    branch,
    onSent: (id, from, to, { position }) => events.publish('transfer.sent', { id, from, to }, position),
    onReceived: (id, from, to, { position }) => {
      events.publish('transfer.received', { id, from, to }, position);
      oversold.notice();
    },
  });
  const shelfTasks = await ShelfTasks.open({
    rows,
    branch,
    onOversold: ({ id, sku, onHandMilli }, { position }) =>
      events.publish('stock.oversold', { id, sku, onHandMilli }, position),
    onResolved: ({ id, how }, { position }) => events.publish('oversell.resolved', { id, how }, position),
  });
  const returns = await Returns.open({
    rows,
    writer: key.writer,
    onRefunded: ({ id, number, refundOf, branch: at, totalMinor }, { position }) =>
      events.publish('order.refunded', { id, number, refundOf, branch: at, totalMinor }, position),
  });
  const receipts = await Receipts.open({
    rows,
    writer: key.writer,
    formers: (ports.formerKeys ?? []).map(({ writer }) => writer),
    onChanged: (id, state, { position }) => events.publish('receipt.changed', { id, state }, position),
  });
  const shiftBook = await ShiftBook.open({
    rows,
    writer: key.writer,
    onChanged: (id, event, { position }) => events.publish('shift.changed', { id, event }, position),
  });
  const employees = await EmployeeBook.open(rows);
  const own = [...(ports.formerKeys ?? []), key].map(({ writer }) => writer);
  const maintenance = await MaintenanceBook.open(rows, own);
  const replacement = await ReplacementBook.open(rows, own);
  const posSync = await PosSyncBook.open({
    rows,
    writers: [...(ports.formerKeys ?? []), key].map(({ writer }) => writer),
  });
  const conflicts = await Conflicts.open({
    rows,
    onChanged: (sku, field, { position }) => events.publish('conflict.changed', { sku, field }, position),
    versions: (doc, cell) =>
      shards.documents.conflict(
        doc,
        cell,
        ports.registry.members().map(({ writer }) => writer),
      ),
  });
  const rowWatch = new RowWatch();
  const shards: Shards = await Shards.open({
    rows,
    writer: key.writer,
    clock,
    sinks: {
      catalog: bothSinks(bothSinks(catalogSink(products, programmes), conflicts), rowWatch),
      stock: bothSinks(stock, rowWatch),
      loyalty: bothSinks(customers, rowWatch),
    },
    onQuarantined: (doc, writer, code, reason) =>
      alarms.raise('CHANGE_QUARANTINED', `${doc}: a change of ${writer} was set aside (${code}: ${reason})`),
    onFailure: (error) => failure.set(error),
  });
  const projector = new Projector({
    store,
    rows,
    projections: [
      answers,
      // Before the documents: what is personal in their rows opens with these.
      keys,
      erasures,
      reclaims,
      overrides,
      pricing,
      orders,
      returns,
      reservations,
      transfers,
      shelfTasks,
      receipts,
      shiftBook,
      maintenance,
      replacement,
      posSync,
      employees,
      tills,
      shards,
      erasureNews(events),
    ],
    clock,
    onRemote: (stamp) => {
      if (hlc.observe(stamp) === 'ahead') {
        alarms.raise('CLOCK_AHEAD', 'a peer stamps its entries far ahead of this clock; check both clocks');
      }
    },
    onUnreadable: (feed, seq, cause) => {
      const words = String(cause).slice(0, CAUSE_CHARS_MAX);
      alarms.raise('ENTRY_UNREADABLE', `entry ${seq} of ${feed} was passed over: ${words}`);
    },
  });
  await projector.start();
  await finishTakeovers(ports, { shards, rows }, { rowsWereLost: isRebuild });
  if (isRebuild) {
    log.info({ position: store.position }, 'rows are made again from the feeds');
    await shards.materialiseAll();
  }
  await shards.materialiseOwn();
  return {
    rows,
    products,
    programmes,
    pricing,
    conflicts,
    overrides,
    stock,
    customers,
    keys,
    erasures,
    reclaims,
    tills,
    answers,
    orders,
    returns,
    reservations,
    transfers,
    shelfTasks,
    oversold,
    receipts,
    shiftBook,
    maintenance,
    replacement,
    posSync,
    employees,
    shards,
    rowWatch,
    projector,
  };
}

/** The catalog holds products and the programmes of loyalty. */
export function catalogSink(products: Products, programmes: Programmes): RowSink {
  return {
    prepare: () => products.prepare(),
    forget: () => products.forget(),
    patch: (doc, cells, cause) => {
      products.patch(doc, cells, cause);
      programmes.patch(doc, cells);
    },
  };
}
