import { ManualClock, makeStamp, type Stamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Authority, INCARNATIONS_AHEAD_MAX } from '../src/authority.ts';
import { matchesPattern, patternMatcher } from '../src/collections.ts';
import { FeedError } from '../src/errors.ts';
import { FeedWriter } from '../src/feed-writer.ts';
import { defaultGrant } from '../src/grants.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { successionRequest } from '../src/incarnation.ts';
import { MemoryStore } from '../src/memory-store.ts';
import { Registry } from '../src/registry.ts';
import { followRegistry } from '../src/registry-follower.ts';
import type { Collection, FeedName } from '../src/types.ts';

const TENANT = 'chain';

async function setup() {
  const clock = new ManualClock();
  let ms = 1;
  const now = (): Stamp => makeStamp(ms++, 0);
  const key = generateDeviceKey();
  const registry = new Registry(key.publicKey);
  const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
  await followRegistry(store, registry);
  const authority = await Authority.open({ key, tenant: TENANT, store, registry, clock, now });
  await authority.createTenant();
  return { clock, key, now, registry, store, authority };
}

async function code(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.instance(error, FeedError);
    return (error as FeedError).code;
  }
  return 'nothing thrown';
}

const test = suite('registry and authority');

test('a token admits one device, which then may what its role may', async () => {
  const { authority, registry } = await setup();
  const device = generateDeviceKey();
  const { token } = await authority.invite({ branch: 'B001', role: 'branch', region: 'north' });
  const member = await authority.enrol({ token, publicKey: device.publicKey });
  assert.equal(member.grant, defaultGrant({ branch: 'B001', role: 'branch', region: 'north' }));
  const may = (collection: string) => [
    registry.mayRead(device.writer, collection as Collection),
    registry.mayWrite(device.writer, `${collection}/${device.writer}` as FeedName),
  ];
  assert.equal(may('orders/B001'), [true, true]);
  assert.equal(may('loyalty/north'), [true, true]);
  assert.equal(may('catalog'), [true, false]);
  assert.equal(may('registry'), [true, false]);
  assert.equal(may('orders/B002'), [false, false]);
  assert.equal(may('local'), [false, false]);
  assert.not.ok(registry.mayWrite(device.writer, `orders/B001/${generateDeviceKey().writer}` as FeedName));
});

test('a token is shown once and kept as a hash; asking again with the same key gives the same answer', async () => {
  const { authority, registry, store } = await setup();
  const { token } = await authority.invite({ branch: 'B001', role: 'branch' });
  const run = await store.read(registry.feed, 1, 1 << 20);
  assert.not.ok(run!.entries.some((bytes) => Buffer.from(bytes).includes(token)));
  const device = generateDeviceKey();
  const [first, second] = await Promise.all([
    authority.enrol({ token, publicKey: device.publicKey }),
    authority.enrol({ token, publicKey: device.publicKey }),
  ]);
  assert.equal(first, second);
  const stranger = generateDeviceKey().publicKey;
  assert.is(await code(() => authority.enrol({ token, publicKey: stranger })), 'TOKEN_USED');
});

test('a device set up for another branch does not spend the token', async () => {
  const { authority } = await setup();
  const { token } = await authority.invite({ branch: 'B002', role: 'branch' });
  const { publicKey } = generateDeviceKey();
  assert.is(await code(() => authority.enrol({ token, publicKey, branch: 'B001' })), 'TOKEN_BRANCH');
  assert.is((await authority.enrol({ token, publicKey, branch: 'B002' })).grant.branch, 'B002');
});

test('tokens that are unknown or too old admit nobody; nor does a known key under a second token', async () => {
  const { authority, clock } = await setup();
  const publicKey = generateDeviceKey().publicKey;
  assert.is(await code(() => authority.enrol({ token: 'guessed', publicKey })), 'TOKEN_UNKNOWN');
  const old = await authority.invite({ branch: 'B001', role: 'branch', ttlMs: 1000 });
  await clock.advance(1001);
  assert.is(await code(() => authority.enrol({ token: old.token, publicKey })), 'TOKEN_EXPIRED');
  const [one, two] = await authority.inviteAll([
    { branch: 'B001', role: 'branch' },
    { branch: 'B002', role: 'branch' },
  ]);
  await authority.enrol({ token: one!.token, publicKey });
  assert.is(await code(() => authority.enrol({ token: two!.token, publicKey })), 'KEY_KNOWN');
  assert.is(
    await code(() => authority.enrol({ token: two!.token, publicKey: new Uint8Array(31) })),
    'DEVICE_KEY',
  );
});

