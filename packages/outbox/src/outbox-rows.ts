/**
 * The rows: what the facts add up to, in an abstract-level sublevel. All of it can be rebuilt by feeding the facts again.
 *
 *     m                       version, position covered, last place given, last batch
 *     j <id>                  the job
 *     p <key> 0 <place>       id of a pending job, in line
 *     q <key> 0 <place>       id of a job in quarantine
 *     c <key>                 how many of the key are where
 *     b <destination>         an open breaker
 *     w <batch mod WITNESSES>   number of that batch
 *
 * Guarantees: everything about a group of facts, and the position it covers, is one batch. Rows are never synced; a power cut may
 * take the newest. LevelDB may also lose a batch *before* one it kept (its log rotates unsynced), which would lose a job in
 * silence: hence the witnesses. A gap among them, another version or an unreadable `m`, and the rows are cleared at `open`:
 * `covered` is then undefined and the host feeds everything again.
 */
import type { AbstractBatchOperation, AbstractLevel, AbstractSublevel } from 'abstract-level';
import type { SavedBreaker } from './breaker.ts';
import type { LaneJob } from './delivery-state.ts';
import { assertJob, type OutboxFact } from './facts.ts';
import { foldFact, isConflict, type JobRow, type StoredJob } from './job-history.ts';

const ROWS_VERSION = 1;
/** Batches whose gap is noticed: far more than LevelDB holds in the log it writes after a rotation. */
export const WITNESSES = 4_096;
const PLACE_DIGITS = 16;

export interface KeyCounts {
  readonly pending: number;
  readonly quarantined: number;
  readonly delivered: number;
  readonly resolved: number;
  /** When the last one was delivered. */
  readonly deliveredMs?: number;
}

export const NO_JOBS: KeyCounts = { pending: 0, quarantined: 0, delivered: 0, resolved: 0 };

/** What a group of facts did to one key. */
export interface KeyChange {
  readonly key: string;
  readonly counts: KeyCounts;
  readonly added: readonly LaneJob[];
  /** Facts that changed a job of this key, other than `added`. */
  readonly applied: readonly { readonly fact: OutboxFact; readonly job: JobRow }[];
}

export interface FoldResult {
  readonly keys: readonly KeyChange[];
  /** Ids that came again with other content. */
  readonly conflicts: readonly string[];
}

interface Meta {
  readonly version: number;
  readonly covered?: number;
  readonly place: number;
  readonly batch: number;
  /** Over all keys. */
  readonly totals: Totals;
  /** The latest time a fact spoke of. */
  readonly newestMs: number;
}

export type Totals = Pick<KeyCounts, 'pending' | 'quarantined' | 'delivered' | 'resolved'>;

type Row = Meta | StoredJob | KeyCounts | SavedBreaker | string | number;
type Level = AbstractSublevel<AnyLevel, string | Buffer | Uint8Array, string, Row>;
// biome-ignore lint/suspicious/noExplicitAny: the parent's own formats do not matter to a sublevel
type AnyLevel = AbstractLevel<any, any, any>;
type Operation = AbstractBatchOperation<Level, string, Row>;

interface Tally {
  pending: number;
  quarantined: number;
  delivered: number;
  resolved: number;
  deliveredMs?: number;
}

export class OutboxRows {
  readonly #level: Level;
  #meta: Meta;

  private constructor(level: Level, meta: Meta) {
    this.#level = level;
    this.#meta = meta;
  }

  static async open(parent: AnyLevel, options: { rebuild: boolean }): Promise<OutboxRows> {
    const level: Level = parent.sublevel<string, Row>('outbox', { valueEncoding: 'json' });
    await level.open();
    const stored = options.rebuild ? undefined : await soundMeta(level);
    if (stored === undefined) await level.clear();
    return new OutboxRows(
      level,
      stored ?? { version: ROWS_VERSION, place: 0, batch: 0, totals: NO_JOBS, newestMs: 0 },
    );
  }

  get covered(): number | undefined {
    return this.#meta.covered;
  }

  get newestMs(): number {
    return this.#meta.newestMs;
  }

  get totals(): Totals {
    return this.#meta.totals;
  }

