/**
 * The node's HTTP API as an express app: composition only.
 *
 *     request ─> host check ─> route (till, rate, role, body, schema) ─> service ─> JSON
 *                                                        └─ any failure ─> problem document
 *
 * Guarantees: nothing is served for a foreign host or a page of another site; everything under `/v1` needs a till token; no
 * answer carries a stack trace; what the OpenAPI document lists is what is mounted. It opens no socket (`HttpServer` does) and
 * knows no database (`NodeServices` does).
 */
import type { RequestListener } from 'node:http';
import { ProblemError } from '@branchline/model';
import { pageRouter } from '@branchline/pages';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Clock } from 'hlc-ts';
import type { NodeServices } from '../services.ts';
import { directly, type RouteHandler } from './direct-routes.ts';
import { mountDocs } from './docs-page.ts';
import { EventStreams } from './event-stream.ts';
import { HostCheck } from './host-check.ts';
import { HttpMetrics } from './http-metrics.ts';
import { adapterFactsFor } from './kkt-api/adapter-facts.ts';
import { isKktPath, kktRefusals } from './kkt-api/kkt-refusals.ts';
import { type KktApiOptions, kktRoutes } from './kkt-api/kkt-routes.ts';
import { TILL_REQUESTS_BURST, TILL_REQUESTS_PER_SECOND } from './limits.ts';
import { type LiveDoor, openLiveDoor } from './live-door.ts';
import { type OpenApiDocument, openApiDocument } from './openapi.ts';
import { POS_SYNC_PATH, PosSyncDoor } from './pos-offline-sync/pos-sync-door.ts';
import { problemOf, refuseRequest } from './problem-answer.ts';
import { RateLimit } from './rate-limit.ts';
import { expressPath, type RawRoute, type Route } from './route.ts';
import { type HttpReport, RouteRunner } from './route-runner.ts';
import { branchRoutes } from './routes/branches.ts';
import { type ControlActions, controlRoutes } from './routes/control.ts';
import { enrolRoute } from './routes/enrol.ts';
import { liveRoutes } from './routes/live.ts';
import { posSyncRoutes } from './routes/pos-sync.ts';
import { receiptQrRoute } from './routes/receipts.ts';
import { jsonRoutes } from './routes.ts';
import { bearerToken, TillAuth } from './till-auth.ts';

export interface HttpAppOptions {
  readonly clock: Clock;
  /** Version of the program, for the API document. */
  readonly version: string;
  /** Names the node answers to besides its own addresses, with or without a port. */
  readonly allowedHosts?: readonly string[];
  /** Token of this process for commands on the same machine; role admin. */
  readonly controlToken?: string;
  /** What commands on this machine may ask for besides; only the control token reaches it. */
  readonly control?: ControlActions;
  /** The API of the replaced register adapter; see kkt-api/. */
  readonly kktApi?: KktApiOptions | undefined;
  /** Bound of one till; see limits.ts. */
  readonly tillRequests?: { readonly perSecond: number; readonly burst: number };
  /** Adds memory, CPU and event loop figures of the process to `/metrics`. */
  readonly processMetrics?: boolean;
  /** Told of refusals and failures, for the log. */
  readonly report?: HttpReport;
}

export interface HttpApp {
  readonly handler: RequestListener;
  /** What `handler` hands over to whatever it does not answer directly: every route, and the pages. */
  readonly express: Express;
  readonly document: OpenApiDocument;
  /** The WebSocket of live documents, where this node has any. */
  readonly liveDoor: LiveDoor | undefined;
  /** Open event streams. */
  readonly streams: number;
  /** Ends event streams with a reason; requests under way are the server's business. */
  close(): void;
}

