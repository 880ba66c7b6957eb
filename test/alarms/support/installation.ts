/**
 * A small installation of real processes that can be broken in every way an alarm tells of: relay, head office and its annex, two shops
 * (one with an emulated register, a mock operator and an address told of sales; the other on a small disk of its own, as the relay and the
 * annex), and the Prometheus that watches them.
 */
import { execFile } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { Mounted } from '../../crash/support/mounted.ts';
import { TempDir } from '../../support/temp-dir.ts';
import { until } from '../../support/within.ts';
import { freePort } from './free-port.ts';
import { branchline, Program } from './programs.ts';
import { Prometheus } from './prometheus.ts';

const COMMAND_LIMIT_MS = 60_000;
const ARRIVE_LIMIT_MS = 60_000;
const DISK_BYTES = 400 * 1024 * 1024;
const SKU = 'TEA';
const WRONG_CLOCK = fileURLToPath(new URL('./wrong-clock.mjs', import.meta.url));
const HUNGRY = fileURLToPath(new URL('./hungry.mjs', import.meta.url));
export const DAY_MS = 86_400_000;
/** Where the clock of the annex stands when it is set up. */
export const ANNEX_BEHIND_MS = 4 * DAY_MS;

export type Place = 'hq' | 'annex' | 'shop' | 'stall';

export interface EmulatorFile {
  storage: {
    fn: string;
    expiresSeconds: number;
    capacity: number;
    shift: { openedSeconds: number };
    documents: { atSeconds: number }[];
  };
}

export class Installation {
  readonly #opened: AsyncDisposable[] = [];
  #sales = 0;
  #answer = '';
  readonly #dir: TempDir;
  relay!: Program;
  hq!: Program;
  /** With register and webhook. */
  shop!: Program;
  /** On a disk of its own. */
  stall!: Program;
  /** A second device of role hq, on a disk of its own, whose clock is days behind. */
  annex!: Program;
  register!: Program;
  operator!: Program;
  prometheus!: Prometheus;
  /** What the address told of sales answers. */
  hookStatus = 200;
  /** What the address of the heartbeat answers. */
  heartbeatStatus = 503;

  private constructor(dir: TempDir) {
    this.#dir = dir;
  }

  static async open(alarmFlags: readonly string[]): Promise<Installation> {
    const installation = new Installation(await TempDir.open('alarms'));
    try {
      await installation.#open(alarmFlags);
      return installation;
    } catch (error) {
      await installation[Symbol.asyncDispose]();
      throw error;
    }
  }

