/** A sale: durable, once, numbered without gaps, refused only for what a till can correct. */
import type { OrderRequest, ProblemError, ProductPut } from '@branchline/model';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain, type Machine } from './support/chain.ts';

const sale = suite('a sale');

const priced = (sku: string, quantityMilli = 1000): OrderRequest =>
  ({
    lines: [{ sku, quantityMilli, unitPriceMinor: 26196, discountMinor: 0, vat: 'vat22' }],
    payments: [{ kind: 'cash', amountMinor: 30000 * Math.ceil(quantityMilli / 1000) }],
    redeemPoints: 0,
  }) as unknown as OrderRequest;

const chair = {
  name: 'Bookcase',
  priceMinor: 26196,
  vat: 'vat22',
  barcodes: ['4600000000017'],
} as unknown as ProductPut;

async function shop(test: (machine: Machine, chain: Chain) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const machine = await chain.machine('B001');
  await machine.start();
  try {
    await test(machine, chain);
  } finally {
    await chain.close();
  }
}

const refused = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    return (error as ProblemError).code;
  }
  return 'accepted';
};

sale('G1: is answered with number, total and change, and can be read at once', () =>
  shop(async (machine) => {
    const { orders, stock } = machine.services;
    const { status, body, replayed } = await orders.place(machine.request(priced('CHAIR')));
    assert.is(status, 201);
    assert.is(replayed, false);
    assert.is(body.number, 'B001-000001');
    assert.is(body.totalMinor, 26196);
    assert.is(body.changeMinor, 3804);
    assert.equal(await orders.get(body.id), body);
    assert.is((await stock.get('CHAIR'))?.onHandMilli, -1000);
  }),
);

sale('earns the named customer points for full steps, also one the node has never heard of', () =>
  shop(async (machine) => {
    const { orders, customers } = machine.services;
    const named = { ...priced('CHAIR'), customer: { id: 'AG-10495' } } as unknown as OrderRequest;
    const { body } = await orders.place(machine.request(named));
    assert.equal(body.loyalty, { earned: 26, redeemed: 0 });
    await orders.place(machine.request(named));
    assert.is((await customers.get('AG-10495'))?.points.balance, 52);
  }),
);

sale('an office sells for any till of the branch, a till for none but itself', () =>
  shop(async (machine) => {
    const { orders } = machine.services;
    const request = machine.request({ ...priced('CHAIR'), till: 'T9' as never });
    const office = { ...request, till: { till: 'office', role: 'admin' as const } };
    assert.is((await orders.place(office)).body.till, 'T9');
    assert.is(await refused(orders.place(machine.request(request.body))), 'TILL_MISMATCH');
  }),
);

sale('G2: the same key, at once and later, gives one order and one answer', () =>
  shop(async (machine) => {
    const { orders } = machine.services;
    const request = machine.request(priced('CHAIR'), { key: 'once' });
    const answers = await Promise.all([orders.place(request), orders.place(request), orders.place(request)]);
    const later = await orders.place(request);
    for (const answer of [...answers, later]) {
      assert.is(JSON.stringify(answer.body), JSON.stringify(answers[0]!.body));
    }
    assert.equal(
      [...answers, later].map(({ replayed }) => replayed),
      [false, true, true, true],
    );
    assert.is((await orders.list({ limit: 10 })).orders.length, 1);
  }),
);

sale('G2: another body under the same key is refused, in flight and later', () =>
  shop(async (machine) => {
    const { orders } = machine.services;
    const first = orders.place(machine.request(priced('CHAIR'), { key: 'once' }));
    const other = machine.request(priced('TABLE'), { key: 'once' });
    assert.is(await refused(orders.place(other)), 'IDEMPOTENCY_MISMATCH');
    await first;
    assert.is(await refused(orders.place(other)), 'IDEMPOTENCY_MISMATCH');
    assert.is((await orders.list({ limit: 10 })).orders.length, 1);
  }),
);

