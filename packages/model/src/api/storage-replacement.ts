/**
 * The guided replacement of a fiscal storage: what has to be done before the old one is closed, and after the new one is in.
 *
 * Nothing of it is done to the device by the node but a test sale and its refund: closing the old storage and registering the new one are
 * acts of the person at the register. Numbers are typed, so that nobody confirms the wrong one.
 */
import { z } from 'zod';
import { freeText } from '../text.ts';
import { MAINTENANCE_MINUTES_MAX } from './maintenance.ts';

const storage = z.string().regex(/^\d{16}$/, 'must be the 16 digits of the storage');

export const storageReplacementAct = z.discriminatedUnion('act', [
  /** Maintenance begins. */
  z.strictObject({
    act: z.literal('start'),
    reason: freeText(),
    minutes: z.int().min(1).max(MAINTENANCE_MINUTES_MAX).default(120),
  }),
  /** The old storage is closed; or it cannot be any more, and `broken` says why. */
  z.strictObject({ act: z.literal('closed'), fn: storage, broken: freeText().optional() }),
  /** The new one is in the register, and registered: sales go on with it. */
  z.strictObject({ act: z.literal('adopt'), fn: storage }),
  /** A sale of 1.00 and its refund. */
  z.strictObject({ act: z.literal('test') }),
  /** Maintenance ends. */
  z.strictObject({ act: z.literal('finish') }),
  /** The old storage stays; possible until another is adopted. Maintenance ends. */
  z.strictObject({ act: z.literal('cancel'), reason: freeText() }),
]);
export type StorageReplacementAct = z.infer<typeof storageReplacementAct>;

export const storageReplacementPhase = z.enum(['none', 'preparing', 'swapping', 'testing', 'finishing']);

export const storageReplacement = z.strictObject({
  phase: storageReplacementPhase,
  reason: z.string().optional(),
  since: z.string().optional(),
  oldStorage: z.string().optional(),
  newStorage: z.string().optional(),
  /** In their order; what is `now` has to be done next. */
  steps: z.array(
    z.strictObject({
      name: z.enum(['prepare', 'close', 'swap', 'test', 'finish']),
      state: z.enum(['done', 'now', 'later']),
      words: z.string(),
      /** What must hold before it is done. */
      checks: z.array(z.strictObject({ name: z.string(), holds: z.boolean(), words: z.string() })),
    }),
  ),
  /** What to do now. */
  words: z.string(),
});
export type StorageReplacement = z.infer<typeof storageReplacement>;
