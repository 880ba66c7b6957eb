/**
 * One branch of a small chain and a history made for it day by day, by the node's own commit path: what `restart` and `growth` begin with.
 *
 * A day is a hundred sales of one to five lines, two fifths of them with a customer, two deliveries and a stock count. The branch's
 * clock runs ahead; relay and head office stay in the present.
 */
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import type { ForkedProgram } from '../system/forked.ts';
import { HQ } from './plan.ts';
import { onlyShared } from './prepare.ts';
import { openHost } from './programs.ts';
import { openSmallChain, type SmallChain } from './small-chain.ts';
import type { Vector } from './words.ts';

export const ORDERS_A_DAY = 100;
export const CODE = 'B001';
const REACH_TIMEOUT_MS = 300_000;

export interface ShopHistory {
  readonly chain: SmallChain;
  readonly host: ForkedProgram;
  /** Folder of the branch. */
  readonly data: string;
  /** Makes the days up to `day`. */
  until(day: number, onDay: (day: number) => void): Promise<void>;
  /** Everything is applied at the branch and on the disk of the relay. */
  level(): Promise<void>;
  /** Ends the branch and begins it again, as long after its beginning as its history is. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export async function openShopHistory(context: BenchContext, products: number): Promise<ShopHistory> {
  const { clock, workDir, seed, signal } = context;
  const data = join(workDir, CODE);
  const chain = await openSmallChain(context, [CODE]);
  let host = openHost(context);
  let made = 0;
  const close = async (): Promise<void> => {
    await host.close();
    await chain.close();
  };
  try {
    await chain.office.call('load', { code: HQ, rows: products, seed });
    const target = onlyShared(await chain.office.call<Vector>('vector', { code: HQ }));
    // Ahead of head office's entries: what is stamped later than a node's clock does not hold there yet.
    const fromMs = clock.nowMs();
    const open = (extra: object): Promise<unknown> =>
      host.call('open', { code: CODE, data, relay: chain.url, nowMs: fromMs + made * DAY_MS, ...extra });
    await open({ token: chain.tokens.get(CODE) });
    await host.call('reach', [{ code: CODE, target }]);
    while ((await host.call<number>('products', { code: CODE })) < products) {
      await host.call('settle', { code: CODE });
      await clock.sleep(5, { signal });
    }
    return {
      chain,
      get host() {
        return host;
      },
      data,
      until: async (day, onDay) => {
        for (; made < day; made += 1) {
          await host.call('year', { code: CODE, products, day: made, orders: ORDERS_A_DAY, fromMs, seed });
          onDay(made + 1);
        }
      },
      level: async () => {
        await host.call('settle', { code: CODE });
        const everything = onlyShared(await host.call<Vector>('vector', { code: CODE }));
        await chain.relay.call('reach', { target: everything, timeoutMs: REACH_TIMEOUT_MS });
      },
      reopen: async () => {
        await host.call('close', {});
        await host.close();
        host = openHost(context);
        await open({});
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const DAY_MS = 86_400_000;
