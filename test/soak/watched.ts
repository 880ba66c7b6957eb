/** A program of the chain that is looked at from outside (`/proc`) and, after it collected its garbage, from inside (pulse-preload.mjs). */
import { readdir, readFile } from 'node:fs/promises';
import { Program } from '../crash/support/program.ts';
import { until } from '../support/within.ts';
import type { Sample } from './slope.ts';

const PRELOAD = new URL('./pulse-preload.mjs', import.meta.url).href;
const ANSWER_WITHIN_MS = 60_000;
const PAGE_BYTES = 4_096;
/** Column of `/proc/PID/statm`: pages that are in memory. */
const RESIDENT = 1;

/** What is sampled, and how far its line may rise over the time looked at: a share of its mean, and at least so much. */
export const MEASURES = [
  { name: 'memory, MB', riseShare: 0.1, riseLeast: 0 },
  { name: 'heap after a collection, MB', riseShare: 0.1, riseLeast: 0 },
  { name: 'memory outside the heap, MB', riseShare: 0.1, riseLeast: 1 },
  { name: 'descriptors', riseShare: 0, riseLeast: 2 },
  { name: 'timers', riseShare: 0, riseLeast: 2 },
  { name: 'handles', riseShare: 0, riseLeast: 2 },
] as const;

export type MeasureName = (typeof MEASURES)[number]['name'];

interface Pulse {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly timers: number;
  readonly handles: number;
}

export class Watched {
  readonly name: string;
  readonly program: Program;
  readonly samples = new Map<MeasureName, Sample[]>(MEASURES.map(({ name }) => [name, []]));
  readonly #pulses: string;

  /** `folder` is where it says how it is. */
  constructor(name: string, args: readonly string[], folder: string) {
    this.name = name;
    this.#pulses = `${folder}/${name}.pulses`;
    this.program = new Program(args, {
      environment: { PULSE: this.#pulses, NODE_OPTIONS: `--import=${PRELOAD}` },
    });
  }

  async look(atMs: number): Promise<void> {
    const { heapBytes, externalBytes, timers, handles } = await this.#pulse();
    const { pid } = this.program.child;
    const descriptors = (await readdir(`/proc/${pid}/fd`)).length;
    const pages = Number((await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[RESIDENT]);
    const values: Record<MeasureName, number> = {
      'memory, MB': megabytes(pages * PAGE_BYTES),
      'heap after a collection, MB': megabytes(heapBytes),
      'memory outside the heap, MB': megabytes(externalBytes),
      descriptors,
      timers,
      handles,
    };
    for (const { name } of MEASURES) {
      this.samples.get(name)!.push({ atMs, value: values[name] });
    }
  }

  async #pulse(): Promise<Pulse> {
    const before = (await this.#lines()).length;
    this.program.child.kill('SIGUSR2');
    return await until(ANSWER_WITHIN_MS, `a word of ${this.name}`, async () => {
      const line = (await this.#lines())[before];
      return line === undefined ? undefined : (JSON.parse(line) as Pulse);
    });
  }

  /** Whole ones only: the last piece is empty, or still being written. */
  async #lines(): Promise<string[]> {
    const text = await readFile(this.#pulses, 'utf8').catch(() => '');
    return text.split('\n').slice(0, -1);
  }
}

function megabytes(bytes: number): number {
  return bytes / 1_000_000;
}
