/**
 * A bound store with a disk that can be made to hang or to fail, and that says what is really saved. After `crash` the
 * process that had it open writes no more; the next one opens the same disk with `load`.
 */
import { type Stamp, type UpperBoundStore, ZERO_STAMP } from '../../src/index.ts';

export class HangingBound implements UpperBoundStore {
  saved: Stamp;
  /** Every bound that reached the disk, in order. */
  readonly history: Stamp[] = [];
  #held: (() => void)[] | undefined;
  #failure: Error | undefined;

  constructor(saved: Stamp = ZERO_STAMP) {
    this.saved = saved;
  }

  hang(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  failWith(failure: Error | undefined): void {
    this.#failure = failure;
  }

  /** The disk as one process sees it: cut off when that process crashes. */
  opened(): { store: UpperBoundStore; crash: () => void } {
    let alive = true;
    const store: UpperBoundStore = {
      load: () => this.load(),
      save: (bound) => (alive ? this.save(bound, () => alive) : new Promise(() => {})),
    };
    return {
      store,
      crash: () => {
        alive = false;
      },
    };
  }

  async load(): Promise<Stamp> {
    return this.saved;
  }

  async save(bound: Stamp, alive: () => boolean = () => true): Promise<void> {
    const held = this.#held;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    if (!alive()) return;
    if (this.#failure !== undefined) throw this.#failure;
    this.history.push(bound);
    this.saved = bound;
  }
}
