// limit: 400 s
/**
 * G6, G7: thousands of receipts against an operator that fails 30 % of the time and hangs, with restarts of nodes and registers.
 * Here a few hundred; the whole flood by
 *     npm run test:receipts
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { flood } from './support/ofd-flood.ts';

const RECEIPTS = Number(process.env.RECEIPTS ?? 360);
const SEED = Number(process.env.SEED ?? 1);

const test = suite('a flood of receipts');

test(`${RECEIPTS} receipts: each acknowledged once, in order per storage; one that is refused holds up no other storage`, async () => {
  const figures = await flood({ receipts: RECEIPTS, seed: SEED });
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  assert.is(figures.tickets, figures.documents);
  assert.ok(figures.documents >= RECEIPTS);
  assert.ok(figures.nodeRestarts > 0 && figures.registerRestarts > 0);
  assert.ok(Object.values(figures.failures).reduce((sum, count) => sum + count, 0) > RECEIPTS / 5);
});

test.run();
