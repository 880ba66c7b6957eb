/**
 * Where a hybrid clock keeps the promise it makes to its next incarnation: no stamp above the saved bound has been
 * given out, so starting at the bound never repeats one.
 */
import { type Stamp, ZERO_STAMP } from './stamp.ts';

export interface UpperBoundStore {
  /** Called once when a clock opens. `ZERO_STAMP` when nothing was ever saved. */
  load(): Promise<Stamp>;
  /** Called ahead of need. Resolves only when the bound would survive a power cut. Never called concurrently. */
  save(bound: Stamp): Promise<void>;
}

/** A bound that outlives a clock but not the process: for tests, and for clocks whose stamps are not kept. */
export function memoryBound(initial: Stamp = ZERO_STAMP): UpperBoundStore {
  let saved = initial;
  return {
    load: async () => saved,
    save: async (bound) => {
      saved = bound;
    },
  };
}
