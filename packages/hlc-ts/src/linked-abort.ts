/**
 * One signal for several reasons to stop waiting.
 *
 * Why not `AbortSignal.any`: Node keeps what it returns by a weak reference and drops it when the collector comes by, so a long-lived
 * source grows with every wait of its life, and whether a wake-up arrives may depend on the collector. A link is held by its sources until
 * `unlink`, and by nothing afterwards.
 */
import type { Clock } from './clock.ts';

export interface LinkedAbort {
  /** Aborts with the reason of the first source that does; at once when one already has. */
  readonly signal: AbortSignal;
  /** Called when the wait is over; nothing of it stays on the sources. Calling it again does nothing. */
  unlink(): void;
}

export function linkAborts(...sources: readonly AbortSignal[]): LinkedAbort {
  const link = new AbortController();
  const links = sources.map((source) => {
    const abort = (): void => link.abort(source.reason);
    source.addEventListener('abort', abort, { once: true });
    return () => source.removeEventListener('abort', abort);
  });
  const ended = sources.find(({ aborted }) => aborted);
  if (ended !== undefined) {
    link.abort(ended.reason);
  }
  return {
    signal: link.signal,
    unlink: () => {
      for (const remove of links) {
        remove();
      }
    },
  };
}

/** Waits until `ms` are over or one of the signals aborts, whichever comes first; never rejects. */
export async function doze(clock: Clock, ms: number, ...signals: readonly AbortSignal[]): Promise<void> {
  const { signal, unlink } = linkAborts(...signals);
  await clock.sleep(ms, { signal }).catch(() => undefined);
  unlink();
}
