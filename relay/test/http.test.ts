/** The relay's HTTP side: health, enrolment, the operator's calls, and what is refused. */
import { generateDeviceKey } from '@branchline/feed';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { enrolDevice } from '../../test/support/device.ts';
import { within } from '../../test/support/within.ts';
import { BRANCHES_PER_CALL_MAX } from '../src/index.ts';
import { RunningRelay } from './support/running.ts';

const test = suite('relay http');

test('health and metrics are open; the fleet is not', async () => {
  await using relay = await RunningRelay.open();
  assert.equal(await relay.call('GET', '/healthz'), { status: 200, body: { status: 'alive' } });
  assert.equal(await relay.call('GET', '/readyz'), { status: 200, body: { status: 'ready' } });
  const metrics = await relay.call('GET', '/metrics');
  assert.match(metrics.body as string, /branchline_relay_connections 0/);
  for (const path of ['/v1/fleet', '/v1/events', '/v1/branches']) {
    const { status, body } = await relay.call('GET', path);
    assert.is(status, 401, path);
    assert.is(body.code, 'UNAUTHORIZED');
  }
  assert.is((await relay.admin('GET', '/v1/fleet')).body.relay.tenant, 'acme');
});

test('the console page is served with a policy that lets nothing else in', async () => {
  await using relay = await RunningRelay.open();
  const response = await fetch(relay.url);
  const html = await response.text();
  assert.match(html, /Branchline Console/);
  assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(html) ?? [];
  assert.is((await fetch(`${relay.url}${script}`)).status, 200);
});

test('200 branches in one call, each with a token of its own', async () => {
  await using relay = await RunningRelay.open();
  const codes = Array.from({ length: 200 }, (_, at) => `B${String(at + 1).padStart(3, '0')}`);
  const tokens = await relay.tokens(...codes);
  assert.is(new Set(tokens).size, 200);
  const rows = (await relay.admin('GET', '/v1/branches')).body.branches as {
    branch: string;
    state: string;
  }[];
  assert.equal(
    rows.map((row) => row.branch),
    codes,
  );
  assert.ok(rows.every((row) => row.state === 'invited'));
});

test('a token enrols one key, once; asking again with the same key gives the same answer', async () => {
  await using relay = await RunningRelay.open();
  const [token] = await relay.tokens('B001');
  const key = generateDeviceKey();
  const device = await enrolDevice(relay.url, token!, key);
  assert.is(device.key.writer, (await enrolDevice(relay.url, token!, key)).key.writer);
  const body = (publicKey: Uint8Array, shown = token) => ({
    token: shown,
    publicKey: Buffer.from(publicKey).toString('base64url'),
  });
  const enrol = (value: unknown) => relay.call('POST', '/v1/enrol', { body: value });
  const other = generateDeviceKey().publicKey;
  const used = await enrol(body(other));
  assert.equal([used.status, used.body.code], [409, 'TOKEN_USED']);
  assert.match(used.body.hint, /new token/);
  const unknown = await enrol(body(other, 'x'.repeat(43)));
  assert.equal([unknown.status, unknown.body.code], [403, 'TOKEN_UNKNOWN']);
  const short = await enrol({ token, publicKey: 'abc' });
  assert.equal([short.status, short.body.code], [400, 'REQUEST_INVALID']);
});

test('guessing tokens is slowed down after a few failures', async () => {
  await using relay = await RunningRelay.open();
  let status = 0;
  for (let attempt = 0; attempt < 30 && status !== 429; attempt++) {
    const answer = await relay.call('GET', '/v1/fleet', { token: `guess-${attempt}` });
    status = answer.status;
    assert.is(answer.body.code, status === 429 ? 'TOO_MANY_REQUESTS' : 'UNAUTHORIZED');
  }
  assert.is(status, 429);
});

test('rotation gives a token for a new key; the old one still counts', async () => {
  await using relay = await RunningRelay.open();
  const [token] = await relay.tokens('B001');
  const old = await enrolDevice(relay.url, token!);
  const { status, body } = await relay.admin('POST', '/v1/branches/B001/rotate');
  assert.is(status, 201);
  const next = await enrolDevice(relay.url, body.tokens[0].token);
  const connections = [await old.dial(), await next.dial()];
  for (const connection of connections) {
    connection.close();
  }
});

test('nonsense is refused with a code, by name, and nothing changes', async () => {
  await using relay = await RunningRelay.open();
  const post = (body: unknown) => relay.admin('POST', '/v1/branches', body);
  const cases: readonly [unknown, RegExp][] = [
    [{ branches: [{ code: 'B 1' }] }, /branches\.0\.code/],
    [{ branches: [{ code: '../../etc' }] }, /branches\.0\.code/],
    [{ branches: [{ code: 'B1', rights: 'all' }] }, /rights/],
    [{ branches: [{ code: 'B1', role: 'authority' }] }, /branches\.0\.role/],
    [{ branches: [] }, /branches/],
    [{ branches: Array(BRANCHES_PER_CALL_MAX + 1).fill({ code: 'B1' }) }, /branches/],
    [[], /expected object/i],
  ];
  for (const [body, words] of cases) {
    const answer = await post(body);
    assert.equal([answer.status, answer.body.code], [400, 'REQUEST_INVALID']);
    assert.match(answer.body.detail, words);
    assert.ok(answer.body.hint.length > 0, 'every refusal says what to do');
  }
  const response = await fetch(`${relay.url}/v1/branches`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${relay.adminToken}`, 'Content-Type': 'application/json' },
    body: '{"branches": [',
  });
  assert.is(response.status, 400);
  assert.is(((await response.json()) as { code: string }).code, 'REQUEST_INVALID');
  const huge = await post({ branches: [{ code: 'x'.repeat(1_000_000) }] });
  assert.is(huge.status, 413);
  const nowhere = await relay.call('GET', '/v2/fleet');
  assert.equal([nowhere.status, nowhere.body.code], [404, 'NOT_FOUND']);
  assert.ok(nowhere.body.hint.length > 0);
  assert.equal((await relay.admin('GET', '/v1/branches')).body.branches, []);
});

test('the event stream tells what happens, and resumes after what was missed', async () => {
  await using relay = await RunningRelay.open();
  const stop = new AbortController();
  const read = async (lastEventId?: string) => {
    const response = await fetch(`${relay.url}/v1/events`, {
      headers: {
        Authorization: `Bearer ${relay.adminToken}`,
        ...(lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }),
      },
      signal: stop.signal,
    });
    return response.body!.pipeThrough(new TextDecoderStream()).getReader();
  };
  const readUntil = async (reader: ReadableStreamDefaultReader<string>, words: RegExp) => {
    let text = '';
    while (!words.test(text)) {
      text += (await within(30_000, `${words}`, reader.read())).value ?? '';
    }
    return text;
  };
  const first = await read();
  const [token] = await relay.tokens('B001');
  await enrolDevice(relay.url, token!);
  await readUntil(first, /event: enrolled\ndata: \{.*"branch":"B001"/);
  const resumed = await read('0');
  await readUntil(resumed, /event: enrolled/);
  stop.abort();
});

test.run();
