// limit: 300 s
/**
 * What the system Branchline replaces could not do, point by point: (3) to (8) of its successor's list, each under its own words.
 *
 * The third runs real processes that are killed; the others a chain in memory, whose clock and links are moved by hand.
 */
import { join } from 'node:path';
import type { Order, OrderRequest, ProductPut } from '@branchline/model';
import { seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { branchline, Running } from '../../../test/support/branchline.ts';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { until } from '../../../test/support/within.ts';
import { Chain, type Machine } from '../support/chain.ts';

const proof = suite('proof points');

const LIMIT_MS = 60_000;
const SALES = 60;
const TILLS = 4;
const LOST_SHARE = 0.05;
/** Answers after which the branch, and then the relay, is killed. */
const [KILL_BRANCH_AT, KILL_RELAY_AT] = [20, 40];

const HOUR_MS = 3_600_000;
const anna = 'anna' as never;
const line = (quantityMilli: number, more = {}) => ({
  lines: [{ sku: 'CHAIR' as never, quantityMilli, ...more }],
});
const saleOf = (payment: object = { kind: 'cash', amountMinor: 100_000 }) =>
  ({
    lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 100_000, discountMinor: 0, vat: 'vat22' }],
    payments: [payment],
    redeemPoints: 0,
  }) as unknown as OrderRequest;
const sell = async (machine: Machine, body = saleOf()) =>
  (await machine.services.orders.place(machine.request(body))).body;

interface Shops {
  readonly chain: Chain;
  readonly hq: Machine;
  readonly one: Machine;
  readonly two: Machine;
  /** No link of anybody to anybody. */
  cut(): void;
}

/** Head office and two devices, of one branch or of two, all linked. */
async function shops(
  branches: readonly [string, string],
  story: (places: Shops) => Promise<void>,
): Promise<void> {
  const chain = await Chain.open();
  try {
    const hq = await chain.machine('HQ', { role: 'hq' });
    const [one, two] = [await chain.machine(branches[0]), await chain.machine(branches[1])];
    const peers = [`http://${hq.address}`];
    await hq.start();
    await one.start({ peers });
    await two.start({ peers });
    const all = [hq, one, two];
    const cut = (): void => {
      for (const from of all) {
        for (const to of all.filter((each) => each !== from)) {
          chain.network.partition(from.address, to.address);
        }
      }
    };
    await story({ chain, hq, one, two, cut });
  } finally {
    await chain.close();
  }
}

interface Program {
  readonly url: string;
  readonly process: Running;
}

async function start(...args: string[]): Promise<Program> {
  const process = new Running(...args);
  const { url } = await process.said<{ url: string }>(LIMIT_MS, 'listening');
  return { url, process };
}

async function json(...args: string[]) {
  const { code, out, err } = await branchline(LIMIT_MS, ...args, '--json');
  assert.is(code, 0, err);
  return JSON.parse(out);
}

