/** When changes of others are applied: at once while they trickle, together when they come by the hundred, and always in the end. */
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rows } from '../src/projections/rows.ts';
import type { Shards } from '../src/projections/shards.ts';
import {
  CATCH_UP_CHANGES,
  CATCH_UP_LULL_MAX_MS,
  CATCH_UP_LULL_SHARE,
  CATCH_UP_QUIET_MS,
  CATCH_UP_WITHIN_MS,
  QUIET_MS,
  runUpkeep,
  STOCK_WITHIN_MS,
} from '../src/projections/upkeep.ts';

const test = suite('upkeep');

type Kind = 'catalog' | 'loyalty' | 'stock';

const KINDS: readonly Kind[] = ['catalog', 'loyalty', 'stock'];

/** One document of each kind, of which changes come; what upkeep asks of shards and rows, and nothing else. */
class Scene {
  readonly clock = new ManualClock();
  readonly stop = new AbortController();
  readonly turns: Record<Kind, number> = { catalog: 0, loyalty: 0, stock: 0 };
  readonly #waiting: Record<Kind, number> = { catalog: 0, loyalty: 0, stock: 0 };
  readonly #arrived = new Map<string, { changes: number; lastMs: number }>();
  isBusy = false;
  isLagging = false;
  levelled = 0;
  #wake: () => void = () => undefined;
  #news: () => void = () => undefined;
  readonly done: Promise<void>;

