/** A branch with an emulated register, and an operator where it is asked for: real node, real driver, real TCP to the operator. */

import { collectionOf, type Entry, entriesOf, type FeedName } from '@branchline/feed';
import {
  KktEmulator,
  MockOfd,
  type MockOfdOptions,
  ShtrihDriver,
  ShtrihServer,
  tcpOfdLink,
} from '@branchline/fiscal';
import type { FiscalReceipt, Order, OrderRequest, ReceiptState } from '@branchline/model';
import type { NodeKkt } from '../../src/fiscal/open-fiscal.ts';
import type { NodeSettings } from '../../src/node.ts';
import type { NodeServices } from '../../src/services.ts';
import { Chain, type Machine } from './chain.ts';

export const bookcase = {
  lines: [{ sku: 'CHAIR', quantityMilli: 1000, unitPriceMinor: 26_196, discountMinor: 0, vat: 'vat22' }],
  payments: [{ kind: 'cash', amountMinor: 30_000 }],
  redeemPoints: 0,
} as unknown as OrderRequest;

export interface RegisterOptions {
  /** The node carries to a mock operator. */
  readonly ofd?: boolean | Partial<MockOfdOptions>;
  readonly kkt?: Partial<NodeKkt>;
  readonly stripMs?: number;
  readonly settings?: Partial<NodeSettings>;
  /** Several branches of one chain, each with a register of its own. */
  readonly chain?: Chain;
  readonly branch?: string;
  readonly fn?: string;
  readonly operator?: MockOfd;
  /** How long the operator may think. */
  readonly answerLimitMs?: number;
}

export class RegisterScene {
  readonly chain: Chain;
  machine: Machine;
  readonly emulator: KktEmulator;
  readonly #server: ShtrihServer;
  readonly #operator: MockOfd | undefined;
  readonly #options: RegisterOptions;
  #driver: ShtrihDriver | undefined;

  private constructor(
    chain: Chain,
    machine: Machine,
    options: RegisterOptions,
    operator: MockOfd | undefined,
  ) {
    this.chain = chain;
    this.machine = machine;
    this.#options = options;
    this.#operator = operator;
    const { fn, stripMs } = options;
    this.emulator = new KktEmulator({
      clock: chain.clock,
      ...(fn === undefined ? {} : { fn }),
      ...(stripMs === undefined ? {} : { stripMs }),
    });
    this.#server = new ShtrihServer({
      emulator: this.emulator,
      onFailure: (error) => {
        throw error;
      },
    });
  }

  static async open(options: RegisterOptions = {}): Promise<RegisterScene> {
    const chain = options.chain ?? (await Chain.open());
    const { ofd } = options;
    const made =
      ofd === undefined || ofd === false
        ? undefined
        : await MockOfd.open({ clock: chain.clock, ...(ofd === true ? {} : ofd) });
    const machine = await chain.machine(options.branch ?? 'B001');
    const scene = new RegisterScene(chain, machine, options, options.operator ?? made);
    scene.connect();
    await scene.start();
    return scene;
  }

  get ofd(): MockOfd {
    return this.#operator!;
  }

  get services(): NodeServices {
    return this.machine.services;
  }

  connect(more: Partial<NodeKkt> = {}): void {
    const { clock } = this.chain;
    const operator = this.#operator;
    this.machine.kkt = () => {
      this.#driver = new ShtrihDriver({ openLine: this.#server.openLine(), clock, protocol: 'v2' });
      const { answerLimitMs } = this.#options;
      const patience = answerLimitMs === undefined ? {} : { answerLimitMs };
      const link = operator && { ofdLink: tcpOfdLink({ ...operator.address, clock, ...patience }) };
      return { driver: this.#driver, taxSystem: 'general', ...link, ...this.#options.kkt, ...more };
    };
  }

  /** Goes on under a new key, on the feeds as they are or as somebody kept them. */
  async renewKey(store = this.machine.store!): Promise<void> {
    const heir = await this.chain.machine(this.machine.branch);
    heir.store = store;
    heir.registry = this.machine.registry;
    await heir.learnRegistry(this.chain.authorityStore, this.chain.authorityRegistry);
    heir.formers = [...this.machine.formers, this.machine.key];
    heir.kkt = this.machine.kkt;
    this.machine = heir;
    await this.start();
  }

  async start(settings: Partial<NodeSettings> = {}): Promise<void> {
    await this.machine.start({ ...this.#options.settings, ...settings });
  }

  /** The node is gone in the middle of whatever it did: its line falls silent, rows that were not flushed are lost. */
  async crash(): Promise<void> {
    if (this.#driver !== undefined) {
      await this.chain.running(this.#driver.close());
    }
    await this.machine.crash();
  }

  /** The register reaches the operator without us: its storage has everything acknowledged. */
  async deliverByItself(): Promise<void> {
    const { clock } = this.chain;
    await using operator = await MockOfd.open({ clock });
    const link = tcpOfdLink({ ...operator.address, clock });
    const { storage } = this.emulator.device;
    for (let message = storage.message(); message !== undefined; message = storage.message()) {
      storage.accept(await link.exchange(message, { signal: new AbortController().signal }));
    }
  }

  async sell(key?: string): Promise<Order> {
    const request = this.machine.request(bookcase, key === undefined ? {} : { key });
    return (await this.services.orders.place(request)).body;
  }

  async receipt({ receipt }: Order): Promise<FiscalReceipt> {
    return (await this.services.receipts.get(receipt.id))!;
  }

  until(order: Order, ...states: ReceiptState[]): Promise<void> {
    return this.chain.until(async () => states.includes((await this.receipt(order)).state));
  }

  async untilDelivered(orders: readonly Order[]): Promise<void> {
    for (const order of orders) {
      await this.chain.until(async () => (await this.receipt(order)).ofd === 'delivered');
    }
    await this.chain.until(async () => (await this.services.outbox.status()).totals.pending === 0);
  }

  alarms(): string[] {
    return this.services.sync.status().alarms.map(({ code }) => code);
  }

  /** Documents the operator has of a storage, in the order they first came. */
  ledgerOf(fn: string): number[] {
    return this.ofd.ledger.filter((entry) => entry.fn === fn && entry.acknowledged > 0).map(({ fd }) => fd);
  }

  /** Documents of a form in the storage. */
  count(form: number): number {
    return this.emulator.device.storage.documents.filter((document) => document.form === form).length;
  }

  /** Entries of a kind in the feeds of this machine. */
  async entries(kind: string): Promise<Entry[]> {
    const store = this.machine.store!;
    const found: Entry[] = [];
    for (const [feed, { base, head }] of store.feeds()) {
      for (let next = base.seq + 1; next <= head.seq && isWritten(feed); ) {
        const run = await store.read(feed, next, 1_000_000);
        if (run === undefined) break;
        found.push(...entriesOf(run).filter((entry) => entry.kind === kind));
        next = run.from + run.entries.length;
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chain.close();
    await this.#operator?.close();
  }
}

function isWritten(feed: FeedName): boolean {
  return collectionOf(feed) !== 'registry';
}
