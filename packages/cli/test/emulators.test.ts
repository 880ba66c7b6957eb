/** Bytes in words, and the emulated parties as programs. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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
  return await within(5_000, 'the answer', answer);
}

test.run();
