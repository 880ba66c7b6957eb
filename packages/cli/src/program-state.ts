/**
 * What a running node or relay says about itself, as `status` and `doctor` read it: lag, backlog, clock, disk.
 */
import { type SyncStatus, syncStatus } from '@branchline/model';
import { z } from 'zod';
import type { RunningProgram } from './running-program.ts';

const relayRow = z.looseObject({
  branch: z.string(),
  nodeLetter: z.string(),
  state: z.string(),
  lastContact: z.string().nullable(),
  lag: z.looseObject({ entriesThere: z.number(), entriesHere: z.number(), seconds: z.number() }),
  clockOffsetMs: z.number().nullable(),
});
const relayFleet = z.object({
  relay: z.looseObject({
    tenant: z.string(),
    version: z.string(),
    url: z.string(),
    feeds: z.number(),
    connections: z.number(),
    disk: z.object({ freeBytes: z.number(), totalBytes: z.number() }),
    refusals: z.record(z.string(), z.number()),
  }),
  branches: z.array(relayRow),
});

export type ProgramState =
  | { readonly kind: 'relay'; readonly ready: Readiness; readonly fleet: z.infer<typeof relayFleet> }
  | { readonly kind: 'node'; readonly ready: Readiness; readonly sync: SyncStatus };

export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

export async function readProgramState(program: RunningProgram): Promise<ProgramState> {
  const ready = await readReadiness(program);
  if (program.kind === 'relay') {
    return { kind: 'relay', ready, fleet: relayFleet.parse(await program.get('/v1/fleet')) };
  }
  return { kind: 'node', ready, sync: syncStatus.parse(await program.get('/v1/sync')) };
}

const readyAnswer = z.looseObject({ reasons: z.array(z.string()).optional(), status: z.string().optional() });

async function readReadiness(program: RunningProgram): Promise<Readiness> {
  const { status, body } = await program.probe('/readyz');
  if (status === 200) {
    return { ready: true, reasons: [] };
  }
  const parsed = readyAnswer.safeParse(body);
  const reasons = parsed.success
    ? (parsed.data.reasons ?? [parsed.data.status ?? 'it does not say why'])
    : [];
  return { ready: false, reasons };
}
