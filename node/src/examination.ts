/**
 * What needs a person at this node, and what to do: the same checks for `branchline doctor` on its machine and for an operator who asks
 * through the relay. Pure: from what the node says of itself. Thresholds are those an operator would set; they stand here by name.
 */
import type { SyncStatus } from '@branchline/model';

/** What travels to the relay fits into a status frame. */
export const FINDINGS_MAX = 40;
const WORDS_MAX = 300;

const DISK_ACT_BYTES = 200_000_000;
const DISK_WATCH_BYTES = 2_000_000_000;
/** Stamps follow the clock up to here. */
const CLOCK_WATCH_MS = 2_000;
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

export interface ExaminedNode {
  readonly sync: SyncStatus;
  readonly ready: { readonly ready: boolean; readonly reasons: readonly string[] };
}

/** In the order a person would ask: can it sell, its register, what waits, the machine, the way out, alarms. */
export function examineNode({ sync, ready }: ExaminedNode): Finding[] {
  const findings = [
    ...readyFindings(ready),
    ...fiscalFindings(sync),
    unsentFinding(sync),
    ...diskFindings(sync),
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
  return findings
    .slice(0, FINDINGS_MAX)
    .map(({ what, ...rest }) => ({ ...rest, what: what.slice(0, WORDS_MAX) }));
}

export function readyFindings({ ready, reasons }: ExaminedNode['ready']): Finding[] {
  if (ready) {
    return [{ level: 'fine', what: 'it is ready' }];
  }
  return reasons.map((reason) => ({ level: 'act', what: reason, advice: 'Look at its log.' }));
}

function fiscalFindings({ fiscal }: SyncStatus): Finding[] {
  if (fiscal === undefined) {
    return [{ level: 'fine', what: 'no cash register is configured: receipts are not printed' }];
  }
  const {
    trouble,
    words,
    receiptsWaiting,
    receiptsUndecided = 0,
    documentsWaiting = 0,
    countdowns = [],
  } = fiscal;
  return [
    {
      level: trouble === undefined ? 'fine' : 'act',
      what: `register: ${words}`,
      ...(trouble === undefined
        ? {}
        : { advice: `${receiptsWaiting} receipts wait and are printed by themselves then.` }),
    },
    ...(receiptsUndecided === 0
      ? []
      : [
          {
            level: 'act' as const,
            what: `${receiptsUndecided} receipts wait for a decision`,
            advice: 'Compare the paper; see GET /v1/outbox/quarantine.',
          },
        ]),
    { level: 'fine', what: `${documentsWaiting} fiscal documents wait for the operator` },
    ...countdowns
      .filter(({ level }) => level !== 'well')
      .map(
        ({ level, words: left }): Finding => ({
          level: level === 'notice' ? 'watch' : 'act',
          what: left,
          advice: 'See the runbooks in relay/operations.',
        }),
      ),
  ];
}

function unsentFinding({ oldestUnsentAgeMs: ageMs = 0, unsentEntries }: SyncStatus): Finding {
  const what = `${unsentEntries} entries wait to be sent, the oldest for ${Math.round(ageMs / 60_000)} minutes`;
  if (ageMs < UNSENT_WATCH_MS) {
    return { level: 'fine', what };
  }
  const advice = 'Look at the causes below; sales go on meanwhile.';
  return { level: ageMs < UNSENT_ACT_MS ? 'watch' : 'act', what, advice };
}

function diskFindings({ disk }: SyncStatus): Finding[] {
  return disk === undefined ? [] : [diskFinding(disk.freeBytes, 'the disk of its data')];
}

export function diskFinding(freeBytes: number, where: string): Finding {
  const what = `${(freeBytes / 1e9).toFixed(1)} GB free on ${where}`;
  if (freeBytes < DISK_ACT_BYTES) {
    return { level: 'act', what, advice: 'Make room: sales stop when it is full.' };
  }
  return freeBytes < DISK_WATCH_BYTES
    ? { level: 'watch', what, advice: 'Make room soon.' }
    : { level: 'fine', what };
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
