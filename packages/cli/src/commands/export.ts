/**
 * S-11: replication by file: writes what a peer may lack into a bundle. By the running program, which holds the store, or by the
 * command itself when none runs.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkBundle } from '@branchline/feed';
import type { Command } from 'commander';
import { z } from 'zod';
import { openBundleKeeper } from '../bundle-keeper.ts';
import { type CommandContext, dataCommand } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { readJsonFile } from '../json-file.ts';
import { bytesWords } from '../output.ts';

const vector = z.record(z.string(), z.int().min(0));

export function exportCommand(context: CommandContext): Command {
  return dataCommand('export', 'write a bundle: replication by file', context)
    .requiredOption('--to <file>', 'bundle to write')
    .option(
      '--since <file>',
      'what the other side has: a bundle it wrote, or JSON of {"feed": number, …}; only the rest is written',
    )
    .action(async ({ data, to, since }: { data: string; to: string; since?: string }, command: Command) => {
      const known = since === undefined ? {} : await readVector(since);
      const keeper = await openBundleKeeper(context, data);
      try {
        const written = await keeper.exportBundle(resolve(to), known);
        const { entries, bytes } = written;
        context
          .output(command)
          .result({ to, ...written }, () => `${entries} entries, ${bytesWords(bytes)} in ${to}`);
      } finally {
        await keeper.close();
      }
    });
}

const BUNDLE = 'BRANCHLINE BUNDLE';

/** What the writer of a bundle held is what an answer to it may leave out. */
async function readVector(path: string): Promise<Record<string, number>> {
  if (await isBundle(path)) {
    const source = createReadStream(path);
    try {
      return { ...(await checkBundle({ source })).vector };
    } finally {
      source.destroy();
    }
  }
  const parsed = vector.safeParse(await readJsonFile(path));
  if (!parsed.success) {
    throw new CliError('CONFIG_INVALID', `${path} is no vector: ${parsed.error.issues[0]!.message}`, {
      hint: 'Give a bundle of the other side, or JSON like {"orders/B001/…": 12}.',
    });
  }
  return parsed.data;
}

async function isBundle(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) {
    return false;
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BUNDLE.length), 0, BUNDLE.length, 0);
    return buffer.toString('latin1', 0, bytesRead) === BUNDLE;
  } finally {
    await file.close();
  }
}
