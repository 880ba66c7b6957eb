/** One process of a peer: its server, or some of its clients. Answers calls of the harness over the channel to its parent. */
import { subscribe } from 'node:diagnostics_channel';
import { adapterOf } from './port.mjs';

const sockets = new Set();
let gone = { bytesIn: 0, bytesOut: 0 };
subscribe('net.client.socket', ({ socket }) => {
  sockets.add(socket);
  socket.once('close', () => {
    sockets.delete(socket);
    gone = { bytesIn: gone.bytesIn + socket.bytesRead, bytesOut: gone.bytesOut + socket.bytesWritten };
  });
});

let server;
let clients = [];
let seed;

const calls = {
  async server({ peer, port, dir }) {
    const { openServer } = await adapterOf(peer);
    server = await openServer({ port, dir });
  },
  /** What all clients of a system must have in common before they write, if it needs anything. */
  async seed({ peer, dir }) {
    const { makeSeed } = await adapterOf(peer);
    return makeSeed === undefined ? undefined : Buffer.from(await makeSeed({ dir })).toString('base64');
  },
  async clients({ peer, url, ids, writes, seed: base }) {
    const { openClient } = await adapterOf(peer);
    seed = base === undefined ? undefined : new Uint8Array(Buffer.from(base, 'base64'));
    clients = [];
    for (const id of ids) {
      const client = await openClient({ url, id, seed });
      for (let n = 0; n < writes; n += 1) await client.write(`${n}/${id}`, n + 1);
      clients.push(client);
    }
  },
  async connect() {
    await Promise.all(clients.map((client) => client.connect()));
  },
  /** Resolves with the time when every client here knew all rows, or with how many did when the time was over. */
  async converge({ rows, timeoutMs }) {
    const until = performance.now() + timeoutMs;
    for (;;) {
      let done = 0;
      for (const client of clients) done += (await client.count()) >= rows ? 1 : 0;
      if (done === clients.length || performance.now() > until)
        return { done, of: clients.length, atMs: Date.now() };
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  },
  usage() {
    const { user, system } = process.cpuUsage();
    const open = [...sockets];
    return {
      cpuMs: (user + system) / 1_000,
      rssBytes: process.memoryUsage.rss(),
      bytesIn: gone.bytesIn + open.reduce((sum, socket) => sum + socket.bytesRead, 0),
      bytesOut: gone.bytesOut + open.reduce((sum, socket) => sum + socket.bytesWritten, 0),
    };
  },
  async close() {
    for (const client of clients) await client.close?.();
    await server?.close?.();
  },
};

// A system that fails in the background is a system that does not converge; the harness says so.
process.on('uncaughtException', (error) => process.stderr.write(`${error.stack}\n`));
process.on('unhandledRejection', (error) => process.stderr.write(`${error?.stack ?? error}\n`));
process.on('message', ({ id, name, argument }) => {
  Promise.resolve()
    .then(() => calls[name](argument))
    .then(
      (answer) => process.send({ id, answer }),
      (error) => process.send({ id, error: error?.stack ?? String(error) }),
    );
});
process.once('disconnect', () => process.exit());
