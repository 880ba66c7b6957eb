/** A checkpoint is documents: what no document holds is never given up for one. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isPrunable } from '../src/prune.ts';
import type { Collection } from '../src/types.ts';

const test = suite('what a checkpoint may stand in for');

test('documents only', () => {
  for (const name of ['catalog', 'stock/B001', 'loyalty/main'])
    assert.ok(isPrunable(name as Collection), name);
});

test('nothing that only entries say, named here or not', () => {
  const others = [
    'registry',
    'orders/B001',
    'receipts/B001',
    'local',
    'local/answers',
    'keys/main',
    'erasures',
  ];
  others.push('letters/B001/B002', 'goods/B001', 'prices/B001', 'pricing', 'of-next-year/B001');
  for (const name of others) assert.not(isPrunable(name as Collection), name);
});

test.run();
