/** A head office and a branch on real disks, for stories of keys: restored, copied, rotated, revoked. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  collectionOf,
  entriesOf,
  INCARNATION_KIND,
  type IncarnationBody,
  NodeDisk,
  readJournal,
} from '@branchline/feed';
import type { OrderRequest } from '@branchline/model';
import { seededRandom, systemClock } from 'hlc-ts';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { until } from '../../../test/support/within.ts';
import { readConfig } from '../../src/config.ts';
import { DataDirectory } from '../../src/files/data-directory.ts';
import { type NodeConfigInput, type NodeError, type NodeLog, NodeProgram } from '../../src/index.ts';

const log: NodeLog = process.env.BRANCHLINE_TEST_LOG
  ? { debug: () => {}, info: tell, warn: tell, error: tell }
  : { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const ports = { clock: systemClock(), random: seededRandom(1), log };

function tell(fields: object, words: string): void {
  process.stderr.write(`${words} ${JSON.stringify(fields)}\n`);
}

export const open = (flags: NodeConfigInput) =>
  NodeProgram.open(ports, readConfig({ environment: {}, flags: { listen: '127.0.0.1:0', ...flags } }));

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 50_000, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 50_000 }],
  customer: { id: 'anna' },
  redeemPoints: 0,
} as unknown as OrderRequest;

export const request = <Body>(body: Body, key: string) => ({
  key,
  fingerprint: 'f'.repeat(64),
  till: { till: 'T1', role: 'cashier' as const },
  body,
});
export const sell = async (node: NodeProgram, key = randomBytes(8).toString('hex')): Promise<string> =>
  await node.node.services.orders.place(request(sale, key)).then(
    ({ body }) => body.number as string,
    (error: NodeError) => error.code,
  );
export const numbersAt = async (node: NodeProgram): Promise<string[]> =>
  (await node.node.services.orders.list({ limit: 200, branch: 'B001' })).orders
    .map(({ number }) => number)
    .sort();
export const onHand = async (node: NodeProgram, branch = 'B001') =>
  (await node.node.services.stock.get('CHAIR', branch))?.onHandMilli;
export const pointsAt = async (node: NodeProgram) =>
  (await node.node.services.customers.get('anna'))?.points.balance ?? 0;
export const allSent = (node: NodeProgram) => node.node.services.sync.status().unsentEntries === 0;

export class Scene {
  readonly base: string;
  readonly data: string;
  readonly hq: NodeProgram;
  readonly #dir: TempDir;
  /** Points of the first two sales. */
  pointsOfTwo = 0;

  private constructor(dir: TempDir, hq: NodeProgram) {
    this.#dir = dir;
    this.base = dir.path;
    this.data = join(dir.path, 'b001');
    this.hq = hq;
  }

  /** Head office with the authority, and a branch that has sold twice, all of it sent. */
  static async open(): Promise<Scene> {
    const dir = await TempDir.open('succession');
    const hqData = join(dir.path, 'hq');
    await mkdir(hqData);
    await new DataDirectory(hqData).readOrMakeKey('authority');
    await writeFile(join(hqData, 'relay.json'), JSON.stringify({ tenant: 'Superstore' }));
    const scene = new Scene(dir, await open({ data: hqData }));
    const [issued] = await scene.hq.node.services.branches!.add(
      [{ code: 'B001', role: 'branch' }],
      undefined,
    );
    const shop = await scene.start({ token: issued!.token });
    assert.is(await sell(shop, 'first'), 'B001-000001');
    assert.is(await sell(shop, 'second'), 'B001-000002');
    await until(30_000, 'everything sent', () => allSent(shop));
    scene.pointsOfTwo = await pointsAt(shop);
    assert.ok(scene.pointsOfTwo > 0);
    await shop.close();
    return scene;
  }

  start(flags: NodeConfigInput = {}): Promise<NodeProgram> {
    return open({ data: this.data, peers: [this.hq.url], ...flags });
  }

  async copyTo(name: string): Promise<string> {
    const copy = join(this.base, name);
    await cp(this.data, copy, { recursive: true });
    return copy;
  }

  /** What `branchline restore` does with a copy made earlier. */
  async restore(backup: string, times = 1): Promise<void> {
    await rm(this.data, { recursive: true });
    await cp(backup, this.data, { recursive: true });
    const mark = { restoredAt: `2026-11-22T09:00:0${times}.000Z`, from: backup, times };
    await writeFile(join(this.data, 'restored.json'), JSON.stringify(mark));
  }

  async close(): Promise<void> {
    await this.hq.close();
    await this.#dir[Symbol.asyncDispose]();
  }
}

/** What `incarnation` entries of a collection say about the end of the feed before. */
export async function endsNamed(data: string, collection: string): Promise<number[]> {
  const ends: number[] = [];
  const options = { disk: new NodeDisk(), dir: join(data, 'journal'), upTo: Number.MAX_SAFE_INTEGER };
  for await (const { runs } of readJournal(options)) {
    for (const run of runs.filter(({ feed }) => collectionOf(feed) === collection)) {
      for (const { kind, body } of entriesOf(run)) {
        if (kind === INCARNATION_KIND) ends.push((body as IncarnationBody).seq);
      }
    }
  }
  return ends;
}
export const alarmsOf = (node: NodeProgram) =>
  node.node.services.sync.status().alarms.map(({ code }) => code);
export const isLevel = (node: NodeProgram) => node.node.services.sync.status().peers[0]?.cause === 'level';
export const atHq = (scene: Scene, numbers: readonly string[]) =>
  until(30_000, `${numbers.length} orders at head office`, async () => {
    const found = await numbersAt(scene.hq);
    assert.ok(found.length <= numbers.length, `doubled: ${found.join(' ')}`);
    return found.length === numbers.length && found.every((number, at) => number === numbers[at]);
  });
export const bothAgree = async (scene: Scene, shop: NodeProgram, milli: number): Promise<void> => {
  await until(30_000, 'stock at head office', async () => (await onHand(scene.hq)) === milli);
  await until(30_000, 'stock at the branch', async () => (await onHand(shop)) === milli);
  for (const place of [scene.hq, shop]) {
    await until(
      30_000,
      'points',
      async () => (await pointsAt(place)) === (scene.pointsOfTwo * milli) / -2000,
    );
  }
};
