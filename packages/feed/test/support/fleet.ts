/**
 * A chain in memory: an authority, devices with a store, a registry and a replicator each, and links between them that can be
 * slow and can be cut at any moment. Everything is driven by one seed.
 */
import { Encoder } from 'cbor-x';
import { ManualClock, makeStamp, type Random, type Stamp, seededRandom } from 'hlc-ts';
import { Authority } from '../../src/authority.ts';
import {
  CHECKPOINTS_FEATURE,
  type CheckpointSink,
  type CheckpointSource,
  KEEPER_FEATURE,
} from '../../src/checkpoint-transfer.ts';
import { FeedWriter } from '../../src/feed-writer.ts';
import type { Role } from '../../src/grants.ts';
import { type DeviceKey, generateDeviceKey } from '../../src/identity.ts';
import { MemoryStore } from '../../src/memory-store.ts';
import { Registry } from '../../src/registry.ts';
import { followRegistry } from '../../src/registry-follower.ts';
import type { ReplicationNews } from '../../src/replication-context.ts';
import type { PeerChannel, ReplicationMessage } from '../../src/replication-messages.ts';
import { replicationFaults } from '../../src/replication-state.ts';
import { Replicator } from '../../src/replicator.ts';
import type { Session } from '../../src/session.ts';
import type { Collection, FeedName, FeedStore, WriterId } from '../../src/types.ts';

export const TENANT = 'chain';

export interface Device {
  readonly name: string;
  readonly key: DeviceKey;
  readonly store: FeedStore;
  readonly registry: Registry;
  readonly writer: FeedWriter;
  readonly replicator: Replicator;
  readonly news: ReplicationNews[];
  /** What it says in its hello. */
  readonly features: readonly string[];
}

export interface DeviceOptions {
  readonly key?: DeviceKey;
  readonly store?: FeedStore;
  readonly source?: CheckpointSource;
  readonly sink?: CheckpointSink;
  readonly authority?: Authority;
}

export class Fleet {
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly authorityKey = generateDeviceKey();
  readonly devices: Device[] = [];
  readonly links: Link[] = [];
  /** Invariants broken by any step of any session. */
  readonly faults: string[] = [];
  #ms = 1_000;
  #authority: Authority | undefined;
  #home: Pick<Device, 'store' | 'registry'> | undefined;

  constructor(seed = 1) {
    this.random = seededRandom(seed);
  }

  now = (): Stamp => {
    this.#ms += 1;
    return makeStamp(this.#ms, 0);
  };

  get authority(): Authority {
    return this.#authority!;
  }

  /** The relay, whose store the authority writes into. */
  async openRelay(options: DeviceOptions = {}): Promise<Device> {
    const registry = new Registry(this.authorityKey.publicKey);
    const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
    await followRegistry(store, registry);
    this.#home = { store, registry };
    const { clock, now, authorityKey: key } = this;
    this.#authority = await Authority.open({ key, tenant: TENANT, store, registry, clock, now });
    await this.#authority.createTenant();
    const relayKey = options.key ?? generateDeviceKey();
    await this.#authority.admit({ publicKey: relayKey.publicKey, role: 'relay', branch: 'RELAY' });
    const given = { ...options, key: relayKey, store, authority: this.#authority };
    return this.#compose('relay', given, registry);
  }

  /** An enrolled device with an empty store (or the one given). */
  async open(role: Role, branch: string, options: DeviceOptions = {}): Promise<Device> {
    const key = options.key ?? generateDeviceKey();
    await this.authority.admit({ publicKey: key.publicKey, role, branch });
    return this.join(branch, { ...options, key });
  }

  /** A device that uses a key, enrolled or not. */
  async join(name: string, options: DeviceOptions & { key: DeviceKey }): Promise<Device> {
    return this.#compose(name, options, new Registry(this.authorityKey.publicKey));
  }

  async #compose(name: string, options: DeviceOptions, registry: Registry): Promise<Device> {
    const key = options.key!;
    const store = options.store ?? (await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf }));
    if (!options.authority) await followRegistry(store, registry);
    const news: ReplicationNews[] = [];
    const replicator = await Replicator.open({
      store,
      registry,
      tenant: TENANT,
      self: key.writer,
      clock: this.clock,
      ...(options.authority ? { authority: options.authority } : {}),
      checkpoints: {
        ...(options.source ? { source: options.source } : {}),
        ...(options.sink ? { sink: options.sink } : {}),
      },
      onNews: (each) => news.push(each),
      onStep: (before, event, next) => this.faults.push(...replicationFaults(before, event, next)),
    });
    const writer = await FeedWriter.open({ store, key, tenant: TENANT, now: this.now });
    const { sink } = options;
    const features = [...(sink ? [CHECKPOINTS_FEATURE] : []), ...(sink?.held ? [KEEPER_FEATURE] : [])];
    const device = { name, key, store, registry, writer, replicator, news, features };
    this.devices.push(device);
    return device;
  }

  /** A copy of the registry as the authority has it, put into a device's store as enrolment does. */
  async introduce(device: Device): Promise<void> {
    const home = this.#home!;
    for (;;) {
      const run = await home.store.read(home.registry.feed, device.registry.position + 1, 1 << 20);
      if (!run) return;
      await device.store.append({ runs: [run] });
    }
  }

  /** Nothing keeps the process alive after this. */
  close(): void {
    for (const link of this.links) link.cut();
    for (const { replicator } of this.devices) replicator.close();
  }

  link(a: Device, b: Device): Link {
    const link = new Link(this, a, b);
    this.links.push(link);
    return link;
  }

  /** Runs until nobody has anything left to say. */
  async quiet(): Promise<void> {
    let still = 0;
    let before = -1;
    for (let turn = 0; turn < 200_000; turn += 1) {
      await this.clock.yield();
      const said = this.links.reduce((sum, link) => sum + link.messages + link.delivered, 0);
      still = said === before ? still + 1 : 0;
      before = said;
      if (still > 40) return;
    }
    throw new Error('the fleet does not come to rest');
  }
}

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

