/**
 * What is done for documents when nobody waits for a commit: changes of others are applied and snapshots are taken.
 *
 *     what waits                                     when its turn comes
 *     a live change (a price, a customer)            at once, whatever else is waited for, on a busy node too
 *     movements of other branches                    when none came for `GATHER_MS`, `STOCK_WITHIN_MS` at most
 *     a catch-up: changes of one kind by the dozen  when no catch-up comes any more, `CATCH_UP_WITHIN_MS` at most
 *     a snapshot, own changes a document lags behind when nothing else waits
 *
 * A catch-up is gathered because a document takes a thousand changes at once for a fraction of what a hundred small turns cost, and
 * because a branch that returns has better things to do at that moment: to send, and to sell. What a region missed comes from one
 * branch after another: the longer it has been coming, the longer the lull that ends it. Each kind of document is counted for
 * itself, so that neither the movements of a busy day nor an import of the catalog keep a customer waiting; catch-ups of several
 * kinds are over together.
 *
 * A busy node is left alone for a while, but not for ever. Snapshots can wait longer, because a document that is never idle has a
 * limit of its own (`SNAPSHOT_BUSY_BYTES`). Between two slices the event loop is free, so a sale during an eight-hour catch-up
 * keeps its latency.
 */
import type { DocName } from '@branchline/docs';
import type { Clock } from 'hlc-ts';
import type { Rows } from './rows.ts';
import { type DocumentKind, kindOf, type Shards } from './shards.ts';

/** How long a busy node may keep waiting what comes in numbers: movements, and a catch-up. */
export const MATERIALISE_WITHIN_MS = 250;
/** So many changes of one kind since all of that kind were applied are a catch-up. */
export const CATCH_UP_CHANGES = 32;
/** A catch-up is over when nothing came for so long, counted in rests (`#quietMs`), */
export const CATCH_UP_QUIET_MS = 3_000;
/** and for this share of the time in which it came, if that is longer, */
export const CATCH_UP_LULL_SHARE = 0.5;
/** but not for more than this; */
export const CATCH_UP_LULL_MAX_MS = 5_000;
/** or after this, however much is still coming: prices must arrive. */
export const CATCH_UP_WITHIN_MS = 30_000;
/** Between two looks at whether it is. */
const CATCH_UP_CHECK_MS = 200;
/** How long movements of other branches may wait for more of them to be applied together. */
export const STOCK_WITHIN_MS = 1_000;
/** Without a movement for this long, those that wait are applied. */
export const GATHER_MS = 20;
/** Without a change of this device for this long, documents take in what they lag behind. */
export const QUIET_MS = 250;
/** Between two looks at whether the node is idle. */
const IDLE_CHECK_MS = 5;

export interface UpkeepOptions {
  readonly shards: Shards;
  readonly rows: Rows;
  readonly clock: Clock;
  /** True while tills wait for a commit. */
  readonly busy: () => boolean;
}

/** Runs until `signal` aborts; throws when rows or documents are broken. */
export async function runUpkeep(options: UpkeepOptions, signal: AbortSignal): Promise<void> {
  const upkeep = new Upkeep(options, signal);
  const stop = () => options.shards.wake();
  signal.addEventListener('abort', stop, { once: true });
  while (!signal.aborted) {
    if (await upkeep.turn()) {
      options.rows.startFlush();
      await options.rows.settled();
      await options.clock.yield();
    }
  }
  signal.removeEventListener('abort', stop);
}

/** Changes of one kind: how many had come when all of them were applied, and since when there has been a catch-up. */
interface Tide {
  drained: number;
  catchUpMs: number | undefined;
}

