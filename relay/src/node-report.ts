/**
 * What a node says about itself in a `status` frame, as far as the fleet page understands it.
 *
 * Every field may be missing and unknown ones are passed over: an old relay shows what it knows of a newer node. A report
 * is the node's claim about itself; nothing but the page depends on it.
 */
import { z } from 'zod';

/** Feeds a node may report heads of: its own, so a handful. */
const HEADS_MAX = 64;
/** Alarms of one node shown, and characters of their words. */
export const ALARMS_SHOWN_MAX = 16;
const ALARM_CHARS_MAX = 500;

const count = z.number().min(0);

/** Of anything counted, the first few are named. */
const ITEMS_MAX = 8;
const short = z.string().max(100);
const words = z.string().transform((text) => text.slice(0, ALARM_CHARS_MAX));
/** A section that cannot be read is left out, the rest is shown. */
const listed = <Item extends z.ZodType>(item: Item) =>
  z
    .object({ total: count, items: z.array(item).transform((items) => items.slice(0, ITEMS_MAX)) })
    .optional()
    .catch(undefined);

const nodeReport = z.object({
  /** Its wall clock when it wrote the report. */
  nowMs: z.number().optional(),
  /** Where the feeds it writes end, so that what has not arrived here can be counted. */
  heads: z
    .array(z.tuple([z.string().max(200), z.int().min(0)]))
    .max(HEADS_MAX)
    .optional(),
  alarms: z
    .array(
      z.object({
        code: z.string().max(64),
        detail: z.string().transform((words) => words.slice(0, ALARM_CHARS_MAX)),
        at: z.string().max(40),
      }),
    )
    .transform((alarms) => alarms.slice(-ALARMS_SHOWN_MAX))
    .optional(),
  disk: z.object({ freeBytes: count, totalBytes: count }).optional(),
  oldestUndeliveredFiscalSeconds: count.optional(),
  fnDaysLeft: z.number().optional(),
  /** Where its own pages are, as a browser near it reaches them. */
  url: z
    .string()
    .regex(/^https?:\/\//)
    .max(200)
    .optional()
    .catch(undefined),
  /** Whether it can sell, and why not. */
  ready: z.boolean().optional().catch(undefined),
  reasons: z.array(words).max(ITEMS_MAX).optional().catch(undefined),
  /** The same as codes, and what works: readers have words of their own for them. */
  situation: z.array(short).max(ITEMS_MAX).optional().catch(undefined),
  /** Own entries no other machine has confirmed. */
  unsent: z.object({ entries: count, oldestAgeMs: count.optional() }).optional().catch(undefined),
  fiscal: z
    .object({
      words,
      trouble: z.string().max(64).optional(),
      storage: z.string().max(32).optional(),
      receiptsWaiting: count,
      receiptsUndecided: count.optional(),
      documentsWaiting: count.optional(),
      oldestDocumentAgeMs: count.optional(),
      stopsInMs: count.optional(),
    })
    .optional()
    .catch(undefined),
  transfers: listed(z.object({ id: short, from: short, to: short, sentAt: short.optional(), lines: count })),
  conflicts: listed(z.object({ id: short, sku: short, name: words, field: short })),
  quarantine: listed(z.object({ id: short, kind: short, what: words, code: short, words, todo: words })),
});
export type NodeReport = z.infer<typeof nodeReport>;

/** Undefined when it is no report at all. */
export function parseNodeReport(value: unknown): NodeReport | undefined {
  const parsed = nodeReport.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
