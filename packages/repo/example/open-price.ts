/**
 * A price as a live document, with nothing of Branchline in it: a stock automerge-repo client. The same in a program (live-price.ts) and
 * in a browser (page/page.ts).
 *
 * `node` is the address of the node, or of whoever forwards to it.
 */
import { type AutomergeUrl, type DocHandle, Repo } from '@automerge/automerge-repo';
import { BrowserWebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';

interface Products {
  readonly products: Record<string, { priceMinor: number }>;
}

export interface LivePrice {
  readonly handle: DocHandle<Products>;
  /** Why an edit was not taken over: code and detail. */
  onRefused(told: (refusal: { code: string; detail: string }) => void): void;
  price(): number | undefined;
  change(priceMinor: number): void;
  close(): void;
}

export async function openPrice(node: string, token: string, sku: string): Promise<LivePrice> {
  const call = async (method: string, path: string) => {
    const reply = await fetch(node + path, { method, headers: { authorization: `Bearer ${token}` } });
    if (!reply.ok) {
      throw new Error(`${path}: ${(await reply.json()).detail}`);
    }
    return await reply.json();
  };
  const { documents } = await call('GET', `/v1/automerge/documents?sku=${encodeURIComponent(sku)}`);
  const { path } = await call('POST', '/v1/automerge/tickets');

  const adapter = new BrowserWebSocketClientAdapter(node.replace(/^http/, 'ws') + path);
  const repo = new Repo({ network: [adapter] });
  await new Promise<void>((resolve) => repo.networkSubsystem.once('peer', () => resolve()));
  const { url } = documents.find(({ kind }: { kind: string }) => kind === 'catalog');
  const handle = await repo.find<Products>(url as AutomergeUrl);
  return {
    handle,
    onRefused: (told) => {
      handle.on('ephemeral-message', ({ message }) => told(message as { code: string; detail: string }));
    },
    price: () => handle.doc().products[sku]?.priceMinor,
    change: (priceMinor) =>
      handle.change((doc) => {
        doc.products[sku]!.priceMinor = priceMinor;
      }),
    close: () => {
      adapter.disconnect();
    },
  };
}
