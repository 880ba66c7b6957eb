/**
 * Refusals as callers of the replaced adapter know them: `{ "detail": … }`, a list of places for what breaks the schema, and the
 * statuses it used.
 *
 *     what breaks the schema                422   detail: [{ type, loc, msg }]
 *     a rule of the trade, or of the law    400   detail: "Invalid request: …"
 *     the key belongs to another request    409   so do a refund that has to wait, a shift that is closed, delivery under way
 *     not now                               503   with Retry-After; nothing was stored
 *     our fault                             500   detail: "Internal server error"
 *
 * The stable code of a refusal is in the header `Branchline-Code`, so the body stays what it was.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProblemCode, ProblemError } from '@branchline/model';
import { z } from 'zod';
import { discardRest, hasUnreadBody } from '../request-body.ts';
import type { ForeignRefusals } from '../route.ts';

/** Paths whose refusals are in this form also where there is no route. */
const PATHS = /^\/v1\/(kkt|pos)(\/|$|\?)/;
const RETRY_AFTER_SECONDS = 5;

const INVALID: ReadonlySet<ProblemCode> = new Set([
  'MALFORMED_JSON',
  'INVALID_REQUEST',
  'UNKNOWN_FIELD',
  'IDEMPOTENCY_KEY_REQUIRED',
  'UNSUPPORTED_MEDIA_TYPE',
]);
/** What it answered where a problem document says something else. */
const STATUSES: Readonly<Partial<Record<ProblemCode, number>>> = {
  REGISTER_NONE: 503,
  SHIFT_CLOSED: 409,
  SHIFT_OPEN: 409,
};

export function isKktPath(url: string): boolean {
  return PATHS.test(url);
}

const text = z.object({ detail: z.string() });
const places = z.object({
  detail: z.array(
    z.object({ type: z.string(), loc: z.array(z.union([z.string(), z.int()])), msg: z.string() }),
  ),
});

export const kktRefusals: ForeignRefusals = {
  answers: {
    400: text,
    401: text,
    403: text,
    404: text,
    409: text,
    422: places,
    429: text,
    500: z.object({ detail: z.string(), type: z.string() }),
    503: text,
  },
  refuse(request, response, problem) {
    const status = statusOf(problem);
    send(request, response, problem, status, detailOf(problem, status));
  },
};

function statusOf({ code, status }: ProblemError): number {
  if (INVALID.has(code)) {
    return 422;
  }
  return STATUSES[code] ?? (status === 422 ? 400 : status);
}

function detailOf(problem: ProblemError, status: number): object {
  switch (status) {
    case 422:
      return { detail: placesOf(problem) };
    case 400:
      return { detail: `Invalid request: ${problem.message}` };
    case 404:
      return { detail: problem.code === 'NOT_FOUND' ? 'Not Found' : problem.message };
    case 405:
      return { detail: 'Method Not Allowed' };
    case 500:
      return { detail: 'Internal server error', type: problem.code };
    default:
      return { detail: problem.message };
  }
}

function placesOf({ code, message, errors }: ProblemError): object[] {
  switch (code) {
    case 'IDEMPOTENCY_KEY_REQUIRED':
      return [{ type: 'missing', loc: ['header', 'Idempotency-Key'], msg: 'Field required' }];
    case 'MALFORMED_JSON':
      return [{ type: 'json_invalid', loc: ['body', 0], msg: `JSON decode error: ${message}` }];
    case 'UNSUPPORTED_MEDIA_TYPE':
      return [{ type: 'model_attributes_type', loc: ['body'], msg: message }];
    default:
      return errors.map(({ path, reason }) => ({
        type: 'value_error',
        loc: path
          .split('/')
          .slice(1)
          .map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
        msg: reason,
      }));
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  problem: ProblemError,
  status: number,
  body: object,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const unread = hasUnreadBody(request);
  const json = JSON.stringify(body);
  const retryAfter = problem.retryAfterSeconds ?? (status === 503 ? RETRY_AFTER_SECONDS : undefined);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(json),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Branchline-Code': problem.code,
    ...(status === 401 ? { 'WWW-Authenticate': 'Bearer realm="till"' } : {}),
    ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }),
    ...(unread ? { Connection: 'close' } : {}),
  });
  response.end(json);
  if (unread) {
    discardRest(request);
  }
}
