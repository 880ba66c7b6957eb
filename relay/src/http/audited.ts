/** Acts of operators, written down with how they ended before the answer goes out, and told to whoever follows the events. */
import type { Response } from 'express';
import type { AuditLog } from '../audit-log.ts';
import type { EventLog } from '../event-log.ts';
import { operatorOf } from './admission.ts';
import { problemOf } from './problem.ts';

export type Audited = <T>(
  response: Response,
  what: string,
  subject: string,
  act: () => Promise<T>,
) => Promise<T>;

export function auditedInto(audit: Pick<AuditLog, 'add'>, events: Pick<EventLog, 'add'>): Audited {
  return async (response, what, subject, act) => {
    const who = operatorOf(response).name;
    const note = async (outcome: string): Promise<void> => {
      await audit.add({ who, what, subject, outcome });
      events.add({ type: 'acted', who, what, subject, outcome });
    };
    let result: Awaited<ReturnType<typeof act>>;
    try {
      result = await act();
    } catch (error) {
      await note(problemOf(error).code);
      throw error;
    }
    await note('done');
    return result;
  };
}
