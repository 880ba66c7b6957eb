/**
 * The standard protocol of Shtrih-M, host side.
 *
 *    ENQ ──▶ NAK: idle, send the frame ──▶ ACK: taken ──▶ STX … answer ──▶ ACK
 *     │ ACK: an earlier answer waits          │ NAK: damaged, send it again
 *     ▼                                       │ nothing: ENQ; ACK means taken, NAK means nothing waits any more
 *    read it, ACK it, ENQ again               ▼
 *                                     a repeatable message goes out again, any other ends as unknown
 *
 * Whatever is no frame and no awaited byte is noise and passed over. A frame that answers another command is an answer of
 * before, late or doubled: it is acknowledged and dropped, never taken for this one's. What was registered meanwhile is
 * learnt from the storage, not from stray answers.
 */
import { KktError } from '../../errors.ts';
import type { LineReader } from '../line-reader.ts';
import { ACK, checksumV1, ENQ, encodeFrameV1, NAK, STX } from './frame-v1.ts';
import { answersTo, type ExchangeOptions, type ShtrihLink } from './link.ts';

/** Without a byte for so long a frame has broken off; a device acknowledges within it. */
export const BYTE_LIMIT_MS = 300;
export const ENQUIRIES_MAX = 8;
export const SENDS_MAX = 4;
export const READS_MAX = 4;

type Reply = 'idle' | 'answer' | 'silent';

export class LinkV1 implements ShtrihLink {
  readonly protocol = 'v1';
  readonly #reader: LineReader;
  #strayAnswers = 0;

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  /** Answers that belonged to no question of ours: a second host, or replies that came too late. */
  get strayAnswers(): number {
    return this.#strayAnswers;
  }

  async exchange(message: Uint8Array, options: ExchangeOptions): Promise<Uint8Array> {
    await this.#becomeIdle(options);
    for (let sends = 0; sends < SENDS_MAX; sends += 1) {
      const taken = await this.#send(message, options);
      if (taken === 'refused') {
        // Only a lone NAK is one: in the rest of a broken frame the same byte would make us say it twice.
        if (options.isRepeatable || (await this.#isQuiet(options.signal))) continue;
        break;
      }
      const answer = taken === 'lost' ? undefined : await this.#receive(message, options);
      if (answer !== undefined) return answer;
      if (!options.isRepeatable) break;
      await this.#becomeIdle(options);
    }
    throw new KktError('KKT_NO_ANSWER', `${this.#reader.name}: no answer to ${commandOf(message)}`, {
      outcome: 'unknown',
    });
  }

  /** Asks until the device waits for a command; answers of before are read and dropped. */
  async #becomeIdle({ limitMs, signal }: ExchangeOptions): Promise<void> {
    this.#reader.drain();
    for (let enquiries = 0; enquiries < ENQUIRIES_MAX; enquiries += 1) {
      const reply = await this.#enquire(signal);
      if (reply === 'idle') return;
      if (reply === 'answer') await this.#readFrame(this.#reader.inMs(limitMs), signal);
    }
    throw new KktError('KKT_NO_ANSWER', `${this.#reader.name}: nobody answers`, { outcome: 'unsent' });
  }

  async #enquire(signal: AbortSignal | undefined): Promise<Reply> {
    this.#reader.send(Uint8Array.of(ENQ));
    const untilMs = this.#reader.inMs(BYTE_LIMIT_MS);
    for (;;) {
      const byte = await this.#reader.next({ untilMs, signal });
      if (byte === undefined) return 'silent';
      if (byte === NAK) return 'idle';
      if (byte === ACK) return 'answer';
      // A frame nobody asked for: its inside must not be mistaken for a reply.
      if (byte === STX) await this.#restOfFrame(signal);
    }
  }

  async #send(message: Uint8Array, { signal }: ExchangeOptions): Promise<'taken' | 'refused' | 'lost'> {
    this.#reader.send(encodeFrameV1(message));
    const untilMs = this.#reader.inMs(BYTE_LIMIT_MS);
    for (;;) {
      const byte = await this.#reader.next({ untilMs, signal });
      if (byte === ACK) return 'taken';
      if (byte === NAK) return 'refused';
      if (byte === STX) await this.#restOfFrame(signal);
      if (byte === undefined) return (await this.#enquire(signal)) === 'answer' ? 'taken' : 'lost';
    }
  }

  async #receive(message: Uint8Array, { limitMs, signal }: ExchangeOptions): Promise<Uint8Array | undefined> {
    let untilMs = this.#reader.inMs(limitMs);
    for (let reads = 0; reads < READS_MAX; reads += 1) {
      const answer = await this.#readFrame(untilMs, signal);
      if (answer instanceof Uint8Array) {
        if (answersTo(message, answer)) return answer;
        this.#strayAnswers += 1;
        continue;
      }
      // Damaged or late: the device keeps the answer until it is acknowledged, and says so when asked.
      if ((await this.#enquire(signal)) !== 'answer') return undefined;
      untilMs = this.#reader.inMs(limitMs);
    }
    return undefined;
  }

  async #isQuiet(signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#reader.next({ untilMs: this.#reader.inMs(BYTE_LIMIT_MS), signal })) === undefined;
  }

  async #readFrame(untilMs: number, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    for (;;) {
      const byte = await this.#reader.next({ untilMs, signal });
      if (byte === undefined) return undefined;
      if (byte === STX) break;
    }
    const message = await this.#restOfFrame(signal);
    this.#reader.send(Uint8Array.of(message === undefined ? NAK : ACK));
    return message;
  }

  async #restOfFrame(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const next = () => this.#reader.next({ untilMs: this.#reader.inMs(BYTE_LIMIT_MS), signal });
    const length = await next();
    if (length === undefined) return undefined;
    const message = new Uint8Array(length);
    for (let at = 0; at < length; at += 1) {
      const byte = await next();
      if (byte === undefined) return undefined;
      message[at] = byte;
    }
    return (await next()) === checksumV1(message) ? message : undefined;
  }
}

/** `FF45`: how people name commands. */
export function commandOf(message: Uint8Array): string {
  const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
  const [first = 0, second = 0] = message;
  return first === 0xff ? hex(first) + hex(second) : `${hex(first)}h`;
}
