/**
 * A relay: stores every feed of its tenant and forwards it to those who may read it. It understands no business event.
 *
 *   WebSocket /v1/replicate ──> sessions ──> replicator ──> journal
 *   HTTP ──> enrolment and the operator ──> authority ──> registry feed ──> everybody
 *
 * This file composes and owns the lifetime: `Relay.open` returns a relay that is listening; `close` says goodbye to the
 * devices, stops listening and closes the store, in this order. When the store fails (a write error of any kind) nothing
 * more is acknowledged and `failed` resolves: the program must end, and verifies on its next start.
 */
import { randomBytes } from 'node:crypto';
import { type ReplicationNews, Replicator, type WriterId, writeEnrolAnswer } from '@branchline/feed';
import { acceptWebSockets } from '@branchline/wire';
import { type Clock, isoTime } from 'hlc-ts';
import type { Logger } from 'pino';
import type { RelayConfig } from './config.ts';
import { controlActions } from './control.ts';
import { diskSpace } from './disk-space.ts';
import { RelayError } from './errors.ts';
import type { EventLog } from './event-log.ts';
import { FleetWatch } from './fleet-watch.ts';
import { FailureLimit, tokenHash } from './http/admission.ts';
import { type RelaySummary, relayApp } from './http/app.ts';
import { EventStream } from './http/event-stream.ts';
import { closeHttp, listenHttp } from './listener.ts';
import { Metrics } from './metrics.ts';
import type { RelayPorts } from './ports.ts';
import { RelayCore } from './relay-core.ts';
import { Sessions } from './sessions.ts';
import { SOFTWARE, VERSION } from './version.ts';

export const REPLICATE_PATH = '/v1/replicate';
const CONTROL_TOKEN_BYTES = 32;
/** Keys whose overlap is over are revoked, and contacts written down, this often. */
const HOUSEKEEPING_EVERY_MS = 60_000;

interface Serving {
  readonly url: string;
  readonly failed: Promise<RelayError>;
  readonly close: () => Promise<void>;
}

export class Relay {
  /** Where it listens, with the port it really got. */
  readonly url: string;
  readonly tenant: string;
  /** Resolves when the store failed; the program must then end. */
  readonly failed: Promise<RelayError>;
  readonly #close: () => Promise<void>;
  #closed: Promise<void> | undefined;

  private constructor(tenant: string, { url, failed, close }: Serving) {
    this.url = url;
    this.tenant = tenant;
    this.failed = failed;
    this.#close = close;
  }

