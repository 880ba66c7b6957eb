import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ANSWERS_MAX,
  ASK_STALE_MS,
  ASK_TIMEOUT_MS,
  balanceOf,
  debtOf,
  doAgain,
  foldCustomer,
  GRANT_GRACE_MS,
  loyaltyDoc,
  mergeRights,
  move,
  moveRights,
  NO_RIGHTS,
  nextLookMs,
  planRights,
  type Rights,
  type RightsMove,
  type RightsSituation,
  reserveOf,
  rightsOf,
  SETTLE_IDLE_MS,
  spendableOf,
  USE_HALF_LIFE_MS,
  usedAgain,
  valueLeft,
  type WriterId,
} from '../src/index.ts';
import { Device } from './device.ts';
import { type Action, playSchedule, RightsWorld } from './rights-world.ts';

const test = suite('rights');
const [HQ, A, B, C] = ['hq', 'a', 'b', 'c'] as WriterId[] as [WriterId, WriterId, WriterId, WriterId];
const NOW = 1_800_000_000_000;

test('G5 a device uses only what it holds, and says how much that is', () => {
  const earned = after(NO_RIGHTS, A, count('earned', 10));
  assert.equal(move(earned, B, count('spent', 1)), { ok: false, spendable: 0 });
  assert.equal(move(earned, A, count('spent', 11)), { ok: false, spendable: 10 });
  const spent = after(earned, A, count('spent', 4));
  assert.equal([spendableOf(spent, A), valueLeft(spent), balanceOf(spent)], [6, 6, 6]);
});

test('what is given away is spendable there and not here; a repeated message adds nothing', () => {
  const given = after(after(NO_RIGHTS, A, count('earned', 10)), A, { type: 'give', to: B, points: 7 });
  const thrice = mergeRights(mergeRights(given, given), given);
  assert.equal([spendableOf(thrice, A), spendableOf(thrice, B), valueLeft(thrice)], [3, 7, 10]);
  assert.equal(move(thrice, A, { type: 'give', to: B, points: 4 }), { ok: false, spendable: 3 });
});

test('a refund takes back what is left and remembers the rest: it is paid out of what comes next', () => {
  let rights = after(after(NO_RIGHTS, A, count('earned', 10)), A, count('spent', 8));
  rights = after(rights, A, count('owed', 5));
  assert.equal([spendableOf(rights, A), debtOf(rights, A), balanceOf(rights)], [0, 5, 0]);
  rights = run(rights, situation({ self: A }));
  assert.equal([rightsOf(rights, A), debtOf(rights, A)], [0, 3]);
  rights = run(after(rights, A, count('earned', 4)), situation({ self: A }));
  assert.equal([spendableOf(rights, A), debtOf(rights, A), valueLeft(rights)], [1, 0, 1]);
});

test('R1 holders are asked from the richest to the poorest, head office first', () => {
  let rights = after(NO_RIGHTS, A, count('earned', 3));
  rights = after(rights, B, count('earned', 9));
  rights = after(rights, HQ, count('earned', 1));
  const asked: string[] = [];
  for (let nowMs = NOW; asked.length < 3; nowMs += ASK_TIMEOUT_MS) {
    const steps = planRights(situation({ rights, self: C, needed: 9, nowMs }));
    for (const step of steps) {
      asked.push(step.type === 'ask' ? step.of : step.type);
      rights = after(rights, C, step);
    }
  }
  assert.equal(asked, [HQ, B, A]);
});

test('R2 an ask that is late when it arrives is dropped; one in time is answered once', () => {
  const asked = after(after(NO_RIGHTS, HQ, count('earned', 50)), A, ask(HQ, 1, 20));
  const late = situation({ rights: asked, self: HQ, nowMs: NOW + ASK_STALE_MS });
  assert.equal(planRights(late), []);
  const inTime = situation({ rights: asked, self: HQ, nowMs: NOW + ASK_STALE_MS - 1 });
  const answered = run(asked, inTime);
  assert.is(spendableOf(answered, A), 20);
  assert.equal(planRights({ ...inTime, rights: answered }), [], 'the same ask again');
});

