// limit: 180 s
/**
 * A branch that was enrolled properly and means harm, against a real relay, head office and shop: it cannot change another's log, wedge a
 * shared document, take more than its share, or stop the relay; and its revocation closes the socket it has open. Meanwhile the shop sells,
 * and in the end everything verifies.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as Automerge from '@automerge/automerge';
import { actorOf, Documents, loyaltyDoc } from '@branchline/docs';
import {
  type Collection,
  encodeEntry,
  type FeedName,
  feedName,
  headAfter,
  signedBytes,
  type WriterId,
} from '@branchline/feed';
import { Connection, dialWebSocket, FRAME_BYTES_MAX } from '@branchline/wire';
import { makeStamp, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addTill, isLevel, serveNode, serveRelay } from '../crash/support/folders.ts';
import { json, Program } from '../crash/support/program.ts';
import { Tills } from '../crash/support/tills.ts';
import { verifyFolder } from '../crash/support/trial.ts';
import { type Device, enrolDevice } from '../support/device.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until, within } from '../support/within.ts';

const SOON_MS = 30_000;
const FLOOD = 20_000;
const SOCKETS = 40;
const GROWTH_BYTES_MAX = 200 * 1024 * 1024;
const SALE = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 50_000, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 50_000 }],
  customer: { id: 'anna' },
};

const clock = systemClock();
const hostile = suite('an enrolled branch that means harm');
const opened: AsyncDisposable[] = [];
let relayData: string;
let relayUrl: string;
let adminToken: string;
let relay: Program;
let shop: { data: string; url: string; writer: WriterId; tills: Tills };
let office: { data: string; url: string; token: string };
let evil: Device;

async function enrolled(dir: string, code: string, role: string): Promise<{ data: string; url: string }> {
  const added = ['branch', 'add', code, '--role', role, '--data', relayData];
  const { tokens } = await json<{ tokens: { token: string }[] }>(...added);
  const data = join(dir, code.toLowerCase());
  const node = new Program(serveNode(data, '--relay', relayUrl, '--token', tokens[0]!.token));
  opened.push(node);
  return { data, url: await node.url() };
}

hostile.before(async () => {
  const dir = await TempDir.open('hostile');
  opened.push(dir);
  relayData = join(dir.path, 'relay');
  ({ adminToken } = await json<{ adminToken: string }>('init', '--data', relayData, '--tenant', 'acme'));
  relay = new Program(serveRelay(relayData));
  opened.push(relay);
  relayUrl = await relay.url();
  const hq = await enrolled(dir.path, 'HQ', 'hq');
  office = { ...hq, token: await addTill(hq.data) };
  const b001 = await enrolled(dir.path, 'B001', 'branch');
  const tills = new Tills(await addTill(b001.data), 'sale', SALE);
  const { node } = await tills.get<{ node: WriterId }>(b001.url, '/v1/sync');
  shop = { ...b001, writer: node, tills };
  const { tokens } = await json<{ tokens: { token: string }[] }>(
    'branch',
    'add',
    'B666',
    '--data',
    relayData,
  );
  evil = await enrolDevice(relayUrl, tokens[0]!.token);
  await sellsOn(5);
});

hostile.after(async () => {
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
});

/** The shop sells, and head office has what it sold: the relay carries, whatever was just tried. */
async function sellsOn(total: number): Promise<void> {
  assert.equal(await shop.tills.sell(shop.url, { total }), []);
  await until(SOON_MS, 'the shop level', () => isLevel(shop.url, shop.tills.token));
  await until(SOON_MS, 'the orders at head office', async () => {
    const orders = await new Tills(office.token).orders(office.url);
    return orders.filter(({ number }) => number.startsWith('B001-')).length === shop.tills.sales.length;
  });
}

/** A connection past the handshake, and the socket below it. */
async function barge() {
  const transport = await dialWebSocket(`${relayUrl.replace('http', 'ws')}/v1/replicate`);
  const connection = await Connection.open({
    transport,
    role: 'dial',
    identity: evil.key,
    tenant: 'acme',
    clock,
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    admit: () => ({ ok: true, info: undefined }),
    attach: () => () => {},
  });
  return { transport, connection };
}

/** Entries under a feed's name, as well signed as this device can. */
function entriesOf(feed: FeedName, from: number) {
  const entries = [encodeEntry({ hlc: makeStamp(clock.nowMs(), 1), kind: 'order', body: { total: 1 } })];
  const before = { seq: from - 1, hash: new Uint8Array(32) };
  const signature = evil.key.sign(signedBytes(feed, headAfter(before, entries)));
  return { type: 'entries', feed, from, entries, signature } as const;
}

