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
});
export type NodeReport = z.infer<typeof nodeReport>;

/** Undefined when it is no report at all. */
export function parseNodeReport(value: unknown): NodeReport | undefined {
  const parsed = nodeReport.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
