/**
 * The program running on a data folder, found by its `control.json` and spoken to over HTTP.
 *
 * Commands prefer this way: the store is locked by the program, and what it says is current. The control token is readable by the
 * folder's owner only, so whoever may read the data may also operate it.
 */
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CliError } from './errors.ts';

/** Answers are small; a program that needs longer is busy with what we asked (verify, export). */
const ANSWER_TIMEOUT_MS = 600_000;

const control = z.object({
  program: z.enum(['relay', 'node']),
  url: z.string(),
  pid: z.int(),
  token: z.string(),
});

export class RunningProgram {
  readonly kind: 'relay' | 'node';
  readonly url: string;
  readonly pid: number;
  readonly #token: string;

  constructor(options: { kind: 'relay' | 'node'; url: string; pid: number; token: string }) {
    this.kind = options.kind;
    this.url = options.url;
    this.pid = options.pid;
    this.#token = options.token;
  }

  /** Undefined when nothing runs there: no file, or one left by a program that died. */
  static async find(data: string): Promise<RunningProgram | undefined> {
    const text = await readFile(join(data, 'control.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return undefined;
      }
      throw new CliError('FILE_UNREADABLE', `cannot read ${join(data, 'control.json')}: ${error.message}`, {
        cause: error,
        hint: 'Run the command as the user the program runs as.',
      });
    });
    if (text === undefined) {
      return undefined;
    }
    const parsed = control.safeParse(safeJson(text));
    if (!parsed.success || !isAlive(parsed.data.pid)) {
      return undefined;
    }
    const { program, url, pid, token } = parsed.data;
    return new RunningProgram({ kind: program, url, pid, token });
  }

  /** What runs on the folders of a demo; nothing where the folder is no demo's. */
  static async findBelow(data: string): Promise<RunningProgram[]> {
    const names = await readdir(data).catch((): string[] => []);
    if (!names.includes('demo.json')) {
      return [];
    }
    const found = await Promise.all(
      names.sort().map((name) => RunningProgram.find(join(data, name)).catch(() => undefined)),
    );
    return found.filter((program) => program !== undefined);
  }

  /** As `find`, or `NOT_RUNNING`. */
  static async require(data: string): Promise<RunningProgram> {
    const found = await RunningProgram.find(data);
    if (found === undefined) {
      throw new CliError('NOT_RUNNING', `no node or relay is running on ${data}`, {
        hint: 'Start it, or name its folder with --data DIR.',
      });
    }
    return found;
  }

  async get(path: string): Promise<unknown> {
    return await this.#call('GET', path);
  }

  async post(path: string, body: object = {}): Promise<unknown> {
    return await this.#call('POST', path, body);
  }

  /** Writes under a key of its own. */
  async write(path: string, body: object): Promise<unknown> {
    return await this.#call('POST', path, body, { 'Idempotency-Key': randomUUID() });
  }

  async put(path: string, body: object): Promise<unknown> {
    return await this.#call('PUT', path, body, { 'Idempotency-Key': randomUUID() });
  }

  /** Takes something away, under a key of its own. */
  async remove(path: string, body: object): Promise<unknown> {
    return await this.#call('DELETE', path, body, { 'Idempotency-Key': randomUUID() });
  }

  /** A question whose refusal is an answer: health and readiness. */
  async probe(path: string): Promise<{ status: number; body: unknown }> {
    const response = await this.#fetch('GET', path);
    return { status: response.status, body: safeJson(await response.text()) };
  }

  /** Sends a file; a refusal that is a report (422) is an answer. */
  async upload(path: string, bytes: Uint8Array): Promise<unknown> {
    const response = await this.#send(path, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${this.#token}`,
        'Content-Type': 'application/octet-stream',
        'Idempotency-Key': randomUUID(),
      },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    const answer = safeJson(await response.text());
    if (response.ok || (answer as { report?: unknown } | undefined)?.report !== undefined) {
      return answer;
    }
    throw new ProgramRefusal(answer, response.status);
  }

  async #call(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const response = await this.#fetch(method, path, body, headers);
    const answer = safeJson(await response.text());
    if (response.ok) {
      return answer;
    }
    throw new ProgramRefusal(answer, response.status);
  }

  async #fetch(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await this.#send(path, {
      method,
      headers: {
        ...headers,
        Authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async #send(path: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.url}${path}`, {
        ...request,
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
    } catch (cause) {
      throw new CliError('PROGRAM_UNREACHABLE', `the ${this.kind} at ${this.url} does not answer`, {
        cause,
        hint: `Look at its log; its process is ${this.pid}.`,
        retryable: true,
      });
    }
  }
}

const problem = z.object({ code: z.string(), detail: z.string().optional(), hint: z.string().optional() });

/** What the program answered instead: its own code and words, passed on as they are. */
export class ProgramRefusal extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(answer: unknown, status: number) {
    const parsed = problem.safeParse(answer);
    super(parsed.success && parsed.data.detail ? parsed.data.detail : `the program answered ${status}`);
    this.name = 'ProgramRefusal';
    this.code = parsed.success ? parsed.data.code : 'PROGRAM_UNREACHABLE';
    this.hint = parsed.success ? parsed.data.hint : undefined;
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
