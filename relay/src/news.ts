/** What replication reports, told on: alarms to the event log, where a person sees them, the rest to the log. */
import type { ReplicationNews, WriterId } from '@branchline/feed';
import type { Logger } from 'pino';
import type { EventLog } from './event-log.ts';
import type { Metrics } from './metrics.ts';

export function tellNews(
  news: ReplicationNews,
  to: { events: EventLog; metrics: Metrics; log: Logger },
): void {
  const alarm = (code: string, detail: string, writer: WriterId): void => {
    to.metrics.refused(code);
    to.log.warn({ code, detail, writer }, 'alarm');
    to.events.add({ type: 'alarmed', code, detail, writer });
  };
  switch (news.type) {
    case 'entriesRefused':
      alarm(news.code, `entries of ${news.feed} were refused`, news.peer);
      break;
    case 'forkFound':
      alarm(
        'FEED_FORK',
        `${news.evidence.feed} has two histories from entry ${news.evidence.seq}`,
        news.peer,
      );
      break;
    case 'ownForkFound':
      alarm('FEED_FORK', `${news.feed} of this relay has two histories`, news.peer);
      break;
    case 'storeDamaged':
      alarm('STORE_CORRUPT', news.cause.message, news.peer);
      break;
    case 'alarmReceived':
      alarm(news.code, news.detail, news.peer);
      break;
    default:
      to.log.debug(news, 'replication');
  }
}
