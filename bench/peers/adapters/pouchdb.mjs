/** PouchDB against express-pouchdb: one database, a document for each row, memory at the clients and LevelDB at the server. */

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

export const as = 'PouchDB 9.0.0 and express-pouchdb 4.2.0 as shipped, live replication both ways';

export async function openServer({ port, dir }) {
  const PouchDB = require('pouchdb');
  const app = require('express')();
  const at = PouchDB.defaults({ prefix: join(dir, '/') });
  app.use('/', require('express-pouchdb')(at, { inMemoryConfig: true, logPath: join(dir, 'log.txt') }));
  const server = createServer(app);
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await new at('fleet').info();
  return { close: () => server.close() };
}

export async function openClient({ url, id }) {
  const PouchDB = require('pouchdb');
  PouchDB.plugin(require('pouchdb-adapter-memory'));
  const database = new PouchDB(`branch-${id}`, { adapter: 'memory' });
  let sync;
  return {
    write: (key, value) => database.put({ _id: key, value }),
    count: async () => (await database.info()).doc_count,
    connect: () => {
      sync = database.sync(`${url.replace(/^ws/, 'http')}/fleet`, { live: true, retry: true });
    },
    close: () => sync?.cancel(),
  };
}
