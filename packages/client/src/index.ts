/** Typed SDK for tills. */
export { ClientError, type ClientErrorCode } from './errors.ts';
export { type EventOptions, SILENCE_MS } from './event-feed.ts';
export type { ClientClock, ClientFetch, ClientRandom, ClientReply, ClientRequest } from './ports.ts';
export {
  ANSWER_BYTES_MAX,
  ATTEMPT_TIMEOUT_MS,
  ATTEMPTS_MAX,
  RETRY_BASE_MS,
  RETRY_CAP_MS,
} from './retrying-request.ts';
export { EVENT_CHARS_MAX } from './sse-parser.ts';
export {
  type CallOptions,
  type OrderOptions,
  type PlainOrder,
  TillClient,
  type TillClientOptions,
  type WriteOptions,
  type Written,
} from './till-client.ts';
