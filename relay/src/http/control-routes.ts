/**
 * What only a command on this machine asks for: replication by file. The paths are of this machine's disk.
 *
 *     POST /v1/control/export  { to, since? }      { feeds, entries, bytes }
 *     POST /v1/control/import  { from }            { entries, … }
 */
import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { parseBody } from './body.ts';

const path = z.string().min(1).max(4_096);
const exportBody = z.strictObject({ to: path, since: z.record(z.string(), z.int().min(0)).optional() });
const importBody = z.strictObject({ from: path });

export interface ControlActions {
  exportBundle(to: string, since: Readonly<Record<string, number>>): Promise<object>;
  importBundle(from: string): Promise<object>;
}

export function controlRoutes(actions: ControlActions, admin: RequestHandler): Router {
  const routes = Router();
  routes.post('/v1/control/export', admin, async (request, response) => {
    const { to, since } = parseBody(exportBody, request);
    response.json(await actions.exportBundle(to, since ?? {}));
  });
  routes.post('/v1/control/import', admin, async (request, response) => {
    response.json(await actions.importBundle(parseBody(importBody, request).from));
  });
  return routes;
}
