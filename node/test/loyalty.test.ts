/** Points, gift cards and coupons over a head office and two shops: spent by right, refused in words, the same everywhere afterwards. */
import { loyaltyDoc } from '@branchline/docs';
import { type Entry, entriesOf } from '@branchline/feed';
import type { OrderRequest, ProblemError, RefundRequest } from '@branchline/model';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RowLevel } from '../src/projections/rows.ts';
import { compareProjections } from '../src/verify/verify-projections.ts';
import { Chain, type Machine } from './support/chain.ts';

const loyalty = suite('loyalty');
const DOC = loyaltyDoc('main', 'anna');

type Over = Partial<Record<keyof OrderRequest, unknown>>;

/** A sale of `totalMinor` to anna, paid in cash with what is left of it. */
const saleOf = (totalMinor: number, over: Over = {}, cashMinor = totalMinor): OrderRequest =>
  ({
    lines: [
      { sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: totalMinor, discountMinor: 0, vat: 'vat22' },
    ],
    payments: cashMinor === 0 ? [] : [{ kind: 'cash', amountMinor: cashMinor }],
    customer: { id: 'anna' },
    redeemPoints: 0,
    ...over,
  }) as unknown as OrderRequest;

const place = async (machine: Machine, body: OrderRequest) =>
  (await machine.services.orders.place(machine.request(body))).body;
/** Redeems in a cart of 1000.00, of which points may pay half. */
const redeem = (machine: Machine, points: number) =>
  place(machine, saleOf(100_000, { redeemPoints: points }, 100_000 - points * 100));
const refusal = async (work: Promise<unknown>): Promise<ProblemError> => {
  try {
    await work;
  } catch (error) {
    return error as ProblemError;
  }
  throw new Error('was not refused');
};
const points = async (machine: Machine) =>
  (await machine.services.customers.get('anna'))?.points ?? { balance: 0, spendableHere: 0 };
const quote = (machine: Machine, wanted?: number) =>
  machine.services.loyalty.redeemQuote('anna', {
    lines: saleOf(100_000).lines,
    ...(wanted === undefined ? {} : { points: wanted }),
  });

interface Shops {
  readonly chain: Chain;
  readonly hq: Machine;
  readonly one: Machine;
  readonly two: Machine;
}

async function shops(test: (scene: Shops) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  const one = await chain.machine('B001');
  const two = await chain.machine('B002');
  await hq.start();
  await one.start({ peers: [`http://${hq.address}`] });
  await two.start({ peers: [`http://${hq.address}`, `http://${one.address}`] });
  const level = () => two.services.sync.status().peers.every(({ cause }) => cause === 'level');
  await chain.until(level);
  try {
    await test({ chain, hq, one, two });
    for (const machine of [one, two, hq]) {
      await machine.stop();
      const difference = await verified(machine);
      assert.is(difference, undefined, JSON.stringify(difference));
    }
  } finally {
    await chain.close();
  }
}

/** What the stopped machine holds, against its feeds. */
async function verified(machine: Machine) {
  const { difference } = await compareProjections({
    journal: () => machine.store!.replay(0),
    journalEnd: machine.store!.position,
    stored: machine.level as unknown as RowLevel,
    fresh: new MemoryLevel<string, string>({
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
    }) as unknown as RowLevel,
    writer: machine.key.writer,
    clock: machine.chain.clock,
  });
  return difference;
}

function cut(chain: Chain, ...machines: readonly Machine[]): void {
  for (const from of machines) {
    for (const to of machines) {
      if (from !== to) {
        chain.network.partition(from.address, to.address);
      }
    }
  }
}

async function everywhere(scene: Shops, balance: number): Promise<void> {
  for (const machine of [scene.hq, scene.one, scene.two]) {
    await scene.chain.until(async () => (await points(machine)).balance === balance);
  }
}

