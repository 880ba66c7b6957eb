/** Yjs with Hocuspocus: one document, one map, kept in memory only, as the server is without an extension. */
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Server } from '@hocuspocus/server';
import { WebSocket } from 'ws';
import * as Y from 'yjs';

export const as = 'Hocuspocus 3.4.4 as shipped, in memory';

export async function openServer({ port }) {
  const server = new Server({ port, address: '127.0.0.1', quiet: true, stopOnSignals: false });
  await server.listen();
  return { close: () => server.destroy() };
}

export async function openClient({ url }) {
  const document = new Y.Doc();
  const rows = document.getMap('stock');
  let provider;
  let socket;
  return {
    write: (key, value) => rows.set(key, value),
    count: () => rows.size,
    connect: () => {
      socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket });
      provider = new HocuspocusProvider({ websocketProvider: socket, name: 'fleet', document });
      provider.attach();
    },
    close: () => {
      provider?.destroy();
      socket?.destroy();
    },
  };
}
