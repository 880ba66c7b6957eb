import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CustomerIndex, cellKey, editCustomer, foldCustomer, loyaltyDoc, movePoints } from '../src/index.ts';
import { Device, sealed, writerNamed } from './device.ts';

const test = suite('loyalty');
const DOC = loyaltyDoc('north', 'C1');

test('points credited in two branches at once both count, and a refund takes its own back', async () => {
  const [north, south] = [new Device('north'), new Device('south')];
  const a = await north.commit(
    DOC,
    editCustomer('C1', { name: sealed('Анна') }),
    movePoints('C1', 'earned', 50),
  );
  const b = await south.commit(DOC, movePoints('C1', 'earned', 70), movePoints('C1', 'reversed', 20));
  await north.receive(DOC, b);
  await south.receive(DOC, a);
  const rows = await Promise.all(
    [north, south].map(async ({ documents }) => foldCustomer(undefined, 'C1', await documents.cells(DOC))),
  );
  assert.equal(rows[0], rows[1]);
  assert.equal(JSON.parse(JSON.stringify(rows[0])), {
    id: 'C1',
    name: sealed('Анна'),
    phone: '',
    email: '',
    note: '',
    retired: false,
    rights: {
      [north.writer]: row({ earned: 50 }),
      [south.writer]: row({ earned: 70, reversed: 20 }),
    },
    balance: 100,
    conflicts: [],
  });
});

test('profile fields merge one by one; a conflict is visible and goes with the next edit', async () => {
  const [north, south] = [new Device('north'), new Device('south')];
  const a = await north.commit(DOC, editCustomer('C1', { phone: sealed('+7900'), email: sealed('a@x') }));
  const b = await south.commit(DOC, editCustomer('C1', { phone: sealed('+7911'), note: sealed('vip') }));
  const first = await north.receive(DOC, b);
  let row = foldCustomer(
    foldCustomer(undefined, 'C1', await north.documents.cells(DOC)),
    'C1',
    first.patches,
  );
  assert.equal([row.email, row.note, row.conflicts], [sealed('a@x'), sealed('vip'), ['phone']]);
  await south.receive(DOC, a);
  const { patches } = await north.change(DOC, editCustomer('C1', { phone: sealed('+7922') }));
  row = foldCustomer(row, 'C1', patches);
  assert.equal([row.phone, row.conflicts], [sealed('+7922'), []]);
});

test('points are whole, never negative, and written only by their writer', async () => {
  for (const points of [-1, 0.5, Number.NaN]) {
    assert.throws(
      () => movePoints('C1', 'earned', points),
      (error: { code: string }) => error.code === 'DOC_CELL',
    );
  }
  const evil = new Device('evil');
  const theirs = cellKey('C1', 'earned', writerNamed('north'));
  try {
    await evil.change(DOC, (cells) => cells.set(theirs, 1_000_000));
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, 'DOC_CELL');
  }
});

test('customers are found by beginnings of words, by phone and by its last digits', () => {
  const index = new CustomerIndex();
  const anna = foldCustomer(undefined, 'C1', [
    { key: 'C1/name', value: 'Анна Семёнова', conflict: false },
    { key: 'C1/phone', value: '+7 (900) 123-45-67', conflict: false },
    { key: 'C1/email', value: 'anna@example.org', conflict: false },
  ]);
  index.put(anna);
  index.put(foldCustomer(undefined, 'C2', [{ key: 'C2/name', value: 'Иван', conflict: false }]));
  for (const query of ['анн', 'семен', '7900', '4567', '1234567', 'anna@ex', 'c1']) {
    assert.equal(index.search(query, 10), ['C1'], query);
  }
  index.put({ ...anna, retired: true });
  assert.equal([index.search('анна', 10), index.size], [[], 1]);
});

test.run();

function row(counts: object): object {
  return { counts, moved: {}, taken: {}, wanted: {}, answered: {}, seenDay: 0 };
}
