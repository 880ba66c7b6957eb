/** Replication by file: what a peer may lack, written into a bundle; a bundle taken in as if a peer had sent it. */
import { createReadStream } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { checkBundle, exportBundle, FeedError, importBundle, vectorOf } from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import { RelayError } from './errors.ts';
import type { ControlActions } from './http/control-routes.ts';
import type { RelayCore } from './relay-core.ts';

export function controlActions(core: RelayCore, clock: Clock): Omit<ControlActions, 'drain'> {
  const { store, registry, shelf } = core;
  return {
    exportBundle: async (to, since) => {
      const feeds = Object.keys(vectorOf(store)).length;
      let entries = 0;
      const onEntries = (more: number): void => {
        entries += more;
      };
      const options = { store, registry, since, checkpoints: shelf.source, onEntries };
      const bytes = await writeNewFile(to, exportBundle(options));
      return { feeds, entries, bytes };
    },
    importBundle: async (from) => {
      const { tenant, key } = core;
      try {
        // All of it first: a bundle that was cut short or mixed up changes nothing.
        await reading(from, (source) => checkBundle({ source, registry }));
        return await reading(from, (source) =>
          importBundle({ store, registry, tenant, clock, self: key.writer, source, sink: shelf }),
        );
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code?.startsWith('E')) {
          throw new RelayError('REQUEST_INVALID', `cannot read ${from}: ${(error as Error).message}`);
        }
        throw error;
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
  const file = await open(path, 'wx', 0o600).catch((cause: Error) => {
    throw new RelayError('REQUEST_INVALID', `cannot write ${path}: ${cause.message}`, { cause });
  });
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      bytes += chunk.byteLength;
    }
    await file.datasync();
  } catch (cause) {
    await unlink(path).catch(() => undefined);
    throw cause instanceof FeedError
      ? cause
      : new RelayError('REQUEST_INVALID', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  } finally {
    await file.close();
  }
  return bytes;
}
