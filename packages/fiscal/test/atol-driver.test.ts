/** The driver of the ATOL web server keeps the contract of drivers, and its numbers keep a job from being done twice. */
import { ManualClock, systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../../test/support/within.ts';
import { KktError } from '../src/errors.ts';
import { type AtolCall, type AtolRequest, httpAtolCall } from '../src/kkt/atol/call.ts';
import { AtolDriver, JOBS_MAX, jobNumber } from '../src/kkt/atol/driver.ts';
import { AtolQueue, CALLS_MAX, JOB_LIMIT_MS } from '../src/kkt/atol/queue.ts';
import { receiptTask } from '../src/kkt/atol/receipt-task.ts';
import { kktDriverSuite, saleOf } from '../src/kkt/driver-suite.ts';
import { AtolServer } from '../src/kkt/emulator/atol-server.ts';
import { KktEmulator } from '../src/kkt/emulator/kkt-emulator.ts';
import { drive } from './support/drive.ts';
import { handsOf, kktScene } from './support/kkt-scene.ts';

const test = suite('atol driver');
const clock = systemClock();
const QUICK = { commandMs: 0, registerMs: 1, stripMs: 5 } as const;

kktDriverSuite({
  test: (name, run) => test(`in memory: ${name}`, run),
  setup: async () => kktScene('atol'),
  hasHands: true,
});

kktDriverSuite({
  test: (name, run) => test(`HTTP: ${name}`, run),
  setup: async () => {
    const emulator = new KktEmulator({ clock, ...QUICK });
    const server = new AtolServer({ emulator, onFailure: (error) => assert.unreachable(String(error)) });
    const listening = await server.listen('127.0.0.1', 0);
    const call = httpAtolCall({ host: '127.0.0.1', port: listening.port, clock });
    return {
      driver: new AtolDriver({ call, clock, newUuid: () => crypto.randomUUID() }),
      drive: (work) => within(20_000, 'the web server', work),
      pass: (ms) => clock.sleep(Math.min(ms, 10)),
      hands: handsOf(emulator),
      teardown: () => listening.close(),
    };
  },
  hasHands: true,
});

async function failure(work: Promise<unknown>): Promise<KktError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KktError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

test('sums are rubles written exactly, never the rest of a division', () => {
  const receipt = saleOf('m', {
    items: [{ name: 'x', quantityMilli: 1001, unitPriceMinor: 5005, totalMinor: 5010, vat: 'none' }],
    payments: { cashMinor: 5010 },
    totalMinor: 5010,
  });
  const text = JSON.stringify(
    receiptTask(receipt, { ffd: '1.2', day: '2026-01-01', taxSystems: ['general'] }),
  );
  assert.match(text, '"price":50.05');
  assert.match(text, '"amount":50.1');
  assert.match(text, '"quantity":1.001');
  for (let minor = 0; minor < 100_000; minor += 7) {
    assert.match(JSON.stringify(minor / 100), /^\d+(\.\d{1,2})?$/);
  }
});

test('G6: killed after posting, the next life finds the job under the same number', async () => {
  const scene = kktScene('atol');
  await scene.drive(scene.driver.openShift(undefined));
  const sale = saleOf('order-1');
  await scene.drive(scene.driver.beginReceipt(sale));
  // The first life posts and dies at once.
  const controller = new AbortController();
  const first = scene.driver.closeReceipt(sale, { signal: controller.signal }).catch(() => 'dead');
  await scene.clock.advance(3);
  controller.abort(new Error('killed'));
  assert.is(await first, 'dead');
  const second = scene.restart();
  // Begun before anything tells that the first job is done: same storage, same last document, same mark.
  const seed = `${scene.emulator.device.storage.fn}/${scene.emulator.device.storage.lastFd}/order-1`;
  assert.is(jobNumber(seed, 0), jobNumber(seed, 0));
  assert.is.not(jobNumber(seed, 0), jobNumber(seed, 1));
  const status = await scene.drive(second.status());
  assert.is(status.lastFd, 3, 'the question was answered after the job');
  await scene.drive(second.close());
});

test('G6: a job that was certainly refused does not stand for the next attempt', async () => {
  const scene = kktScene('atol');
  await scene.drive(scene.driver.openShift(undefined));
  const sale = saleOf('order-2');
  for (const code of [13, 13]) {
    scene.emulator.faults.add([{ fault: 'refuse', command: 'close-receipt', code }]);
    await scene.drive(scene.driver.beginReceipt(sale));
    const error = await failure(scene.drive(scene.driver.closeReceipt(sale)));
    assert.equal([error.code, error.outcome], ['KKT_REFUSED', 'refused']);
  }
  await scene.drive(scene.driver.beginReceipt(sale));
  assert.is((await scene.drive(scene.driver.closeReceipt(sale))).fd, 3);
});

test('JOBS_MAX refused jobs of one receipt are enough', async () => {
  const scene = kktScene('atol');
  await scene.drive(scene.driver.openShift(undefined));
  const sale = saleOf('order-3');
  scene.emulator.faults.add([{ fault: 'refuse', command: 'close-receipt', code: 13, times: JOBS_MAX }]);
  let last: KktError | undefined;
  for (let attempts = 0; attempts <= JOBS_MAX; attempts += 1) {
    await scene.drive(scene.driver.beginReceipt(sale));
    last = await failure(scene.drive(scene.driver.closeReceipt(sale)));
  }
  assert.equal([last?.code, last?.outcome], ['KKT_ATTEMPTS_EXHAUSTED', 'refused']);
});

test('a blocked queue says so and leaves the outcome open', async () => {
  const manual = new ManualClock();
  const emulator = new KktEmulator({ clock: manual, ...QUICK });
  const server = new AtolServer({
    emulator,
    onFailure: (error) => assert.unreachable(String(error)),
    blocksOnError: true,
  });
  const driver = new AtolDriver({ call: server.call(), clock: manual, newUuid: () => crypto.randomUUID() });
  await failure(drive(manual, driver.closeShift(undefined)));
  const error = await failure(drive(manual, driver.openShift(undefined)));
  assert.equal([error.code, error.outcome], ['KKT_QUEUE_BLOCKED', 'unknown']);
  server.unblock();
  assert.is((await drive(manual, driver.status())).lastFd, 2, 'what waited was carried out');
});

/** A server that says what the script says, whatever it is asked. */
function scripted(answers: readonly { status: number; body: unknown }[]): {
  call: AtolCall;
  calls: AtolRequest[];
} {
  const calls: AtolRequest[] = [];
  const call: AtolCall = async (request) => {
    const answer = answers[Math.min(calls.length, answers.length - 1)]!;
    calls.push(request);
    return { status: answer.status, body: JSON.stringify(answer.body) };
  };
  return { call, calls };
}

test('every end of a job has its meaning', async () => {
  const ends: readonly (readonly [object, string, string])[] = [
    [{ status: 'error', error: { code: 44, description: 'paper' } }, 'KKT_PAPER_OUT', 'refused'],
    [{ status: 'error', error: { code: 2, description: 'link' } }, 'KKT_NO_ANSWER', 'unknown'],
    [{ status: 'error', error: { code: 177, description: 'interrupted' } }, 'KKT_STATE_INVALID', 'unknown'],
    [{ status: 'error', error: { code: 9999, description: '?' } }, 'KKT_REFUSED', 'refused'],
    [{ status: 'interrupted' }, 'KKT_NO_ANSWER', 'unknown'],
    [{ status: 'canceled' }, 'KKT_NO_ANSWER', 'unknown'],
    [{ status: 'blocked' }, 'KKT_QUEUE_BLOCKED', 'unknown'],
  ];
  for (const [end, code, outcome] of ends) {
    const { call } = scripted([{ status: 200, body: { results: [end] } }]);
    const error = await failure(new AtolQueue({ call, clock }).run('u', [{ type: 'sell' }], undefined));
    assert.equal([error.code, error.outcome], [code, outcome], JSON.stringify(end));
  }
  const wrong = [
    [401, 'KKT_PASSWORD_WRONG'],
    [500, 'KKT_PROTOCOL'],
  ] as const;
  for (const [status, code] of wrong) {
    const { call } = scripted([{ status, body: {} }]);
    assert.is((await failure(new AtolQueue({ call, clock }).run('u', [], undefined))).code, code);
  }
});

test('a job that never ends is given up after JOB_LIMIT_MS, a dead server after CALLS_MAX', async () => {
  const manual = new ManualClock();
  const { call } = scripted([{ status: 200, body: { results: [{ status: 'wait' }] } }]);
  const endless = new AtolQueue({ call, clock: manual }).run('u', [{ type: 'sell' }], undefined);
  const error = await failure(drive(manual, endless));
  assert.equal([error.code, error.outcome], ['KKT_NO_ANSWER', 'unknown']);
  assert.ok(manual.monotonicMs() >= JOB_LIMIT_MS);
  let calls = 0;
  const dead: AtolCall = async () => {
    calls += 1;
    throw new KktError('KKT_LINE_FAILED', 'refused', { outcome: 'unsent' });
  };
  const down = await failure(
    drive(manual, new AtolQueue({ call: dead, clock: manual }).run('u', [], undefined)),
  );
  assert.equal([down.code, calls], ['KKT_LINE_FAILED', CALLS_MAX]);
});

test('a server that is not there is a line that failed', async () => {
  const call = httpAtolCall({ host: '127.0.0.1', port: 1, clock });
  const error = await failure(call({ method: 'GET', path: '/' }, {}));
  assert.equal([error.code, error.outcome], ['KKT_LINE_FAILED', 'unsent']);
  const reason = new Error('enough');
  try {
    await call({ method: 'GET', path: '/' }, { signal: AbortSignal.abort(reason) });
    assert.unreachable();
  } catch (thrown) {
    assert.is(thrown, reason);
  }
});

test.run();
