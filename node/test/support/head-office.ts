/** Head office with a history of prices and a checkpoint of it, and what tests ask machines that join it. */
import { shardDocs } from '@branchline/docs';
import type { OrderRequest, ProductPut } from '@branchline/model';
import type { CatalogRow } from '../../src/use-cases/import-catalog.ts';
import { Chain, type Machine } from './chain.ts';

export const PRODUCTS = 200;

export const addressOf = (machine: Machine): string => `http://${machine.address}`;
export const priceOf = (machine: Machine, index: number) =>
  machine.services.products.get(`SKU-${index}`)?.priceMinor;

export const catalog = (count: number): CatalogRow[] =>
  Array.from({ length: count }, (_, index) => ({
    sku: `SKU-${index}`,
    name: `Product ${index}`,
    priceMinor: 1000 + index,
    vat: 'vat22',
  })) as unknown as CatalogRow[];

/** One after another, as head office would over months. */
export async function editPrices(hq: Machine, count: number, from = 0): Promise<void> {
  for (let at = from; at < from + count; at += 20) {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const put = hq.request({ priceMinor: 5000 + at + n } as ProductPut);
        return hq.services.products.put(`SKU-${(at + n) % PRODUCTS}`, put);
      }),
    );
  }
}

export const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

export async function catalogHeads(machine: Machine): Promise<string[][]> {
  return Promise.all(shardDocs('catalog').map((doc) => machine.node!.heads(doc)));
}

export function headsOf(machine: Machine, collection: string): string {
  return [...machine.store!.feeds().values()]
    .filter(({ feed }) => feed.startsWith(`${collection}/`))
    .map(({ feed, head }) => `${feed} ${head.seq}`)
    .sort()
    .join();
}

export async function isLevel(machine: Machine, hq: Machine): Promise<boolean> {
  return (
    headsOf(machine, 'catalog') === headsOf(hq, 'catalog') &&
    priceOf(machine, PRODUCTS - 1) === priceOf(hq, PRODUCTS - 1)
  );
}

export interface Scene {
  readonly chain: Chain;
  readonly hq: Machine;
}

/** Head office after many price edits, with a checkpoint made of them. */
export async function headOffice(edits = 800): Promise<Scene> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq', checkpoints: true });
  await hq.start();
  await hq.node!.importCatalog(catalog(PRODUCTS));
  await editPrices(hq, edits);
  await chain.until(() => hq.shelf!.marks().length > 0);
  return { chain, hq };
}
