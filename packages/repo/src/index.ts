export { SteadyClientAdapter } from './client-adapter.ts';
export { type CloseCode, type EditCode, RepoError, type RepoErrorCode } from './errors.ts';
export { FRAME_BYTES_MAX } from './frames.ts';
export { LevelStorageAdapter, type LevelStorageOptions, type StorageLevel } from './level-storage.ts';
export {
  type LiveCounts,
  type LiveDocument,
  LiveDocuments,
  type LiveDocumentsOptions,
  type LiveLimits,
  type LiveRefusal,
  REFUSED,
} from './live-documents.ts';
export type {
  EditRefusal,
  LiveAccess,
  LiveChange,
  LiveEdit,
  LiveFieldEdit,
  LiveRow,
  LiveSource,
  LiveUser,
  LiveValue,
} from './live-source.ts';
export type { Admission } from './peer-table.ts';
export type { RepoSocket } from './repo-socket.ts';
export { SocketServerAdapter } from './server-adapter.ts';
export { evictDocument, flushReady, keepSyncStates } from './steady-repo.ts';
export { Tickets } from './tickets.ts';
