import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ABANDONED_CALLS_MAX } from '../src/delivery-loop.ts';
import { ABORT_GRACE_MS } from '../src/delivery-state.ts';
import {
  assertJob,
  cutWords,
  ID_CHARS_MAX,
  KEY_CHARS_MAX,
  PROOF_CHARS_MAX,
  REF_CHARS_MAX,
  WORDS_CHARS_MAX,
} from '../src/facts.ts';
import type { JobAdded, OutboxError } from '../src/index.ts';
import { FACTS_PER_BATCH, FACTS_WAITING_MAX, KEYS_MAX, PAGE_JOBS_MAX as PAGE_MAX } from '../src/outbox.ts';
import { WITNESSES } from '../src/outbox-rows.ts';
import { copyLevel, Host, hang, jobs, poison } from './support/host.ts';

const test = suite('limits');

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: OutboxError) => error.code,
  );
}

test('names, refs and times that cannot be stored are refused before they are durable: OUTBOX_FACT_INVALID', async () => {
  const [sound] = jobs('FN1', 1);
  assertJob({ ...sound!, id: 'i'.repeat(ID_CHARS_MAX), key: 'k'.repeat(KEY_CHARS_MAX), ref: '' });
  const wrong: Partial<JobAdded>[] = [
    { id: '' },
    { id: 'i'.repeat(ID_CHARS_MAX + 1) },
    { id: 'a\u0000b' },
    { id: '\ud800' },
    { key: 'k'.repeat(KEY_CHARS_MAX + 1) },
    { key: 'FN1\n' },
    { ref: 'r'.repeat(REF_CHARS_MAX + 1) },
    { addedMs: Number.NaN },
  ];
  for (const part of wrong) {
    assert.throws(
      () => assertJob({ ...sound!, ...part }),
      (error: OutboxError) => error.code === 'OUTBOX_FACT_INVALID',
    );
  }
  const host = await Host.start();
  assert.is(await codeOf(host.outbox.apply([sound!, { ...sound!, id: '' }])), 'OUTBOX_FACT_INVALID');
  assert.is(await host.outbox.job(sound!.id), undefined);
  await host.add(sound!);
  await host.drain();
  await host.stop();
});

test('words are cut, a proof that is too long is a fault of the deliverer', async () => {
  assert.is(cutWords('w'.repeat(WORDS_CHARS_MAX + 1)).length, WORDS_CHARS_MAX);
  const host = await Host.start();
  host.reply = () => ({ type: 'delivered', proof: 'p'.repeat(PROOF_CHARS_MAX + 1) });
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(1_000);
  assert.is((await host.outbox.report()).totals.quarantined, 1);
  await host.stop();
});

test('KEYS_MAX keys with unfinished jobs, and not one more', async () => {
  const host = new Host();
  await host.boot({ run: false });
  await host.add(...Array.from({ length: KEYS_MAX }, (_, n) => jobs(`K${n}`, 1)).flat());
  assert.is(await codeOf(host.outbox.apply(jobs('one more', 1))), 'OUTBOX_KEYS_FULL');
  await host.outbox.apply(jobs('K7', 2));
  assert.is((await host.outbox.report()).totals.pending, KEYS_MAX + 1);
  await host.outbox.close();
});

test('a host that does not wait is told so: OUTBOX_OVERRUN', async () => {
  const host = new Host();
  await host.boot({ run: false });
  const many = jobs('FN1', 1, FACTS_WAITING_MAX - 1);
  const first = host.outbox.apply(many);
  const second = host.outbox.apply(jobs('FN2', 1));
  assert.is(await codeOf(host.outbox.apply(jobs('FN2', 2))), 'OUTBOX_OVERRUN');
  await Promise.all([first, second]);
  await host.outbox.apply(jobs('FN2', 2));
  await host.outbox.close();
});

test('a long tail is applied in batches of FACTS_PER_BATCH; the position moves with the last', async () => {
  const host = new Host();
  await host.boot({ run: false });
  const batches: number[] = [];
  host.level.on('write', (operations) => {
    const added = operations.filter(({ key }: { key: string }) => key.includes('!jFN1/')).length;
    if (added > 0) batches.push(added);
  });
  await host.add(...jobs('FN1', 1, FACTS_PER_BATCH + 1));
  assert.equal(batches, [FACTS_PER_BATCH, 1]);
  assert.is(host.outbox.covered, FACTS_PER_BATCH + 1);
  await host.outbox.close();
});

