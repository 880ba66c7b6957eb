/**
 * Calls of a page to the program that serves it: JSON, the token, refusals as `Refused` with the code and the words of the problem
 * document. Writes carry an Idempotency-Key, which programs without one pass over.
 */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  /** The problem document, for what else is in it. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(String(problem.detail ?? problem.title ?? status));
    this.name = 'Refused';
    this.status = status;
    this.code = String(problem.code ?? 'UNREACHABLE');
    this.hint = String(problem.hint ?? '');
    this.problem = problem;
  }
}

export interface Asking {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly body?: unknown;
  /** Instead of `body`. */
  readonly file?: Blob;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

export class ProgramApi {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  async open(path: string, { method = 'GET', body, file, key, signal }: Asking = {}): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#token}` };
    if (method !== 'GET') {
      headers['Idempotency-Key'] = key ?? crypto.randomUUID?.() ?? randomKey();
      headers['Content-Type'] = file === undefined ? 'application/json' : 'application/octet-stream';
    }
    const sent = method === 'GET' ? undefined : (file ?? JSON.stringify(body ?? {}));
    const response = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      ...(sent === undefined ? {} : { body: sent }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) {
      const problem = (await response.json().catch(() => ({}))) as Record<string, unknown>;
      throw new Refused(response.status, problem);
    }
    return response;
  }

  async call<Answer>(path: string, asking: Asking = {}): Promise<Answer> {
    return (await (await this.open(path, asking)).json()) as Answer;
  }
}

/** Pages over plain HTTP on a shop's network have no `randomUUID`. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
