/**
 * An exchange between a shop and a relay whose every byte can be foretold: fixed keys in the recording, fixed nonces, a clock that is
 * turned by hand. So one side can be played from a recording to the other side's code of today, signatures and all.
 *
 * `record` makes a recording with the code of this checkout; a protocol that changes leaves its last one behind.
 */
import {
  Authority,
  type Collection,
  type DeviceKey,
  exportDeviceKey,
  type FeedName,
  FeedWriter,
  followRegistry,
  generateDeviceKey,
  importDeviceKey,
  MemoryStore,
  Registry,
  Replicator,
  type Run,
  type Session,
  writerIdOf,
} from '@branchline/feed';
import { Connection, type Transport, type TransportEvents } from '@branchline/wire';
import { ManualClock, makeStamp } from 'hlc-ts';

export type Side = 'dial' | 'listen';
export const TENANT = 'chain';
const CHANNEL = 'recorded/exchange';
const NONCES: Readonly<Record<Side, number>> = { dial: 0x11, listen: 0x22 };
/** Steps of the clock after which nobody has anything more to say. */
const SETTLING_STEPS = 60;
const STEP_MS = 10;

interface StoredRun {
  readonly feed: string;
  readonly from: number;
  readonly entries: readonly string[];
  readonly signature: string;
}

export interface Recording {
  /** Fingerprint of the protocol that was spoken. */
  readonly fingerprint: string;
  readonly authority: string;
  readonly keys: Readonly<Record<Side, string>>;
  /** What each side held before. */
  readonly before: Readonly<Record<Side, readonly StoredRun[]>>;
  /** What came to the relay while it was connected: head office's next price. */
  readonly news: StoredRun;
  /** How far every feed goes at the end, on both sides. */
  readonly after: Readonly<Record<string, number>>;
  readonly messages: readonly { readonly by: Side; readonly bytes: string }[];
}

/** One end of the exchange with the code of this checkout. */
export class End {
  readonly store: MemoryStore;
  readonly replicator: Replicator;
  readonly key: DeviceKey;
  /** What went out, in order. */
  readonly sent: Uint8Array[] = [];
  connection: Connection<unknown> | undefined;
  ending: string | undefined;
  readonly #clock: ManualClock;
  readonly #side: Side;
  #events: TransportEvents | undefined;
  onSent: (bytes: Uint8Array) => void = () => {};

  private constructor(parts: {
    store: MemoryStore;
    replicator: Replicator;
    key: DeviceKey;
    clock: ManualClock;
    side: Side;
  }) {
    this.store = parts.store;
    this.replicator = parts.replicator;
    this.key = parts.key;
    this.#clock = parts.clock;
    this.#side = parts.side;
  }

  static async open(
    side: Side,
    clock: ManualClock,
    from: { authority: Uint8Array; key: DeviceKey; runs: readonly Run[] },
  ): Promise<End> {
    const registry = new Registry(from.authority);
    const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
    await followRegistry(store, registry);
    for (const run of from.runs) {
      await store.append({ runs: [run] });
    }
    const { key } = from;
    const replicator = await Replicator.open({ store, registry, tenant: TENANT, self: key.writer, clock });
    return new End({ store, replicator, key, clock, side });
  }

  /** Shakes hands and exchanges in the background; how it ended stands in `ending`. */
  start(): void {
    const side = this.#side;
    const transport: Transport = {
      channel: CHANNEL,
      remote: side === 'dial' ? 'relay' : 'shop',
      bufferedBytes: 0,
      start: (events) => {
        this.#events = events;
      },
      send: (message) => {
        this.sent.push(Uint8Array.from(message));
        this.onSent(this.sent.at(-1)!);
      },
      admitted: () => {},
      end: () => this.#events?.onClose('ended'),
      terminate: () => this.#events?.onClose('terminated'),
    };
    let session: Session | undefined;
    Connection.open<unknown>({
      transport,
      role: side,
      identity: this.key,
      tenant: TENANT,
      clock: this.#clock,
      software: `recorded-${side}`,
      randomBytes: (length) => new Uint8Array(length).fill(NONCES[side]),
      admit: () => ({ ok: true, info: undefined }),
      attach: (connection) => {
        session = this.replicator.attach(connection, writerIdOf(connection.peer.key));
        return (frame) => (frame.type === 'status' ? undefined : session?.receive(frame));
      },
    }).then(
      async (connection) => {
        this.connection = connection;
        this.ending = (await connection.closed).code;
        session?.close(this.ending);
      },
      (error: Error & { code?: string }) => {
        this.ending = error.code ?? error.message;
      },
    );
  }

  hear(message: Uint8Array): void {
    this.#events?.onMessage(message);
  }

  heads(): Record<string, number> {
    return Object.fromEntries(
      [...this.store.feeds()].map(([feed, { head }]) => [feed, head.seq] as const).sort(),
    );
  }
}

/** Lets both ends do what they have to do. */
export async function settle(clock: ManualClock): Promise<void> {
  for (let step = 0; step < SETTLING_STEPS; step += 1) {
    await clock.advance(STEP_MS);
  }
}

