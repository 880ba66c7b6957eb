/** One frame of each type, with every optional field set. */
import type { Frame } from '../src/frames.ts';

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);

export const examples: readonly Frame[] = [
  {
    type: 'hello',
    version: 1,
    tenant: 'kofe',
    nonce: bytes(32, 1),
    key: bytes(32, 2),
    software: 'branchline 0.1.0',
    features: ['bundles'],
  },
  { type: 'auth', signature: bytes(64, 3) },
  { type: 'reject', code: 'TENANT_MISMATCH', hint: 'The two belong to different companies.' },
  { type: 'credit', bytes: 524_288 },
  { type: 'ping', at: 1_000 },
  { type: 'pong', at: 1_000 },
  { type: 'bye', code: 'GOING_AWAY' },
  { type: 'have', digests: [['orders', bytes(16, 4)]], reply: false },
  { type: 'vector', collection: 'orders', feeds: [['orders/B001/abcdefgh23456777', 12, bytes(8, 5)]] },
  {
    type: 'entries',
    feed: 'orders/B001/abcdefgh23456777',
    from: 12,
    entries: [bytes(40, 6), bytes(50, 7)],
    signature: bytes(64, 8),
  },
  {
    type: 'checkpoint',
    collection: 'catalog',
    id: 'c-17',
    part: 0,
    parts: 2,
    vector: [['catalog/abcdefgh23456777', 900, bytes(32, 9)]],
    doc: 'catalog/3',
    bytes: bytes(100, 10),
    signer: bytes(32, 11),
    signature: bytes(64, 12),
  },
  { type: 'ack', feed: 'orders/B001/abcdefgh23456777', seq: 13 },
  { type: 'shelf', held: [['catalog', 'c1', 2000]] },
  {
    type: 'fork',
    feed: 'orders/B001/abcdefgh23456777',
    seq: 13,
    hash: bytes(32, 13),
    evidence: { from: 13, entries: [bytes(40, 14)], signature: bytes(64, 15) },
  },
  {
    type: 'successor',
    predecessor: 'abcdefgh23456777',
    key: bytes(32, 16),
    proof: bytes(64, 17),
    incarnation: 2,
  },
  { type: 'alarm', code: 'CLOCK_AHEAD', detail: 'The clock of B001 is 3 h ahead.' },
  {
    type: 'status',
    report: { backlog: 3, disk: { freeBytes: 1_000_000 }, alarms: ['x'], ratio: 0.5, none: null },
  },
];
