/** What a device does again under its next key: totals come out as if nothing had happened, whatever peers knew of it. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  debtOf,
  doAgain,
  editCustomer,
  foldCustomer,
  lastSeenDay,
  loyaltyDoc,
  type Mutator,
  move,
  movePoints,
  moveRights,
  moveStock,
  type OfferedChange,
  parsePeriod,
  type RightsCount,
  type RightsMove,
  rightsOf,
  valueLeft,
  type WriterId,
} from '../src/index.ts';
import { BranchStock, type SentChange } from './branch-stock.ts';
import { cellsOf, Device, sealed, writerNamed } from './device.ts';

const test = suite('succession');
const [OCT, NOV] = [parsePeriod('2026-10'), parsePeriod('2026-11')];
const copyOf = async (name: string, history: readonly SentChange[]): Promise<BranchStock> => {
  const copy = new BranchStock(name);
  await copy.receive(...history);
  return copy;
};

test('two copies of a device sell; what only one of them sold is done again by its successor, also across a month', async () => {
  const first = new BranchStock('one');
  const common = [await first.move(OCT, moveStock('A', 'received', 9000), moveStock('B', 'received', 500))];
  const copy = await copyOf('one', common);
  const known = [await first.move(OCT, moveStock('A', 'sold', 1000))];
  const alone = [
    await copy.move(OCT, moveStock('A', 'sold', 200)),
    await copy.move(NOV, moveStock('A', 'sold', 30), moveStock('B', 'adjusted', -7)),
  ];
  const old = writerNamed('one') as WriterId;
  const next = new BranchStock('two', [old]);
  await next.receive(...common);
  const again = [];
  for (const { doc, change } of alone) {
    const effects = await copy.device.documents.effectOf(doc, [change]);
    again.push(doAgain(doc, effects!));
  }
  const said = await next.move(NOV, ...again);
  await next.receive(...known);
  assert.equal([next.onHand('A'), next.onHand('B')], [9000 - 1000 - 200 - 30, 493]);
  const peer = new BranchStock('three');
  await peer.receive(...common, ...known, said);
  assert.equal([peer.onHand('A'), peer.onHand('B')], [7770, 493]);
  assert.equal((await next.rebuilt()).get('A')?.onHandMilli, 7770);
});

test('points are credited again, a profile is set to what it was set to', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const [copy, next] = [new Device('one'), new Device('two')];
  const common = await copy.commit(
    doc,
    movePoints('anna', 'earned', 5),
    editCustomer('anna', { name: sealed('A') }),
  );
  const alone = [
    await copy.commit(doc, movePoints('anna', 'earned', 7)),
    await copy.commit(doc, editCustomer('anna', { name: sealed('Anna') })),
    await copy.commit(doc, movePoints('anna', 'earned', 1)),
  ];
  const effects = await copy.documents.effectOf(doc, alone);
  await next.receive(doc, common);
  await next.commit(doc, doAgain(doc, effects!));
  const row = foldCustomer(undefined, 'anna', await cellsOf(next, doc));
  assert.equal([row.name, row.balance], [sealed('Anna'), 13]);
  const nothing = await next.documents.effectOf(doc, alone);
  assert.is(nothing, undefined, 'a document that does not hold them cannot tell');
});

test('an old debt that only one copy paid is paid once, whether the other copy paid it too or not', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const step = (move: RightsMove): Mutator => moveRights('anna', move);
  const count = (name: RightsCount, points: number): Mutator => step({ type: 'count', count: name, points });
  const old = writerNamed('one') as WriterId;
  for (const alsoPaidThere of [false, true]) {
    const [first, copy, shop, next] = ['one', 'one', 'shop', 'two'].map((name) => new Device(name)) as [
      Device,
      Device,
      Device,
      Device,
    ];
    const common = [
      await first.commit(doc, count('earned', 10), count('spent', 10), count('owed', 4)),
      await shop.commit(doc, count('earned', 9), step({ type: 'give', to: old, points: 6 })),
    ];
    await first.receive(doc, common[1]!);
    await copy.receive(doc, ...common);
    // The copy pays 4 old points and one new one, and owes two more.
    const alone = await copy.commit(doc, count('owed', 3), count('reversed', 5));
    const effects = await copy.documents.effectOf(doc, [alone]);
    await next.receive(doc, ...common);
    if (alsoPaidThere) {
      await next.receive(doc, await first.commit(doc, count('reversed', 4)));
    }
    await next.commit(doc, doAgain(doc, effects!));
    const { rights, balance } = foldCustomer(undefined, 'anna', await cellsOf(next, doc));
    // Earned 19, spent 10, taken back 7, of which 2 are still owed.
    assert.is(balance, 2, 'what is left is what was earned, less what was spent and what refunds took back');
    assert.equal([debtOf(rights, old), debtOf(rights, next.writer)], alsoPaidThere ? [0, 0] : [4, 0]);
  }
});

/** What a till may do to an account; `owed` needs nothing, the rest what it holds. */
const anyStep = fc.record({
  kind: fc.constantFrom(
    'earned' as const,
    'spent' as const,
    'owed' as const,
    'reversed' as const,
    'give' as const,
  ),
  points: fc.integer({ min: 1, max: 9 }),
});
const anySteps = fc.array(anyStep, { maxLength: 6 });

