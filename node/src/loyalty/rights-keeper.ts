/**
 * Keeps the rights of this device where they are needed: asks for what a customer waits for, answers what others ask, hands surplus to
 * head office, takes over what a rotated key left, pays debts, writes off what has expired. What to do is `planRights` of the docs; this
 * is its clock, its memory and its commits.
 *
 *     row of an account changed ──┐                                     ┌── nothing to do: forgotten until it changes
 *     a till asked (`need`) ──────┼──> due ──> plan ──> commit (again, ─┼── done; looked at again when the plan says
 *     time (`nextLookMs`) ────────┘           inside the group)         └── refused or failed: later
 *
 * Guarantees: no step goes beyond what this device holds at the moment of the commit: the plan is made again inside the group. Memory is
 * bounded; what is forgotten costs rights that stay where they are, never a balance. A restart forgets who waits and how much was
 * used lately, and looks at every account once.
 */
import {
  lastSeenDay,
  nextLookMs,
  planRights,
  type RecentUse,
  type Rights,
  type RightsMove,
  type RightsSituation,
  reserveOf,
  rightsOf,
  usedAgain,
  voucherKind,
} from '@branchline/docs';
import type { Collection, Member, Registry, WriterId } from '@branchline/feed';
import {
  couponTerms,
  type EventBody,
  isExpired,
  type LoyaltyProgramme,
  type RightsStatus,
} from '@branchline/model';
import { type Clock, doze } from 'hlc-ts';
import type { Decide } from '../commit/commit-pipeline.ts';
import type { Transaction } from '../commit/transaction.ts';
import type { AccountName, CustomerBook } from '../projections/customers.ts';

/** Accounts looked at in one commit. */
export const ROUND_ACCOUNTS_MAX = 64;
/** Accounts that wait for their turn; the row of one that does not fit is looked at when it changes next, or after a restart. */
export const ACCOUNTS_DUE_MAX = 10_000;
/** Accounts whose recent use is remembered; least recently used leave. */
export const ACCOUNTS_USED_MAX = 4_096;
/** A customer is taken to wait for so long. */
export const NEED_TTL_MS = 30_000;
/** After a commit that failed. */
const RETRY_MS = 5_000;
const DAY_MS = 86_400_000;

export interface RightsKeeperPorts {
  readonly self: WriterId;
  readonly branch: string;
  readonly registry: Registry;
  readonly customers: CustomerBook;
  readonly clock: Clock;
  /** Applies what is pending for a collection: before a former key's rows are believed to be all there is. */
  readonly level: (collection: string) => Promise<unknown>;
  /** Lost devices whose rights this one takes over in a region, by order of an operator; and the regions concerned. */
  readonly reclaimed: (region: string) => readonly WriterId[];
  readonly reclaimedRegions: () => ReadonlySet<string>;
  /** How much of a former key's feed is held here. */
  readonly heldOf: (collection: string, writer: WriterId) => number;
  readonly programme: (ms: number) => LoyaltyProgramme;
  /** Some peer that would hear us. */
  readonly isConnected: () => boolean;
  readonly commit: (decide: Decide<number>) => Promise<number>;
  readonly onMoved: (account: string, moves: EventBody<'rights'>['moves']) => void;
  readonly onFailure: (error: Error) => void;
}

interface Need {
  readonly points: number;
  readonly untilMs: number;
}

