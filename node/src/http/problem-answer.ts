/**
 * Every failure becomes an RFC 9457 problem document here, and only here.
 *
 * A `ProblemError` says itself what it is. A schema's refusal becomes `UNKNOWN_FIELD` (when every complaint is about fields
 * nobody knows) or `INVALID_REQUEST`, naming the fields. Anything else is `INTERNAL`: the caller learns no message, no path and no
 * stack; the log does.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ProblemCode, ProblemError, problemTable } from '@branchline/model';
import type { z } from 'zod';
import { discardRest, hasUnreadBody } from './request-body.ts';

/** Complaints listed in one document. */
export const COMPLAINTS_MAX = 20;

export function problemOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) {
    return error;
  }
  if (error instanceof URIError) {
    return new ProblemError('INVALID_REQUEST', 'The path is not validly percent-encoded.');
  }
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'NODE_IMPORT') {
    return new ProblemError('CHANGE_INVALID', (error as Error).message, { cause: error });
  }
  if (typeof code === 'string' && Object.hasOwn(problemTable, code)) {
    const known = code as ProblemCode;
    return new ProblemError(known, `${problemTable[known].title}.`, { cause: error });
  }
  return new ProblemError(
    'INTERNAL',
    'Something failed that should not have; the log of the node has the cause.',
    {
      cause: error,
    },
  );
}

/** The refusal of a schema; `where` is `body`, `query` or `path`. */
export function schemaProblem(where: string, error: z.ZodError): ProblemError {
  const complaints = error.issues.flatMap((issue) => {
    const path = `/${[where, ...issue.path.map(String)].join('/')}`;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: `${path}/${key}`, reason: 'is not a field of this request' }));
    }
    return [{ path, reason: issue.message }];
  });
  const onlyUnknown = error.issues.every((issue) => issue.code === 'unrecognized_keys');
  const named = complaints.slice(0, COMPLAINTS_MAX);
  const words = named.slice(0, 3).map(({ path, reason }) => `${path}: ${reason}`);
  const more = complaints.length > words.length ? ` (and ${complaints.length - words.length} more)` : '';
  return new ProblemError(onlyUnknown ? 'UNKNOWN_FIELD' : 'INVALID_REQUEST', `${words.join('; ')}${more}`, {
    errors: named,
  });
}

/** Answers with the problem. An unread body is thrown away and ends the connection. */
export function refuseRequest(
  request: IncomingMessage,
  response: ServerResponse,
  problem: ProblemError,
): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const unread = hasUnreadBody(request);
  const text = JSON.stringify(problem.toProblem());
  response.writeHead(problem.status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(problem.code === 'UNAUTHENTICATED' ? { 'WWW-Authenticate': 'Bearer realm="till"' } : {}),
    ...(problem.retryAfterSeconds === undefined ? {} : { 'Retry-After': String(problem.retryAfterSeconds) }),
    ...(unread ? { Connection: 'close' } : {}),
  });
  response.end(text);
  if (unread) {
    discardRest(request);
  }
}
