/** Replication by file: what a peer may lack, written into a bundle; a bundle taken in as if a peer had sent it. */
import { createReadStream } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import {
  type CheckpointSink,
  type CheckpointSource,
  checkBundle,
  exportBundle,
  FeedError,
  importBundle,
  vectorOf,
} from '@branchline/feed';
import { ProblemError } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import type { ControlActions } from '../http/routes/control.ts';
import type { NodeHome } from '../node-home.ts';
import { PRIVATE_MODE } from './durable-file.ts';

export type BundleHome = Pick<NodeHome, 'store' | 'registry' | 'tenant' | 'key'>;

/** Checkpoints stand in for entries that were given up here: written into a bundle, and taken in where there is a `sink`. */
export interface BundleCheckpoints {
  readonly source?: CheckpointSource;
  readonly sink?: CheckpointSink;
}

export function bundleActions(
  home: BundleHome,
  clock: Clock,
  checkpoints: BundleCheckpoints | undefined,
): ControlActions {
  const { store, registry, tenant, key } = home;
  const from = checkpoints?.source === undefined ? {} : { checkpoints: checkpoints.source };
  const into = checkpoints?.sink === undefined ? {} : { sink: checkpoints.sink };
  return {
    exportBundle: async (to, since) => {
      const feeds = Object.keys(vectorOf(store)).length;
      let entries = 0;
      const onEntries = (more: number): void => {
        entries += more;
      };
      const bytes = await writeNewFile(to, exportBundle({ store, registry, since, onEntries, ...from }));
      return { feeds, entries, bytes };
    },
    importBundle: async (path) => {
      try {
        // All of it first: a bundle that was cut short or mixed up changes nothing.
        await reading(path, (source) => checkBundle({ source, registry }));
        return await reading(path, (source) =>
          importBundle({ store, registry, tenant, clock, self: key.writer, source, ...into }),
        );
      } catch (error) {
        if (error instanceof FeedError) {
          throw error.code === 'STORE_POISONED' || error.code === 'STORE_FULL'
            ? error
            : new ProblemError('BUNDLE_INVALID', `${path} is no bundle for this node: ${error.message}`, {
                cause: error,
              });
        }
        throw invalid(`cannot read ${path}: ${(error as Error).message}`, error);
      }
    },
  };
}

async function reading<T>(path: string, read: (source: AsyncIterable<Uint8Array>) => Promise<T>): Promise<T> {
  const source = createReadStream(path);
  try {
    return await read(source);
  } finally {
    source.destroy();
  }
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
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error instanceof FeedError
      ? error
      : invalid(`cannot write ${path}: ${(error as Error).message}`, error);
  } finally {
    await file.close();
  }
  return bytes;
}

function invalid(detail: string, cause: unknown): ProblemError {
  return new ProblemError('INVALID_REQUEST', detail, { cause });
}
