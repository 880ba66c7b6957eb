/** A machine with a node on it: a shop with its cash register, or head office without one. */

import type { IncarnationPlan, WriterId } from '@branchline/feed';
import { KktEmulator, type MockOperator, ShtrihDriver, ShtrihServer } from '@branchline/fiscal';
import { BranchNode, type NodeServices } from '@branchline/node';
import {
  inheritanceOf,
  presume,
  type Renewal,
  type SuccessionRecord,
  takeOver,
} from '@branchline/node/acceptance';
import type { Transport } from '@branchline/wire';
import {
  type Life,
  Machine,
  type Place,
  seededBytes,
  seededKey,
  TENANT,
  type WorldParts,
} from './machine.ts';
import { MachineClock } from './machine-clock.ts';

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface ShopOptions {
  readonly name: string;
  readonly branch: string;
  /** Address of the relay. */
  readonly relay: string;
  /** Addresses of other nodes it dials. */
  readonly peers: readonly string[];
  /** Where its register's documents go; without one it prints nothing. */
  readonly operator?: MockOperator;
  /** Number of the storage in its register. */
  readonly fn?: string;
}

export class Shop extends Machine {
  readonly branch: string;
  readonly emulator: KktEmulator | undefined;
  readonly #options: ShopOptions;
  readonly #server: ShtrihServer | undefined;
  readonly #records: SuccessionRecord[] = [];
  /** Journals that were set aside, by writer; and made ready, by name. */
  readonly #places = new Map<string, Place>();
  #driver: ShtrihDriver | undefined;
  #node: BranchNode | undefined;
  #fault: string | undefined;
  #renewal: Renewal | undefined;
  /** Since when the memory of this machine does not reach: what it was told then it may not know. */
  forgotSinceMs: number | undefined;
  isRevoked = false;
  /** A bit of its journal that was flipped while it stood still; until somebody notices and has it put right. */
  damage: { readonly path: string; readonly bit: number } | undefined;

  constructor(world: WorldParts, options: ShopOptions) {
    super(world, options.name);
    this.branch = options.branch;
    this.#options = options;
    if (options.operator !== undefined) {
      this.emulator = new KktEmulator({
        clock: world.clock,
        ...(options.fn === undefined ? {} : { fn: options.fn }),
      });
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

  get isSelling(): boolean {
    return this.#node !== undefined;
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  /** Set when the program asks to be opened again under another key. */
  get renewal(): Renewal | undefined {
    return this.isUp ? this.#renewal : undefined;
  }

  /** What the real program does between two lives: everything is closed, the next key takes over. */
  async renew(): Promise<void> {
    const renewal = this.#renewal!;
    const { store, registry } = this.life;
    await this.close();
    const { records, keys } = this;
    const lineage = {
      key: this.key,
      keys,
      records,
      staged: (writer: WriterId) => ({ journal: `next.${writer}`, index: '' }),
      follow: (...[next, how]: Parameters<Parameters<typeof takeOver>[0]['lineage']['follow']>) =>
        this.#follow(next, how),
    };
    if (renewal.reason === 'copied') {
      await takeOver({
        lineage,
        home: { store, registry, close: () => store.close() },
        plan: renewal.plan,
        open: ({ journal }) => this.#stage(journal),
        nowMs: this.life.clock.nowMs(),
        makeKey: () => seededKey(this.world.random),
      });
      this.world.count('went on under a new key');
    } else {
      await store.close();
    }
    await this.kill();
  }

  get records(): readonly SuccessionRecord[] {
    return this.#records;
  }

  async #stage(name: string) {
    const place = this.freshPlace();
    this.#places.set(name, place);
    const opened = await this.openStore(place, new MachineClock(this.world.clock, this.clockErrorMs));
    return { ...opened, close: () => opened.store.close() };
  }

  async #follow(
    next: Machine['key'],
    how: { readonly plan?: IncarnationPlan } & Pick<SuccessionRecord, 'reason' | 'at' | 'incarnation'>,
  ): Promise<void> {
    const predecessor = this.key.writer;
    const made = { writer: next.writer, predecessor, settled: false, ...how };
    if (how.plan?.diverged === true) {
      this.#places.set(predecessor, this.place);
      this.place = this.#places.get(`next.${next.writer}`)!;
      this.world.count('diverged history set aside');
    }
    this.#records.push(how.plan?.diverged === true ? { ...made, evidence: predecessor } : made);
    this.keys.push(next);
  }

  protected async open(life: Life): Promise<void> {
    const { clock, store, registry } = life;
    const { network, random } = this.world;
    this.#fault = undefined;
    this.#renewal = undefined;
    const { operator, relay, peers } = this.#options;
    presume(this, registry);
    const inheritance = await inheritanceOf({
      last: this.#records.at(-1),
      store,
      openAside: (writer) => this.#openAside(writer, clock),
      clock,
      log: SILENT,
    });
    const driver = this.#openDriver(clock);
    const node = await BranchNode.open(
      {
        clock,
        random,
        randomBytes: (length) => seededBytes(random, length),
        log: {
          ...SILENT,
          warn: (fields, words) => {
            const { code } = fields as { code?: string };
            if (words === 'alarm' && code !== undefined) {
              this.world.count(`alarm: ${code}`);
            }
          },
        },
        store,
        registry,
        tenant: TENANT,
        key: this.key,
        formerKeys: this.keys.slice(0, -1),
        succession: this.#records.at(-1),
        clockBound: this.bound,
        rows: this.place.level.sublevel<string, string>('rows', {}) as never,
        outbox: this.place.level.sublevel('outbox') as never,
        dial: (url, signal) =>
          clock.isDead
            ? new Promise<never>(() => undefined)
            : network.dial(this.address, new URL(url).host, { signal }),
        ...(driver === undefined
          ? {}
          : { kkt: { driver, taxSystem: 'general' as const, ofdLink: operator!.link(clock) } }),
      },
      {
        mode: 'hybrid',
        relay: `ws://${relay}/v1/replicate`,
        peers: peers.map((address) => `ws://${address}/v1/replicate`),
        syncIntervalSeconds: 30,
      },
      { software: 'simulated' },
    );
    if (inheritance !== undefined) {
      await node.inherit(inheritance);
      const last = this.#records.pop()!;
      this.#records.push({ ...last, settled: true });
    }
    this.#node = node;
    void node.failed.then((error) => {
      if (this.#node === node) {
        this.#fault = error.message;
      }
    });
    void node.renewal.then((renewal) => {
      if (this.#node === node) {
        this.#renewal = renewal;
      }
    });
  }

  async #openAside(writer: WriterId, clock: MachineClock) {
    const place = this.#places.get(writer)!;
    const { store } = await this.openStore(place, clock);
    const level = { sublevel: () => place.level.sublevel<string, string>('rows', {}) };
    return { store, level, close: () => store.close() };
  }

  protected accept(transport: Transport): void {
    this.#node?.accept(transport);
  }

  protected async close(): Promise<void> {
    const node = this.#node;
    this.#node = undefined;
    await node?.close();
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
