/**
 * A network link that can be cut: a TCP proxy on loopback between one program and another.
 *
 * `cut()` destroys every open connection and refuses new ones, as an unplugged cable behind a router does;
 * `restore()` listens again on the same port. The programs at both ends are the real ones and notice the outage only
 * through their sockets. It does not delay, lose or reorder bytes: that is the memory network's work, in tests.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** More connections than a demo chain ever opens; above it the link refuses, so a reconnect bug shows early. */
const CONNECTIONS_MAX = 64;

export class Link {
  readonly port: number;
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(port: number, target: { host: string; port: number }) {
    this.port = port;
    this.#target = target;
  }

  /** Listens on loopback at `port` (0 = any free one) and forwards to `target`. */
  static async open(options: { target: { host: string; port: number }; port?: number }): Promise<Link> {
    const server = createServer();
    const port = await listen(server, options.port ?? 0);
    const link = new Link(port, options.target);
    link.#serve(server);
    return link;
  }

  get isCut(): boolean {
    return this.#server === undefined;
  }

  async cut(): Promise<void> {
    const server = this.#server;
    if (!server) {
      return;
    }
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await closed;
  }

  async restore(): Promise<void> {
    if (this.#server) {
      return;
    }
    const server = createServer();
    await listen(server, this.port);
    this.#serve(server);
  }

  async close(): Promise<void> {
    await this.cut();
  }

  #serve(server: Server): void {
    server.maxConnections = CONNECTIONS_MAX;
    server.on('connection', (near) => {
      const far = connect(this.#target);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.pipe(to);
        // Either end going away ends the other at once: a half-open connection would hide the outage.
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
    this.#server = server;
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** A port of loopback nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
