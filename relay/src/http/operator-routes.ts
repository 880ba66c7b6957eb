/**
 * Tokens of operators, what they did, and the history of a device.
 *
 *     GET  /v1/self                          view      { name, role, tenant }
 *     GET  /v1/operators                     operate   { operators: [{ name, role, addedAt }] }
 *     POST /v1/operators                     operate   { name, role }   201 { name, role, token }
 *     POST /v1/operators/{name}/revoke       operate   { revoked }
 *     GET  /v1/audit?limit=                  view      { intact, acts }, latest first
 *     GET  /v1/fleet/{writer}/history?hours= view      { samples }, see `fleet-history.ts`
 */
import { type RequestHandler, Router } from 'express';
import type { Clock } from 'hlc-ts';
import { z } from 'zod';
import { ACTS_SHOWN_MAX, type AuditLog } from '../audit-log.ts';
import type { FleetHistory } from '../fleet-history.ts';
import { type Operators, operatorRequest } from '../operators.ts';
import { operatorOf } from './admission.ts';
import type { Audited } from './audited.ts';
import { parseBody, parseRequest } from './body.ts';

const HOURS_MAX = 24 * 14;
const wholeNumber = z
  .string()
  .regex(/^\d{1,4}$/, 'must be a whole number')
  .transform(Number);
const auditQuery = z.strictObject({
  limit: wholeNumber.pipe(z.int().min(1).max(ACTS_SHOWN_MAX)).default(100),
});
const historyQuery = z.strictObject({ hours: wholeNumber.pipe(z.int().min(1).max(HOURS_MAX)).default(1) });

export interface OperatorRoutesOptions {
  readonly operators: Operators;
  readonly audit: AuditLog;
  readonly history: Pick<FleetHistory, 'read'>;
  readonly audited: Audited;
  readonly clock: Clock;
  readonly tenant: string;
  readonly view: RequestHandler;
  readonly operate: RequestHandler;
}

export function operatorRoutes(options: OperatorRoutesOptions): Router {
  const { operators, audit, history, audited, clock, tenant, view, operate } = options;
  const routes = Router();
  routes.get('/v1/self', view, (_request, response) => {
    response.json({ ...operatorOf(response), tenant });
  });
  routes.get('/v1/operators', operate, (_request, response) => {
    response.json({ operators: operators.list() });
  });
  routes.post('/v1/operators', operate, async (request, response) => {
    const asked = parseBody(operatorRequest, request);
    const subject = `${asked.name} (${asked.role})`;
    response.status(201).json(await audited(response, 'operator.add', subject, () => operators.add(asked)));
  });
  routes.post('/v1/operators/:name/revoke', operate, async (request, response) => {
    const name = String(request.params.name);
    await audited(response, 'operator.revoke', name, () => operators.revoke(name));
    response.json({ revoked: name });
  });
  routes.get('/v1/audit', view, (request, response) => {
    const { limit } = parseRequest(auditQuery, request.query);
    const acts = audit.latest(limit).map(({ n, at, who, what, subject, outcome }) => {
      return { n, at, who, what, subject, outcome };
    });
    response.json({ intact: audit.isIntact, acts });
  });
  routes.get('/v1/fleet/:writer/history', view, async (request, response) => {
    const { hours } = parseRequest(historyQuery, request.query);
    const writer = String(request.params.writer);
    response.json({ samples: await history.read(writer, clock.nowMs() - hours * 3_600_000) });
  });
  return routes;
}
