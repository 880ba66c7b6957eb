// limit: 60 s
/**
 * "kill -9, power cut, disk full, read-only disk": a node over the real journal whose disk fails at one write after the other. What was
 * answered is kept, nothing is half there, the node says in words why it cannot sell, and the restart finds out.
 */
import { join } from 'node:path';
import { followRegistry, JournalStore, Registry } from '@branchline/feed';
import type { OrderRequest, ProblemError } from '@branchline/model';
import { MemoryLevel } from 'memory-level';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TempDir } from '../../../test/support/temp-dir.ts';
import type { RowLevel } from '../../src/projections/rows.ts';
import { compareProjections } from '../../src/verify/verify-projections.ts';
import { Chain, type Machine, TENANT } from '../support/chain.ts';
import { FaultyDisk } from '../support/faulty-disk.ts';

/** Writes and syncs of the journal that are made to fail, one run each. */
const FAULTS = 10;
const SALES = 12;

const trouble = suite('a disk that fails under the journal');

const sale = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 500, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 500 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

const newLevel = () => new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });

/** A machine whose feeds live in a journal on a disk that can be made to fail. */
class Shop {
  readonly disk = new FaultyDisk();
  readonly chain: Chain;
  readonly machine: Machine;
  readonly #dir: TempDir;
  #store: JournalStore | undefined;

  private constructor(chain: Chain, machine: Machine, dir: TempDir) {
    this.chain = chain;
    this.machine = machine;
    this.#dir = dir;
  }

  static async open(): Promise<Shop> {
    const chain = await Chain.open();
    const shop = new Shop(chain, await chain.machine('B001'), await TempDir.open('disk'));
    const { store, registry } = shop.machine;
    const run = await store!.read(registry!.feed, 1, 10_000_000);
    await shop.#openStore();
    await shop.#store!.append({ runs: [run!] });
    await shop.machine.start();
    return shop;
  }

  sell(key: string): Promise<string> {
    return this.machine.services.orders.place(this.machine.request(sale, { key })).then(
      ({ body }) => body.number,
      (error: ProblemError) => error.code,
    );
  }

  /** The process is gone; a new one starts on what the disk has. */
  async restart(freeBytes?: number): Promise<void> {
    await this.machine.crash();
    await this.#store!.close().catch(() => undefined);
    this.disk.heal();
    this.disk.freeBytesNow = freeBytes;
    await this.#openStore();
    await this.machine.start();
  }

  async #openStore(): Promise<void> {
    const registry = new Registry(this.chain.authorityKey.publicKey);
    this.#store = await JournalStore.open({
      disk: this.disk,
      dir: join(this.#dir.path, 'journal'),
      level: newLevel(),
      tenant: TENANT,
      keys: registry.keyOf,
      clock: this.chain.clock,
      ballastBytes: 64 * 1024,
    });
    await followRegistry(this.#store, registry);
    this.machine.registry = registry;
    this.machine.store = this.#store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disk.heal();
    await this.chain.close();
    await this.#store?.close().catch(() => undefined);
    await this.#dir[Symbol.asyncDispose]();
  }
}

for (const code of ['EIO', 'ENOSPC', 'EROFS'] as const) {
  trouble(
    `G1, G2: ${code} at any write: what was answered is kept, the rest is whole or absent`,
    async () => {
      for (let at = 1; at <= FAULTS; at += 1) {
        await using shop = await Shop.open();
        const keys = Array.from({ length: SALES }, (_, index) => `sale-${index}`);
        const answers = new Map<string, string>();
        shop.disk.failFrom(at, code);
        for (let from = 0; from < SALES; from += 4) {
          const group = keys.slice(from, from + 4);
          const numbers = await Promise.all(group.map((key) => shop.sell(key)));
          group.forEach((key, index) => {
            answers.set(key, numbers[index]!);
          });
        }
        const acknowledged = [...answers].filter(([, number]) => number.startsWith('B001-'));
        if (acknowledged.length < SALES) {
          assert.is(shop.machine.services.readiness().ready, false);
          assert.match(shop.machine.services.readiness().reasons[0] ?? '', /disk .*failed|disk is full/);
          assert.match([...answers.values()].join(' '), /STORE_POISONED|NOT_READY/);
        }
        await shop.restart();
        for (const [key, number] of acknowledged) {
          assert.is(await shop.sell(key), number, `${code} at call ${at}`);
        }
        const all = await Promise.all(keys.map((key) => shop.sell(key)));
        assert.equal(
          [...all].sort(),
          keys.map((_, index) => `B001-${String(index + 1).padStart(6, '0')}`),
        );
        assert.equal(await Promise.all(keys.map((key) => shop.sell(key))), all);
        assert.is((await shop.machine.services.stock.get('CHAIR'))?.onHandMilli, -1000 * SALES);
        await shop.machine.stop();
        const { store, level, key } = shop.machine;
        const { difference } = await compareProjections({
          journal: () => store!.replay(0),
          journalEnd: store!.position,
          stored: level as unknown as RowLevel,
          fresh: newLevel() as unknown as RowLevel,
          writer: key.writer,
          clock: shop.chain.clock,
        });
        assert.is(difference, undefined, JSON.stringify(difference));
      }
    },
  );
}

trouble(
  'a disk that is nearly full refuses sales in words before it fails; selling resumes by itself',
  async () => {
    await using shop = await Shop.open();
    assert.is(await shop.sell('a'), 'B001-000001');
    await shop.restart(0);
    assert.is(await shop.sell('b'), 'NOT_READY');
    assert.match(shop.machine.services.readiness().reasons[0] ?? '', /disk is full; free some space/);
    assert.is((await shop.machine.services.stock.get('CHAIR'))?.onHandMilli, -1000);
    shop.disk.freeBytesNow = undefined;
    // A refused sale makes the store look; one of the next ones finds the room.
    await shop.chain.until(async () => (await shop.sell('b')) === 'B001-000002');
    assert.is(shop.machine.services.readiness().ready, true);
  },
);

trouble.run();
