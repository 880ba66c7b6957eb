/**
 * What only a command on this machine asks for: replication by file (S-11). Paths are of this machine's disk, so the control
 * token of the process is needed; it is readable by the owner of the data only.
 */
import { z } from 'zod';
import { type Route, readRoute } from '../route.ts';
import { requireControl } from '../till-auth.ts';

const PATH_CHARS_MAX = 4_096;

const path = z.string().min(1).max(PATH_CHARS_MAX);
const counts = z.looseObject({ entries: z.int().min(0) });

export interface ControlActions {
  /** Called for `branchline export`: writes what a peer with `since` lacks into the file. */
  exportBundle(to: string, since: Readonly<Record<string, number>>): Promise<{ readonly entries: number }>;
  /** Called for `branchline import`: takes the entries of the file that are new here. */
  importBundle(from: string): Promise<{ readonly entries: number }>;
}

export function controlRoutes(actions: ControlActions): readonly Route[] {
  return [
    readRoute({
      method: 'post',
      path: '/v1/control/export',
      name: 'exportBundle',
      tag: 'operation',
      summary: 'Write a bundle file on this machine',
      role: 'admin',
      body: z.strictObject({ to: path, since: z.record(z.string(), z.int().min(0)).default({}) }),
      answers: { 200: counts },
      invoke: async ({ body, till }) => {
        requireControl(till);
        return { status: 200, body: await actions.exportBundle(body.to, body.since) };
      },
    }),
    readRoute({
      method: 'post',
      path: '/v1/control/import',
      name: 'importBundle',
      tag: 'operation',
      summary: 'Take in a bundle file of this machine',
      role: 'admin',
      body: z.strictObject({ from: path }),
      answers: { 200: counts },
      invoke: async ({ body, till }) => {
        requireControl(till);
        return { status: 200, body: await actions.importBundle(body.from) };
      },
    }),
  ];
}
