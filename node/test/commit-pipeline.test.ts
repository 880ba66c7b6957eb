/** The road to durability, on ports that can be made to fail: groups, replays, refusals, and what is done when nobody knows. */
import { ProblemError } from '@branchline/model';
import { makeStamp, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CommitPipeline,
  type Decide,
  GROUP_MUTATORS_MAX,
  GROUP_OPERATIONS_MAX,
  type PipelinePorts,
  QUEUE_OPERATIONS_MAX,
  type StoredAnswer,
} from '../src/commit/commit-pipeline.ts';
import { NumberSeries } from '../src/commit/number-series.ts';
import { type Draft, TRANSACTION_DRAFTS_MAX } from '../src/commit/transaction.ts';

const road = suite('commit pipeline');

const clock = systemClock();
const till = { till: 'T1', role: 'cashier' as const };

/** A disk that keeps what is committed, one group at a time, and fails when told to. */
class Bench {
  readonly groups: Draft[][] = [];
  readonly lookups: number[] = [];
  readonly answers = new Map<string, StoredAnswer>();
  readonly series = new NumberSeries({ branch: 'B001' as never }, 0);
  readonly pipeline: CommitPipeline;
  abandoned = 0;
  poisonedBy: Error | undefined;
  failWith: unknown;
  documentFails = false;
  closedFor: ProblemError | undefined;
  unexpected: unknown[] = [];
  #counter = 0;
  #keys = 0;

