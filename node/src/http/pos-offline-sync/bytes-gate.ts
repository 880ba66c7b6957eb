/**
 * A bound on bytes held by many at once: who comes when there is no room waits outside, in the order of coming, and reads nothing
 * meanwhile. Two hundred branches that push in the same minute take turns instead of memory.
 */
import { PosSyncRefusal } from '../../pos-offline-sync/wire.ts';

/** Callers that wait; more are told to come again. */
export const GATE_WAITING_MAX = 512;

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export class BytesGate {
  readonly #bytesMax: number;
  readonly #waiting: Waiting[] = [];
  #held = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** Resolves when there is room, with what gives it back. One caller may always enter. */
  async enter(bytes: number): Promise<() => void> {
    if (!this.#hasRoom(bytes) || this.#waiting.length > 0) {
      if (this.#waiting.length >= GATE_WAITING_MAX) {
        throw new PosSyncRefusal('Servidor ocupado; intente de nuevo');
      }
      await new Promise<void>((enter) => {
        this.#waiting.push({ bytes, enter });
      });
    } else {
      this.#held += bytes;
    }
    let isInside = true;
    return () => {
      if (isInside) {
        isInside = false;
        this.#held -= bytes;
        this.#admit();
      }
    };
  }

  #admit(): void {
    for (
      let next = this.#waiting[0];
      next !== undefined && this.#hasRoom(next.bytes);
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#held += next.bytes;
      next.enter();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#bytesMax;
  }
}
