/**
 * What must hold once the chain is quiet, by independent means: the tills' memory, the feeds as they lie on the disks, the
 * documents, the registers' storages, the operator's ledger. Each finding begins with the number of the invariant (README.md).
 */
import { collectionOf, entriesOf, type FeedName, verifyStore, writerOf } from '@branchline/feed';
import type { Order } from '@branchline/model';
import { stampMs } from 'hlc-ts';
import { DIR, type Machine, TENANT } from './machine.ts';
import { CUSTOMERS, type People, SKUS } from './people.ts';
import { Shop } from './shop.ts';
import type { World } from './world.ts';

export class Finding extends Error {}

const READ_BYTES = 1_000_000;
const RECEIPT_FORM = 3;

function must(condition: boolean, words: string): asserts condition {
  if (!condition) {
    throw new Finding(words);
  }
}

function same(left: unknown, right: unknown, words: string): void {
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  must(a === b, `${words}: ${a} and ${b}`);
}

/** Feeds a machine may read, each with where it ends; `local` ones are nobody else's. */
function heads(machine: Machine): Map<FeedName, string> {
  const found = new Map<FeedName, string>();
  for (const [feed, { head }] of machine.life.store.feeds()) {
    if (!feed.startsWith('local/') && head.seq > 0) {
      found.set(feed, `${head.seq} ${Buffer.from(head.hash).toString('hex').slice(0, 12)}`);
    }
  }
  return found;
}

/** Whether every machine that could have heard of this one's feeds has all of them. */
export function isHeldElsewhere(world: World, shop: Shop): boolean {
  const { relay, office, shops, isDirect } = world;
  const beside = shops.filter((other) => other !== shop && other.branch === shop.branch);
  const witnesses: Machine[] = [relay, ...(isDirect ? [office] : []), ...beside];
  if (!shop.isUp || witnesses.some(({ isUp }) => !isUp)) {
    return false;
  }
  const own = [...heads(shop)].filter(([feed]) => writerOf(feed) === shop.key.writer);
  return witnesses.every((witness) => {
    const there = heads(witness);
    const { registry } = witness.life;
    return own.every(
      ([feed, head]) => there.get(feed) === head || !registry.mayRead(witness.key.writer, collectionOf(feed)),
    );
  });
}

/** Whether head office has everything the relay has. */
export function isHeldByOffice({ relay, office }: World): boolean {
  if (!relay.isUp || !office.isUp) {
    return false;
  }
  const there = heads(office);
  return [...heads(relay)].every(([feed, head]) => there.get(feed) === head);
}

/** Whether every feed is everywhere it belongs. */
export function isLevel({ members }: World): boolean {
  const all = new Map<FeedName, string>();
  const ends = new Map<Machine, Map<FeedName, string>>();
  for (const machine of members) {
    if (!machine.isUp) {
      return false;
    }
    const own = heads(machine);
    ends.set(machine, own);
    for (const [feed, head] of own) {
      const known = all.get(feed);
      if (known !== undefined && known !== head) {
        return false;
      }
      all.set(feed, head);
    }
  }
  return members.every((machine) => {
    const own = ends.get(machine)!;
    const { registry } = machine.life;
    return [...all.keys()].every(
      (feed) => own.has(feed) || !registry.mayRead(machine.key.writer, collectionOf(feed)),
    );
  });
}

/** For a chain that did not get level: who lacks what. */
export function lag({ members }: World): string {
  const lines = members.map((machine) => {
    const ends = machine.isUp
      ? [...heads(machine)].map(([feed, head]) => `${feed} ${head}`).sort()
      : ['down'];
    return `${machine.name}\n    ${ends.join('\n    ')}`;
  });
  return lines.join('\n  ');
}

/** Receipts that are neither printed nor registered, and documents the operator does not have. */
export async function undelivered(shop: Shop): Promise<number> {
  if (shop.emulator === undefined) {
    return 0;
  }
  const orders = await ordersOf(shop, shop.branch);
  const open = orders.filter(({ receipt }) => !['printed', 'fiscal'].includes(receipt.state)).length;
  return open + shop.emulator.device.storage.unacknowledged.length;
}

export async function ordersOf(shop: Shop, branch: string): Promise<readonly Order[]> {
  const found: Order[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await shop.services.orders.list({ after, limit: 100, branch });
    found.push(...page.orders);
    if (page.next === undefined || page.next === null || page.orders.length === 0) {
      return found;
    }
    after = page.next;
  }
}

export async function checkAll(world: World, people: People): Promise<void> {
  const nodes = world.nodes.filter(({ isRevoked }) => !isRevoked);
  for (const node of nodes) {
    await world.within(`${node.name} applying`, node.node.settle());
  }
  const orders = new Map<string, readonly Order[]>();
  for (const branch of new Set(world.shops.map((shop) => shop.branch))) {
    orders.set(branch, await ordersOf(world.office, branch));
  }
  for (const branch of orders.keys()) {
    await checkOrders(world, people, branch, orders.get(branch)!);
    await checkStock(world, people, branch, orders.get(branch)!);
  }
  for (const shop of world.shops.filter(({ isRevoked }) => !isRevoked)) {
    checkRegister(world, people, shop);
  }
  checkOperator(world);
  await checkDocuments(world);
  await checkCustomers(world, [...orders.values()].flat());
  checkRevoked(world);
  for (const machine of world.machines.filter(({ isUp }) => isUp)) {
    await checkFeeds(machine);
  }
}

