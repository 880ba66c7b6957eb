/**
 * What a node needs from the world. `node-program.ts` hands in the real ones, tests and simulations others; nothing below reaches for
 * a clock, a disk, a socket or dice of its own.
 */
import type { CheckpointShelf, DeviceKey, EvidenceLedger, FeedStore, Registry } from '@branchline/feed';
import type { StorageLevel } from '@branchline/repo';
import type { Transport } from '@branchline/wire';
import type { Clock, Random, UpperBoundStore } from 'hlc-ts';
import type { AnyLevel } from './delivery/delivery-queue.ts';
import type { Post } from './delivery/webhooks.ts';
import type { FolderMarks } from './files/folder-marks.ts';
import type { NodeKkt } from './fiscal/open-fiscal.ts';
import type { RowLevel } from './projections/rows.ts';
import type { SuccessionRecord } from './succession/lineage.ts';
import type { RotationKeys } from './succession/succession.ts';

/** The part of a pino logger the node uses. */
export interface NodeLog {
  debug(fields: object, words: string): void;
  info(fields: object, words: string): void;
  warn(fields: object, words: string): void;
  error(fields: object, words: string): void;
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Cryptographically random. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly log: NodeLog;
  /** Open, and followed by `registry`. */
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly tenant: string;
  /** This device. Must be a member of the registry, or presumed to be one. */
  readonly key: DeviceKey;
  /** Keys it had before, oldest first: they ask for the one it has now. */
  readonly formerKeys?: readonly DeviceKey[];
  /** How it got its key, when that followed another. */
  readonly succession?: SuccessionRecord | undefined;
  /** Without it a rotation ordered by the operator is not taken up. */
  readonly rotation?: RotationKeys;
  /** The authority's key, where this node keeps it. */
  readonly authorityKey?: DeviceKey | undefined;
  readonly clockBound: UpperBoundStore;
  /** A level of utf8 keys and values for rows; may be empty, is then filled from the store. */
  readonly rows: RowLevel;
  /** Called to reach a peer; `url` is its replication address. */
  readonly dial: (url: string, signal: AbortSignal) => Promise<Transport>;
  /** Where proofs of forked feeds are kept; in memory when left out. */
  readonly evidence?: EvidenceLedger;
  /** Where checkpoints are kept; without it none are made or taken. */
  readonly checkpoints?: CheckpointShelf;
  readonly diskSpace?: () => Promise<DiskSpace>;
  /** When its data was last copied and verified, when its disk last failed. */
  readonly folderMarks?: () => Promise<FolderMarks>;
  /** A level of its own for what is still to be delivered; made again from the feeds when it is empty. */
  readonly outbox: AnyLevel;
  /** A level of its own (utf8 keys, values as `view`) for live documents; without it there are none. */
  readonly live?: StorageLevel;
  /** Called to tell an address of the configuration about an event. */
  readonly post?: Post;
  /** The cash register; closed by the node. Without it no receipts are printed. */
  readonly kkt?: NodeKkt;
}
