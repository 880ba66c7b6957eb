// limit: 300 s
/** The archive of a release runs in an empty folder without a checkout, npm or a network; the units name what is in it. */
import { execFile, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { operationsFolder } from '@branchline/relay';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { branchline } from '../support/branchline.ts';
import { TempDir } from '../support/temp-dir.ts';
import { within } from '../support/within.ts';

const install = suite('installation');

const PACK_LIMIT_MS = 240_000;
const START_LIMIT_MS = 60_000;
const run = promisify(execFile);

install(
  'an archive unpacked in an empty folder enrols a branch that sells, with nothing but itself',
  async () => {
    await using dir = await TempDir.open('install');
    const archive = join(dir.path, 'branchline.tar');
    const packed = await branchline(PACK_LIMIT_MS, '--json', 'package', '--to', archive);
    assert.is(packed.code, 0, packed.err);
    await run('tar', ['-xf', archive, '-C', dir.path]);
    const home = join(dir.path, 'branchline-0.1.0');
    const command = join(home, 'branchline');
    // Nothing of this machine's but its C library and shell.
    const bare = { cwd: dir.path, env: { PATH: '/usr/bin:/bin' } };
    const said = async (...args: string[]) => (await run(command, args, bare)).stdout;
    assert.is((await said('--version')).trim(), '0.1.0');
    assert.not((await readdir(join(home, 'node_modules'))).includes('typescript'), 'no development tools');

    await said('init', '--data', 'relay', '--tenant', 'acme');
    const { tokens } = JSON.parse(await said('--json', 'branch', 'add', 'B001', '--data', 'relay')) as {
      tokens: { token: string }[];
    };
    const programs: { kill: (signal: 'SIGKILL') => boolean }[] = [];
    const start = async (...args: string[]): Promise<string> => {
      const child = spawn(command, args, { ...bare, stdio: ['ignore', 'pipe', 'ignore'] });
      programs.push(child);
      const listening = new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout }).once('line', (line) =>
          resolve((JSON.parse(line) as { url: string }).url),
        );
        child.once('exit', (code) => reject(new Error(`${args[0]} ended with ${code}`)));
      });
      listening.catch(() => {});
      return await within(START_LIMIT_MS, args[0]!, listening);
    };
    try {
      const relay = await start('relay', '--data', 'relay', '--listen', '127.0.0.1:0');
      const node = await start(
        'node',
        '--data',
        'node',
        '--relay',
        relay,
        '--token',
        tokens[0]!.token,
        '--listen',
        '127.0.0.1:0',
      );
      assert.is((await fetch(`${node}/readyz`)).status, 200);
      assert.match(await (await fetch(node)).text(), /<script/, 'the pages are in it');
      assert.match(
        await said('alarms', 'write', '--to', 'prometheus', '--relay', relay),
        /alarms in prometheus/,
      );
    } finally {
      for (const program of programs) {
        program.kill('SIGKILL');
      }
    }
  },
);

install('units start what the archive holds, as nobody in particular, and always again', async () => {
  const folder = join(operationsFolder, 'install');
  for (const name of ['branchline-node.service', 'branchline-relay.service']) {
    const text = await readFile(join(folder, name), 'utf8');
    for (const line of [
      'ExecStart=/opt/branchline/branchline ',
      'Restart=always',
      'User=branchline',
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
    ]) {
      assert.ok(text.includes(`\n${line}`), `${name}: ${line}`);
    }
    // The tool of the system, where there is one; it misses only the program, which is not installed here.
    const { stderr } = await run('systemd-analyze', ['verify', join(folder, name)]).catch(
      (error: { stderr?: string; code?: unknown }) => ({
        stderr: error.code === 'ENOENT' ? '' : (error.stderr ?? ''),
      }),
    );
    const complaints = stderr
      .split('\n')
      .filter((line) => line.startsWith(`${name}:`) && !line.includes('is not executable'));
    assert.equal(complaints, []);
  }
});

install.run();
