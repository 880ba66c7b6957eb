/**
 * A chain in memory: one tenant, any number of machines, a network between them and one clock that tests move by hand.
 *
 * A machine outlives its node: `start` opens a node on what the machine has kept, `stop` ends it in order, `crash` drops it as a
 * power cut would: the store keeps what it acknowledged, of the rows only those that had reached LevelDB.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  Authority,
  CheckpointShelf,
  type DeviceKey,
  type FeedStore,
  followRegistry,
  generateDeviceKey,
  MemoryStore,
  NodeDisk,
  Registry,
  type Role,
  type WriterId,
} from '@branchline/feed';
import type { TillRole } from '@branchline/model';
import { MemoryNetwork, type Transport } from '@branchline/wire';
import { ManualClock, makeStamp, memoryBound, type Stamp, seededRandom } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { TempDir } from '../../../test/support/temp-dir.ts';
import { until } from '../../../test/support/within.ts';
import type { NodeKkt } from '../../src/fiscal/open-fiscal.ts';
import { BranchNode, type NodeSettings } from '../../src/node.ts';
import type { NodeLog, NodePorts } from '../../src/ports.ts';
import type { RowLevel } from '../../src/projections/rows.ts';
import type { NodeServices, TillIdentity, WriteRequest } from '../../src/services.ts';
import { Life } from './life.ts';

export const TENANT = 'Superstore';

const UNTIL_LIMIT_MS = 60_000;
/** Ten seconds of simulated time between two looks at the real one. */
const STEPS_PER_LOOK = 1_000;

/** Set BRANCHLINE_TEST_LOG=1 to see what nodes log. */
const log: NodeLog = process.env.BRANCHLINE_TEST_LOG
  ? { debug: tell, info: tell, warn: tell, error: tell }
  : { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function tell(fields: object, words: string): void {
  process.stderr.write(
    `${words} ${JSON.stringify(fields)} ${(fields as { err?: Error }).err?.stack ?? ''}\n`,
  );
}

export interface ChainParts {
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly authority: Authority;
  readonly authorityKey: DeviceKey;
  readonly clock: ManualClock;
}

export class Chain {
  readonly clock: ManualClock;
  readonly random = seededRandom(7);
  readonly network: MemoryNetwork;
  readonly authorityKey: DeviceKey;
  readonly #parts: ChainParts;
  readonly #machines: Machine[] = [];

  private constructor(parts: ChainParts) {
    this.#parts = parts;
    this.clock = parts.clock;
    this.authorityKey = parts.authorityKey;
    this.network = new MemoryNetwork({ clock: parts.clock, random: this.random });
  }

  static async open(): Promise<Chain> {
    const clock = new ManualClock(Date.UTC(2026, 10, 22, 9));
    const authorityKey = generateDeviceKey();
    const registry = new Registry(authorityKey.publicKey);
    const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
    await followRegistry(store, registry);
    let counter = 0;
    const now = (): Stamp => makeStamp(clock.nowMs(), counter++);
    const authority = await Authority.open({
      key: authorityKey,
      tenant: TENANT,
      store,
      registry,
      clock,
      now,
    });
    await authority.createTenant();
    return new Chain({ store, registry, authority, authorityKey, clock });
  }

  /** A new machine, enrolled; its node is not started. */
  async machine(
    branch: string,
    options: { role?: Role; region?: string; checkpoints?: boolean } = {},
  ): Promise<Machine> {
    const key = generateDeviceKey();
    const { role = 'branch', region } = options;
    await this.#parts.authority.admit({
      branch,
      role,
      publicKey: key.publicKey,
      ...(region === undefined ? {} : { region }),
    });
    const machine = new Machine(this, branch, key, options.checkpoints ?? false);
    this.#machines.push(machine);
    await machine.learnRegistry(this.#parts.store, this.#parts.registry);
    for (const other of this.#machines) {
      await other.learnRegistry(this.#parts.store, this.#parts.registry);
    }
    return machine;
  }

  get authorityStore(): FeedStore {
    return this.#parts.store;
  }

  get authorityRegistry(): Registry {
    return this.#parts.registry;
  }

  async revoke(machine: Machine): Promise<void> {
    await this.#parts.authority.revoke({ writer: machine.key.writer });
  }

  /** Lets time pass in small steps, with room for real I/O between them. */
  async pass(ms: number, stepMs = 10): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(stepMs);
    }
  }

  /**
   * Lets time pass until `done`. The limit is real time: disks under these nodes are real, and on a busy machine any amount of
   * simulated time can pass before one write is done.
   */
  async until(done: () => boolean | Promise<boolean>): Promise<void> {
    await until(UNTIL_LIMIT_MS, 'what was waited for', async () => {
      for (let step = 0; step < STEPS_PER_LOOK; step++) {
        if (await done()) {
          return true;
        }
        await this.clock.advance(10);
      }
      return false;
    });
  }

  async close(): Promise<void> {
    for (const machine of this.#machines) {
      await machine.stop();
      await machine.forget();
    }
  }

  /** Waits for something that may itself wait for the clock. */
  async running<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const result = work.finally(() => {
      over = true;
    });
    while (!over) {
      await this.clock.advance(50);
    }
    return await result;
  }
}

