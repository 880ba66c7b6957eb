/**
 * `GET /v1/events`: server-sent events, resumable, never more than a bounded debt per client.
 *
 *     EventLog ──listener──> queue (≤ EVENTS_QUEUED_MAX) ──while the socket takes it──> client
 *
 * Guarantees: events arrive in order and without a gap after `Last-Event-ID`, or `stream.missed` comes first and says that some
 * are gone; a client that does not keep up is told `stream.closed` with `SLOW_CONSUMER` and dropped, at no cost for the others; a
 * revoked till loses its stream at the next heartbeat; every stream ends with a reason when the node stops.
 *
 * The queue holds references to events the node has anyway, not copies; bytes are made when the socket takes them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type NodeEventType, ProblemError, type StreamClosed } from '@branchline/model';
import type { Clock, Timer } from 'hlc-ts';
import type { EventService, IdentifiedEvent } from '../services.ts';
import {
  EVENT_FAREWELL_MS,
  EVENT_HEARTBEAT_MS,
  EVENT_SOCKET_BYTES_MAX,
  EVENT_STREAMS_MAX,
  EVENTS_QUEUED_MAX,
} from './limits.ts';

const RETRY_MS = 2_000;

const farewells: Readonly<Record<StreamClosed['code'], string>> = {
  SLOW_CONSUMER: 'Events were not read fast enough; reconnect with Last-Event-ID.',
  NODE_STOPPING: 'The node is stopping; reconnect with Last-Event-ID.',
  TILL_REVOKED: 'The token of this till was revoked.',
};

export interface EventStreamsPorts {
  readonly events: EventService;
  readonly clock: Clock;
}

/** All open streams of a node. */
export class EventStreams {
  readonly #ports: EventStreamsPorts;
  readonly #open = new Set<EventStream>();
  #closed = false;

  constructor(ports: EventStreamsPorts) {
    this.#ports = ports;
  }

  /** Serves one client until it leaves. `isAllowed` is asked at every heartbeat. */
  serve(request: IncomingMessage, response: ServerResponse, isAllowed: () => boolean): void {
    if (this.#closed) {
      throw new ProblemError('NODE_STOPPING', 'The node is stopping.');
    }
    if (this.#open.size >= EVENT_STREAMS_MAX) {
      throw new ProblemError('OVERLOADED', `${EVENT_STREAMS_MAX} event streams are open.`, {
        retryAfterSeconds: 5,
      });
    }
    const lastId = request.headers['last-event-id'];
    const stream = new EventStream(response, this.#ports, isAllowed, () => this.#open.delete(stream));
    this.#open.add(stream);
    stream.start(typeof lastId === 'string' && lastId !== '' ? lastId : undefined);
  }

  get open(): number {
    return this.#open.size;
  }

  /** Called when the node stops: every client is told. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#open) {
      stream.close('NODE_STOPPING');
    }
  }
}

class EventStream {
  readonly #response: ServerResponse;
  readonly #ports: EventStreamsPorts;
  readonly #isAllowed: () => boolean;
  readonly #onEnd: () => void;
  readonly #queue: IdentifiedEvent[] = [];
  #unsubscribe: () => void = () => {};
  #timer: Timer | undefined;
  /** False until what was missed is said: no event may pass that. */
  #started = false;
  #ended = false;

  constructor(
    response: ServerResponse,
    ports: EventStreamsPorts,
    isAllowed: () => boolean,
    onEnd: () => void,
  ) {
    this.#response = response;
    this.#ports = ports;
    this.#isAllowed = isAllowed;
    this.#onEnd = onEnd;
  }

  start(afterId: string | undefined): void {
    const response = this.#response;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'X-Accel-Buffering': 'no',
    });
    response.socket?.setNoDelay(true);
    response.on('close', () => this.#end());
    response.on('drain', () => this.#pump());
    response.write(`retry: ${RETRY_MS}\n\n`);
    const subscription = this.#ports.events.subscribe(afterId, (event) => this.#enqueue(event));
    this.#unsubscribe = subscription.unsubscribe;
    if (this.#ended) {
      subscription.unsubscribe();
      return;
    }
    if (subscription.missed) {
      response.write(frame('stream.missed', { after: afterId ?? '' }));
    }
    this.#started = true;
    this.#pump();
    this.#beat();
  }

  /** Says why, then hangs up; the socket is cut if the client does not even read that. */
  close(code: StreamClosed['code']): void {
    if (this.#ended) {
      return;
    }
    this.#end();
    this.#response.end(frame('stream.closed', { code, words: farewells[code] }));
    this.#timer = this.#ports.clock.setTimer(EVENT_FAREWELL_MS, () => this.#response.destroy());
    this.#response.once('close', () => this.#timer?.cancel());
  }

  #enqueue(event: IdentifiedEvent): void {
    if (this.#ended) {
      return;
    }
    if (this.#queue.length >= EVENTS_QUEUED_MAX) {
      this.close('SLOW_CONSUMER');
      return;
    }
    this.#queue.push(event);
    this.#pump();
  }

  #pump(): void {
    let sent = 0;
    while (!this.#ended && this.#started && sent < this.#queue.length) {
      if (this.#response.writableLength >= EVENT_SOCKET_BYTES_MAX) {
        break;
      }
      const event = this.#queue[sent]!;
      sent += 1;
      this.#response.write(frame(event.type, event.data, event.id));
    }
    if (sent > 0) {
      this.#queue.splice(0, sent);
    }
  }

  #beat(): void {
    this.#timer = this.#ports.clock.setTimer(EVENT_HEARTBEAT_MS, () => {
      if (!this.#isAllowed()) {
        this.close('TILL_REVOKED');
        return;
      }
      if (this.#response.writableLength < EVENT_SOCKET_BYTES_MAX) {
        this.#response.write(':\n\n');
      }
      this.#beat();
    });
  }

  #end(): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#timer?.cancel();
    this.#unsubscribe();
    this.#queue.length = 0;
    this.#onEnd();
  }
}

function frame(type: NodeEventType, data: unknown, id?: string): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return `${idLine}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
