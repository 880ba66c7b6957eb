/**
 * A small installation of real processes that can be broken in every way an alarm tells of: relay, head office, two shops (one with an
 * emulated register, a mock operator and an address told of sales; the other on a small disk of its own, as the relay), and the Prometheus
 * that watches them.
 */
import { execFile } from 'node:child_process';
import { mkdir, open, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { Mounted } from '../../crash/support/mounted.ts';
import { branchline } from '../../support/branchline.ts';
import { TempDir } from '../../support/temp-dir.ts';
import { until } from '../../support/within.ts';
import { freePort } from './free-port.ts';
import { Program } from './programs.ts';
import { Prometheus } from './prometheus.ts';

const COMMAND_LIMIT_MS = 60_000;
const ARRIVE_LIMIT_MS = 60_000;
const DISK_BYTES = 400 * 1024 * 1024;
const SKU = 'TEA';
const WRONG_CLOCK = fileURLToPath(new URL('./wrong-clock.mjs', import.meta.url));

export interface EmulatorFile {
  storage: {
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
  register!: Program;
  operator!: Program;
  prometheus!: Prometheus;
  /** What the address told of sales answers. */
  hookStatus = 200;

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

  async #open(alarmFlags: readonly string[]): Promise<void> {
    const stack = {
      use: <Opened extends AsyncDisposable>(opened: Opened): Opened => {
        this.#opened.push(opened);
        return opened;
      },
    };
    stack.use(this.#dir);
    const base = this.#dir.path;
    for (const name of ['relay', 'stall']) {
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
      await Program.start(['relay', '--data', this.relayData, '--listen', await address()]),
    );
    const added = await call(this.relay.url, adminToken, 'POST', '/v1/branches', {
      branches: [{ code: 'HQ', role: 'hq' }, { code: 'B001' }, { code: 'B002' }],
    });
    const [hqToken, shopToken, stallToken] = (added.tokens as { token: string }[]).map(({ token }) => token);

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
      request.resume().once('end', () => response.writeHead(this.hookStatus).end());
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
    for (const at of ['shop', 'stall'] as const) {
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
      `B001=${this.shop.url}`,
      '--node',
      `B002=${this.stall.url}`,
      '--scrape',
      '1',
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

  /** The status of one sale. */
  async trySale(at: 'shop' | 'stall'): Promise<number> {
    this.#sales += 1;
    const [url, data] = at === 'shop' ? [this.shop.url, this.shopData] : [this.stall.url, this.stallData];
    const response = await send(
      url,
      await controlToken(data),
      'POST',
      '/v1/orders',
      {
        till: 'T1',
        cashier: 'Ann',
        lines: [{ sku: SKU, quantityMilli: 1_000 }],
        payments: [{ kind: 'card', amountMinor: 500 }],
      },
      `sale-${this.#sales}`,
    );
    this.#answer = await response.text();
    return response.status;
  }

  async sell(at: 'shop' | 'stall', count = 1): Promise<void> {
    for (let left = count; left > 0; left -= 1) {
      assert.is(await this.trySale(at), 201, this.#answer);
    }
  }

  /** Head office changes its mind; the shop is to hear of it. The price of what is sold stays. */
  async price(priceMinor: number, sku = SKU): Promise<void> {
    this.#sales += 1;
    const response = await send(
      this.hq.url,
      await controlToken(this.hqData),
      'PUT',
      `/v1/products/${sku}`,
      { name: sku, priceMinor, vat: 'none' },
      `price-${this.#sales}`,
    );
    assert.ok(response.ok, await response.text());
  }

  async shopCall(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    this.#sales += 1;
    return await call(
      this.shop.url,
      await controlToken(this.shopData),
      method,
      path,
      body,
      `call-${this.#sales}`,
    );
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

  /** As if nobody had made a copy for three days. */
  async forgetBackups(data: string, anchor: string): Promise<void> {
    const then = (await stat(join(data, anchor))).mtimeMs / 1_000 - 3 * 86_400;
    await utimes(join(data, anchor), then, then);
  }

  async backUp(data: string, name: string): Promise<void> {
    const { code, err } = await branchline(
      COMMAND_LIMIT_MS,
      'backup',
      '--data',
      data,
      '--to',
      join(this.#dir.path, name),
    );
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
