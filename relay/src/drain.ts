/**
 * Making way for a successor: a relay that is to be replaced takes in no more devices, lets the connected ones get what is
 * here, says goodbye, and its program ends.
 *
 *   serving ──asked──▶ draining ──everybody has it, or waitMs is over──▶ drained
 *
 * What must arrive is fixed when the drain begins: shops go on selling, so "nothing under way" would never come. A device that is
 * late loses nothing: the entries are on the disk of this relay, and the successor that gets its folder hands them over.
 * `/readyz` refuses from the first moment, so a balancer in front sends nobody here any more.
 *
 * Does not: copy the folder. That is `branchline backup`, after the end, when nothing can be added to it.
 */
import {
  collectionOf,
  type FeedName,
  type FeedStore,
  type Registry,
  type WriterId,
  writerOf,
} from '@branchline/feed';
import type { Clock } from 'hlc-ts';

/** Asked for nothing else, a drain waits this long for devices that are behind. */
export const DRAIN_WAIT_MS = 10_000;
export const DRAIN_WAIT_MS_MAX = 600_000;
const LOOK_EVERY_MS = 50;

export interface DrainOptions {
  readonly store: Pick<FeedStore, 'feeds'>;
  readonly registry: Pick<Registry, 'mayRead' | 'members'>;
  readonly sessions: {
    connected(): readonly WriterId[];
    held(writer: WriterId): Pick<ReadonlyMap<FeedName, number>, 'get'> | undefined;
  };
  readonly clock: Clock;
}

/** What a drain came to: `behind` names connected devices that lack entries they may read; they get them from the successor. */
export interface Drained {
  readonly devices: number;
  readonly behind: readonly {
    readonly branch: string;
    readonly writer: WriterId;
    readonly entries: number;
  }[];
}

export class Drain {
  readonly #options: DrainOptions;
  /** Resolves when the drain is over and its answer is on the way: the program must end. */
  readonly drained: Promise<void>;
  #drained: () => void = () => {};
  #outcome: Promise<Drained> | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.drained = new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  get isDraining(): boolean {
    return this.#outcome !== undefined;
  }

  /** Idempotent: who asks again waits for the same end. */
  begin(waitMs: number): Promise<Drained> {
    this.#outcome ??= this.#run(waitMs);
    return this.#outcome;
  }

  /** Called when the answer has left. */
  end(): void {
    this.#drained();
  }

  async #run(waitMs: number): Promise<Drained> {
    const { store, sessions, clock } = this.#options;
    const heads = new Map([...store.feeds()].map(([feed, { head }]) => [feed, head.seq]));
    const devices = sessions.connected();
    const endsAt = clock.monotonicMs() + waitMs;
    let behind = this.#behind(devices, heads);
    while (behind.length > 0 && clock.monotonicMs() < endsAt) {
      await clock.sleep(LOOK_EVERY_MS);
      behind = this.#behind(devices, heads);
    }
    return { devices: devices.length, behind };
  }

  /** Of these devices, those still connected that lack something of `heads`. */
  #behind(devices: readonly WriterId[], heads: ReadonlyMap<FeedName, number>): Drained['behind'] {
    const { registry, sessions } = this.#options;
    const still = new Set(sessions.connected());
    const branchOf = new Map(registry.members().map(({ writer, grant }) => [writer, grant.branch]));
    return devices
      .filter((writer) => still.has(writer))
      .map((writer) => {
        const held = sessions.held(writer);
        let entries = 0;
        for (const [feed, seq] of heads) {
          if (writerOf(feed) !== writer && registry.mayRead(writer, collectionOf(feed))) {
            entries += Math.max(0, seq - (held?.get(feed) ?? 0));
          }
        }
        return { branch: branchOf.get(writer) ?? '', writer, entries };
      })
      .filter(({ entries }) => entries > 0);
  }
}
