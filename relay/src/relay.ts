/**
 * A relay: stores every feed of its tenant and forwards it to those who may read it. It understands no business event.
 *
 *   WebSocket /v1/replicate ──> peers (acceptor, sessions, replicator) ──> journal
 *   HTTP ──> enrolment and the operator ──> authority ──> registry feed ──> everybody
 *
 * This file composes and owns the lifetime: `Relay.open` returns a relay that is listening; `close` says goodbye to the
 * devices, stops listening and closes the store, in this order. When the store fails (a write error of any kind) nothing
 * more is acknowledged and `failed` resolves: the program must end, and verifies on its next start.
 */
import { randomBytes } from 'node:crypto';
import { type FeedStore, startForgetting, writeEnrolAnswer } from '@branchline/feed';
import { isoTime } from 'hlc-ts';
import { AuditLog } from './audit-log.ts';
import type { RelayConfig } from './config.ts';
import { controlActions } from './control.ts';
import { diskSpace, folderFacts } from './disk-space.ts';
import { RelayError } from './errors.ts';
import { FleetHistory } from './fleet-history.ts';
import { keepHouse } from './housekeeping.ts';
import { FailureLimit } from './http/admission.ts';
import { relayApp } from './http/app.ts';
import { EventStream } from './http/event-stream.ts';
import { closeHttp, listenHttp } from './listener.ts';
import { ADMIN, Operators, tokenHash } from './operators.ts';
import { openPeers } from './peers.ts';
import type { RelayPorts } from './ports.ts';
import { RelayCore } from './relay-core.ts';
import { VERSION } from './version.ts';

const CONTROL_TOKEN_BYTES = 32;

interface Serving {
  readonly url: string;
  readonly failed: Promise<RelayError>;
  readonly drained: Promise<void>;
  readonly feeds: FeedStore['feeds'];
  readonly close: () => Promise<void>;
}

export class Relay {
  /** Where it listens, with the port it really got. */
  readonly url: string;
  readonly tenant: string;
  /** Resolves when the store failed; the program must then end. */
  readonly failed: Promise<RelayError>;
  /** Resolves when an operator had it drained; the program must then end, its successor takes over. */
  readonly drained: Promise<void>;
  readonly #feeds: FeedStore['feeds'];
  readonly #close: () => Promise<void>;
  #closed: Promise<void> | undefined;

  private constructor(tenant: string, { url, failed, drained, feeds, close }: Serving) {
    this.url = url;
    this.tenant = tenant;
    this.failed = failed;
    this.drained = drained;
    this.#feeds = feeds;
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

  /** How far every feed held here goes, on disk. */
  feeds(): ReturnType<FeedStore['feeds']> {
    return this.#feeds();
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
  const { store, registry, events, tenant } = core;
  const stopping = new AbortController();
  const startedAt = isoTime(clock.nowMs());
  const stream = new EventStream(events, clock);
  const audit = await AuditLog.open(core.folder.audit, () => clock.nowMs());
  const peers = await openPeers(ports, config, core, {
    devices: () => registry.members().filter((member) => member.revocation === undefined).length,
    feeds: () => store.feeds().size,
    position: () => store.position,
    listeners: () => stream.listeners,
    auditIntact: () => (audit.isIntact ? 1 : 0),
    folder: () => folderFacts(config.data, clock),
  });
  const { fleet, sessions, metrics, drain } = peers;
  const failure = watchStore(core);
  const controlToken = randomBytes(CONTROL_TOKEN_BYTES).toString('base64url');
  const operators = await Operators.open({
    folder: core.folder,
    fixed: [
      { name: ADMIN, role: 'operate', tokenHash: await core.folder.readAdminTokenHash() },
      { name: 'this machine', role: 'operate', tokenHash: tokenHash(controlToken) },
    ],
    nowMs: () => clock.nowMs(),
  });
  const history = new FleetHistory(core.opened.level, clock);
  const app = relayApp({
    clock,
    log,
    tenant,
    operators,
    limit: new FailureLimit(clock),
    audit,
    history,
    examinations: peers.examinations,
    eventLog: events,
    branches: core.branches,
    enrolAnswerFor: (writer) =>
      writeEnrolAnswer({ store, registry, authorityKey: core.authorityKey, writer }),
    control: { ...controlActions(core, clock), drain },
    rows: () => fleet.rows(),
    summary: async () => ({
      tenant,
      authority: registry.authority,
      writer: core.key.writer,
      version: VERSION,
      url: config.publicUrl ?? url,
      startedAt,
      position: store.position,
      feeds: store.feeds().size,
      connections: peers.connections(),
      disk: await diskSpace(config.data),
      refusals: peers.refusals(),
    }),
    events: stream,
    metrics,
    fault: failure.words,
    isDraining: () => drain.isDraining,
  });
  const { server, url } = await listenHttp({ listen: config.listen, socketsMax: config.connectionsMax, app });
  server.on('upgrade', peers.upgrade);
  await core.folder.writeControl({ program: 'relay', url, pid: process.pid, token: controlToken });
  // What head office had erased is shredded here as everywhere; a relay needs to understand nothing else of it.
  const forgetting = await startForgetting(store, {
    onFailed: (error) => log.error({ err: error }, 'an erasure was not done; the next start tries again'),
    onForgotten: ({ feed, seq }) => log.info({ feed, seq }, 'keys of personal data are shredded'),
  });
  const loops = [
    fleet.run({ signal: stopping.signal, hasListeners: () => stream.listeners > 0 }),
    history.run({ rows: () => fleet.rows(), signal: stopping.signal }),
    keepHouse({ core, sessions, prune: peers.prune, clock, log, signal: stopping.signal }),
  ];
  log.info({ url, tenant, feeds: store.feeds().size, position: store.position }, 'listening');

  const close = async (): Promise<void> => {
    await core.folder.removeControl();
    stopping.abort();
    stream.close();
    await peers.close();
    await closeHttp(server);
    await Promise.all(loops);
    forgetting.stop();
    await forgetting.settled();
    await core.close();
  };
  return { url, failed: failure.failed, drained: drain.drained, feeds: () => store.feeds(), close };
}

/** The store's failure, for whoever asks now (`words`) and for whoever waits for it (`failed`). */
function watchStore({ store }: RelayCore): { words: () => string | undefined; failed: Promise<RelayError> } {
  let words: string | undefined;
  const failed = store.failed.then((cause) => {
    words = 'the store failed; the relay is ending';
    return new RelayError('RELAY_FAILED', `the store failed: ${cause.message}`, {
      cause,
      hint: 'Look at the disk; start the relay again, it verifies the journal first.',
    });
  });
  return { words: () => words, failed };
}
