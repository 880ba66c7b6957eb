/** What a node tells the relay about itself, for the fleet page: clock, where its own feeds end, room on the disk. */
import { writerOf } from '@branchline/feed';
import type { NodePorts } from '../ports.ts';

export async function statusReport({ clock, store, key, diskSpace }: NodePorts): Promise<unknown> {
  const heads = [...store.feeds().values()]
    .filter(({ feed }) => writerOf(feed) === key.writer && !feed.startsWith('local/'))
    .map(({ feed, head }) => [feed, head.seq]);
  const disk = await diskSpace?.();
  return { nowMs: clock.nowMs(), heads, ...(disk === undefined ? {} : { disk }) };
}
