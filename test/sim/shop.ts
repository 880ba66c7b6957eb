/** A machine with a node on it: a shop with its cash register, or head office without one. */

import { KktEmulator, ShtrihDriver, ShtrihServer } from '@branchline/fiscal';
import { BranchNode, type NodeServices } from '@branchline/node';
import type { Transport } from '@branchline/wire';
import { type Life, Machine, seededBytes, TENANT, type WorldParts } from './machine.ts';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface ShopOptions {
  readonly branch: string;
  /** Address of the relay. */
  readonly relay: string;
  readonly hasRegister: boolean;
}

export class Shop extends Machine {
  readonly branch: string;
  readonly emulator: KktEmulator | undefined;
  readonly #options: ShopOptions;
  readonly #server: ShtrihServer | undefined;
  #driver: ShtrihDriver | undefined;
  #node: BranchNode | undefined;
  #fault: string | undefined;

  constructor(world: WorldParts, options: ShopOptions) {
    super(world, options.branch);
    this.branch = options.branch;
    this.#options = options;
    if (options.hasRegister) {
      this.emulator = new KktEmulator({ clock: world.clock });
      this.#server = new ShtrihServer({
        emulator: this.emulator,
        onFailure: (error) => {
          throw error;
        },
      });
    }
  }

  get node(): BranchNode {
    if (this.#node === undefined) {
      throw new Error(`${this.name} is not selling`);
    }
    return this.#node;
  }

  get services(): NodeServices {
    return this.node.services;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  protected async open({ clock, store, registry }: Life): Promise<void> {
    const { network, random } = this.world;
    this.#fault = undefined;
    const driver = this.#openDriver(clock);
    const node = await BranchNode.open(
      {
        clock,
        random,
        randomBytes: (length) => seededBytes(random, length),
        log: SILENT,
        store,
        registry,
        tenant: TENANT,
        key: this.key,
        clockBound: this.bound,
        rows: this.level.sublevel<string, string>('rows', {}) as never,
        outbox: this.level.sublevel('outbox') as never,
        dial: (url, signal) =>
          clock.isDead
            ? new Promise<never>(() => undefined)
            : network.dial(this.address, new URL(url).host, { signal }),
        ...(driver === undefined ? {} : { kkt: { driver, taxSystem: 'general' as const } }),
      },
      {
        mode: 'hybrid',
        relay: `ws://${this.#options.relay}/v1/replicate`,
        peers: [],
        syncIntervalSeconds: 30,
      },
      { software: 'simulated' },
    );
    this.#node = node;
    void node.failed.then((error) => {
      if (this.#node === node) {
        this.#fault = error.message;
      }
    });
  }

  protected accept(transport: Transport): void {
    this.#node?.accept(transport);
  }

  protected async close(): Promise<void> {
    await this.#node?.close();
  }

  protected forget(): void {
    this.#node = undefined;
    // The line falls silent with the process.
    void this.#driver?.close().catch(() => undefined);
    this.#driver = undefined;
  }

  #openDriver(clock: Life['clock']): ShtrihDriver | undefined {
    if (this.#server === undefined) {
      return undefined;
    }
    this.#driver = new ShtrihDriver({ openLine: this.#server.openLine(), clock, protocol: 'v2' });
    return this.#driver;
  }
}
