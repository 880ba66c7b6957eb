import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countStock, type Movement, moveStock, parsePeriod, stockDoc } from '../src/index.ts';
import { movements } from '../src/stock.ts';
import { BranchStock, type SentChange } from './branch-stock.ts';
import { rejection, writerNamed } from './device.ts';

const test = suite('stock');
const [OCT, NOV, DEC] = [parsePeriod('2026-10'), parsePeriod('2026-11'), parsePeriod('2026-12')];

test('on-hand is the sum over devices, and an oversell goes below zero', async () => {
  const [one, two] = [new BranchStock('one'), new BranchStock('two')];
  await two.receive(await one.move(NOV, moveStock('A', 'received', 2000)));
  const sales = await Promise.all([
    one.move(NOV, moveStock('A', 'sold', 2000)),
    two.move(NOV, moveStock('A', 'sold', 1000)),
  ]);
  await one.receive(sales[1]!);
  await two.receive(sales[0]!);
  assert.equal([one.onHand('A'), two.onHand('A')], [-1000, -1000]);
});

test('a recount writes the difference to what was seen, so sales made meanwhile are not lost', async () => {
  const [one, two] = [new BranchStock('one'), new BranchStock('two')];
  await two.receive(await one.move(NOV, moveStock('A', 'received', 10_000)));
  const sale = await two.move(NOV, moveStock('A', 'sold', 3000));
  const count = await one.move(NOV, countStock('A', 9000, one.onHand('A')));
  await one.receive(sale);
  await two.receive(count);
  assert.equal([one.onHand('A'), two.onHand('A')], [6000, 6000]);
});

test('a device carries only itself over, in the change of its first movement', async () => {
  const [one, two] = [new BranchStock('one'), new BranchStock('two')];
  await two.receive(await one.move(OCT, moveStock('A', 'received', 5000), moveStock('B', 'received', 700)));
  await one.receive(await two.move(OCT, moveStock('A', 'sold', 1000)));
  const carried = await one.move(NOV, moveStock('A', 'sold', 500));
  assert.is(carried.doc, stockDoc('B001', NOV));
  assert.equal([one.onHand('A'), one.onHand('B')], [3500, 700]);
  assert.equal(one.rows.get('A')?.writers, {
    [one.device.writer]: { period: NOV, opening: 5000, moved: { sold: 500 } },
    [two.device.writer]: { period: OCT, opening: 0, moved: { sold: 1000 } },
  });
  const late = await two.move(OCT, moveStock('A', 'sold', 200));
  await one.receive(late);
  await two.receive(carried);
  assert.equal(
    [one.onHand('A'), two.onHand('A')],
    [3300, 3300],
    'a late change in the old period still counts',
  );
});

test('a clock that goes back does not take a device back into an older period', async () => {
  const one = new BranchStock('one');
  await one.move(OCT, moveStock('A', 'received', 600));
  await one.move(OCT, moveStock('A', 'received', 400));
  await one.move(NOV, moveStock('A', 'sold', 100));
  const sent = await one.move(OCT, moveStock('A', 'sold', 300));
  assert.is(sent.doc, stockDoc('B001', NOV));
  assert.is(one.onHand('A'), 600);
});

test('a device that was away for years finds itself', async () => {
  const [one, other] = [new BranchStock('one'), new BranchStock('other')];
  await one.move(parsePeriod('2026-01'), moveStock('A', 'received', 1000));
  for (let month = 0; month < 30; month++) {
    const period = parsePeriod(
      `${2026 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`,
    );
    await one.receive(await other.move(period, moveStock('B', 'received', 1)));
  }
  await one.move(parsePeriod('2028-06'), moveStock('A', 'sold', 400));
  assert.equal([one.onHand('A'), one.onHand('B')], [600, 30]);
});

