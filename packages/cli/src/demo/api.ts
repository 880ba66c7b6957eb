/**
 * HTTP as the demo uses it: the same public calls any till or operator makes, with a bearer token.
 *
 * A problem document becomes an error that says which call failed and why; nothing is retried here, because the demo wants to
 * see failures. Answers are trusted to have the shape the API documents.
 */
import { CliError } from '../errors.ts';

/** Longer than any answer of a healthy program on loopback; a hang must not stop the story for ever. */
const CALL_TIMEOUT_MS = 20_000;

export class Api {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.#call('GET', path, {});
  }

  post<Answer>(path: string, body: unknown, key?: string): Promise<Answer> {
    return this.#call('POST', path, { body, key });
  }

  put<Answer>(path: string, body: unknown, key: string): Promise<Answer> {
    return this.#call('PUT', path, { body, key });
  }

  async #call<Answer>(
    method: string,
    path: string,
    { body, key }: { body?: unknown; key?: string | undefined },
  ): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new CliError(
        'PROGRAM_UNREACHABLE',
        `${method} ${path} answered ${response.status}: ${text.slice(0, 400)}`,
      );
    }
    return JSON.parse(text) as Answer;
  }
}
