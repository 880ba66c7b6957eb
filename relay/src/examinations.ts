/**
 * Questions to branches how they are, and what they answered: a question waits until its branch is in contact, also over restarts.
 *
 *     waiting ──branch in contact: asked, again after RE_ASK_MS──> answered
 *
 * One question of a device waits at a time: whoever asks meanwhile waits for the same answer. The last EXAMINATIONS_KEPT_MAX of a device
 * are kept. An answer nobody asked for is dropped.
 */
import { randomUUID } from 'node:crypto';
import type { Registry, WriterId } from '@branchline/feed';
import { type Clock, isoTime } from 'hlc-ts';
import type { Level } from 'level';
import { z } from 'zod';
import { RelayError } from './errors.ts';

export const EXAMINATIONS_KEPT_MAX = 5;
/** A device that was asked and has not answered is asked again. */
const RE_ASK_MS = 10_000;
const FINDINGS_MAX = 64;

const finding = z.object({
  level: z.enum(['fine', 'watch', 'act']),
  what: z.string().transform((words) => words.slice(0, 500)),
  advice: z
    .string()
    .transform((words) => words.slice(0, 500))
    .exactOptional(),
});
const answer = z.object({
  examined: z.object({ id: z.string().max(64), findings: z.array(finding).max(FINDINGS_MAX) }),
});

const kept = z.object({
  id: z.string(),
  branch: z.string(),
  writer: z.string(),
  askedBy: z.string(),
  askedAt: z.string(),
  answeredAt: z.string().exactOptional(),
  findings: z.array(finding).exactOptional(),
});
type Kept = z.infer<typeof kept>;
export interface Examination extends Kept {
  readonly state: 'waiting' | 'answered';
}

export class Examinations {
  readonly #rows;
  readonly #registry: Pick<Registry, 'branch'>;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #byDevice = new Map<string, Kept[]>();
  readonly #askedMs = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(level: Level, registry: Pick<Registry, 'branch'>, clock: Clock) {
    this.#rows = level.sublevel<string, unknown>('examinations', { valueEncoding: 'json' });
    this.#registry = registry;
    this.#clock = clock;
  }

  static async open(level: Level, registry: Pick<Registry, 'branch'>, clock: Clock): Promise<Examinations> {
    const examinations = new Examinations(level, registry, clock);
    for await (const value of examinations.#rows.values()) {
      const parsed = z.array(kept).safeParse(value);
      const writer = parsed.data?.[0]?.writer;
      if (parsed.success && writer !== undefined) {
        examinations.#byDevice.set(writer, parsed.data);
      }
    }
    return examinations;
  }

  /** One question for each device of the branch; resolves when they are kept. `BRANCH_UNKNOWN`. */
  async ask(branch: string, askedBy: string): Promise<Examination[]> {
    const members = this.#registry.branch(branch)?.members ?? [];
    if (members.length === 0) {
      throw new RelayError('BRANCH_UNKNOWN', `no device of branch ${branch} is enrolled`, {
        hint: 'See `branchline branch list`.',
      });
    }
    const asked: Examination[] = [];
    for (const { writer } of members) {
      const waiting = this.#waiting(writer);
      const one = waiting ?? {
        id: randomUUID(),
        branch,
        writer,
        askedBy,
        askedAt: isoTime(this.#clock.nowMs()),
      };
      if (waiting === undefined) {
        await this.#keep(writer, [...(this.#byDevice.get(writer) ?? []), one].slice(-EXAMINATIONS_KEPT_MAX));
      }
      asked.push(shown(one));
    }
    return asked;
  }

  /** Latest first. */
  of(branch: string): Examination[] {
    return [...this.#byDevice.values()]
      .flat()
      .filter((each) => each.branch === branch)
      .sort((a, b) => (a.askedAt < b.askedAt ? 1 : -1))
      .map(shown);
  }

  /** Called when the device was heard: what to ask it now, if anything. */
  due(writer: WriterId): unknown {
    const waiting = this.#waiting(writer);
    const nowMs = this.#clock.monotonicMs();
    if (
      waiting === undefined ||
      nowMs - (this.#askedMs.get(writer) ?? Number.NEGATIVE_INFINITY) < RE_ASK_MS
    ) {
      return undefined;
    }
    this.#askedMs.set(writer, nowMs);
    return { examine: { id: waiting.id } };
  }

  /** Called with each status; true when it was an answer. */
  take(writer: WriterId, report: unknown, failed: (error: unknown) => void): boolean {
    const parsed = answer.safeParse(report);
    if (!parsed.success) {
      return false;
    }
    const { id, findings } = parsed.data.examined;
    const rows = this.#byDevice.get(writer) ?? [];
    if (rows.some((each) => each.id === id && each.answeredAt === undefined)) {
      const answeredAt = isoTime(this.#clock.nowMs());
      this.#askedMs.delete(writer);
      this.#keep(
        writer,
        rows.map((each) => (each.id === id ? { ...each, answeredAt, findings } : each)),
      ).catch(failed);
    }
    return true;
  }

  /** Everything said is on the disk. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  #waiting(writer: string): Kept | undefined {
    return this.#byDevice.get(writer)?.find(({ answeredAt }) => answeredAt === undefined);
  }

  async #keep(writer: string, rows: Kept[]): Promise<void> {
    this.#byDevice.set(writer, rows);
    const done = this.#turn.then(() => this.#rows.put(writer, rows));
    this.#turn = done.catch(() => undefined);
    await done;
  }
}

function shown(one: Kept): Examination {
  return { ...one, state: one.answeredAt === undefined ? 'waiting' : 'answered' };
}