test('two hundred branches are invited in one commit', async () => {
  const { authority, store } = await setup();
  const before = store.position;
  const requests = Array.from({ length: 200 }, (_, i) => ({ branch: `B${i + 1}`, role: 'branch' as const }));
  const issued = await authority.inviteAll(requests);
  assert.is(new Set(issued.map(({ token }) => token)).size, 200);
  assert.is(store.position, before + 1);
  const many = Array.from({ length: 10_001 }, () => requests[0]!);
  assert.is(await code(() => authority.inviteAll(many)), 'FEED_LIMIT');
});

test('nodes of one branch get letters of their own, so that they never share a number series', async () => {
  const { authority } = await setup();
  const letters: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const publicKey = generateDeviceKey().publicKey;
    letters.push((await authority.admit({ publicKey, role: 'branch', branch: 'B001' })).grant.nodeLetter);
  }
  assert.equal(letters, ['', 'b', 'c']);
  for (let n = 3; n < 26; n += 1) {
    await authority.admit({ publicKey: generateDeviceKey().publicKey, role: 'branch', branch: 'B001' });
  }
  const one = { publicKey: generateDeviceKey().publicKey, role: 'branch', branch: 'B001' } as const;
  assert.is(await code(() => authority.admit(one)), 'FEED_LIMIT');
});

test('a rotated key and its successor both count until the overlap is over, then only the successor', async () => {
  const { authority, clock, registry } = await setup();
  const [oldKey, newKey] = [generateDeviceKey(), generateDeviceKey()];
  await authority.admit({ publicKey: oldKey.publicKey, role: 'branch', branch: 'B001' });
  const { token } = await authority.rotate({ writer: oldKey.writer, overlapMs: 1000 });
  const member = await authority.enrol({ token, publicKey: newKey.publicKey });
  assert.is(member.grant.incarnation, 2);
  assert.is(member.predecessor, oldKey.writer);
  assert.ok(registry.admit(oldKey.publicKey).ok && registry.admit(newKey.publicKey).ok);
  assert.equal(await authority.retire(), []);
  await clock.advance(1001);
  assert.equal(await authority.retire(), [oldKey.writer]);
  assert.equal(registry.admit(oldKey.publicKey), { ok: false, code: 'PEER_REVOKED' });
  assert.ok(registry.admit(newKey.publicKey).ok);
});

test('a device goes on under a new key by its own word; two clones of it get different incarnations', async () => {
  const { authority, registry } = await setup();
  const [oldKey, one, two] = [generateDeviceKey(), generateDeviceKey(), generateDeviceKey()];
  await authority.admit({ publicKey: oldKey.publicKey, role: 'branch', branch: 'B001' });
  const ask = (key: typeof one) => {
    const { proof } = successionRequest(TENANT, oldKey, key.publicKey);
    return authority.succeed({ predecessor: oldKey.writer, key: key.publicKey, proof });
  };
  assert.equal([(await ask(one)).grant.incarnation, (await ask(two)).grant.incarnation], [2, 3]);
  assert.is((await ask(one)).grant.incarnation, 2, 'asking again changes nothing');
  const forged = {
    predecessor: oldKey.writer,
    key: generateDeviceKey().publicKey,
    proof: new Uint8Array(64),
  };
  assert.is(await code(() => authority.succeed(forged)), 'SUCCESSION_PROOF');
  assert.equal(await authority.retire(), [], 'what the old key signed may still be on its way');
  assert.ok(registry.admit(oldKey.publicKey).ok);
});

