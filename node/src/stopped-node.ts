/**
 * The store of a node that is not running, opened by a command: what can be done with feeds alone.
 *
 * What is taken in this way reaches rows and documents at the node's next start, by the same replay as after a crash. Nothing is
 * enrolled, dialled or given a new key here. A store in use is refused (`NODE_LOCKED`).
 */
import { CheckpointShelf, NodeDisk } from '@branchline/feed';
import type { Clock } from 'hlc-ts';
import { NodeError } from './errors.ts';
import { bundleActions } from './files/bundle-file.ts';
import { DataDirectory } from './files/data-directory.ts';
import type { ControlActions } from './http/routes/control.ts';
import { openStore } from './node-home.ts';
import type { NodeLog } from './ports.ts';

export interface StoppedNode extends ControlActions {
  close(): Promise<void>;
}

export async function openStoppedNode(options: {
  readonly data: string;
  readonly clock: Clock;
  readonly log: NodeLog;
}): Promise<StoppedNode> {
  const directory = new DataDirectory(options.data);
  const [anchor, key] = [await directory.readAnchor(), await directory.readKey('device')];
  if (anchor === undefined || key === undefined) {
    throw new NodeError('NODE_NOT_ENROLLED', `${options.data} holds no enrolled node`, {
      hint: 'Name the folder of a node, or start the node once with its token.',
    });
  }
  const { store, registry, close } = await openStore(options, anchor, directory, [key]);
  const { tenant } = anchor;
  const shelf = await CheckpointShelf.open({
    disk: new NodeDisk(),
    dir: directory.checkpoints,
    clock: options.clock,
    mayVouch: (writer) => registry.mayVouch(writer),
  });
  // Taking one over needs documents, and so the running node: without it, feeds that begin after one are named as refused.
  const home = { store, registry, tenant, key };
  return { ...bundleActions(home, options.clock, { source: shelf }), close };
}