loyalty('G5 credit spent in two shops that are cut off: what is left is the same everywhere', () =>
  shops(async (scene) => {
    const { chain, hq, one, two } = scene;
    await place(one, saleOf(900_000));
    await place(two, saleOf(600_000));
    // 900 and 600 points; redeeming 1000.00 earns nothing more than it says below.
    await everywhere(scene, 1_500);
    cut(chain, hq, one, two);
    const [first, second] = [await redeem(one, 400), await redeem(two, 300)];
    assert.equal([first.totalMinor, first.loyalty.redeemed, second.loyalty.redeemed], [60_000, 400, 300]);
    assert.is(first.lines[0]!.redeemedMinor, 40_000, 'a discount in the line, to the kopeck');
    const held = (await points(one)).spendableHere;
    const more = await refusal(place(one, saleOf(1_000_000, { redeemPoints: held + 1 })));
    assert.is(more.code, 'POINTS_SHORT');
    assert.match(more.message, new RegExp(`${held} of .* points can be spent here now`));
    chain.network.heal();
    await everywhere(scene, 1_500 - 700 + first.loyalty.earned + second.loyalty.earned);
    for (const machine of [hq, one, two]) {
      assert.equal(await machine.node!.heads(DOC), await hq.node!.heads(DOC));
    }
  }),
);

loyalty('a shop asks for what a customer needs, and can spend it when it came', () =>
  shops(async (scene) => {
    const { chain, two, one } = scene;
    await place(one, saleOf(900_000));
    await everywhere(scene, 900);
    const before = await quote(two, 300);
    assert.equal(
      [before.balance, before.spendableHere, before.limit, before.asked],
      [900, 0, 'held_elsewhere', true],
    );
    assert.match(before.words, /0 of 900 points can be spent here now/);
    await chain.until(async () => (await quote(two, 300)).maxPoints >= 300);
    assert.is((await redeem(two, 300)).loyalty.redeemed, 300);
    assert.ok((two.services.sync.status().rights?.asked ?? 0) > 0);
    assert.ok((one.services.sync.status().rights?.given ?? 0) >= 300);
  }),
);

loyalty('with head office away rights go from shop to shop', () =>
  shops(async (scene) => {
    const { chain, hq, one, two } = scene;
    await place(one, saleOf(900_000));
    await everywhere(scene, 900);
    cut(chain, hq, one);
    cut(chain, hq, two);
    await chain.until(async () => (await quote(two, 200)).maxPoints >= 200);
    await redeem(two, 200);
  }),
);

loyalty('G5 two tills of one shop at once: the second is told what is left', () =>
  shops(async ({ one }) => {
    await place(one, saleOf(90_000));
    const small = () => place(one, saleOf(12_000, { redeemPoints: 60 }, 6_000));
    const [first, second] = await Promise.allSettled([small(), small()]);
    assert.is(first!.status, 'fulfilled');
    assert.match(String((second as PromiseRejectedResult).reason), /60 points cannot be redeemed, 36 can/);
  }),
);

loyalty('G1 what was spent stays spent after a power cut', () =>
  shops(async ({ chain, hq, one }) => {
    await place(one, saleOf(90_000));
    const { loyalty: result } = await redeem(one, 60);
    await one.crash();
    await one.start({ peers: [`http://${hq.address}`] });
    await chain.pass(100);
    const { balance, spendableHere } = await points(one);
    assert.is(balance, 30 + result.earned);
    assert.ok(spendableHere <= balance);
    assert.is((await refusal(redeem(one, balance + 1))).code, 'POINTS_SHORT');
  }),
);

loyalty('earned points that nobody uses settle at head office; half of recent use stays', () =>
  shops(async (scene) => {
    const { chain, hq, one } = scene;
    await place(one, saleOf(90_000));
    await chain.until(async () => (await points(hq)).spendableHere > 0);
    const [there, here] = [(await points(hq)).spendableHere, (await points(one)).spendableHere];
    assert.ok(there + here === 90 && there >= 45 && here >= 44, `${there} and ${here}`);
    assert.is(one.services.sync.status().rights?.settled, there);
  }),
);

loyalty('a refund gives redeemed points back and takes earned ones away', () =>
  shops(async (scene) => {
    const { chain, one } = scene;
    await place(one, saleOf(90_000));
    const order = await redeem(one, 40);
    assert.is((await points(one)).balance, 50 + order.loyalty.earned);
    const refund = { till: 'T1', restock: true } as unknown as RefundRequest;
    await one.services.orders.refund(order.id, one.request(refund));
    await chain.until(async () => (await points(one)).balance === 90);
    // What was earned is spent: the debt is paid out of what comes next.
    await place(one, saleOf(1_000));
    await redeem(one, 50);
  }),
);

