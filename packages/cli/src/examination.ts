/**
 * The checks of `doctor`: each looks at one thing and says fine, watch or act, with advice.
 *
 * Thresholds are those an operator would set: they stand here by name.
 */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataFolder, readDataFolder } from './data-folder.ts';
import { ageWords, bytesWords } from './output.ts';
import { type ProgramState, readProgramState } from './program-state.ts';
import { RunningProgram } from './running-program.ts';

const DISK_ACT_BYTES = 200_000_000;
const DISK_WATCH_BYTES = 2_000_000_000;
const CLOCK_WATCH_MS = 2_000;
const CLOCK_ACT_MS = 60_000;
/** The block a clock saves ahead, and its reserve: how far stamps may run ahead after a crash. */
const STAMPS_AHEAD_AFTER_CRASH_MS = 61_000;
/** Beyond this, peers no longer take our stamps for the time. */
const STAMPS_ACT_MS = 300_000;
const UNSENT_WATCH_MS = 3_600_000;
const UNSENT_ACT_MS = 24 * 3_600_000;

export interface Finding {
  readonly level: 'fine' | 'watch' | 'act';
  readonly what: string;
  readonly advice?: string;
}

export async function examine(data: string): Promise<Finding[]> {
  const folder = await readDataFolder(data);
  const findings = [
    { level: 'fine', what: `${folder.kind} of ${folder.tenant} in ${data}` } as const,
    ...(await keyFindings(folder)),
    await diskFinding(data),
  ];
  const program = await RunningProgram.find(data);
  if (program === undefined) {
    const advice = `Start it: branchline ${folder.kind} --data ${data}`;
    return [...findings, { level: 'act', what: 'it is not running', advice }];
  }
  const state = await readProgramState(program);
  findings.push({ level: 'fine', what: `it runs at ${program.url}, process ${program.pid}` });
  return [
    ...findings,
    ...readyFindings(state),
    ...(state.kind === 'node' ? nodeFindings(state) : relayFindings(state)),
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

async function diskFinding(data: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(data);
  const free = bavail * bsize;
  const what = `${bytesWords(free)} free on the disk of ${data}`;
  if (free < DISK_ACT_BYTES) {
    return { level: 'act', what, advice: 'Make room: sales stop when it is full.' };
  }
  return free < DISK_WATCH_BYTES
    ? { level: 'watch', what, advice: 'Make room soon.' }
    : { level: 'fine', what };
}

function readyFindings({ ready }: ProgramState): Finding[] {
  if (ready.ready) {
    return [{ level: 'fine', what: 'it is ready' }];
  }
  return ready.reasons.map((reason) => ({ level: 'act', what: reason, advice: 'Look at its log.' }));
}

function nodeFindings({ sync }: ProgramState & { kind: 'node' }): Finding[] {
  const unsentMs = sync.oldestUnsentAgeMs ?? 0;
  const unsent = `${sync.unsentEntries} entries wait to be sent, the oldest for ${ageWords(unsentMs / 1000)}`;
  return [
    levelled(
      unsentMs,
      UNSENT_WATCH_MS,
      UNSENT_ACT_MS,
      unsent,
      'Look at the causes below; sales go on meanwhile.',
    ),
    stampFinding(sync.clock.driftMs),
    ...sync.peers.map((peer): Finding => {
      const what = `${peer.peer}: ${peer.state}, ${peer.cause}`;
      return { level: peer.state === 'connected' || peer.state === 'off' ? 'fine' : 'watch', what };
    }),
    ...sync.alarms.map(
      (alarm): Finding => ({
        level: 'act',
        what: `alarm ${alarm.code}: ${alarm.detail}`,
        advice: 'See the table of alarms in the README.',
      }),
    ),
  ];
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

/** Stamps begin ahead of the clock after a crash, at most by the block that was saved ahead; further only when the clock went back. */
function stampFinding(driftMs: number): Finding {
  const ahead = (driftMs / 1000).toFixed(1);
  if (driftMs < CLOCK_WATCH_MS) {
    return { level: 'fine', what: 'stamps follow the clock of this machine' };
  }
  return driftMs <= STAMPS_AHEAD_AFTER_CRASH_MS
    ? {
        level: 'fine',
        what: `stamps run ${ahead} s ahead of the clock since a crash, until it has caught up`,
      }
    : {
        level: driftMs < STAMPS_ACT_MS ? 'watch' : 'act',
        what: `stamps run ${ahead} s ahead of the clock of this machine: it was set back, or was wrong before`,
        advice: 'Set it, or let it be set by NTP; sales go on meanwhile.',
      };
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
