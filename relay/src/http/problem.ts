/** Errors as RFC 9457 problem documents with a stable `code`. What has no code is our fault: it is logged, not told. */
import { FeedError } from '@branchline/feed';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { RelayError, type RelayErrorCode } from '../errors.ts';

const STATUS: Readonly<Record<RelayErrorCode, number>> = {
  RELAY_CONFIG: 500,
  RELAY_DATA: 500,
  RELAY_FORMAT_NEWER: 500,
  RELAY_EXISTS: 409,
  RELAY_LOCKED: 500,
  RELAY_LISTEN: 500,
  RELAY_FAILED: 503,
  AUTHORITY_OFFLINE: 503,
  BRANCH_UNKNOWN: 404,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  OPERATOR_EXISTS: 409,
  OPERATOR_UNKNOWN: 404,
  REQUEST_INVALID: 400,
  TOO_MANY_REQUESTS: 429,
  NOT_FOUND: 404,
  UNEXPECTED_FAULT: 500,
};

/** Refusals of the registry's authority that a caller can do something about; other feed errors are our fault. */
const FEED_STATUS: Readonly<Record<string, number>> = {
  TOKEN_UNKNOWN: 403,
  TOKEN_EXPIRED: 403,
  TOKEN_USED: 409,
  TOKEN_BRANCH: 409,
  KEY_KNOWN: 409,
  DEVICE_KEY: 400,
  FEED_LIMIT: 400,
  BUNDLE_INVALID: 400,
  PEER_UNKNOWN: 404,
  PEER_REVOKED: 409,
  STORE_POISONED: 503,
  STORE_CLOSED: 503,
  STORE_FULL: 503,
};

/** What a caller can do, where the error does not say it better itself. */
const HINTS: Readonly<Record<string, string>> = {
  TOKEN_UNKNOWN: 'Make a new one with `branchline branch add`, and check that this is the right relay.',
  TOKEN_EXPIRED: 'Make a new one with `branchline branch add`.',
  TOKEN_USED: 'Make a new one with `branchline branch add`; a token admits one device.',
  KEY_KNOWN: 'Start the device in a data folder of its own.',
  DEVICE_KEY: 'Send the 32 bytes of an Ed25519 public key as base64url.',
  FEED_LIMIT: 'Ask for less in one call; see the table of limits.',
  BUNDLE_INVALID: 'Write the bundle anew and copy it whole.',
  PEER_UNKNOWN: 'See `branchline branch list`.',
  PEER_REVOKED: 'Ask for a new token with `branchline branch add`.',
  STORE_POISONED: 'Look at the disk of the relay; it ends by itself and verifies at the next start.',
  STORE_CLOSED: 'The relay is stopping; try again in a moment.',
  STORE_FULL: 'Make room on the disk of the relay.',
  OPERATOR_UNKNOWN: 'Look at the list of tokens again.',
  BRANCH_UNKNOWN: 'See `branchline branch list`.',
  REQUEST_INVALID: 'Correct what the detail names; the README of the relay lists every call.',
  TOO_MANY_REQUESTS: 'Wait a minute.',
  NOT_FOUND: 'The README of the relay lists every call.',
  UNEXPECTED_FAULT: 'Look into the log of the relay, and report it.',
  RELAY_FAILED: 'Look at the disk of the relay, then start it again.',
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  409: 'Conflict',
  413: 'Content too large',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Unavailable',
};

interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
}

export function problemOf(error: unknown): Problem {
  if (error instanceof RelayError) {
    return problem(STATUS[error.code], error.code, error.message, error.hint);
  }
  if (error instanceof FeedError && FEED_STATUS[error.code] !== undefined) {
    return problem(FEED_STATUS[error.code]!, error.code, error.message, error.hint);
  }
  // Express's own refusals of a body: not JSON, too long, wrong encoding.
  const status = (error as { status?: unknown }).status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return problem(status, 'REQUEST_INVALID', (error as Error).message);
  }
  return problem(500, 'UNEXPECTED_FAULT', 'Something went wrong here; the log says what.');
}

function problem(status: number, code: string, detail: string, hint?: string): Problem {
  const title = TITLES[status] ?? 'Error';
  return {
    type: 'about:blank',
    title,
    status,
    code,
    detail,
    hint: hint ?? HINTS[code] ?? 'Look into the log of the relay.',
  };
}

export function sendProblems(log: Logger) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const answer = problemOf(error);
    if (answer.status >= 500) {
      log.error({ err: error, method: request.method, path: request.path }, 'request failed');
    }
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.status(answer.status).type('application/problem+json').send(JSON.stringify(answer));
  };
}
