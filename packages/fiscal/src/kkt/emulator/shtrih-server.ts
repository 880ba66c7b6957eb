/** Where an emulated Shtrih-M device can be reached: a TCP port, or one end of a serial line. */
import { createServer, type Server } from 'node:net';
import type { ByteLine, OpenLine } from '../byte-line.ts';
import { serialLine } from '../serial-line.ts';
import { socketLine } from '../tcp-line.ts';
import type { KktEmulator } from './kkt-emulator.ts';
import { memoryLine } from './memory-line.ts';
import { ShtrihCommands } from './shtrih-commands.ts';
import { ShtrihPort } from './shtrih-port.ts';

export interface EmulatorServer {
  /** `127.0.0.1:7778`, or the path of the serial port. */
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly emulator: KktEmulator;
  readonly onFailure: (error: unknown) => void;
}

export class ShtrihServer {
  readonly #options: ServeOptions;
  readonly #commands: ShtrihCommands;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#commands = new ShtrihCommands(options.emulator.device);
  }

  serve(line: ByteLine, isSerial = false): void {
    const port = new ShtrihPort(line, { ...this.#options, commands: this.#commands, isSerial });
    port.start();
  }

  /** Lines inside this process. */
  openLine(): OpenLine {
    return async () => {
      const [host, device] = memoryLine();
      this.serve(device);
      return host;
    };
  }

  listen(host: string, port: number): Promise<EmulatorServer> {
    return listenLines(host, port, (line) => this.serve(line));
  }

  /** One end of a serial line, e.g. of a pair of pseudo terminals; the host opens the other. */
  async listenSerial(path: string, baudRate = 115_200): Promise<EmulatorServer> {
    const line = await serialLine({ path, baudRate })({});
    this.serve(line, true);
    return { address: path, port: 0, close: () => line.close() };
  }
}

/** A TCP server that hands each connection on as a line. */
export async function listenLines(
  host: string,
  port: number,
  serve: (line: ByteLine) => void,
): Promise<EmulatorServer> {
  const lines = new Set<ByteLine>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const line = socketLine(socket, `${socket.remoteAddress}:${socket.remotePort}`);
    lines.add(line);
    socket.once('close', () => lines.delete(line));
    serve(line);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    address: `${host}:${bound}`,
    port: bound,
    async close() {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const line of lines) await line.close();
      await ended;
    },
  };
}
