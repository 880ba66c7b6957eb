/**
 * What must hold once the chain is quiet, by independent means: the tills' memory (books.ts), the feeds as they lie on the disks, the
 * documents, the registers' storages, the operator's ledger. Each finding begins with the number of the invariant (README.md).
 */
import { entriesOf, verifyStore, writerOf } from '@branchline/feed';
import { stampMs } from 'hlc-ts';
import { checkBooks, ordersOf } from './books.ts';
import { SKUS } from './errands.ts';
import { must, same } from './finding.ts';
import { DIR, type Machine, TENANT } from './machine.ts';
import type { People } from './people.ts';
import { Shop } from './shop.ts';
import type { World } from './world.ts';

const READ_BYTES = 1_000_000;
const RECEIPT_FORM = 3;
const REGISTERED: ReadonlySet<string> = new Set(['printed', 'fiscal']);

/** Receipts that are neither printed nor registered, and documents the operator does not have. */
export async function undelivered(shop: Shop, people: People): Promise<number> {
  if (shop.emulator === undefined) {
    return 0;
  }
  const given = people.refunds.filter(({ machine, told }) => machine === shop.name && told === 'done');
  const back = await Promise.all(given.map(({ answer }) => shop.services.orders.refundOf(answer!.id)));
  const all = [...(await ordersOf(shop, shop.branch)), ...back];
  const open = all.filter((each) => each !== undefined && !REGISTERED.has(each.receipt.state)).length;
  return open + shop.emulator.device.storage.unacknowledged.length;
}

export async function checkAll(world: World, people: People): Promise<void> {
  for (const node of world.nodes.filter(({ isRevoked }) => !isRevoked)) {
    await world.within(`${node.name} applying`, node.node.settle());
  }
  const checkCards = await checkBooks(world, people);
  for (const shop of world.shops.filter(({ isRevoked }) => !isRevoked)) {
    checkRegister(world, people, shop);
  }
  checkOperator(world);
  await checkDocuments(world);
  checkRevoked(world);
  for (const machine of world.machines.filter(({ isUp }) => isUp)) {
    await checkFeeds(machine);
  }
  await checkCards();
}

/** 26, 27: the storage has one receipt for each order and refund of this machine, and no other. */
function checkRegister(world: World, people: People, shop: Shop): void {
  if (shop.emulator === undefined) {
    return;
  }
  const { storage } = shop.emulator.device;
  const printed = storage.documents.filter(({ form }) => form === RECEIPT_FORM).length;
  const sold = [...people.sales, ...people.refunds].filter(
    ({ machine, told }) => machine === shop.name && told === 'done',
  ).length;
  // A machine that went back in time may not know what it has printed, and nobody can tell it.
  const isRight = shop.forgotSinceMs === undefined ? printed === sold : printed >= sold;
  must(
    isRight,
    `27: ${sold} orders and refunds of ${shop.name}, ${printed} receipts in its register's storage`,
  );
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
