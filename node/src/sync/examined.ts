/**
 * An operator asks through the relay how this node is: the question comes in a status frame, the answer goes back in one.
 *
 *     relay ──status { examine: { id } }──> node ──status { examined: { id, findings } }──> relay
 *
 * Only a relay or a head office may ask. Nothing is changed by it, and nothing but what `branchline doctor` says here leaves the
 * machine. Who asked is in the relay's audit log. A question asked twice is answered twice, alike.
 */
import type { Registry, ReplicationNews, WriterId } from '@branchline/feed';
import { z } from 'zod';
import type { Finding } from '../examination.ts';
import type { NodeLog } from '../ports.ts';

const question = z.object({ examine: z.object({ id: z.string().min(1).max(64) }) });

export interface ExaminedOptions {
  readonly registry: Pick<Registry, 'member'>;
  readonly examine: () => readonly Finding[];
  readonly say: (peer: WriterId, report: unknown) => void;
  readonly log: Pick<NodeLog, 'info' | 'warn'>;
}

/** Called with everything replication tells. */
export function answerExamination(
  news: ReplicationNews,
  { registry, examine, say, log }: ExaminedOptions,
): void {
  if (news.type !== 'statusReceived') {
    return;
  }
  const asked = question.safeParse(news.report);
  if (!asked.success) {
    return;
  }
  const { id } = asked.data.examine;
  const role = registry.member(news.peer)?.grant.role;
  if (role !== 'relay' && role !== 'hq') {
    log.warn({ peer: news.peer, role }, 'asked how it is by somebody who may not');
    return;
  }
  log.info({ peer: news.peer, id }, 'an operator asks how it is');
  say(news.peer, { examined: { id, findings: examine() } });
}
