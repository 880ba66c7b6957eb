import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OutboxError } from '../src/index.ts';
import { down, Host, hang, jobs, poison } from './support/host.ts';

const test = suite('outbox');

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: OutboxError) => error.code,
  );
}

test('G7: jobs of a key are delivered in order, one at a time, and each proof is in the journal', async () => {
  const host = await Host.start();
  await host.add(...jobs('FN1', 1, 30), ...jobs('FN2', 1, 5));
  await host.drain();
  assert.equal(
    host.ledger.accepted.get('FN1'),
    jobs('FN1', 1, 30).map((job) => job.id),
  );
  assert.is(host.ledger.requests, 35);
  assert.is(host.ledger.overlaps, 0);
  const proofs = host.facts.flatMap((fact) => (fact.type === 'delivered' ? [fact.proof] : []));
  assert.is(new Set(proofs).size, 35);
  const { totals, keys } = await host.outbox.report();
  assert.equal(totals, { pending: 0, quarantined: 0, delivered: 35, resolved: 0 });
  assert.equal(keys, []);
  assert.is(host.clock.pendingTimers, 0);
  await host.stop();
});

test('the outcome is durable before the next job of the key starts', async () => {
  const host = await Host.start();
  const log: string[] = [];
  host.onStep = (step) => log.push(step);
  await host.add(...jobs('FN1', 1, 2));
  await host.drain();
  assert.equal(log, ['deliver', 'append', 'appended', 'deliver', 'append', 'appended']);
  await host.stop();
});

test('a job is the same job however often it is added, also long after it was delivered', async () => {
  const host = await Host.start();
  await host.add(...jobs('FN1', 1), ...jobs('FN1', 1));
  await host.drain();
  await host.add(...jobs('FN1', 1));
  await host.crash();
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(60_000);
  assert.is(host.ledger.requests, 1);
  await host.stop();
});

test('an id that comes again with other content is reported, and the first one stands', async () => {
  const host = await Host.start();
  host.reply = (_, signal) => hang(signal);
  await host.add(...jobs('FN1', 1));
  await host.add({ ...jobs('FN1', 1)[0]!, ref: 'another' });
  assert.equal(host.events, [{ type: 'job-conflicted', id: 'FN1/00001' }]);
  assert.is((await host.outbox.job('FN1/00001'))?.ref, 'receipts/B001#1');
  await host.stop();
});

test('a poison document goes into quarantine with the words of the refusal and holds up no other key', async () => {
  const host = await Host.start({ settings: { destinationOf: () => 'ofd' } });
  host.reply = (job) => (job.id === 'FN1/00002' ? poison() : host.ledger.accept(job));
  await host.add(...jobs('FN1', 1, 20), ...jobs('FN2', 1, 20));
  await host.clock.advance(1_000);
  const report = await host.outbox.report();
  assert.equal(report.totals, { pending: 18, quarantined: 1, delivered: 21, resolved: 0 });
  assert.is(report.keys[0]!.phase, 'held');
  assert.is(report.keys[0]!.oldest!.id, 'FN1/00002');
  const [aside] = await host.outbox.quarantined();
  assert.is(aside?.status === 'quarantined' && aside.last.code, 'FLC_FAILED');
  assert.is(host.events.filter((event) => event.type === 'quarantined').length, 1);
  assert.is(host.ledger.requests, 22);
  await host.stop();
});

test('retry puts it back at its old place: the key goes on in order', async () => {
  const host = await Host.start();
  let isFixed = false;
  host.reply = (job) => (job.id === 'FN1/00002' && !isFixed ? poison() : host.ledger.accept(job));
  await host.add(...jobs('FN1', 1, 5));
  await host.clock.advance(1_000);
  isFixed = true;
  await host.outbox.retry('FN1/00002', { by: 'Olga' });
  await host.drain();
  assert.equal(
    host.ledger.accepted.get('FN1'),
    jobs('FN1', 1, 5).map((job) => job.id),
  );
  await host.stop();
});

test('resolve settles it by hand, with a reason, and the key goes on without it', async () => {
  const host = await Host.start();
  host.reply = (job) => (job.id === 'FN1/00002' ? poison() : host.ledger.accept(job));
  await host.add(...jobs('FN1', 1, 3));
  await host.clock.advance(1_000);
  await host.outbox.resolve('FN1/00002', { by: 'Olga', reason: 'corrected by receipt 117' });
  await host.drain();
  assert.equal(host.ledger.accepted.get('FN1'), ['FN1/00001', 'FN1/00003']);
  assert.equal((await host.outbox.report()).totals, {
    pending: 0,
    quarantined: 0,
    delivered: 2,
    resolved: 1,
  });
  const record = host.facts.find((fact) => fact.type === 'resolved');
  assert.is(record?.type === 'resolved' && record.reason, 'corrected by receipt 117');
  await host.stop();
});

