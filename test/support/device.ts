/**
 * A device as the relay meets it: a key, an in-memory store, a replicator and a dialled WebSocket. What a node is without
 * anything a shop needs.
 */
import { randomBytes } from 'node:crypto';
import {
  type Collection,
  type DeviceKey,
  decodePublicKey,
  type EnrolAnswer,
  encodePublicKey,
  FeedWriter,
  followRegistry,
  generateDeviceKey,
  MemoryStore,
  Registry,
  Replicator,
  readEnrolAnswer,
  writerIdOf,
} from '@branchline/feed';
import { type Closed, Connection, dialWebSocket } from '@branchline/wire';
import { makeStamp, systemClock } from 'hlc-ts';

export interface Device {
  readonly key: DeviceKey;
  readonly store: MemoryStore;
  readonly replicator: Replicator;
  write(collection: string, body: unknown, kind?: string): Promise<void>;
  dial(): Promise<Connection<unknown>>;
  /** Entries held of a collection, whoever wrote them. */
  held(collection: string): number;
}

const clock = systemClock();
let stamps = 0;

export async function enrolDevice(
  relayUrl: string,
  token: string,
  key = generateDeviceKey(),
): Promise<Device> {
  const response = await fetch(`${relayUrl}/v1/enrol`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, publicKey: encodePublicKey(key.publicKey) }),
  });
  if (!response.ok) {
    throw Object.assign(new Error(await response.text()), { status: response.status });
  }
  return await openDevice(relayUrl, key, (await response.json()) as EnrolAnswer);
}

export async function openDevice(relayUrl: string, key: DeviceKey, answer: EnrolAnswer): Promise<Device> {
  const { tenant } = answer;
  const registry = new Registry(decodePublicKey(answer.authority));
  const store = await MemoryStore.open({ tenant, keys: registry.keyOf });
  await followRegistry(store, registry);
  await store.append({ runs: readEnrolAnswer(answer, registry) });
  const replicator = await Replicator.open({ store, registry, tenant, self: key.writer, clock });
  const now = () => makeStamp(clock.nowMs(), ++stamps);
  const writer = await FeedWriter.open({ store, key, tenant, now });
  return {
    key,
    store,
    replicator,
    write: async (collection, body, kind = 'note') => {
      await writer.commit([{ collection: collection as Collection, kind, body }]);
    },
    dial: () => dial(relayUrl, key, tenant, replicator),
    held: (collection) =>
      [...store.feeds().values()]
        .filter(({ feed }) => feed.startsWith(`${collection}/`))
        .reduce((total, { head }) => total + head.seq, 0),
  };
}

/** As anybody may try, enrolled or not. */
export async function dial(
  relayUrl: string,
  key: DeviceKey,
  tenant: string,
  replicator?: Replicator,
): Promise<Connection<unknown>> {
  const transport = await dialWebSocket(`${relayUrl.replace(/^http/, 'ws')}/v1/replicate`);
  return await Connection.open({
    transport,
    role: 'dial',
    identity: key,
    tenant,
    clock,
    software: 'test/1',
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    admit: () => ({ ok: true, info: undefined }),
    attach: (connection) => {
      const session = replicator?.attach(connection, writerIdOf(connection.peer.key));
      void connection.closed.then((closed: Closed) => session?.close(closed.code));
      return (frame) => session?.receive(frame);
    },
  });
}
