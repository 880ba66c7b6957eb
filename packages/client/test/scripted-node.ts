/**
 * A node that answers what a test scripted, through the fetch port: replies in order, every request recorded.
 */
import { type ProblemCode, ProblemError } from '@branchline/model';
import { type ClientReply, type ClientRequest, TillClient } from '../src/index.ts';
import { HandClock } from './hand-clock.ts';

export type Scripted = ClientReply | Error | 'silence';

export function reply(status: number, json: unknown, headers: Record<string, string> = {}): ClientReply {
  return textReply(status, JSON.stringify(json), headers);
}

export function textReply(status: number, text: string, headers: Record<string, string> = {}): ClientReply {
  return streamReply([text], status, headers);
}

/** A body in pieces; `rest` may hang, or fail, after the last one. */
export function streamReply(
  pieces: readonly string[],
  status = 200,
  headers: Record<string, string> = {},
  rest: () => Promise<void> = async () => {},
): ClientReply {
  async function* body() {
    for (const piece of pieces) {
      yield new TextEncoder().encode(piece);
    }
    await rest();
  }
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { status, headers: { get: (name) => lower.get(name.toLowerCase()) ?? null }, body: body() };
}

export function refusal(code: ProblemCode, headers: Record<string, string> = {}): ClientReply {
  const error = new ProblemError(code, 'because');
  return reply(error.status, error.toProblem(), headers);
}

export class ScriptedNode {
  readonly clock = new HandClock();
  readonly requests: (ClientRequest & { url: string })[] = [];
  readonly waits: number[] = [];
  readonly client: TillClient;
  readonly #script: Scripted[];

  constructor(script: readonly Scripted[], random: () => number = () => 0.5) {
    this.#script = [...script];
    this.client = new TillClient({
      url: 'http://node/',
      token: 'secret',
      random,
      clock: {
        nowMs: () => this.clock.nowMs(),
        sleep: (ms, options) => {
          this.waits.push(ms);
          return this.clock.sleep(ms, options);
        },
      },
      fetch: (url, request) => this.#answer(url, request),
    });
  }

  get keys(): (string | undefined)[] {
    return this.requests.map((request) => request.headers['Idempotency-Key']);
  }

  /** Lets time pass until the promise settles. */
  async settle<T>(promise: Promise<T>, stepMs = 1_000, stepsMax = 400): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    for (let step = 0; step < stepsMax && !settled; step++) {
      await this.clock.advance(stepMs);
    }
    return promise;
  }

  #answer(url: string, request: ClientRequest): Promise<ClientReply> {
    this.requests.push({ ...request, url });
    const next = this.#script.shift();
    if (next === undefined) {
      return Promise.reject(new Error('the script is over'));
    }
    if (next instanceof Error) {
      return Promise.reject(next);
    }
    if (next === 'silence') {
      return new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true });
      });
    }
    return Promise.resolve(next);
  }
}