test('where order does not matter that much, a key passes its quarantine by', async () => {
  const host = await Host.start({ settings: { onQuarantine: () => 'pass' } });
  let isFixed = false;
  host.reply = (job) => (job.id === 'erp/00001' && !isFixed ? poison() : host.ledger.accept(job));
  await host.add(...jobs('erp', 1, 20));
  await host.drain();
  assert.is(host.ledger.accepted.get('erp')!.length, 19);
  isFixed = true;
  await host.outbox.retry('erp/00001', { by: 'Olga' });
  await host.drain();
  assert.is(host.ledger.accepted.get('erp')!.at(-1), 'erp/00001');
  await host.stop();
});

test('operators get a refusal, not a surprise', async () => {
  const host = await Host.start();
  host.reply = poison;
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(1_000);
  const { outbox } = host;
  assert.is(await codeOf(outbox.retry('nobody', { by: 'Olga' })), 'OUTBOX_JOB_UNKNOWN');
  assert.is(await codeOf(outbox.retry('FN1/00001', { by: ' ' })), 'OUTBOX_REASON_MISSING');
  assert.is(await codeOf(outbox.resolve('FN1/00001', { by: 'Olga', reason: '' })), 'OUTBOX_REASON_MISSING');
  const both = await Promise.all([
    codeOf(outbox.resolve('FN1/00001', { by: 'Olga', reason: 'by hand' })),
    codeOf(outbox.retry('FN1/00001', { by: 'Ivan' })),
  ]);
  assert.equal(both, ['resolved', 'OUTBOX_DECIDING']);
  assert.is(await codeOf(outbox.retry('FN1/00001', { by: 'Ivan' })), 'OUTBOX_NOT_QUARANTINED');
  await host.stop();
});

test('a hang ends at the deadline, is counted and is tried again', async () => {
  const host = await Host.start({ settings: { deadlineMs: 5_000 } });
  host.reply = (_, signal) => hang(signal);
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(4_999);
  assert.is((await host.outbox.report()).keys[0]!.phase, 'delivering');
  await host.clock.advance(1);
  const [key] = (await host.outbox.report()).keys;
  assert.is(key!.phase, 'waiting');
  assert.is(key!.oldest!.attempts, 1);
  assert.is(key!.oldest!.last!.code, 'DELIVERY_DEADLINE');
  host.reply = (job) => host.ledger.accept(job);
  await host.drain();
  await host.stop();
});

test('a deliverer that ignores its signal loses the lease after a grace; its late answer changes nothing', async () => {
  const host = await Host.start({ settings: { deadlineMs: 5_000 } });
  let wake: () => void = () => undefined;
  host.reply = async (job) => {
    host.reply = (next) => host.ledger.accept(next);
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    return host.ledger.accept(job);
  };
  await host.add(...jobs('FN1', 1, 2));
  await host.clock.advance(14_999);
  assert.is((await host.outbox.report()).keys[0]!.phase, 'aborting');
  await host.clock.advance(1);
  assert.ok(host.events.some((event) => event.type === 'call-abandoned'));
  assert.is((await host.outbox.report()).abandonedCalls, 1);
  await host.drain();
  const facts = host.facts.length;
  wake();
  await host.clock.advance(0);
  const { lateAnswers, abandonedCalls, totals } = await host.outbox.report();
  assert.equal([lateAnswers, abandonedCalls, totals.delivered, host.facts.length], [1, 0, 2, facts]);
  await host.stop();
});

test('a proof that comes after the deadline but before the lease is taken back is taken', async () => {
  const host = await Host.start({ settings: { deadlineMs: 5_000 } });
  host.reply = async (job) => {
    await host.clock.sleep(6_000);
    return host.ledger.accept(job);
  };
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(6_000);
  assert.is((await host.outbox.report()).totals.delivered, 1);
  assert.is(host.ledger.requests, 1);
  await host.stop();
});

