/**
 * The alternative protocol of Shtrih-M, host side: every exchange has a number, and the device carries out only the number
 * after its last one. The same number again brings the same answer again and changes nothing, so a lost answer is repaired
 * by sending the identical frame.
 *
 * That ends where the device loses its number: after a power cut it starts again at nothing. A number that is neither ours nor
 * the one before proves such a restart, and the outcome of the message under way is unknown. Number 1 is what a restarted
 * device waits for, so only repeatable messages are ever sent twice under it.
 */
import { KktError } from '../../errors.ts';
import type { LineReader } from '../line-reader.ts';
import { encodeFrameV2, type FrameV2, FrameV2Reader } from './frame-v2.ts';
import { answersTo, type ExchangeOptions, type ShtrihLink } from './link.ts';
import { commandOf } from './link-v1.ts';

/** How long a device takes at most to answer a frame it does not have to carry out. */
export const REPLY_LIMIT_MS = 1_000;
export const SENDS_MAX = 5;
const NUMBERS = 0x10000;

export class LinkV2 implements ShtrihLink {
  readonly protocol = 'v2';
  readonly #reader: LineReader;
  #number: number;

  constructor(reader: LineReader, number: number) {
    this.#reader = reader;
    this.#number = number;
  }

  async exchange(message: Uint8Array, options: ExchangeOptions): Promise<Uint8Array> {
    this.#reader.drain();
    for (let sends = 0; sends < SENDS_MAX; sends += 1) {
      const number = (this.#number + 1) % NUMBERS;
      const isRisky = !options.isRepeatable && number === 1;
      if (isRisky && sends > 0) break;
      this.#reader.send(encodeFrameV2({ number, message }));
      const reply = await this.#reply(number, sends === 0 ? options.limitMs : REPLY_LIMIT_MS, options.signal);
      if (reply === undefined) continue;
      if (reply.number === number && answersTo(message, reply.message)) {
        this.#number = number;
        return reply.message;
      }
      // The device counts from elsewhere: it was restarted, or somebody else talks to it.
      this.#number = reply.number ?? 0;
      if (!options.isRepeatable) break;
    }
    throw new KktError('KKT_NO_ANSWER', `${this.#reader.name}: no answer to ${commandOf(message)}`, {
      outcome: 'unknown',
    });
  }

  /** The next frame that is not just the last answer once more. */
  async #reply(
    number: number,
    limitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<FrameV2 | undefined> {
    const untilMs = this.#reader.inMs(limitMs);
    for (;;) {
      const frame = await readFrameV2(this.#reader, untilMs, signal);
      if (frame === undefined || frame === 'corrupt') return undefined;
      if (frame.number !== undefined && frame.number !== (number + NUMBERS - 1) % NUMBERS) return frame;
    }
  }
}

export async function readFrameV2(
  reader: LineReader,
  untilMs: number,
  signal: AbortSignal | undefined,
): Promise<FrameV2 | 'corrupt' | undefined> {
  const frames = new FrameV2Reader();
  for (;;) {
    const byte = await reader.next({ untilMs, signal });
    if (byte === undefined) return undefined;
    const frame = frames.push(byte);
    if (frame !== undefined) return frame;
  }
}
