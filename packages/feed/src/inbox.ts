/**
 * Messages of one peer between the connection and their taking effect: in order, bounded, one loop.
 *
 * Guarantees: `receive` waits while more than INBOX_BYTES_MAX is unread, so that the connection grants no more credit; a peer
 * that sends on regardless ends its session; entries that arrived one after another, or in one turn of the event loop, are
 * handed on together, to share a commit. The loop never sends, so two peers that both have much to say cannot wait for each other.
 */
import { FeedError } from './errors.ts';
import type { EntriesMessage, ReplicationMessage } from './replication-messages.ts';

/** Unread messages of one peer; beyond it `receive` makes the connection wait. */
export const INBOX_BYTES_MAX = 2 * 1024 * 1024;
/** Entries taken into one commit. */
export const BATCH_BYTES_MAX = 256 * 1024;
export const BATCH_MESSAGES_MAX = 256;

export type SmallMessage = Exclude<ReplicationMessage, EntriesMessage>;

export interface InboxPorts {
  readonly take: (message: SmallMessage) => Promise<void>;
  readonly takeEntries: (batch: readonly EntriesMessage[]) => Promise<void>;
  /** Lets the event loop have its turn. */
  readonly pause: () => Promise<void>;
  readonly fail: (error: unknown) => void;
}

export class Inbox {
  readonly #ports: InboxPorts;
  readonly #messages: ReplicationMessage[] = [];
  #bytes = 0;
  #busy = false;
  #closed = false;
  #waiting: (() => void)[] = [];

  constructor(ports: InboxPorts) {
    this.#ports = ports;
  }

  /** A promise while the inbox is full, nothing while it is not: then the next message may follow in the same turn. */
  receive(message: ReplicationMessage): Promise<void> | void {
    if (this.#closed) return;
    if (this.#bytes > 2 * INBOX_BYTES_MAX) {
      this.#ports.fail(new FeedError('FEED_LIMIT', 'the peer sends without waiting'));
      return;
    }
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    void this.#drain();
    if (this.#bytes > INBOX_BYTES_MAX) return new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Called with what was held back, to be taken before anything else. */
  putBack(messages: readonly ReplicationMessage[]): void {
    for (const message of messages) this.#bytes += sizeOf(message);
    this.#messages.unshift(...messages);
    void this.#drain();
  }

  close(): void {
    this.#closed = true;
    this.#messages.length = 0;
    this.#bytes = 0;
    this.#letIn();
  }

  async #drain(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      // What a peer commits together arrives together: it becomes durable here together, too.
      await Promise.resolve();
      while (this.#messages.length > 0 && !this.#closed) {
        const message = this.#messages[0]!;
        if (message.type === 'entries') {
          await this.#ports.takeEntries(this.#nextBatch());
          if (this.#messages.length > 0) await this.#ports.pause();
        } else {
          this.#messages.shift();
          this.#consumed(message);
          await this.#ports.take(message);
        }
      }
    } catch (error) {
      this.#ports.fail(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Entries that arrived one after another share a commit. */
  #nextBatch(): EntriesMessage[] {
    const batch: EntriesMessage[] = [];
    let bytes = 0;
    while (batch.length < BATCH_MESSAGES_MAX && bytes < BATCH_BYTES_MAX) {
      const message = this.#messages[0];
      if (message?.type !== 'entries') break;
      this.#messages.shift();
      this.#consumed(message);
      bytes += sizeOf(message);
      batch.push(message);
    }
    return batch;
  }

  #consumed(message: ReplicationMessage): void {
    this.#bytes = Math.max(0, this.#bytes - sizeOf(message));
    if (this.#bytes <= INBOX_BYTES_MAX) this.#letIn();
  }

  #letIn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

function sizeOf(message: ReplicationMessage): number {
  switch (message.type) {
    case 'entries':
      return message.entries.reduce((bytes, entry) => bytes + entry.byteLength, 128);
    case 'checkpoint':
      return 256 + (message.bytes?.byteLength ?? 0);
    case 'vector':
      return 64 + message.feeds.length * 64;
    case 'fork':
      return message.evidence?.entries.reduce((bytes, entry) => bytes + entry.byteLength, 256) ?? 256;
    default:
      return 256;
  }
}