sale('G1, G2: after a power cut the answer, the order and the stock are there and the numbers go on', () =>
  shop(async (machine) => {
    const requests = Array.from({ length: 20 }, (_, index) =>
      machine.request(priced('CHAIR'), { key: `k${index}` }),
    );
    const before = await Promise.all(requests.map((request) => machine.services.orders.place(request)));
    await machine.crash();
    const { orders, stock } = await machine.start();
    for (const [index, request] of requests.entries()) {
      const again = await orders.place(request);
      assert.is(again.replayed, true);
      assert.equal(again.body, before[index]!.body);
    }
    assert.is((await orders.place(machine.request(priced('CHAIR')))).body.number, 'B001-000021');
    assert.is((await stock.get('CHAIR'))?.onHandMilli, -21_000);
  }),
);

sale('projections are rebuilt from the feeds when LevelDB is lost, and are the same', () =>
  shop(async (machine) => {
    const place = () => machine.services.orders.place(machine.request(priced('CHAIR')));
    const bodies = [];
    for (let count = 0; count < 5; count += 1) {
      bodies.push((await place()).body);
    }
    await machine.services.tills.add('T7', 'cashier');
    const level = await machine.services.stock.get('CHAIR');
    await machine.stop();
    machine.loseRows();
    const { orders, stock, tills } = await machine.start();
    assert.equal((await orders.list({ limit: 10 })).orders, bodies);
    assert.equal(await stock.get('CHAIR'), level);
    assert.is(tills.list()[0]?.till, 'T7');
    assert.is((await place()).body.number, 'B001-000006');
  }),
);

sale('numbers are gap-free whatever is refused in between', () =>
  shop(async (machine) => {
    const { orders } = machine.services;
    const short = {
      ...priced('CHAIR'),
      payments: [{ kind: 'card', amountMinor: 1 }],
    } as unknown as OrderRequest;
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        index % 3 === 1
          ? refused(orders.place(machine.request(short)))
          : orders.place(machine.request(priced('CHAIR'))).then(({ body }) => body.number as string),
      ),
    );
    const numbers = results.filter((result) => result.startsWith('B001'));
    assert.equal(
      numbers,
      numbers.map((_, index) => `B001-${String(index + 1).padStart(6, '0')}`),
    );
    assert.ok(results.includes('PAYMENT_SHORT'));
  }),
);

sale('a branch’s second node has its own letter', async () => {
  const chain = await Chain.open();
  const first = await chain.machine('B001');
  const second = await chain.machine('B001');
  await first.start();
  await second.start();
  const numbers = [];
  for (const machine of [first, second]) {
    numbers.push((await machine.services.orders.place(machine.request(priced('CHAIR')))).body.number);
  }
  assert.equal(numbers, ['B001-000001', 'B001b-000001']);
  await chain.close();
});

sale('is refused for what the till can correct, with nothing left behind', () =>
  shop(async (machine) => {
    const { orders } = machine.services;
    const place = (body: object) => refused(orders.place(machine.request(body as OrderRequest)));
    const unknown = {
      lines: [{ sku: 'NEW', quantityMilli: 1000, discountMinor: 0 }],
      payments: [],
      redeemPoints: 0,
    };
    assert.is(await place(unknown), 'PRODUCT_UNKNOWN');
    assert.is(await place({ ...priced('CHAIR'), till: 'T9' }), 'TILL_MISMATCH');
    assert.is(await place({ ...priced('CHAIR'), redeemPoints: 5 }), 'POINTS_SHORT');
    assert.is(
      await place({ ...priced('CHAIR'), payments: [{ kind: 'card', amountMinor: 99999 }] }),
      'OVERPAID_NOT_CASH',
    );
    assert.is((await orders.list({ limit: 10 })).orders.length, 0);
    assert.is(machine.store!.feeds().size, 1);
  }),
);

