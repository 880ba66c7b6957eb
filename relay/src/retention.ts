/**
 * How long a relay keeps entries of documents: until a checkpoint stands in for them, and nobody needs them any more.
 *
 *     kept here, signed by somebody who still may vouch ─> RETENTION_MS old ─> every device that may read the collection has
 *     passed it or takes checkpoints ─> whole on disk, read back just now ─> entries below it go
 *
 * Guarantees: never the registry, orders or receipts (`pruneBelow` refuses); a device that was never in contact, or speaks
 * without checkpoints, holds up what it may read until it has it or is revoked.
 *
 * The week is for devices that are a little behind: they get the few entries they lack and not a whole checkpoint.
 */
import {
  type CheckpointMark,
  type FeedName,
  type FeedStore,
  type Member,
  pruneBelow,
  type Registry,
  type WriterId,
  writerIdOf,
  writerOf,
} from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import type { RelayShelf } from './checkpoint-shelf.ts';

/** Age of a checkpoint before entries below it are given up. */
export const RETENTION_MS = 7 * 24 * 3_600_000;

export interface RetentionOptions {
  readonly shelf: Pick<RelayShelf, 'marks' | 'isWhole'>;
  readonly store: FeedStore;
  readonly registry: Registry;
  /** This relay. */
  readonly self: WriterId;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Up to where a device has confirmed each feed; undefined when it was never in contact. */
  readonly held: (writer: WriterId) => Pick<ReadonlyMap<FeedName, number>, 'get'> | undefined;
  /** Did the device say that it takes checkpoints, when it was last here? */
  readonly takes: (writer: WriterId) => boolean;
}

/** Why entries below a checkpoint must stay; undefined when they may go. */
export function reasonToKeep(mark: CheckpointMark, options: RetentionOptions): string | undefined {
  const { registry, clock, self } = options;
  if (!registry.mayVouch(writerIdOf(mark.signer))) {
    return 'its signer may not vouch any more';
  }
  if (clock.nowMs() - mark.keptMs < RETENTION_MS) {
    return 'it is too young';
  }
  const waiting = registry
    .members()
    .find(
      ({ writer, revocation }) =>
        revocation === undefined &&
        writer !== self &&
        registry.mayRead(writer, mark.collection) &&
        !options.takes(writer) &&
        !hasPassed(writer, mark, options),
    );
  return waiting && `${nameOf(waiting)} may need them`;
}

/** Gives up entries that checkpoints stand in for; returns how many feeds were shortened. */
export async function pruneCovered(options: RetentionOptions): Promise<number> {
  let shortened = 0;
  for (const mark of options.shelf.marks()) {
    const isLonger = [...mark.vector].some(
      ([feed, { seq }]) => (options.store.feeds().get(feed)?.base.seq ?? seq) < seq,
    );
    if (isLonger && reasonToKeep(mark, options) === undefined && (await options.shelf.isWhole(mark))) {
      shortened += await pruneBelow(options.store, mark);
    }
  }
  return shortened;
}

function hasPassed(writer: WriterId, mark: CheckpointMark, options: RetentionOptions): boolean {
  const held = options.held(writer);
  return [...mark.vector].every(
    ([feed, { seq }]) => writerOf(feed) === writer || (held?.get(feed) ?? 0) >= seq,
  );
}

function nameOf({ writer, grant }: Member): string {
  return `${grant.branch} (${writer})`;
}
