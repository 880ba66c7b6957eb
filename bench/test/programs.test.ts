/** The programs a measurement is made of: how they start, how they fail, what they send. */
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { orderRequest } from '@branchline/model';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import type { BenchContext } from '../src/bench-case.ts';
import { BenchError } from '../src/errors.ts';
import { EventWatch } from '../src/system/event-watch.ts';
import { measureSales } from '../src/system/measure.ts';
import { catalogOf, orderBodies } from '../src/system/orders.ts';
import { processCpuMs } from '../src/system/process-cpu.ts';
import { runProgram, startProgram } from '../src/system/program.ts';

const clock = systemClock();
const { signal } = new AbortController();

const contextIn = (workDir: string): BenchContext => ({
  clock,
  seed: 1,
  workDir,
  scale: 0.01,
  settings: {},
  signal,
  progress: () => {},
});

const failureOf = async (promise: Promise<unknown>): Promise<BenchError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, BenchError);
  return error as BenchError;
};

const script = async (dir: TempDir, text: string): Promise<string> => {
  const path = join(dir.path, 'script.mjs');
  await writeFile(path, text);
  return path;
};

const serve = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const programs = suite('programs');

programs('a program is known by its first line, and is gone when stopped', async () => {
  await using dir = await TempDir.open('bench');
  const path = await script(dir, `console.log('{"event":"listening"}'); setInterval(() => {}, 1000);`);
  const program = await startProgram(path, { clock, signal });
  assert.equal(program.first, { event: 'listening' });
  assert.ok(program.pid > 0);
  await program.stop();
  await program.stop();
  assert.throws(() => process.kill(program.pid, 0));
});

programs('a program is told by its input, and stopped by the signal of the run', async () => {
  await using dir = await TempDir.open('bench');
  const path = await script(
    dir,
    `let text = ''; for await (const chunk of process.stdin) text += chunk; console.log(text); setInterval(() => {}, 1000);`,
  );
  const interrupt = new AbortController();
  const program = await startProgram(path, { clock, signal: interrupt.signal, input: { a: 1 } });
  assert.equal(program.first, { a: 1 });
  interrupt.abort();
  await program.stop();
  assert.throws(() => process.kill(program.pid, 0));
});

programs('BENCH_PROGRAM_FAILED: a program that dies takes its last words along', async () => {
  await using dir = await TempDir.open('bench');
  const path = await script(dir, `console.error('error PORT_TAKEN: no'); process.exit(1);`);
  const error = await failureOf(startProgram(path, { clock, signal }));
  assert.is(error.code, 'BENCH_PROGRAM_FAILED');
  assert.match(error.message, 'PORT_TAKEN');
  const prose = await script(dir, `console.log('Listening on port 80');`);
  assert.is((await failureOf(runProgram(prose, { clock, signal }))).code, 'BENCH_PROGRAM_FAILED');
});

programs('BENCH_TIMEOUT: a program that says nothing is stopped', async () => {
  await using dir = await TempDir.open('bench');
  const path = await script(dir, 'setInterval(() => {}, 1000);');
  assert.is((await failureOf(startProgram(path, { clock, signal, timeoutMs: 300 }))).code, 'BENCH_TIMEOUT');
});

programs('BENCH_REQUEST_FAILED: a sale that is refused ends the measurement with the refusal', async () => {
  await using dir = await TempDir.open('bench');
  const server = createServer((_, response) => response.writeHead(409).end('{"code":"SHIFT_CLOSED"}'));
  const url = await serve(server);
  const load = { url, keyPrefix: 't', tills: 1, warmup: 1, count: 5, limitMs: 5_000 };
  const error = await failureOf(measureSales(contextIn(dir.path), load));
  server.close();
  assert.is(error.code, 'BENCH_REQUEST_FAILED');
  assert.match(error.message, 'SHIFT_CLOSED');
});

programs('every till sells with a token of its own and every sale has a key of its own', async () => {
  await using dir = await TempDir.open('bench');
  const seen = { tokens: new Set<unknown>(), keys: new Set<unknown>() };
  const server = createServer((request, response) => {
    seen.tokens.add(request.headers.authorization);
    seen.keys.add(request.headers['idempotency-key']);
    request.resume().on('end', () => response.writeHead(201).end('{}'));
  });
  const url = await serve(server);
  const load = {
    url,
    keyPrefix: 't',
    tills: 3,
    tokens: ['a', 'b', 'c'],
    warmup: 3,
    count: 30,
    limitMs: 5_000,
  };
  const { samplesMs } = await measureSales(contextIn(dir.path), load);
  server.close();
  assert.is(samplesMs.length, 30);
  assert.equal([...seen.tokens].sort(), ['Bearer a', 'Bearer b', 'Bearer c']);
  assert.is(seen.keys.size, 33);
});

programs('CPU time of a process can be read, and of none is not there', async () => {
  const cpuMs = await processCpuMs(process.pid);
  assert.ok(cpuMs === undefined || cpuMs > 0);
  assert.is(await processCpuMs(2 ** 30), undefined);
});

programs.run();

const orders = suite('orders of the load');

orders('a seed is a load: every process of a run sells the same', () => {
  const catalog = catalogOf(3, 200);
  assert.equal(orderBodies(3, catalog, 20), orderBodies(3, catalogOf(3, 200), 20));
  assert.not.equal(orderBodies(3, catalog, 20), orderBodies(4, catalog, 20));
});

orders('every order is a valid request, paid in full', () => {
  const catalog = catalogOf(1, 200);
  const prices = new Map<string, number>(catalog.map((row) => [row.sku, row.priceMinor]));
  for (const body of orderBodies(1, catalog, 200)) {
    const order = orderRequest.parse(JSON.parse(Buffer.from(body).toString('utf8')));
    const totalMinor = order.lines.reduce((sum, line) => sum + prices.get(line.sku)!, 0);
    assert.ok(order.payments[0]!.amountMinor >= totalMinor);
  }
});

orders.run();

const events = suite('event watch');

events('an event is found by what it carries, also when it came before it was asked for', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: 1.1\nevent: order.accepted\ndata: {"id":"a"}\n\nid: 2.1\nevent: order.acc');
    response.write('epted\ndata: {"id":"b"}\n\n');
  });
  const node = { url: await serve(server), pid: 0, dataDir: '', tokens: ['t'] };
  const fromMs = clock.monotonicMs();
  const watch = await EventWatch.open(clock, node);
  const b = await watch.when('"b"', fromMs, 5_000);
  const a = await watch.when('"a"', fromMs, 5_000);
  assert.ok(b !== undefined && a !== undefined && a <= b);
  assert.is(
    await watch.when('"a"', a + 0.001 + clock.monotonicMs(), 0),
    undefined,
    'not before it was asked from',
  );
  assert.is(await watch.when('"c"', fromMs, 10), undefined);
  watch.close();
  server.closeAllConnections();
  server.close();
});

events('a refused stream is an error', async () => {
  const server = createServer((_, response) => response.writeHead(401).end());
  const node = { url: await serve(server), pid: 0, dataDir: '', tokens: ['t'] };
  assert.is((await failureOf(EventWatch.open(clock, node))).code, 'BENCH_REQUEST_FAILED');
  server.closeAllConnections();
  server.close();
});

events.run();
