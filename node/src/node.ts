/**
 * The node: composes store, documents, projections, commit pipeline and peers into `NodeServices`. Composition only.
 *
 *     open: clock ─> rows ─> projections (replay the tail) ─> pipeline ─> replicator ─> peers
 *
 * Guarantees: when `open` resolves the node can sell, whatever the network does; boot reads rows and loads no document, unless
 * the rows are gone, and then they are rebuilt from the feeds before anything is served. `failed` resolves when the process must
 * end: the store or the rows are in an unknown state and nothing more was acknowledged. `close` closes in reverse order.
 */
import {
  Authority,
  type Collection,
  decodeEntry,
  FeedError,
  FeedWriter,
  type Member,
  type ReplicationNews,
  Replicator,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import { LOYALTY_PROGRAMME_DEFAULT, ProblemError } from '@branchline/model';
import type { Transport } from '@branchline/wire';
import { HybridClock, type Stamp, ZERO_STAMP } from 'hlc-ts';
import { Alarms } from './alarms.ts';
import { BranchKeeper } from './branch-keeper.ts';
import { CommitPipeline } from './commit/commit-pipeline.ts';
import { NumberSeries } from './commit/number-series.ts';
import { StockDocument } from './commit/stock-document.ts';
import type { Draft } from './commit/transaction.ts';
import type { NodeConfig } from './config.ts';
import { NodeError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { makeServices, type NodeParts } from './node-services.ts';
import type { NodePorts } from './ports.ts';
import { Answers } from './projections/answers.ts';
import { CustomerBook } from './projections/customers.ts';
import { Shards } from './projections/documents.ts';
import { Orders } from './projections/orders.ts';
import { Products } from './projections/products.ts';
import { Projector } from './projections/projection.ts';
import { Rows } from './projections/rows.ts';
import { STOCK, StockBook } from './projections/stock.ts';
import { Tills } from './projections/tills.ts';
import type { NodeServices } from './services.ts';
import { type DeviceFacts, isFinal, reasonsNotToSell } from './state-of-device.ts';
import { causeInWords } from './sync/peer-link.ts';
import { Peers } from './sync/peers.ts';
import { Safety } from './sync/safety.ts';
import {
  type CatalogRow,
  IMPORT_ROWS_MAX,
  type ImportResult,
  importCatalog,
} from './use-cases/import-catalog.ts';
import type { Trade } from './use-cases/trade.ts';

/** Between two looks at acknowledgements, disk and clock; a report to the relay each time. */
export const HOUSEKEEPING_MS = 5_000;

/** Refusals by a peer that somebody has to act on; the others pass by themselves. */
const ACT_ON: ReadonlySet<string> = new Set([
  'PEER_REVOKED',
  'PEER_UNKNOWN',
  'TENANT_MISMATCH',
  'VERSION_MISMATCH',
]);

export type NodeSettings = Pick<NodeConfig, 'mode' | 'relay' | 'peers' | 'syncIntervalSeconds'>;

export interface NodeOptions {
  /** Name and version, told to peers. */
  readonly software: string;
}

export class BranchNode {
  readonly services: NodeServices;
  /** Resolves with the reason when the process must end. */
  readonly failed: Promise<Error>;
  readonly #parts: NodeParts;
  readonly #stop = new AbortController();
  readonly #background: Promise<unknown>[] = [];
  #closing: Promise<void> | undefined;

  private constructor(parts: NodeParts, failed: Promise<Error>) {
    this.#parts = parts;
    this.failed = failed;
    this.services = makeServices(parts);
  }

  static async open(ports: NodePorts, settings: NodeSettings, options: NodeOptions): Promise<BranchNode> {
    const { store, registry, key } = ports;
    const self = registry.member(key.writer);
    if (self === undefined) {
      throw new NodeError('NODE_NOT_ENROLLED', `device ${key.writer} is not in the registry`, {
        hint: 'Start it with a token of `branchline branch add`.',
      });
    }
    const failure = new Failure();
    void store.failed.then((error) => failure.set(error));
    const parts = await openParts(ports, settings, options, self, failure);
    const node = new BranchNode(parts, failure.happened);
    node.#start();
    return node;
  }

  /** Called for each socket that reached `/v1/replicate`. */
  accept(transport: Transport): void {
    this.#parts.peers.accept(transport);
  }

  /** Products of head office, up to IMPORT_ROWS_MAX in one commit, all or nothing each. */
  async importCatalog(rows: readonly CatalogRow[]): Promise<ImportResult> {
    let created = 0;
    for (let from = 0; from < rows.length; from += IMPORT_ROWS_MAX) {
      const chunk = rows.slice(from, from + IMPORT_ROWS_MAX);
      const answer = await this.#parts.submitOwn('import', (transaction) => ({
        status: 200,
        body: importCatalog(this.#parts.trade, transaction, chunk),
      }));
      created += answer.created;
    }
    return { rows: rows.length, created };
  }

  /** Applies everything replicated so far to documents and rows, without waiting for an idle moment. */
  async settle(): Promise<void> {
    await this.#parts.shards.materialiseAll();
    await this.#parts.rows.flush();
  }

  /** Sorted heads of a document; equal heads mean equal documents. */
  heads(document: string): Promise<string[]> {
    return this.#parts.shards.heads(document);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): void {
    const { shards, peers, events, failure } = this.#parts;
    const { signal } = this.#stop;
    this.#background.push(
      shards.run(signal).catch((error: Error) => failure.set(error)),
      this.#housekeeping(signal).catch((error: Error) => failure.set(error)),
    );
    peers.start();
    events.publish('node.state', { ready: this.services.readiness().ready });
  }

  async #housekeeping(signal: AbortSignal): Promise<void> {
    const { clock, safety, replicator, report, stockDocument, hlc } = this.#parts;
    await stockDocument.warm(hlc.now());
    while (!signal.aborted) {
      await safety.look(replicator.progress());
      replicator.broadcast({ type: 'status', report: await report() });
      await clock.sleep(HOUSEKEEPING_MS, { signal }).catch(() => undefined);
    }
  }

  async #close(): Promise<void> {
    const { parts } = { parts: this.#parts };
    parts.closing = true;
    parts.events.publish('node.state', { ready: false });
    await parts.pipeline.close();
    await parts.peers.close();
    parts.replicator.close();
    this.#stop.abort();
    await Promise.all(this.#background);
    parts.projector.stop();
    await parts.rows.close();
    parts.shards.documents.close();
    await parts.hlc.close();
  }
}

