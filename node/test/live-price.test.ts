/** The example of packages/repo as it stands, a program of its own: shows a price live, changes it as manager, is refused as cashier. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../test/support/within.ts';
import { pricedLens } from './support/priced-lens.ts';

const EXAMPLE = fileURLToPath(new URL('../../packages/repo/example/live-price.ts', import.meta.url));

function example(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', EXAMPLE, ...args]);
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      said.text += String(data);
    });
  }
  return { child, said };
}

const test = suite('the live price example');

test('a stock client shows a price live and changes it as manager at head office', async () => {
  const { scene, hq, products, put, boss, desk } = await pricedLens();
  const shown = example(hq.url, boss, 'A1');
  await until(15_000, 'the price', () => shown.said.text.includes('A1 costs 990'));
  await put(1090);
  await until(30_000, 'the new price', () => shown.said.text.includes('A1 costs 1090'));
  const changed = example(hq.url, boss, 'A1', '1190');
  await until(15_000, 'in the catalog', () => products.get('A1')?.priceMinor === 1190);
  await until(30_000, 'at the other client', () => shown.said.text.includes('A1 costs 1190'));
  const refused = example(hq.url, desk, 'A1', '1');
  await until(15_000, 'refused', () => refused.said.text.includes('refused: EDIT_READ_ONLY'));
  assert.is(products.get('A1')?.priceMinor, 1190);
  for (const { child } of [shown, changed, refused]) {
    child.kill();
  }
  await scene.close();
});

test.run();
