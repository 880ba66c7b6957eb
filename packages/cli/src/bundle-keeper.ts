/**
 * Whoever can write and take in bundles for a data folder, reached in one of two ways: the running program over HTTP, or the data
 * of a stopped relay or node opened by the command itself.
 */
import { NodeDisk } from '@branchline/feed';
import { z } from 'zod';
import type { CommandContext } from './command-context.ts';
import { readDataFolder } from './data-folder.ts';
import { silentLog } from './log.ts';
import { RunningProgram } from './running-program.ts';

const exported = z.looseObject({ entries: z.int(), bytes: z.int(), feeds: z.int() });
const imported = z.looseObject({
  entries: z.int(),
  fresh: z.int(),
  refused: z.array(z.object({ feed: z.string(), code: z.string() })),
});

export interface BundleKeeper {
  exportBundle(to: string, since: Readonly<Record<string, number>>): Promise<z.infer<typeof exported>>;
  importBundle(from: string): Promise<z.infer<typeof imported>>;
  close(): Promise<void>;
}

export async function openBundleKeeper(context: CommandContext, data: string): Promise<BundleKeeper> {
  const running = await RunningProgram.find(data);
  if (running !== undefined) {
    return {
      exportBundle: async (to, since) =>
        exported.parse(await running.post('/v1/control/export', { to, since })),
      importBundle: async (from) => imported.parse(await running.post('/v1/control/import', { from })),
      close: async () => {},
    };
  }
  const actions = await openStopped(context, data);
  return {
    exportBundle: async (to, since) => exported.parse(await actions.exportBundle(to, since)),
    importBundle: async (from) => imported.parse(await actions.importBundle(from)),
    close: () => actions.close(),
  };
}

async function openStopped({ ports }: CommandContext, data: string) {
  const { clock, random } = ports;
  const log = silentLog();
  const { kind } = await readDataFolder(data);
  if (kind === 'node') {
    const { openStoppedNode } = await import('@branchline/node');
    return await openStoppedNode({ data, clock, log });
  }
  const { controlActions, RelayCore } = await import('@branchline/relay');
  const core = await RelayCore.open({ clock, random, disk: new NodeDisk(), log }, data);
  return { ...controlActions(core, clock), close: () => core.close() };
}
