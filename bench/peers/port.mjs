/**
 * What a system must be able to do to be measured: a server on a port, clients that write while they are offline and come back.
 *
 *     server   open({ port, dir }) -> close()
 *     client   open({ url, id, seed }) -> { write(key, value), count(), connect(), close() }
 *
 * `write` is called before `connect`; `count` is the number of rows this client knows, so that "converged" means that every client
 * knows the rows of all. Nothing is tuned: each system runs with its defaults, named in `as`.
 */
export const ADAPTERS = {
  'automerge-repo': './adapters/automerge-repo.mjs',
  'y-websocket': './adapters/y-websocket.mjs',
  hocuspocus: './adapters/hocuspocus.mjs',
  tinybase: './adapters/tinybase.mjs',
  rxdb: './adapters/rxdb.mjs',
  pouchdb: './adapters/pouchdb.mjs',
  loro: './adapters/loro.mjs',
};

export async function adapterOf(name) {
  const path = ADAPTERS[name];
  if (path === undefined) throw new Error(`there is no peer ${name}`);
  return await import(path);
}
