/** One till that sells all the time at one branch over HTTP, and how long each sale took. */
import { Agent } from 'node:http';
import type { OrderRequestInput } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import { BenchError } from '../errors.ts';
import { callHttp, type HttpAnswer } from '../system/http-json.ts';
import { catalogOf, orderBodies } from '../system/orders.ts';

/** Between two sales of the till. */
const PAUSE_MS = 10;
const BODIES = 500;
const TURNS_MAX = 50;

export class SalesWatch {
  readonly #clock: Clock;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: URL;
  readonly #token: string;
  readonly #bodies: readonly Uint8Array[];
  #count = 0;
  /** Requests sent again because their connection broke. */
  repeated = 0;

  constructor(options: { clock: Clock; url: string; token: string; seed: number; products: number }) {
    this.#clock = options.clock;
    this.#url = new URL('/v1/orders', options.url);
    this.#token = options.token;
    this.#bodies = orderBodies(options.seed, catalogOf(options.seed, options.products), BODIES).map(generous);
  }

  /** Sells until `done`, or at least until `enough` sales were made after that. Milliseconds of each sale. */
  async sell(until: { readonly done: () => boolean; readonly atLeast?: number }): Promise<number[]> {
    const samplesMs: number[] = [];
    while (!until.done() || samplesMs.length < (until.atLeast ?? 0)) {
      const fromMs = this.#clock.monotonicMs();
      const { status, text } = await this.#insist(`storm-${this.#count}`);
      this.#count += 1;
      if (status !== 201) {
        throw new BenchError('BENCH_REQUEST_FAILED', `a sale was refused: ${status} ${text.slice(0, 300)}`);
      }
      samplesMs.push(this.#clock.monotonicMs() - fromMs);
      await this.#clock.sleep(PAUSE_MS);
    }
    return samplesMs;
  }

  /** A connection that broke is asked for again under the same key, as tills do; the time it took counts. */
  async #insist(key: string): Promise<HttpAnswer> {
    for (let turn = 1; ; turn += 1) {
      try {
        return await this.#post(key);
      } catch (error) {
        if (turn >= TURNS_MAX) throw error;
        this.repeated += 1;
        await this.#clock.sleep(PAUSE_MS);
      }
    }
  }

  #post(key: string): Promise<HttpAnswer> {
    const body = this.#bodies[this.#count % this.#bodies.length]!;
    return callHttp({ agent: this.#agent, url: this.#url, method: 'POST', token: this.#token, key, body });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Prices rise while the till sells: twice the cash always covers them, and change is given. */
function generous(body: Uint8Array): Uint8Array {
  const order = JSON.parse(Buffer.from(body).toString('utf8')) as OrderRequestInput;
  const payments = order.payments.map(({ kind, amountMinor }) => ({ kind, amountMinor: 2 * amountMinor }));
  return Buffer.from(JSON.stringify({ ...order, payments }));
}
