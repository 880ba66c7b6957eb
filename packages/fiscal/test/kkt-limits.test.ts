/** Limits of the ways to a device that no ordinary receipt reaches: each is reached here. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { ManualClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../../test/support/within.ts';
import { KktError } from '../src/errors.ts';
import { ANSWER_BYTES_MAX, CALL_LIMIT_MS, httpAtolCall } from '../src/kkt/atol/call.ts';
import { PATH } from '../src/kkt/atol/queue.ts';
import { AtolServer, BODY_BYTES_MAX, JOBS_KEPT_MAX } from '../src/kkt/emulator/atol-server.ts';
import { KktEmulator } from '../src/kkt/emulator/kkt-emulator.ts';
import { PARTS_MAX as PIRIT_PARTS_MAX, readPiritTags } from '../src/kkt/pirit/status.ts';
import { PARTS_MAX, readDocumentTags } from '../src/kkt/shtrih/documents.ts';
import { FieldReader, FieldWriter } from '../src/kkt/shtrih/fields.ts';
import { CONNECT_LIMIT_MS, tcpLine } from '../src/kkt/tcp-line.ts';

const test = suite('limits on the way to a device');
const HOST = '127.0.0.1';

async function serving(listener: RequestListener, run: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  try {
    await run((server.address() as { port: number }).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof KktError ? `${error.code} ${error.outcome}` : String(error);
  }
  return 'nothing';
}

test('ANSWER_BYTES_MAX: an answer without end is cut off, and nobody knows what was done', async () => {
  const endless: RequestListener = (_, response) => {
    response.end(Buffer.alloc(ANSWER_BYTES_MAX + 1, 32));
  };
  await serving(endless, async (port) => {
    const call = httpAtolCall({ host: HOST, port, clock: new ManualClock() });
    assert.is(await codeOf(call({ method: 'GET', path: '/' }, {})), 'KKT_NO_ANSWER unknown');
  });
});

test('CALL_LIMIT_MS: a server that says nothing is given up', async () => {
  let asked = 0;
  const silent: RequestListener = () => {
    asked += 1;
  };
  await serving(silent, async (port) => {
    const clock = new ManualClock();
    const call = httpAtolCall({ host: HOST, port, clock });
    const refused = codeOf(call({ method: 'GET', path: '/' }, {}));
    await until(30_000, 'the call', async () => asked === 1);
    await clock.advance(CALL_LIMIT_MS);
    assert.is(await refused, 'KKT_NO_ANSWER unknown');
  });
});

test('CONNECT_LIMIT_MS: a connection that is never made is given up, and nothing was sent', async () => {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as { port: number };
  const clock = new ManualClock();
  let limitMs = 0;
  // All of the limit passes before the handshake had any time.
  clock.setTimer = (ms, late) => {
    limitMs = ms;
    queueMicrotask(late);
    return { cancel: () => undefined };
  };
  assert.is(await codeOf(tcpLine({ host: HOST, port, clock })({})), 'KKT_LINE_FAILED unsent');
  assert.is(limitMs, CONNECT_LIMIT_MS);
  server.close();
});

test('BODY_BYTES_MAX and JOBS_KEPT_MAX: the emulated web server holds no more than it says', async () => {
  const clock = new ManualClock();
  const emulator = new KktEmulator({ clock });
  const server = new AtolServer({ emulator, onFailure: () => undefined });
  const reached = await server.listen(HOST, 0);
  try {
    const call = httpAtolCall({ host: HOST, port: reached.port, clock });
    const post = (body: string) => call({ method: 'POST', path: PATH, body }, {});
    assert.match(await codeOf(post('x'.repeat(BODY_BYTES_MAX + 1))), /unknown$/);
  } finally {
    await reached.close();
  }
  const call = server.call();
  const job = (at: number) => ({ uuid: `job-${at}`, request: [{ type: 'getFnInfo' }] });
  for (let at = 0; at <= JOBS_KEPT_MAX; at += 1) {
    const posted = call({ method: 'POST', path: PATH, body: JSON.stringify(job(at)) }, {});
    await clock.advance(1);
    await posted;
  }
  const look = async (at: number): Promise<number> => {
    const asked = call({ method: 'GET', path: `${PATH}/job-${at}` }, {});
    await clock.advance(1);
    return (await asked).status;
  };
  assert.equal([await look(0), await look(1), await look(JOBS_KEPT_MAX)], [404, 200, 200]);
});

test('PARTS_MAX: a device that never ends a document is not read for ever', async () => {
  let parts = 0;
  const shtrih = async (command: string): Promise<FieldReader> => {
    if (command === 'document-part') parts += 1;
    // Twelve bytes at a time: the count ends it before the size of a document does.
    const fields = new FieldWriter();
    return new FieldReader(
      (command === 'document-part' ? fields.bytes(Uint8Array.of(0xe7, 3, 0, 0)) : fields.number(3, 2)).done(),
    );
  };
  await readDocumentTags(shtrih as never, 1, {});
  assert.is(parts, PARTS_MAX);
  parts = 0;
  const pirit = async (command: string): Promise<string[]> => {
    if (command === 'document-part') parts += 1;
    return command === 'document-part' ? ['00'] : command === 'select-document' ? ['3', '99999999'] : ['1'];
  };
  await readPiritTags(pirit as never, 1);
  assert.is(parts, PIRIT_PARTS_MAX);
});

test.run();