loyalty('head office sets the programme, dated; a sale keeps to it', () =>
  shops(async (scene) => {
    const { chain, hq, one } = scene;
    const rules = {
      pointsPerStep: 2,
      stepMinor: 1_000,
      pointValueMinor: 50,
      sharePercentMax: 10,
      expiryDays: 30,
    };
    const refused = await refusal(one.services.loyalty.putProgramme('2026-11-22', one.request(rules)));
    assert.is(refused.code, 'FORBIDDEN');
    await hq.services.loyalty.putProgramme('2026-11-22', hq.request(rules));
    await hq.services.loyalty.putProgramme('2027-01-01', hq.request({ ...rules, pointsPerStep: 9 }));
    await chain.until(() => one.services.loyalty.programmes().programmes.length === 2);
    assert.is(one.services.loyalty.programmes().today.pointsPerStep, 2);
    assert.is((await place(one, saleOf(100_000))).loyalty.earned, 200);
    const offer = await quote(one);
    assert.equal([offer.maxPoints, offer.maxMinor], [200, 10_000]);
    const tooMuch = await refusal(place(one, saleOf(50_000, { redeemPoints: 150 }, 42_500)));
    assert.equal(
      [tooMuch.code, /10 % of this receipt: 100 points/.test(tooMuch.message)],
      ['POINTS_LIMIT', true],
    );
    // Thirty days away: written off.
    chain.clock.jumpWall(32 * 86_400_000);
    await chain.until(async () => (await points(one)).balance === 0);
    assert.is((await refusal(redeem(one, 1))).code, 'POINTS_LIMIT');
  }),
);

loyalty('points and coupons leave something to pay: a receipt cannot come to nothing', () =>
  shops(async ({ chain, hq, one }) => {
    const rules = {
      pointsPerStep: 1,
      stepMinor: 1_000,
      pointValueMinor: 100,
      sharePercentMax: 100,
      expiryDays: 0,
    };
    await hq.services.loyalty.putProgramme('2026-11-22', hq.request(rules));
    await hq.services.loyalty.issueCoupon(hq.request({ code: 'COUPON-ALL1', discountPercent: 100 } as never));
    await chain.until(() => one.services.loyalty.programmes().today.sharePercentMax === 100);
    await place(one, saleOf(90_000));
    const offer = await one.services.loyalty.redeemQuote('anna', {
      lines: saleOf(5_000).lines,
    });
    assert.equal([offer.maxPoints, offer.maxMinor, offer.limit], [49, 4_900, 'zero_total']);
    const all = await refusal(place(one, saleOf(5_000, { redeemPoints: 50, payments: [] })));
    assert.is(all.code, 'POINTS_LIMIT');
    assert.match(all.message, /may not come to nothing: 49 points/);
    const { balance } = await points(one);
    assert.is(balance, 90, 'nothing was taken');
    const most = await place(one, saleOf(5_000, { redeemPoints: 49 }, 100));
    assert.equal([most.totalMinor, most.loyalty.redeemed], [100, 49]);
    const usable = async () =>
      (await one.services.loyalty.coupon({ code: 'COUPON-ALL1' }).catch(() => undefined))?.state === 'usable';
    await chain.until(usable);
    const free = await place(one, saleOf(5_000, { coupons: ['COUPON-ALL1'] }, 1));
    assert.equal([free.totalMinor, free.coupons![0]!.discountMinor], [1, 4_999]);
  }),
);

