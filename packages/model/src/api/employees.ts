/**
 * Employees: who they are, what they may, where; and signing in with a PIN at a till.
 *
 * Head office writes them and every branch has them, so signing in needs no network. A PIN is told once, here, and kept as a hash.
 */
import { z } from 'zod';
import { tillRole } from '../events.ts';
import { branchCode, employeeId, tillName } from '../ids.ts';
import { PROMOTION_NAMES_MAX } from '../limits.ts';
import { freeText } from '../text.ts';

export const pin = z.string().regex(/^\d{4,12}$/, 'must be 4 to 12 digits');

const facts = {
  /** Stands on receipts as the cashier. */
  name: freeText(64),
  role: tillRole,
  /** Left out: all. */
  branches: z.array(branchCode).min(1).max(PROMOTION_NAMES_MAX).optional(),
};

export const employeePut = z.strictObject({
  ...facts,
  active: z.boolean().default(true),
  /** Needed for a new one; left out, the one there is stays. */
  pin: pin.optional(),
});
export type EmployeePut = z.infer<typeof employeePut>;

export const employee = z.strictObject({ id: employeeId, ...facts, active: z.boolean() });
export type Employee = z.infer<typeof employee>;
export const employeeList = z.strictObject({ employees: z.array(employee) });

export const signInRequest = z.strictObject({ employee: employeeId, pin });
export type SignInRequest = z.infer<typeof signInRequest>;

/** The token is for this till and this person; it ends when it is not used, when the till or the person may no more, and in any case. */
export const signedIn = z.strictObject({
  token: z.string(),
  till: tillName,
  employee: z.strictObject({ id: employeeId, name: z.string() }),
  role: tillRole,
  expiresAt: z.string(),
  idleSeconds: z.int(),
});
export type SignedIn = z.infer<typeof signedIn>;
