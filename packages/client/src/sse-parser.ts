/**
 * Server-sent events out of pieces of text, however they were cut. Pure; knows nothing of what events mean.
 *
 * Understands `id`, `event`, `data` (several lines are joined) and comments; a line may end in LF or CRLF. One event may have
 * `EVENT_CHARS_MAX` characters; a longer one is a broken stream.
 */
import { ClientError } from './errors.ts';

export const EVENT_CHARS_MAX = 1024 * 1024;

export interface SseMessage {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

export class SseParser {
  #rest = '';
  #id: string | undefined;
  #event = '';
  #data: string[] = [];
  #chars = 0;

  /** Messages completed by this piece. Throws `CLIENT_ANSWER` when one grows too long. */
  push(piece: string): SseMessage[] {
    const messages: SseMessage[] = [];
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (message !== undefined) {
        messages.push(message);
      }
    }
    if (this.#rest.length + this.#chars > EVENT_CHARS_MAX) {
      throw new ClientError('CLIENT_ANSWER', `an event has more than ${EVENT_CHARS_MAX} characters`);
    }
    return messages;
  }

  #line(line: string): SseMessage | undefined {
    if (line === '') {
      return this.#finish();
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    this.#chars += line.length;
    if (name === 'id') {
      this.#id = value;
    } else if (name === 'event') {
      this.#event = value;
    } else if (name === 'data') {
      this.#data.push(value);
    }
    return undefined;
  }

  #finish(): SseMessage | undefined {
    const message =
      this.#data.length === 0
        ? undefined
        : { id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') };
    this.#id = undefined;
    this.#event = '';
    this.#data = [];
    this.#chars = 0;
    return message;
  }
}
