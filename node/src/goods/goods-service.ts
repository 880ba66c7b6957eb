/** `StockService` over the parts of a node: each call goes to one use case or one projection, nothing is decided here. */
import { type Collection, collectionOf, decodeEntry } from '@branchline/feed';
import { ProblemError, type ReorderSuggestion, type StockLevel } from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { NodeParts } from '../node-services.ts';
import { transferOf } from '../projections/transfers.ts';
import type { StockService } from '../services.ts';
import { adjustStock } from '../use-cases/adjust-stock.ts';
import { countStock } from '../use-cases/count-stock.ts';
import { receiveGoods } from '../use-cases/receive-goods.ts';
import { receiveTransfer } from '../use-cases/receive-transfer.ts';
import { releaseGoods, reserveGoods } from '../use-cases/reserve-goods.ts';
import { sendTransfer } from '../use-cases/send-transfer.ts';
import { resolveOversell, setReorderPoint } from '../use-cases/shelf-tasks.ts';

export function stockService(parts: NodeParts): StockService {
  const { pipeline, trade, products, transfers, reservations, shelfTasks } = parts;
  const nameOf = (sku: string): string => products.get(sku)?.name ?? sku;
  return {
    get: (sku, branch = parts.branch) => levelOf(parts, sku, branch),
    receive: (request) =>
      pipeline.submit(request, (transaction) => receiveGoods(trade, transaction, request.body)),
    count: (request) =>
      pipeline.submit(request, (transaction) => countStock(trade, transaction, request.body)),
    adjust: (request) =>
      pipeline.submit(request, (transaction) => adjustStock(trade, transaction, request.body)),
    reserve: (request) =>
      pipeline.submit(request, (transaction) => reserveGoods(trade, transaction, request.body)),
    release: (id, request) => pipeline.submit(request, (transaction) => releaseGoods(trade, transaction, id)),
    reservations: () => reservations.list(),
    send: (request) =>
      pipeline.submit(request, (transaction) => sendTransfer(trade, transaction, request.body)),
    receiveTransfer: (id, request) =>
      pipeline.submit(request, (transaction) => receiveTransfer(trade, transaction, id, request.body)),
    transfer: async (id) => {
      const known = await transfers.get(id);
      return known && transferOf(known, nameOf);
    },
    transfers: (query) => transfers.list(query, (known) => transferOf(known, nameOf)),
    oversells: (query) => shelfTasks.oversells(query),
    resolveOversell: async (id, request) => {
      const answer = await pipeline.submit(request, (transaction) =>
        resolveOversell(trade, transaction, id, request.body),
      );
      return { ...answer, body: (await shelfTasks.oversell(id))! };
    },
    setReorderPoint: (sku, request) =>
      pipeline.submit(request, (transaction) =>
        setReorderPoint(trade, transaction, sku as StockLevel['sku'], request.body),
      ),
    reorder: (limit) => suggestions(parts, nameOf, limit),
  };
}

async function levelOf(parts: NodeParts, sku: string, branch: string): Promise<StockLevel | undefined> {
  const { stock, products, reservations, transfers } = parts;
  if (branch !== parts.branch && !mayReadStock(parts, branch)) {
    throw new ProblemError('BRANCH_UNKNOWN', `This node does not replicate the stock of ${branch}.`);
  }
  const found = await stock.level(branch, sku);
  const elsewhere = branch === parts.branch ? await stockElsewhere(parts, sku) : [];
  const isKnown = products.get(sku) !== undefined || elsewhere.length > 0;
  const level = found ?? (isKnown ? emptyLevel(sku, branch) : undefined);
  if (level === undefined || branch !== parts.branch) {
    return level;
  }
  const reservedMilli = reservations.reservedMilli(sku);
  return {
    ...level,
    reservedMilli,
    availableMilli: level.onHandMilli - reservedMilli,
    inTransitMilli: transfers.comingMilli(sku),
    ...(elsewhere.length === 0 ? {} : { elsewhere }),
  };
}

function mayReadStock({ ports }: NodeParts, branch: string): boolean {
  return ports.registry.mayRead(ports.key.writer, `stock/${branch}` as Collection);
}

async function stockElsewhere(parts: NodeParts, sku: string): Promise<NonNullable<StockLevel['elsewhere']>> {
  const branches = new Set(parts.ports.registry.members().map(({ grant }) => grant.branch));
  branches.delete(parts.branch);
  const found: NonNullable<StockLevel['elsewhere']> = [];
  for (const branch of [...branches].sort()) {
    const level = mayReadStock(parts, branch) ? await parts.stock.level(branch, sku) : undefined;
    const lastMs = level && (await lastWordMs(parts, `stock/${branch}`));
    if (level !== undefined && lastMs !== undefined) {
      found.push({
        branch: level.branch,
        onHandMilli: level.onHandMilli,
        asOf: isoTime(lastMs),
        ageSeconds: Math.max(0, Math.floor((parts.clock.nowMs() - lastMs) / 1_000)),
      });
    }
  }
  return found;
}

/** When a collection was last written to, as far as is known here. */
async function lastWordMs({ ports: { store } }: NodeParts, collection: string): Promise<number | undefined> {
  let last: number | undefined;
  for (const [feed, { head, base }] of store.feeds()) {
    if (collectionOf(feed) === collection && head.seq > base.seq) {
      const run = await store.read(feed, head.seq, 1);
      const bytes = run?.entries.at(-1);
      const ms = bytes === undefined ? undefined : stampMs(decodeEntry(feed, head.seq, bytes).hlc);
      last = ms === undefined ? last : Math.max(last ?? 0, ms);
    }
  }
  return last;
}

/** What is below its point, with what is promised and what is on its way counted in. */
async function suggestions(
  { shelfTasks, stock, reservations, transfers, branch }: NodeParts,
  nameOf: (sku: string) => string,
  limit: number,
): Promise<ReorderSuggestion[]> {
  const found: ReorderSuggestion[] = [];
  for (const point of shelfTasks.points()) {
    if (found.length === limit) {
      break;
    }
    const onHandMilli = (await stock.level(branch, point.sku))?.onHandMilli ?? 0;
    const reservedMilli = reservations.reservedMilli(point.sku);
    const inTransitMilli = transfers.comingMilli(point.sku);
    const comingMilli = onHandMilli - reservedMilli + inTransitMilli;
    if (comingMilli < point.minMilli) {
      const orderMilli = point.upToMilli - comingMilli;
      const name = nameOf(point.sku);
      found.push({ ...point, name, onHandMilli, reservedMilli, inTransitMilli, orderMilli });
    }
  }
  return found;
}

function emptyLevel(sku: string, branch: string): StockLevel {
  return {
    sku: sku as StockLevel['sku'],
    branch: branch as StockLevel['branch'],
    onHandMilli: 0,
    receivedMilli: 0,
    soldMilli: 0,
    returnedMilli: 0,
    adjustedMilli: 0,
  };
}
