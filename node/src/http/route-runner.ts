/**
 * Runs one route: who asks, how often, what exactly, then the service, then the answer. The hot path of every sale.
 *
 * Order matters: a stranger costs a hash and nothing else; a body is read only for somebody who may send it; JSON is parsed
 * once; the fingerprint is taken over the bytes as they came. Nothing here knows what a route is about.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { idempotencyKey, ProblemError } from '@branchline/model';
import type { Request, Response } from 'express';
import type { Clock } from 'hlc-ts';
import type { z } from 'zod';
import type { NodeServices, TillIdentity, WriteAnswer, WriteRequest } from '../services.ts';
import type { HttpMetrics, RouteMeter } from './http-metrics.ts';
import { REQUESTS_IN_FLIGHT_MAX, UPLOADS_IN_FLIGHT_MAX } from './limits.ts';
import { problemOf, refuseRequest, schemaProblem } from './problem-answer.ts';
import type { RateLimit } from './rate-limit.ts';
import { fingerprintOf, parseJson, readBody, type Upload } from './request-body.ts';
import type { Call, JsonRoute, RawRoute, Route } from './route.ts';
import { requireRole, type TillAuth } from './till-auth.ts';

/** Tells the log: refusals with their code, failures with their cause. */
export type HttpReport = (incident: {
  readonly code: string;
  readonly route: string;
  readonly till?: string | undefined;
  readonly cause?: unknown;
}) => void;

export interface RunnerPorts {
  readonly services: NodeServices;
  readonly clock: Clock;
  readonly auth: TillAuth;
  readonly rate: RateLimit;
  readonly metrics: HttpMetrics;
  readonly report: HttpReport;
}

const NOBODY: TillIdentity = { till: '', role: 'cashier' };

export class RouteRunner {
  readonly #ports: RunnerPorts;
  #inFlight = 0;
  #uploads = 0;

  constructor(ports: RunnerPorts) {
    this.#ports = ports;
  }

  /** The express handler of a route. */
  handlerOf(route: Route): (request: Request, response: Response) => void {
    const meter = this.#ports.metrics.meterOf(route);
    return (request, response) => {
      this.#run(route, meter, request, response).catch((error: unknown) => {
        // Only a failure to answer arrives here; the socket is all that is left to close.
        this.#ports.report({ code: 'ANSWER_FAILED', route: route.name, cause: error });
        response.destroy();
      });
    };
  }

  async #run(route: Route, meter: RouteMeter, request: Request, response: Response): Promise<void> {
    const { clock } = this.#ports;
    const startedMs = clock.monotonicMs();
    let till: TillIdentity | undefined;
    this.#inFlight += 1;
    try {
      if (this.#inFlight > REQUESTS_IN_FLIGHT_MAX) {
        throw new ProblemError('OVERLOADED', `${REQUESTS_IN_FLIGHT_MAX} requests are being served.`, {
          retryAfterSeconds: 1,
        });
      }
      till = this.#admit(route, request, startedMs);
      if (route.kind === 'json') {
        await this.#runJson(route, request, response, till ?? NOBODY);
      } else if (request.method === 'HEAD') {
        response.writeHead(200, { 'Content-Type': route.contentType }).end();
      } else {
        await route.serve(request, response, till);
      }
    } catch (error) {
      this.#refuse(route, error, request, response, till);
    } finally {
      this.#inFlight -= 1;
      meter.observe(response.statusCode, (clock.monotonicMs() - startedMs) / 1000);
    }
  }

  #admit(route: Route, request: IncomingMessage, nowMs: number): TillIdentity | undefined {
    if (route.role === undefined) {
      return undefined;
    }
    const till = this.#ports.auth.identify(request, route.openToMachine === true);
    this.#ports.rate.take(till.till, nowMs);
    requireRole(till, route);
    return till;
  }

  async #runJson(route: JsonRoute, request: Request, response: Response, till: TillIdentity): Promise<void> {
    const { services } = this.#ports;
    const params = route.params === undefined ? undefined : checked('path', route.params, request.params);
    const query = checkedQuery(route, request);
    const key = route.write ? keyOf(request, route.keyOf) : '';
    let body: unknown;
    let fingerprint = '';
    if (route.upload !== undefined) {
      sendJson(
        response,
        await this.#runUpload(route, route.upload, request, { services, params, query, till }, key),
      );
      return;
    }
    if (route.body !== undefined) {
      const bytes = await readBody(request);
      body = checked('body', route.body, isEmptyAllowed(route, bytes) ? {} : parseJson(bytes));
      if (route.write) {
        fingerprint = fingerprintOf(request.method, request.originalUrl, bytes);
      }
    }
    let abort: AbortController | undefined;
    const call = {
      services,
      params,
      query,
      body,
      till,
      // Made only for the few routes that ask for it.
      get signal() {
        abort ??= abortOnClose(response);
        return abort.signal;
      },
      get preferWaitMs() {
        return waitMsOf(request);
      },
    } as Call<never, never, never>;
    const write = { key, fingerprint, till, body } as WriteRequest<never>;
    sendJson(response, await route.invoke(call, write));
  }

  async #runUpload(
    route: JsonRoute,
    upload: Upload,
    request: Request,
    asked: Pick<Call<unknown, unknown, unknown>, 'services' | 'params' | 'query' | 'till'>,
    key: string,
  ): Promise<{ status: number; body: unknown }> {
    if (this.#uploads >= UPLOADS_IN_FLIGHT_MAX) {
      throw new ProblemError('OVERLOADED', 'Another file is being taken in.', { retryAfterSeconds: 5 });
    }
    this.#uploads += 1;
    try {
      const body = await readBody(request, upload);
      const fingerprint = fingerprintOf(request.method, request.originalUrl, body);
      const write = { key, fingerprint, till: asked.till, body };
      return await route.invoke({ ...asked, body } as unknown as Call<never, never, never>, write as never);
    } finally {
      this.#uploads -= 1;
    }
  }

  #refuse(
    route: JsonRoute | RawRoute,
    error: unknown,
    request: IncomingMessage,
    response: ServerResponse,
    till: TillIdentity | undefined,
  ): void {
    const problem = problemOf(error);
    this.#ports.metrics.countProblem(problem.code);
    this.#ports.report({ code: problem.code, route: route.name, till: till?.till, cause: problem.cause });
    (route.refusals?.refuse ?? refuseRequest)(request, response, problem);
  }
}

