/** A WebSocket server on a free port, and sockets of whoever wants to send what no Repo would. */
import type { AddressInfo } from 'node:net';
import { cbor } from '@automerge/automerge-repo';
import { WebSocket, WebSocketServer } from 'ws';
import type { RepoSocket } from '../../src/index.ts';

export class Listening {
  readonly server: WebSocketServer;
  readonly url: string;

  private constructor(server: WebSocketServer) {
    this.server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(accept: (socket: RepoSocket, query: URLSearchParams) => void): Promise<Listening> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, maxPayload: 2 * 1024 * 1024 });
    server.on('connection', (socket, request) =>
      accept(socket, new URL(request.url ?? '/', 'http://x').searchParams),
    );
    await new Promise((resolve) => server.once('listening', resolve));
    return new Listening(server);
  }

  close(): Promise<void> {
    for (const client of this.server.clients) {
      client.terminate();
    }
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

/** A client that says what it is told to say. */
export class RawClient {
  readonly socket: WebSocket;
  readonly frames: Record<string, unknown>[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #heard: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      this.frames.push(cbor.decode(new Uint8Array(data)) as Record<string, unknown>);
      for (const tell of this.#heard.splice(0)) {
        tell();
      }
    });
  }

  static async open(url: string): Promise<RawClient> {
    const client = new RawClient(new WebSocket(url));
    await new Promise((resolve) => client.socket.once('open', resolve));
    return client;
  }

  static async joined(url: string, senderId: string): Promise<RawClient> {
    const client = await RawClient.open(url);
    client.say({ type: 'join', senderId, peerMetadata: {}, supportedProtocolVersions: ['1'] });
    await client.frame('peer');
    return client;
  }

  get serverId(): string {
    return String(this.frames.find(({ type }) => type === 'peer')?.senderId);
  }

  say(frame: object): void {
    this.socket.send(cbor.encode(frame));
  }

  async frame(type: string): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.frames.find((frame) => frame.type === type);
      if (found !== undefined) {
        return found;
      }
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }
}
