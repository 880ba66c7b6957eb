/**
 * The status strip as data: six parts, each with a level and a state; what waits, since when, and the nearest deadline.
 *
 * Pure, and free of any language: the words are in the tables. `undefined` facts are "not heard yet" and say so, because a till that
 * shows green for what it does not know lies.
 */
import type { SyncStatus } from '@branchline/model';

export type Level = 'well' | 'notice' | 'bad' | 'off';

export interface StatusFacts {
  /** The node of this branch answers. */
  readonly isHere: boolean;
  readonly awayMs: number;
  readonly sync: SyncStatus | undefined;
}

export type Part =
  | { readonly what: 'network'; readonly level: Level; readonly state: 'well' | 'away' }
  | {
      readonly what: 'relay';
      readonly level: Level;
      readonly state: 'unknown' | 'well' | 'busy' | 'away' | 'off' | 'none';
    }
  | {
      readonly what: 'ofd';
      readonly level: Level;
      readonly state: 'unknown' | 'none' | 'well' | 'waiting' | 'away' | 'late' | 'stopped';
    }
  | {
      readonly what: 'printer';
      readonly level: Level;
      readonly state: 'unknown' | 'none' | 'well' | 'trouble' | 'waiting' | 'decide' | 'stopped';
    }
  | { readonly what: 'clock'; readonly level: Level; readonly state: 'unknown' | 'well' | 'off' }
  | { readonly what: 'disk'; readonly level: Level; readonly state: 'unknown' | 'well' | 'low' | 'full' };

export interface Strip {
  readonly parts: readonly Part[];
  /** Entries no other machine has, documents the operator has not, receipts the register has not. */
  readonly waiting: { readonly entries: number; readonly documents: number; readonly receipts: number };
  readonly oldestMs: number | undefined;
  /** The nearest thing that stops by law or by itself. */
  readonly deadline: { readonly what: Deadline; readonly leftMs: number } | undefined;
  /** `trouble` of the register, by code. */
  readonly trouble: string | undefined;
  readonly canSell: boolean;
}

type Countdowns = NonNullable<NonNullable<SyncStatus['fiscal']>['countdowns']>;
export type Deadline = Countdowns[number]['what'];

/** Clock drift against peers at which somebody is told. */
const DRIFT_NOTICE_MS = 60_000;
/** Shares of the disk that are left. */
const DISK_LOW = 0.1;
const DISK_FULL = 0.02;
/** Deadlines farther away than this are nobody's worry at a till. */
const DEADLINE_SHOWN_MS = 30 * 86_400_000;
/** A relay out of reach for longer than this is red. */
const AWAY_BAD_MS = 3_600_000;

export function stripOf(facts: StatusFacts): Strip {
  const { isHere, sync } = facts;
  const fiscal = sync?.fiscal;
  const entries = sync?.unsentEntries ?? 0;
  const documents = fiscal?.documentsWaiting ?? 0;
  const receipts = fiscal?.receiptsWaiting ?? 0;
  const ages = [
    entries > 0 ? sync?.oldestUnsentAgeMs : undefined,
    documents > 0 ? fiscal?.oldestDocumentAgeMs : undefined,
  ].filter((age) => age !== undefined);
  // What the node said before it went away is no news of now; what waited then still waits.
  const heard = isHere ? sync : undefined;
  return {
    parts: [network(facts), relay(heard), ofd(heard), printer(heard), clock(heard), disk(heard)],
    waiting: { entries, documents, receipts },
    oldestMs: ages.length === 0 ? undefined : Math.max(...ages),
    deadline: nearest(fiscal?.countdowns ?? []),
    trouble: fiscal?.trouble,
    canSell: isHere && sync?.canSell !== false,
  };
}

/** The part that is worst; the first of several. */
export function worstOf({ parts }: Strip): Part | undefined {
  return parts.find(({ level }) => level === 'bad') ?? parts.find(({ level }) => level === 'notice');
}

function network({ isHere }: StatusFacts): Part {
  return {
    what: 'network',
    ...(isHere ? { level: 'well', state: 'well' } : { level: 'bad', state: 'away' }),
  };
}

