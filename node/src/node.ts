/**
 * The node: composes store, read models, commit pipeline and peers into `NodeServices`. Composition only.
 *
 *     open: clock ─> rows ─> projections (replay the tail) ─> pipeline ─> replicator ─> peers
 *
 * Guarantees: when `open` resolves the node can sell, whatever the network does; boot reads rows and loads no document, unless
 * the rows are gone, and then they are rebuilt from the feeds before anything is served. `failed` resolves when the process must
 * end: the store or the rows are in an unknown state and nothing more was acknowledged. `close` closes in reverse order.
 */
import { Authority, type Collection, decodeEntry, type Member, Replicator, writerOf } from '@branchline/feed';
import { LOYALTY_PROGRAMME_DEFAULT, ProblemError } from '@branchline/model';
import type { Transport } from '@branchline/wire';
import { HybridClock, type Stamp, ZERO_STAMP } from 'hlc-ts';
import { Alarms } from './alarms.ts';
import { BranchKeeper } from './branch-keeper.ts';
import { openCheckpoints } from './checkpoints/open-checkpoints.ts';
import type { Decide } from './commit/commit-pipeline.ts';
import { openPipeline } from './commit/open-pipeline.ts';
import type { NodeConfig } from './config.ts';
import { NodeError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { Failure } from './failure.ts';
import { makeServices, type NodeParts } from './node-services.ts';
import type { NodePorts } from './ports.ts';
import { runUpkeep } from './projections/upkeep.ts';
import { openReadModels } from './read-models.ts';
import type { NodeServices } from './services.ts';
import { type DeviceFacts, isFinal, reasonsNotToSell } from './state-of-device.ts';
import { hasInherited, type Inheritance, inherit } from './succession/inherit.ts';
import { Succession } from './succession/succession.ts';
import { raiseAlarm } from './sync/news.ts';
import { causeInWords } from './sync/peer-link.ts';
import { Peers } from './sync/peers.ts';
import { Safety } from './sync/safety.ts';
import { statusReport } from './sync/status-report.ts';
import {
  type CatalogRow,
  IMPORT_ROWS_MAX,
  type ImportResult,
  importCatalog,
} from './use-cases/import-catalog.ts';
import type { Trade } from './use-cases/trade.ts';

/** Between two looks at acknowledgements, disk and clock; a report to the relay each time. */
export const HOUSEKEEPING_MS = 5_000;
/** Room on the disk at which selling is worth another try. */
export const FREE_BYTES_MIN = 64 * 1024 * 1024;

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

  private constructor(parts: NodeParts) {
    this.#parts = parts;
    this.failed = parts.failure.happened;
    this.services = makeServices(parts);
  }

  static async open(ports: NodePorts, settings: NodeSettings, options: NodeOptions): Promise<BranchNode> {
    const self = ports.registry.member(ports.key.writer);
    if (self === undefined) {
      throw new NodeError('NODE_NOT_ENROLLED', `device ${ports.key.writer} is not in the registry`, {
        hint: 'Start it with a token of `branchline branch add`.',
      });
    }
    const node = new BranchNode(await openParts(ports, settings, options, self));
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

  /** Says again what only this device had, under its new key. Does nothing when that was done before. */
  async inherit(inheritance: Inheritance): Promise<void> {
    const { ports, trade, series, orders } = this.#parts;
    if (!hasInherited(ports.store, ports.key.writer, inheritance.plan)) {
      await this.#parts.submitOwn('inherit', (transaction) => ({
        status: 200,
        body: inherit(trade, transaction, inheritance),
      }));
    }
    series.rewind(orders.lastCount);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): void {
    const { shards, rows, clock, pipeline, peers, events, failure } = this.#parts;
    const { signal } = this.#stop;
    this.#background.push(
      runUpkeep({ shards, rows, clock, busy: () => pipeline.counts.waiting > 0 }, signal).catch(
        (error: Error) => failure.set(error),
      ),
      this.#housekeeping(signal).catch((error: Error) => failure.set(error)),
      this.#parts.checkpoints?.maker.run(signal) ?? Promise.resolve(),
    );
    peers.start();
    events.publish('node.state', { ready: this.services.readiness().ready });
  }

  async #housekeeping(signal: AbortSignal): Promise<void> {
    const { ports, clock, disk, safety, replicator, stockDocument, hlc } = this.#parts;
    await stockDocument.warm(hlc.now());
    while (!signal.aborted) {
      await safety.look(replicator.progress());
      replicator.broadcast({ type: 'status', report: await statusReport(ports) });
      const space = disk.isFull ? await ports.diskSpace?.() : undefined;
      disk.isFull = disk.isFull && space !== undefined && space.freeBytes < FREE_BYTES_MIN;
      await clock.sleep(HOUSEKEEPING_MS, { signal }).catch(() => undefined);
    }
  }

  async #close(): Promise<void> {
    const parts = this.#parts;
    parts.closing = true;
    parts.events.publish('node.state', { ready: false });
    await parts.pipeline.close();
    await parts.peers.close();
    parts.replicator.close();
    await parts.checkpoints?.close();
    this.#stop.abort();
    await Promise.all(this.#background);
    parts.projector.stop();
    await parts.rows.close();
    parts.shards.documents.close();
    await parts.hlc.close();
  }
}

