/**
 * The relay's side towards devices, composed: the acceptor lets sockets in, sessions shake hands and admit, the replicator
 * exchanges feeds, the fleet watch looks on.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Replicator } from '@branchline/feed';
import { acceptWebSockets } from '@branchline/wire';
import type { RelayConfig } from './config.ts';
import { Drain } from './drain.ts';
import { Examinations } from './examinations.ts';
import { FleetWatch } from './fleet-watch.ts';
import { type MetricSources, Metrics } from './metrics.ts';
import { tellNews } from './news.ts';
import type { RelayPorts } from './ports.ts';
import type { RelayCore } from './relay-core.ts';
import { pruneCovered } from './retention.ts';
import { Sessions } from './sessions.ts';
import { SOFTWARE } from './version.ts';

export const REPLICATE_PATH = '/v1/replicate';

export interface Peers {
  readonly sessions: Sessions;
  readonly fleet: FleetWatch;
  readonly examinations: Examinations;
  readonly metrics: Metrics;
  readonly drain: Drain;
  /** Called with each WebSocket upgrade of the HTTP server. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  connections(): number;
  /** Everybody turned away since the start, by code. */
  refusals(): Readonly<Record<string, number>>;
  /** Called now and then: entries that checkpoints stand in for, and nobody needs, go. */
  prune(): Promise<number>;
  close(): Promise<void>;
}

/** What the metrics show besides devices. */
type OtherSources = Pick<
  MetricSources,
  'devices' | 'feeds' | 'position' | 'listeners' | 'auditIntact' | 'folder'
>;

export async function openPeers(
  ports: RelayPorts,
  config: RelayConfig,
  core: RelayCore,
  otherSources: OtherSources,
): Promise<Peers> {
  const { store, registry, events, tenant, key, shelf } = core;
  const { clock, log } = ports;
  const metrics = new Metrics({
    ...otherSources,
    connections: () => acceptor.connections,
    halfOpen: () => acceptor.halfOpen,
    devicesOnline: () => sessions.online,
    lagEntries: () => fleet.rows().reduce((total, row) => total + row.lag.entriesThere, 0),
    feedsForked: () => replicator.forks().length,
    alarms: () => fleet.rows().reduce((total, row) => total + row.alarms.length, 0),
    lagSecondsMax: () => Math.max(0, ...fleet.rows().map((row) => row.lag.seconds)),
  });
  const replicator = await Replicator.open({
    store,
    registry,
    tenant,
    self: key.writer,
    clock,
    evidence: core.evidence,
    checkpoints: { source: shelf.source, sink: shelf },
    authority: { succeed: async (succession) => core.authority().succeed(succession) },
    onNews: (news) => {
      tellNews(news, { events, metrics, log });
      if (news.type === 'peerLive') {
        listen();
      }
    },
  });
  const listen = (): void => {
    if (!core.isTrusted && replicator.isLevelOn(registry.feed)) {
      core.heardFromDevice().catch((error: unknown) => log.error({ err: error }, 'authority stays closed'));
    }
  };
  // Compared is not level: what the device brings must be here before anything is decided on top of it.
  const stopListening = registry.watch(() => void Promise.resolve().then(listen));
  const remembered = await core.contacts.read();
  const examinations = await Examinations.open(core.opened.level, registry, clock);
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
    remembered,
    examinations,
  });
  const fleet = new FleetWatch({
    registry,
    self: key.writer,
    store,
    sessions,
    events,
    clock,
    forks: () => replicator.forks(),
  });
  const drain = new Drain({ store, registry, sessions, clock });
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
  const stopCounting = store.watch(({ runs }) =>
    metrics.committed(runs.reduce((total, run) => total + run.entries.length, 0)),
  );
  return {
    prune: () =>
      pruneCovered({
        shelf,
        store,
        registry,
        self: key.writer,
        clock,
        held: (writer) => sessions.held(writer),
        takes: (writer) => sessions.contact(writer)?.takesCheckpoints ?? false,
      }),
    sessions,
    fleet,
    examinations,
    metrics,
    drain,
    upgrade: (request, socket, head) => {
      if (drain.isDraining) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n');
      } else if (!acceptor.upgrade(request, socket, head)) {
        socket.destroy();
      }
    },
    connections: () => acceptor.connections,
    refusals: () => ({
      ...Object.fromEntries(acceptor.refusals),
      ...Object.fromEntries(sessions.refusals),
    }),
    close: async () => {
      stopListening();
      stopCounting();
      await sessions.close(() => acceptor.close(), drain.isDraining ? 'RELAY_DRAINING' : 'GOING_AWAY');
      replicator.close();
    },
  };
}
