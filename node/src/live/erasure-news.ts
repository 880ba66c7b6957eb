/** An erased customer is a changed customer: whoever shows one is told. Projected behind the keys, so that the profile is gone by then. */
import { eventBodies } from '@branchline/model';
import type { EventLog } from '../event-log.ts';
import type { Projection } from '../projections/projection.ts';

export function erasureNews(events: EventLog): Projection {
  return {
    kinds: ['erasure'],
    apply: (entry) => {
      for (const id of eventBodies.erasure.parse(entry.body).customers) {
        events.publish('customer.changed', { id }, entry.position);
      }
    },
  };
}