const plain = (order: Order) => ({ ...order, receipt: undefined });

/** 4, 12, 16, 19: what was acknowledged is there, once, with the same content, at the shop and in head office. */
async function checkOrders(
  world: World,
  people: People,
  branch: string,
  there: readonly Order[],
): Promise<void> {
  const nodes = world.shops.filter((shop) => shop.branch === branch && !shop.isRevoked);
  for (const shop of nodes) {
    const here = await ordersOf(shop, branch);
    same(here.map(plain), there.map(plain), `1: orders of ${branch} in ${shop.name} and in head office`);
  }
  const byId = new Map(there.map((order) => [order.id, order]));
  must(byId.size === there.length, `12: an order of ${branch} is listed twice`);
  const sales = people.sales.filter((sale) => sale.branch === branch);
  for (const { answer, request, told } of sales) {
    if (told === 'done') {
      const order = byId.get(answer!.id);
      must(order !== undefined, `19: ${request.key}, ${answer!.number}, was acknowledged and is gone`);
      same(plain(order), plain(answer!), `19: ${request.key} as acknowledged and as kept`);
      must(byId.delete(answer!.id), `12: two keys for ${answer!.number}`);
    }
  }
  const unsure = sales.filter(({ told, isForgotten }) => told !== 'done' && isForgotten).length;
  must(
    byId.size <= unsure,
    `12, 20: orders nobody asked for: ${[...byId.values()].map(({ number }) => number)}`,
  );
  checkNumbers(world, branch, there);
}

/** 16: per series from 1, without gap or double. Of a machine that went back in time both histories stand. */
function checkNumbers(world: World, branch: string, orders: readonly Order[]): void {
  const hasForgotten = world.shops.some((shop) => shop.branch === branch && shop.forgotSinceMs !== undefined);
  const series = new Map<string, number[]>();
  for (const { number } of orders) {
    const at = number.lastIndexOf('-');
    const known = series.get(number.slice(0, at)) ?? [];
    known.push(Number(number.slice(at + 1)));
    series.set(number.slice(0, at), known);
  }
  for (const [name, numbers] of series) {
    const sorted = hasForgotten ? [...new Set(numbers)] : numbers;
    sorted.sort((a, b) => a - b);
    same(
      sorted,
      sorted.map((_, at) => at + 1),
      `16: numbers of ${name} have a gap or a double`,
    );
  }
}

/** 3, 9, 12: on hand = received - sold, everywhere. */
async function checkStock(
  world: World,
  people: People,
  branch: string,
  orders: readonly Order[],
): Promise<void> {
  const expected = new Map(SKUS.map((sku) => [sku, 0]));
  const unsure = new Set<string>();
  const add = (sku: string, milli: number): void => {
    expected.set(sku, expected.get(sku)! + milli);
  };
  for (const { request, told, isForgotten } of people.movements.filter((each) => each.branch === branch)) {
    for (const { sku, quantityMilli } of request.body.lines) {
      if (told === 'done') {
        add(sku, quantityMilli);
      } else if (isForgotten) {
        unsure.add(sku);
      }
    }
  }
  for (const { lines } of orders) {
    for (const { sku, quantityMilli } of lines) {
      add(sku, -quantityMilli);
    }
  }
  const nodes = world.shops.filter((shop) => shop.branch === branch && !shop.isRevoked);
  for (const [sku, milli] of expected) {
    for (const node of unsure.has(sku) ? [] : [world.office, ...nodes]) {
      const level = await node.services.stock.get(sku, branch);
      must(
        level?.onHandMilli === milli,
        `9: ${sku} of ${branch} in ${node.name}: ${level?.onHandMilli}, sold and received ${milli}`,
      );
    }
  }
}

/** 26, 27: the storage has one receipt for each order of this machine, and no other. */
function checkRegister(world: World, people: People, shop: Shop): void {
  if (shop.emulator === undefined) {
    return;
  }
  const { storage } = shop.emulator.device;
  const printed = storage.documents.filter(({ form }) => form === RECEIPT_FORM).length;
  const sold = people.sales.filter(({ machine, told }) => machine === shop.name && told === 'done').length;
  // A machine that went back in time may not know what it has printed, and nobody can tell it.
  const isRight = shop.forgotSinceMs === undefined ? printed === sold : printed >= sold;
  must(isRight, `27: ${sold} orders of ${shop.name}, ${printed} receipts in its register's storage`);
  world.count('receipts', printed);
}