export class Machine {
  readonly chain: Chain;
  readonly branch: string;
  readonly key: DeviceKey;
  readonly address: string;
  readonly bound = memoryBound();
  store: FeedStore | undefined;
  registry: Registry | undefined;
  level: MemoryLevel<string, string> = newLevel();
  node: BranchNode | undefined;
  #life: Life | undefined;
  /** Its cash register; the node closes the driver, so each start asks for a new one. */
  kkt: (() => NodeKkt) | undefined;
  /** Keys it had before. */
  formers: readonly DeviceKey[] = [];
  /** Where checkpoints are kept, on a machine that keeps any. */
  readonly #shelfDir: Promise<TempDir> | undefined;
  shelf: CheckpointShelf | undefined;
  /** Received from peers this machine dialled. */
  bytesIn = 0;
  #unlisten: (() => void) | undefined;
  #keys = 0;

  constructor(chain: Chain, branch: string, key: DeviceKey, checkpoints: boolean) {
    this.#shelfDir = checkpoints ? TempDir.open('shelf') : undefined;
    this.chain = chain;
    this.branch = branch;
    this.key = key;
    this.address = `${key.writer}.test`;
  }

  get services(): NodeServices {
    if (this.node === undefined) {
      throw new Error(`${this.branch} is not running`);
    }
    return this.node.services;
  }

  /** Copies the registry feed, as enrolment does. */
  async learnRegistry(from: FeedStore, registry: Registry): Promise<void> {
    this.registry ??= new Registry(this.chain.authorityKey.publicKey);
    if (this.store === undefined) {
      this.store = await MemoryStore.open({ tenant: TENANT, keys: this.registry.keyOf });
      await followRegistry(this.store, this.registry);
    }
    const next = (this.store.feeds().get(registry.feed)?.head.seq ?? 0) + 1;
    const run = await from.read(registry.feed, next, 10_000_000);
    if (run !== undefined) {
      await this.store.append({ runs: [run] });
    }
  }

  /** The feeds as they are now, as a backup keeps them. */
  async copyStore(): Promise<FeedStore> {
    const copy = await MemoryStore.open({ tenant: TENANT, keys: this.registry!.keyOf });
    for await (const { runs } of this.store!.replay(0)) {
      await copy.append({ runs });
    }
    return copy;
  }

