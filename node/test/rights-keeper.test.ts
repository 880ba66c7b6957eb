/** The keeper of rights at its limits, against a book that only remembers what it was told. */
import {
  foldRights,
  keySegments,
  moveRights,
  NO_RIGHTS,
  type Rights,
  type RightsMove,
  spendableOf,
  valueLeft,
  type WriterId,
} from '@branchline/docs';
import { LOYALTY_PROGRAMME_DEFAULT } from '@branchline/model';
import { ManualClock, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ACCOUNTS_DUE_MAX,
  ACCOUNTS_USED_MAX,
  NEED_TTL_MS,
  RightsKeeper,
  type RightsKeeperPorts,
  ROUND_ACCOUNTS_MAX,
} from '../src/loyalty/rights-keeper.ts';
import type { AccountName } from '../src/projections/customers.ts';

const keeping = suite('keeper of rights');
const real = systemClock();
const [SELF, HQ, FORMER] = ['self', 'hq', 'former'] as WriterId[] as [WriterId, WriterId, WriterId];

/** Accounts in memory; every commit is counted with how many accounts it moved. */
function scene(former?: { reason: string; revoked: boolean; held: number }) {
  const clock = new ManualClock(Date.UTC(2026, 10, 22));
  const book = new Map<string, Rights>();
  const commits: number[] = [];
  const step = (account: string, writer: WriterId, move: RightsMove): void => {
    const cells = (key: string, value: string | number | boolean | null): void => {
      const [, ...columns] = keySegments(key);
      book.set(account, foldRights(book.get(account) ?? NO_RIGHTS, columns, value) ?? NO_RIGHTS);
    };
    moveRights(account, move)({ writer, get: () => undefined, set: cells });
  };
  let fail = false;
  const failures: Error[] = [];
  const grantOf = (writer: string) => ({
    role: writer === HQ ? 'hq' : 'branch',
    region: 'main',
    branch: writer,
  });
  const heads = new Map([[`loyalty/main/${FORMER}`, { seq: 7 }]]);
  const members = [
    ...(former === undefined
      ? [{ writer: SELF, grant: grantOf(SELF) }]
      : [
          { writer: SELF, grant: grantOf(SELF), predecessor: FORMER, reason: former.reason },
          { writer: FORMER, grant: grantOf(FORMER), ...(former.revoked ? { revocation: { heads } } : {}) },
        ]),
    { writer: HQ, grant: grantOf(HQ) },
  ];
  const ports = {
    self: SELF,
    branch: 'B001',
    registry: {
      members: () => members,
      member: (of: string) => members.find(({ writer }) => writer === of),
      watch: () => () => {},
    },
    customers: {
      rights: async ({ account }: AccountName) => book.get(account) ?? NO_RIGHTS,
      isMoving: () => false,
      voucherOf: async () => undefined,
      move: (_: unknown, { account }: AccountName, move: RightsMove) => step(account, SELF, move),
      accounts: async function* () {
        for (const [account, rights] of book) {
          yield { region: 'main', account, rights };
        }
      },
    },
    clock,
    level: async () => [],
    reclaimed: () => [],
    reclaimedRegions: () => new Set(),
    heldOf: () => former?.held ?? 0,
    programme: () => LOYALTY_PROGRAMME_DEFAULT,
    isConnected: () => true,
    commit: async (decide: (transaction: unknown) => Promise<{ body: number }>) => {
      if (fail) {
        throw new Error('the disk is full');
      }
      const { body } = await decide({ append: () => {} });
      commits.push(body);
      return body;
    },
    onMoved: () => {},
    onFailure: (error: Error) => failures.push(error),
  } as unknown as RightsKeeperPorts;
  const keeper = new RightsKeeper(ports);
  const stop = new AbortController();
  const run = keeper.run(stop.signal);
  return {
    keeper,
    clock,
    commits,
    failures,
    book,
    step,
    failNow: (now: boolean) => {
      fail = now;
    },
    /** Real turns of the event loop between small steps of time. */
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 500) {
        await clock.advance(500);
        for (let turn = 0; turn < 20; turn++) {
          await real.yield();
        }
      }
    },
    end: async () => {
      stop.abort();
      await clock.advance(10_000);
      await run;
    },
  };
}

const name = (account: string): AccountName => ({ region: 'main', account });

keeping(`looks at ${ROUND_ACCOUNTS_MAX} accounts a commit, and at ${ACCOUNTS_DUE_MAX} at most`, async () => {
  const { keeper, commits, step, pass, end } = scene();
  for (let at = 0; at < ROUND_ACCOUNTS_MAX + 6; at++) {
    step(`card:${at}`, SELF, { type: 'count', count: 'earned', points: 5 });
    keeper.look(name(`card:${at}`));
  }
  await pass(1_000);
  assert.equal(commits, [ROUND_ACCOUNTS_MAX, 6], 'all settled, in two commits');
  for (let at = 0; at < ACCOUNTS_DUE_MAX + 5; at++) {
    keeper.look(name(`c${at}`));
  }
  assert.is(keeper.status().watched, ACCOUNTS_DUE_MAX);
  assert.is(keeper.status().settled, 5 * (ROUND_ACCOUNTS_MAX + 6));
  await end();
});

keeping('asks while somebody waits, and no longer', async () => {
  const { keeper, book, step, pass, end } = scene();
  step('anna', HQ, { type: 'count', count: 'earned', points: 50 });
  keeper.need(name('anna'), 20);
  await pass(1_000);
  assert.is(book.get('anna')![SELF]!.wanted[HQ]!.points, 20);
  assert.is(keeper.status().waiting, 1);
  await pass(NEED_TTL_MS);
  const { asked } = keeper.status();
  assert.is(keeper.status().waiting, 0);
  await pass(NEED_TTL_MS);
  assert.is(keeper.status().asked, asked);
  await end();
});

keeping(`remembers the use of ${ACCOUNTS_USED_MAX} accounts; a commit that fails is made again`, async () => {
  const { keeper, commits, failures, failNow, step, pass, end } = scene();
  for (let at = 0; at <= ACCOUNTS_USED_MAX; at++) {
    keeper.used(name(`c${at}`), 10);
  }
  step('card:1', SELF, { type: 'count', count: 'earned', points: 5 });
  failNow(true);
  keeper.look(name('card:1'));
  await pass(1_000);
  assert.is(failures.length, 1);
  failNow(false);
  await pass(10_000);
  assert.equal(commits, [1]);
  await end();
});

const inherited: readonly [string, { reason: string; revoked: boolean; held: number }, number][] = [
  ['rotated away, revoked, all of it here', { reason: 'rotation', revoked: true, held: 7 }, 30],
  ['rotated away, but it may still write', { reason: 'rotation', revoked: false, held: 7 }, 0],
  ['rotated away, but its last entries are not here', { reason: 'rotation', revoked: true, held: 6 }, 0],
  [
    'of a backup or a copy: what it spent may never arrive',
    { reason: 'incarnation', revoked: true, held: 7 },
    0,
  ],
];
for (const [what, former, points] of inherited) {
  keeping(`G10 rights of a former key ${what}: ${points} of 30 are taken over`, async () => {
    const { book, step, keeper, pass, end } = scene(former);
    step('anna', FORMER, { type: 'count', count: 'earned', points: 30 });
    keeper.look(name('anna'));
    await pass(1_000);
    const rights = book.get('anna')!;
    assert.equal([spendableOf(rights, SELF), valueLeft(rights)], [points, 30]);
    await end();
  });
}

keeping.run();
