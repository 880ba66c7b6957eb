/**
 * The relay's HTTP side, composed: health, metrics, enrolment, the operator's calls, the fleet page and its live events,
 * the console. Replication itself is the WebSocket at `/v1/replicate` and not here.
 *
 * Guarantees: every refusal is a problem document with a code; bodies are bounded; nothing of the fleet is told without an
 * operator's token, nothing changed without one of role operate. `/healthz`, `/readyz` and `/metrics` are open, and count without naming.
 */
import type { EnrolAnswer, WriterId } from '@branchline/feed';
import type { DeviceRow } from '@branchline/pages';
import { pageRouter } from '@branchline/pages';
import express, { type Express } from 'express';
import { type Clock, isoTime } from 'hlc-ts';
import type { Logger } from 'pino';
import type { AuditLog } from '../audit-log.ts';
import type { Branches } from '../branches.ts';
import { RelayError } from '../errors.ts';
import type { EventLog } from '../event-log.ts';
import type { Examinations } from '../examinations.ts';
import type { FleetHistory } from '../fleet-history.ts';
import { fleetMetrics } from '../fleet-metrics.ts';
import type { Metrics } from '../metrics.ts';
import type { Operators } from '../operators.ts';
import { type FailureLimit, requireRole } from './admission.ts';
import { auditedInto } from './audited.ts';
import { BODY_BYTES_MAX } from './body.ts';
import { branchRoutes } from './branch-routes.ts';
import { type ControlActions, controlRoutes } from './control-routes.ts';
import type { EventStream } from './event-stream.ts';
import { operatorRoutes } from './operator-routes.ts';
import { sendProblems } from './problem.ts';

export interface RelaySummary {
  readonly tenant: string;
  readonly authority: string;
  readonly writer: string;
  readonly version: string;
  readonly url: string;
  readonly startedAt: string;
  readonly position: number;
  readonly feeds: number;
  readonly connections: number;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number };
  readonly refusals: Readonly<Record<string, number>>;
}

export interface AppOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tenant: string;
  readonly operators: Operators;
  readonly limit: FailureLimit;
  readonly audit: AuditLog;
  readonly history: Pick<FleetHistory, 'read'>;
  readonly branches: Branches;
  readonly examinations: Pick<Examinations, 'ask' | 'of'>;
  readonly enrolAnswerFor: (writer: WriterId) => Promise<EnrolAnswer>;
  readonly control: ControlActions;
  readonly rows: () => readonly DeviceRow[];
  readonly summary: () => Promise<RelaySummary>;
  readonly eventLog: EventLog;
  readonly events: EventStream;
  readonly metrics: Metrics;
  /** Why the relay cannot work, or undefined. */
  readonly fault: () => string | undefined;
  readonly isDraining: () => boolean;
}

const DRAINING_WORDS = 'being replaced: it takes in no more devices and will end';

export function relayApp(options: AppOptions): Express {
  const { clock, log, limit, audit, events, metrics, rows, summary, fault } = options;
  const view = requireRole(options, 'view');
  const operate = requireRole(options, 'operate');
  const audited = auditedInto(audit, options.eventLog);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.set({ 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' });
    next();
  });

  const health = (answer: 'alive' | 'ready', trouble: () => string | undefined): express.RequestHandler => {
    return (_request, response) => {
      const words = trouble();
      response.status(words === undefined ? 200 : 503).json({ status: words ?? answer });
    };
  };
  app.get('/healthz', health('alive', fault));
  app.get(
    '/readyz',
    health('ready', () => fault() ?? (options.isDraining() ? DRAINING_WORDS : undefined)),
  );
  app.get('/metrics', async (_request, response) => {
    response.type(metrics.contentType).send(await metrics.text());
  });
  app.use(pageRouter({ '/': 'console' }));

  app.use(express.json({ limit: BODY_BYTES_MAX, strict: true }));
  app.get('/v1/fleet', view, async (_request, response) => {
    response.json({ at: isoTime(clock.nowMs()), relay: await summary(), branches: rows() });
  });
  app.get('/v1/fleet/metrics', view, async (_request, response) => {
    response.type(metrics.contentType).send(await fleetMetrics(rows(), clock.nowMs()));
  });
  app.get('/v1/events', view, (request, response) => events.serve(request, response));
  app.use(
    branchRoutes({
      branches: options.branches,
      examinations: options.examinations,
      enrolAnswerFor: options.enrolAnswerFor,
      rows,
      view,
      operate,
      audited,
      limit,
    }),
  );
  app.use(operatorRoutes({ ...options, audited, view, operate }));
  app.use(controlRoutes(options.control, operate));

  app.use((request) => {
    throw new RelayError('NOT_FOUND', `there is no ${request.method} ${request.path}`);
  });
  app.use(sendProblems(log));
  return app;
}
