/**
 * The checks of `doctor` on this machine: folder, keys, disk, and what the running program says of itself. Those of a node are the
 * node's own (`examination.ts` there), so an operator who asks through the relay hears the same.
 */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '@branchline/node';
import { type DataFolder, readDataFolder } from './data-folder.ts';
import { type ProgramState, readProgramState } from './program-state.ts';
import { RunningProgram } from './running-program.ts';

const CLOCK_WATCH_MS = 2_000;
const CLOCK_ACT_MS = 60_000;

export async function examine(data: string): Promise<Finding[]> {
  const { diskFinding, examineNode, readyFindings } = await import('@branchline/node');
  const folder = await readDataFolder(data);
  const findings = [
    { level: 'fine', what: `${folder.kind} of ${folder.tenant} in ${data}` } as const,
    ...(await keyFindings(folder)),
  ];
  const disk = diskFinding(await freeBytes(data), `the disk of ${data}`);
  const program = await RunningProgram.find(data);
  if (program === undefined) {
    const advice = `Start it: branchline ${folder.kind} --data ${data}`;
    return [...findings, disk, { level: 'act', what: 'it is not running', advice }];
  }
  const state = await readProgramState(program);
  findings.push({ level: 'fine', what: `it runs at ${program.url}, process ${program.pid}` });
  return [
    ...findings,
    ...(state.kind === 'node'
      ? examineNode(state)
      : [disk, ...readyFindings(state.ready), ...relayFindings(state)]),
  ];
}

async function keyFindings({ path, kind }: DataFolder): Promise<Finding[]> {
  const findings: Finding[] = [];
  const own = kind === 'relay' ? 'relay.key' : 'device.key';
  for (const name of [own, 'authority.key']) {
    const file = join(path, name);
    const found = await stat(file).catch(() => undefined);
    if (found === undefined) {
      if (name === own) {
        findings.push({ level: 'act', what: `${file} is missing`, advice: 'Restore it from a backup.' });
      }
    } else if (process.platform !== 'win32' && (found.mode & 0o077) !== 0) {
      findings.push({ level: 'act', what: `${file} can be read by others`, advice: `chmod 600 ${file}` });
    } else {
      findings.push({ level: 'fine', what: `${name} is there and private` });
    }
  }
  return findings;
}

async function freeBytes(data: string): Promise<number> {
  const { bavail, bsize } = await statfs(data);
  return bavail * bsize;
}

function relayFindings({ fleet: { relay, branches } }: ProgramState & { kind: 'relay' }): Finding[] {
  const away = branches.filter((row) => row.state === 'offline');
  const behind = branches.filter((row) => row.lag.entriesThere + row.lag.entriesHere > 0);
  const refused = Object.entries(relay.refusals).map(([code, count]) => `${count} × ${code}`);
  return [
    {
      level: away.length === 0 ? 'fine' : 'watch',
      what: `${away.length} of ${branches.length} devices are away${listed(away.map((row) => row.branch))}`,
    },
    {
      level: 'fine',
      what: `${behind.length} devices are behind${listed(behind.map((row) => row.branch))}`,
    },
    refused.length === 0
      ? { level: 'fine', what: 'nobody was refused since the start' }
      : { level: 'watch', what: `refused since the start: ${refused.join(', ')}` },
    ...branches
      .filter((row) => row.clockOffsetMs !== null)
      .map((row) => clockFinding(row.clockOffsetMs!, row.branch))
      .filter((finding) => finding.level !== 'fine'),
  ];
}

const LISTED_MAX = 10;

function listed(names: readonly string[]): string {
  if (names.length === 0) {
    return '';
  }
  const more = names.length > LISTED_MAX ? `, and ${names.length - LISTED_MAX} more` : '';
  return `: ${names.slice(0, LISTED_MAX).join(', ')}${more}`;
}

function clockFinding(driftMs: number, whose: string): Finding {
  const what = `the clock of ${whose} is ${(Math.abs(driftMs) / 1000).toFixed(1)} s ${driftMs < 0 ? 'behind' : 'ahead'}`;
  return levelled(Math.abs(driftMs), CLOCK_WATCH_MS, CLOCK_ACT_MS, what, 'Set it, or let it be set by NTP.');
}

function levelled(value: number, watchAt: number, actAt: number, what: string, advice: string): Finding {
  if (value < watchAt) {
    return { level: 'fine', what };
  }
  return { level: value < actAt ? 'watch' : 'act', what, advice };
}
