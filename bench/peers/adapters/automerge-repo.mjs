/** automerge-repo: one document that everybody holds before, files behind the server. */
import * as Automerge from '@automerge/automerge';
import { generateAutomergeUrl, parseAutomergeUrl, Repo } from '@automerge/automerge-repo';
import { WebSocketClientAdapter, WebSocketServerAdapter } from '@automerge/automerge-repo-network-websocket';
import { NodeFSStorageAdapter } from '@automerge/automerge-repo-storage-nodefs';
import { WebSocketServer } from 'ws';

export const as = 'automerge-repo 2.5.6 as shipped: 100 ms throttle, files without fsync';

export async function openServer({ port, dir }) {
  const server = new WebSocketServer({ port, host: '127.0.0.1' });
  const repo = new Repo({
    network: [new WebSocketServerAdapter(server)],
    storage: new NodeFSStorageAdapter(dir),
    peerId: 'server',
    sharePolicy: async () => false,
  });
  return { close: () => repo.shutdown() };
}

/** A document id and a document, so that all clients write into the same map. */
export async function makeSeed() {
  const url = generateAutomergeUrl();
  const document = Automerge.save(Automerge.from({ stock: {} }));
  return Buffer.from(JSON.stringify({ url, document: Buffer.from(document).toString('base64') }));
}

export async function openClient({ url, id, seed }) {
  const base = JSON.parse(Buffer.from(seed).toString('utf8'));
  const { documentId } = parseAutomergeUrl(base.url);
  const repo = new Repo({ network: [], peerId: `branch-${id}` });
  const handle = repo.import(new Uint8Array(Buffer.from(base.document, 'base64')), { docId: documentId });
  await handle.whenReady();
  return {
    write: (key, value) =>
      handle.change((document) => {
        document.stock[key] = value;
      }),
    count: () => Object.keys(handle.doc().stock).length,
    connect: () => repo.networkSubsystem.addNetworkAdapter(new WebSocketClientAdapter(url)),
    close: () => repo.shutdown(),
  };
}
