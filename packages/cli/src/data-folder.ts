/**
 * The data folder of a relay or node as commands see it from outside: what it is, and whose. Its journal and small files are
 * named alike for both, so verifying and copying need not know which it is.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError } from './errors.ts';

/** Written by `init` and by enrolment; the trust anchor. */
const ANCHORS = [
  { kind: 'node', file: 'node.json' },
  { kind: 'relay', file: 'relay.json' },
] as const;

const anchor = z.looseObject({ tenant: z.string().min(1), authorityKey: z.string() });

export interface DataFolder {
  readonly kind: 'relay' | 'node';
  readonly path: string;
  readonly journal: string;
  readonly tenant: string;
}

export async function readDataFolder(path: string): Promise<DataFolder> {
  for (const { kind, file } of ANCHORS) {
    const text = await readFile(join(path, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
        return undefined;
      }
      throw unreadable(join(path, file), error);
    });
    if (text !== undefined) {
      return { kind, path, journal: join(path, 'journal'), tenant: tenantIn(text, join(path, file)) };
    }
  }
  throw new CliError('DATA_MISSING', `${path} holds neither a relay nor an enrolled node`, {
    hint: 'Name the folder with --data DIR.',
  });
}

function tenantIn(text: string, file: string): string {
  try {
    return anchor.parse(JSON.parse(text)).tenant;
  } catch (cause) {
    throw unreadable(file, cause as Error);
  }
}

function unreadable(file: string, cause: Error): CliError {
  return new CliError('FILE_UNREADABLE', `cannot read ${file}: ${cause.message}`, {
    cause,
    hint: 'Check its permissions, or restore it from a backup.',
  });
}