  get relayData(): string {
    return join(this.#dir.path, 'relay', 'small', 'data');
  }

  get shopData(): string {
    return join(this.#dir.path, 'b001');
  }

  get stallData(): string {
    return join(this.#dir.path, 'stall', 'small', 'data');
  }

  get hqData(): string {
    return join(this.#dir.path, 'hq');
  }

  get annexData(): string {
    return join(this.#dir.path, 'annex', 'small', 'data');
  }

  /** Below the folder of the test. */
  path(name: string): string {
    return join(this.#dir.path, name);
  }

  #at(place: Place): { readonly url: string; readonly data: string } {
    switch (place) {
      case 'hq':
        return { url: this.hq.url, data: this.hqData };
      case 'annex':
        return { url: this.annex.url, data: this.annexData };
      case 'shop':
        return { url: this.shop.url, data: this.shopData };
      case 'stall':
        return { url: this.stall.url, data: this.stallData };
    }
  }

  async #open(alarmFlags: readonly string[]): Promise<void> {
    const stack = {
      use: <Opened extends AsyncDisposable>(opened: Opened): Opened => {
        this.#opened.push(opened);
        return opened;
      },
    };
    stack.use(this.#dir);
    const base = this.#dir.path;
    for (const name of ['relay', 'stall', 'annex']) {
      await mkdir(join(base, name));
      stack.use(await Mounted.tmpfs(join(base, name), DISK_BYTES));
    }
    const init = await branchline(
      COMMAND_LIMIT_MS,
      '--json',
      'init',
      '--data',
      this.relayData,
      '--tenant',
      'acme',
    );
    const { adminToken } = JSON.parse(init.out) as { adminToken: string };
    this.relay = stack.use(
      await Program.start(['relay', '--data', this.relayData, '--listen', await address()], {
        preload: [HUNGRY],
        environment: { HUNGRY: this.path('relay-hungry') },
      }),
    );
    const added = await call(this.relay.url, adminToken, 'POST', '/v1/branches', {
      branches: [{ code: 'HQ', role: 'hq' }, { code: 'HQ2', role: 'hq' }, { code: 'B001' }, { code: 'B002' }],
    });
    const [hqToken, annexToken, shopToken, stallToken] = (added.tokens as { token: string }[]).map(
      ({ token }) => token,
    );

    this.operator = stack.use(await Program.start(['ofd', 'mock', '--listen', await address()]));
    this.register = stack.use(
      await Program.start([
        'kkt',
        'emulate',
        '--port',
        await address(),
        '--data',
        this.registerFile,
        '--strip-ms',
        '10',
      ]),
    );
    const hook = createServer((request, response) => {
      const status = request.url === '/heartbeat' ? this.heartbeatStatus : this.hookStatus;
      request.resume().once('end', () => response.writeHead(status).end());
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    stack.use({
      [Symbol.asyncDispose]: async () => {
        hook.closeAllConnections();
        hook.close();
      },
    });
    const { port } = hook.address() as { port: number };
    const config = join(base, 'shop.json');
    await writeFile(
      config,
      JSON.stringify({
        data: this.shopData,
        listen: await address(),
        relay: this.relay.url,
        token: shopToken,
        syncIntervalSeconds: 2,
        kkt: { address: this.register.said.address, ofd: this.operator.said.address },
        webhooks: [{ url: `http://127.0.0.1:${port}/`, secret: 'sixteen characters' }],
        kktApi: { heartbeat: { url: `http://127.0.0.1:${port}/heartbeat`, everySeconds: 1 } },
      }),
    );
    this.hq = stack.use(
      await Program.start(
        [
          'node',
          '--data',
          this.hqData,
          '--relay',
          this.relay.url,
          '--token',
          hqToken!,
          '--listen',
          await address(),
        ],
        { preload: [WRONG_CLOCK], environment: { WRONG_CLOCK: this.wrongClockFile } },
      ),
    );
    const beside = join(base, 'annex.json');
    await writeFile(
      beside,
      JSON.stringify({
        data: this.annexData,
        listen: await address(),
        relay: this.relay.url,
        token: annexToken,
        syncIntervalSeconds: 2,
      }),
    );
    await writeFile(this.annexClockFile, String(-ANNEX_BEHIND_MS));
    this.annex = stack.use(
      await Program.start(['node', '--config', beside], {
        preload: [WRONG_CLOCK, HUNGRY],
        environment: { WRONG_CLOCK: this.annexClockFile, HUNGRY: this.path('annex-hungry') },
      }),
    );
    this.shop = stack.use(await Program.start(['node', '--config', config]));
    const plain = join(base, 'stall.json');
    await writeFile(
      plain,
      JSON.stringify({
        data: this.stallData,
        listen: await address(),
        relay: this.relay.url,
        token: stallToken,
        syncIntervalSeconds: 2,
      }),
    );
    this.stall = stack.use(await Program.start(['node', '--config', plain]));
    await this.price(500);
    for (const at of ['shop', 'stall', 'annex'] as const) {
      await until(
        ARRIVE_LIMIT_MS,
        `the first sale of the ${at}`,
        async () => (await this.trySale(at)) === 201,
      );
    }

    const tokenFile = join(base, 'view-token');
    const operator = await call(this.relay.url, adminToken, 'POST', '/v1/operators', {
      name: 'prometheus',
      role: 'view',
    });
    await writeFile(tokenFile, operator.token as string);
    const rules = join(base, 'prometheus');
    const written = await branchline(
      COMMAND_LIMIT_MS,
      'alarms',
      'write',
      '--to',
      rules,
      '--relay',
      this.relay.url,
      '--token-file',
      tokenFile,
      '--node',
      `HQ=${this.hq.url}`,
      '--node',
      `HQ2=${this.annex.url}`,
      '--node',
      `B001=${this.shop.url}`,
      '--node',
      `B002=${this.stall.url}`,
      '--scrape',
      '3',
      ...alarmFlags,
    );
    assert.is(written.code, 0, written.err);
    await promisify(execFile)('promtool', ['check', 'config', join(rules, 'prometheus.yml')]);
    this.prometheus = stack.use(await Prometheus.start(rules));
  }

  get registerFile(): string {
    return join(this.#dir.path, 'register.json');
  }

  get wrongClockFile(): string {
    return join(this.#dir.path, 'wrong-clock');
  }

  get annexClockFile(): string {
    return join(this.#dir.path, 'annex-clock');
  }

  /** The status of one sale. */
  async trySale(at: Place): Promise<number> {
    this.#sales += 1;
    const { url, data } = this.#at(at);
    const response = await send(
      url,
      await controlToken(data),
      'POST',
      '/v1/orders',
      {
        till: 'T1',
        cashier: 'Ann',
        lines: [{ sku: SKU, quantityMilli: 1_000 }],
        payments: [{ kind: 'cash', amountMinor: 500 }],
      },
      `sale-${this.#sales}`,
    );
    this.#answer = await response.text();
    return response.status;
  }

  /** The receipt of the last of them. */
  async sell(at: Place, count = 1): Promise<string> {
    for (let left = count; left > 0; left -= 1) {
      assert.is(await this.trySale(at), 201, this.#answer);
    }
    return (JSON.parse(this.#answer) as { receipt: { id: string } }).receipt.id;
  }

  /** Head office changes its mind; the shop is to hear of it. The price of what is sold stays. */
  async price(priceMinor: number, sku = SKU, at: Place = 'hq'): Promise<void> {
    await this.call(at, 'PUT', `/v1/products/${sku}`, { name: sku, priceMinor, vat: 'none' });
  }

  async call(at: Place, method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    this.#sales += 1;
    const { url, data } = this.#at(at);
    return await call(url, await controlToken(data), method, path, body, `call-${this.#sales}`);
  }

  /** Of the register, as its control surface tells it. */
  async registerState(): Promise<{ readonly lastFd: number; readonly faultsWaiting: number }> {
    const response = await fetch(`${this.register.said.controlUrl}/state`);
    return (await response.json()) as { lastFd: number; faultsWaiting: number };
  }

  /** A person at the register, or its faults. */
  async deed(program: Program, path: string, body: unknown = undefined): Promise<void> {
    const response = await fetch(`${program.said.controlUrl}/${path}`, {
      method: 'POST',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(response.ok, `${path}: ${await response.text()}`);
  }

  /** The register is switched off, its storage changed, and it is switched on again. */
  async changeStorage(change: (file: EmulatorFile) => void, whileOff: () => Promise<void> = async () => {}) {
    await this.register.kill('SIGTERM');
    const file = JSON.parse(await readFile(this.registerFile, 'utf8')) as EmulatorFile;
    change(file);
    await writeFile(this.registerFile, JSON.stringify(file));
    await whileOff();
    await this.register.start();
  }

  /** Leaves so much room on the disk of the data; `undefined` gives it all back. */
  async leaveRoom(data: string, freeBytes: number | undefined): Promise<void> {
    const path = join(data, '..', 'filler');
    await rm(path, { force: true });
    if (freeBytes !== undefined) {
      const { stdout } = await promisify(execFile)('df', ['--output=avail', '-B1', join(data, '..')]);
      const bytes = Number(stdout.split('\n')[1]) - freeBytes;
      const file = await open(path, 'w');
      await file.close();
      await promisify(execFile)('fallocate', ['-l', String(bytes), path]);
    }
  }

  /** From now on the program can write nothing more: every write fails as it would on a broken disk. It ends itself at the next sale. */
  async breakDisk(program: Program): Promise<void> {
    await promisify(execFile)('prlimit', ['--pid', String(program.pid), '--fsize=1:1']);
    await until(ARRIVE_LIMIT_MS, 'the end of a program with a broken disk', async () => {
      if (program.end === undefined) {
        const status = await this.trySale('stall').catch(() => 'no answer');
        throw new Error(`it runs on; a sale: ${status} ${this.#answer}`);
      }
      return true;
    });
    assert.is(program.end, 74);
  }

  /** As if nobody had made a copy, or looked at the data, for twenty days. */
  async forgetUpkeep(data: string, anchor: string): Promise<void> {
    const then = (await stat(join(data, anchor))).mtimeMs / 1_000 - 20 * 86_400;
    await utimes(join(data, anchor), then, then);
  }

  async backUp(data: string, name: string): Promise<void> {
    await this.command('backup', '--data', data, '--to', this.path(name));
  }

  /** As the timer does it. */
  async verify(data: string, wanted: 'right' | 'wrong'): Promise<void> {
    const { code, err } = await branchline(COMMAND_LIMIT_MS, 'verify', '--data', data, '--with-backup');
    assert.is(code, wanted === 'right' ? 0 : 1, err);
  }

  /** One bit of a copy is not what it was. */
  async rot(name: string): Promise<void> {
    const journal = join(this.path(name), 'journal');
    const [segment] = (await readdir(journal)).sort();
    const bytes = await readFile(join(journal, segment!));
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(join(journal, segment!), bytes);
  }

  async command(...args: string[]): Promise<void> {
    const { code, err } = await branchline(COMMAND_LIMIT_MS, ...args);
    assert.is(code, 0, err);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.splice(0).reverse()) {
      await opened[Symbol.asyncDispose]();
    }
  }
}

async function address(): Promise<string> {
  return `127.0.0.1:${await freePort()}`;
}

export async function controlToken(data: string): Promise<string> {
  return (JSON.parse(await readFile(join(data, 'control.json'), 'utf8')) as { token: string }).token;
}

async function send(
  url: string,
  token: string,
  method: string,
  path: string,
  body: object | undefined,
  key: string,
): Promise<Response> {
  return await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function call(
  url: string,
  token: string,
  method: string,
  path: string,
  body?: object,
  key = path,
): Promise<Record<string, unknown>> {
  const response = await send(url, token, method, path, body, key);
  const answer = (await response.json()) as Record<string, unknown>;
  assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}
