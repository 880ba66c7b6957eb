/** S-32: alive, able to sell. Open to every caller, because a load balancer or a watchdog has no token. */
import { health, readiness } from '@branchline/model';
import { type Route, readRoute } from '../route.ts';

export const healthRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/healthz',
    name: 'health',
    tag: 'operation',
    summary: 'The process answers',
    answers: { 200: health },
    invoke: () => ({ status: 200, body: { alive: true } }),
  }),
  readRoute({
    method: 'get',
    path: '/readyz',
    name: 'readiness',
    tag: 'operation',
    summary: 'Whether the node can sell; 503 with the reasons in words when it cannot',
    answers: { 200: readiness, 503: readiness },
    invoke: ({ services }) => {
      const state = services.readiness();
      return { status: state.ready ? 200 : 503, body: state };
    },
  }),
];