/** Two channels back to back, ordered, each with messages on their way that a cut loses. */
export class Link {
  readonly sessions: readonly [Session, Session];
  readonly log: { from: string; message: ReplicationMessage; bytes: number }[] = [];
  messages = 0;
  delivered = 0;
  closedWith: string | undefined;
  /** Called with each message on its way; what it returns is delivered. A hostile network, or peer. */
  tamper: (message: ReplicationMessage) => ReplicationMessage | undefined = (message) => message;
  readonly #fleet: Fleet;
  readonly #queues: readonly [ReplicationMessage[], ReplicationMessage[]] = [[], []];
  #open = true;

  constructor(fleet: Fleet, a: Device, b: Device) {
    this.#fleet = fleet;
    const toB = this.#channel(0, a.key.writer, b.features);
    const toA = this.#channel(1, b.key.writer, a.features);
    const first = a.replicator.attach(toB, b.key.writer);
    const second = b.replicator.attach(toA, a.key.writer);
    this.sessions = [first, second];
    void this.#deliver(0, second);
    void this.#deliver(1, first);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Both ends notice; what was on its way is lost. */
  cut(): void {
    this.#close('CUT');
    for (const session of this.sessions) session.close('CUT');
  }

  /** Puts a message on the wire as if the first device had sent it. */
  inject(message: ReplicationMessage): void {
    this.#queues[0].push(message);
  }

  bytesOf(type?: ReplicationMessage['type']): number {
    return this.log.reduce(
      (sum, { message, bytes }) => sum + (!type || message.type === type ? bytes : 0),
      0,
    );
  }

  #channel(index: 0 | 1, from: string, features: readonly string[]): PeerChannel {
    const queue = this.#queues[index];
    return {
      peer: { features },
      bufferedBytes: 0,
      send: async (message) => {
        if (!this.#open) throw Object.assign(new Error('cut'), { code: 'CUT' });
        const wanted = this.tamper(message);
        this.messages += 1;
        if (wanted) {
          this.log.push({ from, message: wanted, bytes: encoder.encode(wanted).byteLength });
          queue.push(wanted);
        }
        while (this.#open && queue.length > 8) await this.#fleet.clock.yield();
      },
      close: (code) => this.#close(code),
    };
  }

  async #deliver(index: 0 | 1, session: Session): Promise<void> {
    const queue = this.#queues[index];
    while (this.#open) {
      await this.#fleet.clock.yield();
      const lag = Math.floor(this.#fleet.random() * 3);
      for (let turn = 0; turn < lag; turn += 1) await this.#fleet.clock.yield();
      const message = queue.shift();
      if (!message || !this.#open) continue;
      await session.receive(message);
      this.delivered += 1;
    }
  }

  #close(code: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.closedWith = code;
    for (const queue of this.#queues) queue.length = 0;
    for (const session of this.sessions ?? []) session.close(code);
  }
}

export function feedOf(collection: string, writer: WriterId): FeedName {
  return `${collection}/${writer}` as FeedName;
}

export function draft(
  collection: string,
  body: unknown,
  kind = 'order',
): {
  collection: Collection;
  kind: string;
  body: unknown;
} {
  return { collection: collection as Collection, kind, body };
}

/** Where each feed ends, as text, for comparing. */
export function headsOf(device: Device, only: (feed: FeedName) => boolean = () => true): string[] {
  return [...device.store.feeds().values()]
    .filter(({ feed, head }) => only(feed) && head.seq > 0)
    .map(({ feed, head }) => `${feed} ${head.seq} ${Buffer.from(head.hash).toString('hex').slice(0, 12)}`)
    .sort();
}
