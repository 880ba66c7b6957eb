/** A registry that is told the same thing twice, out of turn, or about nobody changes nothing; and an authority asked for what is done already answers. */
import { ManualClock, makeStamp, type Stamp } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Authority } from '../src/authority.ts';
import { FeedError } from '../src/errors.ts';
import { defaultGrant } from '../src/grants.ts';
import { generateDeviceKey } from '../src/identity.ts';
import { MemoryStore } from '../src/memory-store.ts';
import { Registry } from '../src/registry.ts';
import { followRegistry } from '../src/registry-follower.ts';
import type { Entry, FeedName } from '../src/types.ts';

const test = suite('entries of a registry');
const GRANT = defaultGrant({ branch: 'B001', role: 'branch' });

function registry() {
  const authority = generateDeviceKey();
  const made = new Registry(authority.publicKey);
  let seq = 0;
  const told = (kind: string, body: unknown, feed = made.feed): void => {
    seq += 1;
    made.apply({ feed, seq, hlc: 1n as Stamp, kind, body, bytes: new Uint8Array() } as Entry);
  };
  return { made, told, authority };
}

async function code(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'done',
    (error: unknown) => (error instanceof FeedError ? error.code : String(error)),
  );
}

test('entries of another feed, entries known already, kinds and shapes of a later program: passed over', () => {
  const { made, told } = registry();
  told('tenant', { name: 'chain', key: new Uint8Array(32) }, 'orders/B001/aaaaaaaaaaaaaaaa' as FeedName);
  assert.is(made.position, 0);
  told('tenant', { name: 'chain', key: new Uint8Array(32) });
  assert.is(made.tenant, 'chain');
  made.apply({ feed: made.feed, seq: 1, kind: 'tenant', body: { name: 'other' } } as Entry);
  assert.is(made.tenant, 'chain');
  told('unheard-of', {});
  told('enrol', { key: 'no bytes' });
  assert.is(made.passedOver, 2);
});

test('the same invitation, key, succession or revocation a second time is the first', () => {
  const { made, told } = registry();
  const [device, next] = [generateDeviceKey(), generateDeviceKey()];
  const token = new Uint8Array(32).fill(1);
  const invitation = { token, grant: GRANT, expiresMs: 5 };
  told('invite', invitation);
  told('invite', { ...invitation, expiresMs: 9 });
  assert.equal(
    made.invitations().map(({ expiresMs }) => expiresMs),
    [5],
  );
  told('enrol', { key: device.publicKey, grant: GRANT, invite: token });
  told('enrol', { key: device.publicKey, grant: { ...GRANT, branch: 'B002' } });
  assert.is(made.member(device.writer)?.grant.branch, 'B001');
  told('withdraw', { token });
  assert.is(made.invitations()[0]?.usedBy, device.writer, 'a token that was used is history');
  const following = { key: next.publicKey, grant: GRANT, reason: 'rotation', overlapUntilMs: 1 };
  told('rotate', { ...following, predecessor: 'aaaaaaaaaaaaaaaa' });
  assert.is(made.member(next.writer), undefined, 'nobody to follow');
  told('rotate', { ...following, predecessor: device.writer });
  told('rotate', { ...following, predecessor: device.writer, overlapUntilMs: 7 });
  assert.is(made.member(device.writer)?.overlapUntilMs, 1);
  told('revoke', { writer: 'aaaaaaaaaaaaaaaa', reason: 'nobody', heads: [] });
  told('revoke', { writer: device.writer, reason: 'lost', heads: [] });
  told('revoke', { writer: device.writer, reason: 'later', heads: [] });
  assert.is(made.member(device.writer)?.revocation?.reason, 'lost');
});

test('what a revoked device wrote in a feed nobody had counts for nothing; the authority vouches without being a member', () => {
  const { made, told, authority } = registry();
  const device = generateDeviceKey();
  told('enrol', { key: device.publicKey, grant: GRANT });
  const feed = `orders/B001/${device.writer}` as FeedName;
  assert.ok(made.mayWrite(device.writer, feed, 1));
  assert.is(made.ceiling(feed), undefined);
  told('revoke', { writer: device.writer, reason: 'lost', heads: [] });
  assert.not.ok(made.mayWrite(device.writer, feed, 1));
  assert.is(made.ceiling(feed)?.seq, 0);
  assert.ok(made.mayVouch(authority.writer));
  assert.not.ok(made.mayVouch(device.writer));
});

test('an authority asked twice answers as before; of a device nobody enrolled it knows nothing', async () => {
  const clock = new ManualClock();
  let ms = 1;
  const key = generateDeviceKey();
  const members = new Registry(key.publicKey);
  const store = await MemoryStore.open({ tenant: 'chain', keys: members.keyOf });
  await followRegistry(store, members);
  const now = (): Stamp => makeStamp(ms++, 0);
  const authority = await Authority.open({ key, tenant: 'chain', store, registry: members, clock, now });
  await authority.createTenant();
  await authority.createTenant();
  assert.is(members.position, 1);
  const { publicKey, writer } = generateDeviceKey();
  const first = await authority.admit({ branch: 'HQ', role: 'hq', publicKey });
  assert.equal(await authority.admit({ branch: 'HQ', role: 'hq', publicKey }), first);
  assert.is(await code(authority.rotate({ writer: generateDeviceKey().writer })), 'PEER_UNKNOWN');
  const { token } = await authority.rotate({ writer });
  const next = generateDeviceKey();
  await authority.enrol({ token, publicKey: next.publicKey });
  assert.ok(
    members.member(writer)!.overlapUntilMs! > clock.nowMs(),
    'both count for a while, without being told how long',
  );
  await store.close();
});

test.run();
