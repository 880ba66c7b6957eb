/**
 * `GET /v1/sync` in the words of a person at a till: who is connected, what is missing where and why, what still works.
 */
import type { Member, PeerProgress, WriterId } from '@branchline/feed';
import type { SituationCode, SyncStatus } from '@branchline/model';
import { isoTime } from 'hlc-ts';
import type { Alarm } from '../alarms.ts';
import type { DiskSpace } from '../ports.ts';
import type { Reason } from '../state-of-device.ts';
import type { PeerLink } from './peer-link.ts';
import type { Peers } from './peers.ts';
import type { Safety, Unsent } from './safety.ts';

/** Feeds listed per peer, those that lag most first; the sums count all of them. */
export const STATUS_FEEDS_MAX = 100;

type PeerSync = SyncStatus['peers'][number];

export interface SyncFacts {
  readonly node: WriterId;
  readonly self: Member | undefined;
  readonly tenant: string;
  readonly mode: SyncStatus['mode'];
  readonly peers: Peers;
  readonly progress: readonly PeerProgress[];
  readonly unsent: Unsent;
  readonly safety: Pick<Safety, 'durableMs'>;
  readonly disk: DiskSpace | undefined;
  readonly alarms: readonly Alarm[];
  readonly driftMs: number;
  readonly nowMs: number;
  /** Why the node cannot sell, if so. */
  readonly stopped: readonly { readonly cause: Reason['cause'] | 'MAINTENANCE'; readonly words: string }[];
  /** What must be known by whoever sells all the same. */
  readonly warning: string | undefined;
}

export function syncStatus(facts: SyncFacts): SyncStatus {
  const { self, unsent, nowMs } = facts;
  const byWriter = new Map(facts.progress.map((progress) => [progress.peer, progress]));
  const dialled = facts.peers.links.map((link) => dialledPeer(link, facts, byWriter));
  const named = new Set(facts.peers.links.map((link) => link.writer));
  const accepted = facts.peers
    .accepted()
    .filter(({ member }) => !named.has(member.writer))
    .map(({ member }) => acceptedPeer(member, byWriter.get(member.writer), facts));
  return {
    node: facts.node,
    branch: self?.grant.branch ?? '',
    tenant: facts.tenant,
    role: self?.grant.role ?? 'unknown',
    mode: facts.mode,
    enrolled: self !== undefined,
    ...situation(facts),
    unsentEntries: unsent.entries,
    ...(unsent.oldestMs === undefined ? {} : { oldestUnsentAgeMs: Math.max(0, nowMs - unsent.oldestMs) }),
    peers: [...dialled, ...accepted],
    alarms: [...facts.alarms],
    clock: { driftMs: facts.driftMs },
    ...(facts.disk === undefined ? {} : { disk: facts.disk }),
  };
}

function dialledPeer(
  link: PeerLink,
  facts: SyncFacts,
  byWriter: ReadonlyMap<WriterId, PeerProgress>,
): PeerSync {
  const { writer, lastContactMs } = link;
  const progress = writer === undefined ? undefined : byWriter.get(writer);
  // Connected the other way round is connected.
  const described = facts.peers.isOpen(writer)
    ? { state: 'connected' as const, ...exchange(progress) }
    : stateOf(link, facts.mode);
  return {
    peer: link.url,
    kind: link.kind,
    direction: 'dialled',
    ...described,
    ...(writer === undefined ? {} : { writer }),
    ...(lastContactMs === undefined ? {} : { lastContactAt: isoTime(lastContactMs) }),
    ...lags(progress, facts, facts.unsent),
  };
}

function stateOf(link: PeerLink, mode: SyncStatus['mode']) {
  const state = link.describe();
  if (state.state !== 'off') {
    return state;
  }
  const { cause, causeCode } =
    mode === 'offline'
      ? { cause: 'this node is in mode offline and never dials', causeCode: 'MODE_OFFLINE' }
      : mode === 'sync_on_demand'
        ? { cause: 'this node synchronises only when asked', causeCode: 'MODE_ON_DEMAND' }
        : state;
  return { state: 'off' as const, cause, causeCode };
}

