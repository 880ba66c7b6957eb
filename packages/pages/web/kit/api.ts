/**
 * The ports of the SDK in a browser, and whether the program behind the page answers.
 *
 * `Reach` is told by every request: one that got any answer has reached the program, one that got none has not. While it is away its
 * open door (`/healthz`) is tried every second, so that its return is noticed at once and not after a long wait of some retry.
 */
import type { ClientClock, ClientFetch, ClientReply, ClientRequest } from '@branchline/client';

const KNOCK_EVERY_MS = 1_000;

export const browserClock: ClientClock = {
  nowMs: () => Date.now(),
  sleep: (ms, { signal } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, ms);
      signal?.addEventListener('abort', stop, { once: true });
    }),
};

export const browserRandom = (): number => Math.random();

export class Reach {
  readonly #listeners = new Set<(isHere: boolean) => void>();
  #isHere = true;
  #awaySinceMs: number | undefined;
  #knocking: ReturnType<typeof setInterval> | undefined;

  get isHere(): boolean {
    return this.#isHere;
  }

  get awaySinceMs(): number | undefined {
    return this.#awaySinceMs;
  }

  /** Called when the program goes away or comes back. Answers how to stop listening. */
  watch(listener: (isHere: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `fetch`, for the SDK. */
  readonly fetch: ClientFetch = async (url, init) => {
    try {
      const response = await fetch(url, init as RequestInit);
      this.#set(true);
      return replyOf(response, () => this.#set(false));
    } catch (error) {
      // What the page itself gave up says nothing of the program.
      if (!(init as ClientRequest).signal.aborted) {
        this.#set(false);
      }
      throw error;
    }
  };

  #set(isHere: boolean): void {
    if (isHere === this.#isHere) {
      return;
    }
    this.#isHere = isHere;
    this.#awaySinceMs = isHere ? undefined : Date.now();
    if (isHere) {
      clearInterval(this.#knocking);
    } else {
      this.#knocking = setInterval(() => void this.#knock(), KNOCK_EVERY_MS);
    }
    for (const listener of this.#listeners) {
      listener(isHere);
    }
  }

  async #knock(): Promise<void> {
    const answer = await fetch('/healthz', { cache: 'no-store' }).catch(() => undefined);
    if (answer !== undefined && answer.status < 500) {
      this.#set(true);
    }
  }
}

/** Streams are not iterable in every browser; a stream that breaks tells of it. */
function replyOf(response: Response, onBroken: () => void): ClientReply {
  const { status, headers, body } = response;
  return { status, headers, body: body === null ? null : chunks(body, onBroken) };
}

async function* chunks(
  body: ReadableStream<Uint8Array>,
  onBroken: () => void,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        if (!(error instanceof DOMException && error.name === 'AbortError')) {
          onBroken();
        }
        throw error;
      });
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
