/** An operator asks a branch through the relay how it is: at once, or as soon as the branch is back; only operators, and on record. */
import { join } from 'node:path';
import { runProgram } from '@branchline/cli';
import { NodeDisk, type WriterId } from '@branchline/feed';
import { NodeProgram, readConfig } from '@branchline/node';
import { initRelay, Relay, readRelayConfig } from '@branchline/relay';
import { systemClock, systemRandom } from 'hlc-ts';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../support/temp-dir.ts';
import { until } from '../support/within.ts';

const remote = suite('doctor through the relay');

const LIMIT_MS = 60_000;
const [clock, random, log] = [systemClock(), systemRandom(), pino({ level: 'silent' })];
const world = { clock, random, disk: new NodeDisk(), log };

interface Asked {
  readonly id: string;
  readonly state: string;
  readonly writer: WriterId;
  readonly askedBy: string;
  readonly findings?: readonly { readonly level: string; readonly what: string }[];
}

remote(
  'a question waits at the relay, also over its restart, and is answered when the branch is back',
  async () => {
    await using dir = await TempDir.open('remote-doctor');
    const data = join(dir.path, 'relay');
    const { adminToken } = await initRelay(world, { data, tenant: 'acme' });
    const openRelay = (listen: string) =>
      Relay.open(world, readRelayConfig({ environment: {}, flags: { data, listen } }));
    const first = await openRelay('127.0.0.1:0');
    const { host } = new URL(first.url);
    const call = (method: string, path: string, body?: object, token = adminToken) =>
      fetch(`http://${host}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const added = await call('POST', '/v1/branches', { branches: [{ code: 'B001' }] });
    const { tokens } = (await added.json()) as { tokens: { token: string }[] };
    const openNode = () =>
      NodeProgram.open(
        world,
        readConfig({
          environment: {},
          flags: {
            data: join(dir.path, 'node'),
            listen: '127.0.0.1:0',
            relay: `http://${host}`,
            token: tokens[0]!.token,
            syncIntervalSeconds: 1,
          },
        }),
      );
    await (await openNode()).close();

    // Nobody is there: it waits. Whoever asks again waits for the same answer.
    const path = '/v1/branches/B001/doctor';
    const answer = await call('POST', path);
    assert.is(answer.status, 202);
    const [asked] = ((await answer.json()) as { examinations: Asked[] }).examinations;
    assert.is(asked?.state, 'waiting');
    const [again] = ((await (await call('POST', path)).json()) as { examinations: Asked[] }).examinations;
    assert.is(again?.id, asked?.id);

    // Only operators of role operate, only branches there are; all of it on record.
    const made = await call('POST', '/v1/operators', { name: 'eve', role: 'view' });
    const view = ((await made.json()) as { token: string }).token;
    assert.is((await call('POST', path, undefined, view)).status, 403);
    assert.is((await call('GET', path, undefined, view)).status, 200);
    assert.is((await call('POST', path, undefined, 'wrong')).status, 401);
    const unknown = await call('POST', '/v1/branches/B999/doctor');
    assert.is(((await unknown.json()) as { code: string }).code, 'BRANCH_UNKNOWN');
    const { acts } = (await (await call('GET', '/v1/audit')).json()) as {
      acts: { what: string; who: string; subject: string; outcome: string }[];
    };
    const recorded = acts
      .filter(({ what }) => what === 'branch.doctor')
      .map((act) => `${act.subject} ${act.outcome}`);
    assert.equal(recorded, ['B999 BRANCH_UNKNOWN', 'B001 done', 'B001 done']);

    await first.close();
    await using _relay = await openRelay(host);
    await using _node = await openNode();
    const answered = await until(LIMIT_MS, 'an answer', async () => {
      const { examinations } = (await (await call('GET', path)).json()) as { examinations: Asked[] };
      const one = examinations.find(({ id }) => id === asked!.id);
      return one?.state === 'answered' && one;
    });
    assert.is(answered.askedBy, 'admin');
    const words = answered.findings?.map(({ level, what }) => `${level} ${what}`) ?? [];
    assert.ok(words.includes('fine it is ready'), words.join('; '));
    assert.ok(words.some((what) => what.includes('free on the disk of its data')));
    assert.ok(
      words.some((what) => /http.*connected/.test(what)),
      words.join('; '),
    );

    // From the command line, in words, while it is there.
    const printed = { out: '', err: '' };
    const sink = (name: 'out' | 'err') => ({
      write: (text: string) => (printed[name] += text),
      isTerminal: false,
    });
    const code = await runProgram(
      ['doctor', '--data', data, '--branch', 'B001', '--wait', '60'],
      {
        clock,
        random,
        environment: {},
        stdout: sink('out'),
        stderr: sink('err'),
        stdinEnded: () => new Promise(() => {}),
        readInput: async () => '',
        signal: new AbortController().signal,
      },
      '0.0.0-test',
    );
    assert.match(printed.out, /answered at .*\n.*ok {4}it is ready/, printed.err);
    assert.is(code, /^ACT /m.test(printed.out) ? 1 : 0);
  },
);

remote.run();
