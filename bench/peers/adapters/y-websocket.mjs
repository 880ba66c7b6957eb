/** Yjs with y-websocket and y-leveldb: one document, one map. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';

export const as = 'y-websocket 2.1.0 as shipped, y-leveldb 0.2.0 behind it';

export async function openServer({ port, dir }) {
  Object.assign(process.env, { HOST: '127.0.0.1', PORT: String(port), YPERSISTENCE: dir });
  createRequire(import.meta.url)(
    fileURLToPath(new URL('../node_modules/y-websocket/bin/server.cjs', import.meta.url)),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  return {};
}

export async function openClient({ url }) {
  const doc = new Y.Doc();
  const rows = doc.getMap('stock');
  const provider = new WebsocketProvider(url, 'fleet', doc, {
    connect: false,
    WebSocketPolyfill: WebSocket,
    disableBc: true,
  });
  return {
    write: (key, value) => rows.set(key, value),
    count: () => rows.size,
    connect: () => provider.connect(),
    close: () => provider.destroy(),
  };
}
