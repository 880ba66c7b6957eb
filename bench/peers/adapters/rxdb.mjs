/** RxDB with its WebSocket replication: one collection, memory storage at both ends. */
import { createRxDatabase } from 'rxdb';
import { replicateWithWebsocketServer, startWebsocketServer } from 'rxdb/plugins/replication-websocket';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';

export const as = 'RxDB 17.6.0 as shipped, replication-websocket, in memory';

const schema = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: { id: { type: 'string', maxLength: 64 }, value: { type: 'number' } },
  required: ['id', 'value'],
};

async function open(name) {
  const database = await createRxDatabase({ name, storage: getRxStorageMemory(), multiInstance: false });
  await database.addCollections({ stock: { schema } });
  return database;
}

export async function openServer({ port }) {
  const database = await open('server');
  await startWebsocketServer({ database, port, hostname: '127.0.0.1', path: '/fleet' });
  return { close: () => database.close() };
}

export async function openClient({ url, id }) {
  const database = await open(`branch${id}`);
  return {
    write: (key, value) => database.stock.insert({ id: key, value }),
    count: () => database.stock.count().exec(),
    connect: () =>
      replicateWithWebsocketServer({
        collection: database.stock,
        url: `${url}/fleet`,
        live: true,
        replicationIdentifier: `fleet-${id}`,
      }),
    close: () => database.close(),
  };
}
