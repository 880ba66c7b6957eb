/** When changes of others are applied: at once while they trickle, together when they come by the hundred, and always in the end. */
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../test/support/within.ts';
import type { Rows } from '../src/projections/rows.ts';
import type { Shards } from '../src/projections/shards.ts';
import {
  CATCH_UP_CHANGES,
  CATCH_UP_QUIET_MS,
  CATCH_UP_WITHIN_MS,
  runUpkeep,
} from '../src/projections/upkeep.ts';

const test = suite('upkeep');

/** One document of which changes come; what upkeep asks of shards and rows, and nothing else. */
class Scene {
  readonly clock = new ManualClock();
  readonly stop = new AbortController();
  arrived = { changes: 0, lastMs: 0 };
  turns = 0;
  #waiting = 0;
  #wake: () => void = () => undefined;
  readonly done: Promise<void>;

  constructor() {
    const arrived = (): Scene['arrived'] => this.arrived;
    const shards = {
      get arrived() {
        return arrived();
      },
      nextPending: () => (this.#waiting > 0 ? 'catalog/1' : undefined),
      nextToSnapshot: () => undefined,
      materialise: async () => {
        this.turns += 1;
        this.#waiting = 0;
      },
      untilWoken: () => new Promise<void>((resolve) => (this.#wake = resolve)),
      wake: () => this.#wake(),
    } as unknown as Shards;
    const rows = { startFlush: () => undefined, settled: async () => undefined } as unknown as Rows;
    this.done = runUpkeep({ shards, rows, clock: this.clock, busy: () => false }, this.stop.signal);
  }

  get waiting(): number {
    return this.#waiting;
  }

  come(changes: number): void {
    this.#waiting += changes;
    this.arrived = { changes: this.arrived.changes + changes, lastMs: this.clock.monotonicMs() };
    this.#wake();
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) await this.clock.advance(50);
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.#wake();
    await this.pass(100);
    await this.done;
  }
}

test('a few changes are applied as they come', async () => {
  const scene = new Scene();
  for (let price = 1; price <= 3; price += 1) {
    scene.come(1);
    await until(1_000, 'applied', async () => {
      await scene.clock.advance(1);
      return scene.waiting === 0;
    });
    assert.is(scene.turns, price);
  }
  assert.ok(scene.clock.monotonicMs() < CATCH_UP_QUIET_MS, 'nothing was waited for');
  await scene.close();
});

test('hundreds are applied together, once they have stopped coming', async () => {
  const scene = new Scene();
  for (let part = 0; part < 10; part += 1) {
    scene.come(CATCH_UP_CHANGES);
    await scene.pass(CATCH_UP_QUIET_MS / 2);
  }
  assert.is(scene.turns, 0);
  await scene.pass(CATCH_UP_QUIET_MS);
  assert.is(scene.turns, 1);
  assert.is(scene.waiting, 0);
  await scene.close();
});

test('what never stops coming is applied all the same', async () => {
  const scene = new Scene();
  for (let ms = 0; ms <= CATCH_UP_WITHIN_MS + 500; ms += 250) {
    scene.come(CATCH_UP_CHANGES);
    await scene.pass(250);
  }
  assert.ok(scene.turns > 0);
  await scene.close();
});

test.run();