test('R3 between two gifts to one device the grace passes', () => {
  let rights = after(after(NO_RIGHTS, HQ, count('earned', 50)), A, ask(HQ, 1, 20));
  rights = run(rights, situation({ self: HQ }));
  rights = after(rights, A, ask(HQ, 2, 20, NOW + 1));
  const soon = situation({ rights, self: HQ, nowMs: NOW + GRANT_GRACE_MS - 1 });
  assert.equal(planRights(soon), []);
  assert.is(nextLookMs(soon), GRANT_GRACE_MS, 'and it is looked at again');
  assert.is(spendableOf(run(rights, { ...soon, nowMs: NOW + GRANT_GRACE_MS }), A), 40);
});

test('nothing is given that somebody waits for here; a reserve gives way to a customer who waits there', () => {
  const rights = after(after(NO_RIGHTS, A, count('earned', 10)), B, ask(A, 1, 10));
  assert.is(spendableOf(run(rights, situation({ self: A, needed: 12 })), B), 0, 'short itself');
  assert.is(spendableOf(run(rights, situation({ self: A, needed: 4 })), B), 6);
  assert.is(spendableOf(run(rights, situation({ self: A, reserve: 8 })), B), 10);
  const refill = after(after(NO_RIGHTS, A, count('earned', 10)), B, ask(A, 1, 10, NOW, false));
  assert.is(spendableOf(run(refill, situation({ self: A, reserve: 8 })), B), 2);
  assert.is(spendableOf(run(rights, situation({ self: A, assigned: true })), B), 0);
});

test('an answer with nothing lets the next be asked at once; without a link nobody is', () => {
  let rights = after(after(NO_RIGHTS, HQ, count('earned', 5)), B, count('earned', 5));
  rights = after(rights, A, ask(HQ, 1, 9));
  assert.equal(planRights(situation({ rights, self: A, needed: 9 })), [], 'still waiting for head office');
  rights = after(rights, HQ, { type: 'answer', asker: A, id: 1, atMs: NOW });
  assert.equal(planRights(situation({ rights, self: A, needed: 9, connected: false })), []);
  assert.equal(planRights(situation({ rights, self: A, needed: 9 })), [ask(B, 2, 5)]);
});

test('what is idle goes to the pool, except what regulars use', () => {
  const rights = after(NO_RIGHTS, A, count('earned', 30));
  const use = usedAgain(undefined, 30, NOW);
  const reserve = reserveOf(use, NOW);
  const idle = situation({ rights, self: A, reserve, usedAtMs: NOW - SETTLE_IDLE_MS });
  assert.equal(planRights(idle), [{ type: 'give', to: HQ, points: 15 }]);
  assert.equal(planRights({ ...idle, connected: false }), [], 'an outage takes nothing away');
  assert.equal(planRights({ ...idle, usedAtMs: NOW - SETTLE_IDLE_MS + 1 }), []);
  assert.is(nextLookMs({ ...idle, usedAtMs: NOW - SETTLE_IDLE_MS + 7 }), 7);
  assert.is(reserveOf(use, NOW + 2 * USE_HALF_LIFE_MS), 3, 'forgotten by half each week');
});

test('a low reserve is filled from the pool, never from another shop', () => {
  const rights = after(after(NO_RIGHTS, B, count('earned', 50)), HQ, count('earned', 50));
  assert.equal(planRights(situation({ rights, self: A, reserve: 6 })), [ask(HQ, 1, 12, NOW, false)]);
  const poor = after(NO_RIGHTS, B, count('earned', 50));
  assert.equal(planRights(situation({ rights: poor, self: A, reserve: 6 })), []);
});