loyalty('G5 a gift card pays in any shop, once', () =>
  shops(async (scene) => {
    const { chain, hq, one, two } = scene;
    const code = 'GIFT00001234';
    const issued = await one.services.loyalty.issueGiftCard(one.request({ code, amountMinor: 50_000 }));
    assert.equal(
      [issued.body.ending, issued.body.balanceMinor, issued.body.spendableHereMinor],
      ['…1234', 50_000, 50_000],
    );
    const again = one.services.loyalty.issueGiftCard(one.request({ code, amountMinor: 1 }));
    assert.is((await refusal(again)).code, 'VOUCHER_EXISTS');
    const pay = (machine: Machine, amountMinor: number, by = code) =>
      place(machine, saleOf(amountMinor, { payments: [{ kind: 'giftCard', amountMinor, code: by }] }));
    assert.is((await refusal(pay(two, 1, 'GIFT99999999'))).code, 'GIFT_CARD_UNKNOWN');
    const state = (machine: Machine) => machine.services.loyalty.giftCard({ code }).catch(() => undefined);
    await chain.until(async () => (await state(two))?.spendableHereMinor === 50_000);
    const order = await pay(two, 20_000);
    assert.equal(order.payments[0]!.ending, '…1234');
    assert.not.match(JSON.stringify(order), /GIFT0000/);
    cut(chain, hq, one, two);
    const short = await refusal(pay(one, 20_000));
    assert.is(short.code, 'GIFT_CARD_SHORT');
    assert.match(short.message, /of which 0 can be spent here now/);
    await pay(two, 10_000);
    chain.network.heal();
    await two.services.loyalty.topUpGiftCard(two.request({ code, amountMinor: 5_000 }));
    for (const machine of [hq, one, two]) {
      await chain.until(async () => (await state(machine))?.balanceMinor === 25_000);
    }
  }),
);

loyalty('G5 what was spent before a power cut that took the rows is not spent again after it', async () => {
  const chain = await Chain.open();
  const shop = await chain.machine('B001');
  await shop.start();
  const code = 'GIFT00005678';
  const pay = () =>
    place(shop, saleOf(7_000, { payments: [{ kind: 'giftCard', amountMinor: 7_000, code }] }));
  try {
    await shop.services.loyalty.issueGiftCard(shop.request({ code, amountMinor: 10_000 }));
    await shop.node!.settle();
    const rows = await shop.copyRows();
    await pay();
    await shop.crash();
    // The journal was synced, rows never are: the last of them are gone with the power.
    shop.level = rows;
    await shop.start();
    assert.is((await refusal(pay())).code, 'GIFT_CARD_SHORT');
    assert.is((await shop.services.loyalty.giftCard({ code })).balanceMinor, 3_000);
  } finally {
    await chain.close();
  }
});

loyalty('G5 a coupon counts once: where it was asked for, or only in its branch, also offline', () =>
  shops(async (scene) => {
    const { chain, hq, one, two } = scene;
    const issue = (code: string, over: object = {}) =>
      hq.services.loyalty.issueCoupon(hq.request({ code, discountPercent: 10, ...over } as never));
    await issue('COUPON-ANY1');
    await issue('COUPON-TWO2', { branch: 'B002' });
    assert.is((await refusal(issue('COUPON-BAD3', { branch: 'B777' }))).code, 'BRANCH_UNKNOWN');
    assert.is((await refusal(issue('COUPON-ANY1'))).code, 'VOUCHER_EXISTS');
    const state = async (machine: Machine, code: string) =>
      (await machine.services.loyalty.coupon({ code }).catch(() => undefined))?.state;
    const use = (machine: Machine, code: string) =>
      place(machine, saleOf(10_000, { coupons: [code] }, 9_000));
    assert.is((await refusal(use(one, 'COUPON-NONE'))).code, 'COUPON_UNKNOWN');
    await chain.until(async () => (await state(one, 'COUPON-ANY1')) === 'usable');
    const order = await use(one, 'COUPON-ANY1');
    assert.equal(
      [order.lines[0]!.discountMinor, order.totalMinor, order.coupons![0]!.discountMinor],
      [1_000, 9_000, 1_000],
    );
    const used = await refusal(use(one, 'COUPON-ANY1'));
    assert.equal([used.code, /used already/.test(used.message)], ['COUPON_REFUSED', true]);
    await chain.until(async () => (await state(one, 'COUPON-TWO2')) === 'held_elsewhere');
    assert.match((await refusal(use(one, 'COUPON-TWO2'))).message, /counts in B002 only/);
    await chain.until(async () => (await state(two, 'COUPON-TWO2')) === 'usable');
    cut(chain, hq, one, two);
    await use(two, 'COUPON-TWO2');
    chain.network.heal();
    await chain.until(async () => (await state(hq, 'COUPON-TWO2')) === 'used');
  }),
);

