/**
 * What only a command on this machine asks for: replication by file, and to make way. The paths are of this machine's disk.
 *
 *     POST /v1/control/export  { to, since? }      { feeds, entries, bytes }
 *     POST /v1/control/import  { from }            { entries, … }
 *     POST /v1/control/drain   { waitMs? }         { devices, behind: [{ branch, writer, entries }] }, then the program ends
 */
import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { DRAIN_WAIT_MS, DRAIN_WAIT_MS_MAX, type Drain } from '../drain.ts';
import { parseBody } from './body.ts';

const path = z.string().min(1).max(4_096);
const exportBody = z.strictObject({ to: path, since: z.record(z.string(), z.int().min(0)).optional() });
const importBody = z.strictObject({ from: path });
const drainBody = z.strictObject({ waitMs: z.int().min(0).max(DRAIN_WAIT_MS_MAX).default(DRAIN_WAIT_MS) });

export interface ControlActions {
  exportBundle(to: string, since: Readonly<Record<string, number>>): Promise<object>;
  importBundle(from: string): Promise<object>;
  readonly drain: Pick<Drain, 'begin' | 'end'>;
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
  routes.post('/v1/control/drain', admin, async (request, response) => {
    const { waitMs } = parseBody(drainBody, request);
    const drained = await actions.drain.begin(waitMs);
    // The program ends when this answer has left, or when nobody is there to hear it.
    response.once('close', () => actions.drain.end());
    response.json(drained);
  });
  return routes;
}
