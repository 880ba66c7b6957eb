/** The parts of the demo: a link that can be cut, checks that must hold, programs that are watched. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seededRandom, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../../test/support/within.ts';
import { Checks } from '../src/demo/checks.ts';
import { Link } from '../src/demo/link.ts';
import { Program } from '../src/demo/program.ts';

const LIMIT_MS = 10_000;
const demo = suite('parts of the demo');

demo('a link carries bytes, refuses while it is cut, and carries them again on the same port', async () => {
  const server = createServer((_request, response) => response.end('here'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const link = await Link.open({
    target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
  });
  const ask = async (): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${link.port}`, { headers: { connection: 'close' } });
    return await answer.text();
  };
  assert.is(await ask(), 'here');
  await link.cut();
  assert.is(link.isCut, true);
  assert.is(await ask().catch(() => 'refused'), 'refused');
  await link.restore();
  assert.is(await ask(), 'here');
  await link.close();
  await new Promise((resolve) => server.close(resolve));
});

demo('checks that did not hold end in DEMO_SCENARIO_FAILED, naming the first', () => {
  const told: string[] = [];
  const checks = new Checks(({ name, held }) => told.push(`${name} ${held}`));
  checks.expectEqual('prices', new Map([['A', 1]]), new Map([['A', 1]]));
  checks.conclude();
  checks.expectEqual('stock', new Map([['A', 1]]), new Map([['A', 2]]));
  checks.expectEqual('points', new Map(), new Map());
  assert.equal(told, ['prices true', 'stock false', 'points false']);
  assert.throws(
    () => checks.conclude(),
    (error: { code?: string; message: string }) =>
      error.code === 'DEMO_SCENARIO_FAILED' && error.message.startsWith('2 of 3 checks did not hold: stock'),
  );
});

demo('a program that dies before it listens ends in DEMO_CHILD_DIED, with its last words', async () => {
  const started = Program.start({
    name: 'B001',
    args: [],
    command: [process.execPath, '-e', 'console.error("no disk"); process.exit(3)', '--'],
    clock: systemClock(),
    random: seededRandom(1),
  });
  const failure = await within(
    LIMIT_MS,
    'the program dying',
    started.then(
      () => undefined,
      (error: { code?: string; message: string; hint?: string }) => error,
    ),
  );
  assert.is(failure?.code, 'DEMO_CHILD_DIED');
  assert.match(failure?.message ?? '', 'exit code 3');
  assert.match(failure?.hint ?? '', 'no disk');
});

demo.run();
