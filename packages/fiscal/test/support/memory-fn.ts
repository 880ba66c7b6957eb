/**
 * A fiscal storage as the pump sees it: a queue of documents, the oldest offered until its ticket is accepted.
 *
 * Checks what a real one checks as far as fake signs go: the ticket must be for this storage and for the document that is
 * being waited for, and carry the mock operator's sign. Lines can be made to fail before or after they took effect.
 */
import type { FnMessagePort } from '../../src/index.ts';
import {
  encodeContainer,
  encodeDocument,
  encodeSession,
  FiscalError,
  isFakeSign,
  type Offer,
  readAcknowledgement,
  type TicketVerdict,
} from '../../src/index.ts';

export const FN = '9999078900005488';

export type LineFault = 'before' | 'after' | undefined;

export class MemoryFn implements FnMessagePort {
  readonly fn: string;
  readonly blockBytes: number;
  /** FD numbers in the order their tickets were accepted. */
  readonly accepted: number[] = [];
  readonly refusals: number[] = [];
  /** Asked before every command. */
  fault: (command: string) => LineFault = () => undefined;
  #queue: { readonly fd: number; readonly message: Uint8Array }[] = [];
  #answer: Uint8Array = new Uint8Array();
  #lastFd = 0;
  /** Commands under way: never more than one. */
  #busy = 0;

  constructor(fn = FN, blockBytes = 100) {
    this.fn = fn;
    this.blockBytes = blockBytes;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** A document becomes fiscal. */
  store(count = 1): void {
    for (let made = 0; made < count; made += 1) {
      this.#lastFd += 1;
      this.#queue.push({ fd: this.#lastFd, message: receiptMessage(this.fn, this.#lastFd) });
    }
  }

  begin(): Promise<Offer | undefined> {
    return this.#command('begin', () => {
      const first = this.#queue[0];
      return first && { sizeBytes: first.message.length, blockBytes: this.blockBytes };
    });
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#command('read', () => this.#queue[0]!.message.slice(offset, offset + length));
  }

  prepare(sizeBytes: number): Promise<{ blockBytes: number }> {
    return this.#command('prepare', () => {
      this.#answer = new Uint8Array(sizeBytes);
      return { blockBytes: this.blockBytes };
    });
  }

  write(
    offset: number,
    bytes: Uint8Array,
    { isLast }: { isLast: boolean },
  ): Promise<TicketVerdict | undefined> {
    return this.#command('write', () => {
      this.#answer.set(bytes, offset);
      return isLast ? this.#judge() : undefined;
    });
  }

  #judge(): TicketVerdict {
    const { key, ticket } = readAcknowledgement(this.#answer);
    const first = this.#queue[0];
    const reason = !isFakeSign(ticket?.operatorSign)
      ? 1
      : key.fn !== this.fn
        ? 4
        : key.fd !== first?.fd
          ? 3
          : undefined;
    if (reason !== undefined) {
      this.refusals.push(key.fd);
      return { accepted: false, fnError: 0x20, reason };
    }
    this.#queue.shift();
    this.accepted.push(key.fd);
    return { accepted: true };
  }

  async #command<T>(name: string, work: () => T): Promise<T> {
    this.#busy += 1;
    try {
      if (this.#busy > 1) throw new Error('two commands on one line');
      await Promise.resolve();
      const fault = this.fault(name);
      if (fault === 'before') throw new FiscalError('FN_LINE_FAILED', 'the line is silent');
      const result = work();
      if (fault === 'after') throw new FiscalError('FN_LINE_FAILED', 'the reply was lost');
      return result;
    } finally {
      this.#busy -= 1;
    }
  }
}

/** A receipt as a storage without encryption wraps it. */
export function receiptMessage(fn: string, fd: number, formatVersion = '0120'): Uint8Array {
  const tags = [
    { tag: 1041, value: fn },
    { tag: 1040, value: fd },
    { tag: 1012, value: 1_700_000_000 + fd },
    { tag: 1209, value: 4 },
    { tag: 1020, value: 100 * fd },
    { tag: 1077, value: 476_807_588 + fd },
  ];
  const body = Buffer.concat([encodeDocument(3, tags, '1.2'), Buffer.from('8106a55ae10c4d750000', 'hex')]);
  const container = encodeContainer({ form: 3, fn, fd, body, service1: Uint8Array.of(0x10, 9) });
  return encodeSession({ fn, body: container, formatVersion });
}
