// limit: 120 s
/** 200 branches lose the relay and all come back in the same instant. */
import type { Connection } from '@branchline/wire';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Device, enrolDevice } from '../../test/support/device.ts';
import { until } from '../../test/support/within.ts';
import { RunningRelay } from './support/running.ts';

const test = suite('relay fleet return');

const BRANCHES = 200;
/** What two equal peers may spend on finding that out: handshake, one message each way, keepalive. */
const BYTES_PER_RETURN_MAX = 4_096;

async function dialAll(devices: readonly Device[]): Promise<Connection<unknown>[]> {
  return await Promise.all(devices.map((device) => device.dial()));
}

function isLevel(device: Device): boolean {
  return device.replicator
    .progress()
    .some((peer) => peer.phase === 'live' && peer.missingThere + peer.missingHere === 0);
}

test('all are served, and a branch with nothing new spends one round trip of at most 4 KiB', async () => {
  await using relay = await RunningRelay.open();
  const codes = Array.from({ length: BRANCHES }, (_, at) => `B${String(at + 1).padStart(3, '0')}`);
  const tokens = await relay.tokens(...codes);
  const devices: Device[] = [];
  for (const [at, token] of tokens.entries()) {
    const device = await enrolDevice(relay.url, token);
    await device.write(`orders/${codes[at]}`, { total: at });
    devices.push(device);
  }
  const first = await dialAll(devices);
  await until(30_000, 'everybody level', () => devices.every(isLevel));
  for (const connection of first) {
    connection.close();
  }
  await until(30_000, 'everybody away', async () => {
    const { body } = await relay.admin('GET', '/v1/fleet');
    return body.branches.every((row: { state: string }) => row.state === 'offline');
  });

  const second = await dialAll(devices);
  await until(30_000, 'everybody level again', () => devices.every(isLevel));
  const bytes = second.map(({ counters }) => counters.bytesIn + counters.bytesOut);
  assert.ok(Math.max(...bytes) <= BYTES_PER_RETURN_MAX, `${Math.max(...bytes)} bytes`);
  const { body } = await relay.admin('GET', '/v1/fleet');
  assert.is(body.branches.filter((row: { state: string }) => row.state === 'online').length, BRANCHES);
  assert.equal(body.relay.refusals, {});
  for (const connection of second) {
    connection.close();
  }
});

test.run();
