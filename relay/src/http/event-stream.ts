/**
 * Server-sent events over the event log, resumable with `Last-Event-ID`.
 *
 * A listener that does not read is dropped once its buffer passes a limit: it comes back and resumes. A comment every few
 * seconds keeps proxies from closing a quiet stream.
 */
import type { Request, Response } from 'express';
import type { Clock } from 'hlc-ts';
import { RelayError } from '../errors.ts';
import type { EventLog, NumberedEvent } from '../event-log.ts';

export const LISTENERS_MAX = 64;
const BUFFER_BYTES_MAX = 1_048_576;
const KEEPALIVE_MS = 15_000;

export class EventStream {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #open = new Set<Response>();

  constructor(log: EventLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  get listeners(): number {
    return this.#open.size;
  }

  serve(request: Request, response: Response): void {
    if (this.#open.size >= LISTENERS_MAX) {
      throw new RelayError('TOO_MANY_REQUESTS', `${LISTENERS_MAX} listeners are served already`, {
        retryable: true,
      });
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    this.#open.add(response);
    const stop = this.#follow(response);
    response.once('close', () => {
      stop();
      this.#open.delete(response);
    });
    const resumeAfter = Number(request.headers['last-event-id'] ?? this.#log.lastId);
    response.write(': connected\n\n');
    for (const event of this.#log.after(Number.isSafeInteger(resumeAfter) ? resumeAfter : 0)) {
      response.write(encode(event));
    }
  }

  close(): void {
    for (const response of this.#open) {
      response.end();
    }
  }

  #follow(response: Response): () => void {
    const send = (text: string): void => {
      if (response.writableLength > BUFFER_BYTES_MAX) {
        response.destroy();
      } else {
        response.write(text);
      }
    };
    const stopWatching = this.#log.watch((event) => send(encode(event)));
    const beat = () =>
      this.#clock.setTimer(KEEPALIVE_MS, () => {
        send(': still here\n\n');
        timer = beat();
      });
    let timer = beat();
    return () => {
      stopWatching();
      timer.cancel();
    };
  }
}

function encode({ id, at, event }: NumberedEvent): string {
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify({ at, ...event })}\n\n`;
}
