// limit: 180 s
/**
 * The restore drill: a shop loses its disk, then the relay loses its own, each with nothing left but a backup that was made while everybody
 * sold. Put back, each goes on as a new incarnation or under its old name, and what came after the backup comes home from the peers: in the
 * end relay, head office and shop hold the same bytes, and give the same answers.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addTill, isLevel, serveNode, serveRelay } from '../crash/support/folders.ts';
import { json, Program } from '../crash/support/program.ts';
import { Tills } from '../crash/support/tills.ts';
import { verifyFolder } from '../crash/support/trial.ts';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';

const LEVEL_WITHIN_MS = 60_000;
const SOLD_BEFORE = 10;
const SOLD_MEANWHILE = 60;
const SOLD_AFTER = 5;
/** Dear enough to earn points. */
const SALE = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 50_000, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 50_000 }],
  customer: { id: 'anna' },
};

const drill = suite('the restore drill');

interface Place {
  readonly data: string;
  url: string;
  program: Program;
}

class Chain {
  readonly path: string;
  readonly relay: Place;
  readonly places = new Map<string, Place>();

  private constructor(path: string, relay: Place) {
    this.path = path;
    this.relay = relay;
  }

  static async open(path: string): Promise<Chain> {
    const data = join(path, 'relay');
    await json('init', '--data', data, '--tenant', 'acme');
    const program = new Program(serveRelay(data));
    return new Chain(path, { data, program, url: await program.url() });
  }

  async join(code: string, ...role: string[]): Promise<Place> {
    const added = ['branch', 'add', code, ...role, '--data', this.relay.data];
    const { tokens } = await json<{ tokens: { token: string }[] }>(...added);
    const data = join(this.path, code.toLowerCase());
    const program = new Program(serveNode(data, '--relay', this.relay.url, '--token', tokens[0]!.token));
    const place = { data, program, url: await program.url() };
    this.places.set(code, place);
    return place;
  }

  /** What was in the machine is gone: the program without a word, and its disk. */
  async lose(place: Place): Promise<void> {
    await place.program.kill();
    await rm(place.data, { recursive: true });
  }

  async startAgain(place: Place): Promise<void> {
    const isRelay = place === this.relay;
    const args = isRelay
      ? serveRelay(place.data, new URL(place.url).host)
      : serveNode(place.data, '--relay', this.relay.url);
    place.program = new Program(args);
    place.url = await place.program.url();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program } of [...this.places.values(), this.relay]) await program[Symbol.asyncDispose]();
  }
}

/** Every feed of a folder that is shared, and the hash over all its bytes. */
async function feedsOf(data: string): Promise<Map<string, string>> {
  const { feeds } = await json<{ feeds: { feed: string; seq: number; hash: string }[] }>(
    ...['verify', '--data', data],
  );
  const shared = feeds.filter(({ feed }) => !feed.startsWith('local/'));
  return new Map(shared.map(({ feed, seq, hash }) => [feed, `${seq} ${hash}`]));
}

async function balances(url: string, token: string): Promise<{ onHandMilli: number; points: number }> {
  const tills = new Tills(token);
  const stock = await tills.get<{ onHandMilli: number }>(url, '/v1/stock/CHAIR?branch=B001');
  const customer = await tills.get<{ points: { balance: number } }>(url, '/v1/customers/anna');
  return { onHandMilli: stock.onHandMilli, points: customer.points.balance };
}

drill('a shop loses its disk, then the relay its own: put back, everybody holds the same bytes', async () => {
  await using dir = await TempDir.open('drill');
  await using chain = await Chain.open(dir.path);
  const { relay } = chain;
  const office = await chain.join('HQ', '--role', 'hq');
  const shop = await chain.join('B001');
  const officeToken = await addTill(office.data);
  const tills = new Tills(await addTill(shop.data), 'sale', SALE);
  const everybodyIsLevel = async (): Promise<void> => {
    for (const [url, token] of [
      [shop.url, tills.token],
      [office.url, officeToken],
    ] as const) {
      await until(LEVEL_WITHIN_MS, 'level with the relay', () => isLevel(url, token));
    }
  };
  assert.equal(await tills.sell(shop.url, { total: SOLD_BEFORE }), []);

  // Both backups in the middle of sales, each while its program runs.
  const selling = tills.sell(shop.url, { total: SOLD_MEANWHILE });
  const [shopBackup, relayBackup] = [join(dir.path, 'shop-backup'), join(dir.path, 'relay-backup')];
  await Promise.all([
    json('backup', '--data', shop.data, '--to', shopBackup),
    json('backup', '--data', relay.data, '--to', relayBackup),
  ]);
  assert.equal(await selling, []);
  assert.equal(await tills.sell(shop.url, { total: SOLD_AFTER }), []);
  await everybodyIsLevel();

  await chain.lose(shop);
  await json('restore', '--from', shopBackup, '--data', shop.data);
  await chain.startAgain(shop);
  assert.equal(await tills.sell(shop.url, { total: SOLD_AFTER }), [], 'it sells at once');
  await everybodyIsLevel();
  const { orders } = await until(LEVEL_WITHIN_MS, 'every sale of before', () => tills.settle(shop.url));
  const own = orders.filter(({ number }) => number.startsWith('B001.2-'));
  assert.is(own.length, SOLD_AFTER, 'numbers of the new incarnation');

  // The relay's backup has not heard of the shop's new key: the devices tell it.
  await chain.lose(relay);
  assert.equal(await tills.sell(shop.url, { total: SOLD_AFTER }), [], 'nobody needs a relay to sell');
  await json('restore', '--from', relayBackup, '--data', relay.data);
  await chain.startAgain(relay);
  await everybodyIsLevel();
  await tills.settle(shop.url);
  await until(LEVEL_WITHIN_MS, 'head office has every order', async () => {
    const found = await new Tills(officeToken).orders(office.url);
    return found.length === tills.sales.length;
  });
  const ofShop = await balances(shop.url, tills.token);
  assert.is(ofShop.onHandMilli, -1000 * tills.sales.length);
  assert.ok(ofShop.points > 0);
  await until(LEVEL_WITHIN_MS, 'head office says the same', async () => {
    assert.equal(await balances(office.url, officeToken), ofShop);
    return true;
  });

  for (const { program } of [shop, office, relay]) assert.is((await program.stop()).code, 0);
  for (const { data } of [shop, office, relay]) await verifyFolder(data);
  const atRelay = await feedsOf(relay.data);
  const atOffice = await feedsOf(office.data);
  const atShop = await feedsOf(shop.data);
  assert.equal([...atOffice].sort(), [...atRelay].sort(), 'head office and relay hold the same bytes');
  for (const [feed, head] of atShop) assert.is(head, atRelay.get(feed), `${feed} at the shop`);
  const ordersOf = [...atShop.keys()].filter((feed) => feed.startsWith('orders/B001/'));
  assert.is(ordersOf.length, 2, 'the lost key and the new one');
  figure('restore drill: feeds equal to the byte', atShop.size + atOffice.size, 'all');
});

drill.run();
