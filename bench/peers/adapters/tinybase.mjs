/** TinyBase: one mergeable store, a file behind the server. */
import { join } from 'node:path';
import { createMergeableStore } from 'tinybase';
import { createFilePersister } from 'tinybase/persisters/persister-file';
import { createWsSynchronizer } from 'tinybase/synchronizers/synchronizer-ws-client';
import { createWsServer } from 'tinybase/synchronizers/synchronizer-ws-server';
import { WebSocket, WebSocketServer } from 'ws';

export const as = 'TinyBase 10.0.1 as shipped, a JSON file behind the server';

export async function openServer({ port, dir }) {
  const server = createWsServer(new WebSocketServer({ port, host: '127.0.0.1' }), (path) =>
    createFilePersister(createMergeableStore(), join(dir, `${path.replaceAll('/', '_')}.json`)),
  );
  return { close: () => server.destroy() };
}

export async function openClient({ url }) {
  const store = createMergeableStore();
  let synchronizer;
  return {
    write: (key, value) => store.setRow('stock', key, { value }),
    count: () => store.getRowCount('stock'),
    connect: async () => {
      synchronizer = await createWsSynchronizer(store, new WebSocket(`${url}/fleet`));
      await synchronizer.startSync();
    },
    close: () => synchronizer?.destroy(),
  };
}
