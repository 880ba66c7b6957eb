/**
 * Everybody this node talks to: peers it dials, peers that dial it, one replication session each.
 *
 *     hybrid           dials always, is dialled always
 *     sync_on_demand   both only between the beginning and the end of `now`
 *     offline          neither, ever
 *
 * Guarantees: at most one connection per peer: when two nodes dial each other, the connection dialled by the smaller writer id
 * stays; a key that is unknown or revoked is refused before it has read or written anything; a hanging or lost peer costs a
 * socket and nothing else, no sale waits for any of this.
 *
 * Does not: look into entries, or decide who may read what (the replicator does, from the registry).
 */
import {
  type DeviceKey,
  type Member,
  type Registry,
  type Replicator,
  type WriterId,
  writerIdOf,
} from '@branchline/feed';
import { type OperationMode, ProblemError, type SyncNowAnswer } from '@branchline/model';
import {
  type Admission,
  Connection,
  Dialer,
  type FrameReceiver,
  type Transport,
  WireError,
} from '@branchline/wire';
import type { Clock, Random } from 'hlc-ts';
import { replicationAddress } from './enrol.ts';
import { PeerLink } from './peer-link.ts';

/** Between two looks at whether everybody is level, while somebody waits for `now`. */
const LEVEL_CHECK_MS = 25;
export const SYNC_NOW_TIMEOUT_MS = 10_000;

export interface PeersOptions {
  readonly mode: OperationMode;
  readonly relay?: string | undefined;
  readonly peers: readonly string[];
  /** Longest pause between two attempts to reach a peer. */
  readonly retryCapMs: number;
  readonly replicator: Replicator;
  readonly registry: Registry;
  readonly key: DeviceKey;
  /** The one spoken with before, as long as it counts: for peers whose registry does not know the newer one yet. */
  readonly formerKey?: DeviceKey | undefined;
  readonly tenant: string;
  readonly software: string;
  /** What this device says it can do, in its hello. */
  readonly features: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly dial: (url: string, signal: AbortSignal) => Promise<Transport>;
  readonly onChanged: () => void;
  /** A peer refused this device. */
  readonly onRefusedBy: (url: string, code: string) => void;
  /** A peer was turned away here. */
  readonly onRefused: (code: string, writer: WriterId | undefined) => void;
}

interface OpenPeer {
  readonly connection: Connection<Member>;
  readonly direction: 'dialled' | 'accepted';
  readonly sinceMs: number;
  readonly gone: Promise<unknown>;
}

export class Peers {
  readonly links: readonly PeerLink[];
  readonly #options: PeersOptions;
  readonly #open = new Map<WriterId, OpenPeer>();
  readonly #ending = new Set<Promise<unknown>>();
  /** Writers and addresses that did not know our key: they are spoken to with the one before until a session has brought them the registry. */
  readonly #behind = new Set<string>();
  readonly #shutdown = new AbortController();
  #windows = 0;
  #refused = 0;

