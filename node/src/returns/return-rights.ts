/**
 * Who may give back an order: one device at a time, whatever the network does.
 *
 * The right is homed at the device that sold, and is the newest key's where one key followed another. A device put back from a backup
 * has it for what its former key sold only once it holds everything that key wrote: it cannot know before what was given back or
 * handed on after the backup. What a revoked device held is head office's, once head office holds everything the device wrote that counts.
 *
 * What does not hold: two machines with one key are one holder until peers find the copy out.
 */
import {
  type Collection,
  collectionOf,
  type FeedName,
  type FeedStore,
  type Member,
  type Registry,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Order } from '@branchline/model';
import type { Orders } from '../projections/orders.ts';
import type { Holder, Returns, Standing } from '../projections/returns.ts';

export interface ReturnRightsOptions {
  readonly orders: Orders;
  readonly returns: Returns;
  readonly registry: Registry;
  readonly store: Pick<FeedStore, 'feeds'>;
  readonly writer: WriterId;
  /** True when everything the keys this device had before have written is here. */
  readonly isPastComplete: () => boolean;
}

export interface StandingHere extends Standing {
  /** Words for the till when another device holds the right. */
  readonly elsewhere: string | undefined;
}

export class ReturnRights {
  readonly #options: ReturnRightsOptions;

  constructor(options: ReturnRightsOptions) {
    this.#options = options;
  }

  order(id: string): Promise<Order | undefined> {
    return this.#options.orders.get(id);
  }

  /** Is it a device of that branch, and one that counts? */
  mayHold(writer: string, branch: string): boolean {
    const member = this.#options.registry.member(writer as WriterId);
    return member !== undefined && member.grant.branch === branch && member.revocation === undefined;
  }

  async standing(order: Order): Promise<StandingHere> {
    const { orders, returns } = this.#options;
    const home = await orders.soldBy(order);
    const standing = await returns.standing(order, home, (one, other) => this.#isOneDevice(one, other));
    const holder = this.#effective(standing);
    return { ...standing, ...holder, elsewhere: this.#elsewhere(standing, holder) };
  }

  /** The device that has it now: the newest of its keys, and head office after a revocation. */
  #effective({ turn, writer, branch }: Holder): Holder {
    const newest = writer === undefined ? undefined : this.#newest(writer);
    if (newest === undefined || newest.revocation === undefined) {
      return { turn, writer: newest?.writer ?? writer, branch: newest?.grant.branch ?? branch };
    }
    const office = this.#headOffice();
    return { turn, writer: office?.writer, branch: office?.grant.branch ?? branch };
  }

  #elsewhere(standing: Standing, holder: Holder): string | undefined {
    const { writer, isPastComplete } = this.#options;
    if (holder.writer !== writer) {
      return holder.writer === undefined
        ? 'It is not known here which device sold this order.'
        : `The right to return this order is held by ${holder.branch} (device ${holder.writer}).`;
    }
    if (standing.writer === writer || standing.writer === undefined) {
      return undefined;
    }
    const before = this.#newest(standing.writer as WriterId);
    const isRevoked = before !== undefined && before.writer !== writer && before.revocation !== undefined;
    if (isRevoked ? !this.#holdsAllOf(before.writer) : !isPastComplete()) {
      return 'What an earlier key gave back or handed on is not all known here yet.';
    }
    return undefined;
  }

  #newest(writer: WriterId | string): Member | undefined {
    const { registry } = this.#options;
    let member = registry.member(writer as WriterId);
    const members = registry.members();
    for (let steps = 0; member !== undefined && steps < members.length; steps += 1) {
      const { writer: current } = member;
      const next = members.find(({ predecessor }) => predecessor === current);
      if (next === undefined) {
        return member;
      }
      member = next;
    }
    return member;
  }

  #isOneDevice(one: string, other: string): boolean {
    return (
      one === other ||
      (this.#newest(one)?.writer ?? one) === (this.#newest(other)?.writer ?? other) ||
      (this.#newest(other)?.revocation !== undefined && this.#headOffice()?.writer === one)
    );
  }

  /** The first that was enrolled and is not revoked. */
  #headOffice(): Member | undefined {
    return this.#options.registry
      .members()
      .filter(({ grant, revocation }) => grant.role === 'hq' && revocation === undefined)
      .sort((a, b) => a.at - b.at)[0];
  }

  /** Everything of a revoked writer that counts and concerns returns. */
  #holdsAllOf(writer: WriterId): boolean {
    const { registry, store } = this.#options;
    const heads = registry.member(writer)?.revocation?.heads ?? new Map<FeedName, { seq: number }>();
    const feeds = store.feeds();
    return [...heads].every(
      ([feed, { seq }]) =>
        writerOf(feed) !== writer ||
        !concernsReturns(collectionOf(feed)) ||
        (feeds.get(feed)?.head.seq ?? 0) >= seq,
    );
  }
}

function concernsReturns(collection: Collection): boolean {
  return collection.startsWith('orders/') || collection.startsWith('letters/');
}