loyalty(
  'G5 rights of a shop that burnt down go to head office by order: what is left is what was left, and can be spent again',
  () =>
    shops(async ({ chain, hq, one, two }) => {
      const coupon = { code: 'COUPON-ONE1', discountPercent: 10, branch: 'B001' };
      await hq.services.loyalty.issueCoupon(hq.request(coupon as never));
      const couponAt = (at: Machine) => at.services.loyalty.coupon(coupon).catch(() => undefined);
      await chain.until(async () => (await couponAt(one))?.state === 'usable');
      await place(one, saleOf(1_000_000));
      const { balance } = await points(one);
      await chain.until(async () => (await points(hq)).balance === balance);
      await chain.until(async () => (await points(two)).balance === balance);
      const device = one.key.writer;
      const order = { device, reason: 'burnt down, 22 November' };
      const reclaim = (at: Machine) => at.services.loyalty.reclaim(at.request(order, { role: 'admin' }));
      assert.is((await refusal(reclaim(hq))).code, 'CHANGE_INVALID', 'it may still spend');
      // What its rows hold is compared with its feeds at the end.
      await one.node!.settle();
      await one.crash();
      await chain.pass(70_000, 1_000);
      assert.is((await points(hq)).spendableHere, 0, 'without the order they stay where they are');

      // The authority has what head office has, as a relay would.
      for (const [feed, { head }] of hq.store!.feeds()) {
        for (let from = 1; feed.endsWith(device) && from <= head.seq; ) {
          const run = (await hq.store!.read(feed, from, 1_000_000))!;
          await chain.authorityStore.append({ runs: [run] });
          from = run.from + run.entries.length;
        }
      }
      await chain.revoke(one);
      for (const machine of [hq, two]) {
        await machine.learnRegistry(chain.authorityStore, chain.authorityRegistry);
      }
      assert.is((await refusal(reclaim(two))).code, 'FORBIDDEN');
      const unknown = { device: 'a'.repeat(16), reason: 'x' };
      const nobody = hq.services.loyalty.reclaim(hq.request(unknown, { role: 'admin' }));
      assert.is((await refusal(nobody)).code, 'CHANGE_INVALID');
      assert.equal((await reclaim(hq)).body.accounts, 2);
      await chain.until(async () => (await points(hq)).spendableHere === balance);
      assert.is((await points(hq)).balance, balance, 'none made, none lost');
      assert.equal((await reclaim(hq)).body.accounts, 0, 'ordered twice, done once');

      // A shop asks head office for them, spends them, and nobody can spend them again.
      await quote(two, balance);
      await chain.until(async () => (await points(two)).spendableHere === balance);
      await redeem(two, 50);
      await chain.until(async () => (await points(hq)).balance === (await points(two)).balance);
      assert.is(
        (await points(hq)).spendableHere + (await points(two)).spendableHere,
        (await points(two)).balance,
      );
      const { body } = [...(await entriesAt(hq, 'rights-reclaim'))][0]!;
      assert.equal(
        [
          (body as { device: string }).device,
          (body as { reason: string }).reason,
          (body as { till: string }).till,
        ],
        [device, order.reason, 'T1'],
      );
      // The coupon of the branch waits for the machine that stands in for the lost one; nobody else may use it.
      assert.is((await couponAt(hq))?.state, 'held_elsewhere');
      assert.is((await couponAt(two))?.words, 'The coupon counts in B001 only.');
      const next = await chain.machine('B001');
      await next.start({ peers: [`http://${hq.address}`] });
      await chain.until(async () => (await couponAt(next))?.state === 'usable');
      const used = await place(next, saleOf(1_000, { coupons: [coupon.code] }, 900));
      assert.is(used.coupons![0]!.discountMinor, 100);
      await chain.until(async () => (await couponAt(hq))?.state === 'used');
      await next.stop();
      await hq.stop();
      await hq.start();
      await chain.pass(10_000, 1_000);
      assert.is((await points(hq)).balance, (await points(two)).balance, 'a restart takes nothing again');
    }),
);

async function entriesAt(machine: Machine, kind: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const { runs } of machine.store!.replay(0)) {
    found.push(...runs.flatMap((run) => entriesOf(run)).filter((entry) => entry.kind === kind));
  }
  return found;
}

loyalty.run();