test('a device that has given out numbers offline keeps their incarnation, unless somebody else has it', async () => {
  const { authority, registry } = await setup();
  const [oldKey, one, two, far] = [1, 2, 3, 4].map(() => generateDeviceKey());
  await authority.admit({ publicKey: oldKey!.publicKey, role: 'branch', branch: 'B001' });
  const ask = (key: typeof one, wanted: number, signed = wanted) => {
    const { proof } = successionRequest(TENANT, oldKey!, key!.publicKey, signed);
    return authority.succeed({
      predecessor: oldKey!.writer,
      key: key!.publicKey,
      incarnation: wanted,
      proof,
    });
  };
  assert.is(await code(() => ask(one, 3, 2)), 'SUCCESSION_PROOF', 'the number is signed');
  assert.is((await ask(one, 3)).grant.incarnation, 3, 'restored twice from one backup');
  assert.is((await ask(two, 3)).grant.incarnation, 4, 'taken');
  assert.is(
    (await ask(far, 5 + INCARNATIONS_AHEAD_MAX)).grant.incarnation,
    5,
    'nobody counts that far alone',
  );
  assert.is(registry.member(one!.writer)?.reason, 'incarnation');
});

test('a rotation asked for by the operator is taken up by the device itself, with its old key', async () => {
  const { authority, clock, registry } = await setup();
  const [oldKey, newKey] = [generateDeviceKey(), generateDeviceKey()];
  await authority.admit({ publicKey: oldKey.publicKey, role: 'branch', branch: 'B001' });
  const { token } = await authority.rotate({ writer: oldKey.writer, overlapMs: 1000 });
  const { proof } = successionRequest(TENANT, oldKey, newKey.publicKey);
  const member = await authority.succeed({ predecessor: oldKey.writer, key: newKey.publicKey, proof });
  assert.equal([member.reason, member.grant.incarnation], ['rotation', 2]);
  const other = generateDeviceKey().publicKey;
  assert.is(
    await code(() => authority.enrol({ token, publicKey: other })),
    'TOKEN_USED',
    'its token is spent',
  );
  await clock.advance(1001);
  assert.equal(await authority.retire(), [oldKey.writer]);
  assert.ok(registry.admit(newKey.publicKey).ok);
});

test('a device enrolled by an earlier program may what its role may now, and keeps what it was given', async () => {
  const { registry, now } = await setup();
  const device = generateDeviceKey();
  const grant = { ...defaultGrant({ branch: 'B001', role: 'branch' }), read: ['catalog'], write: ['extras'] };
  registry.apply({
    feed: registry.feed,
    seq: registry.position + 1,
    hlc: now(),
    kind: 'enrol',
    body: { key: device.publicKey, grant },
  } as never);
  const mayWrite = (collection: string) =>
    registry.mayWrite(device.writer, `${collection}/${device.writer}` as FeedName);
  for (const collection of ['extras', 'letters/B001/B002', 'prices/B001', 'keys/main', 'orders/B001']) {
    assert.ok(mayWrite(collection), collection);
  }
  for (const collection of ['letters/B002/B001', 'prices/B002', 'erasures', 'pricing', 'catalog']) {
    assert.not.ok(mayWrite(collection), collection);
  }
  assert.ok(registry.mayRead(device.writer, 'pricing' as never));
});

test('a device presumes its own next key: it may write with it, nobody is admitted by it', async () => {
  const { authority, registry } = await setup();
  const [oldKey, newKey] = [generateDeviceKey(), generateDeviceKey()];
  const { grant } = await authority.admit({ publicKey: oldKey.publicKey, role: 'branch', branch: 'B001' });
  const { writer, publicKey } = newKey;
  const feed = `orders/B001/${writer}` as FeedName;
  registry.presume({
    writer,
    key: publicKey,
    grant: { ...grant, incarnation: 2 },
    at: 0,
    predecessor: oldKey.writer,
  });
  assert.ok(registry.mayWrite(writer, feed) && registry.keyOf(writer));
  assert.not.ok(registry.isConfirmed(writer));
  assert.equal(registry.admit(publicKey), { ok: false, code: 'PEER_UNKNOWN' });
  assert.is(registry.members().length, 1);
  const { proof } = successionRequest(TENANT, oldKey, publicKey, 2);
  await authority.succeed({ predecessor: oldKey.writer, key: publicKey, incarnation: 2, proof });
  assert.ok(registry.isConfirmed(writer) && registry.admit(publicKey).ok);
  assert.ok(registry.member(writer)!.at > 0, 'what the feed says replaces it');
});

