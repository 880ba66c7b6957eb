// limit: 900 s
/** Changes and snapshots of other devices: whatever the bytes, applied, set aside, or refused by code; Automerge lives on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from '../../../test/support/fuzz.ts';
import { DocError, type DocName, editProduct, openSnapshot } from '../src/index.ts';
import { Device } from './device.ts';

const DOC = 'catalog/3' as DocName;
const SKU = 'FUR-BO-10001798';
const test = suite('documents under mutation');

async function author(): Promise<Device> {
  const device = new Device('author');
  for (let n = 0; n < 6; n += 1) {
    await device.commit(DOC, editProduct(`${SKU}-${n}`, { name: `Bookcase ${n}`, priceMinor: 26_196 + n }));
  }
  return device;
}

test('a change', async () => {
  const device = await author();
  const changes = device.log.get(DOC)!;
  const reader = new Device('reader');
  await reader.receive(DOC, ...changes.slice(0, 3));
  const { values } = await fuzz({
    name: 'Automerge change',
    corpus: changes.map(({ bytes }) => bytes),
    decode: async (bytes) => {
      await reader.documents.apply(DOC, [{ writer: device.writer, bytes }]);
    },
    isRefusal: (error) => error instanceof DocError,
  });
  assert.ok(values > 0);
  await reader.receive(DOC, ...changes.slice(3));
  assert.equal(
    await reader.documents.heads(DOC),
    await device.documents.heads(DOC),
    'none of it did any harm',
  );
});

test('a snapshot', async () => {
  const device = await author();
  const bytes = await device.documents.save(DOC);
  await fuzz({
    name: 'Automerge snapshot',
    corpus: [bytes],
    decode: (mutant) => openSnapshot(DOC, mutant),
    isRefusal: (error) => error instanceof DocError,
  });
  assert.equal(openSnapshot(DOC, bytes).heads, await device.documents.heads(DOC));
});

test.run();