test('an answer nobody understands, or a fault of our own that stays, goes to a person and not in circles', async () => {
  const host = await Host.start();
  const answers = {
    'a/00001': { type: 'done' },
    'b/00001': { type: 'delivered', proof: 7 },
    'c/00001': { type: 'refused', permanent: true },
    'd/00001': { type: 'failed', retryable: false, cause: new Error('no address') },
  } as Record<string, unknown>;
  host.reply = (job) => answers[job.id] as never;
  await host.add(...['a', 'b', 'c', 'd'].flatMap((key) => jobs(key, 1)));
  await host.clock.advance(1_000);
  const codes = (await host.outbox.quarantined()).map((job) => job.status === 'quarantined' && job.last.code);
  const invalid = 'DELIVERY_ANSWER_INVALID';
  assert.equal(codes, [invalid, invalid, invalid, 'DELIVERY_THREW']);
  await host.stop();
});

test('a deliverer that throws is tried again, under the code it threw', async () => {
  const host = await Host.start();
  host.reply = () => {
    host.reply = (job) => host.ledger.accept(job);
    throw Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });
  };
  await host.add(...jobs('FN1', 1));
  await host.drain();
  const tried = host.facts.find((fact) => fact.type === 'attempted');
  assert.equal(tried?.type === 'attempted' && [tried.code, tried.attempts], ['ECONNREFUSED', 1]);
  await host.stop();
});

test('a dead destination gets one probe per interval; a lively one beside it notices nothing', async () => {
  const settings = { destinationOf: (key: string) => key.slice(0, 2), backoff: { baseMs: 10, capMs: 100 } };
  const host = await Host.start({
    settings: { ...settings, breaker: { failuresMax: 5, intervalMs: 30_000 } },
  });
  let dead = 0;
  host.reply = (job) => {
    if (!job.key.startsWith('FN')) return host.ledger.accept(job);
    dead += 1;
    return down();
  };
  await host.add(...Array.from({ length: 10 }, (_, n) => jobs(`FN${n}`, 1, 3)).flat(), ...jobs('erp', 1, 50));
  await host.clock.advance(1_000);
  assert.is(host.ledger.accepted.get('erp')!.length, 50);
  const opening = dead;
  assert.ok(opening >= 5 && opening <= 5 + 3, `${opening} requests before it opened`);
  await host.clock.advance(8 * 3_600_000);
  assert.ok(dead - opening <= (8 * 3_600_000) / 30_000, `${dead - opening} probes in eight hours`);
  assert.ok(dead - opening >= 900, `${dead - opening} probes in eight hours`);
  host.reply = (job) => host.ledger.accept(job);
  await host.clock.advance(31_000);
  assert.is((await host.outbox.report()).totals.pending, 0);
  await host.stop();
});

test('one job that always hangs cannot keep a recovered destination shut: the probe goes to another key', async () => {
  const settings = { destinationOf: () => 'ofd', deadlineMs: 5_000, backoff: { baseMs: 10, capMs: 100 } };
  const host = await Host.start({
    settings: { ...settings, breaker: { failuresMax: 3, intervalMs: 10_000 } },
  });
  host.reply = (job, signal) => (job.key === 'FN0' ? hang(signal) : down());
  await host.add(...['FN0', 'FN1', 'FN2', 'FN3'].flatMap((key) => jobs(key, 1, 20)));
  await host.clock.advance(60_000);
  host.reply = (job, signal) => (job.key === 'FN0' ? hang(signal) : host.ledger.accept(job));
  await host.clock.advance(60_000);
  assert.equal((await host.outbox.report()).totals, {
    pending: 20,
    quarantined: 0,
    delivered: 60,
    resolved: 0,
  });
  await host.stop();
});

test('an open breaker stays open over a restart, and no longer than an interval', async () => {
  const settings = { backoff: { baseMs: 10, capMs: 100 }, breaker: { failuresMax: 2, intervalMs: 30_000 } };
  const host = await Host.start({ settings });
  host.reply = down;
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(1_000);
  assert.is(host.ledger.requests, 2);
  for (let restart = 0; restart < 10; restart += 1) {
    await host.crash();
    await host.clock.advance(1_000);
  }
  assert.is(host.ledger.requests, 2);
  host.clock.jumpWall(-86_400_000 * 365);
  await host.crash();
  await host.clock.advance(30_000);
  assert.is(host.ledger.requests, 3);
  await host.stop();
});

