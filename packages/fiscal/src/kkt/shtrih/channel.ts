/**
 * The one conversation with a device: commands in order, answers as fields, refusals as coded errors.
 *
 * Guarantees: one command or one `exclusive` run of commands at a time; after a failure with an unknown outcome the line is
 * dropped, and the next command begins on a new one; a command refused because the last one still prints is given again
 * until `BUSY_LIMIT_MS`, because that refusal says it was not carried out.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import type { OpenLine } from '../byte-line.ts';
import type { Waiting } from '../driver.ts';
import { SerialQueue } from '../serial-queue.ts';
import { COMMANDS, type CommandName, codeBytes } from './commands.ts';
import { FieldReader, FieldWriter } from './fields.ts';
import { type OpenedLink, openShtrihLink } from './open-link.ts';
import { STILL_PRINTING, shtrihRefusal } from './refusals.ts';

/** A long report prints for a minute. */
export const BUSY_LIMIT_MS = 60_000;
export const BUSY_POLL_MS = 150;

export interface ChannelOptions {
  readonly openLine: OpenLine;
  readonly clock: Clock;
  readonly protocol?: 'v1' | 'v2' | undefined;
  /** Of the system administrator, 30 unless somebody changed it. */
  readonly password: number;
}

/** Gives one command and reads its answer behind the error byte. */
export type Execute = (
  command: CommandName,
  fields?: (writer: FieldWriter) => unknown,
  waiting?: Waiting,
) => Promise<FieldReader>;

export class ShtrihChannel {
  readonly #options: ChannelOptions;
  #opened: OpenedLink | undefined;
  readonly #queue = new SerialQueue();
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** Nothing of anybody else comes between the commands of `work`. */
  exclusive<T>(waiting: Waiting, work: (execute: Execute) => Promise<T>): Promise<T> {
    return this.#queue.run(waiting.signal, () =>
      work((command, fields, own) => this.#execute(command, fields, own ?? waiting)),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#drop();
    await this.#queue.idle();
    await this.#drop();
  }

  async #execute(
    command: CommandName,
    fields: ((writer: FieldWriter) => unknown) | undefined,
    waiting: Waiting,
  ): Promise<FieldReader> {
    const { clock } = this.#options;
    const message = this.#message(command, fields);
    const giveUpMs = clock.monotonicMs() + BUSY_LIMIT_MS;
    for (;;) {
      const answer = await this.#exchange(command, message, waiting);
      const deviceCode = answer.byte();
      if (deviceCode === 0) return answer;
      if (deviceCode !== STILL_PRINTING || clock.monotonicMs() >= giveUpMs) {
        throw shtrihRefusal(command, deviceCode);
      }
      await clock.sleep(BUSY_POLL_MS, waiting);
    }
  }

  #message(command: CommandName, fields: ((writer: FieldWriter) => unknown) | undefined): Uint8Array {
    const { code, isOpen } = COMMANDS[command] as { code: number; isOpen?: boolean };
    const writer = new FieldWriter().bytes(codeBytes(code));
    if (!isOpen) writer.number(this.#options.password, 4);
    fields?.(writer);
    return writer.done();
  }

  async #exchange(command: CommandName, message: Uint8Array, { signal }: Waiting): Promise<FieldReader> {
    const { code, kind, limitMs } = COMMANDS[command];
    const opened = await this.#open(signal);
    try {
      const answer = await opened.link.exchange(message, { limitMs, isRepeatable: kind === 'read', signal });
      return new FieldReader(answer).skip(code > 0xff ? 2 : 1);
    } catch (error) {
      // Whatever still comes on this line belongs to a question nobody asks any more.
      await this.#drop();
      if (this.#isClosed) throw new KktError('KKT_CLOSED', 'the driver was closed', { outcome: 'unknown' });
      throw error;
    }
  }

  async #open(signal: AbortSignal | undefined): Promise<OpenedLink> {
    if (this.#isClosed) throw new KktError('KKT_CLOSED', 'the driver was closed', { outcome: 'unsent' });
    if (this.#opened !== undefined) return this.#opened;
    const { openLine, clock, protocol } = this.#options;
    const line = await openLine(signal === undefined ? {} : { signal });
    const opened = await openShtrihLink({ line, clock, protocol, signal });
    if (this.#isClosed) {
      await opened.reader.close();
      throw new KktError('KKT_CLOSED', 'the driver was closed', { outcome: 'unsent' });
    }
    this.#opened = opened;
    return opened;
  }

  async #drop(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.reader.close();
  }
}
