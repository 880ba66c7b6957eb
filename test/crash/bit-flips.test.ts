// limit: 900 s
/**
 * Single bits flipped, and ends cut off, in every kind of file of a stopped node and a stopped relay. Each is found by `verify`, or by the program
 * that refuses to start on it, or is harmless: the program starts, gives the same orders and stock, and sells on.
 */
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { NodeDisk, verifyStore } from '@branchline/feed';
import { randomInteger, seededRandom } from 'hlc-ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { figure } from '../support/figures.ts';
import { TempDir } from '../support/temp-dir.ts';
import { type Chain, chain, serveNode, serveRelay } from './support/folders.ts';
import { command, Program } from './support/program.ts';
import { Tills } from './support/tills.ts';

const JOURNAL_FLIPS = 1_900;
const DATABASE_FLIPS = 40;
const FLIPS_PER_SMALL_FILE = 10;
const JOURNAL_CUTS = 60;
/** Say nothing about the data: logs of the database, locks, room kept free, the address of a program that is gone. */
const WITHOUT_MEANING = /^(LOG|LOG\.old|LOCK|ballast|control\.json)$/;

const test = suite('flipped bits');
const random = seededRandom(2_000);
let base: TempDir;
let made: Chain;
let tills: Tills;
let flips = 0;
let cuts = 0;
let harmless = 0;
let undetected = 0;

test.before(async () => {
  base = await TempDir.open('flips');
  made = await chain(base.path);
  tills = new Tills(made.branch.token);
  await using relay = new Program(serveRelay(made.relay));
  await using node = new Program(serveNode(made.branch.data, '--relay', await relay.url()));
  assert.equal(await tills.sell(await node.url(), { total: 20 }), []);
  await node.stop();
  await relay.stop();
  for (const data of [made.branch.data, made.relay])
    await rm(join(data, 'journal', 'ballast'), { force: true });
});
test.after(() => base[Symbol.asyncDispose]());

function folderOf(kind: 'node' | 'relay'): string {
  return kind === 'node' ? made.branch.data : made.relay;
}

function filesOf(data: string): string[] {
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !WITHOUT_MEANING.test(entry.name))
    .map((entry) => relative(data, join(entry.parentPath, entry.name)))
    .filter((path) => statSync(join(data, path)).size > 0);
}

function flip(path: string): string {
  const bytes = readFileSync(path);
  const [at, bit] = [randomInteger(random, bytes.length), randomInteger(random, 8)];
  bytes[at]! ^= 1 << bit;
  writeFileSync(path, bytes);
  return `${basename(path)} byte ${at} bit ${bit}`;
}

async function isSound(journal: string): Promise<boolean> {
  const options = { disk: new NodeDisk(), dir: journal, tenant: 'acme' };
  return await verifyStore(options).then(
    ({ broken }) => broken === undefined,
    () => false,
  );
}

test(`${JOURNAL_FLIPS} bits of journals: every one is found`, async () => {
  for (const data of [made.branch.data, made.relay]) {
    const copy = join(base.path, 'journal-copy');
    cpSync(join(data, 'journal'), copy, { recursive: true });
    assert.ok(await isSound(copy));
    const segments = readdirSync(copy).filter((name) => name.endsWith('.seg'));
    for (let done = 0; done < JOURNAL_FLIPS / 2; done += 1) {
      const path = join(copy, segments[done % segments.length]!);
      const whole = await readFile(path);
      const where = flip(path);
      flips += 1;
      if (await isSound(copy)) {
        const kind = data === made.relay ? 'relay' : 'node';
        const bytes = await readFile(path);
        if (!(await isFoundOrHarmless(kind, basename(path), bytes))) {
          undetected += 1;
          process.stdout.write(`not found: ${kind} ${where}\n`);
        }
      }
      await writeFile(path, whole);
    }
    await rm(copy, { recursive: true });
  }
  assert.is(undetected, 0);
});

/**
 * A journal that reads as one that a power cut ended earlier: the program knows from elsewhere how far it was, and refuses; or what it dropped was
 * no entry.
 */
