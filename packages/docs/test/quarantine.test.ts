/** What cannot enter a document is an outcome with a code; the rest of the list, and the document, do not suffer. */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import * as Automerge from '@automerge/automerge';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ApplyRun } from '../src/apply-run.ts';
import type { QuarantineCode } from '../src/change-check.ts';
import { bucketOf } from '../src/doc-name.ts';
import { bucketKey } from '../src/genesis.ts';
import {
  actorOf,
  CHANGE_LIMITS,
  catalogDoc,
  cellKey,
  type DocName,
  editCustomer,
  editProduct,
  foldCustomer,
  loyaltyDoc,
  movePoints,
  moveStock,
  parsePeriod,
  stockDoc,
} from '../src/index.ts';
import { Intake, Panicked } from '../src/intake.ts';
import { ShardDocument } from '../src/shard-document.ts';
import { WAITING_BYTES_MAX, WAITING_CHANGES_MAX, WaitingRoom } from '../src/waiting-room.ts';
import { Device, sealed, writerNamed } from './device.ts';

const test = suite('quarantine');
const DOC = catalogDoc('A1');
const STOCK = stockDoc('B001', parsePeriod('2026-11'));
const evil = writerNamed('evil');

type Loose = Record<string, Record<string, unknown>>;

/** A change made with Automerge alone, as a device with other software would. */
async function crafted(doc: DocName, craft: (root: Loose) => void): Promise<Uint8Array> {
  const blank = await new Device('blank').documents.save(doc);
  const loaded = Automerge.load<Loose>(blank, { actor: actorOf(evil, doc) });
  return Automerge.getLastLocalChange(Automerge.change(loaded, craft))!;
}

async function codeOf(doc: DocName, bytes: Uint8Array): Promise<QuarantineCode | undefined> {
  const result = await new Device('peer').documents.apply(doc, [{ writer: evil, bytes }]);
  return result.quarantined[0]?.code;
}

const home = bucketKey(bucketOf('catalog', 'A1'));
const strayBucket = bucketKey((bucketOf('catalog', 'A1') + 1) % 64);
const text = (value: string) => new Automerge.ImmutableString(value);

const removeBucket = (root: Loose) => {
  delete root[home];
};

test('a well-formed change of another program is taken like ours', async () => {
  const bytes = await crafted(DOC, (root) => {
    root[home]!['A1/name'] = text('Lens');
    root[home]!['A1/priceMinor'] = 5;
    root[home]!['A1/retired'] = false;
    root[home]!['A1/category'] = null;
  });
  assert.is(await codeOf(DOC, bytes), undefined);
});

test('anything but cells in their buckets is refused: CHANGE_SHAPE', async () => {
  const shapes: [string, (root: Loose) => void][] = [
    [
      'collaborative text',
      (root) => {
        root[home]!['A1/name'] = 'plain';
      },
    ],
    [
      'a nested map',
      (root) => {
        root[home]!['A1/name'] = { deep: 1 };
      },
    ],
    [
      'a list',
      (root) => {
        root[home]!['A1/name'] = [];
      },
    ],
    [
      'a float',
      (root) => {
        root[home]!['A1/priceMinor'] = 1.5;
      },
    ],
    [
      'a counter',
      (root) => {
        root[home]!['A1/priceMinor'] = new Automerge.Counter(1);
      },
    ],
    [
      'a date',
      (root) => {
        root[home]!['A1/priceMinor'] = new Date(5);
      },
    ],
    [
      'bytes',
      (root) => {
        root[home]!['A1/name'] = new Uint8Array(3);
      },
    ],
    [
      'a bucket replaced',
      (root) => {
        root[home] = {};
      },
    ],
    [
      'a bucket removed',
      (root) => {
        delete root[home];
      },
    ],
    [
      'a new root key',
      (root) => {
        root.extra = {};
      },
    ],
    [
      'a key without a column',
      (root) => {
        root[home]!.A1 = 1;
      },
    ],
    [
      'a long text',
      (root) => {
        root[home]!['A1/name'] = text('x'.repeat(5000));
      },
    ],
    [
      'another bucket',
      (root) => {
        root[strayBucket]!['A1/name'] = text('hidden');
      },
    ],
  ];
  for (const [what, craft] of shapes) {
    assert.is(await codeOf(DOC, await crafted(DOC, craft)), 'CHANGE_SHAPE', what);
  }
});

