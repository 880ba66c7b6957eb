// limit: 900 s
/**
 * A node killed before, in the middle of and after every durable step of its life: its first start, selling, stopping, going on under
 * another key. Each time it starts again by itself, every acknowledged order is there as it was answered, every unanswered one has one
 * outcome, no number is given out twice, and `verify` finds nothing.
 */
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { addTill, bareHeadOffice, copy, type Folder, headOffice, serveNode } from './support/folders.ts';
import { FIRST_START, SELLING, SUCCEEDING } from './support/points.ts';
import { command, Program } from './support/program.ts';
import { Tills } from './support/tills.ts';
import { reachedPoints, tryPoint, verifyFolder } from './support/trial.ts';

const test = suite('a node killed at every durable step');
let base: TempDir;
let prepared: Folder;

test.before(async () => {
  base = await TempDir.open('crash-base');
  prepared = await headOffice(join(base.path, 'hq'));
});
test.after(() => base[Symbol.asyncDispose]());

for (const point of FIRST_START) {
  test(`first start: ${point.name}`, () =>
    tryPoint(point, async ({ dir, options }) => {
      const data = join(dir, 'hq');
      await bareHeadOffice(data);
      await using dying = new Program(serveNode(data), options);
      assert.is(await dying.listening(), undefined, 'killed before it served');
      await using again = new Program(serveNode(data));
      const url = await again.url();
      const tills = new Tills(await addTill(data));
      assert.equal(await tills.sell(url, { total: 3 }), []);
      await tills.settle(url);
      assert.is((await again.stop()).code, 0);
      await verifyFolder(data);
    }));
}

for (const point of SELLING) {
  test(`selling: ${point.name}`, () =>
    tryPoint(point, async ({ dir, options }) => {
      const data = await copy(prepared.data, join(dir, 'hq'));
      const tills = new Tills(prepared.token);
      await using dying = new Program(serveNode(data), options);
      const said = await dying.listening();
      if (said !== undefined) {
        assert.equal(await tills.sell(said.url as string, { total: 24, atOnce: 3 }), []);
        dying.child.kill('SIGTERM');
      }
      assert.is((await dying.end()).signal, 'SIGKILL');
      for (let start = 1; start <= 2; start += 1) {
        await using again = new Program(serveNode(data));
        const url = await again.url();
        await tills.settle(url);
        assert.equal(await tills.sell(url, { total: 2 }), []);
        await tills.settle(url);
        if (start === 1) {
          await again.kill();
        } else {
          assert.is((await again.stop()).code, 0);
        }
      }
      await verifyFolder(data);
    }));
}

for (const point of SUCCEEDING) {
  test(`another key: ${point.name}`, () =>
    tryPoint(point, async ({ dir, options }) => {
      const sold = await copy(prepared.data, join(dir, 'sold'));
      const tills = new Tills(prepared.token, 'before');
      {
        await using node = new Program(serveNode(sold));
        await tills.sell(await node.url(), { total: 2 });
        await node.stop();
      }
      const [backup, data] = [join(dir, 'backup'), join(dir, 'hq')];
      assert.is((await command(['backup', '--data', sold, '--to', backup])).code, 0);
      assert.is((await command(['restore', '--from', backup, '--data', data])).code, 0);
      await using dying = new Program(serveNode(data), options);
      await dying.end();
      await using again = new Program(serveNode(data));
      const url = await again.url();
      assert.equal(await tills.sell(url, { total: 2 }), []);
      const { orders } = await tills.settle(url);
      const numbers = orders.map(({ number }) => number).sort();
      assert.equal(numbers, ['HQ-000001', 'HQ-000002', 'HQ.2-000001', 'HQ.2-000002']);
      assert.is((await again.stop()).code, 0);
      await verifyFolder(data);
    }));
}

test('every point was run into', () => {
  const named = [FIRST_START, SELLING, SUCCEEDING].flat().length;
  assert.is(reachedPoints(), named);
  figure('crash points of a node', reachedPoints(), `${named}`);
});

test.run();
