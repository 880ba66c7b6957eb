/** Bytes in words, and the emulated parties as programs. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ShtrihDriver, tcpLine } from '@branchline/fiscal';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { within } from '../../../test/support/within.ts';
import { parseListenAddress } from '../src/listen-address.ts';
import { branchline } from './support/command-line.ts';
import { Started } from './support/started.ts';

interface Vector {
  readonly id: string;
  readonly kind: string;
  readonly hex: string;
}

const fixtures = new URL('../../fiscal/test/fixtures/ofd-vectors.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(fixtures, 'utf8')) as { vectors: Vector[] };
const first = (kind: string): Vector => vectors.find((vector) => vector.kind === kind)!;

/** A report on a new registration: any storage sends one first. */
const DOCUMENT = 'session-reregistration-report';

const test = suite('cli emulators');

test('a session is read from standard input as the operator would read it', async () => {
  const { hex } = first('sessionMessage');
  const { code, out } = await branchline(['fiscal', 'decode', '--as', 'session', '--json'], {
    input: `${hex}\n`,
  });
  assert.is(code, 0);
  assert.is(out.trim().split('\n').length, 1);
  const json = JSON.parse(out);
  assert.match(json.fn ?? json.session.fn, /^\d{16}$/);
});

test('a format nobody knows is refused with the list of those there are', async () => {
  const { code, err } = await branchline(['fiscal', 'decode', '--as', 'morse'], { input: '00' });
  assert.is(code, 1);
  assert.match(err, /^error HEX_FORMAT_UNKNOWN: .+ session, container, document/);
  const odd = await branchline(['fiscal', 'decode', '--as', 'session'], { input: 'zz' });
  assert.match(odd.err, /^error HEX_INVALID: /);
});

test('an address is HOST:PORT and nothing else', async () => {
  assert.equal(parseListenAddress('127.0.0.1:0'), { host: '127.0.0.1', port: 0 });
  assert.equal(parseListenAddress('[::1]:7777'), { host: '::1', port: 7777 });
  assert.is((await branchline(['ofd', 'mock', '--listen', 'somewhere'])).code, 2);
  assert.is((await branchline(['ofd', 'mock', '--listen', '127.0.0.1:70000'])).code, 2);
});

test('the mock operator acknowledges, shows what it has, and breaks on order', async () => {
  await using ofd = await Started.open('ofd', 'mock', '--listen', '127.0.0.1:0');
  const control = String(ofd.said.controlUrl);
  const [host, port] = String(ofd.said.address).split(':') as [string, string];
  const script = (body: string, headers = {}) =>
    fetch(`${control}/faults`, { method: 'POST', body, headers });

  assert.ok((await exchange(host, Number(port))).length > 0);
  const ledger = (await (await fetch(`${control}/ledger`)).json()) as { acknowledged: number }[];
  assert.equal(
    ledger.map(({ acknowledged }) => acknowledged),
    [1],
  );

  assert.is((await script('{"behaviour":{"kind":"drop","at":"message"},"times":1}')).status, 200);
  assert.is((await exchange(host, Number(port))).length, 0);
  const refused = (await (await script('{"behaviour":{"kind":"sleep"}}')).json()) as { code: string };
  assert.is(refused.code, 'CONFIG_INVALID');
  assert.is((await script('[]', { origin: 'https://elsewhere.example' })).status, 403);
  const long = (await (await script(' '.repeat(300_000))).json()) as { code: string };
  assert.is(long.code, 'INPUT_TOO_LARGE');
  assert.is((await fetch(`${control}/faults`, { method: 'DELETE' })).status, 200);
  assert.is((await fetch(`${control}/elsewhere`)).status, 404);

  const taken = await branchline(['ofd', 'mock', '--listen', String(ofd.said.address)]);
  assert.match(taken.err, /^error EMULATOR_LISTEN: /);
  assert.is(await ofd.stop(), 0);
});

test('the emulated register serves a driver, breaks on order, and goes on where it stopped', async () => {
  await using dir = await TempDir.open('kkt');
  const data = join(dir.path, 'kkt.json');
  const faults = join(dir.path, 'faults.json');
  await writeFile(faults, '[{"fault":"refuse","command":"open-shift","code":51}]');
  const start = ['kkt', 'emulate', '--port', '127.0.0.1:0', '--data', data];
  await using kkt = await Started.open(...start, '--faults', faults);
  assert.match(String(kkt.said.notice), /EMULATED/);
  const driver = driverAt(String(kkt.said.address));
  assert.is((await driver.status()).fn, '9999000000000001');
  await refused(driver.openShift(undefined));
  await driver.openShift(undefined);
  const call = async (path: string, body?: string) =>
    (
      await fetch(`${kkt.said.controlUrl}/${path}`, body === undefined ? {} : { method: 'POST', body })
    ).json();
  const state = (await call('state')) as { lastFd: number; shift: { isOpen: boolean }; faultsFired: number };
  assert.equal([state.lastFd, state.shift.isOpen, state.faultsFired], [2, true, 1]);
  const documents = (await call('documents')) as { fd: number; form: number; isAcknowledged: boolean }[];
  assert.equal(
    documents.map(({ fd, form, isAcknowledged }) => [fd, form, isAcknowledged]),
    [
      [1, 1, false],
      [2, 2, false],
    ],
  );
  await call('paper-out', '');
  assert.is((await driver.status()).hasPaper, false);
  await call('paper-in', '');
  for (const deed of ['cover-open', 'cover-close', 'swap-storage', 'restore-storage', 'power-cut']) {
    assert.equal(await call(deed, deed === 'power-cut' ? '{"ms":1}' : ''), {});
  }
  assert.is(((await call('power-cut', '{"ms":"long"}')) as { code: string }).code, 'CONFIG_INVALID');
  assert.is(((await call('faults', '{"fault":"sulk"}')) as { code: string }).code, 'KKT_FAULTS_INVALID');
  await driver.close();
  assert.is(await kkt.stop(), 0);

  await using again = await Started.open(...start);
  const later = driverAt(String(again.said.address));
  const status = await later.status();
  assert.equal([status.lastFd, status.shift.state], [2, 'open']);
  await later.close();
  assert.is(
    (await branchline(['kkt', 'emulate', '--port', '127.0.0.1:0', '--fn', '8710000100000001'])).code,
    2,
  );
  assert.is((await branchline(['kkt', 'emulate', '--port', '127.0.0.1:0', '--strip-ms', 'slow'])).code, 2);
  const gone = await branchline(['kkt', 'emulate', '--port', join(dir.path, 'no-such-tty')]);
  assert.match(gone.err, /^error EMULATOR_LISTEN: /);
});

function driverAt(address: string): ShtrihDriver {
  const [host, port] = address.split(':') as [string, string];
  const clock = systemClock();
  return new ShtrihDriver({ openLine: tcpLine({ host, port: Number(port), clock }), clock, protocol: 'v2' });
}

async function refused(work: Promise<unknown>): Promise<void> {
  const outcome = await work.then(
    () => 'carried out',
    () => 'refused',
  );
  assert.is(outcome, 'refused');
}

/** One document to the operator; what came back until it hung up. */
async function exchange(host: string, port: number): Promise<Buffer> {
  const { hex } = vectors.find(({ id }) => id === DOCUMENT)!;
  const answer = new Promise<Buffer>((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ host, port });
    socket.on('data', (part) => parts.push(part));
    socket.once('close', () => resolve(Buffer.concat(parts)));
    socket.once('error', reject);
    socket.end(Buffer.from(hex, 'hex'));
  });
  return await within(30_000, 'the answer', answer);
}

test.run();