test("a row of another writer is refused: CHANGE_OWNER, in stock and in points, and another's roll-over mark", async () => {
  const victim = writerNamed('shop');
  const loyalty = loyaltyDoc('north', 'C1');
  const rows: [DocName, 'stock' | 'loyalty', string, string][] = [
    [STOCK, 'stock', 'A', `A/${victim}/sold`],
    [STOCK, 'stock', '~carried', `~carried/${victim}`],
    [loyalty, 'loyalty', 'C1', `C1/earned/${victim}`],
  ];
  for (const [doc, kind, row, key] of rows) {
    const bytes = await crafted(doc, (root) => {
      root[bucketKey(bucketOf(kind, row))]![key] = 1_000_000;
    });
    assert.is(await codeOf(doc, bytes), 'CHANGE_OWNER', key);
  }
});

test('CHANGE_PLAIN: personal data in clear text is kept out, and said nowhere; what is encrypted flows', async () => {
  const [shop, other] = [new Device('shop'), new Device('other')];
  const doc = loyaltyDoc('north', 'C1');
  for (const field of ['name', 'phone', 'email', 'note'] as const) {
    for (const text of ['Ann Smith', '+79001234567', 'p1.k1.short', `p1.k1 ${'x'.repeat(60)}`]) {
      const evil = new Device('evil');
      const { bytes } = await evil.commit(doc, editCustomer('C1', { [field]: text }));
      const { quarantined } = await other.documents.apply(doc, [{ writer: evil.writer, bytes }]);
      assert.equal(
        quarantined.map(({ code }) => code),
        ['CHANGE_PLAIN'],
        `${field} ${text}`,
      );
      assert.not.ok(quarantined[0]!.reason.includes(text), quarantined[0]!.reason);
    }
  }
  const number = await crafted(doc, (root) => {
    root[bucketKey(bucketOf('loyalty', 'C1'))]!['C1/phone'] = 79001234567;
  });
  assert.is(await codeOf(doc, number), 'CHANGE_PLAIN');
  const fine = await shop.commit(
    doc,
    editCustomer('C1', { name: sealed('Ann'), phone: '', group: 'staff' }),
    movePoints('C1', 'earned', 5),
  );
  assert.equal((await other.receive(doc, fine)).quarantined, []);
  const row = foldCustomer(undefined, 'C1', await other.documents.cells(doc));
  assert.equal([row.name, row.phone, row.group, row.balance], [sealed('Ann'), '', 'staff', 5]);
});

test('bytes that are no change are CHANGE_UNREADABLE or CHANGE_SIZE, whatever they are', async () => {
  const hq = new Device('hq');
  const { bytes } = await hq.commit(DOC, editProduct('A1', { name: 'Lens' }));
  const snapshot = await hq.documents.save(DOC);
  const junk = [
    new Uint8Array(0),
    new Uint8Array(40),
    bytes.slice(0, -1),
    snapshot,
    new Uint8Array([...bytes, 0]),
  ];
  for (const wrong of junk) {
    assert.is(await codeOf(DOC, wrong), 'CHANGE_UNREADABLE');
  }
  assert.is(await codeOf(DOC, new Uint8Array(CHANGE_LIMITS.bytesMax + 1)), 'CHANGE_SIZE');
});