test('G11 a revocation keeps the history up to where it stood and refuses what comes later', async () => {
  const { authority, registry, store, now } = await setup();
  const device = generateDeviceKey();
  await authority.admit({ publicKey: device.publicKey, role: 'branch', branch: 'B001' });
  const writer = await FeedWriter.open({ store, key: device, tenant: TENANT, now });
  const orders = 'orders/B001' as Collection;
  await writer.commit([
    { collection: orders, kind: 'order', body: 1 },
    { collection: orders, kind: 'order', body: 2 },
  ]);
  assert.is(await authority.revokeBranch('B001'), 1);
  const feed = writer.feed(orders);
  assert.ok(registry.mayWrite(device.writer, feed, 2));
  assert.not.ok(registry.mayWrite(device.writer, feed, 3));
  assert.not.ok(registry.mayRead(device.writer, orders));
  assert.is(registry.ceiling(feed)?.seq, 2);
  assert.ok(registry.keyOf(device.writer), 'its history still verifies');
  assert.is(await code(() => authority.revoke({ writer: device.writer })), 'PEER_REVOKED');
  assert.is(await code(() => authority.revokeBranch('B009')), 'PEER_UNKNOWN');
});

test('G11 revoking a branch ends its unused tokens too, also where nobody was enrolled yet', async () => {
  const { authority, registry } = await setup();
  const [first, second] = [
    await authority.invite({ branch: 'B001', role: 'branch' }),
    await authority.invite({ branch: 'B002', role: 'branch' }),
  ];
  const device = generateDeviceKey();
  await authority.admit({ publicKey: device.publicKey, role: 'branch', branch: 'B001' });
  assert.is(await authority.revokeBranch('B001'), 1);
  assert.is(await authority.revokeBranch('B002'), 0);
  const stranger = generateDeviceKey().publicKey;
  for (const { token } of [first, second]) {
    assert.is(await code(() => authority.enrol({ token, publicKey: stranger })), 'TOKEN_UNKNOWN');
  }
  assert.equal(registry.invitations(), []);
});

test('the same entries give the same registry, also when followed late', async () => {
  const { authority, key, registry, store } = await setup();
  for (const branch of ['B001', 'B002']) {
    await authority.admit({ publicKey: generateDeviceKey().publicKey, role: 'branch', branch });
  }
  const late = new Registry(key.publicKey);
  await followRegistry(store, late);
  assert.equal(late.members(), registry.members());
  assert.is(late.tenant, TENANT);
  await authority.admit({ publicKey: generateDeviceKey().publicKey, role: 'hq', branch: 'HQ' });
  assert.equal(late.members(), registry.members());
});

test('entries of a kind or shape this program does not know are passed over, and counted', async () => {
  const { key, now, registry, store } = await setup();
  const writer = await FeedWriter.open({ store, key, tenant: TENANT, now });
  const members = registry.members();
  await writer.commit([
    { collection: 'registry' as Collection, kind: 'quorum', body: {} },
    { collection: 'registry' as Collection, kind: 'enrol', body: { key: 'not bytes' } },
  ]);
  assert.is(registry.passedOver, 2);
  assert.equal(registry.members(), members);
});

test('only the key that made the tenant opens the authority', async () => {
  const { clock, now, registry, store } = await setup();
  const key = generateDeviceKey();
  const opening = () => Authority.open({ key, tenant: TENANT, store, registry, clock, now });
  assert.is(await code(opening), 'AUTHORITY_KEY');
});

test('patterns: exact, below, everything but what is local', () => {
  const cases: [string, string, boolean][] = [
    ['catalog', 'catalog', true],
    ['catalog', 'catalog/1', false],
    ['loyalty/*', 'loyalty/north', true],
    ['loyalty/*', 'loyalty', false],
    ['loyalty/*', 'loyaltyx/north', false],
    ['*', 'orders/B001', true],
    ['*', 'local', false],
    ['*', 'local/tills', false],
    ['local', 'local', false],
    ['local/*', 'local/tills', false],
  ];
  for (const [pattern, collection, expected] of cases) {
    assert.is(matchesPattern(pattern, collection as Collection), expected, `${pattern} ${collection}`);
    assert.is(patternMatcher(['x', pattern])(collection as Collection), expected, `${pattern} ${collection}`);
  }
});

test.run();