  static async open(ports: RelayPorts, config: RelayConfig): Promise<Relay> {
    const core = await RelayCore.open(ports, config.data);
    try {
      return new Relay(core.tenant, await serve(ports, config, core));
    } catch (error) {
      await core.close();
      throw error;
    }
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function serve(ports: RelayPorts, config: RelayConfig, core: RelayCore): Promise<Serving> {
  const { clock, log } = ports;
  const { store, registry, events, tenant, key } = core;
  const stopping = new AbortController();
  const startedMs = clock.nowMs();
  let fault: string | undefined;

  const stream = new EventStream(events, clock);
  const metrics = new Metrics({
    connections: () => acceptor.connections,
    halfOpen: () => acceptor.halfOpen,
    devices: () => registry.members().filter((member) => member.revocation === undefined).length,
    devicesOnline: () => sessions.online,
    feeds: () => store.feeds().size,
    position: () => store.position,
    lagEntries: () => fleet.rows().reduce((total, row) => total + row.lag.entriesThere, 0),
    lagSecondsMax: () => Math.max(0, ...fleet.rows().map((row) => row.lag.seconds)),
    listeners: () => stream.listeners,
  });
  const replicator = await Replicator.open({
    store,
    registry,
    tenant,
    self: key.writer,
    clock,
    evidence: core.evidence,
    authority: { succeed: async (succession) => core.authority().succeed(succession) },
    onNews: (news) => {
      tellNews(news, { events, metrics, log });
      if (news.type === 'peerLive') {
        core.heardFromDevice().catch((error: unknown) => log.error({ err: error }, 'authority stays closed'));
      }
    },
  });
  const sessions = new Sessions({
    replicator,
    registry,
    key,
    tenant,
    software: SOFTWARE,
    clock,
    events,
    metrics,
    log,
    remembered: await core.contacts.read(),
  });
  const hasListeners = (): boolean => stream.listeners > 0;
  const fleet = new FleetWatch({ registry, self: key.writer, store, sessions, events, clock, hasListeners });
  const acceptor = acceptWebSockets({
    path: REPLICATE_PATH,
    clock,
    onTransport: (transport) => sessions.accept(transport),
    limits: {
      connectionsMax: config.connectionsMax,
      halfOpenMax: config.halfOpenMax,
      halfOpenPerAddressMax: config.halfOpenPerAddressMax,
    },
  });
  const controlToken = randomBytes(CONTROL_TOKEN_BYTES).toString('base64url');
  const summary = async (): Promise<RelaySummary> => ({
    tenant,
    authority: registry.authority,
    writer: key.writer,
    version: VERSION,
    url: config.publicUrl ?? url,
    startedAt: isoTime(startedMs),
    position: store.position,
    feeds: store.feeds().size,
    connections: acceptor.connections,
    disk: await diskSpace(config.data),
    refusals: { ...Object.fromEntries(acceptor.refusals), ...Object.fromEntries(sessions.refusals) },
  });
  const app = relayApp({
    clock,
    log,
    tokens: {
      hashes: [await core.folder.readAdminTokenHash(), tokenHash(controlToken)],
      limit: new FailureLimit(clock),
    },
    branches: core.branches,
    enrolAnswerFor: (writer) =>
      writeEnrolAnswer({ store, registry, authorityKey: core.authorityKey, writer }),
    control: controlActions(core, clock),
    rows: () => fleet.rows(),
    summary,
    events: stream,
    metrics,
    fault: () => fault,
  });
  const { server, url } = await listenHttp({ listen: config.listen, socketsMax: config.connectionsMax, app });
  server.on('upgrade', (request, socket, head) => {
    if (!acceptor.upgrade(request, socket, head)) {
      socket.destroy();
    }
  });
  const stopCounting = store.watch(({ runs }) =>
    metrics.committed(runs.reduce((total, run) => total + run.entries.length, 0)),
  );
  await core.folder.writeControl({ program: 'relay', url, pid: process.pid, token: controlToken });

  const failed = store.failed.then((cause) => {
    fault = 'the store failed; the relay is ending';
    return new RelayError('RELAY_FAILED', `the store failed: ${cause.message}`, {
      cause,
      hint: 'Look at the disk; start the relay again, it verifies the journal first.',
    });
  });
  const loops = [
    fleet.run(stopping.signal),
    keepHouse({ core, sessions, clock, log, signal: stopping.signal }),
  ];
  log.info({ url, tenant, feeds: store.feeds().size, position: store.position }, 'listening');

  const close = async (): Promise<void> => {
    await core.folder.removeControl();
    stopping.abort();
    stopCounting();
    stream.close();
    acceptor.close();
    await sessions.close();
    replicator.close();
    await closeHttp(server);
    await Promise.all(loops);
    await core.close();
  };
  return { url, failed, close };
}

/** What replication has to say goes to the log, and what needs a person to the event log. */
function tellNews(news: ReplicationNews, to: { events: EventLog; metrics: Metrics; log: Logger }): void {
  const alarm = (code: string, detail: string, writer: WriterId): void => {
    to.metrics.refused(code);
    to.log.warn({ code, detail, writer }, 'alarm');
    to.events.add({ type: 'alarmed', code, detail, writer });
  };
  switch (news.type) {
    case 'entriesRefused':
      alarm(news.code, `entries of ${news.feed} were refused`, news.peer);
      break;
    case 'forkFound':
      alarm(
        'FEED_FORK',
        `${news.evidence.feed} has two histories from entry ${news.evidence.seq}`,
        news.peer,
      );
      break;
    case 'ownForkFound':
      alarm('FEED_FORK', `${news.feed} of this relay has two histories`, news.peer);
      break;
    case 'alarmReceived':
      alarm(news.code, news.detail, news.peer);
      break;
    default:
      to.log.debug(news, 'replication');
  }
}

/** Once a minute: keys whose overlap is over are revoked, contacts written down. */
async function keepHouse(options: {
  core: RelayCore;
  sessions: Sessions;
  clock: Clock;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  const { core, sessions, clock, log, signal } = options;
  while (!signal.aborted) {
    await clock.sleep(HOUSEKEEPING_EVERY_MS, { signal }).catch(() => undefined);
    try {
      await core.contacts.write(sessions.remembered());
      if (!signal.aborted) {
        await core.retireRotated();
      }
    } catch (error) {
      // The store's own failure ends the program; anything else is tried again in a minute.
      log.error({ err: error }, 'housekeeping failed');
    }
  }
}
