/**
 * How a device goes on after a restore, or when it learns that a copy of it is at work: under a new key.
 *
 *     peer proves another history of ours ──> nothing of ours is written any more
 *     the peer tells where the histories part (`incarnationNeeded`) ──> the plan and a new key go to disk
 *     the new key is asked for with the old one's signature, from every peer, until the registry has it
 *     the process ends; the next start takes over (see `take-over.ts`) and says again what only we had (`inherit.ts`)
 *
 * A device restored from a backup does not know what it sold after the backup. Until a peer that holds its feeds has been
 * compared with, it does not sell: it would give out numbers that are on receipts already.
 *
 * Does not: decide what a fork is (feed does), or move files (the program does, when it starts).
 */
import {
  type DeviceKey,
  type IncarnationPlan,
  type Registry,
  type ReplicationNews,
  type Replicator,
  successionRequest,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import { NodeError } from '../errors.ts';

/** What the machine keeps of a succession. Implemented over files; in tests in memory. */
export interface SuccessionStore {
  /** True after `branchline restore`, until `current` is called. */
  readonly isRestored: boolean;
  /** Called when a peer has confirmed that the backup holds everything this device ever wrote. */
  current(): Promise<void>;
  /** Called with the plan; resolves when plan and new key are durable. The same key every time. */
  begin(plan: IncarnationPlan): Promise<DeviceKey>;
}

export interface SuccessionOptions {
  readonly store: SuccessionStore;
  readonly key: DeviceKey;
  /** Asked for in an earlier run of the program. */
  readonly next?: DeviceKey | undefined;
  readonly tenant: string;
  readonly registry: Registry;
  readonly replicator: () => Replicator;
  /** Called when the registry knows the new key: the process must end and start again under it. */
  readonly finished: (reason: Error) => void;
  readonly failed: (error: Error) => void;
}

export class Succession {
  readonly #options: SuccessionOptions;
  #next: DeviceKey | undefined;
  #beginning = false;
  #restored: boolean;

  constructor(options: SuccessionOptions) {
    this.#options = options;
    this.#restored = options.store.isRestored;
    this.#next = options.next;
    options.registry.watch(() => this.#look());
  }

  /** True while this device must not sell because it cannot know what it sold. */
  get isRestored(): boolean {
    return this.#restored;
  }

  /** True while a new key is asked for. */
  get isUnderWay(): boolean {
    return this.#next !== undefined;
  }

  /** Called with everything replication tells. */
  take(news: ReplicationNews): void {
    if (news.type === 'incarnationNeeded' && !this.#beginning) {
      this.#beginning = true;
      void this.#begin(news.plan).catch((error: Error) => this.#options.failed(error));
    }
    if (news.type === 'peerLive') {
      this.#ask(news.peer);
      this.#confirm(news.peer);
    }
  }

  async #begin(plan: IncarnationPlan): Promise<void> {
    this.#next = await this.#options.store.begin(plan);
    this.#look();
    for (const { peer } of this.#options.replicator().progress()) {
      this.#ask(peer);
    }
  }

  #ask(peer: WriterId): void {
    const { key, tenant, replicator } = this.#options;
    if (this.#next !== undefined) {
      replicator()
        .session(peer)
        ?.say(successionRequest(tenant, key, this.#next.publicKey));
    }
  }

  #look(): void {
    const { registry, finished } = this.#options;
    if (this.#next !== undefined && registry.member(this.#next.writer) !== undefined) {
      finished(
        new NodeError('NODE_SUCCEEDED', `this device goes on as ${this.#next.writer}`, {
          retryable: true,
          hint: 'Start it again; it takes over its new key.',
        }),
      );
    }
  }

  /** A peer that reads our feeds holds nothing of ours that we lack: the backup was current. */
  #confirm(peer: WriterId): void {
    const { key, registry, replicator, store, failed } = this.#options;
    const progress = replicator()
      .progress()
      .find((each) => each.peer === peer);
    const own = progress?.feeds.filter(({ feed }) => writerOf(feed) === key.writer) ?? [];
    const role = registry.member(peer)?.grant.role;
    if (!this.#restored || replicator().superseded || (role !== 'relay' && role !== 'hq')) {
      return;
    }
    if (own.every(({ missingHere }) => missingHere === 0)) {
      this.#restored = false;
      store.current().catch((error: Error) => failed(error));
    }
  }
}
