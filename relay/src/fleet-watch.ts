/**
 * The fleet page kept current: computes rows when they are asked for, and tells listeners once a second which rows changed.
 *
 * Costs nothing while nobody listens. Which feeds a device may read is computed once per change of the registry and for new
 * feeds, not per row: 200 devices and 600 feeds are 120 000 grant checks.
 */
import {
  collectionOf,
  DurableMarks,
  type FeedName,
  type FeedStore,
  type ForkEvidence,
  type Member,
  type Registry,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { DeviceRow, FeedLag } from '@branchline/pages';
import type { Clock } from 'hlc-ts';
import type { EventLog } from './event-log.ts';
import { fleetRows } from './fleet.ts';
import type { Sessions } from './sessions.ts';

/** The page is never older than this. */
export const FLEET_EVERY_MS = 1_000;

export interface FleetWatchOptions {
  readonly registry: Registry;
  readonly self: WriterId;
  readonly store: FeedStore;
  readonly sessions: Pick<Sessions, 'contact' | 'reported' | 'held'>;
  readonly events: EventLog;
  readonly clock: Clock;
  /** Feeds known to have two histories. */
  readonly forks: () => readonly ForkEvidence[];
}

export class FleetWatch {
  readonly #options: FleetWatchOptions;
  readonly #marks: DurableMarks;
  readonly #readable = new Map<WriterId, { position: number; seen: number; feeds: FeedName[] }>();
  readonly #lastEntryMs = new Map<WriterId, number>();
  readonly #told = new Map<string, string>();
  readonly #stopWatching: () => void;

  constructor(options: FleetWatchOptions) {
    this.#options = options;
    this.#marks = new DurableMarks(options.clock.nowMs());
    this.#stopWatching = options.store.watch((appended) => {
      const nowMs = options.clock.nowMs();
      this.#marks.add(appended, nowMs);
      for (const { feed } of appended.runs) {
        this.#lastEntryMs.set(writerOf(feed), nowMs);
      }
    });
  }

  rows(): readonly DeviceRow[] {
    const { registry, self, sessions, forks } = this.#options;
    return fleetRows({
      registry,
      self,
      contact: (writer) => sessions.contact(writer),
      reported: (writer) => sessions.reported(writer),
      lag: (member) => this.#lag(member),
      lastEntryMs: (writer) => this.#lastEntryMs.get(writer),
      forked: (writer) => forks().filter(({ feed }) => writerOf(feed) === writer),
    });
  }

  async run({ signal, hasListeners }: { signal: AbortSignal; hasListeners: () => boolean }): Promise<void> {
    const { clock, events } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(FLEET_EVERY_MS, { signal }).catch(() => undefined);
      if (signal.aborted || !hasListeners()) {
        continue;
      }
      const changed = this.rows().filter((row) => this.#isNews(row));
      if (changed.length > 0) {
        events.add({ type: 'fleetChanged', devices: changed });
      }
    }
    this.#stopWatching();
  }

  /** Being in contact goes on every moment and is no news. */
  #isNews(row: DeviceRow): boolean {
    const key = `${row.branch}/${row.writer ?? row.inviteExpiresAt}`;
    const text = JSON.stringify({ ...row, lastContact: row.online ? null : row.lastContact });
    if (this.#told.get(key) === text) {
      return false;
    }
    this.#told.set(key, text);
    return true;
  }

  #lag(member: Member): FeedLag[] {
    const { store, clock, sessions } = this.#options;
    const nowMs = clock.nowMs();
    const lags: FeedLag[] = [];
    const held = sessions.held(member.writer);
    for (const feed of this.#feedsFor(member)) {
      const seq = store.feeds().get(feed)?.head.seq ?? 0;
      const there = held?.get(feed) ?? 0;
      if (there < seq) {
        const waitingMs = nowMs - this.#marks.durableMs(feed, there + 1);
        lags.push({
          feed,
          missingThere: seq - there,
          missingHere: 0,
          seconds: Math.max(0, waitingMs / 1000),
        });
      }
    }
    for (const [feed, seq] of sessions.reported(member.writer)?.report.heads ?? []) {
      const here = store.feeds().get(feed as FeedName)?.head.seq ?? 0;
      if (writerOf(feed as FeedName) === member.writer && here < seq) {
        lags.push({ feed: feed as FeedName, missingThere: 0, missingHere: seq - here, seconds: 0 });
      }
    }
    return lags;
  }

  /** Feeds of others that the device may read. */
  #feedsFor({ writer }: Member): readonly FeedName[] {
    const { registry, store } = this.#options;
    const { position } = registry;
    let known = this.#readable.get(writer);
    if (known?.position !== position) {
      known = { position, seen: 0, feeds: [] };
      this.#readable.set(writer, known);
    }
    if (known.seen < store.feeds().size) {
      // Feeds are only ever added, at the end.
      for (const feed of [...store.feeds().keys()].slice(known.seen)) {
        if (writerOf(feed) !== writer && registry.mayRead(writer, collectionOf(feed))) {
          known.feeds.push(feed);
        }
      }
      known.seen = store.feeds().size;
    }
    return known.feeds;
  }
}
