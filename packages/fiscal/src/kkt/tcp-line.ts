/** A line over TCP: devices with a network interface, converters, and the emulator. One connection at a time is usual. */
import { connect, type Socket } from 'node:net';
import type { Clock } from 'hlc-ts';
import { KktError } from '../errors.ts';
import type { ByteLine, LineEvents, OpenLine } from './byte-line.ts';

export const CONNECT_LIMIT_MS = 5_000;

export interface TcpLineOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
}

export function tcpLine({ host, port, clock }: TcpLineOptions): OpenLine {
  const name = `${host}:${port}`;
  return ({ signal }) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const socket = connect({ host, port, noDelay: true });
      const settle = (): void => {
        limit.cancel();
        signal?.removeEventListener('abort', abort);
        socket.removeListener('error', fail);
      };
      const fail = (cause: unknown): void => {
        settle();
        socket.destroy();
        reject(new KktError('KKT_LINE_FAILED', `${name} does not answer`, { outcome: 'unsent', cause }));
      };
      const abort = (): void => {
        settle();
        socket.destroy();
        reject(signal?.reason);
      };
      const limit = clock.setTimer(CONNECT_LIMIT_MS, () => fail(new Error('no connection in time')));
      signal?.addEventListener('abort', abort, { once: true });
      socket.once('error', fail);
      socket.once('connect', () => {
        settle();
        resolve(socketLine(socket, name));
      });
    });
}

/** A connected socket as a line. */
export function socketLine(socket: Socket, name: string): ByteLine {
  let events: LineEvents | undefined;
  let reason = 'the connection ended';
  let isClosed = false;
  socket.pause();
  socket.on('data', (bytes) => {
    if (!isClosed) events?.onBytes(bytes);
  });
  socket.on('error', (error) => {
    reason = error.message;
  });
  socket.on('close', () => {
    if (!isClosed) events?.onClose(reason);
    isClosed = true;
  });
  return {
    name,
    start(listeners) {
      events = listeners;
      socket.resume();
    },
    send(bytes) {
      if (!isClosed) socket.write(bytes);
    },
    async close() {
      isClosed = true;
      socket.destroy();
    },
  };
}