  constructor(options: PeersOptions) {
    this.#options = options;
    const relay = options.relay === undefined ? [] : [{ url: options.relay, kind: 'relay' as const }];
    const others = options.peers.map((url) => ({ url, kind: 'peer' as const }));
    this.links = [...relay, ...others].map(({ url, kind }) => this.#link(url, kind));
  }

  get refused(): number {
    return this.#refused;
  }

  start(): void {
    if (this.#options.mode === 'hybrid') {
      for (const link of this.links) {
        link.start();
      }
    }
  }

  /** Peers that dialled us. */
  accepted(): readonly { readonly member: Member; readonly sinceMs: number }[] {
    return [...this.#open.values()]
      .filter(({ direction }) => direction === 'accepted')
      .map(({ connection, sinceMs }) => ({ member: connection.info, sinceMs }));
  }

  isOpen(writer: WriterId | undefined): boolean {
    return writer !== undefined && this.#open.has(writer);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Called for each socket that reached `/v1/replicate`. Never throws. */
  accept(transport: Transport): void {
    let shown: WriterId | undefined;
    const served = this.#connect(transport, 'listen', this.#shutdown.signal, (writer) => {
      shown = writer;
    })
      .then((connection) => connection.closed)
      .catch((error: unknown) => this.#turnedAway(this.#remembered(error, shown), shown));
    this.#track(served);
  }

  async now(options: {
    timeoutMs?: number | undefined;
    signal?: AbortSignal | undefined;
  }): Promise<SyncNowAnswer> {
    const { mode, clock, replicator } = this.#options;
    if (mode === 'offline') {
      throw new ProblemError('SYNC_OFFLINE', 'This node is in mode offline and never dials.');
    }
    const untilMs = clock.monotonicMs() + (options.timeoutMs ?? SYNC_NOW_TIMEOUT_MS);
    this.#windows += 1;
    try {
      await Promise.all(this.links.map((link) => link.hurry()));
      replicator.recompare();
      while (!this.#allLevel() && clock.monotonicMs() < untilMs && options.signal?.aborted !== true) {
        await clock.sleep(LEVEL_CHECK_MS);
      }
      return { peers: this.links.map((link) => this.#outcome(link)) };
    } finally {
      this.#windows -= 1;
      if (mode === 'sync_on_demand' && this.#windows === 0) {
        await this.#hangUp();
      }
    }
  }

  async close(): Promise<void> {
    this.#shutdown.abort();
    await this.#hangUp();
    await Promise.all(this.#ending);
  }

  /** True while this node may be dialled. */
  get #isListening(): boolean {
    return this.#options.mode === 'hybrid' || (this.#options.mode === 'sync_on_demand' && this.#windows > 0);
  }

  async #hangUp(): Promise<void> {
    await Promise.all(this.links.map((link) => link.stop()));
    for (const { connection } of this.#open.values()) {
      connection.close('GOING_AWAY');
    }
  }

  #link(url: string, kind: 'relay' | 'peer'): PeerLink {
    const { clock, random, retryCapMs, onChanged } = this.#options;
    const address = replicationAddress(url);
    const link: PeerLink = new PeerLink({
      url,
      kind,
      nowMs: () => clock.nowMs(),
      onChanged,
      onRefused: (code) => this.#options.onRefusedBy(url, code),
      dialer: (onStatus) =>
        new Dialer<Member>({
          clock,
          random,
          backoff: { baseMs: Math.min(500, retryCapMs), capMs: retryCapMs },
          onStatus,
          connect: async (signal) => {
            await this.#untilGone(link.writer, signal);
            const transport = await this.#options.dial(address, signal);
            return await this.#connect(transport, 'dial', signal, () => {}, address).catch((error) => {
              throw this.#remembered(error, address);
            });
          },
        }),
    });
    return link;
  }

  /** While the peer is connected because it dialled us, there is nothing to dial. */
  async #untilGone(writer: WriterId | undefined, signal: AbortSignal): Promise<void> {
    const open = writer === undefined ? undefined : this.#open.get(writer);
    if (open === undefined) {
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      void open.gone.then(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }

  #connect(
    transport: Transport,
    role: 'dial' | 'listen',
    signal: AbortSignal,
    shown: (writer: WriterId) => void = () => {},
    address = '',
  ): Promise<Connection<Member>> {
    const { tenant, software, features, clock, randomBytes } = this.#options;
    return Connection.open<Member>({
      transport,
      role,
      identity: this.#keyFor(address),
      identityFor: (peerKey) => this.#keyFor(writerIdOf(peerKey)),
      tenant,
      software,
      features,
      clock,
      randomBytes,
      signal,
      admit: (peer) => {
        shown(writerIdOf(peer.key));
        return this.#admit(peer.key, role);
      },
      attach: (connection) => {
        this.#behind.delete(address);
        this.#behind.delete(connection.info.writer);
        return this.#attach(connection, role);
      },
    });
  }

