/**
 * A TCP line that can hang: a proxy on loopback between a node and what it speaks with.
 *
 * While it hangs it accepts, takes every byte and gives none back, as a machine behind a dead network does: nobody is told that
 * anything is wrong. `resume` ends what hung, so that whoever waited finds out at once and dials again.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** More than a register and an operator are ever dialled with at once. */
export const CONNECTIONS_MAX = 64;

export class HangingLine {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #isHanging = false;
  #swallowed = 0;

  private constructor(server: Server, address: string) {
    this.#server = server;
    const { hostname, port } = new URL(`tcp://${address}`);
    this.#target = { host: hostname, port: Number(port) };
    server.maxConnections = CONNECTIONS_MAX;
    server.on('connection', (near) => this.#join(near));
  }

  /** `address` as HOST:PORT. */
  static async open(address: string): Promise<HangingLine> {
    const server = createServer();
    const line = new HangingLine(server, address);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return line;
  }

  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** Bytes taken while hanging, since the last `hang`. */
  get swallowed(): number {
    return this.#swallowed;
  }

  hang(): void {
    this.#isHanging = true;
    this.#swallowed = 0;
  }

  resume(): void {
    this.#isHanging = false;
    this.#cut();
  }

  async close(): Promise<void> {
    this.#cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.#target);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (bytes) => {
        if (!this.#isHanging) to.write(bytes);
        else if (from === near) this.#swallowed += bytes.length;
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
