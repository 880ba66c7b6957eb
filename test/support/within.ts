/**
 * Bounded waiting in tests. uvu has no timeout: a promise that never settles would hang the file or end it "early"
 * without a word about which wait it was.
 *
 * `within` is for one promise, `until` for a condition of another process that can only be asked again and again
 * (a port that opens, a page that changes). Inside one process use a ManualClock and no waiting at all.
 */
import { clearTimeout, setTimeout } from 'node:timers';

const ASK_EVERY_MS = 50;

/** The promise's value, or an error naming `what` once `limitMs` has passed. */
export async function within<T>(limitMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what}: not within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks until the answer is neither undefined nor false. A throwing question counts as "not yet" and is quoted. */
export async function until<T>(
  limitMs: number,
  what: string,
  ask: () => T | Promise<T>,
): Promise<Exclude<T, undefined | false>> {
  let lastRefusal = '';
  let over = false;
  const asking = async () => {
    while (!over) {
      try {
        const answer = await ask();
        if (answer !== undefined && answer !== false) {
          return answer as Exclude<T, undefined | false>;
        }
      } catch (error) {
        lastRefusal = ` (last: ${String(error)})`;
      }
      await new Promise((settle) => setTimeout(settle, ASK_EVERY_MS));
    }
    throw new Error(`${what}: given up`);
  };
  try {
    return await within(limitMs, what, asking());
  } catch (error) {
    throw lastRefusal ? new Error(`${(error as Error).message}${lastRefusal}`, { cause: error }) : error;
  } finally {
    over = true;
  }
}

/** What a suite needs to print its totals after its last hook. */
const TOTALS_MS = 1_500;

/**
 * For `suite.after` where code of others leaves timers and sockets behind: ends the process a moment later, with the exit
 * code the suite has by then.
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), TOTALS_MS);
}
