// limit: 900 s
/**
 * What two programs do together, with one of them killed in the middle: a device enrols, a relay takes entries, a bundle is taken in, a
 * backup is put back. Started again, both agree, and nothing acknowledged is missing at either end.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';
import {
  addTill,
  type Chain,
  chain,
  copy,
  type Folder,
  headOffice,
  isLevel,
  serveNode,
  serveRelay,
} from './support/folders.ts';
import { ENROLLING_NODE, ENROLLING_RELAY, IMPORTING, RELAYING, RESTORING } from './support/points.ts';
import { command, json, Program } from './support/program.ts';
import { Tills } from './support/tills.ts';
import { reachedPoints, tryPoint, verifyFolder } from './support/trial.ts';

const LEVEL_WITHIN_MS = 20_000;

const test = suite('two programs, one of them killed');
let base: TempDir;
let made: Chain;
let office: Folder;

test.before(async () => {
  base = await TempDir.open('crash-base');
  made = await chain(join(base.path, 'chain'));
  office = await headOffice(join(base.path, 'hq'));
});
test.after(() => base[Symbol.asyncDispose]());

for (const [who, points] of [
  ['the device', ENROLLING_NODE],
  ['the relay', ENROLLING_RELAY],
] as const) {
  for (const each of points) {
    test(`enrolling, ${who} dies ${each.name}`, () =>
      tryPoint(each, async ({ dir, options }) => {
        const relayData = await copy(made.relay, join(dir, 'relay'));
        const data = join(dir, 'b002');
        const { tokens } = await json<{ tokens: { token: string }[] }>(
          'branch',
          'add',
          'B002',
          '--data',
          relayData,
        );
        const isRelay = who === 'the relay';
        await using first = new Program(serveRelay(relayData), isRelay ? options : {});
        const relayUrl = await first.url();
        const port = new URL(relayUrl).port;
        const about = { ...each, path: each.path.replace('RELAY', port) };
        const args = serveNode(data, '--relay', relayUrl, '--token', tokens[0]!.token);
        await using dying = new Program(args, isRelay ? {} : { ...options, failpoint: about });
        await (isRelay ? first.end() : dying.end());
        await dying.kill();
        await first.kill();
        await using relay = new Program(serveRelay(relayData, `127.0.0.1:${port}`));
        await relay.url();
        await using node = new Program(args);
        const url = await node.url();
        const tills = new Tills(await addTill(data));
        assert.equal(await tills.sell(url, { total: 2 }), []);
        await until(LEVEL_WITHIN_MS, 'node and relay agree', () => isLevel(url, tills.token));
        await tills.settle(url);
        await node.stop();
        await relay.stop();
        await verifyFolder(data);
        await verifyFolder(relayData);
      }));
  }
}

for (const point of RELAYING) {
  test(`a relay that takes sales dies ${point.name}`, () =>
    tryPoint(point, async ({ dir, options }) => {
      const relayData = await copy(made.relay, join(dir, 'relay'));
      const data = await copy(made.branch.data, join(dir, 'b001'));
      const tills = new Tills(made.branch.token);
      await using dying = new Program(serveRelay(relayData), options);
      const relayUrl = await dying.url();
      await using node = new Program(serveNode(data, '--relay', relayUrl));
      const url = await node.url();
      assert.equal(await tills.sell(url, { total: 6, atOnce: 1 }), []);
      await dying.end();
      assert.equal(await tills.sell(url, { total: 3, atOnce: 1 }), [], 'a dead relay does not stop sales');
      await using relay = new Program(serveRelay(relayData, new URL(relayUrl).host));
      await relay.url();
      await until(LEVEL_WITHIN_MS, 'node and relay agree', () => isLevel(url, made.branch.token));
      await node.stop();
      await relay.stop();
      await verifyFolder(data);
      await verifyFolder(relayData);
      const orders = await tillOrdersIn(relayData);
      assert.is(orders, tills.acknowledged.length, 'every acknowledged sale is at the relay');
    }));
}

for (const point of IMPORTING) {
  test(`a bundle is taken in: ${point.name}`, () =>
    tryPoint(point, async ({ dir, options }) => {
      const data = await copy(made.branch.data, join(dir, 'b001'));
      const relayData = await copy(made.relay, join(dir, 'relay'));
      const tills = new Tills(made.branch.token);
      {
        await using node = new Program(serveNode(data));
        await tills.sell(await node.url(), { total: 5 });
        await node.stop();
      }
      const bundle = join(dir, 'bundle');
      await json('export', '--to', bundle, '--data', data);
      const died = await command(['import', bundle, '--data', relayData], options);
      assert.is(died.code, null, died.err);
      for (let again = 0; again < 2; again += 1) {
        await json('import', bundle, '--data', relayData);
      }
      await verifyFolder(relayData);
      assert.is(await tillOrdersIn(relayData), 5);
    }));
}

for (const point of RESTORING) {
  test(`a backup is put back: ${point.name}`, () =>
    tryPoint(point, async ({ dir, options }) => {
      const sold = await copy(office.data, join(dir, 'sold'));
      const tills = new Tills(office.token, 'before');
      {
        await using node = new Program(serveNode(sold));
        await tills.sell(await node.url(), { total: 2 });
        await node.stop();
      }
      const [backup, data, whole] = ['backup', 'hq', 'whole'].map((name) => join(dir, name)) as [
        string,
        string,
        string,
      ];
      await json('backup', '--data', sold, '--to', backup);
      await command(['restore', '--from', backup, '--data', data], options);
      // What is there now is the data of nobody, or goes on under numbers of its own; never as if nothing had happened.
      await using half = new Program(serveNode(data));
      const said = await half.listening();
      if (said !== undefined) {
        const answers = await new Tills(office.token, 'half').sell(said.url as string, { total: 1 });
        assert.equal(answers, []);
        const orders = await tills.orders(said.url as string);
        assert.ok(
          orders.every(({ number }) => number !== 'HQ-000003'),
          'a number of the lost device',
        );
        assert.is(orders.length, 3, 'a folder that starts holds everything the backup held');
      }
      await half.kill();
      await json('restore', '--from', backup, '--data', whole);
      const mark = JSON.parse(await readFile(join(whole, 'restored.json'), 'utf8')) as { times: number };
      await using node = new Program(serveNode(whole));
      const url = await node.url();
      assert.equal(await tills.sell(url, { total: 1 }), []);
      const { orders } = await tills.settle(url);
      assert.ok(orders.some(({ number }) => number === `HQ.${mark.times + 1}-000001`));
      await node.stop();
      await verifyFolder(whole);
    }));
}

/** Orders of a branch that a journal holds. */
async function tillOrdersIn(data: string): Promise<number> {
  const { feeds } = await json<{ feeds: { feed: string; seq: number }[] }>('verify', '--data', data);
  const orders = feeds.filter(({ feed }) => feed.startsWith('orders/'));
  return orders.reduce((sum, { seq }) => sum + seq, 0);
}

test('every point was run into', () => {
  const named = [ENROLLING_NODE, ENROLLING_RELAY, RELAYING, IMPORTING, RESTORING].flat().length;
  assert.is(reachedPoints(), named);
  figure('crash points of two programs', reachedPoints(), `${named}`);
});

test.run();