/** Callers of another API send nothing where they have nothing to say. */
function isEmptyAllowed(route: JsonRoute, bytes: Buffer): boolean {
  return bytes.length === 0 && (!route.write || route.refusals !== undefined);
}

function checked(where: string, schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw schemaProblem(where, parsed.error);
  }
  return parsed.data;
}

function checkedQuery(route: JsonRoute, request: Request): unknown {
  if (route.query !== undefined) {
    return checked('query', route.query, { ...request.query });
  }
  if (request.originalUrl.includes('?')) {
    const [unknown] = Object.keys(request.query);
    if (unknown !== undefined) {
      throw new ProblemError('UNKNOWN_FIELD', `This path takes no query; "${unknown}" was sent.`, {
        errors: [{ path: `/query/${unknown}`, reason: 'is not a field of this request' }],
      });
    }
  }
  return undefined;
}

function keyOf(request: IncomingMessage, own: JsonRoute['keyOf']): string {
  const header = request.headers['idempotency-key'];
  if (own !== undefined) {
    return own(typeof header === 'string' ? header : undefined);
  }
  if (header === undefined || header === '') {
    throw new ProblemError('IDEMPOTENCY_KEY_REQUIRED', 'The Idempotency-Key header is missing.');
  }
  return checked('header', idempotencyKey, header) as string;
}

/** A preference that makes no sense is none: it may be ignored, and must not fail a sale. */
function waitMsOf(request: IncomingMessage): number {
  const header = request.headers.prefer;
  const seconds = /(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])/.exec(
    typeof header === 'string' ? header : '',
  )?.[1];
  return Number(seconds ?? 0) * 1_000;
}

function abortOnClose(response: ServerResponse): AbortController {
  const controller = new AbortController();
  response.once('close', () => controller.abort(new ProblemError('INVALID_REQUEST', 'The client hung up.')));
  return controller;
}

function sendJson(response: ServerResponse, answer: { status: number; body: unknown }): void {
  const text = JSON.stringify(answer.body);
  const headers: Record<string, string | number> = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  };
  if ((answer as Partial<WriteAnswer<unknown>>).replayed === true) {
    headers['Idempotency-Replayed'] = 'true';
  }
  response.writeHead(answer.status, headers);
  response.end(text);
}
