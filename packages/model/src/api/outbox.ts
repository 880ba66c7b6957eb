/**
 * S-28: what this node still has to deliver, and what a person has to decide about.
 *
 * Written for the person in charge: `what` it is, `why` it is here, what `todo`. Durations are milliseconds, moments ISO 8601.
 */
import { z } from 'zod';
import { freeText } from '../text.ts';

const count = z.int().min(0);

/** Documents for the operator of fiscal data, events for an address of the configuration, receipts nobody can tell about. */
export const outboxKind = z.enum(['ofd', 'webhook', 'receipt']);
export type OutboxKind = z.infer<typeof outboxKind>;

/** What was said at the last try. */
export const outboxRemark = z.strictObject({ code: z.string(), words: z.string(), at: z.string() });

export const outboxLine = z.strictObject({
  /** The storage, or the address. */
  key: z.string(),
  kind: outboxKind,
  /** In a sentence: what goes on in this line. */
  words: z.string(),
  pending: count,
  quarantined: count,
  breaker: z.enum(['closed', 'open', 'half-open']),
  retryInMs: count.optional(),
  oldest: z
    .strictObject({
      id: z.string(),
      addedAt: z.string(),
      ageMs: count,
      attempts: count,
      last: outboxRemark.optional(),
    })
    .optional(),
});

export const outboxStatus = z.strictObject({
  lines: z.array(outboxLine),
  /** Of everything ever added: nothing is dropped, so these are all there is. */
  totals: z.strictObject({ pending: count, quarantined: count, delivered: count, resolved: count }),
});
export type OutboxStatus = z.infer<typeof outboxStatus>;

export const quarantineItem = z.strictObject({
  id: z.string(),
  kind: outboxKind,
  what: z.string(),
  why: outboxRemark,
  todo: z.string(),
  addedAt: z.string().optional(),
  attempts: count,
  /** What may be done with it. */
  acts: z.array(z.enum(['retry', 'resolve'])),
});
export const quarantineQuery = z.strictObject({
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
export const quarantinePage = z.strictObject({ items: z.array(quarantineItem), next: z.string().optional() });
export type QuarantinePage = z.infer<typeof quarantinePage>;
export type QuarantineItem = z.infer<typeof quarantineItem>;

export const retryRequest = z.strictObject({});
/** `reason` is kept with the decision. */
export const resolveRequest = z.strictObject({ reason: freeText() });
export const decidedItem = z.strictObject({ id: z.string(), state: z.enum(['pending', 'resolved']) });
export type DecidedItem = z.infer<typeof decidedItem>;
