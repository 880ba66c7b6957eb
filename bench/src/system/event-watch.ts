/**
 * What a screen at another place sees: the event stream of a node, with the moment each event arrived. An event is found by
 * a text it carries (an order id, an SKU), also when it came before anybody asked.
 *
 * Does not: resume, reconnect, or parse more than lines of `data:`.
 */
import { type IncomingMessage, request } from 'node:http';
import type { Clock } from 'hlc-ts';
import { BenchError } from '../errors.ts';
import type { ChainNode } from './chain.ts';

/** Events remembered for a question that comes after them. */
const RECENT_MAX = 64;

export class EventWatch {
  readonly #clock: Clock;
  readonly #stream: IncomingMessage;
  readonly #recent: { line: string; atMs: number }[] = [];
  #arrived: (() => void) | undefined;
  #rest = '';

  private constructor(clock: Clock, stream: IncomingMessage) {
    this.#clock = clock;
    this.#stream = stream;
    // A node that stops cuts the stream; what was waited for then times out, which says more.
    stream.on('error', () => {});
    stream.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk));
  }

  static async open(clock: Clock, node: ChainNode): Promise<EventWatch> {
    const stream = await new Promise<IncomingMessage>((resolve, reject) => {
      request(new URL('/v1/events', node.url), { headers: { authorization: `Bearer ${node.tokens[0]}` } })
        .on('response', resolve)
        .on('error', reject)
        .end();
    });
    if (stream.statusCode !== 200) {
      stream.destroy();
      throw new BenchError('BENCH_REQUEST_FAILED', `the event stream was refused: ${stream.statusCode}`);
    }
    return new EventWatch(clock, stream);
  }

  /** When an event carrying `text` arrived, not before `sinceMs`; undefined when none came within `waitMs` from now. */
  async when(text: string, sinceMs: number, waitMs: number): Promise<number | undefined> {
    const giveUpMs = this.#clock.monotonicMs() + waitMs;
    while (true) {
      const found = this.#recent.find(({ line, atMs }) => atMs >= sinceMs && line.includes(text));
      if (found !== undefined) return found.atMs;
      const leftMs = giveUpMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return undefined;
      await this.#nextArrival(leftMs);
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  #nextArrival(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(withinMs, resolve, { keepAlive: true });
      this.#arrived = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #read(chunk: string): void {
    const atMs = this.#clock.monotonicMs();
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) this.#recent.push({ line, atMs });
    }
    this.#recent.splice(0, this.#recent.length - RECENT_MAX);
    this.#arrived?.();
  }
}