export class RightsKeeper {
  readonly #ports: RightsKeeperPorts;
  /** When to look at an account, by its key. Oldest entry first. */
  readonly #due = new Map<string, { readonly name: AccountName; atMs: number }>();
  readonly #needs = new Map<string, Need>();
  readonly #uses = new Map<string, RecentUse>();
  #asked = 0;
  #given = 0;
  #settled = 0;
  #wake = new AbortController();
  #fencedBefore = '';
  #holdersAt: { readonly position: number; readonly holders: readonly WriterId[] } = {
    position: -1,
    holders: [],
  };

  constructor(ports: RightsKeeperPorts) {
    this.#ports = ports;
  }

  /** Called when the row of an account changed here. */
  look({ region, account }: AccountName): void {
    this.#schedule({ region, account }, this.#ports.clock.nowMs());
  }

  /** Called by a till that could spend more than is held here. */
  need(name: AccountName, points: number): void {
    const untilMs = this.#ports.clock.nowMs() + NEED_TTL_MS;
    this.#needs.delete(keyOf(name));
    this.#needs.set(keyOf(name), { points, untilMs });
    trim(this.#needs, ACCOUNTS_DUE_MAX);
    // What comes and is not used after all goes back when it has been idle.
    this.#use(keyOf(name), 0);
    this.look(name);
  }

  /** Called when points of a customer were earned or spent here. */
  used(name: AccountName, points: number): void {
    this.#use(keyOf(name), points);
    this.#needs.delete(keyOf(name));
  }

  status(): RightsStatus {
    const nowMs = this.#ports.clock.nowMs();
    const { pool } = this;
    return {
      watched: this.#due.size,
      waiting: [...this.#needs.values()].filter(({ untilMs }) => untilMs > nowMs).length,
      asked: this.#asked,
      given: this.#given,
      settled: this.#settled,
      ...(pool === undefined ? {} : { pool }),
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = this.#ports.registry.watch(() => this.#ring());
    for await (const name of this.#ports.customers.accounts()) {
      this.look(name);
    }
    while (!signal.aborted) {
      this.#wake = new AbortController();
      await this.#lookForFormerKeys();
      const { clock } = this.#ports;
      const due = this.#takeDue();
      if (due.length > 0) {
        await this.#round(due);
        await clock.yield();
        continue;
      }
      const nextMs = Math.min(
        RETRY_MS,
        ...Array.from(this.#due.values(), ({ atMs }) => atMs - clock.nowMs()),
      );
      await doze(clock, Math.max(1, nextMs), signal, this.#wake.signal);
    }
    stop();
  }

  async #round(names: readonly AccountName[]): Promise<void> {
    const { customers, commit, clock } = this.#ports;
    const planned: AccountName[] = [];
    for (const name of names) {
      const situation = await this.#situation(name, await customers.rights(name));
      if (planRights(situation).length > 0) {
        planned.push(name);
      }
      const nextMs = nextLookMs(situation);
      if (nextMs !== undefined) {
        this.#schedule(name, clock.nowMs() + nextMs);
      }
    }
    if (planned.length === 0) {
      return;
    }
    try {
      const moves: { name: AccountName; steps: readonly RightsMove[] }[] = [];
      await commit(async (transaction) => {
        moves.length = 0;
        for (const name of planned) {
          moves.push({ name, steps: await this.#decide(transaction, name) });
        }
        return { status: 200, body: moves.length };
      });
      for (const { name, steps } of moves) {
        this.#note(name, steps);
      }
    } catch (error) {
      this.#ports.onFailure(error as Error);
      for (const name of planned) {
        this.#schedule(name, clock.nowMs() + RETRY_MS);
      }
    }
  }

  /** Inside the group: rows are as durable as they get, and nothing runs between this and the commit. */
  async #decide(transaction: Transaction, name: AccountName): Promise<readonly RightsMove[]> {
    const { customers } = this.#ports;
    if (customers.isMoving(transaction, name)) {
      // A till of this group was first; its change brings us back here.
      return [];
    }
    const steps = planRights(await this.#situation(name, await customers.rights(name)));
    for (const step of steps) {
      customers.move(transaction, name, step);
    }
    const moves = steps.flatMap((step) => movedBy(name.account, step));
    if (moves.length > 0) {
      transaction.append(`loyalty/${name.region}`, 'rights', { moves } satisfies EventBody<'rights'>);
    }
    return steps;
  }

  async #situation(name: AccountName, rights: Rights): Promise<RightsSituation> {
    const { self, clock, isConnected, programme } = this.#ports;
    const nowMs = clock.nowMs();
    const key = keyOf(name);
    const need = this.#needs.get(key);
    if (need !== undefined && need.untilMs <= nowMs) {
      this.#needs.delete(key);
    }
    const pool = this.#pool();
    const use = this.#uses.get(key);
    const kind = voucherKind(name.account);
    const today = Math.floor(nowMs / DAY_MS);
    return {
      rights,
      self,
      pool,
      holders: this.#holders(),
      fenced: this.#fenced(name.region),
      nowMs,
      connected: isConnected(),
      needed: need !== undefined && need.untilMs > nowMs ? need.points : 0,
      // Whoever loads a gift card seldom spends it where it was bought.
      reserve: kind === undefined && self !== pool ? reserveOf(use, nowMs) : 0,
      assigned: kind === 'coupon' && (await this.#isAssigned(name)),
      usedAtMs: use?.atMs ?? (kind === undefined ? undefined : 0),
      expired: kind === undefined && isExpired(lastSeenDay(rights), today, programme(nowMs)),
    };
  }

  async #isAssigned(name: AccountName): Promise<boolean> {
    const voucher = await this.#ports.customers.voucherOf(name);
    const terms = couponTerms.safeParse(voucher === undefined ? undefined : JSON.parse(voucher.terms));
    return terms.success && terms.data.branch === this.#ports.branch;
  }

  #note(name: AccountName, steps: readonly RightsMove[]): void {
    const pool = this.#pool();
    for (const step of steps) {
      this.#asked += step.type === 'ask' ? 1 : 0;
      this.#given += step.type === 'give' && step.to !== pool ? step.points : 0;
      this.#settled += step.type === 'give' && step.to === pool ? step.points : 0;
    }
    const moves = steps.flatMap((step) => movedBy(name.account, step));
    if (moves.length > 0) {
      this.#ports.onMoved(name.account, moves);
    }
  }

  /** Everybody who may hold rights; the same list until the registry moves. */
  #holders(): readonly WriterId[] {
    const { registry } = this.#ports;
    if (this.#holdersAt.position !== registry.position) {
      const holders = registry.members().filter(isAlive);
      this.#holdersAt = { position: registry.position, holders: holders.map(({ writer }) => writer) };
    }
    return this.#holdersAt.holders;
  }

  get pool(): WriterId | undefined {
    return this.#pool();
  }

  /** Head office: the first one enrolled that is still one, under the key it has now. */
  #pool(): WriterId | undefined {
    const { registry } = this.#ports;
    const offices = registry.members().filter((member) => member.grant.role === 'hq' && isAlive(member));
    const followed = new Set(offices.map(({ predecessor }) => predecessor));
    return offices.find(({ writer }) => !followed.has(writer))?.writer;
  }

  /**
   * Keys this device had before whose rights it may take over: rotated away, revoked, and everything they wrote is here. Not those of
   * a backup or a copy: what such a key spent may never have arrived anywhere, and its rights stay where they are.
   */
  #fenced(region: string): WriterId[] {
    const { registry, self, heldOf } = this.#ports;
    const fenced: WriterId[] = [...this.#ports.reclaimed(region)];
    let member = registry.member(self);
    while (member?.predecessor !== undefined && member.reason === 'rotation') {
      const former = registry.member(member.predecessor);
      const collection = `loyalty/${region}` as Collection;
      const end = former?.revocation?.heads.get(`${collection}/${member.predecessor}` as never)?.seq ?? 0;
      if (former?.revocation !== undefined && heldOf(collection, former.writer) >= end) {
        fenced.push(former.writer);
      }
      member = former;
    }
    return fenced;
  }

  /** When a former key is fenced, or a lost device's rights are reclaimed, every account it has rights in is looked at. */
  async #lookForFormerKeys(): Promise<void> {
    const { registry, self, customers, level } = this.#ports;
    const own = registry.member(self)?.grant.region;
    const regions = new Set([...(own === undefined ? [] : [own]), ...this.#ports.reclaimedRegions()]);
    const fenced = new Map(Array.from(regions, (region) => [region, this.#fenced(region)]));
    const names = JSON.stringify([...fenced]);
    if (names === this.#fencedBefore) {
      return;
    }
    this.#fencedBefore = names;
    for (const [region, writers] of fenced) {
      if (writers.length > 0) {
        await level(`loyalty/${region}`);
      }
    }
    for await (const { rights, ...name } of customers.accounts()) {
      if (fenced.get(name.region)?.some((former) => rightsOf(rights, former) > 0)) {
        this.look(name);
      }
    }
  }

  #use(key: string, points: number): void {
    const use = usedAgain(this.#uses.get(key), points, this.#ports.clock.nowMs());
    this.#uses.delete(key);
    this.#uses.set(key, use);
    trim(this.#uses, ACCOUNTS_USED_MAX);
  }

  #takeDue(): AccountName[] {
    const nowMs = this.#ports.clock.nowMs();
    const names: AccountName[] = [];
    for (const [key, { name, atMs }] of this.#due) {
      if (atMs <= nowMs && names.length < ROUND_ACCOUNTS_MAX) {
        this.#due.delete(key);
        names.push(name);
      }
    }
    return names;
  }

  #schedule({ region, account }: AccountName, atMs: number): void {
    const name = { region, account };
    const before = this.#due.get(keyOf(name));
    if (before !== undefined) {
      before.atMs = Math.min(before.atMs, atMs);
    } else if (this.#due.size < ACCOUNTS_DUE_MAX) {
      this.#due.set(keyOf(name), { name, atMs });
    }
    this.#ring();
  }

  /** Once for a round: every abort makes an error with a stack, and a catch-up changes accounts by the thousand. */
  #ring(): void {
    if (!this.#wake.signal.aborted) {
      this.#wake.abort();
    }
  }
}

/** Admitted, and not followed by another key that has taken over. */
function isAlive({ revocation }: Member): boolean {
  return revocation === undefined;
}

/** What of a step stands in the feed: what changes who may spend what. */
function movedBy(account: string, step: RightsMove): EventBody<'rights'>['moves'] {
  switch (step.type) {
    case 'give':
      return [{ account, type: 'given', points: step.points, other: step.to }];
    case 'take':
      return [{ account, type: 'taken', points: step.points, other: step.of }];
    case 'count':
      return step.count === 'reversed' || step.count === 'expired'
        ? [{ account, type: step.count, points: step.points }]
        : [];
    default:
      return [];
  }
}

function keyOf({ region, account }: AccountName): string {
  return `${region}/${account}`;
}

function trim(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) {
      return;
    }
    map.delete(key);
  }
}
