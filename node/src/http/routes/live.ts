/** Live documents for automerge-repo clients: the list, and tickets for their WebSocket at `/automerge`. */
import { liveDocumentList, liveDocumentQuery, liveTicket } from '@branchline/model';
import type { LiveService } from '../../services.ts';
import { type Route, readRoute } from '../route.ts';

export function liveRoutes(live: LiveService): readonly Route[] {
  return [
    readRoute({
      method: 'get',
      path: '/v1/automerge/documents',
      name: 'listLiveDocuments',
      tag: 'live documents',
      summary: 'Documents an automerge-repo client can open at /automerge',
      description:
        'Each is a map of rows. Those of customers are listed for managers. With `sku` or `customer` only those that hold it. Urls are those of this node; list them at every start.',
      role: 'cashier',
      query: liveDocumentQuery,
      answers: { 200: liveDocumentList },
      invoke: ({ till, query }) => ({ status: 200, body: live.documents(till, query) }),
    }),
    // Changes nothing durable: a ticket is forgotten with the process.
    readRoute({
      method: 'post',
      path: '/v1/automerge/tickets',
      name: 'issueLiveTicket',
      tag: 'live documents',
      summary: 'A ticket for the address of a WebSocket',
      description:
        'For browsers, which cannot send a token with a WebSocket. Good for one peer: the first that uses it, and its reconnects.',
      role: 'cashier',
      answers: { 200: liveTicket },
      invoke: ({ till }) => ({ status: 200, body: live.ticket(till) }),
    }),
  ];
}
