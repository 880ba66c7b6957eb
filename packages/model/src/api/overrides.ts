/**
 * A branch's own price and availability of a product, for as long as it says, over what head office says.
 *
 * Each of the two is a value of its own: the last one said counts, whoever may say it (the branch, head office). `null` takes it back. Outside
 * its dates it does not count and nothing has to be done.
 */
import { z } from 'zod';
import { branchCode, sku } from '../ids.ts';
import { amountMinor } from '../money.ts';

const moment = z.iso.datetime({ offset: true });
const branch = branchCode.optional();

export const overridePut = z
  .strictObject({
    priceMinor: amountMinor.nullable().optional(),
    available: z.boolean().nullable().optional(),
    /** From now, and for good, when left out. */
    from: moment.optional(),
    until: moment.optional(),
  })
  .refine(
    ({ priceMinor, available }) => priceMinor !== undefined || available !== undefined,
    'must name priceMinor or available',
  )
  .refine(
    ({ from, until }) => from === undefined || until === undefined || Date.parse(from) < Date.parse(until),
    'must begin before it ends',
  );
export type OverridePut = z.infer<typeof overridePut>;

const said = <V extends z.ZodType>(value: V) =>
  z
    .strictObject({ value, from: z.string().optional(), until: z.string().optional(), at: z.string() })
    .nullable();

export const productOverride = z.strictObject({
  sku,
  branch: branchCode,
  price: said(amountMinor),
  available: said(z.boolean()),
});
export type ProductOverrideView = z.infer<typeof productOverride>;

export const overrideQuery = z.strictObject({ branch });
export type OverrideQuery = z.output<typeof overrideQuery>;
