export { firstHead, headAfter, headSigned, nextHead, sameHash, signedBytes } from './chain.ts';
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
  type DeviceKey,
  exportDeviceKey,
  generateDeviceKey,
  importDeviceKey,
  type KeyResolver,
  verifySignature,
  writerIdOf,
} from './identity.ts';
export { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';
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
