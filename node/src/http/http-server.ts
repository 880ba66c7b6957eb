/**
 * The socket below the app: bounds of connections and headers, problem documents for requests too broken to reach the app, and
 * an orderly end.
 *
 * `close` stops listening, lets requests under way finish, closes idle connections at once and cuts what is left after the grace.
 * The bare `server` is there for WebSocket upgrades.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { ProblemError } from '@branchline/model';
import type { Clock } from 'hlc-ts';
import {
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  REQUEST_TIMEOUT_MS,
} from './limits.ts';

/** Requests under way get this long when the node stops. */
export const CLOSE_GRACE_MS = 3_000;

export interface HttpServerOptions {
  readonly handler: RequestListener;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly clock: Clock;
}

export class HttpServer {
  readonly server: Server;
  readonly #clock: Clock;
  readonly #host: string;
  #closing: Promise<void> | undefined;

  private constructor(server: Server, options: HttpServerOptions) {
    this.server = server;
    this.#clock = options.clock;
    this.#host = options.host;
  }

  /** Resolves when tills can connect; rejects with the system's error (`EADDRINUSE`) otherwise. */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, noDelay: true }, options.handler);
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.maxConnections = CONNECTIONS_MAX;
    server.on('clientError', refuseBrokenRequest);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: options.host, port: options.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return new HttpServer(server, options);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    const everywhere = this.#host === '0.0.0.0' || this.#host === '::';
    const host = everywhere ? '127.0.0.1' : this.#host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const timer = this.#clock.setTimer(CLOSE_GRACE_MS, () => this.server.closeAllConnections());
    await closed;
    timer.cancel();
  }
}

/** Requests the parser of Node.js gives up on: the only answers not made by the app. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new ProblemError('HEADERS_TOO_LARGE', `Headers may have ${HEADER_BYTES_MAX} bytes.`)
      : new ProblemError(
          'INVALID_REQUEST',
          'This is not HTTP as the node understands it, or it came too slowly.',
        );
  const text = JSON.stringify(problem.toProblem());
  const reason = problem.status === 431 ? 'Request Header Fields Too Large' : 'Bad Request';
  socket.end(
    `HTTP/1.1 ${problem.status} ${reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
