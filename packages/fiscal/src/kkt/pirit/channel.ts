/**
 * The one conversation with a Pirit: commands in order, refusals with their reason, a line that is opened again after a failure,
 * and the greeting a device wants after it was switched on.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import { formatWallTime } from '../../ffd/wall-time.ts';
import type { OpenLine } from '../byte-line.ts';
import type { Waiting } from '../driver.ts';
import { SerialQueue } from '../serial-queue.ts';
import { PIRIT_COMMANDS, type PiritCommand, type PiritCommandName } from './commands.ts';
import { PiritLink } from './link.ts';
import { CLOCKS_DIFFER, PARAMETER_WRONG, piritRefusal, STATUS_WRONG } from './refusals.ts';

export interface PiritChannelOptions {
  readonly openLine: OpenLine;
  readonly clock: Clock;
  readonly password: string;
  /** The clock on the shop's wall, seconds as in documents. */
  readonly wallSeconds: () => number;
}

/** Gives one command; answers are the fields behind the number of the sub-request. */
export type PiritExecute = (command: PiritCommandName, ...fields: string[]) => Promise<readonly string[]>;

/** Bit of the flags: the greeting is due. */
const NOT_BEGUN = 1;

export class PiritChannel {
  readonly #options: PiritChannelOptions;
  readonly #queue = new SerialQueue();
  #link: PiritLink | undefined;
  #isClosed = false;

  constructor(options: PiritChannelOptions) {
    this.#options = options;
  }

  exclusive<T>(waiting: Waiting, work: (execute: PiritExecute) => Promise<T>): Promise<T> {
    return this.#queue.run(waiting.signal, () =>
      work((command, ...fields) => this.#execute(command, fields, waiting.signal)),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#drop();
    await this.#queue.idle();
    await this.#drop();
  }

  async #execute(
    name: PiritCommandName,
    fields: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> {
    const answer = await this.#exchange(name, fields, signal);
    if (answer.error !== 0) throw await this.#refusal(name, answer.error, signal);
    const { request }: PiritCommand = PIRIT_COMMANDS[name];
    return request === undefined ? answer.fields : answer.fields.slice(1);
  }

  async #refusal(name: PiritCommandName, error: number, signal: AbortSignal | undefined): Promise<KktError> {
    if (error !== STATUS_WRONG && error !== PARAMETER_WRONG) return piritRefusal(name, error);
    const reason = await this.#exchange('refusal-reason', [], signal);
    return piritRefusal(name, error, reason.error === 0 ? Number(reason.fields[1]) : undefined);
  }

  async #exchange(name: PiritCommandName, fields: readonly string[], signal: AbortSignal | undefined) {
    const link = await this.#open(signal);
    try {
      return await this.#send(link, name, fields, signal);
    } catch (error) {
      await this.#drop();
      if (this.#isClosed) throw new KktError('KKT_CLOSED', 'the driver was closed', { outcome: 'unknown' });
      throw error;
    }
  }

  #send(link: PiritLink, name: PiritCommandName, fields: readonly string[], signal: AbortSignal | undefined) {
    const { code, request, kind, limitMs }: PiritCommand = PIRIT_COMMANDS[name];
    const all = request === undefined ? fields : [String(request), ...fields];
    return link.exchange({ command: code, fields: all, limitMs, isRepeatable: kind === 'read', signal });
  }

  async #open(signal: AbortSignal | undefined): Promise<PiritLink> {
    if (this.#isClosed) throw new KktError('KKT_CLOSED', 'the driver was closed', { outcome: 'unsent' });
    if (this.#link !== undefined) return this.#link;
    const { openLine, clock, password } = this.#options;
    const link = new PiritLink(await openLine(signal === undefined ? {} : { signal }), { clock, password });
    this.#link = link;
    try {
      await this.#greet(link, signal);
    } catch (error) {
      await this.#drop();
      if (!(error instanceof KktError)) throw error;
      throw new KktError(error.code, error.message, { outcome: 'unsent', cause: error });
    }
    return link;
  }

  /** A device that was switched on does nothing before it is told the time; one whose clock differs begins all the same. */
  async #greet(link: PiritLink, signal: AbortSignal | undefined): Promise<void> {
    const status = await this.#send(link, 'full-status', [], signal);
    if (status.error !== 0) throw piritRefusal('full-status', status.error);
    if ((Number(status.fields[1]) & NOT_BEGUN) === 0) return;
    const [day, time] = piritTime(this.#options.wallSeconds());
    const begun = await this.#send(link, 'begin-work', [day, time], signal);
    if (begun.error !== 0 && begun.error !== CLOCKS_DIFFER) throw piritRefusal('begin-work', begun.error);
  }

  async #drop(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    await link?.close();
  }
}

/** `221126`, `150405`. */
export function piritTime(seconds: number): readonly [day: string, time: string] {
  const [year = '', month, day, hour, minute, second] = formatWallTime(seconds).split(/[-T:]/);
  return [`${day}${month}${year.slice(2)}`, `${hour}${minute}${second}`];
}
