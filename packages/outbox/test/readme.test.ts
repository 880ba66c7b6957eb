/** What the README says, held against the code. */
import { readFileSync } from 'node:fs';
import { ManualClock, seededRandom } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as breaker from '../src/breaker.ts';
import { ABANDONED_CALLS_MAX } from '../src/delivery-loop.ts';
import * as state from '../src/delivery-state.ts';
import * as facts from '../src/facts.ts';
import { type DeliverAnswer, Outbox, type OutboxFact } from '../src/index.ts';
import * as outboxFile from '../src/outbox.ts';
import { WITNESSES } from '../src/outbox-rows.ts';

const test = suite('readme');
const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const readme = read('README.md');

test('the example runs', async () => {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const level = new MemoryLevel<string, string>();
  const facts: OutboxFact[] = [];
  const sent: string[] = [];
  const shutdown = new AbortController();
  const send = (ref: string, _: AbortSignal): DeliverAnswer => {
    sent.push(ref);
    return { type: 'delivered', proof: 'ticket' };
  };

  const outbox = await Outbox.open({
    level,
    journal: { append: async (records) => void facts.push(...records) },
    deliver: async (job, { signal }) => send(job.ref, signal),
    clock,
    random,
  });
  await outbox.apply(facts.slice(outbox.covered ?? 0), { covered: facts.length });

  const running = outbox.run(shutdown.signal);
  facts.push({ type: 'added', id: 'FN1/17', key: 'FN1', ref: 'receipts/B001#17', addedMs: clock.nowMs() });
  await outbox.apply(facts.slice(-1), { covered: facts.length });

  await clock.advance(0);
  shutdown.abort();
  await running;
  await outbox.close();
  assert.equal(sent, ['receipts/B001#17']);
  assert.equal(
    facts.map((fact) => fact.type),
    ['added', 'delivered'],
  );
});

test('the example of the README is the one that runs', () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  const squeeze = (text: string): string => text.replace(/\/\/.*$/gm, '').replace(/\s+/g, '');
  for (const part of example.split('\n\n')) {
    assert.ok(squeeze(read('test/readme.test.ts')).includes(squeeze(part)), part);
  }
});

test('every error code is in a table, and no other', () => {
  const source = read('src/errors.ts').replace(/\/\*\*[\s\S]*?\*\//g, '');
  const declared = new Set([...source.matchAll(/'([A-Z]+_[A-Z_]+)'/g)].map((match) => match[1]!));
  const documented = [...readme.matchAll(/^\| `((?:OUTBOX|DELIVERY)_[A-Z_]+)`/gm)].map((match) => match[1]!);
  assert.equal([...documented].sort(), [...declared].sort());
});

test('the limits in the table are the limits in the code', () => {
  const numbers: Record<string, number> = {
    KEYS_MAX: outboxFile.KEYS_MAX,
    LANE_WINDOW_JOBS: state.LANE_WINDOW_JOBS,
    SLOTS_DEFAULT: outboxFile.SLOTS_DEFAULT,
    ABANDONED_CALLS_MAX,
    FACTS_WAITING_MAX: outboxFile.FACTS_WAITING_MAX,
    PAGE_JOBS_MAX: outboxFile.PAGE_JOBS_MAX,
    PROOF_CHARS_MAX: facts.PROOF_CHARS_MAX,
    WITNESSES,
  };
  for (const [name, value] of Object.entries(numbers)) {
    const row = readme.split('\n').find((line) => line.startsWith(`| \`${name}\``));
    assert.ok(row?.includes(` ${value.toLocaleString('en-US')} `), name);
  }
  assert.equal(outboxFile.BACKOFF_DEFAULT, { baseMs: 1_000, capMs: 300_000 });
  assert.equal(breaker.BREAKER_DEFAULT, { failuresMax: 5, intervalMs: 30_000 });
  assert.equal([outboxFile.DEADLINE_MS_DEFAULT, state.ABORT_GRACE_MS], [30_000, 10_000]);
  assert.equal([facts.ID_CHARS_MAX, facts.KEY_CHARS_MAX, facts.REF_CHARS_MAX], [200, 200, 1_024]);
});

test.run();
