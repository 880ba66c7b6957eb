/**
 * Branches over HTTP: `POST /v1/enrol` for devices with a token, and the operator's calls below `/v1/branches`.
 *
 *     POST /v1/enrol                      `enrolRequest` of feed        201 `enrolAnswer` of feed
 *     GET  /v1/branches                                                 { branches: [row of the fleet] }
 *     POST /v1/branches                   { branches: [{ code, role?, region? }], ttlHours? }   201 { tokens }
 *     POST /v1/branches/{code}/revoke     { reason? }                   { revoked }
 *     POST /v1/branches/{code}/rotate                                   201 { tokens }
 */
import { decodePublicKey, type EnrolAnswer, enrolRequest, type WriterId } from '@branchline/feed';
import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { type Branches, branchRequests } from '../branches.ts';
import type { DeviceRow } from '../fleet.ts';
import type { FailureLimit } from './admission.ts';
import { parseBody } from './body.ts';

const revokeBody = z.strictObject({ reason: z.string().min(1).max(200).default('revoked') });

export interface BranchRoutesOptions {
  readonly branches: Branches;
  /** Called once the device is in the registry. */
  readonly enrolAnswerFor: (writer: WriterId) => Promise<EnrolAnswer>;
  readonly rows: () => readonly DeviceRow[];
  readonly admin: RequestHandler;
  readonly limit: FailureLimit;
}

export function branchRoutes({ branches, enrolAnswerFor, rows, admin, limit }: BranchRoutesOptions): Router {
  const routes = Router();

  routes.post('/v1/enrol', async (request, response) => {
    const address = request.socket.remoteAddress ?? '';
    limit.check(address);
    const { publicKey, ...shown } = parseBody(enrolRequest, request);
    try {
      const { writer } = await branches.enrol({ ...shown, publicKey: decodePublicKey(publicKey) });
      response.status(201).json(await enrolAnswerFor(writer));
    } catch (error) {
      limit.failed(address);
      throw error;
    }
  });

  routes.get('/v1/branches', admin, (_request, response) => {
    response.json({ branches: rows() });
  });

  routes.post('/v1/branches', admin, async (request, response) => {
    response.status(201).json({ tokens: await branches.add(parseBody(branchRequests, request)) });
  });

  routes.post('/v1/branches/:code/revoke', admin, async (request, response) => {
    const { reason } = parseBody(revokeBody, request);
    response.json({ revoked: await branches.revoke(String(request.params.code), reason) });
  });

  routes.post('/v1/branches/:code/rotate', admin, async (request, response) => {
    response.status(201).json({ tokens: await branches.rotate(String(request.params.code)) });
  });

  return routes;
}