sale('orders are listed in pages, oldest first, and resume at an order', () =>
  shop(async (machine) => {
    const { orders } = machine.services;
    const ids = [];
    for (let count = 0; count < 7; count += 1) {
      ids.push((await orders.place(machine.request(priced('CHAIR')))).body.id);
    }
    const first = await orders.list({ limit: 3 });
    const second = await orders.list({ limit: 3, after: first.next });
    const third = await orders.list({ limit: 3, after: second.next, branch: 'B001' });
    assert.equal(
      [first, second, third].flatMap((page) => page.orders.map(({ id }) => id)),
      ids,
    );
    assert.is(third.next, undefined);
    assert.equal((await orders.list({ limit: 9, after: ids[5] })).orders[0]?.id, ids[6]);
    assert.is(await refused(orders.list({ limit: 3, after: 'nobody' })), 'ORDER_NOT_FOUND');
  }),
);

sale('goods receipts and counts move the stock; a count keeps sales made meanwhile', () =>
  shop(async (machine) => {
    const { stock, orders } = machine.services;
    const received = await stock.receive(
      machine.request({ lines: [{ sku: 'CHAIR' as never, quantityMilli: 10_000 }] }),
    );
    assert.equal(received.body.lines, [{ sku: 'CHAIR', deltaMilli: 10_000, onHandMilli: 10_000 }] as never);
    await orders.place(machine.request(priced('CHAIR', 2000)));
    const counted = await stock.count(
      machine.request({ lines: [{ sku: 'CHAIR' as never, quantityMilli: 9_000, seenMilli: 10_000 }] }),
    );
    assert.is(counted.body.lines[0]?.deltaMilli, -1000);
    assert.is(counted.body.lines[0]?.onHandMilli, 7000);
    const level = await stock.get('CHAIR');
    assert.is(level?.onHandMilli, 7000);
    assert.is(level!.receivedMilli - level!.soldMilli + level!.returnedMilli + level!.adjustedMilli, 7000);
  }),
);

sale('two counts in one commit group do not undo each other', () =>
  shop(async (machine) => {
    const { stock } = machine.services;
    const count = (quantityMilli: number) =>
      stock.count(machine.request({ lines: [{ sku: 'CHAIR' as never, quantityMilli }] }));
    await Promise.all([count(5000), count(4000), count(3000)]);
    assert.is((await stock.get('CHAIR'))?.onHandMilli, 3000);
  }),
);

sale('tills: a token works until it is revoked, and is kept nowhere', () =>
  shop(async (machine) => {
    const { tills } = machine.services;
    const { token } = await tills.add('Kasse 1', 'cashier');
    assert.equal(tills.find(token), { till: 'Kasse 1', role: 'cashier' });
    assert.is(await refused(tills.add('Kasse 1', 'cashier')), 'TILL_EXISTS');
    for await (const { runs } of machine.store!.replay(0)) {
      for (const run of runs) {
        assert.not.ok(run.entries.some((bytes) => Buffer.from(bytes).includes(token)));
      }
    }
    await tills.revoke('Kasse 1');
    assert.is(tills.find(token), undefined);
    assert.is(await refused(tills.revoke('Kasse 1')), 'TILL_UNKNOWN');
  }),
);

sale('a branch may not change the catalog; customers it may', () =>
  shop(async (machine) => {
    const { products, customers } = machine.services;
    assert.is(await refused(products.put('CHAIR', machine.request(chair))), 'FORBIDDEN');
    const { status, body } = await customers.put(
      'anna',
      machine.request({ name: 'Anna Ivanova', phone: '+79161234567' }),
    );
    assert.is(status, 201);
    assert.equal(await customers.get('anna'), body);
    assert.is((await customers.put('anna', machine.request({ email: 'anna@example.org' }))).status, 200);
    assert.equal(
      (await customers.search({ q: '4567', limit: 5 })).map(({ id }) => id as string),
      ['anna'],
    );
  }),
);

sale.run();
