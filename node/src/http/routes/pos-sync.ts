/** S-61, the operator's side: keys of branches that sell with `pos_offline_sync`, what goes down to them, what waits for a person. */
import { branchCode, LINES_MAX, QUANTITY_MILLI_MAX, sku, stockDocumentId } from '@branchline/model';
import { z } from 'zod';
import { REFERENCE_MODELS } from '../../pos-offline-sync/records-down.ts';
import type { PosSyncService } from '../../services.ts';
import { type Route, readRoute, writeRoute } from '../route.ts';

const tag = 'pos_offline_sync';
const warehouse = z.strictObject({
  /** As the branch calls it: what its `warehouse_name` says. */
  name: z.string().min(1).max(128),
  /** Of the warehouse and of its shelf, in the branch's own database. */
  id: z.int().min(1).optional(),
  locationId: z.int().min(1).optional(),
});
const key = z.strictObject({
  id: z.string(),
  branch: branchCode,
  warehouse,
  addedAt: z.string(),
  revoked: z.boolean(),
});
const branch = z.strictObject({
  branch: branchCode,
  keys: z.array(key),
  lastPush: z.string().nullable(),
  lastPull: z.string().nullable(),
  toDecide: z.int(),
});
const referenceName = z.strictObject({
  model: z.enum(REFERENCE_MODELS),
  id: z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1-64 letters, digits or _ . -'),
});
const referenceBody = z.strictObject({
  fields: z.record(z.string().max(64), z.json()),
  archived: z.boolean().default(false),
});
const reference = z.strictObject({ ...referenceName.shape, ...referenceBody.shape, archived: z.boolean() });

export function posSyncRoutes(posSync: PosSyncService): readonly Route[] {
  return [
    readRoute({
      method: 'get',
      path: '/v1/pos-offline-sync/branches',
      name: 'listPosBranches',
      tag,
      summary: 'Branches that push here, their keys, and when they were last heard of',
      role: 'manager',
      answers: { 200: z.strictObject({ branches: z.array(branch) }) },
      invoke: async () => ({ status: 200, body: { branches: await posSync.branches() } }),
    }),
    // No Idempotency-Key: the key is shown once and kept nowhere, so there is no answer to repeat.
    readRoute({
      method: 'post',
      path: '/v1/pos-offline-sync/keys',
      name: 'addPosKey',
      tag,
      summary: 'Make the API key of a branch; it is shown this once',
      role: 'admin',
      body: z.strictObject({ branch: branchCode, warehouse }),
      answers: { 201: z.strictObject({ id: z.string(), branch: branchCode, key: z.string() }) },
      problems: ['CHANGE_INVALID'],
      invoke: async ({ body, till }) => ({
        status: 201,
        body: { branch: body.branch, ...(await posSync.addKey(till, body)) },
      }),
    }),
    readRoute({
      method: 'post',
      path: '/v1/pos-offline-sync/keys/{id}/revoke',
      name: 'revokePosKey',
      tag,
      summary: 'The key stops working at once',
      role: 'admin',
      params: z.strictObject({ id: z.string().max(64) }),
      body: z.strictObject({}),
      answers: { 200: z.strictObject({ id: z.string(), revoked: z.literal(true) }) },
      problems: ['NOT_FOUND'],
      invoke: async ({ params }) => {
        await posSync.revokeKey(params.id);
        return { status: 200, body: { id: params.id, revoked: true } };
      },
    }),
    readRoute({
      method: 'get',
      path: '/v1/pos-offline-sync/references/{model}',
      name: 'listPosReferences',
      tag,
      summary:
        'What head office says by hand of payment methods, fiscal positions, institutions, credit lines and taxes',
      role: 'manager',
      params: referenceName.pick({ model: true }),
      answers: { 200: z.strictObject({ references: z.array(reference) }) },
      invoke: async ({ params }) => ({ status: 200, body: { references: posSync.references(params.model) } }),
    }),
    writeRoute({
      method: 'put',
      path: '/v1/pos-offline-sync/references/{model}/{id}',
      name: 'putPosReference',
      tag,
      summary: 'A record for every branch, in the fields of the module; it goes down with the next pull',
      role: 'manager',
      params: referenceName,
      body: referenceBody,
      answers: { 200: reference },
      problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID'],
      invoke: ({ params }, write) => posSync.putReference(write, params.model, params.id),
    }),
    writeRoute({
      method: 'post',
      path: '/v1/pos-offline-sync/branches/{branch}/counts',
      name: 'countPosBranch',
      tag,
      summary: 'What was counted on the shelves of a branch; from then on it is told its quantities',
      role: 'manager',
      params: z.strictObject({ branch: branchCode }),
      body: z.strictObject({
        lines: z
          .array(z.strictObject({ sku, quantityMilli: z.int().min(0).max(QUANTITY_MILLI_MAX) }))
          .min(1)
          .max(LINES_MAX),
        reference: z.string().min(1).max(64).optional(),
      }),
      answers: {
        201: z.strictObject({
          id: stockDocumentId,
          branch: branchCode,
          lines: z.array(z.looseObject({ sku })),
        }),
      },
      problems: ['IDEMPOTENCY_MISMATCH', 'BRANCH_UNKNOWN', 'AMOUNT_TOO_LARGE'],
      invoke: ({ params }, write) => posSync.count(write, params.branch),
    }),
    readRoute({
      method: 'get',
      path: '/v1/pos-offline-sync/credits',
      name: 'listPosCredits',
      tag,
      summary: 'Credit lines that companies give at branches, by what all branches spent',
      role: 'manager',
      answers: {
        200: z.strictObject({
          credits: z.array(
            z.strictObject({
              line: z.string(),
              institution: z.string(),
              customer: z.string(),
              availableMinor: z.int(),
              limitMinor: z.int(),
              branches: z.array(z.string()),
            }),
          ),
        }),
      },
      invoke: async () => ({ status: 200, body: { credits: posSync.credits() } }),
    }),
    readRoute({
      method: 'get',
      path: '/v1/pos-offline-sync/unsettled',
      name: 'listPosUnsettled',
      tag,
      summary: 'Records that could not become an order or a refund, as they were pushed',
      role: 'manager',
      answers: {
        200: z.strictObject({
          unsettled: z.array(
            z.strictObject({
              branch: branchCode,
              key: z.string(),
              localId: z.int(),
              cloudId: z.int(),
              reason: z.string(),
              reference: z.string().optional(),
              at: z.string(),
              record: z.string(),
            }),
          ),
        }),
      },
      invoke: async () => ({ status: 200, body: { unsettled: await posSync.unsettled() } }),
    }),
    writeRoute({
      method: 'post',
      path: '/v1/pos-offline-sync/unsettled/{key}/resolve',
      name: 'resolvePosUnsettled',
      tag,
      summary: 'Somebody has looked at it',
      role: 'admin',
      params: z.strictObject({ key: z.string().max(64) }),
      body: z.strictObject({ reason: z.string().min(1).max(256) }),
      answers: { 200: z.strictObject({ key: z.string(), resolved: z.literal(true) }) },
      problems: ['IDEMPOTENCY_MISMATCH', 'NOT_FOUND'],
      invoke: ({ params }, write) => posSync.resolve(write, params.key),
    }),
  ];
}
