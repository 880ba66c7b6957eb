import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OutboxFact } from '../src/facts.ts';
import { foldFact, isConflict, type StoredJob } from '../src/job-history.ts';

const test = suite('job-history');

const added = { type: 'added', id: 'a', key: 'FN1', ref: 'r', addedMs: 1 } as const;

type Kind = OutboxFact['type'];

function fact(type: Kind, step: number): OutboxFact {
  if (type === 'added') return added;
  const base = { id: 'a', step, atMs: step };
  switch (type) {
    case 'attempted':
    case 'quarantined':
      return { ...base, type, attempts: step, code: 'C', words: 'w' };
    case 'delivered':
      return { ...base, type, proof: `p${step}` };
    case 'retried':
      return { ...base, type, by: 'Olga' };
    case 'resolved':
      return { ...base, type, by: 'Olga', reason: 'why' };
  }
}

function fold(facts: readonly OutboxFact[], row?: StoredJob): StoredJob | undefined {
  return facts.reduce<StoredJob | undefined>((state, next) => foldFact(state, next, 5), row);
}

const ROWS: Record<string, StoredJob | undefined> = {
  unknown: undefined,
  foretold: fold([fact('delivered', 1)]),
  pending: fold([added]),
  quarantined: fold([added, fact('quarantined', 1)]),
  delivered: fold([added, fact('delivered', 1)]),
  resolved: fold([added, fact('quarantined', 1), fact('resolved', 2)]),
};

const FINAL = (status: string): Record<Kind, string> => ({
  added: status,
  attempted: status,
  delivered: status,
  quarantined: status,
  retried: status,
  resolved: status,
});

const TABLE: Record<keyof typeof ROWS, Record<Kind, string>> = {
  unknown: { ...FINAL('unknown'), added: 'pending', delivered: 'foretold' },
  foretold: { ...FINAL('foretold'), added: 'delivered' },
  pending: {
    added: 'pending',
    attempted: 'pending',
    delivered: 'delivered',
    quarantined: 'quarantined',
    retried: 'pending',
    resolved: 'resolved',
  },
  quarantined: {
    added: 'quarantined',
    attempted: 'quarantined',
    delivered: 'delivered',
    quarantined: 'quarantined',
    retried: 'pending',
    resolved: 'resolved',
  },
  delivered: FINAL('delivered'),
  resolved: FINAL('resolved'),
};

for (const [name, row] of Object.entries(TABLE)) {
  test(`what each fact does to a job that is ${name}`, () => {
    for (const [kind, expected] of Object.entries(row)) {
      const next = foldFact(ROWS[name], fact(kind as Kind, 9), 5);
      assert.is(next?.status ?? 'unknown', expected, `${name} + ${kind}`);
      const isSame = expected === name && (kind === 'added' || ['delivered', 'resolved'].includes(name));
      if (isSame) assert.is(next, ROWS[name], `${name} + ${kind} changes nothing`);
    }
  });
}

test('an old step changes nothing', () => {
  const now = fold([added, fact('quarantined', 1), fact('retried', 2)]);
  assert.is(foldFact(now, fact('quarantined', 1), 5), now);
  assert.is(foldFact(now, fact('retried', 2), 5), now);
});

test('the same id with another key or ref is a conflict; before it was added there is nothing to conflict with', () => {
  assert.not(isConflict(ROWS.pending, added));
  assert.ok(isConflict(ROWS.delivered, { ...added, ref: 'other' }));
  assert.ok(isConflict(ROWS.pending, { ...added, key: 'FN2' }));
  assert.not(isConflict(ROWS.foretold, { ...added, key: 'FN2' }));
});

test('feeding any tail of a history again changes nothing', () => {
  const random = seededRandom(11);
  for (let run = 0; run < 2_000; run += 1) {
    const history: OutboxFact[] = [added];
    const kinds: Kind[] = ['attempted', 'attempted', 'quarantined', 'retried', 'delivered', 'resolved'];
    for (let step = 1; step <= randomInteger(random, 8); step += 1) {
      history.push(fact(kinds[randomInteger(random, kinds.length)]!, step));
    }
    const whole = fold(history);
    let state = whole;
    for (const again of history.slice(randomInteger(random, history.length))) {
      state = foldFact(state, again, 99);
      assert.is(state, whole, `run ${run}`);
    }
  }
});

test.run();