test(`at most ${ANSWERS_MAX} asks are answered at a time`, () => {
  let rights = after(NO_RIGHTS, HQ, count('earned', 1_000));
  for (let asker = 0; asker <= ANSWERS_MAX; asker++) {
    rights = after(rights, `w${asker}` as WriterId, ask(HQ, 1, 1));
  }
  const steps = planRights(situation({ rights, self: HQ }));
  assert.is(steps.filter(({ type }) => type === 'answer').length, ANSWERS_MAX);
});

test('points of a customer who stays away are written off by whoever holds them', () => {
  const rights = after(NO_RIGHTS, A, count('earned', 30));
  const steps = planRights(situation({ rights, self: A, expired: true }));
  assert.equal(steps, [count('expired', 30)]);
});

test('G10 a key that follows takes over what a fenced key held, once', () => {
  const rights = after(NO_RIGHTS, A, count('earned', 30));
  const taken = run(rights, situation({ self: B, fenced: [A] }));
  assert.equal([spendableOf(taken, A), spendableOf(taken, B), valueLeft(taken)], [0, 30, 30]);
  assert.equal(planRights(situation({ rights: taken, self: B, fenced: [A] })), []);
  // Somebody who had not heard of it gives the old key some more: it moves over as well.
  const late = run(
    after(mergeRights(taken, after(NO_RIGHTS, C, count('earned', 5))), C, give(A, 5)),
    situation({ self: B, fenced: [A] }),
  );
  assert.equal([spendableOf(late, B), valueLeft(late)], [35, 35]);
});

test('G10 a key that is not fenced is not inherited from', () => {
  const rights = after(NO_RIGHTS, A, count('earned', 30));
  assert.equal(planRights(situation({ rights, self: B })), []);
  assert.equal(move(rights, B, count('spent', 1)), { ok: false, spendable: 0 });
});

test('G10 two machines with one key: what was spent twice stands as a negative right of the next key and is covered', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const [first, copy, next] = [new Device('one'), new Device('one'), new Device('two')];
  const common = await first.commit(doc, moveRights('anna', count('earned', 30)));
  copy.append(doc, common);
  const theirs = await first.commit(doc, moveRights('anna', count('spent', 20)));
  const ours = await copy.commit(doc, moveRights('anna', count('spent', 25)));
  const effects = (await copy.documents.effectOf(doc, [ours]))!;
  await next.receive(doc, common, theirs);
  await next.commit(doc, doAgain(doc, effects));
  const { rights } = foldCustomer(undefined, 'anna', await next.documents.cells(doc));
  assert.equal([rightsOf(rights, first.writer), rightsOf(rights, next.writer)], [10, -25]);
  assert.equal(
    [valueLeft(rights), spendableOf(rights, next.writer)],
    [-15, 0],
    'the finding, and nothing more is spent',
  );
  const covered = after(rights, next.writer, count('earned', 40));
  assert.is(spendableOf(covered, next.writer), 15);
});

test('rights in documents: both sides of a transfer read the same, whoever wrote first', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const [one, two] = [new Device('one'), new Device('two')];
  const steps: RightsMove[] = [count('earned', 9), { type: 'see', day: 20_000 }, give(two.writer, 4)];
  const change = await one.commit(doc, ...steps.map((step) => moveRights('anna', step)));
  const other = await two.commit(doc, moveRights('anna', ask(one.writer, 3, 5)));
  await one.receive(doc, other);
  await two.receive(doc, change);
  const rows = await Promise.all(
    [one, two].map(
      async ({ documents }) => foldCustomer(undefined, 'anna', await documents.cells(doc)).rights,
    ),
  );
  assert.equal(rows[0], rows[1]);
  assert.equal([spendableOf(rows[0]!, one.writer), spendableOf(rows[0]!, two.writer)], [5, 4]);
  assert.equal(rows[0]![two.writer]!.wanted, { [one.writer]: { id: 3, points: 5, atMs: NOW, urgent: true } });
  assert.is(rows[0]![one.writer]!.seenDay, 20_000);
});

