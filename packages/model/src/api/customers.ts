/**
 * S-25: customers as they travel, the fields of a profile everywhere, and the act of an erasure.
 *
 * Name, phone, e-mail and note are personal data: stored under a key per customer that can be destroyed. A merged customer is answered with
 * the one it was merged into.
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
  /** Of pricelists and promotions; nobody's personal data. */
  group: optionalText(64),
  retired: z.boolean(),
});
export type CustomerFields = z.infer<typeof customerFields>;
/** What is encrypted. */
export const PERSONAL_FIELDS = ['name', 'phone', 'email', 'note'] as const;
/** How it stands in documents: the cipher, the key, and nonce · ciphertext · tag in base64url. */
export const SEALED_TEXT = /^p1\.[\w-]{1,32}\.[\w-]{38,}$/;

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
  /** Ids of the same person that were merged into this one. */
  merged: z.array(customerId).optional(),
  /** The personal data was erased; points stay under the id. */
  erased: z.literal(true).optional(),
});
export type Customer = z.infer<typeof customer>;

export const customerQuery = z.strictObject({ q: searchText.default(''), limit: limitOf(SEARCH_ROWS_MAX) });
export type CustomerQuery = z.infer<typeof customerQuery>;
export const customerList = z.strictObject({ customers: z.array(customer) });

/** Customers who may be one person: the same phone or e-mail, as they are compared. */
export const duplicateGroup = z.strictObject({
  by: z.enum(['phone', 'email']),
  customers: z.array(customer),
});
export type DuplicateGroup = z.infer<typeof duplicateGroup>;
export const duplicateQuery = z.strictObject({ limit: limitOf(SEARCH_ROWS_MAX) });
export const duplicateList = z.strictObject({ groups: z.array(duplicateGroup) });

export const customerMerge = z.strictObject({ from: customerId, reason: freeText() });
export type CustomerMerge = z.infer<typeof customerMerge>;

export const erasureRequest = z.strictObject({ reason: freeText() });
export type ErasureRequest = z.infer<typeof erasureRequest>;

/** The act is read apart from it: it grows with every device that has done it. */
export const erasureOrder = z.strictObject({
  customer: customerId,
  customers: z.array(customerId),
  at: z.string(),
  reason: z.string(),
});
export type ErasureOrder = z.infer<typeof erasureOrder>;

/** What is shown as proof: who erased what, when, why, and which devices have destroyed the keys. */
export const erasureAct = z.strictObject({
  customer: customerId,
  /** All ids of the person: those merged into it were erased with it. */
  customers: z.array(customerId),
  at: z.string(),
  reason: z.string(),
  by: z.strictObject({ till: z.string(), branch: z.string(), device: z.string() }),
  what: z.array(z.string()),
  /** The signed entry it stands in. */
  entry: z.strictObject({ feed: z.string(), seq: z.int().min(1) }),
  devices: z.array(
    z.strictObject({
      device: z.string(),
      branch: z.string(),
      role: z.string(),
      /** `heard`: a relay has the erasure and writes nothing of its own; `waiting`: not heard of yet. */
      state: z.enum(['destroyed', 'heard', 'waiting']),
      at: z.string().optional(),
    }),
  ),
  /** No device is waiting. */
  complete: z.boolean(),
  notes: z.array(z.string()),
});
export type ErasureAct = z.infer<typeof erasureAct>;