/** The exchange, played by this checkout on both sides. */
export async function record(fingerprint: string): Promise<Recording> {
  const clock = new ManualClock();
  let counter = 0;
  const now = () => makeStamp(clock.nowMs(), ++counter);
  const keys = {
    authority: generateDeviceKey(),
    dial: generateDeviceKey(),
    listen: generateDeviceKey(),
    office: generateDeviceKey(),
  };
  const registry = new Registry(keys.authority.publicKey);
  const store = await MemoryStore.open({ tenant: TENANT, keys: registry.keyOf });
  await followRegistry(store, registry);
  const authority = await Authority.open({
    key: keys.authority,
    tenant: TENANT,
    store,
    registry,
    clock,
    now,
  });
  await authority.createTenant();
  await authority.admit({ publicKey: keys.listen.publicKey, role: 'relay', branch: 'RELAY' });
  await authority.admit({ publicKey: keys.office.publicKey, role: 'hq', branch: 'HQ' });
  await authority.admit({ publicKey: keys.dial.publicKey, role: 'branch', branch: 'B001' });
  const registryRuns = await runsOf(store);
  const office = await FeedWriter.open({ store, key: keys.office, tenant: TENANT, now });
  const price = (minor: number) => office.commit([draft('catalog', { sku: 'CHAIR', priceMinor: minor })]);
  for (let at = 0; at < 10; at += 1) {
    await price(1_000 + at);
  }
  const before = await runsOf(store);

  const from = { authority: keys.authority.publicKey };
  const relay = await End.open('listen', clock, { ...from, key: keys.listen, runs: before });
  const shop = await End.open('dial', clock, { ...from, key: keys.dial, runs: registryRuns });
  const till = await FeedWriter.open({ store: shop.store, key: keys.dial, tenant: TENANT, now });
  for (let at = 0; at < 5; at += 1) {
    await till.commit([
      draft('orders/B001', { number: at }),
      draft('stock/B001', { sku: 'CHAIR', delta: -1 }),
    ]);
  }
  const held = await runsOf(shop.store);
  const catalog = [...store.feeds().keys()].find((feed) => feed.startsWith('catalog/'))!;
  const next = store.feeds().get(catalog)!.head.seq + 1;
  await price(2_000);
  const news = (await store.read(catalog, next, 1_000_000))!;

  const messages: { by: Side; bytes: string }[] = [];
  const wire = (by: Side, to: End) => (bytes: Uint8Array) => {
    messages.push({ by, bytes: hex(bytes) });
    queueMicrotask(() => to.hear(bytes));
  };
  relay.onSent = wire('listen', shop);
  shop.onSent = wire('dial', relay);
  relay.start();
  shop.start();
  await settle(clock);
  await relay.store.append({ runs: [news] });
  await settle(clock);
  shop.connection?.close('GOING_AWAY');
  await settle(clock);
  return {
    fingerprint,
    authority: hex(keys.authority.publicKey),
    keys: { dial: hex(exportDeviceKey(keys.dial)), listen: hex(exportDeviceKey(keys.listen)) },
    before: { dial: held.map(stored), listen: before.map(stored) },
    news: stored(news),
    after: relay.heads(),
    messages,
  };
}

/** One side played from a recording to the other side's code of this checkout, which is returned with what it said. */
export async function replay(recording: Recording, played: Side): Promise<End> {
  const clock = new ManualClock();
  const side: Side = played === 'dial' ? 'listen' : 'dial';
  const end = await End.open(side, clock, {
    authority: bytes(recording.authority),
    key: importDeviceKey(bytes(recording.keys[side])),
    runs: recording.before[side].map(restored),
  });
  end.start();
  let answered = 0;
  let isNewsIn = false;
  for (const message of recording.messages) {
    if (message.by === side) {
      answered += 1;
      if (end.sent.length < answered) {
        await settle(clock);
      }
      if (end.sent.length < answered && side === 'listen' && !isNewsIn) {
        isNewsIn = true;
        await end.store.append({ runs: [restored(recording.news)] });
        await settle(clock);
      }
    } else {
      end.hear(bytes(message.bytes));
      await clock.advance(STEP_MS);
    }
  }
  await settle(clock);
  if (side === 'dial') {
    // As it was recorded: the shop goes first.
    end.connection?.close('GOING_AWAY');
    await settle(clock);
  }
  return end;
}

function draft(collection: string, body: unknown) {
  return { collection: collection as Collection, kind: 'note', body };
}

async function runsOf(store: MemoryStore): Promise<Run[]> {
  const runs: Run[] = [];
  const feeds = [...store.feeds()].sort(([one]) => (one.startsWith('registry/') ? -1 : 1));
  for (const [feed, { base, head }] of feeds) {
    for (let next = base.seq + 1; next <= head.seq; ) {
      const run = (await store.read(feed, next, 1_000_000))!;
      runs.push(run);
      next = run.from + run.entries.length;
    }
  }
  return runs;
}

function stored({ feed, from, entries, signature }: Run): StoredRun {
  return { feed, from, entries: entries.map(hex), signature: hex(signature) };
}

function restored({ feed, from, entries, signature }: StoredRun): Run {
  return { feed: feed as FeedName, from, entries: entries.map(bytes), signature: bytes(signature) };
}

function hex(of: Uint8Array): string {
  return Buffer.from(of).toString('hex');
}

function bytes(of: string): Uint8Array {
  return new Uint8Array(Buffer.from(of, 'hex'));
}
