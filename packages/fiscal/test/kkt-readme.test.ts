/** The example of devices in the README, and the sample fault script, as they stand there. */
import { readFileSync } from 'node:fs';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../../test/support/within.ts';
import {
  type JobJournal,
  KktEmulator,
  newJob,
  parseFaults,
  runJob,
  ShtrihDriver,
  ShtrihServer,
  tcpLine,
  withMark,
} from '../src/index.ts';
import { CASHIER, saleOf } from '../src/kkt/driver-suite.ts';

const test = suite('kkt readme');
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('a sale through an emulated device over TCP, by its public names', async () => {
  const clock = systemClock();
  const emulator = new KktEmulator({ clock, commandMs: 0, registerMs: 1, stripMs: 5 });
  const server = new ShtrihServer({ emulator, onFailure: (error) => assert.unreachable(String(error)) });
  const { port, close } = await server.listen('127.0.0.1', 0);
  const driver = new ShtrihDriver({ openLine: tcpLine({ host: '127.0.0.1', port, clock }), clock });
  await driver.openShift(CASHIER);
  const { fn } = await driver.status();
  const journal: JobJournal = { append: async () => undefined, ownerOf: () => undefined };
  const orderId = 'order-1';
  const sale = saleOf('');
  const receipt = withMark(sale, orderId);
  const { totalMinor } = sale;
  const state = newJob({
    job: orderId,
    fn,
    expected: { kind: 'receipt', form: 3, settlement: 'sale', totalMinor, mark: orderId },
  });
  const run = runJob(state, { kind: 'receipt', receipt }, { driver, journal, clock });
  const printed = await within(30_000, 'a printed receipt', run);
  assert.is(printed.phase, 'printed');
  assert.is((await driver.findDocument(emulator.device.storage.lastFd))?.mark, orderId);
  await driver.close();
  await close();
  assert.ok(readme.includes('runJob(state, { kind: '), 'the README shows these calls');
});

test('the fault script of the README is one', () => {
  const [, script = ''] = /```json\n([\s\S]*?)```/.exec(readme) ?? [];
  assert.is(parseFaults(JSON.parse(script)).length, 2);
});

test.run();
