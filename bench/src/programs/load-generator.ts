/**
 * Tills: each sends a sale, waits for the answer, and sends the next. A process of its own with kept-alive connections; bodies
 * are made before the clock starts. Prints one line with the raw samples, its own CPU time, and the first refusal.
 */
import { Agent } from 'node:http';
import { text } from 'node:stream/consumers';
import { systemClock } from 'hlc-ts';
import { callHttp } from '../system/http-json.ts';
import { catalogOf, orderBodies } from '../system/orders.ts';

export interface LoadPlan {
  readonly url: string;
  /** One for each till; none where the program measured asks for none. */
  readonly tokens: readonly string[];
  /** Distinguishes the idempotency keys of this load from those of every other one. */
  readonly keyPrefix: string;
  readonly seed: number;
  readonly products: number;
  readonly tills: number;
  readonly warmup: number;
  readonly count: number;
  /** No sale is started after this many milliseconds of measuring, however few were made. */
  readonly limitMs: number;
}

const plan = JSON.parse(await text(process.stdin)) as LoadPlan;
const clock = systemClock();
const agent = new Agent({ keepAlive: true, maxSockets: plan.tills });
const bodies = orderBodies(plan.seed, catalogOf(plan.seed, plan.products), plan.warmup + plan.count);
const url = new URL('/v1/orders', plan.url);
const samplesMs: number[] = [];
let refusal: string | undefined;
let started = 0;
let measuredFromMs = Number.POSITIVE_INFINITY;
let cpuFrom = process.cpuUsage();

async function till(token: string | undefined): Promise<void> {
  while (
    started < bodies.length &&
    refusal === undefined &&
    clock.monotonicMs() - measuredFromMs < plan.limitMs
  ) {
    const turn = started;
    started += 1;
    if (turn === plan.warmup) {
      measuredFromMs = clock.monotonicMs();
      cpuFrom = process.cpuUsage();
    }
    const fromMs = clock.monotonicMs();
    const answer = await callHttp({
      agent,
      url,
      method: 'POST',
      key: `${plan.keyPrefix}-${turn}`,
      body: bodies[turn]!,
      ...(token === undefined ? {} : { token }),
    });
    if (turn >= plan.warmup) samplesMs.push(clock.monotonicMs() - fromMs);
    if (answer.status !== 201) refusal ??= `${answer.status} ${answer.text.slice(0, 500)}`;
  }
}

await Promise.all(Array.from({ length: plan.tills }, (_, index) => till(plan.tokens[index])));
const elapsedMs = clock.monotonicMs() - measuredFromMs;
const cpu = process.cpuUsage(cpuFrom);
agent.destroy();
process.stdout.write(
  `${JSON.stringify({ event: 'measured', samplesMs, elapsedMs, cpuMs: (cpu.user + cpu.system) / 1_000, refusal })}\n`,
);
