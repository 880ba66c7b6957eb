/**
 * Floor (a): nothing but append and fdatasync of the same bytes, by as many writers as asked for, each waiting for its own
 * write. A process of its own, so that no other work of the harness delays it. Prints one line of samples.
 */
import { text } from 'node:stream/consumers';
import { systemClock } from 'hlc-ts';
import { GroupAppend } from '../system/group-append.ts';
import { catalogOf, orderBodies } from '../system/orders.ts';

export interface AppendFloorPlan {
  readonly path: string;
  readonly seed: number;
  readonly products: number;
  readonly writers: number;
  readonly warmup: number;
  readonly count: number;
}

const plan = JSON.parse(await text(process.stdin)) as AppendFloorPlan;
const clock = systemClock();
const bodies = orderBodies(plan.seed, catalogOf(plan.seed, plan.products), 500);
const file = await GroupAppend.open(plan.path);
const samplesMs: number[] = [];
let started = 0;
let measuredFromMs = clock.monotonicMs();

async function writer(): Promise<void> {
  while (started < plan.warmup + plan.count) {
    const turn = started;
    started += 1;
    if (turn === plan.warmup) measuredFromMs = clock.monotonicMs();
    const fromMs = clock.monotonicMs();
    await file.append(bodies[turn % bodies.length]!);
    if (turn >= plan.warmup) samplesMs.push(clock.monotonicMs() - fromMs);
  }
}

await Promise.all(Array.from({ length: plan.writers }, writer));
const elapsedMs = clock.monotonicMs() - measuredFromMs;
await file.close();
process.stdout.write(`${JSON.stringify({ event: 'measured', samplesMs, elapsedMs })}\n`);