async function memoryOfRelay(): Promise<number> {
  const text = await (await fetch(`${relayUrl}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\d+)/m.exec(text)?.[1]);
}

hostile(
  'it cannot change the log of another, at its end or in its past, nor write where it may not',
  async () => {
    const headBefore = shop.tills.sales.length;
    const victim = feedName('orders/B001' as Collection, shop.writer);
    const own = feedName('orders/B001' as Collection, evil.key.writer);
    for (const [feed, from] of [
      [victim, headBefore + 1],
      [victim, 1],
      [own, 1],
    ] as const) {
      const { connection } = await barge();
      const over = connection.closed;
      for (let tries = 0; tries < 64; tries += 1) {
        await connection.send(entriesOf(feed, from)).catch(() => undefined);
      }
      const { code, by } = await within(SOON_MS, 'the end of its connection', over);
      assert.match(`${by} ${code}`, /^peer (PEER|WRITER)_NOT_GRANTED$/, feed);
    }
    await sellsOn(2);
    const { feeds } = await json<{ feeds: { feed: string; seq: number }[] }>('verify', '--data', relayData);
    const heads = new Map(feeds.map(({ feed, seq }) => [feed, seq]));
    assert.is(heads.get(victim), shop.tills.sales.length);
    assert.not.ok(heads.has(own));
  },
);

hostile('it cannot wedge a shared document: what it forges is set aside, and the rest flows', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const nothing = { load: async () => ({ snapshot: undefined, changes: [] }) };
  const saved = await new Documents({ source: nothing, clock }).save(doc);
  const forge = (actor: string, value: number): Uint8Array =>
    Automerge.getLastLocalChange(
      Automerge.change(Automerge.load<Record<string, Record<string, unknown>>>(saved, { actor }), (rows) => {
        rows['00']![`anna/${shop.writer}`] = value;
      }),
    )!;
  const asVictim = forge(actorOf(shop.writer as never, doc), 1_000_000);
  const asItself = forge(actorOf(evil.key.writer as never, doc), 1_000_000);
  const torn = asItself.slice(0, -3);
  await evil.dial();
  for (const change of [asVictim, asItself, torn, new Uint8Array(randomBytes(64))]) {
    await evil.write('loyalty/main', { doc, change }, 'change');
  }
  await until(SOON_MS, 'what it wrote at head office', async () => {
    const { alarms } = await new Tills(office.token).get<{ alarms: { code: string }[] }>(
      office.url,
      '/v1/sync',
    );
    return alarms.some(({ code }) => code === 'CHANGE_QUARANTINED');
  });
  await sellsOn(3);
  const points = async (url: string, token: string) =>
    (await new Tills(token).get<{ points: { balance: number } }>(url, '/v1/customers/anna')).points.balance;
  const atShop = await points(shop.url, shop.tills.token);
  assert.ok(atShop > 0 && atShop < 1_000_000, `${atShop}`);
  await until(
    SOON_MS,
    'the same points everywhere',
    async () => (await points(office.url, office.token)) === atShop,
  );
});

hostile(
  'it cannot take more than its share: floods end its own connections, and memory stays bounded',
  async () => {
    const before = await memoryOfRelay();
    assert.ok(before > 0);
    const { connection } = await barge();
    for (let sent = 0; sent < FLOOD; sent += 1) {
      const done = connection.send({ type: 'ack', feed: `orders/X${sent % 7}/nobody`, seq: sent });
      if (sent % 256 === 0) await Promise.race([done, connection.closed]).catch(() => undefined);
      else done.catch(() => undefined);
    }
    connection.close();
    for (let at = 0; at < SOCKETS; at += 1) await barge();
    assert.is((await within(SOON_MS, 'an answer', fetch(`${relayUrl}/readyz`))).status, 200);
    await sellsOn(2);
    const grown = (await memoryOfRelay()) - before;
    assert.ok(grown < GROWTH_BYTES_MAX, `the relay grew by ${grown} bytes`);
  },
);

hostile(
  'it cannot stop the relay: bombs and nonsense after a proper handshake close its socket only',
  async () => {
    const bombs = [
      Buffer.from('9b0000ffffffffffff', 'hex'),
      Buffer.from(`00000000${'9f'.repeat(4_000)}`, 'hex'),
      randomBytes(4_096),
      Buffer.alloc(FRAME_BYTES_MAX + 4_096, 0x80),
      Buffer.alloc(0),
    ];
    for (const bomb of bombs) {
      const { transport, connection } = await barge();
      transport.send(bomb);
      await within(SOON_MS, 'the end of its connection', connection.closed);
      assert.is((await fetch(`${relayUrl}/readyz`)).status, 200);
    }
    assert.is(relay.child.exitCode, null);
    await sellsOn(1);
  },
);

hostile('its revocation closes the socket it has open, and the door; its history stays', async () => {
  const { connection } = await barge();
  const answer = await fetch(`${relayUrl}/v1/branches/B666/revoke`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'hostile' }),
  });
  assert.is(answer.status, 200, await answer.text());
  const { code } = await within(SOON_MS, 'the end of its connection', connection.closed);
  assert.is(code, 'PEER_REVOKED');
  const refused = await barge().then(
    () => 'admitted',
    (error: { refusal?: string }) => error.refusal,
  );
  assert.is(refused, 'PEER_REVOKED');
  await sellsOn(1);
});

hostile('after all that, every byte verifies everywhere', async () => {
  for (const program of opened.filter((each) => each instanceof Program).reverse()) {
    assert.is((await program.stop()).code, 0);
  }
  for (const data of [relayData, office.data, shop.data]) await verifyFolder(data);
});

hostile.run();