async function openParts(
  ports: NodePorts,
  settings: NodeSettings,
  options: NodeOptions,
  self: Member,
): Promise<NodeParts> {
  const { clock, store, registry, key, tenant, log, randomBytes } = ports;
  const { branch } = self.grant;
  const failure = new Failure();
  void store.failed.then((error) => failure.set(error));
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
  // What opens early asks about what opens late, and only once everything is open.
  const late = {} as Pick<NodeParts, 'facts'>;
  const models = await openReadModels({ ports, grant: self.grant, hlc, events, alarms, failure });
  const closedFor = (): ProblemError | undefined => refusalFor(late.facts());
  const writing = await openPipeline({ ports, self, hlc, models, failure, closedFor });
  const trade: Trade = {
    branch,
    catalog: models.products,
    stock: models.stock,
    customers: models.customers,
    tills: models.tills,
    series: writing.series,
    programme: LOYALTY_PROGRAMME_DEFAULT,
    mayWrite: (collection) => registry.mayWrite(key.writer, writing.writer.feed(collection as Collection)),
    randomBytes,
  };
  const { authorityKey } = ports;
  const now = (): Stamp => hlc.now();
  const authority =
    authorityKey && (await Authority.open({ key: authorityKey, tenant, store, registry, clock, now }));
  const checkpoints = openCheckpoints({
    ports,
    models,
    hlc,
    busy: () => writing.pipeline.counts.waiting > 0,
    isForked: (feed) => replicator.forks().some((fork) => fork.feed === feed),
    onMade: () => replicator.shelfMoved(),
  });
  const replicator = await Replicator.open({
    ...checkpoints?.replication,
    store,
    registry,
    tenant,
    self: key.writer,
    clock,
    ...(ports.evidence === undefined ? {} : { evidence: ports.evidence }),
    ...(authority === undefined ? {} : { authority }),
    onNews: (news) => {
      raiseAlarm(news, alarms);
      succession?.take(news);
    },
  });
  const succession =
    ports.succession &&
    new Succession({
      store: ports.succession,
      key,
      next: ports.successor,
      tenant,
      registry,
      replicator: () => replicator,
      finished: (reason) => failure.set(reason),
      failed: (error) => failure.set(error),
    });
  const peers = new Peers({
    ...ports,
    ...settings,
    retryCapMs: settings.syncIntervalSeconds * 1_000,
    replicator,
    software: options.software,
    features: checkpoints?.features ?? [],
    onChanged: () => events.publish('sync.changed', { connected: peers.openCount }),
    onRefusedBy: (url, code) => {
      if (ACT_ON.has(code)) {
        alarms.raise(code, `${url} ${causeInWords(code, true)}`);
      }
    },
    onRefused: (code, other) => log.warn({ code, writer: other }, 'peer turned away'),
  });
  const parts: NodeParts = {
    ...models,
    ...writing,
    ports,
    settings,
    clock,
    branch,
    tenant,
    hlc,
    events,
    alarms,
    trade,
    replicator,
    checkpoints,
    peers,
    safety: await Safety.open({ store, rows: models.rows, writer: key.writer }),
    failure,
    closing: false,
    facts: () => ({
      isMember: registry.member(key.writer) !== undefined,
      isRevoked: registry.member(key.writer)?.revocation !== undefined,
      isSuperseded: replicator.superseded || succession?.isUnderWay === true,
      isRestored: succession?.isRestored === true,
      failure: failure.error,
      isFull: writing.disk.isFull,
      isClosing: parts.closing,
    }),
    submitOwn: (what, decide) => submitOwn(parts, what, decide),
    keeper:
      authority &&
      new BranchKeeper({
        authority,
        authorityKey: authorityKey.publicKey,
        registry,
        store,
        replicator,
        isConnected: (other) => peers.isOpen(other),
      }),
  };
  Object.assign(late, parts);
  return parts;
}

/** An operation of the node itself: its answer is nobody's to repeat, so it has a key of its own. */
async function submitOwn<Answer>(parts: NodeParts, what: string, decide: Decide<Answer>): Promise<Answer> {
  const key = `${what}:${Buffer.from(parts.ports.randomBytes(16)).toString('hex')}`;
  const till = { till: 'control', role: 'admin' as const };
  const answer = await parts.pipeline.submit({ key, fingerprint: '0'.repeat(64), till }, decide);
  return answer.body;
}

function refusalFor(facts: DeviceFacts): ProblemError | undefined {
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