test('a page has PAGE_JOBS_MAX jobs at most', async () => {
  const host = new Host();
  await host.boot({ run: false });
  await host.add(...jobs('FN1', 1, PAGE_MAX + 1));
  assert.is((await host.outbox.pending('FN1', { limit: 1e9 })).length, PAGE_MAX);
  assert.is((await host.outbox.pending('FN1', { limit: 0 })).length, 1);
  await host.outbox.close();
});

test('slots: so many deliveries at once, and so many of them at one destination', async () => {
  const settings = { slots: 6, slotsPerDestination: 2, destinationOf: (key: string) => key.slice(0, 1) };
  const host = await Host.start({ settings });
  host.reply = (_, signal) => hang(signal);
  await host.add(
    ...['a', 'b', 'c', 'd'].flatMap((name) =>
      jobs(`${name}1`, 1).concat(jobs(`${name}2`, 1), jobs(`${name}3`, 1)),
    ),
  );
  await host.clock.advance(10);
  const { destinations } = await host.outbox.report();
  assert.equal(destinations.map(({ inFlight }) => inFlight).sort(), [0, 2, 2, 2]);
  await host.stop();
});

test('ABANDONED_CALLS_MAX calls that never end are borne, one more stops the outbox: OUTBOX_DELIVER_STUCK', async () => {
  const host = await Host.start({ settings: { deadlineMs: 1_000, slots: 200 } });
  host.reply = () => new Promise(() => undefined);
  await host.add(...Array.from({ length: ABANDONED_CALLS_MAX }, (_, n) => jobs(`K${n}`, 1)).flat());
  await host.clock.advance(1_000 + ABORT_GRACE_MS);
  assert.is((await host.outbox.report()).abandonedCalls, ABANDONED_CALLS_MAX);
  await host.clock.advance(2_000 + ABORT_GRACE_MS * 2);
  assert.is(await codeOf(host.running), 'OUTBOX_DELIVER_STUCK');
});

test('rows with a gap, of another version or unreadable are not trusted: everything is fed again', async () => {
  for (const harm of ['gap', 'version', 'garbage'] as const) {
    const host = await Host.start();
    host.reply = (job) => (job.id === 'FN1/00003' ? poison() : host.ledger.accept(job));
    await host.add(...jobs('FN1', 1, 2));
    await host.add(...jobs('FN1', 3, 6));
    await host.clock.advance(1_000);
    const rows = await copyLevel(host.level);
    const entries = await rows.iterator().all();
    const key = (suffix: string): string => entries.find(([name]) => name.endsWith(suffix))![0];
    if (harm === 'gap')
      await rows.batch([
        { type: 'del', key: key('!w2') },
        { type: 'del', key: key('!jFN1/00003') },
      ]);
    if (harm === 'version') await rows.put(key('!m'), '{"version":0}');
    if (harm === 'garbage') await rows.put(key('!m'), '{"version":');
    await host.cut(rows);
    await host.boot({ run: false });
    assert.equal(
      (await host.outbox.report()).totals,
      { pending: 3, quarantined: 1, delivered: 2, resolved: 0 },
      harm,
    );
    await host.outbox.close();
  }
});

test('more batches than WITNESSES: the oldest ones are not asked for any more', async () => {
  const host = new Host();
  await host.boot({ run: false });
  for (let at = 1; at <= WITNESSES + 10; at += 1) await host.outbox.apply([], { covered: at });
  await host.outbox.close();
  host.facts.length = 0;
  await host.boot({ run: false });
  assert.is(host.outbox.covered, WITNESSES + 10);
  await host.outbox.close();
});

test('rebuild forgets the rows, and the facts bring back the same', async () => {
  const host = await Host.start({ settings: { onQuarantine: () => 'pass' } });
  host.reply = (job) => (job.id.endsWith('2') ? poison() : host.ledger.accept(job));
  await host.add(...jobs('FN1', 1, 25));
  await host.drain();
  await host.outbox.resolve('FN1/00012', { by: 'Olga', reason: 'by hand' });
  const before = await host.outbox.report();
  await host.stop();
  host.level = new MemoryLevel();
  await host.boot();
  const { attempts, ...after } = await host.outbox.report();
  assert.equal(after.totals, before.totals);
  assert.is(attempts, 0);
  await host.stop();
});

test.run();
