/** What a device does again under its next key: totals come out as if nothing had happened, whatever peers knew of it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  doAgain,
  editCustomer,
  foldCustomer,
  loyaltyDoc,
  movePoints,
  moveStock,
  parsePeriod,
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

test.run();
