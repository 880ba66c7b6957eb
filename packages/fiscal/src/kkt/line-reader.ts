/**
 * A line as links read it: one byte after the other, each by a deadline.
 *
 * Guarantees: bytes come in order and once; a wait ends with a byte, with undefined at its deadline, with the signal's reason,
 * or with `KKT_LINE_FAILED` when the line is gone and everything it brought was read; no timer is left behind. Holds at most
 * `BUFFERED_MAX` bytes: a line that brings more without being read is noise, and the oldest go.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../errors.ts';
import type { ByteLine } from './byte-line.ts';

/** Several times the longest answer. */
export const BUFFERED_MAX = 8_192;

export interface ReadOptions {
  /** Monotonic milliseconds. */
  readonly untilMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class LineReader {
  readonly #line: ByteLine;
  readonly #clock: Clock;
  #buffer: number[] = [];
  #at = 0;
  #closed: string | undefined;
  #arrived: (() => void) | undefined;

  constructor(line: ByteLine, clock: Clock) {
    this.#line = line;
    this.#clock = clock;
    line.start({
      onBytes: (bytes) => this.#keep(bytes),
      onClose: (reason) => {
        this.#closed = reason;
        this.#arrived?.();
      },
    });
  }

  get name(): string {
    return this.#line.name;
  }

  /** A deadline this far away. */
  inMs(ms: number): number {
    return this.#clock.monotonicMs() + ms;
  }

  send(bytes: Uint8Array): void {
    this.#line.send(bytes);
  }

  /** Forgets what came and was not read. */
  drain(): void {
    this.#buffer = [];
    this.#at = 0;
  }

  async next({ untilMs, signal }: ReadOptions): Promise<number | undefined> {
    while (this.#at >= this.#buffer.length) {
      signal?.throwIfAborted();
      if (this.#closed !== undefined) {
        throw new KktError('KKT_LINE_FAILED', `${this.#line.name}: ${this.#closed}`, { outcome: 'unknown' });
      }
      const leftMs = untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return undefined;
      await this.#wait(leftMs, signal);
    }
    const byte = this.#buffer[this.#at];
    this.#at += 1;
    if (this.#at === this.#buffer.length) this.drain();
    return byte;
  }

  /** Exactly `count` bytes, or undefined when they do not come in time. */
  async take(count: number, options: ReadOptions): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) {
      const byte = await this.next(options);
      if (byte === undefined) return undefined;
      bytes[at] = byte;
    }
    return bytes;
  }

  close(): Promise<void> {
    this.#closed ??= 'closed';
    this.#arrived?.();
    return this.#line.close();
  }

  #keep(bytes: Uint8Array): void {
    for (const byte of bytes) this.#buffer.push(byte);
    const excess = this.#buffer.length - this.#at - BUFFERED_MAX;
    if (excess > 0) {
      this.#buffer = this.#buffer.slice(this.#at + excess);
      this.#at = 0;
    }
    this.#arrived?.();
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', end);
        this.#arrived = undefined;
        resolve();
      };
      const timer = this.#clock.setTimer(ms, end, { keepAlive: true });
      signal?.addEventListener('abort', end, { once: true });
      this.#arrived = end;
    });
  }
}
