/**
 * A chain's goods in memory, for property tests: the node's own use cases, projections and desks, with a feed per device and
 * collection, delivered by hand: in any order between feeds, again, late, or after a restart. What documents do to sums is left out;
 * movements are counted as the use cases make them.
 */
import { defaultGrant, generateDeviceKey, matchesPattern } from '@branchline/feed';
import { ManualClock, makeStamp, type Stamp } from 'hlc-ts';
import { NumberSeries } from '../../src/commit/number-series.ts';
import { GatheredTransaction } from '../../src/commit/transaction.ts';
import { GoodsDesk } from '../../src/goods/goods-desk.ts';
import { OversoldWatch } from '../../src/goods/oversold-watch.ts';
import { Orders } from '../../src/projections/orders.ts';
import { Returns } from '../../src/projections/returns.ts';
import { Transfers } from '../../src/projections/transfers.ts';
import { ReturnDesk } from '../../src/returns/return-desk.ts';
import { ReturnRights } from '../../src/returns/return-rights.ts';
import type { Trade } from '../../src/use-cases/trade.ts';

interface Entry {
  readonly collection: string;
  readonly kind: string;
  readonly body: unknown;
  readonly hlc: Stamp;
  readonly writer: string;
}

/** Rows of LevelDB as a sorted map. */
class MapRows {
  readonly map = new Map<string, string>();
  putText(key: string, text: string): void {
    this.map.set(key, text);
  }
  remove(key: string): void {
    this.map.delete(key);
  }
  async getText(key: string): Promise<string | undefined> {
    return this.map.get(key);
  }
  async getTexts(keys: readonly string[]): Promise<(string | undefined)[]> {
    return keys.map((key) => this.map.get(key));
  }
  async *texts(range: { after: string; below: string }): AsyncGenerator<[string, string]> {
    const keys = [...this.map.keys()].filter((key) => key > range.after && key < range.below).sort();
    for (const key of keys) {
      const text = this.map.get(key);
      if (text !== undefined) {
        yield [key, text];
      }
    }
  }
}

const WRITERS = Array.from({ length: 4 }, () => generateDeviceKey().writer).sort();
const PLACES = [
  { branch: 'B001', role: 'branch' },
  { branch: 'B002', role: 'branch' },
  { branch: 'B002', role: 'branch' },
  { branch: 'B003', role: 'carrier' },
] as const;

export class GoodsWorld {
  readonly clock = new ManualClock(1_800_000_000_000);
  readonly devices: GoodsDevice[] = [];
  #counter = 0;

  static async open(): Promise<GoodsWorld> {
    const world = new GoodsWorld();
    for (const [at, place] of PLACES.entries()) {
      const device = new GoodsDevice(world, WRITERS[at]!, place);
      await device.start();
      world.devices.push(device);
    }
    return world;
  }

