/**
 * The fleet's keys on a node that keeps the tenant's authority: the same calls as a relay's `/v1/branches`.
 *
 * For administrators and for the command line of the same machine. Tokens are shown once; the registry keeps their hashes.
 */
import { z } from 'zod';
import type { BranchService } from '../../services.ts';
import { type Route, readRoute } from '../route.ts';

/** Branches one call may add: five fleets of 200. */
export const BRANCHES_PER_CALL_MAX = 1_000;
const TTL_HOURS_MAX = 24 * 90;

/** Fits into a feed name and a file name. */
const code = z.string().regex(/^[A-Za-z0-9_.-]{1,32}$/, 'must be 1 to 32 of A-Z a-z 0-9 _ . -');
const role = z.enum(['branch', 'hq', 'carrier', 'relay']);
const request = z.strictObject({ code, role: role.default('branch'), region: code.optional() });
const token = z.strictObject({ code: z.string(), role, token: z.string(), expiresAt: z.string() });
const tokens = z.strictObject({ tokens: z.array(token) });
const row = z.strictObject({
  branch: z.string(),
  role,
  nodeLetter: z.string(),
  writer: z.string().nullable(),
  state: z.enum(['invited', 'enrolled', 'online', 'offline', 'revoked']),
  lastContact: z.string().nullable(),
  lag: z.strictObject({ entriesThere: z.number(), seconds: z.number() }),
});
const byCode = z.strictObject({ code });

export function branchRoutes(branches: BranchService): readonly Route[] {
  return [
    readRoute({
      method: 'get',
      path: '/v1/branches',
      name: 'listBranches',
      tag: 'operation',
      summary: 'Devices of the chain and open invitations',
      role: 'admin',
      answers: { 200: z.strictObject({ branches: z.array(row) }) },
      invoke: () => ({ status: 200, body: { branches: branches.list() } }),
    }),
    // No key: tokens are shown once and kept nowhere, so there is no answer to repeat.
    readRoute({
      method: 'post',
      path: '/v1/branches',
      name: 'addBranches',
      tag: 'operation',
      summary: 'Make one-time enrolment tokens, all or none; they are shown this once',
      role: 'admin',
      body: z.strictObject({
        branches: z.array(request).min(1).max(BRANCHES_PER_CALL_MAX),
        ttlHours: z.number().positive().max(TTL_HOURS_MAX).optional(),
      }),
      answers: { 201: tokens },
      invoke: async ({ body }) => ({
        status: 201,
        body: { tokens: await branches.add(body.branches, body.ttlHours) },
      }),
    }),
    readRoute({
      method: 'post',
      path: '/v1/branches/{code}/revoke',
      name: 'revokeBranch',
      tag: 'operation',
      summary: 'Nothing the branch writes from now on counts anywhere',
      role: 'admin',
      params: byCode,
      body: z.strictObject({ reason: z.string().min(1).max(200).default('revoked') }),
      answers: { 200: z.strictObject({ revoked: z.int() }) },
      problems: ['BRANCH_UNKNOWN'],
      invoke: async ({ params, body }) => ({
        status: 200,
        body: { revoked: await branches.revoke(params.code, body.reason) },
      }),
    }),
    readRoute({
      method: 'post',
      path: '/v1/branches/{code}/rotate',
      name: 'rotateBranch',
      tag: 'operation',
      summary: 'Tokens for new keys of the branch; the old ones count until the overlap is over',
      role: 'admin',
      params: byCode,
      body: z.strictObject({}),
      answers: { 201: tokens },
      problems: ['BRANCH_UNKNOWN'],
      invoke: async ({ params }) => ({ status: 201, body: { tokens: await branches.rotate(params.code) } }),
    }),
  ];
}
