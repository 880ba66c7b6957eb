/**
 * What must hold once the chain is quiet, by independent means: the tills' memory, the feeds as they lie on the disks, the
 * documents, the registers' storages. Each finding names its guarantee.
 */
import { collectionOf, entriesOf, type FeedName, verifyStore, writerOf } from '@branchline/feed';
import type { Order } from '@branchline/model';
import { stampMs } from 'hlc-ts';
import { DIR, type Machine, TENANT } from './machine.ts';
import { type People, SKUS } from './people.ts';
import type { Shop } from './shop.ts';
import type { World } from './world.ts';

export class Finding extends Error {}

const READ_BYTES = 1_000_000;
const RECEIPT_FORM = 3;
const CATALOG_SHARDS = 64;

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
  const { store } = machine.life;
  const found = new Map<FeedName, string>();
  for (const [feed, { head }] of store.feeds()) {
    if (!feed.startsWith('local/') && head.seq > 0) {
      found.set(feed, `${head.seq} ${Buffer.from(head.hash).toString('hex').slice(0, 12)}`);
    }
  }
  return found;
}

/** Whether every feed is everywhere it belongs. */
export function isLevel(world: World): boolean {
  const all = new Map<FeedName, string>();
  for (const machine of world.machines) {
    for (const [feed, head] of heads(machine)) {
      const known = all.get(feed);
      if (known !== undefined && known !== head) {
        return false;
      }
      all.set(feed, head);
    }
  }
  return world.machines.every((machine) => {
    const own = heads(machine);
    const { registry } = machine.life;
    return [...all.keys()].every(
      (feed) => own.has(feed) || !registry.mayRead(machine.key.writer, collectionOf(feed)),
    );
  });
}

/** For a chain that did not get level: who lacks what. */
export function lag(world: World): string {
  const lines = world.machines.map((machine) => {
    const ends = [...heads(machine)].map(([feed, head]) => `${feed} ${head}`).sort();
    return `${machine.name}\n    ${ends.join('\n    ')}`;
  });
  return lines.join('\n  ');
}

export function receiptsPending(shop: Shop): Promise<number> {
  return ordersOf(shop, shop.branch).then(
    (orders) => orders.filter(({ receipt }) => !['printed', 'fiscal'].includes(receipt.state)).length,
  );
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
  for (const node of world.nodes) {
    await world.within(`${node.name} applying`, node.node.settle());
  }
  for (const shop of world.shops) {
    await checkOrders(world, people, shop);
    await checkStock(world, people, shop);
    checkRegister(people, shop);
  }
  await checkDocuments(world);
  await checkCustomers(world, people);
  for (const machine of world.machines) {
    await checkFeeds(machine);
  }
}

/** G1, G2, G4: what was acknowledged is there, once, with the same content, at the shop and in head office. */
async function checkOrders(world: World, people: People, shop: Shop): Promise<void> {
  const here = await ordersOf(shop, shop.branch);
  const there = await ordersOf(world.office, shop.branch);
  const sales = people.sales.filter(({ branch, told }) => branch === shop.branch && told === 'done');
  const plain = (order: Order) => ({ ...order, receipt: undefined });
  same(here.map(plain), there.map(plain), `G3: orders of ${shop.branch} here and in head office`);
  const byId = new Map(here.map((order) => [order.id, order]));
  for (const { answer, request } of sales) {
    const order = byId.get(answer!.id);
    must(order !== undefined, `G1: ${request.key}, ${answer!.number}, was acknowledged and is gone`);
    same({ ...plain(order) }, { ...plain(answer!) }, `G1: ${request.key} as acknowledged and as kept`);
    must(byId.delete(answer!.id), `G2: two keys for ${answer!.number}`);
  }
  must(byId.size === 0, `G2: orders nobody asked for: ${[...byId.values()].map(({ number }) => number)}`);
  const numbers = here.map(({ number }) => Number(number.split('-')[1])).sort((a, b) => a - b);
  same(
    numbers,
    numbers.map((_, at) => at + 1),
    `S-21: numbers of ${shop.branch} have a gap or a double`,
  );
}