/** The first thing that went wrong for good. */
export class Failure {
  readonly happened: Promise<Error>;
  #error: Error | undefined;
  #resolve: (error: Error) => void = () => {};

  constructor() {
    this.happened = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get error(): Error | undefined {
    return this.#error;
  }

  set(error: Error): void {
    if (this.#error === undefined) {
      this.#error = error;
      this.#resolve(error);
    }
  }
}

async function openParts(
  ports: NodePorts,
  settings: NodeSettings,
  options: NodeOptions,
  self: Member,
  failure: Failure,
): Promise<NodeParts> {
  const { clock, store, registry, key, tenant, log } = ports;
  const { branch, region, nodeLetter, incarnation } = self.grant;
  const hlc = await HybridClock.open({
    clock,
    bound: ports.clockBound,
    atLeast: await lastOwnStamp(ports),
    onWarning: (warning) => log.warn({ warning: warning.kind }, 'clock'),
  });
  const events = new EventLog(store.position);
  const alarms = new Alarms({
    nowMs: () => clock.nowMs(),
    onRaised: (alarm) => {
      log.warn(alarm, 'alarm');
      events.publish('alarm.raised', { ...alarm });
    },
  });

  // ---- rows and what fills them
  const rows = await Rows.open({ level: ports.rows, onFailure: (error) => failure.set(error) });
  const isRebuild = rows.position === 0 && store.position > 0;
  const products = await Products.open({
    rows,
    branch,
    onChanged: (sku, { position }) => events.publish('product.changed', { sku }, position),
  });
  const stock = new StockBook({
    rows,
    branch,
    onChanged: (of, row, { position }) => {
      if (of === branch) {
        events.publish('stock.changed', { sku: row.sku, onHandMilli: row.onHandMilli }, position);
      }
    },
  });
  const customers = await CustomerBook.open({
    rows,
    region,
    onChanged: (id, { position }) => events.publish('customer.changed', { id }, position),
  });
  const tills = await Tills.open(rows);
  const answers = new Answers(rows);
  const orders = await Orders.open({
    rows,
    writer: key.writer,
    onAccepted: ({ id, number, branch: of, totalMinor }, { position, replayed }) => {
      if (!replayed) {
        events.publish('order.accepted', { id, number, branch: of, totalMinor }, position);
      }
    },
  });
  let pipeline: CommitPipeline | undefined;
  const shards = await Shards.open({
    rows,
    writer: key.writer,
    clock,
    sinks: { catalog: products, stock, loyalty: customers },
    onQuarantined: (doc, writer, code, reason) =>
      alarms.raise('CHANGE_QUARANTINED', `${doc}: a change of ${writer} was set aside (${code}: ${reason})`),
    onFailure: (error) => failure.set(error),
    busy: () => (pipeline?.counts.waiting ?? 0) > 0,
  });
  const projector = new Projector({
    store,
    rows,
    projections: [answers, orders, tills, shards],
    clock,
    onRemote: (stamp) => {
      if (hlc.observe(stamp) === 'ahead') {
        alarms.raise('CLOCK_AHEAD', 'a peer stamps its entries far ahead of this clock; check both clocks');
      }
    },
    onUnreadable: (feed, seq, cause) =>
      alarms.raise(
        'ENTRY_UNREADABLE',
        `entry ${seq} of ${feed} was passed over: ${String(cause).slice(0, 200)}`,
      ),
  });
  await projector.start();
  if (isRebuild) {
    log.info({ position: store.position }, 'rows are rebuilt from the feeds');
    await shards.materialiseAll();
  }

  // ---- the road to durability
  const series = new NumberSeries({ branch: branch as never, nodeLetter, incarnation }, orders.lastCount);
  const stamps: Stamp[] = [];
  const writer = await FeedWriter.open({ store, key, tenant, now: () => stamps.shift() ?? hlc.now() });
  const predecessors = predecessorsOf(self, (id) => registry.member(id));
  const stockDocument = new StockDocument({ shards, branch, writer: key.writer, predecessors });
  const disk = { isFull: false };
  const parts = {} as { facts: () => DeviceFacts };
  pipeline = new CommitPipeline(
    {
      now: () => hlc.now(),
      findAnswers: (keys) => answers.find(keys),
      changeDocument: (document, mutators) =>
        document === STOCK
          ? stockDocument.change(mutators, hlc.now())
          : shards.change(document as never, mutators, hlc.now()),
      commit: async (drafts) => {
        stamps.length = 0;
        stamps.push(...drafts.map(({ stamp }) => stamp));
        const { position } = await writer.commit(drafts.map(asFeedDraft));
        disk.isFull = false;
        return { position };
      },
      abandon: (drafts) => shards.abandon(drafts),
      refusalOf: (cause) => refusalOf(cause, disk),
      closedFor: () => closedFor(parts.facts()),
      projected: (position) => projector.reached(position),
      poisoned: (cause) => failure.set(cause),
      unexpected: (cause) => log.error({ err: cause }, 'a use case failed'),
    },
    series,
  );
  const trade: Trade = {
    branch,
    catalog: products,
    stock,
    customers,
    tills,
    series,
    programme: LOYALTY_PROGRAMME_DEFAULT,
    mayWrite: (collection) => registry.mayWrite(key.writer, writer.feed(collection as Collection)),
    randomBytes: ports.randomBytes,
  };

  // ---- peers
  const authority =
    ports.authorityKey === undefined
      ? undefined
      : await Authority.open({
          key: ports.authorityKey,
          tenant,
          store,
          registry,
          clock,
          now: () => hlc.now(),
        });
  const replicator = await Replicator.open({
    store,
    registry,
    tenant,
    self: key.writer,
    clock,
    ...(authority === undefined ? {} : { authority }),
    onNews: (news) => tell(news, alarms),
  });
  const safety = await Safety.open({ store, rows, writer: key.writer });
  const peers = new Peers({
    mode: settings.mode,
    relay: settings.relay,
    peers: settings.peers,
    retryCapMs: settings.syncIntervalSeconds * 1_000,
    replicator,
    registry,
    key,
    tenant,
    software: options.software,
    clock,
    random: ports.random,
    randomBytes: ports.randomBytes,
    dial: ports.dial,
    onChanged: () => events.publish('sync.changed', { connected: peers.openCount }),
    onRefusedBy: (url, code) => {
      if (ACT_ON.has(code)) {
        alarms.raise(code, `${url} ${causeInWords(code, true)}`);
      }
    },
    onRefused: (code, other) => log.warn({ code, writer: other }, 'peer turned away'),
  });
  parts.facts = () => ({
    isMember: registry.member(key.writer) !== undefined,
    isRevoked: registry.member(key.writer)?.revocation !== undefined,
    isSuperseded: replicator.superseded,
    failure: failure.error,
    isFull: disk.isFull,
    isClosing: result.closing,
  });
  const result: NodeParts = {
    ports,
    settings,
    clock,
    branch,
    tenant,
    hlc,
    events,
    alarms,
    rows,
    products,
    stock,
    customers,
    tills,
    orders,
    shards,
    stockDocument,
    projector,
    pipeline,
    trade,
    replicator,
    peers,
    safety,
    failure,
    closing: false,
    reasons: () => reasonsNotToSell(parts.facts()),
    report: () => statusReport(ports, key.writer),
    submitOwn: (till, decide) => submitOwn(result, till, decide),
    keeper:
      authority === undefined
        ? undefined
        : new BranchKeeper({
            authority,
            authorityKey: ports.authorityKey!.publicKey,
            registry,
            store,
            replicator,
            isConnected: (other) => peers.isOpen(other),
          }),
  };
  return result;
}

/** An operation of the node itself: its answer is nobody's to repeat, so it has a key of its own. */
async function submitOwn<Answer>(
  parts: NodeParts,
  what: string,
  decide: Parameters<CommitPipeline['submit']>[1],
): Promise<Answer> {
  const key = `${what}:${Buffer.from(parts.ports.randomBytes(16)).toString('hex')}`;
  const till = { till: 'control', role: 'admin' as const };
  const answer = await parts.pipeline.submit({ key, fingerprint: '0'.repeat(64), till }, decide);
  return answer.body as Answer;
}

function asFeedDraft({ collection, kind, body }: Draft): {
  collection: Collection;
  kind: string;
  body: unknown;
} {
  return { collection: collection as Collection, kind, body };
}

/** A commit that is known to have written nothing; everything else is of unknown outcome. */
function refusalOf(cause: unknown, disk: { isFull: boolean }): ProblemError | undefined {
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

function closedFor(facts: DeviceFacts): ProblemError | undefined {
  if (!isFinal(facts)) {
    return undefined;
  }
  const [first] = reasonsNotToSell(facts);
  return new ProblemError(first!.code, `The node cannot sell: ${first!.words}.`, { retryAfterSeconds: 5 });
}

/** The greatest stamp this device has in its feeds: cover for a lost clock bound. */
async function lastOwnStamp({ store, key }: NodePorts): Promise<Stamp> {
  let last: Stamp = ZERO_STAMP;
  for (const [feed, { head, base }] of store.feeds()) {
    if (writerOf(feed) === key.writer && head.seq > base.seq) {
      const run = await store.read(feed, head.seq, 1);
      const bytes = run?.entries.at(-1);
      const hlc = bytes === undefined ? last : decodeEntry(feed, head.seq, bytes).hlc;
      last = hlc > last ? hlc : last;
    }
  }
  return last;
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

function tell(news: ReplicationNews, alarms: Alarms): void {
  switch (news.type) {
    case 'entriesRefused':
      alarms.raise(
        'ENTRIES_REFUSED',
        `${news.peer} sent entries of ${news.feed} that were refused (${news.code})`,
      );
      break;
    case 'forkFound':
      alarms.raise(
        'FEED_FORKED',
        `${news.evidence.feed} was written twice; it is quarantined, evidence is kept`,
      );
      break;
    case 'ownForkFound':
      alarms.raise(
        'DEVICE_SUPERSEDED',
        `${news.peer} holds another history of ${news.feed}, written with our key`,
      );
      break;
    case 'alarmReceived':
      alarms.raise(news.code.slice(0, 64), `${news.peer}: ${news.detail.slice(0, 200)}`);
      break;
    case 'incarnationNeeded':
    case 'checkpointApplied':
    case 'peerLive':
    case 'peerLeft':
    case 'statusReceived':
      break;
    default:
      news satisfies never;
  }
}

/** What the relay's fleet page shows of this node. */
async function statusReport({ clock, store, diskSpace }: NodePorts, writer: WriterId): Promise<unknown> {
  const heads = [...store.feeds().values()]
    .filter(({ feed }) => writerOf(feed) === writer && !feed.startsWith('local/'))
    .map(({ feed, head }) => [feed, head.seq]);
  const disk = await diskSpace?.();
  return { nowMs: clock.nowMs(), heads, ...(disk === undefined ? {} : { disk }) };
}
