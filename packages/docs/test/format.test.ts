/** What may never change without a new data format: names, shards, buckets, actors, genesis bytes. */
import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { documentKey, keyRow } from '../src/cell.ts';
import { BUCKETS, bucketOf, CATALOG_SHARDS, keyHash, LOYALTY_SHARDS } from '../src/doc-name.ts';
import { bucketKey, bucketObject, genesisChange, objectBucket } from '../src/genesis.ts';
import {
  actorOf,
  catalogDoc,
  cellKey,
  docCollection,
  docKind,
  docPeriod,
  keySegments,
  loyaltyDoc,
  parseDocName,
  parsePeriod,
  shardDocs,
  stockDoc,
  stockPeriod,
} from '../src/index.ts';
import { writerNamed } from './device.ts';

const test = suite('format');

const PINNED_HASHES = ['ab3e7c0b', 'b14370cb', 'f63a305c', '9d782a6b'];
const PINNED_ACTOR = '508ade5672aaee27';
const PINNED_GENESIS = {
  catalog: '0035cde07db1f614dd9455addbda1c2e',
  stock: 'f3df01106d6603e50587608fff2dbec7',
  loyalty: '0035cde07db1f614dd9455addbda1c2e',
};

test('shard and bucket counts and the hash behind them are pinned', () => {
  assert.equal([CATALOG_SHARDS, LOYALTY_SHARDS], [64, 64]);
  assert.equal(BUCKETS, { catalog: 64, stock: 256, loyalty: 64 });
  assert.equal(
    ['', 'A1', 'FUR-BO-10001798', 'оправа'].map((key) => keyHash(key).toString(16)),
    PINNED_HASHES,
  );
});

test('keys spread evenly over shards, and inside a shard over buckets', () => {
  const shards = new Array<number>(64).fill(0);
  const buckets = new Array<number>(64).fill(0);
  for (let index = 0; index < 64_000; index++) {
    const sku = `SKU-${index}`;
    const shard = keyHash(sku) % 64;
    shards[shard]! += 1;
    if (shard === 7) {
      buckets[bucketOf('catalog', sku)]! += 1;
    }
  }
  assert.ok(Math.max(...shards) < 1150, `${Math.max(...shards)}`);
  assert.ok(Math.max(...buckets) < 40, `${Math.max(...buckets)}`);
});

test('names say what a document is', () => {
  const period = parsePeriod('2026-11');
  assert.is(stockDoc('B001', period), 'stock/B001/2026-11');
  assert.is(docPeriod(stockDoc('B001', period)), period);
  assert.is(docCollection(stockDoc('B001', period)), 'stock/B001');
  assert.is(docCollection(catalogDoc('A1')), 'catalog');
  assert.is(docKind(loyaltyDoc('north', 'C-1')), 'loyalty');
  assert.is(shardDocs('catalog').length, 64);
  assert.is(shardDocs('loyalty/north').at(-1), 'loyalty/north/63');
  assert.is(stockPeriod(Date.UTC(2026, 10, 30, 23, 59)), '2026-11');
  for (const name of [catalogDoc('x'), loyaltyDoc('n', 'c'), stockDoc('B', period)]) {
    assert.is(parseDocName(name), name);
  }
  for (const name of [
    '',
    'catalog',
    'catalog/64',
    'catalog/01',
    'stock/B',
    'stock/B/2026-13',
    'loyalty//1',
    'x/1',
  ]) {
    assert.throws(
      () => parseDocName(name),
      (error: { code: string }) => error.code === 'DOC_NAME',
    );
  }
  assert.throws(
    () => stockDoc('a/b', period),
    (error: { code: string }) => error.code === 'DOC_NAME',
  );
});

test('any SKU can stand in a key and comes back unchanged', () => {
  for (const sku of ['A/1', '100%', '~x', '%2F', '~%7E/', 'оправа №5', 'FUR-BO-10001798']) {
    const key = cellKey(sku, 'name');
    assert.equal(keySegments(key), [sku, 'name']);
    assert.is(keyRow(key), sku);
    assert.is(key.split('/').length, 2);
  }
  assert.is.not(cellKey('~carried', 'w'), documentKey('carried', 'w'));
});

test('actors are eight bytes of writer and document', () => {
  const doc = catalogDoc('A1');
  assert.is(actorOf(writerNamed('hq'), doc), PINNED_ACTOR);
  assert.is.not(actorOf(writerNamed('hq'), doc), actorOf(writerNamed('shop'), doc));
  assert.is.not(actorOf(writerNamed('hq'), doc), actorOf(writerNamed('hq'), loyaltyDoc('n', 'c')));
});

test('the genesis of each kind has pinned bytes and makes the buckets readers look for', () => {
  for (const kind of ['catalog', 'stock', 'loyalty'] as const) {
    const bytes = genesisChange(kind);
    assert.is(createHash('sha256').update(bytes).digest('hex').slice(0, 32), PINNED_GENESIS[kind], kind);
    const [doc] = Automerge.applyChanges(Automerge.init<Record<string, object>>(), [bytes]);
    assert.is(Object.keys(doc).length, BUCKETS[kind]);
    for (let bucket = 0; bucket < BUCKETS[kind]; bucket++) {
      assert.is(Automerge.getObjectId(doc[bucketKey(bucket)]!), bucketObject(bucket));
      assert.is(objectBucket(kind, bucketObject(bucket)), bucket);
    }
    assert.is(objectBucket(kind, bucketObject(BUCKETS[kind])), undefined);
  }
  assert.is(objectBucket('catalog', '_root'), undefined);
});

test.run();
