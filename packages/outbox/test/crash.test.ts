/**
 * Faults in every order: a world that refuses, fails, hangs and is late, and a power that goes at any step.
 *
 * After each life: nothing lost, nothing completed twice, order kept, one call per key.
 */

import { randomInteger, seededRandom } from 'hlc-ts';
import type { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copyLevel, down, Host, hang, jobs, poison } from './support/host.ts';

const test = suite('crash');

const QUICK = {
  deadlineMs: 1_000,
  backoff: { baseMs: 100, capMs: 2_000 },
  breaker: { failuresMax: 5, intervalMs: 1_000 },
};

/** Every fact agrees with the ledger, and with every other. */
function check(host: Host, label: string): void {
  const added = new Set<string>();
  const final = new Set<string>();
  const steps = new Map<string, number>();
  for (const fact of host.facts) {
    if (fact.type === 'added') {
      added.add(fact.id);
      continue;
    }
    assert.ok(added.has(fact.id), `${label}: ${fact.type} of ${fact.id}, which is not in the log`);
    assert.not(final.has(fact.id), `${label}: ${fact.id} changed after it was final`);
    const step = fact.step ?? 0;
    assert.is(step, (steps.get(fact.id) ?? 0) + 1, `${label}: steps of ${fact.id}`);
    steps.set(fact.id, step);
    if (fact.type === 'delivered') {
      assert.ok(host.ledger.seen.has(fact.id), `${label}: ${fact.id} was never delivered`);
    }
    if (fact.type === 'delivered' || fact.type === 'resolved') final.add(fact.id);
  }
  assert.is(host.ledger.overlaps, 0, `${label}: two calls of one key at a time`);
  for (const [key, ids] of host.ledger.accepted) {
    assert.equal(ids, [...ids].sort(), `${label}: order of ${key}`);
  }
}

/** Until nothing is pending; whatever is in quarantine is put back once its turn came. */
async function finish(host: Host, label: string): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    const { totals } = await host.outbox.report();
    if (totals.pending + totals.quarantined === 0) break;
    for (const job of await host.outbox.quarantined()) await host.outbox.retry(job.id, { by: 'Olga' });
    await host.clock.advance(500);
  }
  const { totals } = await host.outbox.report();
  const added = host.facts.filter((fact) => fact.type === 'added').length;
  assert.equal(
    totals,
    { pending: 0, quarantined: 0, delivered: added, resolved: 0 },
    `${label}: all delivered`,
  );
  assert.is(host.ledger.seen.size, added, `${label}: nothing lost`);
}

/** Six jobs on two keys; the third needs a second try, the fifth a person. */
async function smallDay(cutAt: number, label: string): Promise<number> {
  const host = new Host({ settings: QUICK });
  const tries = new Map<string, number>();
  host.reply = (job) => {
    const tried = (tries.get(job.id) ?? 0) + 1;
    tries.set(job.id, tried);
    if (job.id === 'FN1/00003' && tried === 1) return down();
    if (job.id === 'FN2/00002' && tried === 1) return poison();
    return host.ledger.accept(job);
  };
  let steps = 0;
  let isCut = false;
  let copied: Promise<void> | undefined;
  host.onStep = () => {
    steps += 1;
    if (steps === cutAt) {
      isCut = true;
      copied = host.cut();
    }
  };
  await host.boot();
  host.facts.push(...jobs('FN1', 1, 4), ...jobs('FN2', 1, 2));
  await host.outbox.apply(host.facts, { covered: 6 });
  for (let round = 0; round < 10 && !isCut; round += 1) {
    await host.clock.advance(300);
    for (const job of await host.outbox.quarantined()) {
      // The power may go in the middle of this very act.
      void host.outbox.retry(job.id, { by: 'Olga' }).catch(() => undefined);
    }
  }
  if (isCut) {
    await copied;
    await host.boot();
  }
  await finish(host, label);
  check(host, label);
  await host.stop();
  return steps;
}

test('G7: a power cut at each step of a small day loses nothing and completes nothing twice', async () => {
  const steps = await smallDay(0, 'no cut');
  assert.ok(steps > 20, `${steps} steps`);
  for (let cutAt = 1; cutAt <= steps; cutAt += 1) await smallDay(cutAt, `cut at step ${cutAt} of ${steps}`);
});

for (const policy of ['hold', 'pass'] as const) {
  test(`G7: random days with faults, operators and power cuts, where quarantine means ${policy}`, async () => {
    for (let seed = 1; seed <= 25; seed += 1) await randomDay(seed, policy);
  });
}

async function randomDay(seed: number, policy: 'hold' | 'pass'): Promise<void> {
  const label = `seed ${seed}, ${policy}`;
  const random = seededRandom(seed);
  const settings = { ...QUICK, onQuarantine: () => policy, destinationOf: (key: string) => key.slice(0, 2) };
  const host = new Host({ seed, settings });
  let health = 0.5;
  host.reply = async (job, signal) => {
    const dice = random();
    if (dice < 0.2) await host.clock.sleep(randomInteger(random, 900), { signal });
    const fate = random();
    if (fate < health) return host.ledger.accept(job);
    if (fate < health + (1 - health) * 0.5) return down();
    if (fate < health + (1 - health) * 0.6) return poison();
    if (fate < health + (1 - health) * 0.8) return hang(signal);
    // Arrived, and the answer was lost.
    host.ledger.accept(job);
    return down();
  };
  let older: MemoryLevel<string, string> | undefined;
  let next = 1;
  await host.boot();
  for (let step = 0; step < 60; step += 1) {
    const dice = random();
    if (dice < 0.3) {
      const key = ['FN1', 'FN2', 'erp', 'web'][randomInteger(random, 4)]!;
      const count = 1 + randomInteger(random, 10);
      await host.add(...jobs(key, next, next + count - 1));
      next += count;
    } else if (dice < 0.4) {
      older = await copyLevel(host.level);
    } else if (dice < 0.55) {
      // Rows were never synced: they may be as they were a while ago.
      await host.crash(random() < 0.5 ? older : undefined);
    } else if (dice < 0.6) {
      await host.stop();
      await host.boot();
    } else if (dice < 0.7) {
      const [job] = await host.outbox.quarantined({ limit: 1 });
      if (job !== undefined) await host.outbox.retry(job.id, { by: 'Olga' });
    } else if (dice < 0.75) {
      // The host tells again what it told before.
      await host.outbox.apply(host.facts.slice(randomInteger(random, host.facts.length + 1)));
    } else {
      await host.clock.advance(randomInteger(random, 1_500));
    }
    if (policy === 'hold') check(host, `${label}, step ${step}`);
    const { totals } = await host.outbox.report();
    const sum = totals.pending + totals.quarantined + totals.delivered + totals.resolved;
    assert.is(sum, next - 1, `${label}, step ${step}: nothing dropped`);
  }
  health = 1;
  await finish(host, label);
  // Where a key passes its quarantine by, what a person put back comes late by intention.
  if (policy === 'hold') check(host, label);
  const finals = host.facts.filter((fact) => fact.type === 'delivered');
  assert.is(new Set(finals.map((fact) => fact.id)).size, finals.length, `${label}: each completed once`);
  await host.stop();
}

test.run();
