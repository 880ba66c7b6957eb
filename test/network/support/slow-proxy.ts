/** A line that takes its time: forwards connections, each piece of data after a delay that changes, in order. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { randomInteger, seededRandom, systemClock } from 'hlc-ts';

export class SlowProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, port: number) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = port;
  }

  static async open(
    address: string,
    to: { host: string; port: number },
    delayMs: number,
  ): Promise<SlowProxy> {
    const sockets = new Set<Socket>();
    const [clock, random] = [systemClock(), seededRandom(1)];
    const pipe = (from: Socket, into: Socket) => {
      sockets.add(from);
      let line: Promise<unknown> = Promise.resolve();
      from.on('data', (bytes) => {
        line = line
          .then(() => clock.sleep(delayMs / 2 + randomInteger(random, delayMs)))
          .then(() => into.write(bytes));
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        line.finally(() => into.destroy());
      });
    };
    const server = createServer((near) => {
      const far = connect(to);
      pipe(near, far);
      pipe(far, near);
    });
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    return new SlowProxy(server, sockets, (server.address() as { port: number }).port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