test('hurry closes the breaker and tries at once what waited; a destination that is still dead opens it again', async () => {
  const settings = {
    backoff: { baseMs: 600_000, capMs: 600_000 },
    breaker: { failuresMax: 1, intervalMs: 600_000 },
  };
  const host = await Host.start({ settings });
  host.reply = () => down();
  await host.add(...jobs('FN1', 1, 2));
  await host.clock.advance(1_000);
  assert.equal([host.ledger.requests, (await host.outbox.report()).destinations[0]!.breaker], [1, 'open']);
  host.outbox.hurry();
  await host.clock.advance(1_000);
  const { attempts, destinations } = await host.outbox.report();
  assert.equal([attempts, destinations[0]!.breaker], [2, 'open']);
  host.reply = (job) => host.ledger.accept(job);
  host.outbox.hurry();
  await host.drain();
  assert.is((await host.outbox.report()).totals.delivered, 2);
  await host.stop();
});

test('attempts count through restarts', async () => {
  const host = await Host.start({ settings: { backoff: { baseMs: 10, capMs: 10 } } });
  const tries: number[] = [];
  host.reply = (job) => {
    tries.push(job.attempt);
    return down();
  };
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(15);
  await host.crash();
  await host.clock.advance(15);
  assert.equal(
    tries,
    tries.map((_, index) => index + 1),
  );
  await host.stop();
});

test('a device that delivers by itself says so: the job is final, and a call under way is told to end', async () => {
  const host = await Host.start();
  const told: string[] = [];
  host.reply = (job, signal) => {
    signal.addEventListener('abort', () => told.push(job.id));
    return job.id === 'FN1/00001' ? hang(signal) : host.ledger.accept(job);
  };
  await host.add(...jobs('FN1', 1, 3));
  await host.clock.advance(0);
  for (const id of ['FN1/00001', 'FN1/00002']) {
    await host.outbox.apply([{ type: 'delivered', id, atMs: host.clock.nowMs(), proof: 'by the device' }]);
  }
  await host.drain();
  assert.equal(told, ['FN1/00001']);
  assert.equal(host.ledger.accepted.get('FN1'), ['FN1/00003']);
  const done = await host.outbox.job('FN1/00001');
  assert.is(done?.status === 'delivered' && done.proof, 'by the device');
  await host.stop();
});

test('news from the device while our own outcome is on its way to the journal: one of them counts, the key goes on', async () => {
  for (const ours of ['delivered', 'down', 'poison'] as const) {
    const host = await Host.start();
    let isTold = false;
    host.reply = (job) => {
      if (job.id !== 'FN1/00001' || ours === 'delivered') return host.ledger.accept(job);
      return ours === 'down' ? down() : poison();
    };
    host.onStep = (step) => {
      if (step !== 'appended' || isTold) return;
      isTold = true;
      void host.outbox.apply([{ type: 'delivered', id: 'FN1/00001', atMs: 1, proof: 'by the device' }]);
    };
    await host.add(...jobs('FN1', 1, 3));
    await host.drain();
    const done = await host.outbox.job('FN1/00001');
    assert.is(done?.status === 'delivered' && done.proof, 'by the device', ours);
    assert.equal((await host.outbox.report()).totals, {
      pending: 0,
      quarantined: 0,
      delivered: 3,
      resolved: 0,
    });
    await host.stop();
  }
});

test('stopping ends the calls under way, counts no attempt, and keeps what was delivered at the last moment', async () => {
  const host = await Host.start();
  host.reply = async (job, signal) => {
    if (job.key === 'FN1') return hang(signal);
    await hang(signal).catch(() => undefined);
    return host.ledger.accept(job);
  };
  await host.add(...jobs('FN1', 1), ...jobs('FN2', 1));
  await host.clock.advance(100);
  await host.stop();
  assert.equal(
    host.facts.map((fact) => fact.type),
    ['added', 'added', 'delivered'],
  );
  assert.is(host.clock.pendingTimers, 0);
  await host.boot({ run: false });
  assert.is((await host.outbox.job('FN1/00001'))?.attempts, 0);
});

test('a journal that does not take an outcome stops everything; the restart delivers again and completes once', async () => {
  const host = await Host.start();
  host.failAppends = true;
  await host.add(...jobs('FN1', 1, 3));
  await host.clock.advance(1_000);
  assert.is(await codeOf(host.running), 'OUTBOX_JOURNAL_FAILED');
  assert.is(host.ledger.requests, 1);
  host.failAppends = false;
  await host.crash();
  await host.drain();
  assert.is(host.ledger.repeats, 1);
  assert.is(host.facts.filter((fact) => fact.type === 'delivered').length, 3);
  await host.stop();
});

