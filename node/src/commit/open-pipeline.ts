/**
 * The commit pipeline over the real parts: answers from rows, documents from shards, one feed writer, one disk.
 *
 * Stamps are taken when an operation appends an entry, so that its answer can name them, and handed to the feed writer in the same
 * order when the group commits.
 */
import {
  type Collection,
  type Draft as FeedDraft,
  FeedError,
  FeedWriter,
  type Member,
  type WriterId,
} from '@branchline/feed';
import { ProblemError } from '@branchline/model';
import type { HybridClock, Stamp } from 'hlc-ts';
import type { Failure } from '../failure.ts';
import type { NodePorts } from '../ports.ts';
import { STOCK, stockBranchOf } from '../projections/stock.ts';
import type { ReadModels } from '../read-models.ts';
import { seriesName } from '../succession/series-name.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import { NumberSeries } from './number-series.ts';
import { StockDocument } from './stock-document.ts';
import type { Draft } from './transaction.ts';

/** Whether the last commit found no room; writing is tried again all the same, that is how one learns of room. */
export interface DiskState {
  isFull: boolean;
}

export interface Writing {
  readonly pipeline: CommitPipeline;
  readonly series: NumberSeries;
  readonly writer: FeedWriter;
  readonly stockDocument: StockDocument;
  readonly disk: DiskState;
}

export async function openPipeline(options: {
  readonly ports: NodePorts;
  readonly self: Member;
  readonly hlc: HybridClock;
  readonly models: ReadModels;
  readonly failure: Failure;
  /** Why nothing may be written now, if so. */
  readonly closedFor: () => ProblemError | undefined;
}): Promise<Writing> {
  const { ports, self, hlc, models, failure, closedFor } = options;
  const { store, key, tenant, registry, log } = ports;
  const { answers, shards, projector, orders, returns } = models;
  const { branch } = self.grant;
  const stamps: Stamp[] = [];
  const writer = await FeedWriter.open({ store, key, tenant, now: () => stamps.shift() ?? hlc.now() });
  const name = seriesName(self, ports);
  const series = new NumberSeries(name, orders.lastCount(name), returns.lastCount(name), (prefix) =>
    models.posSync.lastCount(prefix),
  );
  const predecessors = predecessorsOf(self, (id) => registry.member(id));
  const stockOf = (at: string): StockDocument =>
    new StockDocument({ shards, branch: at, writer: key.writer, predecessors });
  const stockDocument = stockOf(branch);
  const pushedStock = new Map<string, StockDocument>();
  const stockAt = (at: string): StockDocument => {
    const held = pushedStock.get(at) ?? stockOf(at);
    pushedStock.set(at, held);
    return held;
  };
  const disk: DiskState = { isFull: false };
  const pipeline = new CommitPipeline(
    {
      now: () => hlc.now(),
      findAnswers: (keys) => answers.find(keys),
      openAnswer: (kept) => models.keys.openAnswer(kept),
      changeDocument: (document, mutators) => {
        const at = stockBranchOf(document);
        return document === STOCK
          ? stockDocument.change(mutators, hlc.now())
          : at === undefined
            ? shards.change(document as never, mutators, hlc.now())
            : stockAt(at).change(mutators, hlc.now());
      },
      commit: async (drafts) => {
        stamps.length = 0;
        stamps.push(...drafts.map(({ stamp }) => stamp));
        const { position } = await writer.commit(drafts.map(asFeedDraft));
        disk.isFull = false;
        return { position };
      },
      abandon: (drafts) => shards.abandon(drafts),
      refusalOf: (cause) => refusalOf(cause, disk),
      closedFor,
      projected: (position) => projector.reached(position),
      poisoned: (cause) => failure.set(cause),
      unexpected: (cause) => log.error({ err: cause }, 'a use case failed'),
    },
    series,
  );
  return { pipeline, series, writer, stockDocument, disk };
}

function asFeedDraft({ collection, kind, body }: Draft): FeedDraft {
  return { collection: collection as Collection, kind, body };
}

/** A commit that is known to have written nothing; everything else is of unknown outcome. */
export function refusalOf(cause: unknown, disk: DiskState): ProblemError | undefined {
  if (!(cause instanceof FeedError)) {
    return undefined;
  }
  if (cause.code === 'STORE_FULL') {
    disk.isFull = true;
    return new ProblemError('NOT_READY', 'The disk is full; nothing was written.', {
      cause,
      retryAfterSeconds: 10,
    });
  }
  if (cause.code === 'FEED_ENTRY' || cause.code === 'FEED_LIMIT') {
    return new ProblemError('INTERNAL', 'The operation is too large to be kept; nothing was written.', {
      cause,
    });
  }
  return undefined;
}

/** Earlier incarnations of this device, newest first. */
function predecessorsOf(self: Member, member: (writer: WriterId) => Member | undefined): WriterId[] {
  const writers: WriterId[] = [];
  for (let each = self.predecessor; each !== undefined && !writers.includes(each); ) {
    writers.push(each);
    each = member(each)?.predecessor;
  }
  return writers;
}
