/**
 * The fleet page: one row per device, made from what the registry says (who there is), what connections say (who is here),
 * what sessions say (who lacks what) and what nodes report about themselves (disk, clock, backlog).
 *
 * Lag is exact in entries, from feed vectors. Its seconds are measured on this relay's clock alone, from the moment an
 * entry became durable here (feed's `DurableMarks`), so a branch with a wrong clock cannot make it negative or huge. What a
 * branch has and we lack we only know from its last report.
 *
 * Does not: decide anything. Nothing here is needed for replication.
 */
import type { ForkEvidence, Member, Registry, WriterId } from '@branchline/feed';
import type { DeviceAlarm, DeviceRow, DeviceState, FeedLag } from '@branchline/pages';
import { isoTime } from 'hlc-ts';
import type { NodeReport } from './node-report.ts';

export interface Contact {
  readonly online: boolean;
  /** Last moment the device was connected, ms of this relay's clock. */
  readonly lastContactMs: number;
  readonly connectedSinceMs?: number;
  readonly software: string;
  readonly remote: string;
  readonly roundTripMs?: number;
  /** Said in its hello. */
  readonly takesCheckpoints?: boolean;
  /** Why it is gone. */
  readonly lastCode?: string;
}

export interface Reported {
  readonly report: NodeReport;
  readonly receivedMs: number;
}

export interface FleetSources {
  readonly registry: Registry;
  /** This relay's own device, which is no row: what it knows of itself is the summary. */
  readonly self: WriterId;
  readonly contact: (writer: WriterId) => Contact | undefined;
  readonly reported: (writer: WriterId) => Reported | undefined;
  /** What the device lacks of what it may read, and what we lack of its feeds. */
  readonly lag: (member: Member) => readonly FeedLag[];
  readonly lastEntryMs: (writer: WriterId) => number | undefined;
  /** Feeds of the device known here to have two histories. */
  readonly forked: (writer: WriterId) => readonly ForkEvidence[];
}

/** Every device, branches first come first in code order; invitations nobody used yet are rows too. */
export function fleetRows(sources: FleetSources): DeviceRow[] {
  const members = sources.registry.members();
  const succeeded = new Set(members.map(({ predecessor }) => predecessor));
  const rows = members
    .filter(({ writer }) => writer !== sources.self)
    .map((member) => deviceRow(member, sources, succeeded.has(member.writer)));
  for (const invitation of sources.registry.invitations()) {
    if (invitation.usedBy === undefined && invitation.replaces === undefined) {
      rows.push({
        ...NOTHING_KNOWN,
        branch: invitation.grant.branch,
        role: invitation.grant.role,
        state: 'invited',
        inviteExpiresAt: isoTime(invitation.expiresMs),
      });
    }
  }
  return rows.sort((a, b) => compareText(a.branch, b.branch) || compareText(a.nodeLetter, b.nodeLetter));
}

const NOTHING_KNOWN = {
  writer: null,
  nodeLetter: '',
  incarnation: 1,
  online: false,
  lastContact: null,
  version: null,
  remote: null,
  roundTripMs: null,
  lag: { entriesThere: 0, entriesHere: 0, seconds: 0, feeds: [] },
  clockOffsetMs: null,
  disk: null,
  oldestUndeliveredFiscalSeconds: null,
  fnDaysLeft: null,
  alarms: [],
  reportedAt: null,
  inviteExpiresAt: null,
  lastEntryAt: null,
  detail: null,
} as const;

function deviceRow(member: Member, sources: FleetSources, isSucceeded: boolean): DeviceRow {
  const contact = sources.contact(member.writer);
  const reported = sources.reported(member.writer);
  const lastEntryMs = sources.lastEntryMs(member.writer);
  const feeds = member.revocation === undefined ? sources.lag(member) : [];
  return {
    ...NOTHING_KNOWN,
    branch: member.grant.branch,
    role: member.grant.role,
    writer: member.writer,
    nodeLetter: member.grant.nodeLetter,
    incarnation: member.grant.incarnation,
    state: stateOf(member, contact, isSucceeded),
    online: contact?.online ?? false,
    lastContact: contact === undefined ? null : isoTime(contact.lastContactMs),
    version: contact?.software ?? null,
    remote: contact?.remote ?? null,
    roundTripMs: contact?.roundTripMs ?? null,
    lag: {
      entriesThere: sum(feeds.map((feed) => feed.missingThere)),
      entriesHere: sum(feeds.map((feed) => feed.missingHere)),
      seconds: Math.max(0, ...feeds.map((feed) => feed.seconds)),
      feeds: feeds.filter((feed) => feed.missingThere > 0 || feed.missingHere > 0),
    },
    ...reportedFields(reported),
    lastEntryAt: lastEntryMs === undefined ? null : isoTime(lastEntryMs),
    alarms: [...forkAlarms(sources.forked(member.writer)), ...(reported?.report.alarms ?? [])],
  };
}

function forkAlarms(forks: readonly ForkEvidence[]): DeviceAlarm[] {
  return forks.map(({ feed, seq, foundMs }) => ({
    code: 'FEED_FORK',
    detail: `${feed} has two histories from entry ${seq}: a copy of the device has been at work`,
    at: isoTime(foundMs),
  }));
}

function stateOf(member: Member, contact: Contact | undefined, isSucceeded: boolean): DeviceState {
  if (member.revocation !== undefined) {
    return 'revoked';
  }
  if (isSucceeded && contact?.online !== true) {
    return 'succeeded';
  }
  if (contact === undefined) {
    return 'enrolled';
  }
  return contact.online ? 'online' : 'offline';
}

function reportedFields(reported: Reported | undefined): Partial<DeviceRow> {
  if (reported === undefined) {
    return {};
  }
  const { report, receivedMs } = reported;
  return {
    clockOffsetMs: report.nowMs === undefined ? null : Math.round(report.nowMs - receivedMs),
    disk: report.disk ?? null,
    oldestUndeliveredFiscalSeconds: report.oldestUndeliveredFiscalSeconds ?? null,
    fnDaysLeft: report.fnDaysLeft ?? null,
    reportedAt: isoTime(receivedMs),
    detail: {
      url: report.url,
      ready: report.ready,
      reasons: report.reasons,
      situation: report.situation,
      unsent: report.unsent,
      fiscal: report.fiscal,
      transfers: report.transfers,
      conflicts: report.conflicts,
      quarantine: report.quarantine,
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
