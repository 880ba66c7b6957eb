/** A disk that fails: nothing more is acknowledged, the node says why, and after the restart the outcome is known. */
import { FeedError, type FeedStore } from '@branchline/feed';
import type { OrderRequest, ProblemError } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain, type Machine } from './support/chain.ts';

const failing = suite('a failing disk');

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

const sell = (machine: Machine, key: string): Promise<string> =>
  machine.services.orders.place(machine.request(sale, { key })).then(
    ({ body }) => body.number,
    (error: ProblemError) => error.code,
  );

/** The store, with appends that do what `fault` says: `before` = nothing written, `after` = written and not told. */
function faulty(store: FeedStore, fault: { mode: 'none' | 'full' | 'before' | 'after' }): FeedStore {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name !== 'append') {
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (...args: Parameters<FeedStore['append']>) => {
        if (fault.mode === 'full') {
          throw new FeedError('STORE_FULL', 'no room', { retryable: true });
        }
        if (fault.mode === 'before') {
          throw new FeedError('STORE_POISONED', 'EIO');
        }
        const done = await target.append(...args);
        if (fault.mode === 'after') {
          throw new FeedError('STORE_POISONED', 'EIO');
        }
        return done;
      };
    },
  });
}

/** The store, with a disk below it that lost what was written to these feeds. */
function unreadable(store: FeedStore, prefix: string): FeedStore {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name !== 'read') {
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (...[feed, from, bytes]: Parameters<FeedStore['read']>) => {
        if (feed.startsWith(prefix)) {
          const hint = 'run `branchline verify`';
          throw new FeedError('STORE_CORRUPT', `entry ${from} of ${feed} cannot be read back`, { hint });
        }
        return await target.read(feed, from, bytes);
      };
    },
  });
}

async function shop(
  test: (
    machine: Machine,
    fault: { mode: 'none' | 'full' | 'before' | 'after' },
    chain: Chain,
  ) => Promise<void>,
): Promise<void> {
  const chain = await Chain.open();
  const machine = await chain.machine('B001');
  const fault: { mode: 'none' | 'full' | 'before' | 'after' } = { mode: 'none' };
  machine.store = faulty(machine.store!, fault);
  await machine.start();
  try {
    await test(machine, fault, chain);
  } finally {
    fault.mode = 'none';
    await chain.close();
  }
}

for (const mode of ['before', 'after'] as const) {
  failing(
    `G1, G2: an error ${mode} the write: the outcome is unknown until the restart, then it is one sale`,
    () =>
      shop(async (machine, fault) => {
        assert.is(await sell(machine, 'first'), 'B001-000001');
        fault.mode = mode;
        const answers = await Promise.all([sell(machine, 'a'), sell(machine, 'b')]);
        assert.equal(answers, ['STORE_POISONED', 'STORE_POISONED']);
        fault.mode = 'none';
        assert.match(await sell(machine, 'c'), /STORE_POISONED|NOT_READY/);
        assert.match((await machine.node!.failed).message, /EIO/);
        const { ready, reasons } = machine.services.readiness();
        assert.is(ready, false);
        assert.match(reasons[0]!, /restarts and verifies/);

        await machine.crash();
        await machine.start();
        const numbers = [await sell(machine, 'a'), await sell(machine, 'b'), await sell(machine, 'c')];
        assert.equal([...numbers].sort(), ['B001-000002', 'B001-000003', 'B001-000004']);
        assert.is((await machine.services.stock.get('CHAIR'))?.onHandMilli, -4000);
      }),
  );
}

failing('a full disk refuses sales in words, loses nothing, and selling resumes by itself', () =>
  shop(async (machine, fault, chain) => {
    assert.is(await sell(machine, 'a'), 'B001-000001');
    fault.mode = 'full';
    assert.is(await sell(machine, 'b'), 'NOT_READY');
    assert.match(machine.services.readiness().reasons[0]!, /disk is full/);
    assert.is((await machine.services.stock.get('CHAIR'))?.onHandMilli, -1000);
    fault.mode = 'none';
    assert.is(await sell(machine, 'b'), 'B001-000002');
    assert.is(machine.services.readiness().ready, true);
    assert.is((await machine.services.stock.get('CHAIR'))?.onHandMilli, -2000);

    fault.mode = 'full';
    await sell(machine, 'c');
    await chain.pass(6_000, 250);
    assert.is(machine.services.readiness().ready, true, 'nobody has to send a sale to find out');
  }),
);

failing(
  'an entry that cannot be read back for a peer is an alarm that says what to do, and selling goes on',
  async () => {
    const chain = await Chain.open();
    const [office, shop] = [await chain.machine('HQ', { role: 'hq' }), await chain.machine('B001')];
    shop.store = unreadable(shop.store!, 'orders/');
    await shop.start({ peers: [`http://${office.address}`] });
    try {
      // Not heard as it happens: head office asks for it later.
      assert.is(await sell(shop, 'a'), 'B001-000001');
      await office.start();
      const alarmsOf = (machine: Machine) => machine.services.sync.status().alarms;
      const alarmOf = (machine: Machine) => alarmsOf(machine).find(({ code }) => code === 'STORE_CORRUPT');
      await chain.until(() => alarmOf(shop) !== undefined && alarmOf(office) !== undefined);
      assert.match(alarmOf(shop)!.detail, /entry 1 of orders.*branchline verify/);
      await chain.until(
        async () => (await office.services.stock.get('CHAIR', 'B001'))?.onHandMilli === -1000,
      );
      assert.is(await sell(shop, 'b'), 'B001-000002');
    } finally {
      await chain.close();
    }
  },
);

failing.run();
