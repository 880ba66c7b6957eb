/**
 * A host with a journal, and a destination that keeps a ledger: what the outbox stands between, with faults on demand.
 *
 * `crash` is a loss of power: the running outbox is cut off from the world (nothing it does arrives any more), and the next one opens
 * on a copy of the rows and is fed what the journal has behind them.
 */

import { ManualClock, type Random, seededRandom } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import {
  type Deliver,
  type DeliverAnswer,
  type DeliverableJob,
  type JobAdded,
  Outbox,
  type OutboxEvent,
  type OutboxFact,
  type OutboxOptions,
} from '../../src/index.ts';

export type Settings = Partial<Omit<OutboxOptions, 'level' | 'journal' | 'clock' | 'random' | 'deliver'>>;

/** How the world takes the next delivery; the default accepts. */
export type Reply = (job: DeliverableJob, signal: AbortSignal) => DeliverAnswer | Promise<DeliverAnswer>;

export class Host {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly settings: Settings;
  /** The journal: position of a fact is its index + 1. */
  readonly facts: OutboxFact[] = [];
  readonly ledger = new Ledger();
  readonly events: OutboxEvent[] = [];
  reply: Reply = (job) => this.ledger.accept(job);
  level = new MemoryLevel<string, string>();
  outbox!: Outbox;
  /** Called at each step the outbox takes towards the world: 'deliver', 'append', 'appended'. */
  onStep: (step: string) => void = () => undefined;
  failAppends = false;
  #life = 0;
  #shutdown = new AbortController();
  running: Promise<void> = Promise.resolve();

  constructor(options: { seed?: number; settings?: Settings; clock?: ManualClock } = {}) {
    this.clock = options.clock ?? new ManualClock();
    this.random = seededRandom(options.seed ?? 1);
    this.settings = options.settings ?? {};
  }

  static async start(options: { seed?: number; settings?: Settings } = {}): Promise<Host> {
    const host = new Host(options);
    await host.boot();
    return host;
  }

  /** Opens on what the rows hold, feeds the rest and runs. */
  async boot({ run = true } = {}): Promise<void> {
    this.#life += 1;
    const life = this.#life;
    const isAlive = (): boolean => life === this.#life;
    const never = new Promise<never>(() => undefined);
    const deliver: Deliver = async (job, { signal }) => {
      if (!isAlive()) return never;
      this.onStep('deliver');
      if (!isAlive()) return never;
      this.ledger.begin(job, life);
      try {
        const answer = await this.reply(job, signal);
        return isAlive() ? answer : await never;
      } finally {
        this.ledger.end(job, life);
      }
    };
    const append = async (records: readonly OutboxFact[]): Promise<void> => {
      if (!isAlive()) return never;
      this.onStep('append');
      if (!isAlive()) return never;
      if (this.failAppends) throw new Error('disk full');
      this.facts.push(...records);
      await Promise.resolve();
      this.onStep('appended');
      if (!isAlive()) return never;
    };
    this.outbox = await Outbox.open({
      ...this.settings,
      level: this.level,
      journal: { append },
      deliver,
      clock: this.clock,
      random: this.random,
      onEvent: (event) => {
        if (isAlive()) this.events.push(event);
      },
    });
    await this.outbox.apply(this.facts.slice(this.outbox.covered ?? 0), { covered: this.facts.length });
    if (!run || !isAlive()) return;
    this.#shutdown = new AbortController();
    this.running = this.outbox.run(this.#shutdown.signal);
    // A test that expects it to fail looks at `running` itself.
    this.running.catch(() => undefined);
  }

  /** The power goes; what stays is the journal, and the rows as they are or as they were at some earlier batch. */
  cut(rows?: MemoryLevel<string, string>): Promise<void> {
    this.#life += 1;
    this.ledger.forget();
    const from = rows ?? this.level;
    return copyLevel(from).then((level) => {
      this.level = level;
    });
  }

  async crash(rows?: MemoryLevel<string, string>): Promise<void> {
    await this.cut(rows);
    await this.boot();
  }

  async add(...jobs: readonly JobAdded[]): Promise<void> {
    this.facts.push(...jobs);
    await this.outbox.apply(jobs, { covered: this.facts.length });
  }

  async stop(): Promise<void> {
    this.#shutdown.abort();
    await this.clock.advance(0);
    await this.running;
    await this.outbox.close();
  }

  /** Lets time pass until everything is final, or `limitMs` of it is over. */
  async drain(limitMs = 86_400_000, stepMs = 500): Promise<void> {
    for (let passedMs = 0; passedMs < limitMs; passedMs += stepMs) {
      const { totals } = await this.outbox.report();
      if (totals.pending === 0) return;
      await this.clock.advance(stepMs);
    }
    throw new Error(`not done after ${limitMs} ms: ${JSON.stringify((await this.outbox.report()).totals)}`);
  }
}

/** What the destination has seen. It takes the same job twice as once, as the outbox asks of it. */
export class Ledger {
  /** Ids in the order they were first accepted, per key. */
  readonly accepted = new Map<string, string[]>();
  readonly seen = new Set<string>();
  requests = 0;
  repeats = 0;
  overlaps = 0;
  readonly #out = new Map<string, number>();

  begin({ key }: DeliverableJob, life: number): void {
    this.requests += 1;
    if (this.#out.has(key)) this.overlaps += 1;
    this.#out.set(key, life);
  }

  end({ key }: DeliverableJob, life: number): void {
    if (this.#out.get(key) === life) this.#out.delete(key);
  }

  forget(): void {
    this.#out.clear();
  }

  accept({ id, key }: DeliverableJob): DeliverAnswer {
    if (this.seen.has(id)) this.repeats += 1;
    else this.accepted.set(key, [...(this.accepted.get(key) ?? []), id]);
    this.seen.add(id);
    return { type: 'delivered', proof: `ticket of ${id}` };
  }
}

export function jobs(key: string, from: number, to = from): JobAdded[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    type: 'added',
    id: `${key}/${String(from + index).padStart(5, '0')}`,
    key,
    ref: `receipts/B001#${from + index}`,
    addedMs: 1_735_689_600_000,
  }));
}

export async function copyLevel(from: MemoryLevel<string, string>): Promise<MemoryLevel<string, string>> {
  const copy = new MemoryLevel<string, string>();
  const rows = await from.iterator().all();
  await copy.batch(rows.map(([key, value]) => ({ type: 'put', key, value })));
  return copy;
}

export const down = (): DeliverAnswer => ({ type: 'failed', retryable: true, cause: { code: 'DOWN' } });

export const poison = (): DeliverAnswer => ({
  type: 'refused',
  permanent: true,
  code: 'FLC_FAILED',
  words: 'format check failed',
});

/** Hangs until told to end. */
export function hang(signal: AbortSignal): Promise<DeliverAnswer> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