class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #signal: AbortSignal;
  readonly #tides = new Map<DocumentKind, Tide>();
  /** Since when something that comes in numbers has been next: what is live passes it, but not for ever. */
  #gatheredMs: number | undefined;
  /**
   * Rests since anything of a catch-up came. Not time: on a machine that has too much to do a rest is long, what comes is late for the
   * same reason, and applying in between would make both worse.
   */
  #quietMs = 0;
  /** When the last of a catch-up came that `#quietMs` counts from (monotonic). */
  #lastMs = 0;

  constructor(options: UpkeepOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** One thing, or a wait; true when there may be rows to write. */
  async turn(): Promise<boolean> {
    const { shards, busy } = this.#options;
    const { live, gathered, waits } = this.#next();
    if (live !== undefined) {
      await shards.materialise(live);
      return true;
    }
    if (gathered !== undefined) {
      if (!(await this.#mayApply(gathered))) {
        return false;
      }
      await shards.materialise(gathered);
      return true;
    }
    if (waits) {
      if (await this.#rest(CATCH_UP_CHECK_MS)) {
        this.#quietMs += CATCH_UP_CHECK_MS;
      }
      return false;
    }
    const due = shards.nextToSnapshot();
    if (due === undefined) {
      await this.#levelOrSleep();
      return false;
    }
    if (busy() || shards.isChanging(due)) {
      await this.#rest(MATERIALISE_WITHIN_MS);
      return false;
    }
    await shards.snapshot(due);
    return true;
  }

  /** Documents whose turn has come: with live changes, and with such as come in numbers. `waits`: a catch-up goes on. */
  #next(): { readonly live?: DocName; readonly gathered?: DocName; readonly waits: boolean } {
    const first = new Map<DocumentKind, DocName>();
    for (const doc of this.#options.shards.pendingDocuments()) {
      if (!first.has(kindOf(doc))) {
        first.set(kindOf(doc), doc);
      }
    }
    for (const [kind, tide] of this.#tides) {
      if (!first.has(kind)) {
        tide.drained = this.#options.shards.arrived(kind).changes;
        tide.catchUpMs = undefined;
      }
    }
    let gathered: DocName | undefined;
    let waits = false;
    const catchUps = [...first.keys()].filter((kind) => this.#isCatchUp(kind));
    const isComing = this.#isComing(catchUps);
    for (const [kind, doc] of first) {
      const isCatchUp = catchUps.includes(kind);
      if (isCatchUp && isComing && !this.#isDue(kind)) {
        waits = true;
      } else if (kind !== 'stock' && !isCatchUp) {
        return { live: doc, waits };
      } else if (gathered === undefined || kind !== 'stock') {
        gathered = doc;
      }
    }
    return gathered === undefined ? { waits } : { gathered, waits };
  }

  #isCatchUp(kind: DocumentKind): boolean {
    const { shards, clock } = this.#options;
    const { changes } = shards.arrived(kind);
    let tide = this.#tides.get(kind);
    if (tide === undefined) {
      tide = { drained: 0, catchUpMs: undefined };
      this.#tides.set(kind, tide);
    }
    if (changes - tide.drained < CATCH_UP_CHANGES) {
      return false;
    }
    tide.catchUpMs ??= clock.monotonicMs();
    return true;
  }

  /** Is more of these catch-ups to be expected? */
  #isComing(kinds: readonly DocumentKind[]): boolean {
    const fromMs = Math.min(...kinds.map((kind) => this.#tides.get(kind)!.catchUpMs!));
    const lastMs = Math.max(...kinds.map((kind) => this.#options.shards.arrived(kind).lastMs));
    const lullMs = Math.min(CATCH_UP_LULL_MAX_MS, CATCH_UP_LULL_SHARE * (lastMs - fromMs));
    if (lastMs > this.#lastMs) {
      this.#lastMs = lastMs;
      this.#quietMs = 0;
    }
    return this.#quietMs < Math.max(CATCH_UP_QUIET_MS, lullMs);
  }

  #isDue(kind: DocumentKind): boolean {
    return this.#options.clock.monotonicMs() - this.#tides.get(kind)!.catchUpMs! >= CATCH_UP_WITHIN_MS;
  }

  /** False when something live came meanwhile, which goes first. */
  async #mayApply(doc: DocName): Promise<boolean> {
    this.#gatheredMs ??= this.#options.clock.monotonicMs();
    if (kindOf(doc) === 'stock') {
      await this.#gather(this.#gatheredMs + STOCK_WITHIN_MS);
      await this.#patience(this.#gatheredMs + STOCK_WITHIN_MS);
    } else {
      await this.#patience(this.#gatheredMs + MATERIALISE_WITHIN_MS);
    }
    if (this.#signal.aborted || this.#next().live !== undefined) {
      return false;
    }
    this.#gatheredMs = undefined;
    return true;
  }

  /** Movements of a branch come in floods, and many changes applied together cost less than one by one. */
  async #gather(untilMs: number): Promise<void> {
    const { shards, clock } = this.#options;
    for (let seen = -1; seen !== shards.arrived('stock').changes; ) {
      seen = shards.arrived('stock').changes;
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0 || !(await this.#rest(Math.min(GATHER_MS, leftMs)))) {
        return;
      }
    }
  }

  /** While tills wait for a commit. */
  async #patience(untilMs: number): Promise<void> {
    const { clock, busy } = this.#options;
    while (busy() && clock.monotonicMs() < untilMs) {
      if (!(await this.#rest(IDLE_CHECK_MS))) {
        return;
      }
    }
  }

  /** What own changes a document lags behind is taken in once nobody has changed anything for a while. */
  async #levelOrSleep(): Promise<void> {
    const { shards, busy } = this.#options;
    const lagging = shards.nextLagging();
    if (lagging === undefined) {
      await shards.untilWoken();
      return;
    }
    const seen = shards.ownChanges;
    if ((await this.#rest(QUIET_MS)) && seen === shards.ownChanges && !busy()) {
      await shards.documents.level(lagging);
    }
  }

  /** Waits, unless something live is there or comes: then false, at once. */
  async #rest(ms: number): Promise<boolean> {
    const { shards, clock } = this.#options;
    const untilMs = clock.monotonicMs() + ms;
    while (!this.#signal.aborted && this.#next().live === undefined) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) {
        return true;
      }
      const over = new AbortController();
      const woken = shards.untilNews();
      await Promise.race([clock.sleep(leftMs, { signal: over.signal }).catch(() => undefined), woken]);
      over.abort();
    }
    return false;
  }
}
