/**
 * Devices connected to the relay: admission, one session per key, revocation, reports.
 *
 *   socket ──hello, auth──> admitted by the registry ──> session of the replicator ──> closed, counted
 *
 * Guarantees: a key that is unknown or revoked gets its coded refusal before it has read or written anything; a key that is
 * revoked while connected is closed at once (the replicator sees the registry move); a key that connects again (its old socket may be half-open for minutes)
 * replaces its older session, after it has proved itself; every refusal is counted by its code and told on the event log.
 *
 * Does not: look into entries. What a peer may read and write is checked by the replicator, message by message.
 */
import { randomBytes } from 'node:crypto';
import {
  CHECKPOINTS_FEATURE,
  type DeviceKey,
  type FeedName,
  KEEPER_FEATURE,
  type Member,
  type Registry,
  type Replicator,
  type Session,
  type WriterId,
  writerIdOf,
} from '@branchline/feed';
import { type Admission, Connection, type FrameReceiver, type Transport, WireError } from '@branchline/wire';
import type { Clock } from 'hlc-ts';
import type { Logger } from 'pino';
import type { Remembered } from './contact-book.ts';
import type { EventLog } from './event-log.ts';
import type { Examinations } from './examinations.ts';
import type { Contact, Reported } from './fleet.ts';
import type { Metrics } from './metrics.ts';
import { parseNodeReport } from './node-report.ts';

export interface SessionsOptions {
  readonly replicator: Replicator;
  readonly registry: Registry;
  readonly key: DeviceKey;
  readonly tenant: string;
  readonly software: string;
  readonly clock: Clock;
  readonly events: EventLog;
  readonly metrics: Pick<Metrics, 'refused'>;
  readonly log: Logger;
  /** Questions that wait for devices. */
  readonly examinations?: Examinations;
  /** Devices that were in contact in an earlier life of the process. */
  readonly remembered: ReadonlyMap<WriterId, Remembered>;
}

/** The key a stranger claims, for the log; it has proved nothing. */
interface Shown {
  writer?: WriterId;
}