  constructor() {
    const shards = {
      arrived: (kind: string) => this.#arrived.get(kind) ?? { changes: 0, lastMs: 0 },
      pendingDocuments: () => KINDS.filter((kind) => this.#waiting[kind] > 0).map((kind) => `${kind}/1`),
      nextToSnapshot: () => undefined,
      nextLagging: () => (this.isLagging ? 'stock/own' : undefined),
      ownChanges: 0,
      documents: {
        level: async () => {
          this.levelled += 1;
          this.isLagging = false;
        },
      },
      materialise: async (doc: string) => {
        const kind = doc.slice(0, doc.indexOf('/')) as Kind;
        this.turns[kind] += 1;
        this.#waiting[kind] = 0;
      },
      untilWoken: () => new Promise<void>((resolve) => (this.#wake = resolve)),
      untilNews: () => new Promise<void>((resolve) => (this.#news = resolve)),
      wake: () => this.wake(),
    } as unknown as Shards;
    const rows = { startFlush: () => undefined, settled: async () => undefined } as unknown as Rows;
    const busy = () => this.isBusy;
    this.done = runUpkeep({ shards, rows, clock: this.clock, busy }, this.stop.signal);
  }

  waiting(kind: Kind): number {
    return this.#waiting[kind];
  }

  come(kind: Kind, changes: number): void {
    this.#waiting[kind] += changes;
    const before = this.#arrived.get(kind)?.changes ?? 0;
    this.#arrived.set(kind, { changes: before + changes, lastMs: this.clock.monotonicMs() });
    this.#wake();
    if (kind !== 'stock') {
      this.#news();
    }
  }

  wake(): void {
    this.#wake();
    this.#news();
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) await this.clock.advance(10);
  }

  /** What can be done without any time passing. */
  async settle(): Promise<void> {
    for (let step = 0; step < 20; step += 1) await this.clock.advance(0);
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.wake();
    await this.pass(100);
    await this.done;
  }
}

test('a few changes are applied as they come', async () => {
  const scene = new Scene();
  for (let price = 1; price <= 3; price += 1) {
    scene.come('catalog', 1);
    await scene.settle();
    assert.is(scene.waiting('catalog'), 0);
    assert.is(scene.turns.catalog, price);
  }
  assert.is(scene.clock.monotonicMs(), 0, 'nothing was waited for');
  await scene.close();
});

test('what comes by the dozen is applied together, once it has stopped coming', async () => {
  const scene = new Scene();
  for (let part = 0; part < 6; part += 1) {
    scene.come('catalog', CATCH_UP_CHANGES);
    await scene.pass(CATCH_UP_QUIET_MS / 2);
  }
  assert.is(scene.turns.catalog, 0);
  const cameMs = 5 * (CATCH_UP_QUIET_MS / 2);
  await scene.pass(CATCH_UP_LULL_SHARE * cameMs - CATCH_UP_QUIET_MS / 2 - 250);
  assert.is(scene.turns.catalog, 0, 'the longer it came, the longer it is waited for');
  await scene.pass(300);
  assert.is(scene.turns.catalog, 1);
  assert.is(scene.waiting('catalog'), 0);
  await scene.close();
});

test('however long it came, the lull that ends it is bounded', async () => {
  const scene = new Scene();
  for (let ms = 0; ms < 4 * CATCH_UP_LULL_MAX_MS; ms += CATCH_UP_LULL_MAX_MS / 4) {
    scene.come('catalog', CATCH_UP_CHANGES);
    await scene.pass(CATCH_UP_LULL_MAX_MS / 4);
  }
  assert.is(scene.turns.catalog, 0);
  await scene.pass(CATCH_UP_LULL_MAX_MS);
  assert.is(scene.turns.catalog, 1);
  await scene.close();
});

test('catch-ups of two kinds are over together', async () => {
  const scene = new Scene();
  scene.come('catalog', CATCH_UP_CHANGES);
  for (let branch = 0; branch < 6; branch += 1) {
    await scene.pass(CATCH_UP_QUIET_MS / 2);
    scene.come('loyalty', CATCH_UP_CHANGES);
  }
  assert.equal(scene.turns, { catalog: 0, loyalty: 0, stock: 0 });
  await scene.pass(CATCH_UP_LULL_SHARE * 3 * CATCH_UP_QUIET_MS + 100);
  assert.equal(scene.turns, { catalog: 1, loyalty: 1, stock: 0 });
  await scene.close();
});

test('what never stops coming is applied all the same', async () => {
  const scene = new Scene();
  for (let ms = 0; ms <= CATCH_UP_WITHIN_MS + 500; ms += 250) {
    scene.come('catalog', CATCH_UP_CHANGES);
    await scene.pass(250);
  }
  assert.ok(scene.turns.catalog > 0);
  await scene.close();
});

test('a customer waits for nothing: not for movements, not for an import, not for tills', async () => {
  const scene = new Scene();
  scene.isBusy = true;
  for (let sale = 0; sale < 2 * CATCH_UP_CHANGES; sale += 1) {
    scene.come('stock', 1);
    await scene.pass(10);
  }
  scene.come('catalog', 10 * CATCH_UP_CHANGES);
  await scene.settle();
  assert.is(scene.turns.catalog, 0);
  for (let customer = 1; customer <= 2 * CATCH_UP_CHANGES; customer += 1) {
    const beforeMs = scene.clock.monotonicMs();
    scene.come('loyalty', 1);
    await scene.settle();
    assert.is(scene.turns.loyalty, customer);
    assert.is(scene.clock.monotonicMs(), beforeMs);
    scene.come('stock', 1);
    await scene.pass(10);
  }
  await scene.close();
});

test('a price does not wait until this device has been quiet', async () => {
  const scene = new Scene();
  scene.isLagging = true;
  scene.wake();
  await scene.pass(QUIET_MS - 50);
  scene.come('catalog', 1);
  await scene.settle();
  assert.is(scene.turns.catalog, 1);
  assert.is(scene.levelled, 0);
  await scene.pass(QUIET_MS + 10);
  assert.is(scene.levelled, 1);
  await scene.close();
});

test('movements come to their turn though customers keep passing them on a busy node', async () => {
  const scene = new Scene();
  scene.isBusy = true;
  scene.come('stock', 1);
  for (let ms = 0; ms <= STOCK_WITHIN_MS + 50; ms += 10) {
    scene.come('loyalty', 1);
    await scene.settle();
    await scene.pass(10);
  }
  assert.is(scene.turns.stock, 1);
  assert.ok(scene.turns.loyalty > 90);
  await scene.close();
});

test.run();