  /** A device behind on the registry knows the former key, and gets the entry that names the new one in that session. */
  #keyFor(peer: string): DeviceKey {
    const { key, formerKey } = this.#options;
    return formerKey !== undefined && this.#behind.has(peer) ? formerKey : key;
  }

  #remembered(error: unknown, peer: string | undefined): unknown {
    const { registry, formerKey } = this.#options;
    const isUnknown =
      error instanceof WireError && error.code === 'REFUSED_BY_PEER' && error.refusal === 'PEER_UNKNOWN';
    const isOurs = peer?.includes(':') || registry.member(peer as WriterId) !== undefined;
    if (isUnknown && isOurs && formerKey !== undefined && registry.admit(formerKey.publicKey).ok) {
      this.#behind.add(peer!);
    }
    return error;
  }

  #admit(key: Uint8Array, role: 'dial' | 'listen'): Admission<Member> {
    if (role === 'listen' && !this.#isListening) {
      return { ok: false, code: 'SYNC_MODE', hint: `This node is in mode ${this.#options.mode}.` };
    }
    const admission = this.#options.registry.admit(key);
    if (!admission.ok) {
      return admission;
    }
    const { member } = admission;
    if (member.writer === this.#options.key.writer) {
      return { ok: false, code: 'PEER_SELF', hint: 'Both ends have the same key: a copied data directory?' };
    }
    if (this.#loses(member.writer, role)) {
      return { ok: false, code: 'ALREADY_CONNECTED' };
    }
    return { ok: true, info: member };
  }

  /** Of two connections dialled towards each other the one of the smaller writer id stays, on both sides. */
  #loses(peer: WriterId, role: 'dial' | 'listen'): boolean {
    const open = this.#open.get(peer);
    const direction = role === 'dial' ? 'dialled' : 'accepted';
    if (open === undefined || open.direction === direction) {
      return false;
    }
    const dialler = role === 'dial' ? this.#options.key.writer : peer;
    const other = role === 'dial' ? peer : this.#options.key.writer;
    return dialler > other;
  }

  #attach(connection: Connection<Member>, role: 'dial' | 'listen'): FrameReceiver {
    const { replicator, clock, onChanged } = this.#options;
    const { writer } = connection.info;
    this.#open.get(writer)?.connection.close('REPLACED');
    const gone = connection.closed.then(({ code }) => {
      if (this.#open.get(writer)?.connection === connection) {
        this.#open.delete(writer);
      }
      // The peer's own words: what it refused is not sent to it again.
      session.close(code);
      onChanged();
    });
    const direction = role === 'dial' ? 'dialled' : 'accepted';
    this.#open.set(writer, { connection, direction, sinceMs: clock.nowMs(), gone });
    const session = replicator.attach(connection, writer);
    this.#track(gone);
    onChanged();
    return (frame) => session.receive(frame);
  }

  #track(work: Promise<unknown>): void {
    this.#ending.add(work);
    void work.finally(() => this.#ending.delete(work));
  }

  #turnedAway(error: unknown, writer: WriterId | undefined): void {
    this.#refused += 1;
    const code = error instanceof WireError ? (error.refusal ?? error.code) : 'UNEXPECTED_FAULT';
    this.#options.onRefused(code, writer);
  }

  #allLevel(): boolean {
    return this.links.every((link) => this.#isLevel(link));
  }

  /** Nothing is missing on either side, as far as the last comparison knows. */
  #isLevel(link: PeerLink): boolean {
    const { writer } = link;
    if (!this.isOpen(writer)) {
      // One that cannot be reached will not become level by waiting; but it is given its first attempt.
      return link.describe().state === 'waiting';
    }
    const progress = this.#options.replicator.progress().find(({ peer }) => peer === writer);
    return progress?.phase === 'live' && progress.missingHere === 0 && progress.missingThere === 0;
  }

  #outcome(link: PeerLink): SyncNowAnswer['peers'][number] {
    if (!this.isOpen(link.writer)) {
      return { peer: link.url, ok: false, cause: link.describe().cause };
    }
    const ok = this.#isLevel(link);
    return { peer: link.url, ok, cause: ok ? 'level' : 'still exchanging' };
  }
}