function relay(sync: SyncStatus | undefined): Part {
  const what = 'relay';
  if (sync === undefined) {
    return { what, level: 'off', state: 'unknown' };
  }
  const { peers, mode } = sync;
  if (mode !== 'hybrid') {
    return { what, level: 'off', state: 'off' };
  }
  if (peers.length === 0) {
    return { what, level: 'off', state: 'none' };
  }
  // Connected to nobody is an outage; a relay that is away matters while others carry the entries less.
  const open = peers.filter(({ state }) => state === 'connected');
  const relays = peers.filter(({ kind, direction }) => kind === 'relay' || direction === 'dialled');
  if (open.length === 0 || (relays.length > 0 && relays.every(({ state }) => state !== 'connected'))) {
    const isLong = (sync.oldestUnsentAgeMs ?? 0) > AWAY_BAD_MS;
    return { what, level: isLong ? 'bad' : 'notice', state: 'away' };
  }
  return { what, level: 'well', state: sync.unsentEntries > 0 ? 'busy' : 'well' };
}

function ofd(sync: SyncStatus | undefined): Part {
  const what = 'ofd';
  if (sync === undefined) {
    return { what, level: 'off', state: 'unknown' };
  }
  const { fiscal, alarms } = sync;
  if (fiscal === undefined) {
    return { what, level: 'off', state: 'none' };
  }
  const level = fiscal.countdowns?.find((countdown) => countdown.what === 'operator')?.level ?? 'well';
  if (level === 'stopped') {
    return { what, level: 'bad', state: 'stopped' };
  }
  if (level === 'urgent') {
    return { what, level: 'bad', state: 'late' };
  }
  if (level === 'notice') {
    return { what, level: 'notice', state: 'late' };
  }
  if (alarms.some(({ code }) => code.startsWith('OFD_'))) {
    return { what, level: 'notice', state: 'away' };
  }
  return { what, level: 'well', state: (fiscal.documentsWaiting ?? 0) > 0 ? 'waiting' : 'well' };
}

function printer(sync: SyncStatus | undefined): Part {
  const what = 'printer';
  if (sync === undefined) {
    return { what, level: 'off', state: 'unknown' };
  }
  const { fiscal } = sync;
  if (fiscal === undefined) {
    return { what, level: 'off', state: 'none' };
  }
  const isStopped = fiscal.countdowns?.some(
    (countdown) => countdown.what.startsWith('storage') && countdown.level === 'stopped',
  );
  if (isStopped) {
    return { what, level: 'bad', state: 'stopped' };
  }
  if (fiscal.trouble !== undefined) {
    return { what, level: 'bad', state: 'trouble' };
  }
  if ((fiscal.receiptsUndecided ?? 0) > 0) {
    return { what, level: 'notice', state: 'decide' };
  }
  return { what, level: 'well', state: fiscal.receiptsWaiting > 0 ? 'waiting' : 'well' };
}

function clock(sync: SyncStatus | undefined): Part {
  const what = 'clock';
  if (sync === undefined) {
    return { what, level: 'off', state: 'unknown' };
  }
  const isOff =
    Math.abs(sync.clock.driftMs) > DRIFT_NOTICE_MS ||
    sync.alarms.some(({ code }) => code === 'CLOCK_AHEAD') ||
    sync.fiscal?.countdowns?.some((countdown) => countdown.what === 'clock' && countdown.level !== 'well');
  return { what, ...(isOff === true ? { level: 'notice', state: 'off' } : { level: 'well', state: 'well' }) };
}

function disk(sync: SyncStatus | undefined): Part {
  const what = 'disk';
  const space = sync?.disk;
  if (space === undefined) {
    return { what, level: 'off', state: 'unknown' };
  }
  const share = space.freeBytes / Math.max(1, space.totalBytes);
  if (share < DISK_FULL) {
    return { what, level: 'bad', state: 'full' };
  }
  return {
    what,
    ...(share < DISK_LOW ? { level: 'notice', state: 'low' } : { level: 'well', state: 'well' }),
  };
}

function nearest(countdowns: Countdowns): Strip['deadline'] {
  let found: Strip['deadline'];
  for (const { what, leftMs, level } of countdowns) {
    const isShown =
      leftMs !== undefined && (level !== 'well' || (what !== 'shift' && leftMs < DEADLINE_SHOWN_MS));
    if (isShown && (found === undefined || leftMs < found.leftMs)) {
      found = { what, leftMs };
    }
  }
  return found;
}