function acceptedPeer(member: Member, progress: PeerProgress | undefined, facts: SyncFacts): PeerSync {
  return {
    peer: member.writer,
    kind: member.grant.role === 'relay' ? 'relay' : 'peer',
    direction: 'accepted',
    state: 'connected',
    ...exchange(progress),
    writer: member.writer,
    lastContactAt: isoTime(progress?.lastContactMs ?? facts.nowMs),
    ...lags(progress, facts, undefined),
  };
}

/** A peer not spoken to since the start lacks at least what no other machine has confirmed. */
function lags(
  progress: PeerProgress | undefined,
  { safety, nowMs }: SyncFacts,
  unsent: Unsent | undefined,
): Pick<PeerSync, 'missingHere' | 'missingThere' | 'behindSeconds' | 'feeds'> {
  const secondsSince = (ms: number): number => Math.max(0, nowMs - ms) / 1000;
  const feeds = [...(progress?.feeds ?? [])]
    .sort((a, b) => b.missingHere + b.missingThere - a.missingHere - a.missingThere)
    .map(({ feed, here, missingHere, missingThere, ackedUpTo }) => ({
      feed,
      here,
      there: Math.max(ackedUpTo, here + missingHere - missingThere),
      missingHere,
      missingThere,
      behindSeconds: missingThere === 0 ? 0 : secondsSince(safety.durableMs(feed, here - missingThere + 1)),
    }));
  const unsentMs = progress === undefined ? unsent?.oldestMs : undefined;
  return {
    missingHere: progress?.missingHere ?? 0,
    missingThere: progress?.missingThere ?? unsent?.entries ?? 0,
    behindSeconds: Math.max(
      unsentMs === undefined ? 0 : secondsSince(unsentMs),
      ...feeds.map(({ behindSeconds }) => behindSeconds),
    ),
    feeds: feeds.slice(0, STATUS_FEEDS_MAX),
  };
}

function exchange(progress: PeerProgress | undefined): Pick<PeerSync, 'cause' | 'causeCode'> {
  if (progress === undefined || progress.phase !== 'live') {
    return { cause: 'connected, comparing', causeCode: 'COMPARING' };
  }
  const { missingHere, missingThere } = progress;
  if (missingHere === 0 && missingThere === 0) {
    return { cause: 'level', causeCode: 'LEVEL' };
  }
  const parts = [
    ...(missingThere > 0 ? [`sending ${missingThere}`] : []),
    ...(missingHere > 0 ? [`receiving ${missingHere}`] : []),
  ];
  return { cause: `connected, ${parts.join(', ')}`, causeCode: 'EXCHANGING' };
}

type Situation = Pick<SyncStatus, 'allowedNow' | 'situation' | 'canSell'>;

/** Sentences and codes side by side: what one says, the other says. */
function situation({ self, stopped, warning, peers, unsent, mode }: SyncFacts): Situation {
  if (stopped.length > 0) {
    return {
      allowedNow: stopped.map(({ words }) => `Cannot sell: ${words}`),
      situation: stopped.map(({ cause }) => ({ code: cause })),
      canSell: false,
    };
  }
  const allowedNow: string[] = [];
  const codes: SyncStatus['situation'] = [];
  const say = (code: SituationCode, words: string, waiting?: number): void => {
    allowedNow.push(words);
    codes.push({ code, ...(waiting === undefined ? {} : { waiting }) });
  };
  if (warning !== undefined) {
    say('DEVICE_REVOKED', warning);
  }
  say('SELLING', 'Selling, goods receipts and counts work; nothing waits for the network.');
  if (self !== undefined && !self.grant.write.includes('catalog')) {
    say('PRICES_FROM_OFFICE', 'Prices come from head office; they are as of the last contact.');
  }
  if (peers.openCount === 0) {
    const waiting =
      unsent.entries === 0 ? '' : ` ${unsent.entries} entries wait here until a peer is reached.`;
    if (mode === 'hybrid') {
      const words = `No peer is connected; other branches do not see this one's sales now.${waiting}`;
      say('NO_PEER', words, unsent.entries);
    } else {
      const code = mode === 'offline' ? 'MODE_OFFLINE' : 'MODE_ON_DEMAND';
      say(code, `Synchronisation is off (${mode}).${waiting}`, unsent.entries);
    }
  }
  return { allowedNow, situation: codes, canSell: true };
}
