/**
 * Under any delivery order, repetition, partition and restart: a refund never gives back more than was sold, over all branches; one
 * device at most may refund an order; a transfer debits once and credits at most once; nothing is lost or made of goods.
 */
import { uuidV7 } from '@branchline/model';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { receiveTransfer } from '../src/use-cases/receive-transfer.ts';
import { refund } from '../src/use-cases/refund.ts';
import { sendTransfer } from '../src/use-cases/send-transfer.ts';
import { type GoodsDevice, GoodsWorld } from './support/goods-world.ts';

const test = suite('goods, any schedule');
const SOLD = 3000;

interface Model {
  readonly orders: { id: string; at: GoodsDevice }[];
  readonly back: Map<string, number>;
  readonly transfers: { id: string; from: string; to: string; milli: number }[];
}

type Real = GoodsWorld;
const refusal = (error: Error & { code?: string }): undefined => {
  if (error.code === undefined) {
    throw error;
  }
  return undefined;
};

class Step implements fc.AsyncCommand<Model, Real> {
  readonly name: string;
  readonly device: number;
  readonly pick: number;
  readonly milli: number;
  constructor(name: string, device: number, pick: number, milli: number) {
    this.name = name;
    this.device = device;
    this.pick = pick;
    this.milli = milli;
  }

  check(): boolean {
    return true;
  }

  toString(): string {
    return `${this.name}(${this.device}, ${this.pick}, ${this.milli})`;
  }

  async run(model: Model, world: Real): Promise<void> {
    const device = world.devices[this.device % world.devices.length]!;
    const other = world.devices[this.pick % world.devices.length]!;
    const order = model.orders[this.pick % Math.max(1, model.orders.length)];
    const transfer = model.transfers[this.pick % Math.max(1, model.transfers.length)];
    switch (this.name) {
      case 'sell': {
        model.orders.push({ id: await sell(device), at: device });
        break;
      }
      case 'refund': {
        const wish = { restock: true, lines: [{ line: 0, quantityMilli: this.milli }] };
        const made =
          order &&
          (await device
            .submit((transaction) => refund(device.trade, transaction, order.id, wish as never))
            .catch(refusal));
        if (order !== undefined && made !== undefined) {
          model.back.set(order.id, (model.back.get(order.id) ?? 0) + this.milli);
        }
        break;
      }
      case 'ask':
        await (order && device.ask(order.id, order.at.grant.branch));
        break;
      case 'look':
        await device.look();
        break;
      case 'send': {
        const to = other.grant.branch;
        const request = { to, lines: [{ sku: 'CUP', quantityMilli: this.milli }] };
        const sent = await device
          .submit((transaction) => sendTransfer(device.trade, transaction, request as never))
          .catch(refusal);
        if (sent !== undefined) {
          model.transfers.push({ id: sent.body.id, from: device.grant.branch, to, milli: this.milli });
        }
        break;
      }
      case 'receive': {
        const lines = [{ sku: 'CUP', quantityMilli: this.milli }];
        const request = this.milli % 2 === 0 ? {} : { lines, from: transfer?.from };
        await (transfer !== undefined &&
          transfer.to === device.grant.branch &&
          device
            .submit((transaction) =>
              receiveTransfer(device.trade, transaction, transfer.id, request as never),
            )
            .catch(refusal));
        break;
      }
      case 'hear':
        device.hear(other, this.milli % 5, (name) =>
          this.milli % 3 === 0 ? name.startsWith('letters') : true,
        );
        break;
      case 'again':
        device.hearAgain(other);
        break;
      default:
        await device.start();
    }
    await atMostOneHolder(model, world);
    for (const milli of model.back.values()) {
      assert.ok(milli <= SOLD, `${milli} of ${SOLD} went back`);
    }
  }
}

