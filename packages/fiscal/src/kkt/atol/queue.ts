/**
 * Jobs for the ATOL web server: posted under a number of our own, asked about until they are done.
 *
 * The server carries jobs out one by one in order, and a number is carried out once: posted again it is refused, and the answer
 * is that of the first time. So a lost answer to a POST is repaired by asking, and a question posted later is answered after
 * everything posted before. Guarantees: a job is posted anew only when the server does not know its number.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import type { AtolAnswer, AtolCall } from './call.ts';
import { atolRefusal } from './refusals.ts';

export const PATH = '/api/v2/requests';
export const POLL_FIRST_MS = 50;
export const POLL_MAX_MS = 1_000;
/** Opening a shift may fetch keys first. */
export const JOB_LIMIT_MS = 150_000;
/** How often a call that failed in between is made again. */
export const CALLS_MAX = 5;

export type AtolTask = { readonly type: string; readonly [key: string]: unknown };
export type AtolResult = { readonly [key: string]: unknown };

export interface AtolQueueOptions {
  readonly call: AtolCall;
  readonly clock: Clock;
}

export class AtolQueue {
  readonly #call: AtolCall;
  readonly #clock: Clock;

  constructor({ call, clock }: AtolQueueOptions) {
    this.#call = call;
    this.#clock = clock;
  }

  /** Results of the tasks of a new job, or the error of the first that failed. */
  async run(
    uuid: string,
    tasks: readonly AtolTask[],
    signal: AbortSignal | undefined,
  ): Promise<AtolResult[]> {
    await this.#post(uuid, tasks, signal);
    return this.await(uuid, tasks, signal);
  }

  async isKnown(uuid: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#ask(uuid, signal)) !== undefined;
  }

  /** What the server knows of a number; undefined when nothing. */
  async #ask(uuid: string, signal: AbortSignal | undefined): Promise<JobAnswer[] | undefined> {
    return jobIn(await this.#persist(() => this.#look(uuid, signal), signal));
  }

  #look(uuid: string, signal: AbortSignal | undefined): Promise<AtolAnswer> {
    return this.#call({ method: 'GET', path: `${PATH}/${uuid}` }, { signal });
  }

  async #post(uuid: string, tasks: readonly AtolTask[], signal: AbortSignal | undefined): Promise<void> {
    const body = JSON.stringify({ uuid, request: tasks });
    const answer = await this.#persist(async (calls) => {
      // What became of the last try is asked, not guessed.
      if (calls > 1 && jobIn(await this.#look(uuid, signal)) !== undefined) return KNOWN;
      return this.#call({ method: 'POST', path: PATH, body }, { signal });
    }, signal);
    // 409: an earlier try had arrived after all.
    if (answer.status === 409) return;
    if (answer.status !== 201 && answer.status !== 200) throw protocol(answer);
    const { isBlocked, blockedUUID } = objectOf(answer);
    if (isBlocked !== true) return;
    throw new KktError('KKT_QUEUE_BLOCKED', `job ${String(blockedUUID)} blocks the queue`, {
      outcome: 'unknown',
    });
  }

  /** The same for a job the server knows already. */
  async await(
    uuid: string,
    tasks: readonly AtolTask[],
    signal: AbortSignal | undefined,
  ): Promise<AtolResult[]> {
    const waiting = signal === undefined ? {} : { signal };
    const untilMs = this.#clock.monotonicMs() + JOB_LIMIT_MS;
    for (let pollMs = POLL_FIRST_MS; ; pollMs = Math.min(POLL_MAX_MS, pollMs * 2)) {
      const results = await this.#ask(uuid, signal);
      const done = results && settledOf(results, tasks);
      if (done !== undefined) return done;
      if (this.#clock.monotonicMs() >= untilMs) {
        throw new KktError('KKT_NO_ANSWER', `job ${uuid} does not end`, { outcome: 'unknown' });
      }
      await this.#clock.sleep(pollMs, waiting);
    }
  }

  async #persist(
    make: (calls: number) => Promise<AtolAnswer>,
    signal: AbortSignal | undefined,
  ): Promise<AtolAnswer> {
    for (let calls = 1; ; calls += 1) {
      try {
        return await make(calls);
      } catch (error) {
        if (!(error instanceof KktError) || calls >= CALLS_MAX) throw error;
        await this.#clock.sleep(POLL_FIRST_MS, signal === undefined ? {} : { signal });
      }
    }
  }
}

/** What the server says to a number it has already. */
const KNOWN: AtolAnswer = { status: 409, body: '{}' };

interface JobAnswer {
  readonly status: string;
  readonly error?: { readonly code?: number; readonly description?: string };
  readonly result?: AtolResult;
}

function jobIn(answer: AtolAnswer): JobAnswer[] | undefined {
  if (answer.status === 404) return undefined;
  const { results } = objectOf(answer);
  if (answer.status !== 200 || !Array.isArray(results)) throw protocol(answer);
  return results as JobAnswer[];
}

/** Undefined while something still waits. */
function settledOf(results: readonly JobAnswer[], tasks: readonly AtolTask[]): AtolResult[] | undefined {
  for (const [at, { status, error }] of results.entries()) {
    if (status === 'wait' || status === 'inProgress') return undefined;
    if (status === 'ready') continue;
    if (status === 'blocked') {
      throw new KktError('KKT_QUEUE_BLOCKED', 'an earlier job blocks the queue', { outcome: 'unknown' });
    }
    // Interrupted or cancelled without a number: nobody knows how far it came.
    throw atolRefusal(tasks[at]?.type ?? 'task', error?.code ?? 2, error?.description ?? status);
  }
  return results.length < tasks.length ? undefined : results.map(({ result }) => result ?? {});
}

function objectOf({ body }: AtolAnswer): { readonly [key: string]: unknown } {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as { [key: string]: unknown }) : {};
  } catch {
    return {};
  }
}

function protocol({ status, body }: AtolAnswer): KktError {
  const code = status === 401 || status === 403 ? 'KKT_PASSWORD_WRONG' : 'KKT_PROTOCOL';
  return new KktError(code, `HTTP ${status}: ${body.slice(0, 200)}`, { outcome: 'unknown' });
}