test('no flipped bit of a change is taken for another change, crashes, or harms the document', async () => {
  const [hq, peer] = [new Device('hq'), new Device('peer')];
  const base = await hq.commit(DOC, editProduct('A1', { name: 'Lens', priceMinor: 5 }));
  const next = await hq.commit(DOC, editProduct('A1', { name: 'Lens 2', retired: true }));
  await peer.receive(DOC, base);
  for (let bit = 0; bit < next.bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(next.bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    const { applied } = await peer.documents.apply(DOC, [{ writer: hq.writer, bytes: flipped }]);
    assert.is(applied, 0, `bit ${bit}`);
  }
  await peer.receive(DOC, next);
  assert.equal(await peer.documents.heads(DOC), await hq.documents.heads(DOC));
});

test('no flipped bit with a mended checksum crashes or harms the document, though Automerge panics over some', async () => {
  const [hq, peer] = [new Device('hq'), new Device('peer')];
  const base = await hq.commit(DOC, editProduct('A1', { name: 'Lens', priceMinor: 5 }));
  const next = await hq.commit(DOC, editProduct('A1', { name: 'Lens 2', retired: true }));
  await peer.receive(DOC, base);
  const mended: Uint8Array[] = [];
  for (let bit = 8 * 10; bit < next.bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(next.bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    flipped.set(createHash('sha256').update(flipped.subarray(8)).digest().subarray(0, 4), 4);
    mended.push(flipped);
  }
  const offered = mended.map((bytes) => ({ writer: hq.writer, bytes }));
  const { outcomes } = await peer.documents.apply(DOC, offered);
  assert.ok(outcomes.filter((outcome) => outcome === 'quarantined').length > mended.length / 2);
  const name = (await peer.documents.read(DOC, ['A1/name']))[0];
  assert.type(name, 'string');
  peer.documents.reload(DOC);
  await peer.receive(DOC, next);
  assert.equal(await peer.documents.heads(DOC), await hq.documents.heads(DOC));
});

test('operations that skip ahead are refused: CHANGE_SHAPE', async () => {
  const bytes = await crafted(DOC, (root) => {
    root[home]!['A1/priceMinor'] = 5;
  });
  const decoded = Automerge.decodeChange(bytes);
  for (const startOp of [decoded.startOp + 1, decoded.startOp - 1, 2 ** 31]) {
    assert.is(
      await codeOf(DOC, Automerge.encodeChange({ ...decoded, startOp })),
      'CHANGE_SHAPE',
      `${startOp}`,
    );
  }
  assert.is(await codeOf(DOC, Automerge.encodeChange(decoded)), undefined);
});

test('a deflated change is the change it deflates', async () => {
  const [hq, peer] = [new Device('hq'), new Device('peer')];
  const { writer, bytes } = await hq.commit(
    DOC,
    editProduct('A1', { name: 'Lens', category: 'x'.repeat(60) }),
  );
  // Two bytes of length behind the nine of the header: contents of 128 bytes and more.
  const packed = deflateRawSync(bytes.subarray(11));
  assert.ok(packed.length < 256);
  const length = packed.length < 128 ? [packed.length] : [(packed.length % 128) | 128, packed.length >> 7];
  const deflated = new Uint8Array([...bytes.subarray(0, 8), 2, ...length, ...packed]);
  assert.is((await peer.receive(DOC, { writer, bytes: deflated })).applied, 1);
  assert.equal(await peer.documents.heads(DOC), await hq.documents.heads(DOC));
});

test('one bad change among good ones costs its own place and nothing else', async () => {
  const [hq, peer] = [new Device('hq'), new Device('peer')];
  const good = [
    await hq.commit(DOC, editProduct('A1', { priceMinor: 1 })),
    await hq.commit(DOC, editProduct('A1', { priceMinor: 2 })),
  ];
  const bad = { writer: evil, bytes: await crafted(DOC, removeBucket) };
  const result = await peer.documents.apply(DOC, [good[0]!, bad, good[1]!]);
  assert.equal(result.outcomes, ['applied', 'quarantined', 'applied']);
  assert.equal(
    result.quarantined.map(({ index, writer, code }) => [index, writer, code]),
    [[1, evil, 'CHANGE_SHAPE']],
  );
  assert.is(peer.documents.counters.quarantined, 1);
});

test('changes without predecessors wait up to a limit: CHANGE_WAITING_LIMIT', () => {
  const intake = new Intake({ applies: 0, panics: 0 });
  const room = new WaitingRoom();
  const run = new ApplyRun(1);
  for (let index = 0; index < WAITING_CHANGES_MAX + 1; index++) {
    const change = {
      hash: `h${index}`,
      actor: actorOf(evil, DOC),
      seq: index,
      startOp: 1,
      deps: ['m'],
      keys: [],
      bytes: new Uint8Array(1),
    };
    room.add({ writer: evil, ref: undefined, change }, 'm');
  }
  run.wait({ index: 0, waiting: room.list().at(-1)! });
  const document = ShardDocument.open('catalog', undefined);
  intake.apply({ name: DOC, document, room }, [], 0, run);
  assert.is(room.size, WAITING_CHANGES_MAX);
  assert.is(run.quarantined[0]?.code, 'CHANGE_WAITING_LIMIT');
  document.free();
});

test('waiting changes are bounded by bytes as well', () => {
  const intake = new Intake({ applies: 0, panics: 0 });
  const room = new WaitingRoom();
  const waiting = (index: number, size: number) => ({
    writer: evil,
    ref: undefined,
    change: {
      hash: `h${index}`,
      actor: actorOf(evil, DOC),
      seq: index,
      deps: [`m${index}`],
      startOp: 1,
      keys: [],
      bytes: new Uint8Array(size),
    },
  });
  for (let index = 0; index < 17; index++) {
    room.add(waiting(index, 1_000_000), `m${index}`);
  }
  const document = ShardDocument.open('catalog', undefined);
  intake.apply({ name: DOC, document, room }, [], 0, new ApplyRun(0));
  assert.is(room.size, WAITING_BYTES_MAX / 1_000_000);
  document.free();
});

test('a change that makes Automerge panic is hostile: its document is rebuilt once, and it is not tried again', async () => {
  const counters = { applies: 0, panics: 0 };
  const intake = new Intake(counters);
  const hq = new Device('hq');
  const { bytes } = await hq.commit(DOC, editProduct('A1', { priceMinor: 1 }));
  const document = ShardDocument.open('catalog', undefined);
  document.apply = () => {
    throw Object.assign(new Error('unreachable executed'), { name: 'PanicError' });
  };
  const target = { name: DOC, document, room: new WaitingRoom() };
  const offer = () => {
    const run = new ApplyRun(1);
    intake.apply(target, [{ writer: hq.writer, bytes }], 0, run);
    return run.quarantined[0]?.code;
  };
  assert.throws(offer, (error: unknown) => error instanceof Panicked, 'some change of the group');
  assert.throws(offer, (error: unknown) => error instanceof Panicked, 'this one');
  assert.is(offer(), 'CHANGE_PANIC', 'remembered');
  assert.is(counters.panics, 1);
  document.free();
});

test('own changes obey the limits of everybody: DOC_LIMIT, and the document is as before', async () => {
  const shop = new Device('shop');
  await shop.commit(STOCK, moveStock('A', 'received', 5));
  const heavy = Array.from({ length: 40_000 }, (_, index) =>
    moveStock(`${'x'.repeat(60)}${index}`, 'received', index),
  );
  try {
    await shop.change(STOCK, ...heavy);
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, 'DOC_LIMIT');
  }
  assert.is((await shop.documents.cells(STOCK)).length, 1);
  assert.equal(await shop.documents.read(STOCK, [cellKey('A', shop.writer, 'received')]), [5]);
});

test.run();
