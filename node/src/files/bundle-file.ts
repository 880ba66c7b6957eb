/** Replication by file: what a peer may lack, written into a bundle; a bundle taken in as if a peer had sent it. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { exportBundle, FeedError, importBundle, vectorOf } from '@branchline/feed';
import { ProblemError } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import type { ControlActions } from '../http/routes/control.ts';
import type { NodeHome } from '../node-home.ts';
import { PRIVATE_MODE } from './durable-file.ts';

export function bundleActions(home: NodeHome, clock: Clock): ControlActions {
  const { store, registry, tenant, key } = home;
  return {
    exportBundle: async (to, since) => {
      const vector = Object.entries(vectorOf(store));
      const bytes = await writeNewFile(to, exportBundle({ store, registry, since }));
      const entries = vector.reduce((total, [feed, seq]) => total + Math.max(0, seq - (since[feed] ?? 0)), 0);
      return { feeds: vector.length, entries, bytes };
    },
    importBundle: async (from) => {
      const source = createReadStream(from);
      try {
        return await importBundle({ store, registry, tenant, clock, self: key.writer, source });
      } catch (error) {
        if (error instanceof FeedError) {
          throw error.code === 'STORE_POISONED' || error.code === 'STORE_FULL'
            ? error
            : invalid(`${from} is no bundle for this node: ${error.message}`, error);
        }
        throw invalid(`cannot read ${from}: ${(error as Error).message}`, error);
      } finally {
        source.destroy();
      }
    },
  };
}

/** Whole and on disk, or an error: half a bundle on a stick helps nobody. Never over a file that is there. */
async function writeNewFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx', PRIVATE_MODE).catch((cause: Error) => {
    throw invalid(`cannot write ${path}: ${cause.message}`, cause);
  });
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      bytes += chunk.byteLength;
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  return bytes;
}

function invalid(detail: string, cause: unknown): ProblemError {
  return new ProblemError('INVALID_REQUEST', detail, { cause });
}