proof(
  '(3) 5 % lost replies, kill −9 of branch and relay: zero duplicates, zero losses, gap-free sequence',
  async () => {
    await using dir = await TempDir.open('proof');
    const [relayData, shopData, hqData] = ['relay', 'shop', 'hq'].map((name) => join(dir.path, name)) as [
      string,
      string,
      string,
    ];
    await json('init', '--data', relayData, '--tenant', 'acme');
    const openRelay = (listen: string) => start('relay', '--data', relayData, '--listen', listen);
    let relay = await openRelay('127.0.0.1:0');
    const add = async (...args: string[]) =>
      (await json('branch', 'add', ...args, '--data', relayData)).tokens[0].token as string;
    const openNode = (data: string, listen: string, ...more: string[]) =>
      start('node', '--data', data, '--listen', listen, '--relay', relay.url, '--log', 'error', ...more);
    const hq = await openNode(hqData, '127.0.0.1:0', '--token', await add('HQ', '--role', 'hq'));
    let shop = await openNode(shopData, '127.0.0.1:0', '--token', await add('B001'));
    const shopListen = new URL(shop.url).host;
    const tokenOf = async (data: string) =>
      (await json('till', 'add', 'T1', '--role', 'cashier', '--data', data)).token as string;
    const [token, hqToken] = [await tokenOf(shopData), await tokenOf(hqData)];
    try {
      const random = seededRandom(11);
      const answers: Order[] = [];
      let next = 0;
      let lost = 0;
      let replayed = 0;
      let killed: Promise<void> = Promise.resolve();
      const kill = async (
        program: Program,
        again: () => Promise<Program>,
        keep: (opened: Program) => void,
      ) => {
        await program.process.kill();
        keep(await again());
      };
      const place = async (key: string): Promise<Response> =>
        await fetch(`${shop.url}/v1/orders`, {
          method: 'POST',
          headers: {
            Authorization: `Bearer ${token}`,
            'Content-Type': 'application/json',
            'Idempotency-Key': key,
          },
          body: JSON.stringify(saleOf()),
        });
      /** A till repeats a sale under its key until it has read an answer. */
      const sellOnce = async (key: string): Promise<Order> => {
        for (;;) {
          const reply = await place(key).catch(() => undefined);
          if (reply === undefined) {
            // Killed under our hands: the one that killed it starts it again.
            await killed;
            continue;
          }
          if (random() < LOST_SHARE) {
            await reply.body?.cancel();
            lost += 1;
            continue;
          }
          const text = await reply.text().catch(() => undefined);
          if (text !== undefined) {
            assert.is(reply.status, 201, text);
            replayed += reply.headers.get('idempotency-replayed') === 'true' ? 1 : 0;
            return JSON.parse(text) as Order;
          }
        }
      };
      const till = async (): Promise<void> => {
        while (next < SALES) {
          next += 1;
          answers.push(await sellOnce(`sale-${next}`));
          if (answers.length === KILL_BRANCH_AT) {
            killed = kill(
              shop,
              () => openNode(shopData, shopListen),
              (opened) => {
                shop = opened;
              },
            );
          } else if (answers.length === KILL_RELAY_AT) {
            killed = kill(
              relay,
              () => openRelay(new URL(relay.url).host),
              (opened) => {
                relay = opened;
              },
            );
          }
        }
      };
      await Promise.all(Array.from({ length: TILLS }, till));
      await killed;
      assert.ok(lost > 0 && replayed >= lost, `${lost} replies lost, ${replayed} told again`);
      const ordersAt = async (url: string, bearer: string): Promise<Order[]> => {
        const reply = await fetch(`${url}/v1/orders?limit=200&branch=B001`, {
          headers: { Authorization: `Bearer ${bearer}` },
        });
        return ((await reply.json()) as { orders: Order[] }).orders;
      };
      await until(LIMIT_MS, 'every order at head office', async () => {
        const { length } = await ordersAt(hq.url, hqToken);
        assert.ok(length <= SALES, `${length} orders of ${SALES} sales`);
        return length === SALES;
      });
      const wanted = Array.from({ length: SALES }, (_, at) => `B001-${String(at + 1).padStart(6, '0')}`);
      const idsBy = (orders: readonly Order[]) =>
        new Map(orders.map(({ number, id }) => [number as string, id]));
      for (const [url, bearer] of [
        [shop.url, token],
        [hq.url, hqToken],
      ] as const) {
        const orders = await ordersAt(url, bearer);
        assert.equal(orders.map(({ number }) => number as string).sort(), wanted);
        assert.equal(
          [...idsBy(orders)].sort(),
          [...idsBy(answers)].sort(),
          'what tills were told is what there is',
        );
      }
    } finally {
      for (const program of [shop, hq, relay]) {
        await program.process.kill();
      }
    }
  },
);

proof('(4) Same customer edited in two branches offline: both fields survive', () =>
  shops(['B001', 'B002'], async ({ chain, hq, one, two, cut }) => {
    const edit = (at: Machine, fields: object) =>
      at.services.customers.put(anna, at.request(fields as never));
    await edit(one, { name: 'Anna', phone: '+79000000001' });
    const read = (at: Machine) => at.services.customers.get(anna);
    await chain.until(async () => (await read(two))?.name === 'Anna');
    cut();
    await edit(one, { phone: '+79000000002' });
    await edit(two, { email: 'anna@example.test' });
    await chain.pass(8 * HOUR_MS, 600_000);
    chain.network.heal();
    for (const place of [hq, one, two]) {
      await chain.until(async () => {
        const seen = await read(place);
        return seen?.phone === '+79000000002' && seen.email === 'anna@example.test' && seen.name === 'Anna';
      });
    }
  }),
);

