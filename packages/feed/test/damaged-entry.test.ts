/** An entry the disk does not give back as it was written, met when a peer wants it: who is told, and what goes on. */
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DeviceKey, generateDeviceKey, type KeyResolver } from '../src/identity.ts';
import { JournalStore } from '../src/journal-store.ts';
import { SimDisk } from '../src/sim-disk.ts';
import type { Collection, FeedName } from '../src/types.ts';
import { type Device, draft, Fleet, TENANT } from './support/fleet.ts';

const test = suite('an entry damaged on the disk');
const DIR = '/data';
const ORDERS = 'orders/B001';
const STOCK = 'stock/B001';

interface Scene {
  readonly fleet: Fleet;
  readonly relay: Device;
  readonly shop: Device;
  readonly disk: SimDisk;
}

/** A relay, and a shop whose real journal stands on a simulated disk. */
async function scene(work: (scene: Scene) => Promise<void>): Promise<void> {
  const fleet = new Fleet(7);
  const disk = new SimDisk({ seed: 7 });
  const relay = await fleet.openRelay();
  const key: DeviceKey = generateDeviceKey();
  let keyOf: KeyResolver = () => undefined;
  const store = await JournalStore.open({
    disk,
    dir: DIR,
    level: new MemoryLevel<Uint8Array, Uint8Array>({ keyEncoding: 'view', valueEncoding: 'view' }),
    tenant: TENANT,
    keys: (writer) => keyOf(writer),
    clock: fleet.clock,
    ballastBytes: 0,
  });
  const shop = await fleet.open('branch', 'B001', { key, store });
  keyOf = shop.registry.keyOf;
  await fleet.introduce(shop);
  try {
    await work({ fleet, relay, shop, disk });
    assert.equal(fleet.faults, []);
  } finally {
    fleet.close();
    await store.close();
  }
}

/** One bit of what stands on the disk around this text. */
function damage(disk: SimDisk, text: string): void {
  for (const path of disk.files()) {
    const at = Buffer.from(disk.content(path)).indexOf(text);
    if (at >= 0) {
      disk.flipBit(path, at * 8);
      return;
    }
  }
  throw new Error(`${text} is not on the disk`);
}

const damageTold = ({ news }: Device): string[] =>
  news.flatMap((each) =>
    each.type === 'storeDamaged' ? [(each.cause as Error & { code: string }).code] : [],
  );
const alarmsTold = ({ news }: Device): string[] =>
  news.flatMap((each) => (each.type === 'alarmReceived' ? [each.code] : []));
const endOf = (device: Device, feed: FeedName): number => device.store.feeds().get(feed)?.head.seq ?? 0;

test('STORE_CORRUPT: the program and the peer are told once, its feed stays behind, every other feed goes on', () =>
  scene(async ({ fleet, relay, shop, disk }) => {
    const orders = shop.writer.feed(ORDERS as Collection);
    const stock = shop.writer.feed(STOCK as Collection);
    await shop.writer.commit([draft(ORDERS, 'the damaged sale')]);
    await shop.writer.commit([draft(STOCK, 'moved', 'change')]);
    damage(disk, 'the damaged sale');
    const link = fleet.link(shop, relay);
    await fleet.quiet();
    await shop.writer.commit([draft(ORDERS, 'a later sale'), draft(STOCK, 'moved again', 'change')]);
    await fleet.quiet();
    assert.equal(damageTold(shop), ['STORE_CORRUPT']);
    assert.equal(alarmsTold(relay), ['STORE_CORRUPT']);
    assert.equal([endOf(relay, orders), endOf(relay, stock)], [0, 2]);
    assert.ok(link.isOpen, 'whoever waits for other feeds is not cut off');
    link.cut();
    fleet.link(shop, relay);
    await fleet.quiet();
    assert.equal(damageTold(shop), ['STORE_CORRUPT', 'STORE_CORRUPT'], 'the next session finds it again');
  }));

test('EIO: a disk that does not answer ends the session, and the program is told', () =>
  scene(async ({ fleet, relay, shop }) => {
    await shop.writer.commit([draft(ORDERS, 'a sale')]);
    const read = shop.store.read.bind(shop.store);
    Object.assign(shop.store, {
      read: () => Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' })),
    });
    const link = fleet.link(shop, relay);
    await fleet.quiet();
    assert.equal([damageTold(shop), link.closedWith], [['EIO'], 'EIO']);
    Object.assign(shop.store, { read });
    fleet.link(shop, relay);
    await fleet.quiet();
    assert.is(endOf(relay, shop.writer.feed(ORDERS as Collection)), 1);
  }));

test.run();
