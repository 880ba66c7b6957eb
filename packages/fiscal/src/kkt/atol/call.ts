/**
 * The ATOL web server as the driver reaches it: one HTTP request, one answer. Declared here, so that tests and the emulator
 * need no socket; `httpAtolCall` is the real one.
 */
import { request } from 'node:http';
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';

/** Answers are a few kilobytes. */
export const ANSWER_BYTES_MAX = 1_048_576;
export const CALL_LIMIT_MS = 10_000;

export interface AtolRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

export interface AtolAnswer {
  readonly status: number;
  readonly body: string;
}

/** Rejects with a `KktError`: `unsent` when no connection was made, else `unknown`. */
export type AtolCall = (
  call: AtolRequest,
  options: { signal?: AbortSignal | undefined },
) => Promise<AtolAnswer>;

export interface HttpAtolOptions {
  readonly host: string;
  /** 16732 unless somebody changed it. */
  readonly port: number;
  readonly clock: Clock;
  /** `user:password`. */
  readonly auth?: string;
}

export function httpAtolCall({ host, port, clock, auth }: HttpAtolOptions): AtolCall {
  const place = `${host}:${port}`;
  return ({ method, path, body }, { signal }) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      let isConnected = false;
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      // A connection of its own: on one that is kept nobody could tell a refused call from a lost one.
      const sent = request({
        host,
        port,
        method,
        path,
        headers,
        agent: false,
        ...(auth === undefined ? {} : { auth }),
      });
      const settle = (): void => {
        limit.cancel();
        signal?.removeEventListener('abort', abort);
      };
      const fail = (cause: Error): void => {
        settle();
        sent.destroy();
        const outcome = isConnected ? 'unknown' : 'unsent';
        const code = isConnected ? 'KKT_NO_ANSWER' : 'KKT_LINE_FAILED';
        reject(new KktError(code, `${place}: ${cause.message}`, { outcome, cause }));
      };
      const abort = (): void => {
        settle();
        sent.destroy();
        reject(signal?.reason);
      };
      const limit = clock.setTimer(CALL_LIMIT_MS, () => fail(new Error('no answer in time')));
      signal?.addEventListener('abort', abort, { once: true });
      sent.on('socket', (socket) => socket.once('connect', () => (isConnected = true)));
      sent.on('error', fail);
      sent.on('response', (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > ANSWER_BYTES_MAX) fail(new Error('an answer without end'));
          else parts.push(part);
        });
        response.on('error', fail);
        response.on('end', () => {
          settle();
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') });
        });
      });
      sent.end(body);
    });
}
