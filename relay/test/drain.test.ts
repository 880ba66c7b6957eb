/** A relay makes way: who is behind is named, nobody new is taken in, and the program is told to end. */
import { generateDeviceKey } from '@branchline/feed';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dial, enrolDevice } from '../../test/support/device.ts';
import { until, within } from '../../test/support/within.ts';
import { RunningRelay } from './support/running.ts';

const test = suite('drain');

async function onlyRow(relay: RunningRelay): Promise<{ state: string; lag: { entriesThere: number } }> {
  return (await relay.admin('GET', '/v1/fleet')).body.branches[0];
}

test('connected devices get what was there when it began; then they hear why the relay goes', async () => {
  await using relay = await RunningRelay.open();
  const [token] = await relay.tokens('B001');
  const shop = await enrolDevice(relay.url, token!);
  const connection = await shop.dial();
  await until(20_000, 'the shop level', async () => (await onlyRow(relay)).lag.entriesThere === 0);
  const { status, body } = await relay.admin('POST', '/v1/control/drain', {});
  assert.equal([status, body], [200, { devices: 1, behind: [] }]);
  await within(20_000, 'the end', relay.relay.drained);
  await relay.relay.close();
  assert.is((await within(20_000, 'the goodbye', connection.closed)).code, 'RELAY_DRAINING');
});

test('a device that takes nothing holds nobody up longer than asked, and is named with what it lacks', async () => {
  await using relay = await RunningRelay.open();
  const [token] = await relay.tokens('B001');
  const shop = await enrolDevice(relay.url, token!);
  // It proves itself and then says nothing.
  await dial(relay.url, shop.key, 'acme');
  await until(20_000, 'it is connected', async () => (await onlyRow(relay)).state === 'online');
  const draining = relay.admin('POST', '/v1/control/drain', { waitMs: 1_500 });
  const ready = await until(20_000, 'not ready', async () => {
    const answer = await relay.call('GET', '/readyz');
    return answer.status === 503 && answer;
  });
  assert.match(ready.body.status, /being replaced/);
  assert.is((await relay.call('GET', '/healthz')).status, 200, 'alive all the same');
  const refused = await dial(relay.url, generateDeviceKey(), 'acme').then(
    () => 'let in',
    (error: Error) => String(error.cause ?? error),
  );
  assert.match(refused, /503/);
  const { body } = await within(20_000, 'the drain', draining);
  assert.is(body.devices, 1);
  assert.is(body.behind[0].branch, 'B001');
  assert.ok(body.behind[0].entries > 0);
  assert.equal((await relay.admin('POST', '/v1/control/drain', {})).body, body, 'asked again: the same end');
});

test('waiting has a limit, and draining needs an operator', async () => {
  await using relay = await RunningRelay.open();
  assert.is((await relay.admin('POST', '/v1/control/drain', { waitMs: 600_001 })).status, 400);
  assert.is((await relay.call('POST', '/v1/control/drain', { body: {} })).status, 401);
  assert.is((await relay.call('GET', '/readyz')).status, 200);
});

test.run();
