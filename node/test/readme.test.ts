/** The README's example, run: the same calls, with an enrolment that really happens. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from 'hlc-ts';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../test/support/temp-dir.ts';
import { DataDirectory, NodeProgram, readConfig, SOFTWARE, VERSION } from '../src/index.ts';

const readme = suite('README');

readme('the example opens a node, adds a till and closes', async () => {
  await using dir = await TempDir.open('readme');
  const ports = { clock: systemClock(), random: systemRandom(), log: pino({ level: 'silent' }) };
  const hqData = join(dir.path, 'hq');
  await mkdir(hqData);
  await new DataDirectory(hqData).readOrMakeKey('authority');
  await writeFile(join(hqData, 'relay.json'), JSON.stringify({ tenant: 'acme' }));
  const hqFlags = { data: hqData, listen: '127.0.0.1:0' };
  await using hq = await NodeProgram.open(ports, readConfig({ environment: {}, flags: hqFlags }));
  const [issued] = await hq.node.services.branches!.add([{ code: 'B001', role: 'branch' }], 1);

  const data = join(dir.path, 'b001-data');
  const flags = { data, relay: hq.url, token: issued!.token, listen: '127.0.0.1:0' };
  const program = await NodeProgram.open(ports, readConfig({ environment: {}, flags }));
  const till = await program.node.services.tills.add('T1', 'cashier');
  assert.equal(program.node.services.tills.find(till.token), { till: 'T1', role: 'cashier' });
  assert.is((await fetch(`${program.url}/readyz`)).status, 200);
  await program.close();
});

readme('the example is short', async () => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(text)![1]!;
  assert.ok(example.trim().split('\n').length <= 15);
});

readme('the version is the one of package.json', async () => {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  assert.is((JSON.parse(text) as { version: string }).version, VERSION);
  assert.is(SOFTWARE, `branchline-node/${VERSION}`);
});

readme.run();