async function isFoundOrHarmless(
  kind: 'node' | 'relay',
  segment: string,
  bytes: Uint8Array,
): Promise<boolean> {
  const original = kind === 'node' ? made.branch.data : made.relay;
  const data = join(base.path, 'suspect');
  cpSync(original, data, { recursive: true });
  await writeFile(join(data, 'journal', segment), bytes);
  try {
    const wanted = await headsOf(original);
    await using program = new Program(kind === 'node' ? serveNode(data) : serveRelay(data));
    if ((await program.listening()) === undefined) return true;
    await program.stop();
    const found = await headsOf(data);
    harmless += 1;
    return [...wanted].every(([feed, seq]) => (found.get(feed) ?? 0) >= seq);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function headsOf(data: string): Promise<Map<string, number>> {
  const { feeds } = await verifyStore({ disk: new NodeDisk(), dir: join(data, 'journal'), tenant: 'acme' });
  return new Map([...feeds].map(([feed, { seq }]) => [feed, seq]));
}

/** Damages a copy, and says what became of it; throws where wrong data are served as if they were right. */
async function damaged(
  kind: 'node' | 'relay',
  path: string,
  damage: (file: string) => string,
): Promise<void> {
  const data = join(base.path, 'damaged');
  cpSync(kind === 'node' ? made.branch.data : made.relay, data, { recursive: true });
  const where = `${kind}: ${path}: ${damage(join(data, path))}`;
  try {
    if ((await command(['verify', '--data', data])).code !== 0) return;
    await using program = new Program(kind === 'node' ? serveNode(data) : serveRelay(data));
    const said = await program.listening();
    if (said === undefined) {
      assert.match((await program.end()).err, /error [A-Z_]+: /, where);
      return;
    }
    harmless += 1;
    if (kind === 'node') {
      const again = new Tills(made.branch.token, `after-${path}`);
      const orders = await tills.orders(said.url as string);
      assert.equal(
        orders.map(({ number }) => number).sort(),
        tills.acknowledged.map(({ answer }) => (JSON.parse(answer!) as { number: string }).number).sort(),
        where,
      );
      assert.equal(await again.sell(said.url as string, { total: 1 }), [], where);
    }
    await program.stop();
    assert.is((await command(['verify', '--data', data])).code, 0, where);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

test('bits of every small file: refused, found, or harmless', async () => {
  for (const kind of ['node', 'relay'] as const) {
    const data = kind === 'node' ? made.branch.data : made.relay;
    const small = filesOf(data).filter((path) => !path.startsWith('journal/') && !path.startsWith('index/'));
    assert.ok(small.length >= 3, small.join(' '));
    for (const path of small) {
      for (let count = 0; count < FLIPS_PER_SMALL_FILE; count += 1) {
        await damaged(kind, path, flip);
        flips += 1;
      }
    }
  }
});

test(`${DATABASE_FLIPS} bits of databases: made again from the journal, found, or harmless`, async () => {
  for (let count = 0; count < DATABASE_FLIPS; count += 1) {
    const kind = count % 2 === 0 ? 'node' : 'relay';
    const files = filesOf(kind === 'node' ? made.branch.data : made.relay).filter((path) =>
      path.startsWith('index/'),
    );
    await damaged(kind, files[randomInteger(random, files.length)]!, flip);
    flips += 1;
  }
});

function cutTo(file: string, left: number): string {
  const { size } = statSync(file);
  truncateSync(file, left);
  return `cut to ${left} of ${size}`;
}

test(`${JOURNAL_CUTS} journals cut off: found, or a tail nobody was told of`, async () => {
  for (let count = 0; count < JOURNAL_CUTS; count += 1) {
    const kind = count % 2 === 0 ? 'node' : 'relay';
    const copy = join(base.path, 'cut-copy');
    cpSync(join(folderOf(kind), 'journal'), copy, { recursive: true });
    const name = readdirSync(copy).find((each) => each.endsWith('.seg'))!;
    const left = randomInteger(random, statSync(join(copy, name)).size);
    truncateSync(join(copy, name), left);
    // A journal in use ends where it ends: what is missing at its end is known to the database, the relay and the next start.
    const sound = await isSound(copy);
    await rm(copy, { recursive: true });
    cuts += 1;
    if (sound) await damaged(kind, join('journal', name), (file) => cutTo(file, left));
  }
});

test('every other kind of file cut to nothing, by its last byte, and in the middle: refused, found, or harmless', async () => {
  for (const kind of ['node', 'relay'] as const) {
    const kinds = new Map(
      filesOf(folderOf(kind))
        .filter((path) => !path.startsWith('journal/'))
        .map((path) => [path.replaceAll(/\d{6}/g, '#'), path]),
    );
    assert.ok(kinds.size >= 6, [...kinds.keys()].join(' '));
    for (const path of kinds.values()) {
      const { size } = statSync(join(folderOf(kind), path));
      for (const left of [0, randomInteger(random, size), size - 1]) {
        await damaged(kind, path, (file) => cutTo(file, left));
        cuts += 1;
      }
    }
  }
});

test('nothing was undetected', () => {
  assert.is(undetected, 0);
  figure('bit flips', flips, '>= 2000');
  figure('undetected', undetected, '0');
  figure('truncations over every kind of file', cuts, '>= 90');
  figure('harmless', harmless, '-');
  assert.ok(flips >= 2_000);
  assert.ok(cuts >= 90, `${cuts} cuts`);
});

test.run();