interface Open {
  readonly connection: Connection<Member>;
  readonly session: Session;
  readonly sinceMs: number;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #open = new Map<WriterId, Open>();
  readonly #left: Map<WriterId, Remembered>;
  readonly #reports = new Map<WriterId, Reported>();
  readonly #refusals = new Map<string, number>();
  readonly #ending = new Set<Promise<unknown>>();
  #closing = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#left = new Map(options.remembered);
  }

  /** Called for each socket the acceptor lets through. Never throws: what goes wrong is the peer's and is counted. */
  accept(transport: Transport): void {
    if (this.#closing) {
      transport.terminate();
      return;
    }
    const shown: Shown = {};
    const ended = this.#serve(transport, shown).catch((error: unknown) =>
      this.#refused(transport, shown, error),
    );
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }

  get online(): number {
    return this.#open.size;
  }

  connected(): readonly WriterId[] {
    return [...this.#open.keys()];
  }

  /** Refused peers since the start, by code. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  contact(writer: WriterId): Contact | undefined {
    const open = this.#open.get(writer);
    if (open === undefined) {
      return this.#left.get(writer)?.contact;
    }
    const { connection, sinceMs } = open;
    const { roundTripMs, remote, peer } = connection;
    return {
      online: true,
      lastContactMs: this.#options.clock.nowMs(),
      connectedSinceMs: sinceMs,
      software: peer.software,
      takesCheckpoints: peer.features.includes(CHECKPOINTS_FEATURE),
      remote,
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
    };
  }

  /** Up to where the device has confirmed each feed, now or when it left; undefined when it was never in contact. */
  held(writer: WriterId): Pick<ReadonlyMap<FeedName, number>, 'get'> | undefined {
    const open = this.#open.get(writer);
    return open === undefined
      ? this.#left.get(writer)?.held
      : { get: (feed) => open.session.confirmed(feed) };
  }

  /** Everybody who was ever in contact, as it would be remembered if the process ended now. */
  remembered(): ReadonlyMap<WriterId, Remembered> {
    const all = new Map(this.#left);
    for (const [writer, { session }] of this.#open) {
      all.set(writer, { contact: { ...this.contact(writer)!, online: false }, held: heldIn(session) });
    }
    return all;
  }

  reported(writer: WriterId): Reported | undefined {
    return this.#reports.get(writer);
  }

  /** Says goodbye to every device, then ends with `endOthers` whoever was still shaking hands; waits for both. */
  async close(endOthers: () => void, code = 'GOING_AWAY'): Promise<void> {
    this.#closing = true;
    const open = [...this.#open.values()].map(({ connection }) => connection);
    for (const connection of open) {
      connection.close(code);
    }
    await Promise.all(open.map((connection) => connection.closed));
    endOthers();
    await Promise.all(this.#ending);
  }

  async #serve(transport: Transport, shown: Shown): Promise<void> {
    const { key, tenant, software, clock, log } = this.#options;
    const connection = await Connection.open<Member>({
      transport,
      role: 'listen',
      identity: key,
      tenant,
      software,
      features: [CHECKPOINTS_FEATURE, KEEPER_FEATURE],
      clock,
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      admit: (peer) => {
        shown.writer = writerIdOf(peer.key);
        return this.#admit(peer.key);
      },
      attach: (opened) => this.#attach(opened),
    });
    const closed = await connection.closed;
    const { writer } = connection.info;
    const open = this.#open.get(writer);
    // A newer connection of the same key may have taken the place already.
    if (open?.connection === connection) {
      const contact = { ...this.contact(writer)!, online: false, lastCode: closed.code };
      this.#left.set(writer, { contact, held: heldIn(open.session) });
      this.#open.delete(writer);
      open.session.close(closed.code);
    }
    const { branch } = connection.info.grant;
    this.#options.events.add({ type: 'disconnected', writer, branch, code: closed.code });
    log.info({ writer, branch, code: closed.code, by: closed.by }, 'disconnected');
  }

  #admit(key: Uint8Array): Admission<Member> {
    const admission = this.#options.registry.admit(key);
    if (!admission.ok) {
      return admission;
    }
    return { ok: true, info: admission.member };
  }

  #attach(connection: Connection<Member>): FrameReceiver {
    const { replicator, clock, events, log } = this.#options;
    const { writer, grant } = connection.info;
    const admission = this.#options.registry.admit(connection.peer.key);
    if (!admission.ok) {
      // Revoked between its hello and its proof.
      connection.close(admission.code);
      return () => {};
    }
    const { software } = connection.peer;
    // Ends the older session of this key, and its connection with it.
    const session = replicator.attach(connection, writer);
    this.#open.set(writer, { connection, session, sinceMs: clock.nowMs() });
    events.add({ type: 'connected', writer, branch: grant.branch, software });
    log.info({ writer, branch: grant.branch, remote: connection.remote, software }, 'connected');
    return (frame) => {
      if (frame.type === 'status') {
        this.#report(writer, frame.report);
        return;
      }
      return session.receive(frame);
    };
  }

  #report(writer: WriterId, value: unknown): void {
    const { examinations, log } = this.#options;
    const failed = (error: unknown): void => log.error({ err: error }, 'an answer was not kept');
    if (examinations?.take(writer, value, failed)) {
      return;
    }
    const question = examinations?.due(writer);
    if (question !== undefined) {
      this.#open.get(writer)?.session.say({ type: 'status', report: question });
    }
    const report = parseNodeReport(value);
    if (report !== undefined) {
      this.#reports.set(writer, { report, receivedMs: this.#options.clock.nowMs() });
    }
  }

  #refused(transport: Transport, shown: Shown, error: unknown): void {
    const code = error instanceof WireError ? (error.refusal ?? error.code) : 'UNEXPECTED_FAULT';
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
    this.#options.metrics.refused(code);
    this.#options.events.add({ type: 'refused', code, writer: shown.writer ?? '', remote: transport.remote });
    this.#options.log.warn({ code, writer: shown.writer, remote: transport.remote }, 'peer refused');
  }
}

function heldIn(session: Session): ReadonlyMap<FeedName, number> {
  return new Map(session.progress().feeds.map(({ feed, ackedUpTo }) => [feed, ackedUpTo]));
}
