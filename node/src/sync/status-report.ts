/** What a node tells the relay about itself, for the fleet page: clock, where its own feeds end, alarms, room on the disk. */
import { writerOf } from '@branchline/feed';
import type { Alarm } from '../alarms.ts';
import type { DiskSpace, NodePorts } from '../ports.ts';

/** Alarms told to the relay: the newest. */
export const ALARMS_TOLD_MAX = 16;

export function statusReport(
  { clock, store, key }: NodePorts,
  alarms: readonly Alarm[],
  disk: DiskSpace | undefined,
): unknown {
  const heads = [...store.feeds().values()]
    .filter(({ feed }) => writerOf(feed) === key.writer && !feed.startsWith('local/'))
    .map(({ feed, head }) => [feed, head.seq]);
  const told = alarms.slice(-ALARMS_TOLD_MAX);
  return { nowMs: clock.nowMs(), heads, alarms: told, ...(disk === undefined ? {} : { disk }) };
}