test('after the journal has failed once, nothing more is given to it and nothing more is delivered', async () => {
  const host = await Host.start();
  let appends = 0;
  host.onStep = (step) => {
    if (step === 'append') appends += 1;
    host.failAppends = true;
  };
  host.reply = async (job) => {
    await host.clock.sleep(job.key === 'FN1' ? 100 : 200);
    return host.ledger.accept(job);
  };
  await host.add(...jobs('FN1', 1, 2), ...jobs('FN2', 1, 2));
  await host.clock.advance(10_000);
  assert.is(await codeOf(host.running), 'OUTBOX_JOURNAL_FAILED');
  assert.equal([appends, host.ledger.requests], [1, 2]);
});

test('destinations take turns: a hundred keys of one do not keep the other waiting', async () => {
  const settings = { destinationOf: (key: string) => key.slice(0, 2), slots: 1 };
  const host = await Host.start({ settings });
  const order: string[] = [];
  host.reply = async (job) => {
    order.push(job.key.slice(0, 2));
    await host.clock.sleep(10);
    return host.ledger.accept(job);
  };
  await host.add(...Array.from({ length: 100 }, (_, n) => jobs(`FN${n}`, 1)).flat(), ...jobs('erp', 1, 5));
  await host.drain();
  assert.equal(order.slice(0, 8).join(' '), 'FN er FN er FN er FN er');
  await host.stop();
});

test('rows that cannot be written stop everything: OUTBOX_ROWS_FAILED', async () => {
  const host = await Host.start();
  host.reply = (job) => {
    void host.level.close();
    return host.ledger.accept(job);
  };
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(1_000);
  assert.is(await codeOf(host.running), 'OUTBOX_ROWS_FAILED');
});

test('ages count from when the job came about, and a clock that steps back makes nothing younger', async () => {
  const host = await Host.start();
  host.reply = (_, signal) => hang(signal);
  await host.add(...jobs('FN1', 1, 3));
  await host.clock.advance(5 * 86_400_000);
  const age = async (): Promise<number> => (await host.outbox.report()).keys[0]!.oldest!.ageMs;
  assert.is(await age(), 5 * 86_400_000);
  host.clock.jumpWall(-4 * 86_400_000);
  assert.is(await age(), 5 * 86_400_000);
  await host.crash();
  // What was written last before the restart is known to have been later than the clock says now.
  assert.ok((await age()) > 5 * 86_400_000 - 600_000, `${await age()}`);
  await host.stop();
});

test('closed is closed, and run runs once', async () => {
  const host = await Host.start();
  assert.is(await codeOf(host.outbox.run(new AbortController().signal)), 'OUTBOX_RUNNING');
  await host.stop();
  assert.is(await codeOf(host.outbox.apply([])), 'OUTBOX_CLOSED');
  assert.is(await codeOf(host.outbox.report()), 'OUTBOX_CLOSED');
  await host.outbox.close();
});

test('jobs can be paged through', async () => {
  const host = new Host({ settings: { onQuarantine: () => 'pass' } });
  await host.boot();
  host.reply = (job) => (Number(job.id.slice(-1)) % 2 === 0 ? poison() : host.ledger.accept(job));
  await host.add(...jobs('a', 1, 6), ...jobs('b', 1, 4));
  await host.drain();
  const page = await host.outbox.quarantined({ limit: 3 });
  const rest = await host.outbox.quarantined({ after: page.at(-1)!, limit: 3 });
  assert.equal(
    [...page, ...rest].map((job) => job.id),
    ['a/00002', 'a/00004', 'a/00006', 'b/00002', 'b/00004'],
  );
  assert.equal(await host.outbox.pending('a'), []);
  await host.stop();
});

test('a fault on this side is tried again and says nothing about the destination', async () => {
  const host = await Host.start({ settings: { breaker: { failuresMax: 2, intervalMs: 60_000 } } });
  host.reply = () => ({ type: 'failed', retryable: true, ours: true, cause: { code: 'LINE' } });
  await host.add(...jobs('FN1', 1));
  await host.clock.advance(60_000);
  const { destinations, keys, totals } = await host.outbox.report();
  assert.is(destinations[0]!.breaker, 'closed');
  assert.ok(keys[0]!.oldest!.attempts > 3);
  assert.is(totals.quarantined, 0);
  host.reply = (job) => host.ledger.accept(job);
  await host.drain();
  await host.stop();
});

test.run();
