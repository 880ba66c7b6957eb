/** Head office with one product at 990, a manager and a cashier: what both examples of packages/repo are shown with. */
import { randomBytes } from 'node:crypto';
import type { ProductPut } from '@branchline/model';
import { request, Scene } from './scene.ts';

export async function pricedLens() {
  const scene = await Scene.open();
  const { hq } = scene;
  const { tills, products } = hq.node.services;
  const put = (priceMinor: number) => {
    const fields = { name: 'Lens', priceMinor, vat: 'vat22' } as ProductPut;
    return products.put('A1', request(fields, randomBytes(8).toString('hex')));
  };
  await put(990);
  const boss = (await tills.add('boss', 'manager')).token;
  const desk = (await tills.add('desk', 'cashier')).token;
  return { scene, hq, products, put, boss, desk };
}
