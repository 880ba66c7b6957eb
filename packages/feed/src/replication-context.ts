/**
 * What every session of a replicator shares, and what it tells the program.
 */
import type { Clock } from 'hlc-ts';
import type { Authority } from './authority.ts';
import type { CheckpointSink, CheckpointSource } from './checkpoint-transfer.ts';
import type { FeedSummary } from './feed-summary.ts';
import type { ForkEvidence } from './fork-evidence.ts';
import type { IncarnationPlan } from './incarnation.ts';
import type { RecentRuns } from './recent-runs.ts';
import type { Registry } from './registry.ts';
import type { SuccessorMessage } from './replication-messages.ts';
import type { ReplicationEvent, ReplicationState, ReplicationStep } from './replication-state.ts';
import type { FeedName, FeedStore, WriterId } from './types.ts';

export type ReplicationNews =
  /** Everything both sides may read has been compared; only new entries flow from here on. */
  | { readonly type: 'peerLive'; readonly peer: WriterId }
  | { readonly type: 'peerLeft'; readonly peer: WriterId; readonly code: string; readonly cause?: unknown }
  /** The peer sent what it may not, or what does not verify. `feed` was not changed. */
  | {
      readonly type: 'entriesRefused';
      readonly peer: WriterId;
      readonly feed: FeedName;
      readonly code: string;
    }
  /** The disk did not give back what was written. A damaged entry keeps its feed from the peer until the next session; other feeds go on. */
  | { readonly type: 'storeDamaged'; readonly peer: WriterId; readonly cause: Error }
  /** A feed of another writer was written twice: quarantined, evidence kept. */
  | { readonly type: 'forkFound'; readonly peer: WriterId; readonly evidence: ForkEvidence }
  /** A peer has proven that our own history is not the only one. Stop writing with this key. */
  | { readonly type: 'ownForkFound'; readonly peer: WriterId; readonly feed: FeedName }
  /** All is known that a new incarnation needs. */
  | { readonly type: 'incarnationNeeded'; readonly peer: WriterId; readonly plan: IncarnationPlan }
  | {
      readonly type: 'checkpointApplied';
      readonly peer: WriterId;
      readonly collection: string;
      readonly bytes: number;
    }
  /** A checkpoint that does not verify, or whose vector or documents are not acceptable. Nothing was changed. */
  | {
      readonly type: 'checkpointRefused';
      readonly peer: WriterId;
      readonly collection: string;
      readonly detail: string;
    }
  | {
      readonly type: 'alarmReceived';
      readonly peer: WriterId;
      readonly code: string;
      readonly detail: string;
    }
  | { readonly type: 'statusReceived'; readonly peer: WriterId; readonly report: unknown };

export interface ReplicationContext {
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly tenant: string;
  readonly self: WriterId;
  readonly summary: FeedSummary;
  readonly recent: RecentRuns;
  readonly source: CheckpointSource | undefined;
  readonly sink: CheckpointSink | undefined;
  readonly authority: Pick<Authority, 'succeed'> | undefined;
  /** True once a peer has proven another history of ours: nothing of our own leaves any more. */
  isSuperseded(): boolean;
  isForked(feed: FeedName): boolean;
  forks(): readonly ForkEvidence[];
  /** Called with proof. Resolves when it is kept. */
  forkFound(peer: WriterId, evidence: ForkEvidence): Promise<void>;
  ownForkFound(peer: WriterId, feed: FeedName): void;
  /** A feed of ours of which this peer has proven another history, in this life of the replicator. */
  ownForkWith(peer: WriterId): FeedName | undefined;
  /** Called for a request no authority here can answer. */
  passOn(from: WriterId, message: SuccessorMessage): void;
  /** Called after a checkpoint was adopted: the store does not tell. */
  feedMoved(feed: FeedName): void;
  /** Called when a newer checkpoint may be here: keepers are sent it. */
  shelfMoved(): void;
  /** A checkpoint this peer refused in an earlier session. */
  hasDeclined(peer: WriterId, id: string): boolean;
  report(news: ReplicationNews): void;
  /** Called after every step of every session's state. */
  observe(before: ReplicationState, event: ReplicationEvent, step: ReplicationStep): void;
}
