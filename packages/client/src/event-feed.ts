/**
 * The node's events as one endless async iteration that survives disconnects.
 *
 *     connect (Last-Event-ID) ─> events… ─> cut, silence, stream.closed ─> wait (full jitter) ─> connect …
 *
 * Guarantees: events come in order, each once, resumed after the last one seen; when the node no longer holds what was missed,
 * `stream.missed` comes first (read again what you show). It ends only by the signal, by leaving the loop, or by a refusal
 * that will not change (a revoked token). It buffers nothing: a caller that does not read is not read for.
 */
import { type NodeEvent, type NodeEventType, ProblemError } from '@branchline/model';
import { ClientError } from './errors.ts';
import { type RequestPorts, readAnswer, waitMs } from './retrying-request.ts';
import { type SseMessage, SseParser } from './sse-parser.ts';

/** The node sends a comment every 15 s; a stream silent for longer than this is dead. */
export const SILENCE_MS = 45_000;

export interface EventOptions {
  /** Id of the last event already seen, kept from an earlier run. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function* nodeEvents(
  ports: RequestPorts,
  options: EventOptions,
): AsyncGenerator<NodeEvent, void> {
  const { signal } = options;
  let after = options.after;
  for (let attempt = 1; !isOver(signal); attempt++) {
    let failure: unknown;
    try {
      for await (const event of oneConnection(ports, after, signal)) {
        attempt = 0;
        after = event.id ?? after;
        if (event.type !== 'stream.closed') {
          yield event;
        }
      }
    } catch (error) {
      failure = error;
    }
    if (isOver(signal)) {
      return;
    }
    if (failure instanceof ProblemError && !failure.retryable) {
      throw failure;
    }
    await ports.clock
      .sleep(waitMs(failure, Math.max(1, attempt), ports.random), signal === undefined ? {} : { signal })
      .catch((error: unknown) => {
        if (!isOver(signal)) {
          throw error;
        }
      });
  }
}

function isOver(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

async function* oneConnection(
  ports: RequestPorts,
  after: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<NodeEvent, void> {
  const connection = new AbortController();
  const stop = () => connection.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  const watch = new SilenceWatch(ports, () =>
    connection.abort(new ClientError('CLIENT_TIMEOUT', `the stream was silent for ${SILENCE_MS} ms`)),
  );
  try {
    const reply = await ports.fetch(`${ports.url}/v1/events`, {
      method: 'GET',
      headers: {
        Authorization: `Bearer ${ports.token}`,
        Accept: 'text/event-stream',
        ...(after === undefined ? {} : { 'Last-Event-ID': after }),
      },
      signal: connection.signal,
    });
    if (reply.status !== 200 || reply.body === null) {
      await readAnswer(reply);
      throw new ClientError('CLIENT_ANSWER', `status ${reply.status} instead of an event stream`);
    }
    const parser = new SseParser();
    const decoder = new TextDecoder();
    for await (const bytes of reply.body) {
      watch.heard();
      for (const message of parser.push(decoder.decode(bytes, { stream: true }))) {
        yield eventOf(message);
      }
    }
  } finally {
    watch.close();
    signal?.removeEventListener('abort', stop);
    connection.abort();
  }
}

/** Types are the node's words; one this SDK does not know yet is passed on as it is. */
function eventOf(message: SseMessage): NodeEvent {
  return {
    ...(message.id === undefined ? {} : { id: message.id }),
    type: message.event as NodeEventType,
    data: JSON.parse(message.data),
  };
}

/** Calls `onSilence` once nothing was heard for `SILENCE_MS`. */
class SilenceWatch {
  readonly #ports: RequestPorts;
  readonly #onSilence: () => void;
  #turn = new AbortController();

  constructor(ports: RequestPorts, onSilence: () => void) {
    this.#ports = ports;
    this.#onSilence = onSilence;
    this.#wait(this.#turn.signal);
  }

  heard(): void {
    this.#turn.abort();
    this.#turn = new AbortController();
    this.#wait(this.#turn.signal);
  }

  close(): void {
    this.#turn.abort();
  }

  #wait(signal: AbortSignal): void {
    this.#ports.clock.sleep(SILENCE_MS, { signal }).then(this.#onSilence, () => {
      // Something was heard, or the stream is over.
    });
  }
}
