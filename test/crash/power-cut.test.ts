// limit: 900 s
/**
 * The power goes while programs write, on a real ext4 in a file: everything that was acknowledged before the cut is there after it, whole.
 *
 * Twice a hundred and more cuts with the journal alone and twenty with a whole node and its relay, half of them on an ext4 without its usual
 * care for data (`data=writeback,noauto_da_alloc`). And the rig proves that it sees: the same program without fdatasync loses what it acknowledged.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { exportDeviceKey, generateDeviceKey } from '@branchline/feed';
import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { until, within } from '../support/within.ts';
import { chain, copy, isLevel, serveNode, serveRelay } from './support/folders.ts';
import { Mounted } from './support/mounted.ts';
import { Program, ROOT } from './support/program.ts';
import { Tills } from './support/tills.ts';
import { verifyFolder } from './support/trial.ts';

/** Of each kind of mount; `CUTS` asks for more. */
const JOURNAL_CUTS = Number(process.env.CUTS ?? 70);
const NODE_CUTS = 10;
const CARELESS = 'data=writeback,noauto_da_alloc';
const WRITER = fileURLToPath(new URL('./programs/journal-writer.mjs', import.meta.url));
const OPEN_WITHIN_MS = 60_000;
const ACKNOWLEDGED_WITHIN_MS = 60_000;

class Writer {
  /** Heads of the two feeds and the last number, as found at the opening. */
  found: readonly number[] | undefined;
  acknowledged: number[] = [];
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  #err = '';
  #onLine: () => void = () => {};

  constructor(keyFile: string, ...more: string[]) {
    this.child = spawn(process.execPath, [WRITER, keyFile, ...more], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin.on('error', () => {});
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      if (line.startsWith('open ')) {
        this.found = line.slice(5).split(' ').map(Number);
      } else {
        this.acknowledged.push(Number(line));
      }
      this.#onLine();
    });
    this.child.once('exit', () => this.#onLine());
  }

  begin(dir: string): void {
    this.child.stdin.write(`${dir}\n`);
  }

  async reached(limitMs: number, what: string, test: () => boolean): Promise<void> {
    await within(
      limitMs,
      what,
      new Promise<void>((resolve, reject) => {
        this.#onLine = () => {
          if (test()) resolve();
          else if (this.child.exitCode !== null) reject(new Error(`${what}: the writer ended: ${this.#err}`));
        };
        this.#onLine();
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}

interface Outcome {
  cuts: number;
  acknowledged: number;
  lost: number;
}

async function cutJournal(cuts: number, options: string, ...flags: string[]): Promise<Outcome> {
  await using dir = await TempDir.open('power');
  await using disk = await Mounted.ext4(dir.path, options);
  const keyFile = join(dir.path, 'device.key');
  await writeFile(keyFile, exportDeviceKey(generateDeviceKey()));
  const random = seededRandom(cuts);
  const outcome: Outcome = { cuts: 0, acknowledged: 0, lost: 0 };
  let next = new Writer(keyFile, ...flags);
  await using _ = { [Symbol.asyncDispose]: () => next.kill() };
  let told = 0;
  for (; outcome.cuts <= cuts; outcome.cuts += 1) {
    await using writer = next;
    writer.begin(disk.path);
    try {
      await writer.reached(OPEN_WITHIN_MS, 'the journal opens after a cut', () => writer.found !== undefined);
    } catch (error) {
      // A journal that says it is damaged has lost something too; only the run without syncs may.
      if (flags.length === 0) throw error;
      outcome.lost += told;
      return outcome;
    }
    const [orders, stock, last] = writer.found as [number, number, number];
    assert.is(orders, stock, 'a commit is in both feeds or in none');
    outcome.lost += Math.max(0, told - last);
    if (outcome.cuts === cuts || (outcome.lost > 0 && flags.length > 0)) {
      break;
    }
    next = new Writer(keyFile, ...flags);
    const enough = 1 + randomInteger(random, 90);
    const before = writer.acknowledged.length;
    await writer.reached(
      ACKNOWLEDGED_WITHIN_MS,
      `${enough} commits`,
      () => writer.acknowledged.length - before >= enough,
    );
    // Numbers are handed out in order and become durable in order: the greatest counts for all below it.
    told = Math.max(0, ...writer.acknowledged);
    outcome.acknowledged += writer.acknowledged.length;
    await disk.cutPower();
    await writer.kill();
    await disk.unmount();
    await disk.mount();
  }
  return outcome;
}

const test = suite('power cuts');
let total = 0;

for (const [name, options] of [
  ['ext4 as it is', ''],
  [`ext4 with ${CARELESS}`, CARELESS],
] as const) {
  test(`${JOURNAL_CUTS} cuts of the journal on ${name}: nothing acknowledged is lost, nothing is torn`, async () => {
    const { cuts, acknowledged, lost } = await cutJournal(JOURNAL_CUTS, options);
    assert.is(cuts, JOURNAL_CUTS);
    assert.ok(acknowledged >= cuts);
    assert.is(lost, 0);
    total += cuts;
  });

  test(`${NODE_CUTS} cuts of a node and its relay on ${name}: every sale is there once, and both agree`, async () => {
    await using dir = await TempDir.open('power');
    const made = await chain(dir.path);
    await using disk = await Mounted.ext4(dir.path, options);
    const data = await copy(made.branch.data, join(disk.path, 'b001'));
    const relayData = await copy(made.relay, join(disk.path, 'relay'));
    await disk.settle();
    const tills = new Tills(made.branch.token);
    for (let cut = 0; cut <= NODE_CUTS; cut += 1) {
      await using relay = new Program(serveRelay(relayData));
      const relayUrl = await relay.url();
      await using node = new Program(serveNode(data, '--relay', relayUrl));
      const url = await node.url();
      await tills.settle(url);
      await until(60_000, 'node and relay agree', () => isLevel(url, made.branch.token));
      if (cut === NODE_CUTS) {
        await node.stop();
        await relay.stop();
        break;
      }
      const wanted = tills.acknowledged.length + 5 + cut * 3;
      const selling = tills.sell(url, { total: 400 });
      await until(60_000, 'sales', () => tills.acknowledged.length >= wanted);
      // Late answers may be of syncs that the cut has overtaken: only those before it count.
      const before = new Set(tills.acknowledged);
      await disk.cutPower();
      await Promise.all([node.kill(), relay.kill()]);
      await selling;
      for (const sale of tills.acknowledged) {
        if (!before.has(sale)) delete sale.answer;
      }
      await disk.unmount();
      await disk.mount();
      total += 1;
    }
    await verifyFolder(data);
    await verifyFolder(relayData);
  });
}

test('the rig sees: without fdatasync what was acknowledged is lost', async () => {
  const { lost } = await cutJournal(10, '', '--unsynced');
  assert.ok(lost > 0, 'nothing was lost in ten cuts without a single sync: the rig is blind');
});

test('at least 150 cuts were made', () => {
  assert.ok(total >= 150, `${total} cuts`);
  figure('power cuts, nothing acknowledged lost or torn', total, '>= 150');
});

test.run();
