/**
 * The conversation with a Pirit: one request, one answer with the request's number. An answer with another number is of
 * before and dropped. While a device works it answers nothing but ENQ, so silence is waited out to the command's limit.
 *
 * A request is repeated when it is a read, or when the device says that it arrived damaged; nothing else ever is.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import type { ByteLine } from '../byte-line.ts';
import { LineReader } from '../line-reader.ts';
import { encodeRequest, ID_FIRST, ID_LAST, type PiritAnswer, PiritFrameReader, readAnswer } from './frame.ts';
import { DAMAGED } from './refusals.ts';

export const SENDS_MAX = 4;

export interface PiritExchange {
  readonly command: number;
  readonly fields: readonly string[];
  readonly limitMs: number;
  readonly isRepeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

export class PiritLink {
  readonly #reader: LineReader;
  readonly #password: string;
  #id = ID_FIRST;
  #strayAnswers = 0;

  constructor(line: ByteLine, options: { readonly clock: Clock; readonly password: string }) {
    this.#reader = new LineReader(line, options.clock);
    this.#password = options.password;
  }

  get strayAnswers(): number {
    return this.#strayAnswers;
  }

  async exchange({ command, fields, limitMs, isRepeatable, signal }: PiritExchange): Promise<PiritAnswer> {
    for (let sends = 0; sends < SENDS_MAX; sends += 1) {
      const id = this.#nextId();
      this.#reader.send(encodeRequest({ password: this.#password, id, command, fields }));
      const answer = await this.#receive(id, command, limitMs, signal);
      if (answer !== undefined && !DAMAGED.includes(answer.error)) return answer;
      if (answer === undefined && !isRepeatable) break;
    }
    throw new KktError('KKT_NO_ANSWER', `${this.#reader.name}: no answer to ${command.toString(16)}h`, {
      outcome: 'unknown',
    });
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  #nextId(): number {
    this.#id = this.#id >= ID_LAST ? ID_FIRST : this.#id + 1;
    return this.#id;
  }

  /** Undefined when there is no whole answer to this request in time. */
  async #receive(
    id: number,
    command: number,
    limitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<PiritAnswer | undefined> {
    const frames = new PiritFrameReader();
    const untilMs = this.#reader.inMs(limitMs);
    for (;;) {
      const byte = await this.#reader.next({ untilMs, signal });
      if (byte === undefined) return undefined;
      const body = frames.push(byte);
      if (body === undefined) continue;
      if (!body.isIntact) return undefined;
      const answer = readAnswer(body);
      if (answer.id === id && answer.command === command) return answer;
      this.#strayAnswers += 1;
    }
  }
}
