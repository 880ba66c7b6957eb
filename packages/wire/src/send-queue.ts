/**
 * Messages that wait for the peer's credit, in bounded memory.
 *
 * Two lanes: bulk (entries, checkpoints) and urgent (everything else). Within a lane the order is kept. An urgent message overtakes bulk
 * only while bulk waits for credit, which is what keeps two peers from waiting for each other's answers for ever.
 *
 * Guarantees: never more than SEND_QUEUE_BYTES_MAX; every message is taken once, or rejected once by `fail`.
 * Does not: know the credit: `mayTake` does.
 */
import type { EncodedFrame } from './codec.ts';
import { WireError } from './errors.ts';

/** Twice the window: enough to keep a fast line busy, small enough for 200 peers. */
export const SEND_QUEUE_BYTES_MAX = 4_194_304;

interface Waiting {
  readonly encoded: EncodedFrame;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SendQueue {
  readonly #urgent: Waiting[] = [];
  readonly #bulk: Waiting[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** True when nothing waits that goes first, so a new message may go straight out. */
  isClear(urgent: boolean): boolean {
    return this.#urgent.length === 0 && (urgent || this.#bulk.length === 0);
  }

  /** Resolves when the message was taken. Rejects with `SEND_QUEUE_FULL`, or what `fail` is given. */
  put(encoded: EncodedFrame, urgent: boolean): Promise<void> {
    const bytes = this.#bytes + encoded.message.length;
    if (bytes > SEND_QUEUE_BYTES_MAX) {
      const hint = 'Await each send before the next.';
      return Promise.reject(
        new WireError('SEND_QUEUE_FULL', 'too much waits for the peer', { hint, retryable: true }),
      );
    }
    this.#bytes = bytes;
    return new Promise((resolve, reject) => {
      this.#lane(urgent).push({ encoded, resolve, reject });
    });
  }

  /** Hands out what may go now. */
  flush(
    mayTake: (cost: number, urgent: boolean) => boolean,
    take: (encoded: EncodedFrame, urgent: boolean) => void,
  ): void {
    for (const urgent of [true, false]) {
      const lane = this.#lane(urgent);
      let taken = 0;
      while (taken < lane.length && mayTake(lane[taken]!.encoded.cost, urgent)) {
        const { encoded, resolve } = lane[taken]!;
        taken += 1;
        this.#bytes -= encoded.message.length;
        take(encoded, urgent);
        resolve();
      }
      lane.splice(0, taken);
      // A large urgent message may wait for more credit than small bulk needs: bulk must not starve it.
      if (lane.length > 0) return;
    }
  }

  fail(error: unknown): void {
    for (const waiting of [...this.#urgent.splice(0), ...this.#bulk.splice(0)]) waiting.reject(error);
    this.#bytes = 0;
  }

  #lane(urgent: boolean): Waiting[] {
    return urgent ? this.#urgent : this.#bulk;
  }
}
