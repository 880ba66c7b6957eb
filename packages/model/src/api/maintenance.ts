/**
 * Maintenance of a node: for a reason, and until when. Nothing is sold or given back meanwhile but by an admin, who tests; it ends when
 * somebody ends it, and by itself at its end.
 */
import { z } from 'zod';
import { freeText } from '../text.ts';

/** The longest one can be announced for; it can be announced anew. */
export const MAINTENANCE_MINUTES_MAX = 24 * 60;

export const maintenanceRequest = z.strictObject({
  reason: freeText(),
  minutes: z.int().min(1).max(MAINTENANCE_MINUTES_MAX),
});
export type MaintenanceRequest = z.infer<typeof maintenanceRequest>;

export const maintenance = z.strictObject({
  isOn: z.boolean(),
  reason: z.string().optional(),
  /** Moments, ISO 8601. */
  since: z.string().optional(),
  until: z.string().optional(),
  /** The till, or the person, that began it. */
  by: z.string().optional(),
  words: z.string(),
});
export type Maintenance = z.infer<typeof maintenance>;