test('G5 whatever two copies earned, spent, owed, paid and gave away: the balance is what everybody did, on every device', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const shop = writerNamed('shop') as WriterId;
  type Steps = readonly {
    readonly kind: 'earned' | 'spent' | 'owed' | 'reversed' | 'give';
    readonly points: number;
  }[];
  const property = fc.asyncProperty(anySteps, anySteps, anySteps, async (common, known, alone) => {
    let truth = 20;
    /** Commits as much of the steps as this device may take. */
    const act = async (device: Device, steps: Steps): Promise<OfferedChange[]> => {
      let { rights } = foldCustomer(undefined, 'anna', await cellsOf(device, doc));
      const taken: Mutator[] = [];
      for (const { kind, points: wanted } of steps) {
        const most = kind === 'reversed' ? debtOf(rights, device.writer) : wanted;
        const points = Math.min(wanted, most);
        const step: RightsMove =
          kind === 'give' ? { type: 'give', to: shop, points } : { type: 'count', count: kind, points };
        const moved = points > 0 ? move(rights, device.writer, step) : undefined;
        if (moved?.ok) {
          rights = moved.rights;
          taken.push(moveRights('anna', step));
          truth += { earned: points, spent: -points, owed: -points, reversed: 0, give: 0 }[kind];
        }
      }
      return taken.length === 0 ? [] : [await device.commit(doc, ...taken)];
    };
    const [first, copy, next, peer] = ['one', 'one', 'two', 'peer'].map((name) => new Device(name)) as [
      Device,
      Device,
      Device,
      Device,
    ];
    const start = [await first.commit(doc, movePoints('anna', 'earned', 20)), ...(await act(first, common))];
    await copy.receive(doc, ...start);
    const there = await act(first, known);
    const here = await act(copy, alone);
    const effects = here.length === 0 ? [] : await copy.documents.effectOf(doc, here);
    await next.receive(doc, ...start, ...there);
    const again = await next.change(doc, doAgain(doc, effects!), movePoints('anna', 'earned', 1));
    next.append(doc, { writer: next.writer, bytes: again.bytes });
    next.documents.settle([again]);
    await peer.receive(doc, ...start, ...there, { writer: next.writer, bytes: again.bytes });
    for (const device of [next, peer]) {
      const { rights, balance } = foldCustomer(undefined, 'anna', await cellsOf(device, doc));
      assert.is(balance, Math.max(0, truth + 1));
      const held = Object.keys({ ...rights, [shop]: 0 }).map((writer) => rightsOf(rights, writer));
      assert.is(
        valueLeft(rights),
        held.reduce((sum, each) => sum + each, 0),
      );
    }
  });
  await fc.assert(property, { numRuns: 40 });
});

test('the day a customer was last seen is the later one, however often it is said again', async () => {
  const doc = loyaltyDoc('main', 'anna');
  const see = (day: number): Mutator => moveRights('anna', { type: 'see', day });
  const [copy, next] = [new Device('one'), new Device('two')];
  const common = await copy.commit(doc, see(20_000));
  const effects = await copy.documents.effectOf(doc, [await copy.commit(doc, see(20_007))]);
  await next.receive(doc, common);
  await next.commit(doc, see(20_003));
  await next.commit(doc, doAgain(doc, effects!));
  const { rights } = foldCustomer(undefined, 'anna', await cellsOf(next, doc));
  assert.is(lastSeenDay(rights), 20_007);
});

test.run();
