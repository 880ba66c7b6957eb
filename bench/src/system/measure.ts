/**
 * The measurements all cases share: durable appends, sales over HTTP, messages through a relay. Each runs in processes of its
 * own and gives raw samples.
 */
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { BenchContext } from '../bench-case.ts';
import { BenchError } from '../errors.ts';
import type { AppendFloorPlan } from '../programs/append-floor.ts';
import type { LoadPlan } from '../programs/load-generator.ts';
import type { Series } from '../report.ts';
import { GroupAppend } from './group-append.ts';
import { benchProgram, type Program, runProgram, startProgram } from './program.ts';

/** Size of the optician's catalog in every case. */
export const PRODUCTS = 10_000;
/** Bytes of a message in the relay floors: about a sale with its signature, before compression. */
export const MESSAGE_BYTES = 400;
const MESSAGE_TIMEOUT_MS = 5_000;

export interface Measured {
  readonly samplesMs: readonly number[];
  readonly elapsedMs: number;
  /** CPU time of the client, where it was counted. */
  readonly cpuMs?: number;
}

export interface SaleLoad {
  readonly url: string;
  readonly tokens?: readonly string[];
  readonly keyPrefix: string;
  readonly tills: number;
  readonly warmup: number;
  readonly count: number;
  readonly limitMs: number;
}

export function seriesOf(name: string, measured: Measured): Series {
  const perSecond = (measured.samplesMs.length * 1_000) / measured.elapsedMs;
  return { name, samplesMs: measured.samplesMs.map(toMicroseconds), perSecond };
}

/** Samples of two runs of the same thing, e.g. a floor before and after. */
export function pooled(a: Measured, b: Measured): Measured {
  return { samplesMs: [...a.samplesMs, ...b.samplesMs], elapsedMs: a.elapsedMs + b.elapsedMs };
}

export async function measureAppends(
  { clock, signal, seed, workDir }: BenchContext,
  load: { readonly writers: number; readonly warmup: number; readonly count: number },
): Promise<Measured> {
  const plan: AppendFloorPlan = {
    ...load,
    seed,
    products: PRODUCTS,
    path: join(workDir, 'append-floor.log'),
  };
  return (await runProgram(benchProgram('../programs/append-floor.js'), {
    clock,
    signal,
    input: plan,
  })) as unknown as Measured;
}

export async function measureSales({ clock, signal, seed }: BenchContext, load: SaleLoad): Promise<Measured> {
  const plan: LoadPlan = { tokens: [], ...load, seed, products: PRODUCTS };
  const answer = await runProgram(benchProgram('../programs/load-generator.js'), {
    clock,
    signal,
    input: plan,
    timeoutMs: load.limitMs + 60_000,
  });
  if (typeof answer.refusal === 'string') {
    throw new BenchError('BENCH_REQUEST_FAILED', `a sale was not accepted: ${answer.refusal}`);
  }
  return answer as unknown as Measured;
}

export function startHttpFloor({ clock, signal, workDir }: BenchContext): Promise<Program> {
  const args = [join(workDir, 'http-floor.log')];
  return startProgram(benchProgram('../programs/http-floor.js'), { clock, signal, args });
}

/**
 * One way through a relay, message by message. `durable` syncs at the sender, the relay and the receiver, as a commit does
 * on its way; without it nothing touches the disk.
 */
export async function measureRelay(
  context: BenchContext,
  load: { readonly durable: boolean; readonly warmup: number; readonly count: number },
): Promise<Measured> {
  const { clock, signal, workDir } = context;
  const log = (at: string): string => join(workDir, `relay-floor-${at}.log`);
  const relay = await startProgram(benchProgram('../programs/ws-relay-floor.js'), {
    clock,
    signal,
    args: load.durable ? [log('relay')] : [],
  });
  const [here, there] = await Promise.all(['here', 'there'].map((at) => GroupAppend.open(log(at))));
  const [sender, receiver] = await Promise.all([connect(relay), connect(relay)]);
  const message = Buffer.alloc(MESSAGE_BYTES, 'branchline ');
  const samplesMs: number[] = [];
  let measuredFromMs = 0;
  for (let turn = 0; turn < load.warmup + load.count; turn += 1) {
    signal.throwIfAborted();
    const fromMs = clock.monotonicMs();
    if (turn === load.warmup) measuredFromMs = fromMs;
    if (load.durable) await here!.append(message);
    const arrived = nextMessage(context, receiver);
    sender.send(message);
    const received = await arrived;
    if (load.durable) await there!.append(received);
    if (turn >= load.warmup) samplesMs.push(clock.monotonicMs() - fromMs);
  }
  const elapsedMs = clock.monotonicMs() - measuredFromMs;
  for (const socket of [sender, receiver]) socket.terminate();
  await Promise.all([here!.close(), there!.close(), relay.stop()]);
  return { samplesMs, elapsedMs };
}

async function connect(relay: Program): Promise<WebSocket> {
  const socket = new WebSocket(String(relay.first.url), { perMessageDeflate: false });
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

function nextMessage({ clock }: BenchContext, socket: WebSocket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(MESSAGE_TIMEOUT_MS, () => {
      reject(
        new BenchError('BENCH_TIMEOUT', `no message came through the relay in ${MESSAGE_TIMEOUT_MS} ms`),
      );
    });
    socket.once('message', (message: Buffer) => {
      timer.cancel();
      resolve(message);
    });
  });
}

/** Clocks are not finer than this here, and raw samples are many. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
