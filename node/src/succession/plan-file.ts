/** Where two histories part, as JSON: hashes in hexadecimal. */
import type { FeedName, IncarnationPlan, WriterId } from '@branchline/feed';
import { z } from 'zod';

export const planJson = z.strictObject({
  predecessor: z.string(),
  diverged: z.boolean(),
  ends: z.array(
    z.strictObject({
      feed: z.string(),
      ours: z.int().min(0),
      common: z.strictObject({ seq: z.int().min(0), hash: z.string().regex(/^[0-9a-f]{64}$/) }),
    }),
  ),
});
export type PlanJson = z.infer<typeof planJson>;

export function planToJson({ predecessor, diverged, ends }: IncarnationPlan): PlanJson {
  return {
    predecessor,
    diverged,
    ends: ends.map(({ feed, ours, common }) => ({
      feed,
      ours,
      common: { seq: common.seq, hash: Buffer.from(common.hash).toString('hex') },
    })),
  };
}

export function planFromJson({ predecessor, diverged, ends }: PlanJson): IncarnationPlan {
  return {
    predecessor: predecessor as WriterId,
    diverged,
    ends: ends.map(({ feed, ours, common }) => ({
      feed: feed as FeedName,
      ours,
      common: { seq: common.seq, hash: new Uint8Array(Buffer.from(common.hash, 'hex')) },
    })),
  };
}
