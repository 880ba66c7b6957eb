/**
 * What is wrong with a device, by how much it matters, and where in the grid it stands. Pure; the words are in the tables.
 *
 * The order is the operator's: what cannot sell, what is said to be wrong, what is away, what is behind, what the law will stop.
 */
import type { DeviceRow } from './fleet-types.ts';

export type Level = 'well' | 'notice' | 'bad' | 'off';

export type TroubleKind =
  | 'stopped'
  | 'register'
  | 'quarantine'
  | 'alarm'
  | 'offline'
  | 'late'
  | 'fiscalLate'
  | 'fnEnding'
  | 'clock'
  | 'disk'
  | 'conflicts'
  | 'invited'
  | 'never';

export interface Trouble {
  readonly kind: TroubleKind;
  readonly level: Level;
}

/** Seconds behind at which a branch counts as late. */
export const LATE_SECONDS = 60;
const CLOCK_NOTICE_MS = 60_000;
const DISK_LOW = 0.1;
const FISCAL_NOTICE_SECONDS = 2 * 86_400;
const FISCAL_BAD_SECONDS = 20 * 86_400;
const FN_NOTICE_DAYS = 30;
const FN_BAD_DAYS = 5;

/** Worst first. */
export function troublesOf(row: DeviceRow): readonly Trouble[] {
  const { detail, state } = row;
  const found: Trouble[] = [];
  const add = (kind: TroubleKind, level: Level): unknown => found.push({ kind, level });
  if (state === 'invited') {
    return [{ kind: 'invited', level: 'off' }];
  }
  if (state === 'revoked' || state === 'succeeded') {
    return [];
  }
  if (state === 'enrolled') {
    return [{ kind: 'never', level: 'notice' }];
  }
  if (detail?.ready === false) {
    add('stopped', 'bad');
  }
  if (detail?.fiscal?.trouble !== undefined) {
    add('register', 'bad');
  }
  if ((detail?.quarantine?.total ?? 0) + (detail?.fiscal?.receiptsUndecided ?? 0) > 0) {
    add('quarantine', 'bad');
  }
  if (row.alarms.length > 0) {
    add('alarm', 'bad');
  }
  if (!row.online) {
    add('offline', 'bad');
  }
  if (isLate(row)) {
    add('late', 'notice');
  }
  const fiscal = row.oldestUndeliveredFiscalSeconds ?? 0;
  if (fiscal >= FISCAL_NOTICE_SECONDS) {
    add('fiscalLate', fiscal >= FISCAL_BAD_SECONDS ? 'bad' : 'notice');
  }
  if (row.fnDaysLeft !== null && row.fnDaysLeft <= FN_NOTICE_DAYS) {
    add('fnEnding', row.fnDaysLeft <= FN_BAD_DAYS ? 'bad' : 'notice');
  }
  if (Math.abs(row.clockOffsetMs ?? 0) >= CLOCK_NOTICE_MS) {
    add('clock', 'notice');
  }
  if (row.disk !== null && row.disk.freeBytes < row.disk.totalBytes * DISK_LOW) {
    add('disk', 'notice');
  }
  if ((detail?.conflicts?.total ?? 0) > 0) {
    add('conflicts', 'notice');
  }
  return found;
}

export function levelOf(row: DeviceRow): Level {
  const troubles = troublesOf(row);
  if (row.state === 'revoked' || row.state === 'succeeded') {
    return 'off';
  }
  return (
    (['bad', 'notice', 'off'] as const).find((level) => troubles.some((each) => each.level === level)) ??
    'well'
  );
}

export function isLate(row: DeviceRow): boolean {
  return row.state === 'online' && row.lag.seconds >= LATE_SECONDS;
}

export const filters = ['all', 'trouble', 'late', 'offline', 'alarms'] as const;
export type Filter = (typeof filters)[number];

export function passes(row: DeviceRow, filter: Filter): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'trouble':
      return ['bad', 'notice'].includes(levelOf(row));
    case 'late':
      return isLate(row);
    case 'offline':
      return row.state === 'offline' || row.state === 'enrolled';
    case 'alarms':
      return row.alarms.length > 0;
    default:
      return filter satisfies never;
  }
}

export const sorts = ['branch', 'trouble', 'behind', 'contact', 'fiscal', 'clock', 'disk'] as const;
export type Sort = (typeof sorts)[number];

const WEIGHT: Readonly<Record<Level, number>> = { bad: 0, notice: 1, well: 2, off: 3 };

export function compareBy(sort: Sort): (a: DeviceRow, b: DeviceRow) => number {
  const measure: Record<Sort, (row: DeviceRow) => number> = {
    branch: () => 0,
    trouble: (row) => WEIGHT[levelOf(row)],
    behind: (row) => -row.lag.seconds * 1e6 - row.lag.entriesThere - row.lag.entriesHere,
    contact: (row) => (row.online ? Number.MAX_SAFE_INTEGER : Date.parse(row.lastContact ?? '') || 0),
    fiscal: (row) => -(row.oldestUndeliveredFiscalSeconds ?? -1),
    clock: (row) => -Math.abs(row.clockOffsetMs ?? 0),
    disk: (row) => (row.disk === null ? 2 : row.disk.freeBytes / row.disk.totalBytes),
  };
  const by = measure[sort];
  return (a, b) => by(a) - by(b) || nameOf(a).localeCompare(nameOf(b), undefined, { numeric: true });
}

export function nameOf(row: DeviceRow): string {
  return `${row.branch}${row.nodeLetter}${row.incarnation > 1 ? `.${row.incarnation}` : ''}`;
}

export function keyOf(row: DeviceRow): string {
  return `${row.branch}/${row.writer ?? 'invited'}`;
}