  async openShelf(): Promise<CheckpointShelf | undefined> {
    const dir = (await this.#shelfDir)?.path;
    const mayVouch = (writer: WriterId): boolean => this.registry?.mayVouch(writer) ?? false;
    const { clock } = this.chain;
    this.shelf =
      dir === undefined ? dir : await CheckpointShelf.open({ disk: new NodeDisk(), dir, clock, mayVouch });
    return this.shelf;
  }

  /** The folder of checkpoints is lost; the journal is not. */
  async loseShelf(): Promise<void> {
    await this.forget();
    await this.openShelf();
  }

  /** Called once nothing runs any more. */
  async forget(): Promise<void> {
    await (await this.#shelfDir)?.[Symbol.asyncDispose]();
  }

  async start(settings: Partial<NodeSettings> = {}): Promise<NodeServices> {
    await this.openShelf();
    const life = new Life(this.chain.clock, this.store!);
    this.#life = life;
    this.node = await BranchNode.open(
      { ...this.ports(), clock: life.clock, store: life.store },
      { mode: 'hybrid', relay: undefined, peers: [], syncIntervalSeconds: 30, ...settings },
      { software: 'test' },
    );
    this.#unlisten = this.chain.network.listen(this.address, (transport) => this.node?.accept(transport));
    return this.node.services;
  }

  async stop(): Promise<void> {
    this.#unlisten?.();
    const { node } = this;
    this.node = undefined;
    if (node !== undefined) {
      await this.chain.running(node.close());
    }
  }

  /** A power cut: nothing is flushed; what LevelDB had is copied, the old node hears and writes nothing any more. */
  async crash(): Promise<void> {
    this.#unlisten?.();
    this.chain.network.vanish(this.address);
    this.#life?.end();
    this.level = await this.copyRows();
    this.node = undefined;
  }

  /** What LevelDB has now. */
  async copyRows(): Promise<Machine['level']> {
    const copy = newLevel();
    for await (const [key, value] of this.level.iterator<string, Uint8Array>({ valueEncoding: 'view' })) {
      await copy.put<string, Uint8Array>(key, value.slice(), { valueEncoding: 'view' });
    }
    return copy;
  }

  /** LevelDB is lost; feeds are not. */
  loseRows(): void {
    this.level = newLevel();
  }

  ports(): NodePorts {
    return {
      clock: this.chain.clock,
      random: this.chain.random,
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      log,
      store: this.store!,
      registry: this.registry!,
      tenant: TENANT,
      key: this.key,
      formerKeys: this.formers,
      clockBound: this.bound,
      rows: this.level as unknown as RowLevel,
      outbox: this.level,
      post: (url, init) => fetch(url, init),
      dial: async (url, signal) =>
        this.#counted(await this.chain.network.dial(this.address, hostOf(url), { signal })),
      ...(this.shelf === undefined ? {} : { checkpoints: this.shelf }),
      ...(this.kkt === undefined ? {} : { kkt: this.kkt() }),
    };
  }

  #counted(transport: Transport): Transport {
    const { start } = transport;
    transport.start = (events) =>
      start.call(transport, {
        onClose: (reason) => events.onClose(reason),
        onMessage: (message) => {
          this.bytesIn += message.byteLength;
          events.onMessage(message);
        },
      });
    return transport;
  }

  /** A write request as the HTTP edge makes it; the same `key` and body make the same fingerprint. */
  request<Body>(
    body: Body,
    options: { key?: string; till?: string; role?: TillRole } = {},
  ): WriteRequest<Body> {
    this.#keys += 1;
    const till: TillIdentity = { till: options.till ?? 'T1', role: options.role ?? 'manager' };
    const fingerprint = createHash('sha256').update(JSON.stringify(body)).digest('hex');
    return { key: options.key ?? `${this.branch}-key-${this.#keys}`, fingerprint, till, body };
  }
}

function newLevel(): MemoryLevel<string, string> {
  return new MemoryLevel<string, string>({ keyEncoding: 'utf8', valueEncoding: 'utf8' });
}

/** `abc.test` of `ws://abc.test/v1/replicate`. */
function hostOf(url: string): string {
  return new URL(url).host;
}
