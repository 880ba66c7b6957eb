/** S-18: a till as it sees itself. */
import { z } from 'zod';
import { tillRole } from '../events.ts';
import { tillName } from '../ids.ts';

export const tillSelf = z.strictObject({
  till: tillName,
  role: tillRole,
  /** Empty before the node is enrolled. */
  branch: z.string(),
  tenant: z.string(),
});
export type TillSelf = z.infer<typeof tillSelf>;
