/**
 * Between two lives of a node: a new key takes over, on disk.
 *
 *     presume        the registry here is told of keys it does not know yet, so that the node can write with the last one at once
 *     takeRestored   a backup was put back: a new key follows, the store stays; peers bring what came after the backup
 *     takeOver       a copy was at work: a new key follows; a store whose history parted is set aside whole, and a new one is
 *                    made ready with everything peers hold as well
 *
 * Guarantees: what was decided is finished by the next start (`lineage.ts`); a history set aside is never written to again; the node
 * can sell when this is done, whether or not anybody can be reached.
 */
import {
  type DeviceKey,
  type FeedStore,
  type IncarnationPlan,
  type Member,
  type Registry,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import { isoTime } from 'hlc-ts';
import { freshKey, type Lineage, type SuccessionRecord } from './lineage.ts';

const READ_BYTES = 1024 * 1024;

/** Of a lineage what a key needs to take over: a simulated machine keeps its own. */
export type LineageOf = Pick<Lineage, 'key' | 'keys' | 'records' | 'staged'> & {
  follow(...decision: Parameters<Lineage['follow']>): Promise<unknown>;
};

export interface OpenStore {
  readonly store: FeedStore;
  readonly registry: Registry;
  close(): Promise<void>;
}

/** Our own keys that the registry does not know, with the rights of the ones before them. */
export function presume(lineage: Pick<LineageOf, 'keys' | 'records'>, registry: Registry): void {
  for (const [index, { writer, predecessor, incarnation }] of lineage.records.entries()) {
    const grant = registry.member(predecessor)?.grant;
    const key = lineage.keys[index + 1]!.publicKey;
    if (grant !== undefined && !registry.isConfirmed(writer)) {
      const member: Member = {
        writer,
        key,
        grant: { ...grant, incarnation },
        at: 0,
        predecessor,
        reason: 'incarnation',
      };
      registry.presume(member);
    }
  }
}

/** Called on a store that `branchline restore` has put back: from here on nothing is written with the keys of the backup. */
export async function takeRestored(lineage: Lineage, registry: Registry, nowMs: number): Promise<Lineage> {
  const mark = await lineage.readMark();
  if (mark === undefined) {
    return lineage;
  }
  let next = lineage;
  const isEnrolled = registry.member(lineage.key.writer) !== undefined;
  if (isEnrolled && lineage.last?.mark !== mark.id) {
    next = await lineage.follow(freshKey(), {
      reason: 'restored',
      at: isoTime(nowMs),
      // Earlier ones put back from the same backup have numbers of their own, whether or not the registry heard of them.
      incarnation: nextIncarnation(registry, lineage.key.writer) + mark.times - 1,
      mark: mark.id,
    });
  }
  await next.forgetMark();
  return next;
}

/** Called with the operator's rotation granted. */
export async function takeRotation(lineage: Lineage, registry: Registry, nowMs: number): Promise<Lineage> {
  const key = await lineage.readRotationKey();
  const member = key && registry.isConfirmed(key.writer) ? registry.member(key.writer) : undefined;
  if (key === undefined || member === undefined || lineage.keys.some(({ writer }) => writer === key.writer)) {
    return lineage;
  }
  const { incarnation } = member.grant;
  return await lineage.follow(key, { reason: 'rotated', at: isoTime(nowMs), incarnation });
}

/** Called with the node closed and its store open; closes it. `open` opens another store of the same tenant. */
export async function takeOver(options: {
  readonly lineage: LineageOf;
  readonly home: OpenStore;
  readonly plan: IncarnationPlan;
  readonly open: (at: { journal: string; index: string }) => Promise<OpenStore>;
  readonly nowMs: number;
  /** A new random one when left out. */
  readonly makeKey?: () => DeviceKey;
}): Promise<void> {
  const { lineage, home, open, nowMs, makeKey = freshKey } = options;
  const next = makeKey();
  const plan = asOfNow(options.plan, home.store);
  const incarnation = nextIncarnation(home.registry, lineage.key.writer);
  if (plan.diverged) {
    const staged = await open(lineage.staged(next.writer));
    await copyCommon(home.store, staged.store, home.registry, plan).finally(() => staged.close());
  }
  await home.close();
  await lineage.follow(next, { reason: 'copied', at: isoTime(nowMs), incarnation, plan });
}

/** Where the feeds of the key before end: what the first entries of the new one name. */
export function planOfRecord(record: SuccessionRecord, store: FeedStore): IncarnationPlan {
  const { predecessor, plan } = record;
  const own = [...store.feeds().values()].filter(({ feed }) => writerOf(feed) === predecessor);
  const ends = own.map(({ feed, head }) => ({ feed, common: head, ours: head.seq }));
  return plan ?? { predecessor, diverged: false, ends };
}

/** While the peer was asked, entries may have been added; all of them are ours alone. */
function asOfNow({ predecessor, ends }: IncarnationPlan, store: FeedStore): IncarnationPlan {
  const now = ends.map(({ feed, common, ours }) => ({
    feed,
    common,
    ours: store.feeds().get(feed)?.head.seq ?? ours,
  }));
  return { predecessor, ends: now, diverged: now.some(({ common, ours }) => ours > common.seq) };
}

/** A number no key of this node has had, as far as is known here. */
function nextIncarnation(registry: Registry, writer: WriterId): number {
  const self = registry.member(writer)!;
  const { branch, nodeLetter } = self.grant;
  const line = registry
    .members()
    .filter(({ grant }) => grant.branch === branch && grant.nodeLetter === nodeLetter);
  return 1 + Math.max(...[self, ...line].map(({ grant }) => grant.incarnation));
}

/**
 * Fills a new store from one that is to be set aside: everything of others, and of our own what the peer holds as well. The
 * registry goes first, because it knows the keys; what never leaves the machine (tills, answers) goes whole.
 */
export async function copyCommon(
  from: FeedStore,
  to: FeedStore,
  registry: Registry,
  plan: IncarnationPlan,
): Promise<void> {
  const limits = new Map(plan.ends.map(({ feed, common }) => [feed, common.seq]));
  const feeds = [...from.feeds().values()].sort(
    (a, b) => Number(b.feed === registry.feed) - Number(a.feed === registry.feed),
  );
  for (const { feed, head, base } of feeds) {
    const end = limits.get(feed) ?? head.seq;
    if (base.seq > 0) {
      await to.adopt(feed, base);
    }
    for (let next = base.seq + 1; next <= end; ) {
      const long = await from.read(feed, next, READ_BYTES);
      // The peer's copy may end inside a long read, never inside a commit.
      const run = long !== undefined && lastOf(long) > end ? await from.read(feed, next, 1) : long;
      if (run === undefined || lastOf(run) > end) {
        break;
      }
      await to.append({ runs: [run] });
      next = lastOf(run) + 1;
    }
  }
}

function lastOf(run: { readonly from: number; readonly entries: readonly unknown[] }): number {
  return run.from + run.entries.length - 1;
}
