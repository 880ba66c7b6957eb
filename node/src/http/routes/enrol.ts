/** `POST /v1/enrol` of a node that keeps the authority of its chain: a one-time token admits the key of a new device. */
import { enrolAnswer, enrolRequest } from '@branchline/feed';
import type { NodeServices } from '../../services.ts';
import { type Route, readRoute } from '../route.ts';

export function enrolRoute(enrol: NonNullable<NodeServices['enrol']>): Route {
  // Open: the token in the body is all a new device has. Asking twice with the same key gives the same grant.
  return readRoute({
    method: 'post',
    path: '/v1/enrol',
    name: 'enrolDevice',
    tag: 'operation',
    summary: 'Admit a device with its one-time token',
    body: enrolRequest,
    answers: { 201: enrolAnswer },
    problems: ['TOKEN_UNKNOWN', 'TOKEN_EXPIRED', 'TOKEN_USED', 'TOKEN_BRANCH'],
    invoke: async ({ body }) => ({ status: 201, body: await enrol(body) }),
  });
}
