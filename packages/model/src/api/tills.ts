/** S-18: a till as it sees itself. */
import { z } from 'zod';
import { tillRole } from '../events.ts';
import { employeeId, tillName } from '../ids.ts';

export const tillSelf = z.strictObject({
  till: tillName,
  role: tillRole,
  /** Who has signed in, where somebody has. */
  employee: z.strictObject({ id: employeeId, name: z.string() }).optional(),
  /** Empty before the node is enrolled. */
  branch: z.string(),
  tenant: z.string(),
});
export type TillSelf = z.infer<typeof tillSelf>;
