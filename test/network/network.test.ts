// limit: 600 s
/**
 * A relay and three branches as real programs on hosts of their own, and what happens to networks: each fault is made with the kernel's own means
 * while all three sell, is healed, and within a bounded time every node is level with the relay. In the end the relay holds every acknowledged order of every branch.
 */
import { join } from 'node:path';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { addTill, isLevel, serveRelay } from '../crash/support/folders.ts';
import { json, Program } from '../crash/support/program.ts';
import { Tills } from '../crash/support/tills.ts';
import { verifyFolder } from '../crash/support/trial.ts';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';
import { Hosts, OUTSIDE } from './support/hosts.ts';
import { SlowProxy } from './support/slow-proxy.ts';

const BRANCHES = ['b001', 'b002', 'b003'] as const;
const RELAY_PORT = 8090;
const NODE_PORT = 8081;
const LEVEL_WITHIN_MS = 90_000;
const FAULT_MS = 4_000;
const STORM = 200;
const clock = systemClock();

interface Branch {
  readonly name: string;
  readonly url: string;
  readonly data: string;
  readonly tills: Tills;
  readonly node: Program;
}

const test = suite('a network that fails');
const opened: AsyncDisposable[] = [];
let hosts: Hosts;
let relayData: string;
let relay: Program;
const branches: Branch[] = [];
const healed: string[] = [];

function startRelay(): Program {
  const listen = `${hosts.address('relay')}:${RELAY_PORT}`;
  relay = new Program(serveRelay(relayData, listen), { under: hosts.under('relay') });
  opened.push(relay);
  return relay;
}

test.before(async () => {
  const dir = await TempDir.open('network');
  opened.push(dir);
  hosts = await Hosts.open('relay', ...BRANCHES);
  opened.push(hosts);
  relayData = join(dir.path, 'relay');
  await json('init', '--data', relayData, '--tenant', 'acme');
  const added = ['branch', 'add', 'B001', 'B002', 'B003', '--data', relayData];
  const { tokens } = await json<{ tokens: { token: string }[] }>(...added);
  await startRelay().url();
  // The third branch is far away: its line answers late and never twice alike.
  const far = await SlowProxy.open(OUTSIDE, { host: hosts.address('relay'), port: RELAY_PORT }, 150);
  opened.push(far);
  for (const [at, name] of BRANCHES.entries()) {
    const to = name === 'b003' ? `${OUTSIDE}:${far.port}` : `${hosts.address('relay')}:${RELAY_PORT}`;
    const data = join(dir.path, name);
    const listen = `${hosts.address(name)}:${NODE_PORT}`;
    const args = ['--relay', `http://${to}`, '--token', tokens[at]!.token, '--log', 'error'];
    const node = new Program(['node', '--data', data, '--listen', listen, ...args], {
      under: hosts.under(name),
    });
    opened.push(node);
    const url = await node.url();
    // Commands reach a node from its own host.
    branches.push({ name, url, data, node, tills: new Tills(await addTill(data), name) });
  }
  await allLevel('the beginning');
});

test.after(async () => {
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
});

async function allLevel(what: string): Promise<void> {
  for (const { name, url, tills } of branches) {
    await until(LEVEL_WITHIN_MS, `${name} level after ${what}`, () => isLevel(url, tills.token));
  }
}

/** Every branch sells while `fault` is on, and all are level after it is healed. */
async function through(
  what: string,
  fault: () => Promise<void>,
  heal: () => Promise<unknown>,
): Promise<void> {
  await fault();
  const sold = await Promise.all(branches.map(({ tills, url }) => tills.sell(url, { total: 5, atOnce: 2 })));
  assert.equal(sold.flat(), [], 'sales do not ask the network');
  await clock.sleep(FAULT_MS);
  await heal();
  await allLevel(what);
  healed.push(what);
}

const toRelay = `tcp dport ${RELAY_PORT}`;
const fromRelay = `tcp sport ${RELAY_PORT}`;

for (const [what, rules] of [
  [
    'a full cut',
    [
      ['output', `${toRelay} drop`],
      ['input', `${fromRelay} drop`],
    ],
  ],
  ['a cut of one way only', [['output', `${toRelay} drop`]]],
  [
    'a loss of 30 %',
    [
      ['output', `${toRelay} numgen random mod 100 < 30 drop`],
      ['input', `${fromRelay} numgen random mod 100 < 30 drop`],
    ],
  ],
  ['resets', [['output', `${toRelay} reject with tcp reset`]]],
] as const) {
  test(`${what}: sales go on, and everybody agrees afterwards`, () =>
    through(
      what,
      async () => {
        for (const [hook, rule] of rules) await hosts.rule('b001', hook, rule);
      },
      () => hosts.heal('b001'),
    ));
}

test('64 kbit: slow, and level all the same', () =>
  through(
    '64 kbit',
    () => hosts.slow('b002', '64kbit'),
    () => allLevel('64 kbit').then(() => hosts.heal('b002')),
  ));

test('a line that flaps: level afterwards', () =>
  through(
    'flapping',
    async () => {
      for (let flap = 0; flap < 8; flap += 1) {
        await hosts.link('b001', 'down');
        await clock.sleep(200);
        await hosts.link('b001', 'up');
        await clock.sleep(200);
      }
    },
    () => hosts.heal('b001'),
  ));

test('the relay is killed and comes back: level afterwards', () =>
  through(
    'a killed relay',
    async () => void (await relay.kill()),
    () => startRelay().url(),
  ));

test(`a storm of ${STORM} connections: the relay serves on, and the branches stay level`, () =>
  through(
    'a storm',
    async () => {
      const address = `ws://${hosts.address('relay')}:${RELAY_PORT}/v1/replicate`;
      const sockets = Array.from({ length: STORM }, () => new WebSocket(address));
      for (const socket of sockets) socket.on('error', () => undefined);
      await clock.sleep(1_000);
      const answer = await fetch(`http://${hosts.address('relay')}:${RELAY_PORT}/readyz`);
      assert.is(answer.status, 200, 'the relay answers in the middle of it');
      for (const socket of sockets) socket.terminate();
    },
    async () => undefined,
  ));

test('every acknowledged order of every branch is at the relay, and nothing else', async () => {
  const counts: [string, number][] = [];
  for (const { name, url, tills, node, data } of branches) {
    await tills.settle(url);
    counts.push([name.toUpperCase(), tills.acknowledged.length]);
    await node.stop();
    await verifyFolder(data);
  }
  await relay.stop();
  await verifyFolder(relayData);
  const { feeds } = await json<{ feeds: { feed: string; seq: number }[] }>('verify', '--data', relayData);
  for (const [code, count] of counts) {
    const seqs = feeds.filter(({ feed }) => feed.startsWith(`orders/${code}/`)).map(({ seq }) => seq);
    assert.equal(seqs, [count], code);
  }
  assert.is(healed.length, 8);
  figure('network faults healed, all level', healed.length, '8');
});

test.run();
