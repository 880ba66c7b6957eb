/**
 * Whether rights of a device that is lost for ever may be taken back, and by whom: by one device, once nothing the lost one wrote can
 * still arrive.
 *
 *     lost ──(its branch is level, or is no more)──> `branch revoke` ──> reclaim ordered at head office ──> taken by head office
 *
 * Guarantees: rights move, none are made (`taken` of the counter). One device takes: the head office that is the pool, after everything
 * a revoked head office before it took is here, and not while it may have taken before it was put back from a backup itself. A
 * device that another key follows is not reclaimed from: the follower says again what it did, or has its rights by itself.
 *
 * What cannot be known: points the lost device spent, or gave to another shop directly, that never reached anybody before it was revoked.
 * Revoked is final: such entries count nowhere afterwards, so revoke only when the other shops have been level since.
 */
import type { FeedStore, Member, Registry, WriterId } from '@branchline/feed';
import { writerOf } from '@branchline/feed';
import type { Reclaims } from '../projections/reclaims.ts';

export interface ReclaimRulesOptions {
  readonly self: WriterId;
  readonly registry: Registry;
  readonly store: Pick<FeedStore, 'feeds'>;
  readonly reclaims: Reclaims;
  /** Head office as everybody counts it; undefined while none is known. */
  readonly pool: () => WriterId | undefined;
  /** True when everything the keys this device had before have written is here. */
  readonly isPastComplete: () => boolean;
}

export type Refusal = 'elsewhere' | 'unknown' | 'active' | 'followed' | 'incomplete';

export class ReclaimRules {
  readonly #options: ReclaimRulesOptions;

  constructor(options: ReclaimRulesOptions) {
    this.#options = options;
  }

  member(device: string): Member | undefined {
    return this.#options.registry.member(device as WriterId);
  }

  isOrdered(device: string): boolean {
    return [...this.#options.reclaims.all()].some(
      ({ device: each, by }) => each === device && this.#isOffice(by),
    );
  }

  /** Why nothing can be taken of a device here now. */
  refusal(device: string): Refusal | undefined {
    const { registry, self, pool, isPastComplete } = this.#options;
    const member = this.member(device);
    if (pool() !== self) {
      return 'elsewhere';
    }
    if (member === undefined) {
      return 'unknown';
    }
    if (member.revocation === undefined) {
      return 'active';
    }
    const members = registry.members();
    if (members.some(({ predecessor }) => predecessor === device)) {
      return 'followed';
    }
    const formerOffices = members.filter(
      ({ grant, revocation }) => grant.role === 'hq' && revocation !== undefined,
    );
    const isComplete = [member, ...formerOffices].every((each) => this.#holdsAllOf(each));
    return isComplete && isPastComplete() ? undefined : 'incomplete';
  }

  /** Devices whose rights this one takes over in a region now. */
  takeable(region: string): WriterId[] {
    const devices = new Set<WriterId>();
    for (const each of this.#options.reclaims.all()) {
      if (each.region === region && this.#isOffice(each.by) && this.refusal(each.device) === undefined) {
        devices.add(each.device);
      }
    }
    return [...devices];
  }

  regions(): Set<string> {
    return new Set(Array.from(this.#options.reclaims.all(), ({ region }) => region));
  }

  #isOffice(writer: WriterId): boolean {
    return this.#options.registry.member(writer)?.grant.role === 'hq';
  }

  /** Every loyalty entry of a revoked device that counts. */
  #holdsAllOf({ writer, revocation }: Member): boolean {
    const feeds = this.#options.store.feeds();
    return [...(revocation?.heads ?? [])].every(
      ([feed, { seq }]) =>
        writerOf(feed) !== writer || !feed.startsWith('loyalty/') || (feeds.get(feed)?.head.seq ?? 0) >= seq,
    );
  }
}