/** G3 and conservation: on hand = received - sold, by what the tills were told. */
async function checkStock(world: World, people: People, shop: Shop): Promise<void> {
  const expected = new Map(SKUS.map((sku) => [sku, 0]));
  const add = (sku: string, milli: number): void => {
    expected.set(sku, expected.get(sku)! + milli);
  };
  const isOurs = ({ branch, told }: { branch: string; told: string }): boolean =>
    branch === shop.branch && told === 'done';
  for (const { request } of people.movements.filter(isOurs)) {
    for (const { sku, quantityMilli } of request.body.lines) {
      add(sku, quantityMilli);
    }
  }
  for (const { request } of people.sales.filter(isOurs)) {
    for (const { sku, quantityMilli } of request.body.lines) {
      add(sku, -quantityMilli);
    }
  }
  for (const [sku, milli] of expected) {
    const here = await shop.services.stock.get(sku);
    const there = await world.office.services.stock.get(sku, shop.branch);
    must(
      here?.onHandMilli === milli,
      `G3: ${sku} in ${shop.branch}: ${here?.onHandMilli}, sold and received ${milli}`,
    );
    must(
      there?.onHandMilli === milli,
      `G3: ${sku} of ${shop.branch} in head office: ${there?.onHandMilli}, not ${milli}`,
    );
  }
}

/** G6: the storage has one receipt for each order, and no other. */
function checkRegister(people: People, shop: Shop): void {
  const { storage } = shop.emulator!.device;
  const printed = storage.documents.filter(({ form }) => form === RECEIPT_FORM).length;
  const sold = people.sales.filter(({ branch, told }) => branch === shop.branch && told === 'done').length;
  must(
    printed === sold,
    `G6: ${sold} orders of ${shop.branch}, ${printed} receipts in its register's storage`,
  );
}

/** G3: equal feeds, equal documents. */
async function checkDocuments(world: World): Promise<void> {
  for (let shard = 0; shard < CATALOG_SHARDS; shard += 1) {
    const doc = `catalog/${shard}`;
    const expected = await world.office.node.heads(doc);
    for (const shop of world.shops) {
      same(await shop.node.heads(doc), expected, `G3: heads of ${doc} in ${shop.name} and head office`);
    }
  }
  for (const sku of SKUS) {
    for (const shop of world.shops) {
      same(
        shop.services.products.get(sku)?.priceMinor,
        world.office.services.products.get(sku)?.priceMinor,
        `G3: the price of ${sku} in ${shop.name} and in head office`,
      );
    }
  }
}

/** Points everywhere are what was earned. */
async function checkCustomers(world: World, people: People): Promise<void> {
  const earned = new Map<string, number>();
  for (const { answer, told, request } of people.sales) {
    const id = request.body.customer?.id;
    if (told === 'done' && id !== undefined) {
      earned.set(id, (earned.get(id) ?? 0) + (answer!.loyalty?.earned ?? 0));
    }
  }
  for (const [id, points] of earned) {
    for (const node of world.nodes) {
      const known = await node.services.customers.get(id);
      must(
        known?.points.balance === points,
        `points of ${id} in ${node.name}: ${known?.points.balance}, earned ${points}`,
      );
    }
  }
}

/** G9, and stamps that only grow: every hash, every signature, every record on the disk. */
async function checkFeeds(machine: Machine): Promise<void> {
  const { store } = machine.life;
  for (const [feed] of store.feeds()) {
    if (writerOf(feed) !== machine.key.writer) {
      continue;
    }
    let last = 0n;
    for (let next = 1; ; ) {
      const run = await store.read(feed, next, READ_BYTES);
      if (run === undefined) {
        break;
      }
      for (const { hlc, seq } of entriesOf(run)) {
        must(hlc > last, `stamps of ${feed} step back at ${seq} (${stampMs(hlc)})`);
        last = hlc;
      }
      next += run.entries.length;
    }
  }
  const { broken } = await verifyStore({ disk: machine.disk, dir: DIR, tenant: TENANT });
  must(broken === undefined, `G9: the journal of ${machine.name}: ${JSON.stringify(broken)}`);
}
