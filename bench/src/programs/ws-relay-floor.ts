/**
 * Floor (c): a relay that passes every message on to everybody else and does nothing more; given a path, it makes each
 * message durable first, as a relay must that answers for what it took.
 */
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { GroupAppend } from '../system/group-append.ts';

const [path] = process.argv.slice(2);
const file = path === undefined ? undefined : await GroupAppend.open(path);
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });

async function forward(from: WebSocket, message: Buffer): Promise<void> {
  await file?.append(message);
  for (const peer of server.clients) {
    if (peer !== from) peer.send(message);
  }
}

server.on('connection', (socket) => {
  socket.on('message', (message: Buffer) => void forward(socket, message));
});
server.on('listening', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `ws://127.0.0.1:${port}` })}\n`);
});
