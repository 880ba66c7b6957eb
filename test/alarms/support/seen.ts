/** What a story of faults does with the chain, and the alarms it waits for. */
import { until } from '../../support/within.ts';
import type { Installation } from './installation.ts';

/** For a machine that others use, too. */
export const FIRE_LIMIT_MS = 180_000;
const END_LIMIT_MS = 240_000;

export interface Faults {
  readonly chain: Installation;
  /** All of them stand, at the same moment or one after another. `NodeDown@B001` is that of one branch. */
  fires(...names: string[]): Promise<void>;
  /** None of them stands. */
  ends(...names: string[]): Promise<void>;
}

/** `driven` collects what stood. */
export function faultsOf(chain: Installation, driven: Set<string>): Faults {
  const { prometheus } = chain;
  return {
    chain,
    async fires(...names) {
      const missing = new Set(names.map((name) => `Branchline${name}`));
      await until(FIRE_LIMIT_MS, `fires: ${names.join()}`, async () => {
        for (const name of await prometheus.standing()) {
          missing.delete(name);
        }
        return none([...missing]);
      });
      for (const name of names) {
        driven.add(`Branchline${name.split('@')[0]}`);
      }
    },
    async ends(...names) {
      await until(END_LIMIT_MS, `ends: ${names.join()}`, async () => {
        const standing = await prometheus.standing();
        return none(names.filter((name) => standing.has(`Branchline${name}`)));
      });
    },
  };
}

/** Quoted when the wait is over. */
function none(names: readonly string[]): true {
  if (names.length > 0) {
    throw new Error(names.join());
  }
  return true;
}
