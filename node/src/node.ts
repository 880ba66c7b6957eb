/**
 * The node: composes store, read models, commit pipeline and peers into `NodeServices`. Composition only.
 *
 *     open: clock ─> rows ─> projections (replay the tail) ─> pipeline ─> exchange (replicator, peers)
 *
 * Guarantees: when `open` resolves the node can sell, whatever the network does; boot reads rows and loads no document, unless
 * the rows are gone, and then they are rebuilt from the feeds before anything is served. `failed` resolves when the process must
 * end: the store or the rows are in an unknown state and nothing more was acknowledged. `renewal` resolves when this device must go
 * on under another key: close the node, prepare its home, open it again. `close` closes in reverse order.
 */
import {
  Authority,
  type Collection,
  type DeviceKey,
  FeedError,
  keptStamp,
  lastStamp,
  type Member,
  Replicator,
  type ReplicatorOptions,
  type WriterId,
} from '@branchline/feed';
import { ProblemError } from '@branchline/model';
import type { Transport } from '@branchline/wire';
import { HybridClock, MAX_AHEAD_MS_DEFAULT, type Stamp } from 'hlc-ts';
import { Alarms } from './alarms.ts';
import { BranchKeeper } from './branch-keeper.ts';
import { openCheckpoints } from './checkpoints/open-checkpoints.ts';
import type { Decide } from './commit/commit-pipeline.ts';
import { openPipeline } from './commit/open-pipeline.ts';
import type { Transaction } from './commit/transaction.ts';
import type { NodeConfig } from './config.ts';
import { ErasureDesk } from './customers/erasure-desk.ts';
import { OfdDelivery } from './delivery/ofd-delivery.ts';
import { Webhooks } from './delivery/webhooks.ts';
import { SignInDesk } from './employees/sign-in-desk.ts';
import { NodeError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { examineNode } from './examination.ts';
import { Failure } from './failure.ts';
import { tellOfVerify } from './files/folder-marks.ts';
import { Fiscal } from './fiscal/open-fiscal.ts';
import { GoodsDesk } from './goods/goods-desk.ts';
import { Heartbeat } from './heartbeat/heartbeat.ts';
import { LiveDesk } from './live/live-desk.ts';
import { openRights } from './loyalty/open-rights.ts';
import { ReclaimRules } from './loyalty/reclaim-rules.ts';
import type { RightsKeeper } from './loyalty/rights-keeper.ts';
import { accountOfCode } from './loyalty/voucher-account.ts';
import { MaintenanceDesk } from './maintenance/maintenance-desk.ts';
import { makeServices, type NodeParts } from './node-services.ts';
import type { NodePorts } from './ports.ts';
import { PosSyncDesk } from './pos-offline-sync/pos-sync-desk.ts';
import { AnswerAge } from './projections/answer-age.ts';
import { runUpkeep } from './projections/upkeep.ts';
import { openReadModels } from './read-models.ts';
import { DailyLook } from './reports/daily-look.ts';
import { ReturnDesk } from './returns/return-desk.ts';
import { ReturnRights } from './returns/return-rights.ts';
import type { NodeServices } from './services.ts';
import { type DeviceFacts, isFinal, reasonsNotToSell } from './state-of-device.ts';
import { type Inheritance, inheritanceParts } from './succession/inherit.ts';
import { grownSince, hasAllOf, sayLink } from './succession/link.ts';
import { type Renewal, Succession } from './succession/succession.ts';
import { raiseSuccession } from './succession/succession-alarms.ts';
import { answerExamination } from './sync/examined.ts';
import { Exchange } from './sync/exchange.ts';
import { raiseAlarm } from './sync/news.ts';
import { causeInWords } from './sync/peer-link.ts';
import { Peers } from './sync/peers.ts';
import { Safety } from './sync/safety.ts';
import { runStatusReports } from './sync/status-report.ts';
import {
  type CatalogRow,
  IMPORT_ROWS_MAX,
  type ImportResult,
  importCatalog,
} from './use-cases/import-catalog.ts';
import type { Trade } from './use-cases/trade.ts';

/** Between two looks at acknowledgements, disk and clock. */
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

/** Who asks when the node itself does. */
const CONTROL = { till: 'control', role: 'admin' } as const;
const NO_FINGERPRINT = '0'.repeat(64);
const RESTORED_WORDS =
  'This head office was restored and has not heard from a device yet; one of them brings what the backup lacks.';

export type NodeSettings = Pick<NodeConfig, 'mode' | 'relay' | 'peers' | 'syncIntervalSeconds'> &
  Partial<Pick<NodeConfig, 'webhooks' | 'kktApi'>>;

export interface NodeOptions {
  /** Name and version, told to peers. */
  readonly software: string;
}

export class BranchNode {
  readonly services: NodeServices;
  /** Resolves with the reason when the process must end. */
  readonly failed: Promise<Error>;
  /** Resolves when this device must go on under another key; may never do. */
  readonly renewal: Promise<Renewal>;
  readonly #parts: NodeParts;
  readonly #stop = new AbortController();
  readonly #background: Promise<unknown>[] = [];
  #linked = false;
  #url: string | undefined;
  #closing: Promise<void> | undefined;

  private constructor(parts: NodeParts) {
    this.#parts = parts;
    this.failed = parts.failure.happened;
    this.renewal = parts.renewal;
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

  /** Checkpoints kept here, and what takes over those of others. */
  get checkpoints(): ReplicatorOptions['checkpoints'] {
    return this.#parts.checkpoints?.replication.checkpoints;
  }

  /** Called when its pages are reachable: the relay is told where. */
  servedAt(url: string): void {
    this.#url = url;
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

  /** How far every feed held here goes, on disk. Nodes with equal vectors have equal documents. */
  feeds(): ReturnType<NodePorts['store']['feeds']> {
    return this.#parts.ports.store.feeds();
  }

  /** Sorted heads of a document; equal heads mean equal documents. */
  heads(document: string): Promise<string[]> {
    return this.#parts.shards.heads(document);
  }

  /** Called before anybody sells: says first what a new key has to say. What was said before is not repeated. */
  async inherit(inheritance: Inheritance): Promise<void> {
    const { ports, pipeline } = this.#parts;
    for (const [index, part] of inheritanceParts(inheritance).entries()) {
      const key = `succession/${ports.key.writer}/${index}`;
      await pipeline.submit({ key, fingerprint: NO_FINGERPRINT, till: CONTROL }, (transaction) => {
        part(transaction);
        return { status: 200, body: { part: index } };
      });
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): void {
    const { fiscal, shards, rows, clock, pipeline, exchange, succession, events, failure } = this.#parts;
    const { signal } = this.#stop;
    this.#background.push(
      runUpkeep({ shards, rows, clock, busy: () => pipeline.counts.waiting > 0 }, signal).catch(
        (error: Error) => failure.set(error),
      ),
      this.#housekeeping(signal).catch((error: Error) => failure.set(error)),
      runStatusReports(
        {
          ports: this.#parts.ports,
          clock,
          services: this.services,
          url: () => this.#url,
          peers: () => this.#parts.peers.openCount,
          tell: (report) => exchange.replicator.broadcast({ type: 'status', report }),
        },
        signal,
      ).catch((error: Error) => failure.set(error)),
      this.#parts.answers.learn(clock, signal).catch((error: Error) => failure.set(error)),
      this.#parts.rights.run(signal).catch((error: Error) => failure.set(error)),
      this.#parts.returnDesk.run(signal),
      this.#parts.heartbeat?.run(signal) ?? Promise.resolve(),
      this.#parts.goodsDesk.run(signal),
      this.#parts.erasureDesk.run(signal).catch((error: Error) => failure.set(error)),
      this.#parts.checkpoints?.maker.run(signal) ?? Promise.resolve(),
    );
    exchange.start();
    succession.start().catch((error: Error) => failure.set(error));
    fiscal.start();
    this.#parts.webhooks?.start().catch((error: Error) => failure.set(error));
    events.publish('node.state', { ready: this.services.readiness().ready });
  }

  async #housekeeping(signal: AbortSignal): Promise<void> {
    const { ports, clock, disk, safety, stockDocument, succession, exchange, keeper, hlc } = this.#parts;
    const { maintenanceDesk } = this.#parts;
    maintenanceDesk.look();
    await stockDocument.warm(hlc.now());
    const { store } = ports;
    const answerAge = new AnswerAge({ ...this.#parts, store });
    const daily = new DailyLook({ ...this.#parts, store, reconcile: this.services.reports.reconcile });
    while (!signal.aborted) {
      safety.note(exchange.replicator.progress());
      const space = await ports.diskSpace?.();
      this.#parts.space = space;
      this.#parts.marks = await ports.folderMarks?.();
      tellOfVerify(this.#parts.marks, this.#parts.alarms);
      succession.ask();
      if (!succession.isPending) {
        await this.#link();
        await keeper?.retire();
      }
      await answerAge.look();
      await daily.look();
      maintenanceDesk.look();
      disk.isFull = disk.isFull && space !== undefined && space.freeBytes < FREE_BYTES_MIN;
      await clock.sleep(HOUSEKEEPING_MS, { signal }).catch(() => undefined);
    }
  }

  /** After a restore, once everything came back: says where the feeds of the former key really ended. */
  async #link(): Promise<void> {
    const { ports, pipeline, exchange } = this.#parts;
    const record = ports.succession;
    if (this.#linked || record?.reason !== 'restored') {
      return;
    }
    const { writer, predecessor } = record;
    if (hasAllOf(predecessor, exchange.replicator.progress(), ports.registry)) {
      this.#linked = true;
      const grown = await grownSince(ports.store, writer, predecessor);
      const submission = { key: `succession/${writer}/link`, fingerprint: NO_FINGERPRINT, till: CONTROL };
      if (grown.length > 0) {
        const said = pipeline.submit(submission, (transaction) => {
          sayLink(transaction, predecessor, grown);
          return { status: 200, body: { feeds: grown.length } };
        });
        // A full disk, or the end of the node: it is said another time.
        await said.catch((error: Error) =>
          ports.log.warn({ err: error }, 'not said where the old feeds end'),
        );
      }
    }
  }

  async #close(): Promise<void> {
    const parts = this.#parts;
    parts.closing = true;
    parts.events.publish('node.state', { ready: false });
    parts.posSyncDesk?.stop();
    await parts.live?.close();
    await parts.fiscal.stop();
    await parts.webhooks?.queue.stop();
    await parts.pipeline.close();
    await parts.exchange.close();
    await parts.checkpoints?.close();
    this.#stop.abort();
    await Promise.all(this.#background);
    await parts.webhooks?.queue.close();
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
    atLeast: await lastStamp(store, ownWriters(ports)),
    kept: () => keptHere(ports),
    onWarning: (warning) => log.warn({ warning: warning.kind }, 'clock'),
  });
  const events = new EventLog(store.position);
  const alarms = new Alarms({
    nowMs: () => clock.nowMs(),
    onRaised: (alarm) => {
      log.warn(alarm, 'alarm');
      events.publish('alarm.raised', { ...alarm });
    },
    onCleared: (alarm) => {
      log.info(alarm, 'alarm is over');
      events.publish('alarm.cleared', { ...alarm });
    },
  });
  // What opens early asks about what opens late, and only once everything is open.
  const late = {} as Pick<NodeParts, 'facts'> & {
    isPastComplete: () => boolean;
    rights?: RightsKeeper;
  };
  const models = await openReadModels({
    ports,
    grant: self.grant,
    hlc,
    events,
    alarms,
    failure,
    onRights: (account) => late.rights?.look(account),
  });
  const closedFor = (): ProblemError | undefined => refusalFor(late.facts());
  const writing = await openPipeline({ ports, self, hlc, models, failure, closedFor });
  const trade: Trade = {
    branch,
    region: self.grant.region,
    catalog: models.products,
    stock: models.stock,
    customers: models.customers,
    tills: models.tills,
    reservations: models.reservations,
    transfers: models.transfers,
    shelfTasks: models.shelfTasks,
    maintenance: models.maintenance,
    isBranch: (code) =>
      registry.members().some(({ grant }) => grant.branch === code && grant.role !== 'relay'),
    nowMs: () => clock.nowMs(),
    returns: new ReturnRights({
      ...models,
      ...ports,
      writer: key.writer,
      isPastComplete: () => late.isPastComplete(),
    }),
    series: writing.series,
    programmes: models.programmes,
    pricing: models.pricing,
    rights: {
      need: (account, points) => {
        for (const each of models.customers.groupOf(account)) {
          late.rights?.need({ region: self.grant.region, account: each }, points);
        }
      },
      used: (account, points) => late.rights?.used({ region: self.grant.region, account }, points),
    },
    accountOf: (kind, code) => accountOfCode(tenant, kind, code),
    contactOf: async (receipt) => {
      const what = (await models.receipts.get(receipt))?.what;
      return what?.kind === 'sale' ? what.contact : undefined;
    },
    keys: models.keys,
    printsReceipts: ports.kkt !== undefined,
    guard: {
      sale: (sold, till) => parts.fiscal.guardSale(sold, till),
      refund: (refund, original) => parts.fiscal.guardRefund(refund, original),
    },
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
    isForked: (feed) => exchange.replicator.forks().some((fork) => fork.feed === feed),
    onMade: () => exchange.replicator.shelfMoved(),
  });
  const reclaims = new ReclaimRules({
    ...ports,
    reclaims: models.reclaims,
    self: key.writer,
    pool: () => late.rights?.pool,
    isPastComplete: () => late.isPastComplete(),
  });
  let renew: (renewal: Renewal) => void = () => undefined;
  const renewal = new Promise<Renewal>((resolve) => {
    renew = resolve;
  });
  const succession = new Succession({
    keys: [...(ports.formerKeys ?? []), key],
    rotation: ports.rotation,
    tenant,
    registry,
    authority: () => (mayDecide() ? authority : undefined),
    nowMs: () => clock.nowMs(),
    say: (message, peer) => {
      if (peer === undefined) {
        exchange.replicator.broadcast(message);
      } else {
        exchange.replicator.session(peer)?.say(message);
      }
    },
    onConfirmed: (newer) => {
      exchange.speakAs(newer).catch((error: Error) => failure.set(error));
    },
    onRenewal: (wanted) => renew(wanted),
    failed: (error) => failure.set(error),
  });
  // An authority put back from a backup may know less than its devices: an entry written now would be a second history.
  let isHeard = ports.succession?.reason !== 'restored' || registry.isConfirmed(key.writer);
  const mayDecide = (): boolean => {
    isHeard ||= exchange.replicator.isLevelOn(registry.feed);
    return isHeard;
  };
  const succeed: Authority['succeed'] = async (request) => {
    if (!mayDecide()) {
      throw new FeedError('AUTHORITY_KEY', RESTORED_WORDS, { retryable: true });
    }
    return await authority!.succeed(request);
  };
  const speakAs = async (speaker: DeviceKey) => {
    const replicator = await Replicator.open({
      ...checkpoints?.replication,
      store,
      registry,
      tenant,
      self: speaker.writer,
      clock,
      ...(ports.evidence === undefined ? {} : { evidence: ports.evidence }),
      ...(authority === undefined ? {} : { authority: { succeed } }),
      onNews: (news) => {
        // That peers know more of a key we no longer write with is what was to be expected.
        if (news.type !== 'ownForkFound' || !succession.isPending) {
          raiseAlarm(news, alarms);
        }
        if (news.type === 'peerLive') {
          linkIsFine(news.peer);
        }
        succession.take(news);
        answerExamination(news, {
          registry,
          log,
          examine: () => {
            const services = makeServices(parts);
            return examineNode({ sync: services.sync.status(), ready: services.readiness() });
          },
          say: (peer, report) => exchange.replicator.session(peer)?.say({ type: 'status', report }),
        });
      },
    });
    const peers: Peers = new Peers({
      ...ports,
      ...settings,
      key: speaker,
      formerKey: formerOf(speaker, ports),
      retryCapMs: settings.syncIntervalSeconds * 1_000,
      replicator,
      software: options.software,
      features: checkpoints?.features ?? [],
      onChanged: () => events.publish('sync.changed', { connected: peers.openCount }),
      onRefusedBy: (url, code) => {
        if (ACT_ON.has(code)) {
          alarms.raise(code, `${url} ${causeInWords(code, true)}`, url);
        }
      },
      onRefused: (code, other) => log.warn({ code, writer: other }, 'peer turned away'),
    });
    const linkIsFine = (peer: WriterId): void => {
      for (const { url } of peers.links.filter(({ writer }) => writer === peer)) {
        alarms.clearAbout(url);
      }
    };
    return { replicator, peers };
  };
  const exchange = await Exchange.open(succession.speaker, {
    clock,
    registry: registry.feed,
    make: speakAs,
  });
  const commit = async (append: (transaction: Transaction) => void): Promise<void> => {
    await submitOwn(parts, 'receipt', (transaction) => {
      append(transaction);
      return { status: 200, body: {} };
    });
  };
  const isOwn = (id: string): boolean => ownWriters(ports).includes(id as WriterId);
  const delivering = {
    ...ports,
    level: ports.outbox,
    branch,
    isOwn,
    alarms,
    commit,
    onFailure: (error: Error) => failure.set(error),
  };
  const ofd =
    ports.kkt === undefined
      ? undefined
      : await OfdDelivery.open({ ...delivering, driver: ports.kkt.driver, link: ports.kkt.ofdLink });
  const webhooks = await Webhooks.open({
    ...delivering,
    hooks: settings.webhooks ?? [],
    post: ports.post ?? noPost,
    order: (id) => models.orders.get(id),
    receipt: (id) => parts.fiscal.receipt(id),
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
    webhooks,
    ofd,
    fiscal: new Fiscal({
      ofd,
      ...ports,
      ...models,
      kkt: ports.kkt,
      pipeline: writing.pipeline,
      ordersFeed: writing.writer.feed(`orders/${branch}` as Collection),
      branch,
      events,
      alarms,
      commit,
    }),
    heartbeat:
      settings.kktApi?.heartbeat &&
      new Heartbeat({
        ...settings.kktApi.heartbeat,
        branch,
        clock,
        alarms,
        post: ports.post ?? noPost,
        buffer: () => parts.fiscal.register.buffer(),
      }),
    signIns: new SignInDesk({
      ...models,
      branch,
      trade,
      pipeline: writing.pipeline,
      commit,
      clock,
      randomBytes,
      alarms,
    }),
    maintenanceDesk: new MaintenanceDesk({
      ...models,
      branch,
      pipeline: writing.pipeline,
      nowMs: () => clock.nowMs(),
      alarms,
    }),
    exchange,
    succession,
    renewal,
    get replicator() {
      return exchange.replicator;
    },
    get peers() {
      return exchange.peers;
    },
    checkpoints,
    rights: openRights({
      ports,
      models,
      branch,
      events,
      exchange,
      reclaims,
      submitOwn: (decide) => submitOwn(parts, 'rights', decide),
    }),
    reclaimRules: reclaims,
    safety: await Safety.open({
      store,
      rows: models.rows,
      writers: ownWriters(ports),
      nowMs: () => clock.nowMs(),
    }),
    failure,
    live: undefined,
    posSyncDesk: undefined,
    closing: false,
    space: await ports.diskSpace?.(),
    marks: await ports.folderMarks?.(),
    startedMs: clock.nowMs(),
    facts: () => ({
      isMember: registry.member(key.writer) !== undefined,
      isSearching: succession.isSearching,
      failure: failure.error,
      isFull: writing.disk.isFull,
      isClosing: parts.closing,
    }),
    submitOwn: (what, decide) => submitOwn(parts, what, decide),
    goodsDesk: new GoodsDesk({
      ...models,
      trade,
      writers: ownWriters(ports),
      clock,
      submit: async (decide) => {
        await submitOwn(parts, 'goods', async (transaction) => {
          await decide(transaction);
          return { status: 200, body: {} };
        });
      },
      failed: (error) => failure.set(error),
    }),
    erasureDesk: new ErasureDesk({
      ...ports,
      trade,
      book: models.erasures,
      writers: ownWriters(ports),
      writer: key.writer,
      progress: () => exchange.replicator.progress(),
      submit: (request, decide) => writing.pipeline.submit(request, decide),
      submitOwn: (decide) => submitOwn(parts, 'erasure', decide),
      failed: (error) => failure.set(error),
    }),
    returnDesk: new ReturnDesk({
      trade,
      returns: models.returns,
      writer: key.writer,
      clock,
      submit: async (decide) => {
        await submitOwn(parts, 'return', async (transaction) => {
          await decide(transaction);
          return { status: 200, body: {} };
        });
      },
      isConnected: () => exchange.peers.openCount > 0,
      failed: (error) => failure.set(error),
    }),
    keeper:
      authority &&
      new BranchKeeper({
        authority: () => {
          if (!mayDecide()) {
            throw new ProblemError('NOT_READY', RESTORED_WORDS, { retryAfterSeconds: 5 });
          }
          return authority;
        },
        authorityKey: authorityKey.publicKey,
        registry,
        store,
        nowMs: () => clock.nowMs(),
        progress: () => exchange.replicator.progress(),
        isConnected: (other) => exchange.peers.isOpen(other),
      }),
  };
  parts.live = ports.live && (await LiveDesk.open(parts, ports.live));
  late.facts = parts.facts;
  late.rights = parts.rights;
  late.isPastComplete = pastCompletion(parts);
  // With nobody to give anything back there is nothing to wait for.
  const isAlone = settings.relay === undefined && settings.peers.length === 0;
  const isComplete = (): boolean => isAlone || late.isPastComplete();
  parts.posSyncDesk = self.grant.role === 'hq' ? new PosSyncDesk(parts, isComplete) : undefined;
  const raise = () =>
    raiseSuccession({ ports, alarms, series: writing.series, isPending: succession.isPending });
  raise();
  registry.watch(raise);
  return parts;
}

/** Nothing is posted from a node that was given no way out. */
const noPost = async (): Promise<Response> => {
  throw new Error('no way out');
};

/** True from the moment on when a device put back from a backup has been seen to hold all its former key wrote. */
function pastCompletion({ ports, exchange }: NodeParts): () => boolean {
  const { succession, registry } = ports;
  let isComplete = succession?.reason !== 'restored';
  return () => {
    isComplete ||=
      succession !== undefined &&
      registry.isConfirmed(ports.key.writer) &&
      hasAllOf(succession.predecessor, exchange.replicator.progress(), registry);
    return isComplete;
  };
}

/** An operation of the node itself: its answer is nobody's to repeat, so it has a key of its own. */
async function submitOwn<Answer>(parts: NodeParts, what: string, decide: Decide<Answer>): Promise<Answer> {
  const key = `${what}:${Buffer.from(parts.ports.randomBytes(16)).toString('hex')}`;
  const submission = { key, fingerprint: NO_FINGERPRINT, till: CONTROL };
  const answer = await parts.pipeline.submit(submission, decide);
  return answer.body;
}

function refusalFor(facts: DeviceFacts): ProblemError | undefined {
  if (!isFinal(facts)) {
    return undefined;
  }
  const [first] = reasonsNotToSell(facts);
  return new ProblemError(first!.code, `The node cannot sell: ${first!.words}.`, { retryAfterSeconds: 5 });
}

function ownWriters({ key, formerKeys = [] }: Pick<NodePorts, 'key' | 'formerKeys'>): WriterId[] {
  return [...formerKeys, key].map(({ writer }) => writer);
}

function formerOf(speaker: DeviceKey, { formerKeys = [], key }: NodePorts): DeviceKey | undefined {
  const keys = [...formerKeys, key];
  return keys[keys.indexOf(speaker) - 1];
}

/** What outlived a crash; a backup that was put back proves nothing before its new key has spoken. */
async function keptHere(ports: NodePorts): Promise<Stamp | undefined> {
  const { store, clock, succession, authorityKey } = ports;
  if (succession?.reason === 'restored' && !succession.settled) {
    return undefined;
  }
  const writers = [...ownWriters(ports), ...(authorityKey === undefined ? [] : [authorityKey.writer])];
  return await keptStamp(store, writers, clock.nowMs() + MAX_AHEAD_MS_DEFAULT);
}
