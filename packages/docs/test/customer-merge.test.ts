/** A customer edited in several branches that do not hear of each other: each field merges for itself, the same everywhere. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CustomerEdit,
  editCustomer,
  foldCustomer,
  loyaltyDoc,
  type OfferedChange,
} from '../src/index.ts';
import { Device, sealed } from './device.ts';

const test = suite('customers merge');
const DOC = loyaltyDoc('north', 'C1');
const FIELDS = ['name', 'phone', 'email', 'note'] as const;
const BRANCHES = ['one', 'two', 'three'];

const edits = fc.array(
  fc.record({
    branch: fc.nat(BRANCHES.length - 1),
    field: fc.constantFrom(...FIELDS),
    value: fc.stringMatching(/^[a-z0-9+]{1,6}$/).map(sealed),
  }),
  { minLength: 1, maxLength: 12 },
);

test('a field that one branch edited is as that branch left it; one that several did is as one of them left it, and in conflict (property)', async () => {
  await fc.assert(
    fc.asyncProperty(edits, fc.infiniteStream(fc.nat(1_000)), async (made, dice) => {
      const devices = BRANCHES.map((name) => new Device(name));
      const changes: OfferedChange[] = [];
      /** What each branch said last of a field, before anybody met. */
      const last = new Map<string, Map<number, string>>();
      for (const { branch, field, value } of made) {
        const said = last.get(field) ?? new Map<number, string>();
        if (said.get(branch) === value) continue;
        last.set(field, said.set(branch, value));
        const edit: CustomerEdit = { [field]: value };
        changes.push(await devices[branch]!.commit(DOC, editCustomer('C1', edit)));
      }
      const roll = dice[Symbol.iterator]();
      const rows = [];
      for (const device of devices) {
        const others = changes
          .filter(({ writer }) => writer !== device.writer)
          .map((change) => ({ change, at: roll.next().value as number }))
          .sort((a, b) => a.at - b.at);
        await device.receive(DOC, ...others.map(({ change }) => change));
        rows.push(foldCustomer(undefined, 'C1', await device.documents.cells(DOC)));
      }
      for (const row of rows) assert.equal(row, rows[0]);
      for (const field of FIELDS) {
        const values = [...(last.get(field)?.values() ?? [])];
        assert.ok(values.length === 0 ? rows[0]![field] === '' : values.includes(rows[0]![field]), field);
        assert.is(rows[0]!.conflicts.includes(field), values.length > 1, field);
      }
    }),
    { numRuns: 60 },
  );
});

test('what was known and not touched again stays, whatever others change', async () => {
  const [north, south] = [new Device('north'), new Device('south')];
  await south.receive(
    DOC,
    await north.commit(
      DOC,
      editCustomer('C1', { name: sealed('Anna'), phone: sealed('1'), note: sealed('x') }),
    ),
  );
  const a = await north.commit(DOC, editCustomer('C1', { phone: sealed('2') }));
  const b = await south.commit(DOC, editCustomer('C1', { note: '' }));
  await north.receive(DOC, b);
  await south.receive(DOC, a);
  for (const { documents } of [north, south]) {
    const { name, phone, note, conflicts } = foldCustomer(undefined, 'C1', await documents.cells(DOC));
    assert.equal(
      { name, phone, note, conflicts },
      { name: sealed('Anna'), phone: sealed('2'), note: '', conflicts: [] },
    );
  }
});

test.run();
