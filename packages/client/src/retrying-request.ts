/**
 * One operation, as many attempts as it takes: the same method, path, body and key each time.
 *
 *     attempt ── answer ──────────────────────────> done
 *        │ └──── refusal that will not change ────> ProblemError
 *        └────── no answer, or "not now" ── wait (full jitter, at least Retry-After) ──> attempt
 *
 * Guarantees: a write is never repeated under another key; every attempt has a time limit; the number of attempts and each wait
 * are bounded; an abort ends it at once with the signal's reason. It cannot tell whether an unanswered write happened: the node can,
 * by the key.
 */
import { type ProblemCode, ProblemError, problem } from '@branchline/model';
import { ClientError } from './errors.ts';
import type { ClientClock, ClientFetch, ClientRandom, ClientReply } from './ports.ts';

/** Attempts of one operation before it is given back to the caller. */
export const ATTEMPTS_MAX = 8;
/** Time of one attempt, headers to the end of the body. */
export const ATTEMPT_TIMEOUT_MS = 10_000;
/** First and longest wait between attempts; the real one is random below it. */
export const RETRY_BASE_MS = 200;
export const RETRY_CAP_MS = 10_000;
/** Bytes of an answer; a page of 500 orders with 500 lines each stays below. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface RequestPorts {
  readonly url: string;
  readonly token: string;
  readonly fetch: ClientFetch;
  readonly clock: ClientClock;
  readonly random: ClientRandom;
}

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: unknown;
  /** Idempotency-Key of a write. */
  readonly key?: string;
  readonly prefer?: string;
  readonly attempts?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface OperationAnswer {
  readonly status: number;
  readonly json: unknown;
  readonly replayed: boolean;
}

export async function requestWithRetry(ports: RequestPorts, operation: Operation): Promise<OperationAnswer> {
  const attempts = operation.attempts ?? ATTEMPTS_MAX;
  const text = operation.body === undefined ? undefined : JSON.stringify(operation.body);
  for (let attempt = 1; ; attempt++) {
    try {
      return await oneAttempt(ports, operation, text);
    } catch (error) {
      operation.signal?.throwIfAborted();
      if (attempt >= attempts || !isWorthRepeating(error)) {
        throw error;
      }
      await ports.clock.sleep(waitMs(error, attempt, ports.random), withSignal(operation.signal));
    }
  }
}

/** Full jitter below a doubling bound, and never sooner than the node asked for. */
export function waitMs(error: unknown, attempt: number, random: ClientRandom): number {
  const bound = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (attempt - 1));
  const asked = error instanceof ProblemError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.min(RETRY_CAP_MS, asked) + random() * bound;
}

async function oneAttempt(
  ports: RequestPorts,
  operation: Operation,
  text: string | undefined,
): Promise<OperationAnswer> {
  const attempt = new AbortController();
  const stop = () => attempt.abort(operation.signal?.reason);
  operation.signal?.addEventListener('abort', stop, { once: true });
  const timeout = new ClientError('CLIENT_TIMEOUT', `no answer within ${ATTEMPT_TIMEOUT_MS} ms`);
  const limit = new AbortController();
  ports.clock.sleep(ATTEMPT_TIMEOUT_MS, { signal: limit.signal }).then(
    () => attempt.abort(timeout),
    () => {}, // the attempt ended first
  );
  try {
    operation.signal?.throwIfAborted();
    const reply = await ports.fetch(`${ports.url}${operation.path}`, {
      method: operation.method,
      headers: headersOf(ports, operation, text),
      ...(text === undefined ? {} : { body: text }),
      signal: attempt.signal,
    });
    return await readAnswer(reply);
  } catch (error) {
    if (attempt.signal.aborted) {
      throw attempt.signal.reason;
    }
    if (error instanceof ClientError || error instanceof ProblemError) {
      throw error;
    }
    throw new ClientError('CLIENT_UNREACHABLE', `no connection to ${ports.url}`, { cause: error });
  } finally {
    limit.abort();
    operation.signal?.removeEventListener('abort', stop);
  }
}

function headersOf(
  ports: RequestPorts,
  operation: Operation,
  text: string | undefined,
): Record<string, string> {
  return {
    Authorization: `Bearer ${ports.token}`,
    Accept: 'application/json',
    ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(operation.key === undefined ? {} : { 'Idempotency-Key': operation.key }),
    ...(operation.prefer === undefined ? {} : { Prefer: operation.prefer }),
  };
}

/** The answer, or the node's refusal as a `ProblemError`. */
export async function readAnswer(reply: ClientReply): Promise<OperationAnswer> {
  const json = parse(await boundedText(reply));
  if (reply.status >= 400) {
    throw refusalOf(reply, json);
  }
  if (typeof json !== 'object' || json === null) {
    throw new ClientError('CLIENT_ANSWER', `status ${reply.status} without a JSON object`);
  }
  return { status: reply.status, json, replayed: reply.headers.get('Idempotency-Replayed') === 'true' };
}

async function boundedText(reply: ClientReply): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const piece of reply.body ?? []) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES_MAX) {
      throw new ClientError('CLIENT_ANSWER', `an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    }
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

function refusalOf(reply: ClientReply, json: unknown): Error {
  // A newer node may know more fields and more codes: only what is needed is looked at.
  const parsed = problem.pick({ code: true, detail: true, errors: true }).loose().safeParse(json);
  if (!parsed.success) {
    const unknown = (json as { code?: unknown } | undefined)?.code;
    const words = typeof unknown === 'string' ? `code ${unknown}` : 'no problem document';
    return new ClientError('CLIENT_ANSWER', `status ${reply.status} with ${words}`);
  }
  const after = Number(reply.headers.get('Retry-After') ?? Number.NaN);
  return new ProblemError(parsed.data.code as ProblemCode, parsed.data.detail, {
    errors: parsed.data.errors ?? [],
    ...(Number.isFinite(after) && after >= 0 ? { retryAfterSeconds: after } : {}),
  });
}

function isWorthRepeating(error: unknown): boolean {
  return (error instanceof ClientError || error instanceof ProblemError) && error.retryable;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
