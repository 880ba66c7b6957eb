/**
 * `MockOfd`: the mock operator of fiscal data (mock-operator.ts) over TCP, for tests and demonstrations.
 *
 * Speaks the real protocol: one message per connection, container checked, answered by an acknowledgement that mirrors the
 * request's header. Guarantees: bounded connections; nothing is left open after `close`.
 */
import { createServer, type Server, type Socket } from 'node:net';
import {
  type LedgerEntry,
  MockOperator,
  type MockOperatorOptions,
  type MockOperatorState,
  type OfdRule,
} from './mock-operator.ts';

export const MOCK_CONNECTIONS_MAX = 256;

export interface MockOfdOptions extends MockOperatorOptions {
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
}

export class MockOfd {
  readonly operator: MockOperator;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(operator: MockOperator, server: Server) {
    this.operator = operator;
    this.#server = server;
  }

  static async open(options: MockOfdOptions): Promise<MockOfd> {
    const server = createServer();
    const mock = new MockOfd(new MockOperator(options), server);
    server.on('connection', (socket) => mock.#receive(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
    });
    return mock;
  }

  get address(): { readonly host: string; readonly port: number } {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the mock operator is closed');
    return { host: address.address, port: address.port };
  }

  get ledger(): readonly LedgerEntry[] {
    return this.operator.ledger;
  }

  get state(): MockOperatorState {
    return this.operator.state;
  }

  entry(fn: string, fd: number): LedgerEntry | undefined {
    return this.operator.entry(fn, fd);
  }

  /** Adds a rule behind the others. */
  script(rule: OfdRule): void {
    this.operator.script(rule);
  }

  /** Back to accepting; connections that hang go on hanging. */
  clearRules(): void {
    this.operator.clearRules();
  }

  async close(): Promise<void> {
    this.operator.close();
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(socket: Socket): void {
    const take = this.operator.connect(socket, this.#sockets.size < MOCK_CONNECTIONS_MAX);
    if (take === undefined) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => this.#sockets.delete(socket));
    // The other side may go away at any time; its connection is all that ends.
    socket.on('error', () => socket.destroy());
    socket.on('data', take);
  }
}
