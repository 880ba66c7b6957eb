/**
 * The transport port: an ordered stream of binary messages to one peer, declared by `Connection`, in its words.
 *
 * Implementations: WebSocket (ws-transport.ts) and the in-memory network for tests and simulation (memory-network.ts). A
 * transport may lose, double or reorder messages; frame sequence numbers turn that into a closed connection. It
 * must not alter a message, nor keep the bytes it was given after `send` returns unless nobody else writes to them.
 */
export interface TransportEvents {
  /** Called with each message, in order of arrival. */
  readonly onMessage: (message: Uint8Array) => void;
  /** Called once, when the stream is gone for whatever reason; never before `start`, nothing follows it. */
  readonly onClose: (reason: string) => void;
}

export interface Transport {
  /**
   * What this stream is bound to, e.g. `branch-relay.example/replicate`. Both ends must come to the same words; they are
   * part of what the handshake signs, so a peer in the middle cannot pass our proof on to somebody else.
   */
  readonly channel: string;
  /** Who is at the other end, for logs. */
  readonly remote: string;
  /** Bytes given to `send` that have not left this process yet. */
  readonly bufferedBytes: number;
  /** Called once, by Connection, before anything is received: messages wait until then. */
  start(events: TransportEvents): void;
  /** Called with each message to send. After the stream is gone it does nothing. */
  send(message: Uint8Array): void;
  /** Called by Connection when the peer has proved who it is: limits for strangers end here. */
  admitted(): void;
  /** Called to close in order: what was sent is still delivered. Idempotent. */
  end(): void;
  /** Called to close at once. Idempotent. */
  terminate(): void;
}