proof('(5) Credit 100, spends 40 + 30 offline: 30 left everywhere', () =>
  shops(['B001', 'B002'], async ({ chain, hq, one, two, cut }) => {
    // One point for every 10,000.00, and sales of 1000.00: what is redeemed earns nothing new.
    const rules = { pointsPerStep: 1, stepMinor: 1_000_000, pointValueMinor: 100, sharePercentMax: 100 };
    await hq.services.loyalty.putProgramme('2026-11-22', hq.request({ ...rules, expiryDays: 0 }));
    const knows = (at: Machine) => at.services.loyalty.programmes().today.stepMinor === rules.stepMinor;
    await chain.until(() => knows(one) && knows(two));
    const left = async (at: Machine) => (await at.services.customers.get(anna))?.points.balance;
    const earn = (at: Machine, points: number) =>
      sell(at, {
        ...saleOf({ kind: 'cash', amountMinor: points * rules.stepMinor }),
        lines: [{ ...saleOf().lines[0], unitPriceMinor: points * rules.stepMinor }],
        customer: { id: anna },
      } as unknown as OrderRequest);
    await earn(one, 60);
    await earn(two, 40);
    for (const place of [hq, one, two]) {
      await chain.until(async () => (await left(place)) === 100);
    }
    cut();
    const redeem = (at: Machine, points: number) =>
      sell(at, {
        ...saleOf({ kind: 'cash', amountMinor: 100_000 - points * 100 }),
        redeemPoints: points,
        customer: { id: anna },
      } as unknown as OrderRequest);
    await redeem(one, 40);
    await redeem(two, 30);
    await redeem(two, 30).then(
      () => assert.unreachable('spent beyond what is held here'),
      (error: { code: string }) => assert.is(error.code, 'POINTS_SHORT'),
    );
    chain.network.heal();
    for (const place of [hq, one, two]) {
      await chain.until(async () => (await left(place)) === 30);
    }
  }),
);

proof(
  '(6) Last unit sold in two views of a branch, recounted meanwhile: the sum of the differences is right',
  () =>
    shops(['B001', 'B001'], async ({ chain, hq, one, two, cut }) => {
      const onHand = async (at: Machine) => (await at.services.stock.get('CHAIR', 'B001'))?.onHandMilli;
      await one.services.stock.receive(one.request(line(1000)));
      await chain.until(async () => (await onHand(two)) === 1000);
      cut();
      await sell(one);
      await sell(two);
      // Two more than the books said when counting began.
      await one.services.stock.count(one.request(line(3000, { seenMilli: 1000 })));
      await chain.pass(HOUR_MS, 600_000);
      chain.network.heal();
      for (const place of [hq, one, two]) {
        await chain.until(async () => (await onHand(place)) === 1000 - 1000 - 1000 + 2000);
      }
    }),
);

proof('(7) Sale time preserved, however late it arrives', () =>
  shops(['B001', 'B002'], async ({ chain, hq, one, cut }) => {
    cut();
    const order = await sell(one);
    await chain.pass(8 * HOUR_MS, 600_000);
    chain.network.heal();
    await chain.until(async () => (await hq.services.orders.get(order.id)) !== undefined);
    const seen = await hq.services.orders.get(order.id);
    assert.equal([seen?.at, seen?.hlc], [order.at, order.hlc]);
    assert.ok(chain.clock.nowMs() - Date.parse(seen!.at) >= 8 * HOUR_MS);
  }),
);

proof('(8) Product archived centrally disappears at branches, and comes back', () =>
  shops(['B001', 'B002'], async ({ chain, hq, one, two, cut }) => {
    const put = (fields: object) => hq.services.products.put('CHAIR', hq.request(fields as ProductPut));
    const isShown = (at: Machine) => at.services.products.search({ q: 'Chair', limit: 9 }).length === 1;
    await put({ name: 'Chair', priceMinor: 100_000, vat: 'vat22' });
    await chain.until(() => isShown(one) && isShown(two));
    for (const retired of [true, false]) {
      cut();
      await put({ retired });
      await chain.pass(HOUR_MS, 600_000);
      assert.equal([isShown(one), isShown(two)], [retired, retired], 'cut off, a branch sells what it knows');
      chain.network.heal();
      await chain.until(() => isShown(one) === !retired && isShown(two) === !retired);
    }
  }),
);

proof.run();
