/**
 * S-25: customers as they travel, and the fields of a profile everywhere.
 *
 * Points: `balance` is what the whole chain owes the customer as far as this node knows; `spendableHere` is what this
 * node may let him spend without asking anybody, which is never more than is left anywhere.
 */
import { z } from 'zod';
import { customerId } from '../ids.ts';
import { SEARCH_ROWS_MAX } from '../limits.ts';
import { freeText } from '../text.ts';
import { limitOf, searchText } from './page.ts';

const optionalText = (charsMax: number) => z.union([z.literal(''), freeText(charsMax)]);

/** The profile; each field is a register of its own. Empty text = not known. */
export const customerFields = z.strictObject({
  name: optionalText(128),
  phone: optionalText(32),
  email: optionalText(254),
  note: optionalText(256),
  retired: z.boolean(),
});
export type CustomerFields = z.infer<typeof customerFields>;

export const customerPut = customerFields
  .partial()
  .refine((fields) => Object.keys(fields).length > 0, 'must name at least one field');
export type CustomerPut = z.infer<typeof customerPut>;

export const customerPoints = z.strictObject({ balance: z.int().min(0), spendableHere: z.int().min(0) });
export type CustomerPoints = z.infer<typeof customerPoints>;

export const customer = z.strictObject({
  id: customerId,
  ...customerFields.partial().shape,
  retired: z.boolean(),
  points: customerPoints,
});
export type Customer = z.infer<typeof customer>;

export const customerQuery = z.strictObject({ q: searchText.default(''), limit: limitOf(SEARCH_ROWS_MAX) });
export type CustomerQuery = z.infer<typeof customerQuery>;
export const customerList = z.strictObject({ customers: z.array(customer) });