test('a successor takes over what it knew, and what turns up later still counts once', async () => {
  const [old, peer] = [new BranchStock('old'), new BranchStock('peer')];
  const known = await old.move(OCT, moveStock('A', 'received', 1000));
  const late = await old.move(OCT, moveStock('A', 'sold', 400));
  const heir = new BranchStock('heir', [writerNamed('old')]);
  await heir.receive(known);
  const first = await heir.move(OCT, moveStock('A', 'sold', 100));
  assert.is(heir.onHand('A'), 900);
  const november = await heir.move(NOV, moveStock('A', 'sold', 100));
  assert.equal(heir.rows.get('A')?.writers[heir.device.writer], {
    period: NOV,
    opening: 900,
    moved: { sold: 100 },
  });
  assert.is(heir.onHand('A'), 800);
  await heir.receive(late);
  assert.is(heir.onHand('A'), 400);
  const december = await heir.move(DEC, moveStock('A', 'sold', 1));
  assert.is(heir.onHand('A'), 399, 'the late change moved over with the next period');
  await peer.receive(december, november, late, first, known);
  assert.is(peer.onHand('A'), 399);
  const newcomer = new BranchStock('newcomer');
  await newcomer.receive(december);
  assert.is(newcomer.onHand('A'), 399, 'without any older document');
});

test('movements must be whole and in their direction; rows of others are refused', async () => {
  for (const [movement, milli] of [
    ['sold', -1],
    ['received', 0.5],
    ['sent', Number.NaN],
  ] as [Movement, number][]) {
    assert.throws(
      () => moveStock('A', movement, milli),
      (error: { code: string }) => error.code === 'DOC_CELL',
    );
  }
  const one = new BranchStock('one');
  const foreign = one.move(NOV, (cells) => cells.set(`A/${writerNamed('two')}/sold`, 1));
  assert.is((await rejection(foreign)).code, 'DOC_CELL');
});

interface Step {
  readonly actor: number;
  readonly kind: 'move' | 'deliver';
  readonly movement: Movement;
  readonly sku: string;
  readonly milli: number;
  readonly period: number;
  readonly pick: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  actor: fc.nat(3),
  kind: fc.constantFrom('move' as const, 'move' as const, 'deliver' as const),
  movement: fc.constantFrom(...(Object.keys(movements) as Movement[])),
  sku: fc.constantFrom('A', 'B'),
  milli: fc.integer({ min: 1, max: 50 }),
  period: fc.nat(3),
  pick: fc.nat(1000),
});

test('nothing is lost or doubled over roll-overs, late changes and successions, in any order (property)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.infiniteStream(fc.nat(1000)),
      async (steps, dice) => {
        // The fourth device succeeds the third; the third keeps going, as a clone would.
        const names = ['one', 'two', 'old', 'heir'];
        const branches = names.map(
          (name) => new BranchStock(name, name === 'heir' ? [writerNamed('old')] : []),
        );
        const periods = ['2026-09', '2026-10', '2026-11', '2026-12'].map(parsePeriod);
        const sent: SentChange[] = [];
        const expected: Record<string, number> = { A: 0, B: 0 };
        for (const { actor, kind, movement, sku, milli, period, pick } of steps) {
          const branch = branches[actor]!;
          if (kind === 'move') {
            sent.push(await branch.move(periods[period]!, moveStock(sku, movement, milli)));
            expected[sku]! += movements[movement] * milli;
          } else if (sent.length > 0) {
            await branch.receive(sent[pick % sent.length]!);
          }
        }
        const roll = dice[Symbol.iterator]();
        for (const branch of branches) {
          const rest = sent
            .map((change) => ({ change, at: roll.next().value as number }))
            .sort((a, b) => a.at - b.at);
          await branch.receive(...rest.map(({ change }) => change), ...sent.slice(0, 3));
          for (const sku of ['A', 'B']) {
            assert.is(branch.onHand(sku), expected[sku], `${branch.device.writer} ${sku}`);
          }
          const rows = [...branch.rows].sort();
          assert.equal([...(await branch.rebuilt(1))].sort().map(onHandOf), rows.map(onHandOf));
          assert.equal([...(await branch.rebuilt(-1))].sort().map(onHandOf), rows.map(onHandOf));
        }
      },
    ),
    { numRuns: 25 },
  );
});

function onHandOf([sku, row]: [string, { onHandMilli: number }]): [string, number] {
  return [sku, row.onHandMilli];
}

test.run();
