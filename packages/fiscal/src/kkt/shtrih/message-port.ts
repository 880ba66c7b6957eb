/** The messages of a Shtrih-M storage for the pump (ofd/pump.ts): each call is one command on the shared line. */
import { KktError } from '../../errors.ts';
import type { FnMessagePort } from '../../ofd/pump.ts';
import type { Execute, ShtrihChannel } from './channel.ts';
import type { CommandName } from './commands.ts';

/** The storage looked at the ticket and does not want it. */
const TICKET_REFUSALS = [0x01, 0x09, 0x20];

export function shtrihMessagePort(channel: ShtrihChannel, fn: string): FnMessagePort {
  const one = (signal: AbortSignal, command: CommandName, fields?: Parameters<Execute>[1]) =>
    channel.exclusive({ signal }, (execute) => execute(command, fields));
  return {
    fn,
    async begin({ signal }) {
      const answer = await one(signal, 'message-begin');
      const sizeBytes = answer.number(2);
      return sizeBytes === 0 ? undefined : { sizeBytes, blockBytes: answer.byte() };
    },
    async read(offset, length, { signal }) {
      const answer = await one(signal, 'message-read', (writer) => writer.number(offset, 2).byte(length));
      return answer.rest();
    },
    async prepare(sizeBytes, { signal }) {
      const answer = await one(signal, 'answer-begin', (writer) => writer.number(sizeBytes, 2));
      return { blockBytes: answer.byte() };
    },
    async write(offset, bytes, { isLast, signal }) {
      try {
        await one(signal, 'answer-write', (writer) =>
          writer.number(offset, 2).byte(bytes.length).bytes(bytes),
        );
        return isLast ? { accepted: true } : undefined;
      } catch (error) {
        const fnError = error instanceof KktError ? (error.deviceCode ?? 0) : 0;
        if (!isLast || !TICKET_REFUSALS.includes(fnError)) throw error;
        return { accepted: false, fnError };
      }
    },
  };
}