  now(): Stamp {
    this.#counter += 1;
    return makeStamp(this.clock.nowMs() + this.#counter, 0);
  }

  random(length: number): Uint8Array {
    this.#counter += 1;
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(length - 4, this.#counter);
    return bytes;
  }

  /** Everything to everybody who may read it, and what desks answer to it, until nothing moves. */
  async settle(): Promise<void> {
    for (let before = -1, sum = 0; before !== sum; ) {
      before = sum;
      for (const device of this.devices) {
        for (const other of this.devices) {
          device.hear(other, Number.MAX_SAFE_INTEGER);
        }
        await device.look();
      }
      sum = this.devices.reduce((all, { written }) => all + written.length, 0);
    }
  }
}

export class GoodsDevice {
  readonly world: GoodsWorld;
  readonly writer: string;
  readonly grant: ReturnType<typeof defaultGrant>;
  readonly rows = new MapRows();
  readonly written: Entry[] = [];
  /** Thousandths this device moved, by movement. */
  readonly moved = new Map<string, number>();
  readonly #heard = new Map<string, number>();
  trade!: Trade;
  orders!: Orders;
  returns!: Returns;
  transfers!: Transfers;
  #desk!: ReturnDesk;
  #goods!: GoodsDesk;

  constructor(world: GoodsWorld, writer: string, place: (typeof PLACES)[number]) {
    this.world = world;
    this.writer = writer;
    this.grant = defaultGrant(place);
  }

  /** Also after a crash: all it has is its rows. */
  async start(): Promise<void> {
    const { world, writer } = this;
    const { branch } = this.grant;
    const rows = this.rows as never;
    const quiet = () => undefined;
    this.orders = await Orders.open({ rows, writer, onAccepted: quiet });
    this.returns = await Returns.open({ rows, writer, onRefunded: quiet });
    this.transfers = await Transfers.open({ rows, branch, onSent: quiet, onReceived: quiet });
    const registry = {
      member: (id: string) => memberOf(world, id),
      members: () => world.devices.map(({ writer: id }) => memberOf(world, id)),
    };
    const series = { branch: branch as never, nodeLetter: writer.slice(0, 1).replace(/\d/, 'q') };
    this.trade = {
      branch,
      catalog: { get: quiet },
      stock: {
        move: (_: unknown, movement: string, lines: readonly { quantityMilli: number }[]) =>
          this.#pending.push(...lines.map(({ quantityMilli }) => [movement, quantityMilli] as const)),
        onHandMilli: async () => 0,
        rowsBelowZero: async function* () {},
      },
      customers: { refund: async () => undefined },
      series: new NumberSeries(series, 0, this.returns.lastCount(series)),
      returns: new ReturnRights({
        orders: this.orders,
        returns: this.returns,
        registry: registry as never,
        store: { feeds: () => new Map() },
        writer: writer as never,
        isPastComplete: () => true,
      }),
      reservations: { expired: () => [] },
      maintenance: { now: quiet },
      shelfTasks: { isOpen: () => false, wasEver: () => true },
      transfers: this.transfers,
      contactOf: async () => undefined,
      printsReceipts: false,
      guard: { refund: quiet, sale: quiet },
      mayWrite: (collection: string) =>
        this.grant.write.some((pattern) => matchesPattern(pattern, collection as never)),
      isBranch: () => true,
      nowMs: () => world.clock.nowMs(),
      randomBytes: (length: number) => world.random(length),
    } as unknown as Trade;
    const submit = (decide: (transaction: GatheredTransaction) => unknown) => this.submit(decide);
    const ports = { trade: this.trade, clock: world.clock, submit: submit as never, failed: fail };
    this.#desk = new ReturnDesk({ ...ports, returns: this.returns, writer, isConnected: () => false });
    this.#goods = new GoodsDesk({
      ...ports,
      stock: this.trade.stock,
      transfers: this.transfers,
      oversold: new OversoldWatch(),
      writers: [writer],
    });
  }

  #pending: (readonly [string, number])[] = [];

  /** One operation as the pipeline runs it: decided, then durable, then projected; a refusal leaves nothing. */
  async submit<Answer>(decide: (transaction: GatheredTransaction) => Answer): Promise<Awaited<Answer>> {
    this.#pending = [];
    const transaction = new GatheredTransaction(
      () => this.world.now(),
      { till: 'T1', role: 'admin' },
      new Map(),
    );
    const answer = await decide(transaction);
    for (const [movement, milli] of this.#pending) {
      this.moved.set(movement, (this.moved.get(movement) ?? 0) + milli);
    }
    for (const { collection, kind, body, stamp } of transaction.drafts) {
      const entry = { collection, kind, body, hlc: stamp, writer: this.writer };
      this.written.push(entry);
      this.#project(entry, true);
    }
    return answer;
  }

  ask(order: string, soldAt: string | undefined): Promise<void> {
    return this.#desk.ask(order, soldAt);
  }

  async look(): Promise<void> {
    await this.#desk.answer();
    await this.#goods.look(false);
  }

  /** Up to `count` more entries of another device that this one may read, feed by feed in their order. */
  hear(other: GoodsDevice, count: number, collections?: (name: string) => boolean): void {
    let left = other === this ? 0 : count;
    const at = new Map<string, number>();
    for (const entry of other.written) {
      const feed = `${entry.collection}/${entry.writer}`;
      const seq = (at.get(feed) ?? 0) + 1;
      at.set(feed, seq);
      const mayRead = [this, other].every(({ grant }) =>
        grant.read.some((pattern) => matchesPattern(pattern, entry.collection as never)),
      );
      const isNext = seq === (this.#heard.get(feed) ?? 0) + 1;
      if (left > 0 && mayRead && isNext && (collections?.(entry.collection) ?? true)) {
        this.#heard.set(feed, seq);
        this.#project(entry, false);
        left -= 1;
      }
    }
  }

  /** Said a second time, as a replay over rows that have it already. */
  hearAgain(other: GoodsDevice): void {
    for (const entry of other === this ? this.written : []) {
      this.#project(entry, true);
    }
  }

  #project(entry: Entry, local: boolean): void {
    const projected = { ...entry, feed: '', seq: 1, position: 1, index: 0, local, replayed: false } as never;
    for (const projection of [this.orders, this.returns, this.transfers]) {
      if (projection.kinds.includes(entry.kind)) {
        projection.apply(projected);
      }
    }
  }
}

function memberOf(world: GoodsWorld, writer: string): object | undefined {
  const device = world.devices.find((one) => one.writer === writer);
  return device && { writer, grant: device.grant, at: world.devices.indexOf(device), revocation: undefined };
}

function fail(error: Error): never {
  throw error;
}
