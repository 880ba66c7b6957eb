/** The fleet's rows, from made-up sources: what is shown of a device, and whose clock ages are measured on. */
import { type FeedName, type Member, Registry, type WriterId } from '@branchline/feed';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FleetSources, fleetRows } from '../src/fleet.ts';
import { ALARMS_SHOWN_MAX, parseNodeReport } from '../src/node-report.ts';

const test = suite('relay fleet');
const SHOP = 'bbbbbbbbbbbbbbbb' as WriterId;

function member(branch: string, writer: WriterId, extra: Partial<Member> = {}): Member {
  const grant = {
    role: 'branch',
    branch,
    region: 'main',
    nodeLetter: '',
    incarnation: 1,
    read: [],
    write: [],
  } as const;
  return { writer, key: new Uint8Array(32), grant, at: 1, ...extra };
}

function sources(members: readonly Member[], extra: Partial<FleetSources> = {}): FleetSources {
  const registry = new Registry(new Uint8Array(32));
  registry.members = () => members;
  return {
    registry,
    self: 'rrrrrrrrrrrrrrrr' as WriterId,
    contact: () => undefined,
    reported: () => undefined,
    lag: () => [],
    lastEntryMs: () => undefined,
    forked: () => [],
    ...extra,
  };
}

test('a device nobody has heard of yet is enrolled, with nothing known', () => {
  const [row] = fleetRows(sources([member('B001', SHOP)]));
  assert.equal([row!.state, row!.online, row!.lastContact, row!.disk], ['enrolled', false, null, null]);
});

test('the relay itself is no row', () => {
  assert.equal(fleetRows(sources([member('relay', 'rrrrrrrrrrrrrrrr' as WriterId)])), []);
});

test('what is wrong with a device is in its row: what it says itself, and forks of its feeds found here', () => {
  const many = Array.from({ length: ALARMS_SHOWN_MAX + 3 }, (_, n) => ({
    code: `A${n}`,
    detail: 'x',
    at: '',
  }));
  const report = parseNodeReport({ alarms: many })!;
  const run = { feed: 'orders/B001/x' as FeedName, from: 1, entries: [], signature: new Uint8Array(64) };
  const side = { ...run, hash: new Uint8Array(32) };
  const fork = { feed: run.feed, seq: 7, ours: side, theirs: side, foundMs: 0 };
  const extra = { reported: () => ({ report, receivedMs: 0 }), forked: () => [fork] };
  const [row] = fleetRows(sources([member('B001', SHOP)], extra));
  assert.is(row!.alarms.length, ALARMS_SHOWN_MAX + 1);
  assert.match(row!.alarms[0]!.detail, /two histories from entry 7/);
  assert.is(row!.alarms.at(-1)!.code, `A${ALARMS_SHOWN_MAX + 2}`, 'the newest');
});

test('a key that another one follows is not taken for a branch that is away', () => {
  const next = 'cccccccccccccccc' as WriterId;
  const rows = fleetRows(sources([member('B001', SHOP), member('B001', next, { predecessor: SHOP })]));
  assert.equal(
    rows.map(({ state }) => state),
    ['succeeded', 'enrolled'],
  );
});

test('a revoked device shows no lag: nothing will ever reach it', () => {
  const revocation = { at: 5, reason: 'stolen', heads: new Map() };
  const lag = [{ feed: 'catalog/x' as FeedName, missingThere: 7, missingHere: 0, seconds: 3 }];
  const [row] = fleetRows(sources([member('B001', SHOP, { revocation })], { lag: () => lag }));
  assert.is(row!.state, 'revoked');
  assert.is(row!.lag.entriesThere, 0);
});

test('lag sums over feeds and takes the longest wait; what a device reports is shown with its clock offset', () => {
  const report = parseNodeReport({
    nowMs: 61_500,
    disk: { freeBytes: 1, totalBytes: 2 },
    fnDaysLeft: 20,
    new: 'x',
  })!;
  const [row] = fleetRows(
    sources([member('B001', SHOP)], {
      reported: () => ({ report, receivedMs: 60_000 }),
      lag: () => [
        { feed: 'catalog/x' as FeedName, missingThere: 7, missingHere: 0, seconds: 3 },
        { feed: 'orders/B001/y' as FeedName, missingThere: 0, missingHere: 2, seconds: 0 },
        { feed: 'registry/z' as FeedName, missingThere: 1, missingHere: 0, seconds: 9 },
      ],
    }),
  );
  assert.equal([row!.lag.entriesThere, row!.lag.entriesHere, row!.lag.seconds], [8, 2, 9]);
  assert.equal([row!.clockOffsetMs, row!.fnDaysLeft, row!.disk?.freeBytes], [1_500, 20, 1]);
});

test('a report that is none is not shown', () => {
  for (const value of [undefined, 7, { nowMs: 'noon' }, { disk: { freeBytes: -1, totalBytes: 0 } }]) {
    assert.is(parseNodeReport(value), undefined, JSON.stringify(value));
  }
  assert.equal(parseNodeReport({ unknown: true }), {});
});

test.run();
