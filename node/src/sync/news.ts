/** What replication tells, as alarms: the part of it that a person has to know. */
import { FeedError, type ReplicationNews } from '@branchline/feed';
import type { Alarms } from '../alarms.ts';

/** A peer's own words in an alarm. */
const CODE_CHARS_MAX = 64;
const DETAIL_CHARS_MAX = 200;

export function raiseAlarm(news: ReplicationNews, alarms: Alarms): void {
  switch (news.type) {
    case 'entriesRefused':
      alarms.raise(
        'ENTRIES_REFUSED',
        `${news.peer} sent entries of ${news.feed} that were refused (${news.code})`,
      );
      break;
    case 'checkpointRefused':
      alarms.raise(
        'CHECKPOINT_REFUSED',
        `${news.peer} sent a checkpoint of ${news.collection} that was refused (${news.detail.slice(0, DETAIL_CHARS_MAX)})`,
      );
      break;
    case 'forkFound':
      alarms.raise(
        'FEED_FORKED',
        `${news.evidence.feed} was written twice; it is quarantined, evidence is kept`,
      );
      break;
    case 'ownForkFound':
      alarms.raise(
        'DEVICE_SUPERSEDED',
        `${news.peer} holds another history of ${news.feed}, written with our key`,
      );
      break;
    case 'storeDamaged':
      alarms.raise('STORE_CORRUPT', damageInWords(news.cause));
      break;
    case 'alarmReceived':
      alarms.raise(
        news.code.slice(0, CODE_CHARS_MAX),
        `${news.peer}: ${news.detail.slice(0, DETAIL_CHARS_MAX)}`,
        news.peer,
      );
      break;
    case 'peerLive':
      // Admitted, compared and understood again: what it said about that is over. Evidence of other kinds stays.
      alarms.clearAbout(news.peer, 'PEER_');
      break;
    case 'incarnationNeeded':
    case 'checkpointApplied':
    case 'peerLeft':
    case 'statusReceived':
      break;
    default:
      news satisfies never;
  }
}

/** What cannot be read, and what to do: sales go on, so nobody would look for it. */
function damageInWords(cause: Error): string {
  const hint = cause instanceof FeedError ? cause.hint : undefined;
  return `${cause.message}. What to do: ${hint ?? 'keep a copy of the data directory, then look at the disk'}`;
}