  constructor() {
    const ports: PipelinePorts = {
      now: () => makeStamp(1_800_000_000_000, this.#counter++ % 60_000),
      findAnswers: async (keys) => {
        this.lookups.push(keys.length);
        return keys.map((key) => this.answers.get(key));
      },
      openAnswer: (kept) => (kept.startsWith('{') ? kept : undefined),
      changeDocument: async (document, mutators) => {
        if (this.documentFails) {
          throw new Error('a document broke');
        }
        const body = { document, count: mutators.length };
        return { collection: 'stock/B001', kind: 'change', body, stamp: makeStamp(1, 1) };
      },
      commit: async (drafts) => {
        await clock.yield();
        if (this.failWith !== undefined) {
          throw this.failWith;
        }
        this.groups.push([...drafts]);
        for (const { kind, body } of drafts) {
          if (kind === 'request') {
            const { key, fingerprint, status, answer } = body as StoredAnswer & { key: string };
            this.answers.set(key, { fingerprint, status, answer });
          }
        }
        return { position: this.groups.length };
      },
      abandon: () => {
        this.abandoned += 1;
      },
      refusalOf: (cause) => (cause instanceof ProblemError ? cause : undefined),
      closedFor: () => this.closedFor,
      projected: async () => {},
      poisoned: (cause) => {
        this.poisonedBy = cause;
      },
      unexpected: (cause) => {
        this.unexpected.push(cause);
      },
    };
    this.pipeline = new CommitPipeline(ports, this.series);
  }

  submit(options: { key?: string; fingerprint?: string; decide?: Decide<unknown> } = {}): Promise<unknown> {
    this.#keys += 1;
    const { key = `k${this.#keys}`, fingerprint = 'f' } = options;
    const sale: Decide<unknown> = (transaction) => {
      transaction.append('orders/B001', 'order', {});
      transaction.change('stock', () => {});
      return { status: 201, body: { number: this.series.take().number } };
    };
    return this.pipeline.submit({ key, fingerprint, till }, options.decide ?? sale).then(
      ({ body, replayed }) => (replayed ? { ...(body as object), replayed } : body),
      (error: { code?: string }) => error.code ?? String(error),
    );
  }
}

road('what comes together is committed together, one document change and one lookup per group', async () => {
  const bench = new Bench();
  const answers = await Promise.all(Array.from({ length: 200 }, () => bench.submit()));
  assert.equal(answers[199], { number: 'B001-000200' });
  assert.ok(bench.groups.length <= 5, `${bench.groups.length} groups`);
  for (const group of bench.groups) {
    assert.is(group.filter(({ kind }) => kind === 'change').length, 1);
    assert.ok(group.filter(({ kind }) => kind === 'request').length <= GROUP_OPERATIONS_MAX);
  }
  assert.is(bench.lookups.length, bench.groups.length);
});

road('stamps of a commit grow in the order of its entries', async () => {
  const bench = new Bench();
  await Promise.all(Array.from({ length: 10 }, () => bench.submit()));
  const stamps = bench.groups.flatMap((group) => group.filter(({ kind }) => kind !== 'change'));
  for (let index = 1; index < stamps.length; index += 1) {
    assert.ok(stamps[index]!.stamp > stamps[index - 1]!.stamp);
  }
});

road('a full queue answers OVERLOADED, and what was queued is served', async () => {
  const bench = new Bench();
  const all = Array.from({ length: QUEUE_OPERATIONS_MAX + 10 }, () => bench.submit());
  const answers = await Promise.all(all);
  assert.is(answers.filter((answer) => answer === 'OVERLOADED').length, 10);
  assert.is(answers.filter((answer) => typeof answer === 'object').length, QUEUE_OPERATIONS_MAX);
});

road('an operation with very many document changes leaves the next ones to the next group', async () => {
  const bench = new Bench();
  const large: Decide<unknown> = (transaction) => {
    for (let count = 0; count < GROUP_MUTATORS_MAX; count += 1) {
      transaction.change('stock', () => {});
    }
    return { status: 200, body: 'large' };
  };
  const answers = await Promise.all([
    bench.submit(),
    bench.submit({ decide: large }),
    bench.submit(),
    bench.submit(),
  ]);
  assert.is(bench.groups.length, 2);
  assert.equal(answers[3], { number: 'B001-000003' });
});

road('an operation may append only so many entries; one too many leaves nothing behind', async () => {
  const bench = new Bench();
  const decide: Decide<unknown> = (transaction) => {
    for (let count = 0; count <= TRANSACTION_DRAFTS_MAX; count += 1) {
      transaction.append('orders/B001', 'order', {});
    }
    return { status: 201, body: {} };
  };
  assert.is(await bench.submit({ decide }), 'INTERNAL');
  assert.is(bench.groups.length, 0);
});

road('a refused operation gives its number back, and the others of its group are kept', async () => {
  const bench = new Bench();
  const refuse: Decide<unknown> = (transaction) => {
    transaction.append('orders/B001', 'order', {});
    bench.series.take();
    throw new ProblemError('ORDER_INVALID', 'no');
  };
  const answers = await Promise.all([bench.submit(), bench.submit({ decide: refuse }), bench.submit()]);
  assert.equal(answers, [{ number: 'B001-000001' }, 'ORDER_INVALID', { number: 'B001-000002' }]);
  assert.is(bench.groups.flat().filter(({ kind }) => kind === 'order').length, 2);
});

road('G2: keys are answered once, in flight and later; another fingerprint is refused', async () => {
  const bench = new Bench();
  const [first, second, other] = await Promise.all([
    bench.submit({ key: 'k' }),
    bench.submit({ key: 'k' }),
    bench.submit({ key: 'k', fingerprint: 'other' }),
  ]);
  assert.equal(first, { number: 'B001-000001' });
  assert.equal(second, { number: 'B001-000001', replayed: true });
  assert.is(other, 'IDEMPOTENCY_MISMATCH');
  assert.equal(await bench.submit({ key: 'k' }), { number: 'B001-000001', replayed: true });
  assert.is(await bench.submit({ key: 'k', fingerprint: 'other' }), 'IDEMPOTENCY_MISMATCH');
  assert.equal(bench.pipeline.counts, { groups: 1, operations: 1, replays: 2, refusals: 1, waiting: 0 });
});

road(
  'a commit known to have written nothing is refused, undone, and the numbers go on without a gap',
  async () => {
    const bench = new Bench();
    bench.failWith = new ProblemError('NOT_READY', 'disk full');
    assert.is(await bench.submit({ key: 'k' }), 'NOT_READY');
    assert.is(bench.abandoned, 1);
    bench.failWith = undefined;
    assert.equal(await bench.submit({ key: 'k' }), { number: 'B001-000001' });
    assert.is(bench.poisonedBy, undefined);
  },
);

road('a document that breaks fails its group, undoes it, and nothing is written', async () => {
  const bench = new Bench();
  bench.documentFails = true;
  assert.equal(await Promise.all([bench.submit(), bench.submit()]), ['INTERNAL', 'INTERNAL']);
  assert.is(bench.abandoned, 1);
  bench.documentFails = false;
  assert.equal(await bench.submit(), { number: 'B001-000001' });
  assert.is(bench.unexpected.length, 1);
});

road(
  'G1: when nobody knows what was written, everyone is told so, and nothing more is acknowledged',
  async () => {
    const bench = new Bench();
    bench.failWith = new Error('EIO');
    const answers = await Promise.all(Array.from({ length: 100 }, () => bench.submit()));
    assert.ok(answers.every((answer) => answer === 'STORE_POISONED'));
    assert.is(bench.poisonedBy?.message, 'EIO');
    bench.failWith = undefined;
    assert.is(await bench.submit(), 'STORE_POISONED');
    assert.is(bench.groups.length, 0);
  },
);

road('closing lets the queue finish and refuses what comes later', async () => {
  const bench = new Bench();
  const waiting = Promise.all(Array.from({ length: 100 }, () => bench.submit()));
  const closed = bench.pipeline.close();
  assert.is(await bench.submit(), 'NODE_STOPPING');
  await closed;
  assert.is((await waiting).filter((answer) => typeof answer === 'object').length, 100);
});

road('a device that may not write refuses with its reason', async () => {
  const bench = new Bench();
  bench.closedFor = new ProblemError('NOT_READY', 'revoked');
  assert.is(await bench.submit(), 'NOT_READY');
});

road.run();
