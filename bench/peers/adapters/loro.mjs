/** Loro with its WebSocket server: one room, one map, in memory. */
import { LoroAdaptor } from 'loro-adaptors/loro';
import { LoroDoc } from 'loro-crdt';
import { LoroWebsocketClient } from 'loro-websocket';
import { SimpleServer } from 'loro-websocket/server';
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket;

export const as = 'loro-crdt 1.17.1 and loro-websocket 0.6.2 as shipped, in memory';

export async function openServer({ port }) {
  const server = new SimpleServer({ port, host: '127.0.0.1' });
  await server.start();
  return { close: () => server.stop() };
}

export async function openClient({ url }) {
  const doc = new LoroDoc();
  const rows = doc.getMap('stock');
  let client;
  return {
    write: (key, value) => {
      rows.set(key, value);
      doc.commit();
    },
    count: () => rows.size,
    connect: async () => {
      client = new LoroWebsocketClient({ url });
      await client.waitConnected();
      await client.join({ roomId: 'fleet', crdtAdaptor: new LoroAdaptor(doc) });
    },
    close: () => client?.destroy?.(),
  };
}
