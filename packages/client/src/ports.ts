/**
 * What the SDK needs from its surroundings. `Clock` and `Random` of the `hlc-ts` package fit as they are; tests hand in manual
 * ones.
 */

export interface ClientClock {
  /** Called when a key is made. Milliseconds since 1970; only has to be roughly right. */
  nowMs(): number;
  /** Called before a retry, and as the time limit of an attempt. Rejects when the signal aborts. */
  sleep(ms: number, options?: { signal?: AbortSignal }): Promise<void>;
}

/** Called for jitter: a number in [0, 1). */
export type ClientRandom = () => number;

/** Called once per attempt; `globalThis.fetch` fits. */
export type ClientFetch = (url: string, init: ClientRequest) => Promise<ClientReply>;

export interface ClientRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface ClientReply {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}
