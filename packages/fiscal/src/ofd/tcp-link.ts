/**
 * `OfdLink` over TCP: a new connection for every message, as the protocol wants it.
 *
 * Guarantees: one answer or one coded, retryable error; never more than one message in memory; no socket and no timer is left
 * behind, whatever the other side does. Encryption is the storage's business: the protocol runs over plain TCP.
 */
import { connect, type Socket } from 'node:net';
import type { Clock, Timer } from 'hlc-ts';
import { FiscalError } from '../errors.ts';
import type { OfdLink } from './pump.ts';
import { SessionReader } from './session-reader.ts';

export const CONNECT_LIMIT_MS = 15_000;
export const ANSWER_LIMIT_MS = 90_000;

export interface TcpLinkOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly connectLimitMs?: number;
  readonly answerLimitMs?: number;
}

export function tcpOfdLink(options: TcpLinkOptions): OfdLink {
  const { host, port, clock } = options;
  const connectLimitMs = options.connectLimitMs ?? CONNECT_LIMIT_MS;
  const answerLimitMs = options.answerLimitMs ?? ANSWER_LIMIT_MS;
  const place = `${host}:${port}`;

  function exchange(message: Uint8Array, { signal }: { signal: AbortSignal }): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const socket: Socket = connect({ host, port, noDelay: true });
      const reader = new SessionReader();
      let isConnected = false;
      let timer: Timer = clock.setTimer(connectLimitMs, () => {
        fail('OFD_CONNECT_FAILED', `${place} does not answer within ${connectLimitMs} ms`);
      });

      const settle = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', abort);
        socket.destroy();
      };
      const fail = (
        code: 'OFD_CONNECT_FAILED' | 'OFD_TIMEOUT' | 'OFD_CLOSED_EARLY',
        detail: string,
      ): void => {
        settle();
        reject(new FiscalError(code, detail, { retryable: true, hint: HINTS[code] }));
      };
      const abort = (): void => {
        settle();
        reject(signal.reason);
      };

      signal.addEventListener('abort', abort);
      socket.on('connect', () => {
        isConnected = true;
        timer.cancel();
        timer = clock.setTimer(answerLimitMs, () => {
          fail('OFD_TIMEOUT', `${place} took the message and gives no answer within ${answerLimitMs} ms`);
        });
        socket.write(message);
      });
      socket.on('data', (bytes) => {
        try {
          const answer = reader.push(bytes);
          if (answer === undefined) return;
          settle();
          resolve(answer);
        } catch (error) {
          settle();
          reject(error);
        }
      });
      socket.on('error', (error) => {
        fail(isConnected ? 'OFD_CLOSED_EARLY' : 'OFD_CONNECT_FAILED', `${place}: ${error.message}`);
      });
      socket.on('close', () => {
        fail('OFD_CLOSED_EARLY', `${place} closed after ${reader.length} bytes of an answer`);
      });
    });
  }

  return { exchange };
}

const HINTS = {
  OFD_CONNECT_FAILED: "Check the network and the operator's address; it is tried again by itself.",
  OFD_TIMEOUT: 'The operator is slow; it is tried again by itself.',
  OFD_CLOSED_EARLY: 'The operator cut the connection; it is tried again by itself.',
} as const;
