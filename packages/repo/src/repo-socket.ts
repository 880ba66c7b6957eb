/** A WebSocket as this package needs it: what `ws` hands out fits as it is. */
export interface RepoSocket {
  /** Bytes given to `send` and not taken by the network yet. */
  readonly bufferedAmount: number;
  /** 1 while it is open. */
  readonly readyState: number;
  /** `done` when the bytes left this process, or never will. */
  send(data: Uint8Array, done: (error?: Error | null) => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  ping(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

export const SOCKET_OPEN = 1;
