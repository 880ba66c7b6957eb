/**
 * Hands messages to the receiver one at a time, in order of arrival.
 *
 * Guarantees: a message is delivered only after the promise for the one before has settled; `onConsumed` follows each
 * one, and is what the peer's credit grows by; after `stop`, or a receiver that threw, nothing more is delivered.
 *
 * Does not: bound what waits. Credit does: the peer may have the window and the overdraft under way, no more.
 */
import type { FrameReceiver } from './connection-options.ts';
import type { MessageFrame } from './frames.ts';

export interface InboxEvents {
  readonly onConsumed: (cost: number) => void;
  readonly onFailed: (cause: unknown) => void;
}

export class Inbox {
  readonly #events: InboxEvents;
  #receiver: FrameReceiver | undefined;
  #waiting: { readonly frame: MessageFrame; readonly cost: number }[] = [];
  #isDelivering = false;
  #isStopped = false;

  constructor(events: InboxEvents) {
    this.#events = events;
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver;
  }

  put(frame: MessageFrame, cost: number): void {
    this.#waiting.push({ frame, cost });
  }

  /** The one loop that calls the receiver; calling it while it runs does nothing. */
  async deliver(): Promise<void> {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        for (const { frame, cost } of batch) {
          if (this.#isStopped) return;
          const pending = this.#receiver?.(frame);
          // A receiver that answers at once costs no turn of the event loop.
          if (pending !== undefined) await pending;
          this.#events.onConsumed(cost);
        }
      }
    } catch (cause) {
      this.#events.onFailed(cause);
    } finally {
      this.#isDelivering = false;
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
  }
}
