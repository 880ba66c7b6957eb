import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { down, Host, hang, jobs } from './support/host.ts';

const test = suite('ten-thousand');

const KEYS = 10;
const JOBS_PER_KEY = 1_000;
const RESTARTS = 12;

test('G7: 10000 receipts of ten FNs, 30 % failures, hangs and a dozen power cuts: each acknowledged once, in order per FN', async () => {
  const random = seededRandom(30);
  const settings = {
    destinationOf: () => 'ofd',
    slotsPerDestination: KEYS,
    deadlineMs: 10_000,
    backoff: { baseMs: 200, capMs: 10_000 },
    breaker: { failuresMax: 8, intervalMs: 5_000 },
  };
  const host = await Host.start({ seed: 30, settings });
  let failures = 0;
  let hangs = 0;
  host.reply = async (job, signal) => {
    if (random() < 0.01) {
      hangs += 1;
      return hang(signal);
    }
    if (random() < 0.3) {
      failures += 1;
      // Every other one had arrived: the destination sees it again and must take it as once.
      if (random() < 0.5) host.ledger.accept(job);
      return down();
    }
    return host.ledger.accept(job);
  };
  const receipts = Array.from({ length: KEYS }, (_, n) => jobs(`FN${n}`, 1, JOBS_PER_KEY)).flat();
  const share = receipts.length / RESTARTS;
  let restarts = 0;
  await host.add(...receipts);
  for (;;) {
    const { delivered, pending } = (await host.outbox.report()).totals;
    if (pending === 0) break;
    if (delivered > share * restarts && restarts < RESTARTS) {
      restarts += 1;
      // At some step of a call or of a record on its way to the disk.
      let copied: Promise<void> | undefined;
      let left = 1 + randomInteger(random, 200);
      host.onStep = () => {
        left -= 1;
        if (left === 0) copied = host.cut();
      };
      while (copied === undefined && (await host.outbox.report()).totals.pending > 0)
        await host.clock.advance(250);
      host.onStep = () => undefined;
      await copied;
      if (copied !== undefined) await host.boot();
    }
    await host.clock.advance(2_000);
  }
  assert.is(restarts, RESTARTS);
  assert.ok(failures > 3_000 && hangs > 80, `${failures} failures, ${hangs} hangs`);
  for (let n = 0; n < KEYS; n += 1) {
    assert.equal(
      host.ledger.accepted.get(`FN${n}`),
      jobs(`FN${n}`, 1, JOBS_PER_KEY).map((job) => job.id),
    );
  }
  const acknowledged = host.facts.filter((fact) => fact.type === 'delivered').map((fact) => fact.id);
  assert.is(acknowledged.length, receipts.length);
  assert.is(new Set(acknowledged).size, receipts.length);
  assert.is(host.ledger.overlaps, 0);
  // Every request is a first one, a retry of a failure, or the one a power cut made uncertain.
  assert.ok(
    host.ledger.requests <= receipts.length + failures + hangs + RESTARTS * KEYS,
    `${host.ledger.requests}`,
  );
  await host.stop();
});

test.run();