/** 32, 33, 34, 37: what the storages have is at the operator, in order, and what is acknowledged was received. */
function checkOperator({ operator, shops }: World): void {
  const { conflicts, disordered } = operator.state;
  must(conflicts === 0, `37: ${conflicts} documents came with two bodies`);
  must(disordered === 0, `34: ${disordered} documents came after a later one of their storage`);
  for (const { emulator, name, isRevoked } of shops) {
    const storage = isRevoked ? undefined : emulator?.device.storage;
    for (const { fd } of storage?.documents ?? []) {
      const entry = operator.entry(storage!.fn, fd);
      must(entry !== undefined, `33: the operator never saw document ${fd} of ${name}`);
      must(
        entry.acknowledged > 0,
        `32: document ${fd} of ${name} counts as delivered and was never acknowledged`,
      );
    }
  }
}

/** Documents of the catalog and of loyalty that anybody ever changed, by what the feeds say. */
async function documentsOf({ life: { store } }: Machine): Promise<Set<string>> {
  const found = new Set<string>();
  for (const [feed, { base, head }] of store.feeds()) {
    for (let next = base.seq + 1; /^(catalog|loyalty)\//.test(feed) && next <= head.seq; ) {
      const run = await store.read(feed, next, READ_BYTES);
      for (const { kind, body } of entriesOf(run!)) {
        if (kind === 'change') {
          found.add((body as { doc: string }).doc);
        }
      }
      next += run!.entries.length;
    }
  }
  return found;
}

/** 1, 6: equal feeds, equal documents. */
async function checkDocuments(world: World): Promise<void> {
  const shops = world.shops.filter(({ isRevoked }) => !isRevoked);
  for (const doc of await documentsOf(world.office)) {
    const expected = await world.office.node.heads(doc);
    for (const shop of shops) {
      same(await shop.node.heads(doc), expected, `1: heads of ${doc} in ${shop.name} and head office`);
    }
  }
  for (const sku of SKUS) {
    for (const shop of shops) {
      same(
        shop.services.products.get(sku)?.priceMinor,
        world.office.services.products.get(sku)?.priceMinor,
        `6: the price of ${sku} in ${shop.name} and in head office`,
      );
    }
  }
}

/** 10, 13: points everywhere are earned less redeemed, and nobody ever redeemed what was not there. */
async function checkCustomers(world: World, orders: readonly Order[]): Promise<void> {
  const hasForgotten = world.shops.some(({ forgotSinceMs }) => forgotSinceMs !== undefined);
  for (const id of CUSTOMERS) {
    const own = orders.filter(({ customer }) => customer?.id === id);
    const points = own.reduce(
      (sum, { loyalty }) => sum + (loyalty?.earned ?? 0) - (loyalty?.redeemed ?? 0),
      0,
    );
    // One key on two machines is one holder of rights: what both spent shows as less than nothing.
    must(points >= 0 || hasForgotten, `10: ${id} redeemed ${-points} points that were never earned`);
    for (const node of world.nodes.filter(({ isRevoked }) => !isRevoked)) {
      const known = await node.services.customers.get(id);
      must(
        known?.points.balance === Math.max(0, points),
        `13: points of ${id} in ${node.name}: ${known?.points.balance}, earned less redeemed ${points}`,
      );
    }
  }
}

/** 40: nobody holds anything a revoked device wrote after its revocation. */
function checkRevoked(world: World): void {
  for (const shop of world.shops.filter(({ isRevoked }) => isRevoked)) {
    for (const machine of world.members) {
      const { registry, store } = machine.life;
      const { revocation } = registry.member(shop.key.writer)!;
      must(revocation !== undefined, `40: ${machine.name} does not know that ${shop.name} is revoked`);
      for (const [feed, { head }] of store.feeds()) {
        if (writerOf(feed) === shop.key.writer) {
          const end = revocation.heads.get(feed)?.seq ?? 0;
          must(head.seq <= end, `40: ${machine.name} holds ${feed} up to ${head.seq}, revoked at ${end}`);
        }
      }
    }
  }
}

/** 5, 15, 17, 21, 47: every hash, every signature, every record on the disk; stamps of a feed only grow. */
async function checkFeeds(machine: Machine): Promise<void> {
  const { store } = machine.life;
  // After going back in time the first entries of a new key repeat what was, with the stamps of then.
  const isSuccessor = machine instanceof Shop && machine.records.length > 0;
  for (const [feed, { base }] of store.feeds()) {
    if (writerOf(feed) !== machine.key.writer || isSuccessor) {
      continue;
    }
    let last = 0n;
    for (let next = base.seq + 1; ; ) {
      const run = await store.read(feed, next, READ_BYTES);
      if (run === undefined) {
        break;
      }
      for (const { hlc, seq } of entriesOf(run)) {
        must(hlc > last, `21: stamps of ${feed} step back at ${seq} (${stampMs(hlc)})`);
        last = hlc;
      }
      next += run.entries.length;
    }
  }
  const { broken } = await verifyStore({ disk: machine.disk.medium, dir: DIR, tenant: TENANT });
  must(broken === undefined, `17: the journal of ${machine.name}: ${JSON.stringify(broken)}`);
}
