/** Two ends of a line inside one process: what one sends the other gets, in order, a moment later. */
import type { ByteLine, LineEvents } from '../byte-line.ts';

export function memoryLine(name = 'memory'): readonly [ByteLine, ByteLine] {
  const ends = [new End(`${name} host`), new End(`${name} device`)] as const;
  ends[0].join(ends[1]);
  ends[1].join(ends[0]);
  return ends;
}

class End implements ByteLine {
  readonly name: string;
  #peer: End | undefined;
  #events: LineEvents | undefined;
  #isClosed = false;

  constructor(name: string) {
    this.name = name;
  }

  join(peer: End): void {
    this.#peer = peer;
  }

  start(events: LineEvents): void {
    this.#events = events;
  }

  send(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const copy = bytes.slice();
    queueMicrotask(() => this.#peer?.take(copy));
  }

  take(bytes: Uint8Array): void {
    if (!this.#isClosed) this.#events?.onBytes(bytes);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const peer = this.#peer;
    queueMicrotask(() => peer?.peerClosed());
  }

  peerClosed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events?.onClose('closed by the other end');
  }
}
