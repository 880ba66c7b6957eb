/** Head office and two shops that know it, for tests about what one place says and the others hear. */
import { Chain, type Machine } from './chain.ts';

export interface Places {
  readonly hq: Machine;
  readonly shop: Machine;
  readonly other: Machine;
  readonly chain: Chain;
}

export const peersOf = (machine: Machine) => ({ peers: [`http://${machine.address}`] });

export async function threeMachines(story: (places: Places) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  try {
    const hq = await chain.machine('HQ', { role: 'hq' });
    const shop = await chain.machine('B001');
    const other = await chain.machine('B002');
    await hq.start();
    await shop.start(peersOf(hq));
    await other.start(peersOf(hq));
    await story({ hq, shop, other, chain });
  } finally {
    await chain.close();
  }
}