async function sell(device: GoodsDevice): Promise<string> {
  const { trade, world } = device;
  const id = uuidV7(world.clock.nowMs(), world.random(10));
  await device.submit(async (transaction) => {
    const line = {
      sku: 'CUP',
      name: 'Cup',
      quantityMilli: SOLD,
      unitPriceMinor: 333,
      discountMinor: 0,
      totalMinor: 999,
      vat: 'vat22',
    };
    transaction.append(`orders/${trade.branch}`, 'order', {
      id,
      number: trade.series.take().number,
      till: 'T1',
      totalMinor: 999,
      changeMinor: 0,
      lines: [line],
      payments: [{ kind: 'cash', amountMinor: 999 }],
      receipt: { id },
      loyalty: { earned: 0, redeemed: 0 },
    });
    trade.stock.move(transaction, 'sold', [line]);
  });
  return id;
}

async function atMostOneHolder({ orders }: Model, { devices }: Real): Promise<void> {
  for (const { id } of orders) {
    let holders = 0;
    for (const { trade } of devices) {
      const order = await trade.returns.order(id);
      const isHere = order !== undefined && (await trade.returns.standing(order)).elsewhere === undefined;
      holders += isHere ? 1 : 0;
    }
    assert.ok(holders <= 1, `${holders} devices may refund one order`);
  }
}

async function conserved(model: Model, world: Real): Promise<void> {
  const sum = (movement: string) =>
    world.devices.reduce((all, { moved }) => all + (moved.get(movement) ?? 0), 0);
  const back = [...model.back.values()].reduce((all, milli) => all + milli, 0);
  assert.is(sum('returned'), back);
  assert.is(
    sum('sent'),
    model.transfers.reduce((all, { milli }) => all + milli, 0),
  );
  let credited = 0;
  for (const { id, to } of model.transfers) {
    const views = [];
    for (const device of world.devices) {
      const known = await device.transfers.get(id);
      const concerned = device.grant.branch === to || device.grant.role === 'carrier';
      if (concerned) {
        views.push(JSON.stringify(known?.receptions.map(({ hlc, writer, body }) => [hlc, writer, body])));
      }
      if (known !== undefined && device.grant.branch === to && views.length === 1) {
        credited += known.receptions[0]?.body.lines.reduce((all, line) => all + line.quantityMilli, 0) ?? 0;
      }
    }
    assert.is(new Set(views).size, 1, 'everybody concerned sees the same');
  }
  // `adjusted` is what later receptions of the same transfer were undone by.
  assert.is(sum('arrived') + sum('adjusted'), credited, 'a transfer credits once');
  for (const { id } of model.orders) {
    const seen = [];
    for (const { trade, grant } of world.devices) {
      const order = grant.role === 'carrier' ? await trade.returns.order(id) : undefined;
      const standing = order && (await trade.returns.standing(order));
      if (standing !== undefined) {
        seen.push(standing.returned.lines.get(0) ?? 0);
      }
    }
    assert.equal(seen, [model.back.get(id) ?? 0], 'what went back is known once to who reads all');
  }
}

const names = [
  'sell',
  'refund',
  'ask',
  'look',
  'send',
  'receive',
  'hear',
  'hear',
  'hear',
  'again',
  'restart',
];
const steps = names.map((name) =>
  fc
    .tuple(fc.nat(3), fc.nat(7), fc.integer({ min: 1, max: 1200 }))
    .map(([device, pick, milli]) => new Step(name, device, pick, milli)),
);

test('a refund, a transfer and the goods of a chain, under 1000 schedules', async () => {
  let refunds = 0;
  let moves = 0;
  let grants = 0;
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max' }), async (commands) => {
      const world = await GoodsWorld.open();
      const model: Model = { orders: [], back: new Map(), transfers: [] };
      for (const at of [world.devices[1]!, world.devices[0]!]) {
        model.orders.push({ id: await sell(at), at });
      }
      await fc.asyncModelRun(() => ({ model, real: world }), commands);
      await world.settle();
      await atMostOneHolder(model, world);
      await conserved(model, world);
      refunds += model.back.size;
      moves += model.transfers.length;
      const written = world.devices.flatMap((device) => device.written);
      grants += written.filter(({ kind }) => kind === 'return-grant').length;
    }),
    { numRuns: 1000, includeErrorInReport: true },
  );
  assert.ok(
    refunds > 300 && moves > 1000 && grants > 200,
    `${refunds} orders refunded, ${moves} transfers, ${grants} rights moved: too few to mean anything`,
  );
});

test.run();
