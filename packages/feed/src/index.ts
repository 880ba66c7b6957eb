export {
  Authority,
  type AuthorityOptions,
  type InviteRequest,
  type Issued,
  type Succession,
  successionBytes,
} from './authority.ts';
export {
  type ExportOptions,
  exportBundle,
  type FeedVector,
  type ImportOptions,
  type ImportReport,
  importBundle,
  vectorOf,
} from './bundle.ts';
export { type BundleCheckOptions, type BundleContents, checkBundle } from './bundle-check.ts';
export { firstHead, headAfter, headSigned, nextHead, sameHash, signedBytes } from './chain.ts';
export { type CheckpointMark, countEntries } from './checkpoint-file.ts';
export { CheckpointShelf, type ShelfOptions } from './checkpoint-shelf.ts';
export {
  CHECKPOINT_BYTES_MAX,
  CHECKPOINT_DOCS_MAX,
  CHECKPOINTS_FEATURE,
  type Checkpoint,
  type CheckpointDoc,
  type CheckpointOffer,
  type CheckpointSink,
  type CheckpointSource,
  type HeldCheckpoint,
  isSigned,
  KEEPER_FEATURE,
  type SignedCheckpoint,
  signCheckpoint,
} from './checkpoint-transfer.ts';
export {
  type CollectionPattern,
  familyOf,
  LOCAL_COLLECTION,
  matchesPattern,
  REGISTRY_COLLECTION,
} from './collections.ts';
export type { Disk, DiskFile, OpenMode } from './disk.ts';
export { DURABLE_MARKS_MAX, DurableMarks } from './durable-marks.ts';
export {
  decodePublicKey,
  type EnrolAnswer,
  type EnrolRequest,
  encodePublicKey,
  enrolAnswer,
  enrolRequest,
  readEnrolAnswer,
  writeEnrolAnswer,
} from './enrolment.ts';
export { decodeEntry, ENTRY_BYTES_MAX, type EntryContent, encodeEntry, entriesOf } from './entry.ts';
export { FeedError, type FeedErrorCode } from './errors.ts';
export {
  collectionOf,
  feedName,
  parseCollection,
  parseFeedName,
  parseWriterId,
  writerOf,
} from './feed-name.ts';
export { type Committed, type Draft, FeedWriter, type FeedWriterOptions } from './feed-writer.ts';
export {
  CUTS_MAX,
  type Cut,
  cutsOf,
  ERASURE_KIND,
  ERASURES_COLLECTION,
  type Forgetting,
  type ForgettingOptions,
  type Forgotten,
  KEYS_FAMILY,
  startForgetting,
} from './forgetting.ts';
export { type EvidenceLedger, type ForkEvidence, levelEvidence, memoryEvidence } from './fork-evidence.ts';
export { defaultGrant, type Grant, REGION_DEFAULT, ROLES, type Role } from './grants.ts';
export {
  type DeviceKey,
  exportDeviceKey,
  generateDeviceKey,
  importDeviceKey,
  type KeyResolver,
  verifySignature,
  writerIdOf,
} from './identity.ts';
export {
  beginIncarnation,
  INCARNATION_KIND,
  type IncarnationBody,
  type IncarnationPlan,
  onlyOurs,
  successionRequest,
} from './incarnation.ts';
export { JournalStore, type JournalStoreOptions, type Opening } from './journal-store.ts';
export { keptStamp, lastStamp } from './kept-stamp.ts';
export { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';
export { NodeDisk } from './node-disk.ts';
export type { FeedProgress, PeerProgress } from './peer-progress.ts';
export { isPrunable, pruneBelow } from './prune.ts';
export { type ReadJournalOptions, readJournal } from './read-journal.ts';
export {
  type Admission,
  type BranchMembers,
  type Invitation,
  type Member,
  Registry,
  type Revocation,
} from './registry.ts';
export { followRegistry } from './registry-follower.ts';
export type { ReplicationNews } from './replication-context.ts';
export type { PeerChannel, ReplicationMessage } from './replication-messages.ts';
export { Replicator, type ReplicatorOptions } from './replicator.ts';
export type { Session } from './session.ts';
export type {
  Appended,
  AppendOptions,
  Collection,
  Commit,
  Entry,
  FeedName,
  FeedState,
  FeedStore,
  Head,
  PublicKey,
  Run,
  WriterId,
} from './types.ts';
export { type Broken, type Verified, type VerifyOptions, verifyStore } from './verify.ts';
