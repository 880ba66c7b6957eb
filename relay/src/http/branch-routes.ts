/**
 * Branches over HTTP: `POST /v1/enrol` for devices with a token, and the operator's calls below `/v1/branches`.
 *
 *     POST /v1/enrol                      `enrolRequest` of feed        201 `enrolAnswer` of feed
 *     GET  /v1/branches                                                 { branches: [row of the fleet] }
 *     POST /v1/branches                   { branches: [{ code, role?, region? }], ttlHours? }   201 { tokens }
 *     POST /v1/branches/{code}/revoke     { reason? }                   { revoked }
 *     POST /v1/branches/{code}/rotate                                   201 { tokens }
 *     POST /v1/branches/{code}/doctor                                   202 { examinations }
 *     GET  /v1/branches/{code}/doctor                                   { examinations }, latest first
 */
import { decodePublicKey, type EnrolAnswer, enrolRequest, type WriterId } from '@branchline/feed';
import type { DeviceRow } from '@branchline/pages';
import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { type Branches, branchRequests } from '../branches.ts';
import type { Examinations } from '../examinations.ts';
import { type FailureLimit, operatorOf } from './admission.ts';
import type { Audited } from './audited.ts';
import { parseBody } from './body.ts';

const revokeBody = z.strictObject({ reason: z.string().min(1).max(200).default('revoked') });

export interface BranchRoutesOptions {
  readonly branches: Branches;
  /** Questions to branches, and their answers. */
  readonly examinations: Pick<Examinations, 'ask' | 'of'>;
  /** Called once the device is in the registry. */
  readonly enrolAnswerFor: (writer: WriterId) => Promise<EnrolAnswer>;
  readonly rows: () => readonly DeviceRow[];
  readonly view: RequestHandler;
  readonly operate: RequestHandler;
  readonly audited: Audited;
  readonly limit: FailureLimit;
}

export function branchRoutes(options: BranchRoutesOptions): Router {
  const { branches, examinations, enrolAnswerFor, rows, view, operate, audited, limit } = options;
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

  routes.get('/v1/branches', view, (_request, response) => {
    response.json({ branches: rows() });
  });

  routes.post('/v1/branches', operate, async (request, response) => {
    const asked = parseBody(branchRequests, request);
    const subject = codesOf(asked.branches);
    const tokens = await audited(response, 'branch.add', subject, () => branches.add(asked));
    response.status(201).json({ tokens });
  });

  routes.post('/v1/branches/:code/revoke', operate, async (request, response) => {
    const { reason } = parseBody(revokeBody, request);
    const code = String(request.params.code);
    const subject = `${code}: ${reason}`;
    const revoked = await audited(response, 'branch.revoke', subject, () => branches.revoke(code, reason));
    response.json({ revoked });
  });

  routes.post('/v1/branches/:code/rotate', operate, async (request, response) => {
    const code = String(request.params.code);
    const tokens = await audited(response, 'branch.rotate', code, () => branches.rotate(code));
    response.status(201).json({ tokens });
  });

  routes.post('/v1/branches/:code/doctor', operate, async (request, response) => {
    const code = String(request.params.code);
    const { name } = operatorOf(response);
    const asked = await audited(response, 'branch.doctor', code, () => examinations.ask(code, name));
    response.status(202).json({ examinations: asked });
  });

  routes.get('/v1/branches/:code/doctor', view, (request, response) => {
    response.json({ examinations: examinations.of(String(request.params.code)) });
  });

  return routes;
}

/** Twenty by name, the rest counted. */
function codesOf(branches: readonly { readonly code: string }[]): string {
  const named = branches.slice(0, 20).map(({ code }) => code);
  return branches.length > named.length
    ? `${named.join(', ')} and ${branches.length - named.length} more`
    : named.join(', ');
}