export function createHttpApp(services: NodeServices, options: HttpAppOptions): HttpApp {
  const { clock, report = () => {} } = options;
  const { perSecond, burst } = options.tillRequests ?? {
    perSecond: TILL_REQUESTS_PER_SECOND,
    burst: TILL_REQUESTS_BURST,
  };
  const metrics = new HttpMetrics(services, { process: options.processMetrics ?? false });
  const auth = new TillAuth(services.tills, options.controlToken, options.kktApi?.loopbackRole);
  const streams = new EventStreams({ events: services.events, clock });
  const runner = new RouteRunner({
    services,
    clock,
    auth,
    rate: new RateLimit(perSecond, burst),
    metrics,
    report,
  });
  const routes: Route[] = [
    ...jsonRoutes,
    receiptQrRoute(services.receipts),
    ...kktRoutes({ clock, version: options.version, ...options.kktApi }),
    ...(services.enrol === undefined ? [] : [enrolRoute(services.enrol)]),
    ...(services.branches === undefined ? [] : branchRoutes(services.branches)),
    ...(services.live === undefined ? [] : liveRoutes(services.live)),
    ...(services.posSync === undefined ? [] : posSyncRoutes(services.posSync)),
    ...(options.control === undefined ? [] : controlRoutes(options.control)),
    eventsRoute(streams, auth),
    metricsRoute(metrics),
  ];
  routes.push(openApiRoute(() => document));
  const document = openApiDocument(routes, options.version);

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  const hosts = new HostCheck(options.allowedHosts ?? []);
  app.use((request: Request, _response: Response, next: NextFunction) => {
    hosts.check(request);
    next();
  });
  const handlers = new Map(routes.map((route) => [route, runner.handlerOf(route)]));
  const handlerOf = (route: Route): RouteHandler => handlers.get(route)!;
  mountRoutes(app, routes, handlerOf);
  if (services.posSync !== undefined) {
    const door = new PosSyncDoor({ service: services.posSync, clock, report });
    app.use(POS_SYNC_PATH, (request: Request, response: Response) => {
      door.serve(request.path, request, response).catch((error: unknown) => {
        report({ code: 'ANSWER_FAILED', route: 'pos_offline_sync', cause: error });
        response.destroy();
      });
    });
  }
  mountDocs(app);
  app.get('/', adapterFactsFor(options.version));
  app.use(pageRouter({ '/': 'till', '/hq': 'hq' }));
  app.use((request: Request) => {
    throw new ProblemError('NOT_FOUND', `There is nothing at this path for ${request.method}.`);
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const problem = problemOf(error);
    metrics.countProblem(problem.code);
    report({ code: problem.code, route: 'none', cause: problem.cause });
    const refuse = isKktPath(request.originalUrl) ? kktRefusals.refuse : refuseRequest;
    refuse(request, response, problem);
  });

  const liveDoor =
    services.live === undefined
      ? undefined
      : openLiveDoor(services.live, auth, { allowedHosts: options.allowedHosts ?? [] });
  return {
    liveDoor,
    handler: directly({ routes, handlerOf, hosts, otherwise: app }),
    express: app,
    document,
    get streams() {
      return streams.open;
    },
    close: () => {
      streams.close();
      liveDoor?.close();
    },
  };
}

/** All methods of a path, then a refusal of every other method that names them. */
function mountRoutes(
  app: Express,
  routes: readonly Route[],
  handlerOf: (route: Route) => RouteHandler,
): void {
  const allowed = new Map<string, string[]>();
  for (const route of routes) {
    const path = expressPath(route.path);
    app[route.method](path, handlerOf(route));
    allowed.set(path, [...(allowed.get(path) ?? []), route.method.toUpperCase()]);
  }
  for (const [path, methods] of allowed) {
    app.all(path, (request, response) => {
      response.setHeader('Allow', methods.join(', '));
      throw new ProblemError('METHOD_NOT_ALLOWED', `${request.method} is not one of ${methods.join(', ')}.`);
    });
  }
}

function eventsRoute(streams: EventStreams, auth: TillAuth): RawRoute {
  return {
    kind: 'raw',
    method: 'get',
    path: '/v1/events',
    name: 'streamEvents',
    tag: 'events',
    summary: 'Server-sent events, resumable with Last-Event-ID',
    description:
      'Each event has `id`, `event` (its type) and `data` (JSON). `stream.missed` comes first when some events are no longer ' +
      'held; `stream.closed` comes last, with a reason.',
    role: 'cashier',
    contentType: 'text/event-stream',
    problems: ['NODE_STOPPING'],
    serve: (request, response) => {
      const token = bearerToken(request);
      streams.serve(request, response, () => token !== undefined && auth.find(token) !== undefined);
    },
  };
}

function metricsRoute(metrics: HttpMetrics): RawRoute {
  return {
    kind: 'raw',
    method: 'get',
    path: '/metrics',
    name: 'metrics',
    tag: 'operation',
    summary: 'Prometheus text',
    contentType: 'text/plain',
    serve: async (_request, response) => {
      const text = await metrics.text();
      response.writeHead(200, { 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' });
      response.end(text);
    },
  };
}

function openApiRoute(document: () => OpenApiDocument): RawRoute {
  return {
    kind: 'raw',
    method: 'get',
    path: '/openapi.json',
    name: 'openApi',
    tag: 'operation',
    summary: 'This document',
    contentType: 'application/json',
    serve: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' });
      response.end(JSON.stringify(document()));
    },
  };
}
