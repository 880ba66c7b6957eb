/**
 * The socket below the app: bounds of connections and headers, problem documents for requests too broken to reach the app, and
 * an orderly end.
 *
 * `close` stops listening, lets requests under way finish, closes idle connections at once and cuts what is left after the grace.
 * The bare `server` is there for WebSocket upgrades; an upgraded socket belongs to whoever upgraded it and is not waited for.
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
  TIMEOUTS_CHECKED_MS,
} from './limits.ts';

/** Requests under way get this long when the node stops. */
export const CLOSE_GRACE_MS = 3_000;

export interface HttpServerOptions {
  readonly handler: RequestListener;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly clock: Clock;
  /** Shorter ones for tests. */
  readonly timeouts?: Timeouts;
}

export interface Timeouts {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly checkedMs: number;
}

const TIMEOUTS: Timeouts = {
  headersMs: HEADERS_TIMEOUT_MS,
  requestMs: REQUEST_TIMEOUT_MS,
  checkedMs: TIMEOUTS_CHECKED_MS,
};

export class HttpServer {
  readonly server: Server;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #connections: HttpConnections;
  #port = 0;
  #closing: Promise<void> | undefined;

  private constructor(server: Server, options: HttpServerOptions) {
    this.server = server;
    this.#connections = new HttpConnections(server);
    this.#clock = options.clock;
    this.#host = options.host;
  }

  /** Resolves when tills can connect; rejects with the system's error (`EADDRINUSE`) otherwise. */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const { headersMs, requestMs, checkedMs } = options.timeouts ?? TIMEOUTS;
    const limits = { maxHeaderSize: HEADER_BYTES_MAX, noDelay: true, connectionsCheckingInterval: checkedMs };
    const server = createServer(limits, options.handler);
    server.headersTimeout = headersMs;
    server.requestTimeout = requestMs;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.maxConnections = CONNECTIONS_MAX;
    server.on('clientError', refuseBrokenRequest);
    const opened = new HttpServer(server, options);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: options.host, port: options.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    opened.#port = (server.address() as AddressInfo).port;
    return opened;
  }

  /** The port it really got. */
  get port(): number {
    return this.#port;
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
    const { server } = this;
    server.close();
    server.closeIdleConnections();
    const timer = this.#clock.setTimer(CLOSE_GRACE_MS, () => server.closeAllConnections());
    await this.#connections.empty();
    timer.cancel();
  }
}

/** Sockets that speak HTTP. Node's own count includes upgraded ones, and would wait for them. */
class HttpConnections {
  readonly #open = new Set<Duplex>();
  #onEmpty: (() => void) | undefined;

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#remove(socket));
    });
    server.on('upgrade', (_request, socket) => {
      this.#remove(socket);
      // Listening here tells Node that somebody takes upgrades; when nobody else does, nobody does.
      if (server.listenerCount('upgrade') === 1) {
        socket.destroy();
      }
    });
  }

  empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#tell();
    });
  }

  #remove(socket: Duplex): void {
    this.#open.delete(socket);
    this.#tell();
  }

  #tell(): void {
    if (this.#open.size === 0) {
      this.#onEmpty?.();
    }
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
