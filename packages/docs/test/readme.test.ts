/** The example of the README, call by call. */
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { catalogDoc, cellsBySku, Documents, editProduct, foldProduct, ProductIndex } from '../src/index.ts';
import { writerNamed } from './device.ts';

const test = suite('readme');

test('the example does what it says', async () => {
  const source = { load: () => Promise.resolve({ changes: [] }) };
  const hq = writerNamed('hq');
  const documents = new Documents({ source, clock: systemClock() });
  const elsewhere = new Documents({ source, clock: systemClock() });
  const doc = catalogDoc('A1');
  const change = await documents.change(doc, hq, [editProduct('A1', { name: 'Lens', priceMinor: 990 })]);
  documents.settle([change!]);
  const { patches } = await elsewhere.apply(doc, [{ writer: hq, bytes: change!.bytes }]);
  const index = new ProductIndex();
  for (const [sku, cells] of cellsBySku(patches)) {
    index.put(foldProduct(index.get(sku), sku, cells));
  }
  const [found] = index.search('le', 10);
  assert.equal([found?.sku, found?.name, found?.priceMinor], ['A1', 'Lens', 990]);
});

test.run();
