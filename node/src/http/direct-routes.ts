/**
 * Requests for a path that is written out in full, found in a map before express walks its list of routes: what tills ask
 * most, above all `POST /v1/orders`.
 *
 * A short cut and nothing else: whatever is not found here, and whatever the host check refuses, goes to express, which knows
 * the same routes and says why. Both ways end in the same handler.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Request, Response } from 'express';
import type { HostCheck } from './host-check.ts';
import type { Route } from './route.ts';

export type RouteHandler = (request: Request, response: Response) => void;

export function directly(options: {
  readonly routes: readonly Route[];
  readonly handlerOf: (route: Route) => RouteHandler;
  readonly hosts: HostCheck;
  readonly otherwise: RequestListener;
}): RequestListener {
  const { routes, handlerOf, hosts, otherwise } = options;
  const direct = new Map<string, RouteHandler>();
  for (const route of routes) {
    if (!route.path.includes('{')) {
      direct.set(`${route.method.toUpperCase()} ${route.path}`, handlerOf(route));
    }
  }
  return (request: IncomingMessage, response: ServerResponse) => {
    const serve = direct.get(`${request.method} ${request.url}`);
    if (serve === undefined || !isAdmitted(hosts, request)) {
      otherwise(request, response);
      return;
    }
    // Handlers read no more of express than this; a path with a query is not found in the map.
    const asked = request as Request;
    asked.originalUrl = request.url ?? '';
    serve(asked, response as Response);
  };
}

function isAdmitted(hosts: HostCheck, request: IncomingMessage): boolean {
  try {
    hosts.check(request);
    return true;
  } catch {
    // Refused by the same check behind express, in its words.
    return false;
  }
}
