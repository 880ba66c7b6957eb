/**
 * The HTTP server of a relay: bound, limited, closed. Time limits keep a slow or silent client from holding a socket.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RelayError } from './errors.ts';

/** `checkedMs`: how often Node looks; its own 30 s would let a slow client stay three times as long. */
export interface Timeouts {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly checkedMs: number;
}

const TIMEOUTS: Timeouts = { headersMs: 10_000, requestMs: 15_000, checkedMs: 1_000 };
/** Sockets besides those of devices: operators, probes, event listeners. */
const HTTP_SOCKETS = 256;

export async function listenHttp(options: {
  readonly listen: string;
  readonly socketsMax: number;
  readonly app: RequestListener;
  readonly timeouts?: Timeouts;
}): Promise<{ server: Server; url: string }> {
  const { host, port } = splitAddress(options.listen);
  const { headersMs, requestMs, checkedMs } = options.timeouts ?? TIMEOUTS;
  const server = createServer({
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkedMs,
  });
  server.maxConnections = options.socketsMax + HTTP_SOCKETS;
  server.on('request', options.app);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
  } catch (cause) {
    throw new RelayError('RELAY_LISTEN', `cannot listen on ${options.listen}: ${(cause as Error).message}`, {
      cause,
      hint: 'Stop what is using the address, or choose another with --listen HOST:PORT.',
    });
  }
  const bound = server.address() as AddressInfo;
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return { server, url: `http://${shown.includes(':') ? `[${shown}]` : shown}:${bound.port}` };
}

/** Requests under way are finished, idle sockets closed; event streams and WebSockets were ended before. */
export async function closeHttp(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await closed;
}

function splitAddress(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}
