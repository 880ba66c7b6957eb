export { Connection } from './connection.ts';
export type {
  Admission,
  ConnectionCounters,
  ConnectionOptions,
  FrameReceiver,
  Identity,
  Peer,
} from './connection-options.ts';
export { KEEPALIVE_MISSES_MAX, KEEPALIVE_MS } from './connection-state.ts';
export {
  BACKOFF_DEFAULT,
  Dialer,
  type DialerOptions,
  type DialerStatus,
} from './dialer.ts';
export type { Closed } from './ending.ts';
export { WireError, type WireErrorCode } from './errors.ts';
export {
  type AckFrame,
  type AlarmFrame,
  type CheckpointFrame,
  ENTRIES_PER_FRAME_MAX,
  type EntriesFrame,
  FEEDS_PER_FRAME_MAX,
  type ForkFrame,
  FRAME_BYTES_MAX,
  type HaveFrame,
  type MessageFrame,
  STATUS_BYTES_MAX,
  type StatusFrame,
  type SuccessorFrame,
  type VectorFrame,
} from './frames.ts';
export { type LinkFaults, MemoryNetwork, type MemoryNetworkOptions } from './memory-network.ts';
export {
  PROTOCOL_HISTORY,
  PROTOCOL_VERSION,
  protocolFingerprint,
  SPOKEN_VERSIONS,
} from './protocol-version.ts';
export type { Transport, TransportEvents } from './transport.ts';
export {
  type Acceptor,
  type AcceptorLimits,
  type AcceptorOptions,
  type AcceptRefusal,
  acceptWebSockets,
} from './ws-acceptor.ts';
export { type DialOptions, dialWebSocket, SUBPROTOCOL } from './ws-transport.ts';
