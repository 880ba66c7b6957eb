/**
 * The contract of drivers over real lines, on the real clock: TCP, and a serial port at each end of a pair of pseudo
 * terminals. Without `socat` the second half is skipped, and says so.
 */
import { connect } from 'node:net';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../../test/support/within.ts';
import { KktError } from '../src/errors.ts';
import type { OpenLine } from '../src/kkt/byte-line.ts';
import type { KktDriver } from '../src/kkt/driver.ts';
import { type KktUnderTest, kktDriverSuite } from '../src/kkt/driver-suite.ts';
import { KktEmulator, LINES_MAX } from '../src/kkt/emulator/kkt-emulator.ts';
import { PiritServer } from '../src/kkt/emulator/pirit-server.ts';
import { ShtrihServer } from '../src/kkt/emulator/shtrih-server.ts';
import { PiritDriver } from '../src/kkt/pirit/driver.ts';
import { serialLine } from '../src/kkt/serial-line.ts';
import { ShtrihDriver } from '../src/kkt/shtrih/driver.ts';
import { tcpLine } from '../src/kkt/tcp-line.ts';
import { handsOf } from './support/kkt-scene.ts';
import { hasSocat, openPtyPair } from './support/pty-pair.ts';

const clock = systemClock();
const QUICK = { commandMs: 0, registerMs: 1, stripMs: 5 } as const;
const HOST = '127.0.0.1';
const LIMIT_MS = 20_000;

type Spoken = 'v1' | 'v2' | 'pirit';

function emulate(spoken: Spoken = 'v1'): { emulator: KktEmulator; server: ShtrihServer | PiritServer } {
  const emulator = new KktEmulator({ clock, ...QUICK });
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const options = { emulator, onFailure };
  return { emulator, server: spoken === 'pirit' ? new PiritServer(options) : new ShtrihServer(options) };
}

function driverOf(spoken: Spoken, openLine: OpenLine, emulator: KktEmulator): KktDriver {
  if (spoken !== 'pirit') return new ShtrihDriver({ openLine, clock, protocol: spoken });
  return new PiritDriver({ openLine, clock, wallSeconds: () => emulator.device.nowSeconds });
}

const real = {
  drive: <T>(work: Promise<T>): Promise<T> => within(LIMIT_MS, 'the device', work),
  /** Strips take 5 ms here. */
  pass: (ms: number): Promise<void> => clock.sleep(Math.min(ms, 10)),
};

async function overTcp(spoken: Spoken): Promise<KktUnderTest> {
  const { emulator, server } = emulate(spoken);
  const listening = await server.listen(HOST, 0);
  const openLine = tcpLine({ host: HOST, port: listening.port, clock });
  return {
    ...real,
    driver: driverOf(spoken, openLine, emulator),
    hands: {
      ...handsOf(emulator),
      // A limit of half a minute is waited for elsewhere; here the cut connection says it at once.
      loseNextCloseAnswer: () => emulator.faults.add([{ fault: 'line-drop', command: 'close-receipt' }]),
    },
    teardown: () => listening.close(),
  };
}

async function overSerial(spoken: Spoken): Promise<KktUnderTest> {
  const { emulator, server } = emulate(spoken);
  const pair = await openPtyPair();
  const listening = await server.listenSerial(pair.device);
  const openLine = serialLine({ path: pair.host, baudRate: 115_200 });
  return {
    ...real,
    driver: driverOf(spoken, openLine, emulator),
    hands: {
      ...handsOf(emulator),
      loseNextCloseAnswer: () => emulator.faults.add([{ fault: 'corrupt-reply', command: 'close-receipt' }]),
    },
    async teardown() {
      await listening.close();
      await pair.close();
    },
  };
}

const test = suite('kkt lines');

for (const spoken of ['v1', 'v2', 'pirit'] as const) {
  kktDriverSuite({
    test: (name, run) => test(`TCP, ${spoken}: ${name}`, run),
    setup: () => overTcp(spoken),
    hasHands: true,
  });
  const serial = hasSocat ? test : test.skip;
  kktDriverSuite({
    test: (name, run) => serial(`serial port, ${spoken}: ${name}`, run),
    setup: () => overSerial(spoken),
    hasHands: true,
  });
}

if (!hasSocat) process.stdout.write('SKIPPED: drivers over a serial port, because socat is not installed\n');

async function failure(work: Promise<unknown>): Promise<KktError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KktError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

test('a port nobody listens on and a path that is none are lines that cannot be opened', async () => {
  const { server } = emulate();
  const listening = await server.listen(HOST, 0);
  await listening.close();
  const tcp = await failure(tcpLine({ host: HOST, port: listening.port, clock })({}));
  assert.equal([tcp.code, tcp.outcome], ['KKT_LINE_FAILED', 'unsent']);
  const serial = await failure(serialLine({ path: '/dev/no-such-port', baudRate: 115_200 })({}));
  assert.equal([serial.code, serial.outcome], ['KKT_LINE_FAILED', 'unsent']);
});

test('opening a line ends by its signal', async () => {
  const reason = new Error('enough');
  for (const open of [
    tcpLine({ host: HOST, port: 1, clock }),
    serialLine({ path: '/dev/null', baudRate: 9600 }),
  ]) {
    try {
      await open({ signal: AbortSignal.abort(reason) });
      assert.unreachable();
    } catch (error) {
      assert.is(error, reason);
    }
  }
});

test('the emulator takes LINES_MAX connections and closes the next', async () => {
  const { server } = emulate();
  const listening = await server.listen(HOST, 0);
  const sockets = Array.from({ length: LINES_MAX + 1 }, () => connect(listening.port, HOST));
  const closed = new Promise((resolve) => {
    for (const socket of sockets) socket.once('close', resolve).resume();
  });
  await within(30_000, 'one is turned away', closed);
  await clock.sleep(50);
  assert.is(sockets.filter((socket) => !socket.destroyed && socket.readyState === 'open').length, LINES_MAX);
  for (const socket of sockets) socket.destroy();
  await listening.close();
});

test.run();
