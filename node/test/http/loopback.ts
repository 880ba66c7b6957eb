/**
 * A fake node behind the real app and a real socket on loopback, and a raw HTTP client that, unlike fetch, can send any header
 * and half a body.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { ManualClock } from 'hlc-ts';
import { createHttpApp, type HttpApp, type HttpAppOptions } from '../../src/http/http-app.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { cashierToken, FakeNode } from './fake-node.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface Sent {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, or raw text or bytes. */
  readonly body?: unknown;
}

export const sale = {
  till: 'T1',
  cashier: 'Ann',
  lines: [{ sku: 'TEA 25', quantityMilli: 1000, unitPriceMinor: 26196, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 30000 }],
};

export class Loopback {
  readonly node: FakeNode;
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly incidents: { code: string; cause?: unknown }[] = [];
  readonly app: HttpApp;
  #server: HttpServer | undefined;

  private constructor(options: Partial<HttpAppOptions>, node: FakeNode) {
    this.node = node;
    this.app = createHttpApp(this.node, {
      clock: this.clock,
      version: '0.0.0',
      report: (incident) => this.incidents.push(incident),
      ...options,
    });
  }

  static async open(options: Partial<HttpAppOptions> = {}, node = new FakeNode()): Promise<Loopback> {
    const self = new Loopback(options, node);
    self.#server = await HttpServer.open({
      handler: self.app.handler,
      host: '127.0.0.1',
      port: 0,
      clock: self.clock,
    });
    return self;
  }

  get port(): number {
    return this.#server!.port;
  }

  get url(): string {
    return this.#server!.url;
  }

  get server(): HttpServer {
    return this.#server!;
  }

  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  call(method: string, path: string, sent: Sent = {}): Promise<Reply> {
    const { token = cashierToken, body } = sent;
    const text =
      body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const headers = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
      ...sent.headers,
    };
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { host: '127.0.0.1', port: this.port, method, path, headers, agent: false },
        (reply) => {
          const chunks: Buffer[] = [];
          reply.on('data', (chunk) => chunks.push(chunk));
          reply.on('error', reject);
          reply.on('end', () => {
            const all = Buffer.concat(chunks).toString('utf8');
            const json = /json/.test(reply.headers['content-type'] ?? '') ? JSON.parse(all) : undefined;
            resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text: all, json });
          });
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  }

  /** Sends bytes as they are and gives back everything that came before the socket closed. */
  raw(bytes: string | Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(bytes));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
      });
      socket.on('close', () => resolve(text));
      socket.on('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' ? resolve(text) : reject(error),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.app.close();
    this.#server?.server.closeAllConnections();
    await this.#server?.close();
  }
}
