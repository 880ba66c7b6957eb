/** Checkpoints of a node, composed: what makes them where this device may vouch, and what takes them over. */
import { CHECKPOINTS_FEATURE, type FeedName, type ReplicatorOptions } from '@branchline/feed';
import { formatStamp, type HybridClock } from 'hlc-ts';
import type { NodePorts } from '../ports.ts';
import type { ReadModels } from '../read-models.ts';
import { CheckpointIntake } from './checkpoint-intake.ts';
import { CheckpointMaker } from './checkpoint-maker.ts';
import { idlePause } from './idle-pause.ts';

export interface Checkpoints {
  readonly replication: Pick<ReplicatorOptions, 'checkpoints'>;
  /** For the hello to peers. */
  readonly features: readonly string[];
  readonly maker: CheckpointMaker;
  close(): Promise<void>;
}

/** Undefined where no checkpoints are kept: peers then send entries. */
export function openCheckpoints(options: {
  readonly ports: NodePorts;
  readonly models: Pick<ReadModels, 'shards' | 'rows'>;
  readonly hlc: HybridClock;
  /** True while tills wait for a commit. */
  readonly busy: () => boolean;
  readonly isForked: (feed: FeedName) => boolean;
  /** A new one is on the shelf. */
  readonly onMade: () => void;
}): Checkpoints | undefined {
  const { ports, models, hlc, busy, isForked, onMade } = options;
  const { checkpoints: shelf, store, registry, key, tenant, clock, log } = ports;
  if (shelf === undefined) {
    return undefined;
  }
  const { shards, rows } = models;
  const pause = idlePause(clock, busy);
  const intake = new CheckpointIntake({ shelf, shards, rows, store, writer: key.writer, pause });
  const maker = new CheckpointMaker({
    shelf,
    shards,
    rows,
    store,
    registry,
    key,
    tenant,
    clock,
    log,
    pause,
    newId: () => `${formatStamp(hlc.now())}-${key.writer}`,
    isForked,
    onMade,
  });
  return {
    replication: { checkpoints: { source: shelf, sink: intake } },
    features: [CHECKPOINTS_FEATURE],
    maker,
    close: () => intake.close(),
  };
}

/** Called on start, before anything is served: brings documents and rows level with the checkpoints kept here. */
export async function finishTakeovers(
  ports: NodePorts,
  models: Pick<ReadModels, 'shards' | 'rows'>,
  options: { readonly rowsWereLost: boolean },
): Promise<void> {
  const { checkpoints: shelf, store, key, clock, log } = ports;
  if (shelf === undefined) {
    return;
  }
  if (shelf.damaged.length > 0) {
    log.warn({ files: shelf.damaged }, 'checkpoints that are damaged are not used');
  }
  const { shards, rows } = models;
  const pause = idlePause(clock, () => false);
  const intake = new CheckpointIntake({ shelf, shards, rows, store, writer: key.writer, pause });
  await intake.finish(options);
}