test('moves nobody may make are refused in code', () => {
  for (const points of [0, -1, 0.5, Number.NaN]) {
    assert.throws(
      () => move(NO_RIGHTS, A, count('earned', points)),
      (error: { code: string }) => error.code === 'DOC_CELL',
    );
  }
  assert.throws(
    () => move(NO_RIGHTS, A, give(A, 1)),
    (error: { code: string }) => error.code === 'DOC_CELL',
  );
});

test('G5 random schedules: nothing negative anywhere, nothing doubled, all agree', () => {
  const SEEDS = 3_000;
  let refused = 0;
  let unavoidable = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = playSchedule(seed);
    assert.equal(outcome.violations, [], `seed ${seed}`);
    refused += outcome.refused;
    unavoidable += outcome.refusedByOmniscient;
  }
  assert.ok(refused > unavoidable && unavoidable > 0, 'the comparison says something');
});

test('G5 rights of a lost device that head office takes over: none made, none doubled, in any schedule', () => {
  const SEEDS = 500;
  for (let seed = 1; seed <= SEEDS; seed++) {
    assert.equal(playSchedule(seed, 'levelled').violations, [], `seed ${seed}`);
  }
  // Why its key is ended only when everybody has heard: otherwise what it gave away unheard is taken a second time.
  const unheard = Array.from({ length: SEEDS }, (_, seed) => playSchedule(seed, 'unheard').violations.length);
  assert.ok(unheard.some((violations) => violations > 0));
});

test('G5 any order of commands: nothing negative anywhere, nothing doubled, all agree', () => {
  const at = fc.nat(3);
  const points = fc.integer({ min: 1, max: 20 });
  const action: fc.Arbitrary<Action> = fc.oneof(
    fc.record({ type: fc.constantFrom('earn' as const, 'spend' as const), at, points }),
    fc.record({ type: fc.constantFrom('plan' as const, 'restart' as const, 'refund' as const), at }),
    fc.record({ type: fc.constantFrom('send' as const, 'part' as const, 'meet' as const), from: at, to: at }),
    fc.record({ type: fc.constant('give' as const), from: at, to: at, points }),
    fc.record({ type: fc.constant('deliver' as const), message: fc.nat(11), keep: fc.boolean() }),
    fc.record({ type: fc.constant('heal' as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60, size: 'max' }), (actions) => {
      const world = new RightsWorld(4);
      for (const each of actions) {
        world.take(each);
      }
      assert.equal(world.conclude().violations, []);
    }),
    { numRuns: 1_500 },
  );
});

test('the program of many schedules says what it found', async () => {
  const program = fileURLToPath(new URL('./rights-schedules.ts', import.meta.url));
  const flags = ['--conditions=source', '--import', 'tsx', program, '50', '7'];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  assert.match(stdout, /^50 schedules, \d+ redemptions, \d+ transfers: 0 violations; refused at once/);
});

test.run();

function count(name: 'earned' | 'returned' | 'spent' | 'owed' | 'expired', points: number): RightsMove {
  return { type: 'count', count: name, points };
}

function give(to: WriterId, points: number): RightsMove {
  return { type: 'give', to, points };
}

function ask(of: WriterId, id: number, points: number, atMs = NOW, urgent = true): RightsMove {
  return { type: 'ask', of, ask: { id, points, atMs, urgent } };
}

function after(rights: Rights, writer: WriterId, step: RightsMove): Rights {
  const moved = move(rights, writer, step);
  if (!moved.ok) {
    throw new Error(`${writer} holds only ${moved.spendable}`);
  }
  return moved.rights;
}

/** The state after everything the plan says. */
function run(rights: Rights, where: RightsSituation): Rights {
  return planRights({ ...where, rights }).reduce((before, step) => after(before, where.self, step), rights);
}

function situation(part: Partial<RightsSituation> & { readonly self: WriterId }): RightsSituation {
  return {
    rights: NO_RIGHTS,
    pool: HQ,
    holders: [A, B, C],
    fenced: [],
    nowMs: NOW,
    connected: true,
    needed: 0,
    reserve: 0,
    assigned: false,
    usedAtMs: undefined,
    expired: false,
    ...part,
  };
}