  /** Folds the facts into the rows, in order, as one batch. */
  async fold(facts: readonly OutboxFact[], covered: number | undefined): Promise<FoldResult> {
    for (const fact of facts) if (fact.type === 'added') assertJob(fact);
    const ids = [...new Set(facts.map((fact) => fact.id))];
    const rows = await this.#jobs(ids);
    const before = new Map(rows);
    const added = new Map<string, LaneJob[]>();
    const applied = new Map<string, { fact: OutboxFact; job: JobRow }[]>();
    const conflicts: string[] = [];
    let { place } = this.#meta;
    let { newestMs } = this.#meta;
    for (const fact of facts) {
      newestMs = Math.max(newestMs, fact.type === 'added' ? fact.addedMs : fact.atMs);
      const row = rows.get(fact.id);
      if (fact.type === 'added' && isConflict(row, fact)) conflicts.push(fact.id);
      const next = foldFact(row, fact, place + 1);
      if (next === undefined || next === row) continue;
      rows.set(fact.id, next);
      if (next.status === 'foretold') continue;
      if (next.position > place) place = next.position;
      if (fact.type !== 'added') listOf(applied, next.key).push({ fact, job: next });
      else if (next.status === 'pending') listOf(added, next.key).push(laneJob(next));
    }
    const changed = ids.filter((id) => rows.get(id) !== before.get(id));
    const { counts, totals } = await this.#countsAfter(changed, before, rows);
    const operations: Operation[] = [...counts].map(([key, value]) => ({
      type: 'put',
      key: `c${key}`,
      value,
    }));
    for (const id of changed) operations.push(...jobOperations(before.get(id), rows.get(id)!));
    const isNews = covered !== undefined && covered > (this.#meta.covered ?? -1);
    if (operations.length > 0 || isNews) {
      await this.#commit(operations, { place, totals, newestMs, ...(isNews && { covered }) });
    }
    const keys = [...counts].map(([key, value]) => ({
      key,
      counts: value,
      // A job that went on within this very group is not news for the end of the line any more.
      added: (added.get(key) ?? []).filter(
        (job) => !applied.get(key)?.some(({ fact }) => fact.id === job.id),
      ),
      applied: applied.get(key) ?? [],
    }));
    return { keys, conflicts };
  }

  async job(id: string): Promise<JobRow | undefined> {
    const row = (await this.#jobs([id])).get(id);
    return row === undefined || row.status === 'foretold' ? undefined : row;
  }

  /** The first pending jobs of a key, in line. */
  async head(key: string, limit: number): Promise<LaneJob[]> {
    return (await this.#page(keyRange('p', key), limit)).map(laneJob);
  }

  /** The oldest job of a key that is not final, in quarantine or not. */
  async oldest(key: string): Promise<JobRow | undefined> {
    const first = await this.#page(keyRange('p', key), 1);
    const aside = await this.#page(keyRange('q', key), 1);
    return [...first, ...aside].sort((a, b) => a.position - b.position)[0];
  }

  /** Pending or quarantined jobs, by key and place, from behind `after`. */
  page(
    kind: 'p' | 'q',
    key: string | undefined,
    after: JobRow | undefined,
    limit: number,
  ): Promise<JobRow[]> {
    const range = key === undefined ? kindRange(kind) : keyRange(kind, key);
    const gt = after === undefined ? range.gt : placeKey(kind, after);
    return this.#page({ ...range, gt }, limit);
  }

  async *counts(): AsyncGenerator<[key: string, counts: KeyCounts]> {
    for await (const [key, counts] of this.#level.iterator(kindRange('c'))) {
      yield [key.slice(1), counts as KeyCounts];
    }
  }

  async *breakers(): AsyncGenerator<[destination: string, saved: SavedBreaker]> {
    for await (const [key, saved] of this.#level.iterator(kindRange('b'))) {
      yield [key.slice(1), saved as SavedBreaker];
    }
  }

  async saveBreaker(destination: string, saved: SavedBreaker | undefined): Promise<void> {
    const key = `b${destination}`;
    await (saved === undefined ? this.#level.del(key) : this.#level.put(key, saved));
  }

  async #jobs(ids: readonly string[]): Promise<Map<string, StoredJob>> {
    const rows = await this.#level.getMany(ids.map((id) => `j${id}`));
    return new Map(ids.flatMap((id, at) => (rows[at] === undefined ? [] : [[id, rows[at] as StoredJob]])));
  }

  async #page(range: Range, limit: number): Promise<JobRow[]> {
    const ids = (await this.#level.values({ ...range, limit }).all()) as string[];
    const rows = await this.#jobs(ids);
    return ids.flatMap((id) => {
      const row = rows.get(id);
      return row?.status === 'pending' || row?.status === 'quarantined' ? [row] : [];
    });
  }

  async #countsAfter(
    changed: readonly string[],
    before: ReadonlyMap<string, StoredJob>,
    after: ReadonlyMap<string, StoredJob>,
  ): Promise<{ counts: Map<string, KeyCounts>; totals: Totals }> {
    const totals = { ...this.#meta.totals };
    const jobs = changed.map((id) => after.get(id)!).filter((row) => row.status !== 'foretold');
    const keys = [...new Set(jobs.map((job) => job.key))];
    const stored = (await this.#level.getMany(keys.map((key) => `c${key}`))) as (KeyCounts | undefined)[];
    const tallies = new Map(keys.map((key, at): [string, Tally] => [key, { ...NO_JOBS, ...stored[at] }]));
    for (const job of jobs) {
      const tally = tallies.get(job.key)!;
      const old = before.get(job.id);
      if (old !== undefined && old.status !== 'foretold') {
        tally[old.status] -= 1;
        totals[old.status] -= 1;
      }
      tally[job.status] += 1;
      totals[job.status] += 1;
      if (job.status === 'delivered') tally.deliveredMs = Math.max(tally.deliveredMs ?? 0, job.atMs);
    }
    return { counts: tallies, totals };
  }

  async #commit(operations: Operation[], news: Omit<Meta, 'version' | 'batch'>): Promise<void> {
    const batch = this.#meta.batch + 1;
    const meta: Meta = { ...this.#meta, ...news, batch };
    operations.push({ type: 'put', key: `w${batch % WITNESSES}`, value: batch });
    operations.push({ type: 'put', key: 'm', value: meta });
    await this.#level.batch(operations);
    this.#meta = meta;
  }
}

/** `m`, if the batches it counts are all there. */
async function soundMeta(level: Level): Promise<Meta | undefined> {
  try {
    const meta = (await level.get('m')) as Meta | undefined;
    if (meta?.version !== ROWS_VERSION) return undefined;
    const witnesses = new Set(await level.values(kindRange('w')).all());
    for (let batch = Math.max(1, meta.batch - WITNESSES + 1); batch <= meta.batch; batch += 1) {
      if (!witnesses.has(batch)) return undefined;
    }
    return meta;
  } catch (error) {
    // A row that is no JSON: damaged, so not trusted. Anything else is the database's own trouble.
    if ((error as { code?: string }).code === 'LEVEL_DECODE_ERROR') return undefined;
    throw error;
  }
}

function jobOperations(before: StoredJob | undefined, after: StoredJob): Operation[] {
  const operations: Operation[] = [{ type: 'put', key: `j${after.id}`, value: after }];
  const [from, to] = [lineKey(before), lineKey(after)];
  if (from !== undefined && from !== to) operations.push({ type: 'del', key: from });
  if (to !== undefined && from !== to) operations.push({ type: 'put', key: to, value: after.id });
  return operations;
}

/** Where a job stands in line, if it does. */
function lineKey(job: StoredJob | undefined): string | undefined {
  if (job?.status === 'pending') return placeKey('p', job);
  return job?.status === 'quarantined' ? placeKey('q', job) : undefined;
}

function placeKey(kind: 'p' | 'q', { key, position }: JobRow): string {
  return `${kind}${key}\u0000${String(position).padStart(PLACE_DIGITS, '0')}`;
}

interface Range {
  readonly gt: string;
  readonly lt: string;
}

function keyRange(kind: 'p' | 'q', key: string): Range {
  return { gt: `${kind}${key}\u0000`, lt: `${kind}${key}\u0001` };
}

function kindRange(kind: 'b' | 'c' | 'p' | 'q' | 'w'): Range {
  return { gt: kind, lt: String.fromCharCode(kind.charCodeAt(0) + 1) };
}

function laneJob({ id, position, ref, addedMs, attempts, step }: JobRow): LaneJob {
  return { id, position, ref, addedMs, attempts, step };
}

function listOf<Item>(lists: Map<string, Item[]>, key: string): Item[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
