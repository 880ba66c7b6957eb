/** Every bound of the HTTP edge. What a body may hold is bounded in the model; here is what a connection may do. */

/** Bytes of headers; more is answered with 431. */
export const HEADER_BYTES_MAX = 16 * 1024;
/** Connections of one node: tills, pages, peers. */
export const CONNECTIONS_MAX = 1024;
/** A client gets this long to send its headers, and its whole request. */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 15_000;
/** How often that is looked at; Node.js would look every 30 s. */
export const TIMEOUTS_CHECKED_MS = 2_000;
/** An idle connection is kept open this long. */
export const KEEP_ALIVE_MS = 60_000;
/** Requests being served at once; more are answered OVERLOADED. */
export const REQUESTS_IN_FLIGHT_MAX = 512;
/** Files being taken in at once, each held in memory with what it unpacks to; more are answered OVERLOADED. */
export const UPLOADS_IN_FLIGHT_MAX = 1;
/** A refused body is read and thrown away up to here, so that the client sees the answer; then the socket is cut. */
export const DISCARDED_BYTES_MAX = 1024 * 1024;
/**
 * Requests of one till per second, and how many may come at once. Far above any till (a fast cashier needs one or two) and
 * about what a node can serve at all: a till in a loop is stopped, a load test is not.
 */
export const TILL_REQUESTS_PER_SECOND = 5_000;
export const TILL_REQUESTS_BURST = 5_000;
/** Tills whose rate is remembered; the longest idle is forgotten first. */
export const RATED_TILLS_MAX = 1_000;
/** Open event streams. */
export const EVENT_STREAMS_MAX = 256;
/** WebSockets of live documents. */
export const LIVE_SOCKETS_MAX = 64;
/** Events waiting for one slow client; one more and it is dropped. Holds a whole replay of the event log. */
export const EVENTS_QUEUED_MAX = 8_192;
/** Bytes handed to a client's socket and not taken by it yet; above, events wait in the queue. */
export const EVENT_SOCKET_BYTES_MAX = 64 * 1024;
/** A comment keeps a quiet stream alive, and shows that the till still may listen. */
export const EVENT_HEARTBEAT_MS = 15_000;
/** A client told to go gets this long to read why. */
export const EVENT_FAREWELL_MS = 2_000;
