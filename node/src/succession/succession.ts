/**
 * A device whose key follows another: which key it speaks with, what it asks for, and when it must go on under a new one.
 *
 *     asked for    newest key the registry knows ──signs──> request for the next one, to every peer, until the registry has it
 *     confirmed    the device speaks with the newer key; what it has written meanwhile leaves
 *     copied       a peer has proven another history of ours: nothing is written until it has told where the histories part
 *     rotated      the operator has ordered a new key: it is made, asked for, and takes over once the registry has it
 *
 * Guarantees: no sale waits for any of this, but for the moments in which a fork is being looked into; when the peer is lost
 * meanwhile selling goes on under the old key, because a shop cannot wait for a network, and what it writes is said again later.
 * A request is repeated until it is answered, because nobody remembers it for us.
 *
 * Does not: touch files or stores. The program does, between two lives of the node (`take-over.ts`).
 */
import {
  type Authority,
  type DeviceKey,
  type IncarnationPlan,
  type Registry,
  type ReplicationMessage,
  type ReplicationNews,
  successionRequest,
  type WriterId,
} from '@branchline/feed';

/** Why the program must close this node and open it again under another key. */
export type Renewal =
  | { readonly reason: 'copied'; readonly plan: IncarnationPlan }
  | { readonly reason: 'rotated' };

/** Where the key of a rotation is kept: durable before it is asked for, the same one until it has taken over. */
export interface RotationKeys {
  read(): Promise<DeviceKey | undefined>;
  make(): Promise<DeviceKey>;
}

export interface SuccessionOptions {
  /** Oldest first; the last is the one this device writes with. */
  readonly keys: readonly DeviceKey[];
  readonly rotation?: RotationKeys | undefined;
  readonly tenant: string;
  readonly registry: Registry;
  /** Where this node keeps it, and may write with it now: then it answers itself. */
  readonly authority: () => Authority | undefined;
  readonly nowMs: () => number;
  /** To one peer, or to every connected one. */
  readonly say: (message: ReplicationMessage, peer?: WriterId) => void;
  /** Called when the registry knows a newer key of ours than the one we speak with. */
  readonly onConfirmed: (key: DeviceKey) => void;
  /** Called once. */
  readonly onRenewal: (renewal: Renewal) => void;
  readonly failed: (error: Error) => void;
}

export class Succession {
  readonly #options: SuccessionOptions;
  #speaker: DeviceKey;
  #rotation: DeviceKey | undefined;
  #isRotating = false;
  #isAnswering = false;
  #renewed = false;
  /** The peer that is being asked where the histories part. */
  #searching: WriterId | undefined;

  constructor(options: SuccessionOptions) {
    this.#options = options;
    this.#speaker = this.#newestConfirmed();
    options.registry.watch(() => this.#look());
  }

  /** Called once, when peers can be spoken to. */
  async start(): Promise<void> {
    this.#rotation = await this.#options.rotation?.read();
    this.#look();
  }

  /** The newest key the registry knows: peers admit this one. */
  get speaker(): DeviceKey {
    return this.#speaker;
  }

  /** True while the key this device writes with is not in the registry. */
  get isPending(): boolean {
    return this.#speaker !== this.#active;
  }

  /** True while a peer is being asked where the histories part: only then does a fork stop a sale. */
  get isSearching(): boolean {
    return this.#searching !== undefined;
  }

  /** Called with everything replication tells. */
  take(news: ReplicationNews): void {
    switch (news.type) {
      case 'ownForkFound':
        this.#searching = this.isPending ? undefined : news.peer;
        break;
      case 'incarnationNeeded':
        if (!this.isPending && news.plan.predecessor === this.#active.writer) {
          this.#renew({ reason: 'copied', plan: news.plan });
        }
        break;
      case 'peerLeft':
        if (news.peer === this.#searching && !this.#renewed) {
          this.#searching = undefined;
        }
        break;
      case 'peerLive':
        this.ask(news.peer);
        break;
      default:
        break;
    }
  }

  /** Called now and then as well: a request may have been lost on its way to the authority. */
  ask(peer?: WriterId): void {
    for (const { predecessor, next, incarnation } of this.#wanted()) {
      const { tenant, say } = this.#options;
      say(successionRequest(tenant, predecessor, next.publicKey, incarnation), peer);
    }
    this.#answerOurselves();
  }

  get #active(): DeviceKey {
    return this.#options.keys.at(-1)!;
  }

  #newestConfirmed(): DeviceKey {
    const { keys, registry } = this.#options;
    return keys.findLast(({ writer }) => registry.isConfirmed(writer)) ?? keys[0]!;
  }

  /** Each key the registry lacks, with the one before it, which must ask. */
  #wanted(): { predecessor: DeviceKey; next: DeviceKey; incarnation?: number }[] {
    const { keys, registry } = this.#options;
    const known = keys.indexOf(this.#speaker);
    const wanted = keys.slice(known + 1).map((next, index) => {
      const incarnation = registry.member(next.writer)?.grant.incarnation;
      const predecessor = keys[known + index]!;
      return { predecessor, next, ...(incarnation === undefined ? {} : { incarnation }) };
    });
    if (this.#rotation !== undefined && !this.isPending && !registry.isConfirmed(this.#rotation.writer)) {
      return [{ predecessor: this.#active, next: this.#rotation }];
    }
    return wanted;
  }

  /** Called after each registry entry. */
  #look(): void {
    const { registry, onConfirmed, failed } = this.#options;
    const newest = this.#newestConfirmed();
    if (newest !== this.#speaker) {
      this.#speaker = newest;
      onConfirmed(newest);
    }
    if (this.isPending && !this.#isAnswering) {
      // After everybody has heard of this entry: it may have been the last that was missing here.
      this.#isAnswering = true;
      void Promise.resolve().then(() => {
        this.#isAnswering = false;
        this.#answerOurselves();
      });
    }
    if (this.#rotation !== undefined && registry.isConfirmed(this.#rotation.writer)) {
      this.#renew({ reason: 'rotated' });
    } else if (!this.#isRotating && this.#isOrdered()) {
      this.#isRotating = true;
      this.#rotate().catch(failed);
    }
  }

  /** The operator has ordered a new key for the one in use, and nobody has taken it up. */
  #isOrdered(): boolean {
    const { registry, nowMs, rotation } = this.#options;
    const { writer } = this.#active;
    return (
      rotation !== undefined &&
      registry
        .invitations()
        .some(
          ({ replaces, usedBy, expiresMs }) =>
            replaces === writer && usedBy === undefined && expiresMs > nowMs(),
        )
    );
  }

  async #rotate(): Promise<void> {
    this.#rotation ??= await this.#options.rotation!.make();
    this.ask();
  }

  #answerOurselves(): void {
    const { failed } = this.#options;
    const authority = this.#options.authority();
    for (const { predecessor, next, incarnation } of authority === undefined ? [] : this.#wanted()) {
      const { tenant } = this.#options;
      const request = successionRequest(tenant, predecessor, next.publicKey, incarnation);
      const wanted = incarnation === undefined ? {} : { incarnation };
      authority!
        .succeed({ predecessor: predecessor.writer, key: next.publicKey, ...wanted, proof: request.proof })
        .catch(failed);
    }
  }

  #renew(renewal: Renewal): void {
    if (!this.#renewed) {
      this.#renewed = true;
      this.#options.onRenewal(renewal);
    }
  }
}
