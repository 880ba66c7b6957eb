/** Two devices, a network and a clock: what most tests of this package begin with. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { ManualClock, seededRandom } from 'hlc-ts';
import {
  type Admission,
  Connection,
  type ConnectionOptions,
  type FrameReceiver,
  type Identity,
  MemoryNetwork,
  type MessageFrame,
  type Peer,
} from '../src/index.ts';
import type { LinkFaults } from '../src/memory-network.ts';

export const TENANT = 'kofe';

export function device(): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  return { publicKey: raw, sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)) };
}

export function seededBytes(seed: number): (length: number) => Uint8Array {
  const random = seededRandom(seed);
  return (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

export const admitAll = (): Admission<string> => ({ ok: true, info: 'known' });

export interface Side {
  readonly received: MessageFrame[];
  readonly options: Partial<ConnectionOptions<string>>;
  connection?: Connection<string>;
  error?: unknown;
}

export interface World {
  readonly clock: ManualClock;
  readonly network: MemoryNetwork;
  readonly branch: Side;
  readonly relay: Side;
  /** Dials and lets the handshake finish, however it ends. */
  connect(): Promise<void>;
}

export interface WorldOptions {
  readonly seed?: number;
  readonly faults?: Partial<LinkFaults>;
  readonly branch?: Partial<ConnectionOptions<string>>;
  readonly relay?: Partial<ConnectionOptions<string>>;
}

export function world(options: WorldOptions = {}): World {
  const clock = new ManualClock();
  const network = new MemoryNetwork({
    clock,
    random: seededRandom(options.seed ?? 1),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
  });
  const branch = side(options.branch, 11);
  const relay = side(options.relay, 22);

  function side(overrides: Partial<ConnectionOptions<string>> | undefined, seed: number): Side {
    return {
      received: [],
      options: { identity: device(), tenant: TENANT, clock, randomBytes: seededBytes(seed), ...overrides },
    };
  }
  network.listen('relay', (transport) => void openSide(relay, { transport, role: 'listen' }));
  return {
    clock,
    network,
    branch,
    relay,
    connect: async () => {
      const dialed = network
        .dial('branch', 'relay')
        .then((transport) => openSide(branch, { transport, role: 'dial' }));
      dialed.catch((error) => {
        branch.error = error;
      });
      await settle(clock);
    },
  };
}

/** Opens one side and records what it receives, or why it failed. */
export async function openSide(
  side: Side,
  options: Pick<ConnectionOptions<string>, 'transport' | 'role'>,
): Promise<void> {
  const record = (): FrameReceiver => (frame) => {
    side.received.push(frame);
  };
  try {
    side.connection = await Connection.open({
      ...(side.options as ConnectionOptions<string>),
      admit: side.options.admit ?? admitAll,
      attach: side.options.attach ?? record,
      ...options,
    });
  } catch (error) {
    side.error = error;
  }
}

/** Enough turns for a handshake over a link without delay. */
export async function settle(clock: ManualClock, ms = 0): Promise<void> {
  await clock.advance(ms);
  for (let turn = 0; turn < 20; turn += 1) await clock.advance(0);
}

export function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code);
}

export function refusing(code: string): (peer: Peer) => Admission<string> {
  return () => ({ ok: false, code });
}

export function entriesFrame(count = 1, bytes = 300): MessageFrame {
  const entry = new TextEncoder().encode('quantityMilli'.padEnd(bytes, 'x'));
  return {
    type: 'entries',
    feed: 'orders/B001/abcdefgh23456777',
    from: 1,
    entries: Array.from({ length: count }, () => entry),
    signature: new Uint8Array(64).fill(7),
  };
}

export const ack = (seq: number): MessageFrame => ({
  type: 'ack',
  feed: 'orders/B001/abcdefgh23456777',
  seq,
});
