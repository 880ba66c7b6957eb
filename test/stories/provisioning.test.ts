// limit: 120 s
/** A fleet in one call: 200 branches from a CSV have their tokens, config files and codes, and are enrolled, within a minute. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePublicKey, generateDeviceKey } from '@branchline/feed';
import { readConfig } from '@branchline/node';
import { systemClock } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Program } from '../alarms/support/programs.ts';
import { branchline } from '../support/branchline.ts';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';

const provisioning = suite('provisioning a fleet');

const BRANCHES = 200;
const WANTED_SECONDS = 60;
const COMMAND_LIMIT_MS = 60_000;
const AT_ONCE = 16;

provisioning('200 branches of a CSV are provisioned and enrolled in less than a minute', async () => {
  await using dir = await TempDir.open('fleet');
  const [data, out, csv] = ['relay', 'out', 'fleet.csv'].map((name) => join(dir.path, name)) as [
    string,
    string,
    string,
  ];
  await branchline(COMMAND_LIMIT_MS, 'init', '--data', data, '--tenant', 'acme');
  await using relay = await Program.start(['relay', '--data', data, '--listen', '127.0.0.1:0']);
  const codes = Array.from({ length: BRANCHES }, (_, at) => `B${String(at + 1).padStart(3, '0')}`);
  await writeFile(
    csv,
    `code,role,region,listen\n${codes.map((code) => `${code},branch,msk,0.0.0.0:8080`).join('\n')}\n`,
  );

  const clock = systemClock();
  const startedMs = clock.monotonicMs();
  const provisioned = await branchline(
    COMMAND_LIMIT_MS,
    '--json',
    'provision',
    '--data',
    data,
    '--csv',
    csv,
    '--out',
    out,
    '--qr',
    '--node-data',
    join(dir.path, '{code}'),
  );
  assert.is(provisioned.code, 0, provisioned.err);
  const { files } = JSON.parse(provisioned.out) as { files: string[] };
  assert.is(files.length, BRANCHES);
  const waiting = [...files];
  const enrol = async (): Promise<void> => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      const content = JSON.parse(await readFile(file, 'utf8')) as object;
      const config = readConfig({ environment: {}, file: { name: file, content } });
      assert.is(config.relay, relay.url);
      const { publicKey } = generateDeviceKey();
      const answer = await fetch(`${config.relay}/v1/enrol`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          token: config.token,
          publicKey: encodePublicKey(publicKey),
          branch: config.branch,
        }),
      });
      assert.is(answer.status, 201, await answer.text());
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, enrol));
  const seconds = (clock.monotonicMs() - startedMs) / 1_000;

  const listed = await branchline(COMMAND_LIMIT_MS, '--json', 'branch', 'list', '--data', data);
  const { branches } = JSON.parse(listed.out) as { branches: { branch: string; state: string }[] };
  assert.equal(
    branches.map(({ branch }) => branch),
    codes,
  );
  assert.ok(branches.every(({ state }) => state === 'enrolled'));
  figure('200 branches provisioned and enrolled', `${seconds.toFixed(1)} s`, `${WANTED_SECONDS} s`);

  // One more by the code somebody scans, as a real node.
  await writeFile(csv, 'code\nX001\n');
  const more = await branchline(
    COMMAND_LIMIT_MS,
    'provision',
    '--data',
    data,
    '--csv',
    csv,
    '--out',
    join(dir.path, 'more'),
  );
  assert.is(more.code, 0, more.err);
  const { relay: url, token } = JSON.parse(await readFile(join(dir.path, 'more', 'X001.json'), 'utf8')) as {
    relay: string;
    token: string;
  };
  const invitation = `branchline:X001?${new URLSearchParams({ relay: url, token })}`;
  await using node = await Program.start([
    'node',
    '--data',
    join(dir.path, 'X001'),
    '--invitation',
    invitation,
    '--listen',
    '127.0.0.1:0',
  ]);
  assert.is((await fetch(`${node.url}/readyz`)).status, 200);
});

provisioning.run();
