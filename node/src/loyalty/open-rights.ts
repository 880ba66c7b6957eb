/** The keeper of rights over the real parts of a node. */
import type { Collection } from '@branchline/feed';
import { feedName } from '@branchline/feed';
import type { Decide } from '../commit/commit-pipeline.ts';
import type { EventLog } from '../event-log.ts';
import type { NodePorts } from '../ports.ts';
import type { ReadModels } from '../read-models.ts';
import type { Exchange } from '../sync/exchange.ts';
import type { ReclaimRules } from './reclaim-rules.ts';
import { RightsKeeper } from './rights-keeper.ts';

export function openRights(options: {
  readonly ports: NodePorts;
  readonly models: ReadModels;
  readonly branch: string;
  readonly events: EventLog;
  readonly exchange: Exchange;
  readonly reclaims: ReclaimRules;
  readonly submitOwn: (decide: Decide<number>) => Promise<number>;
}): RightsKeeper {
  const { ports, models, branch, events, exchange, reclaims, submitOwn } = options;
  const { key, registry, clock, store, log } = ports;
  return new RightsKeeper({
    self: key.writer,
    branch,
    registry,
    customers: models.customers,
    clock,
    level: (collection) => models.shards.level(collection),
    reclaimed: (region) => reclaims.takeable(region),
    reclaimedRegions: () => reclaims.regions(),
    heldOf: (collection, writer) =>
      store.feeds().get(feedName(collection as Collection, writer))?.head.seq ?? 0,
    programme: (ms) => models.programmes.at(ms),
    isConnected: () => exchange.replicator.isLive,
    commit: submitOwn,
    onMoved: (account, moves) =>
      events.publish('rights.moved', {
        account,
        moves: moves.map(({ type, points, other }) => ({ type, points, other: other ?? null })),
      }),
    onFailure: (error) => log.warn({ err: error }, 'rights were not moved; tried again'),
  });
}
