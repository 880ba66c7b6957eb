/**
 * What to do with a stock Repo 2.5.6 instead of what it offers, when it keeps documents that must not be lost.
 *
 *     evictDocument     instead of removeFromCache, which writes an empty document over the stored one
 *     flushReady        instead of flush(), which rejects when any document is not there
 *     keepSyncStates    beside the Repo's own, which stores the state of one document for each peer and forgets the others
 */
import * as Automerge from '@automerge/automerge';
import type { DocumentId, PeerId, Repo, StorageAdapterInterface } from '@automerge/automerge-repo/slim';
import type { Clock } from 'hlc-ts';

/** A sync state is stored so long after it changed. */
export const SYNC_STATE_MS = 500;

/** Stores a document and takes it out of memory. False when it was not there to be stored. */
export async function evictDocument(repo: Repo, documentId: DocumentId): Promise<boolean> {
  const handle = repo.handles[documentId];
  if (handle?.isReady() !== true) {
    return false;
  }
  await repo.flush([documentId]);
  // What the Repo listens to would store the empty document that eviction leaves behind.
  handle.removeAllListeners('heads-changed');
  handle.removeAllListeners('change');
  await repo.removeFromCache(documentId);
  return true;
}

/** Stores every document that is there. */
export async function flushReady(repo: Repo): Promise<void> {
  const ready = Object.values(repo.handles).filter((handle) => handle.isReady());
  await repo.flush(ready.map(({ documentId }) => documentId));
}

/** Stores what each lasting peer has of each document, so that the next meeting compares little. Returns how to stop. */
export function keepSyncStates(
  repo: Repo,
  storage: StorageAdapterInterface,
  options: { readonly clock: Clock; readonly onFailure: (error: Error) => void },
): () => void {
  const waiting = new Map<string, Automerge.SyncState>();
  const note = (state: { peerId: PeerId; documentId: DocumentId; syncState: Automerge.SyncState }): void => {
    const { storageId, isEphemeral } = repo.peerMetadataByPeerId[state.peerId] ?? {};
    if (storageId === undefined || isEphemeral === true) {
      return;
    }
    const key = [state.documentId, 'sync-state', storageId];
    const name = key.join('\0');
    const isWaiting = waiting.has(name);
    waiting.set(name, state.syncState);
    if (!isWaiting) {
      options.clock.setTimer(SYNC_STATE_MS, () => {
        const latest = waiting.get(name)!;
        waiting.delete(name);
        storage.save(key, Automerge.encodeSyncState(latest)).catch(options.onFailure);
      });
    }
  };
  repo.synchronizer.on('sync-state', note);
  return () => {
    repo.synchronizer.off('sync-state', note);
  };
}
