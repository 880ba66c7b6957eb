/** Clients that send what no Repo would, and limits somebody reaches. */
import * as Automerge from '@automerge/automerge';
import { parseAutomergeUrl } from '@automerge/automerge-repo';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { endSoon, until } from '../../../test/support/within.ts';
import { Face, ROWS_TOUCHED_MAX } from '../src/face.ts';
import { FACE_BYTES_MAX } from '../src/face-store.ts';
import { GATHER_MS, REFUSALS_TOLD_MAX } from '../src/live-documents.ts';
import {
  CLIENT_DOCUMENTS_MAX,
  CLOSE_GRACE_MS,
  DOCUMENT_IDLE_MS,
  DOCUMENTS_OPEN_MAX,
} from '../src/open-faces.ts';
import { Shop } from './support/shop.ts';
import { RawClient } from './support/sockets.ts';

const test = suite<{ shop: Shop }>('hostile clients and limits');
test.before.each(async (context) => {
  context.shop = await Shop.open();
});
test.after.each(({ shop }) => shop.close());

type Doc = Automerge.Doc<Record<string, Record<string, Record<string, unknown>>>>;

/** A client that syncs by hand. */
class Hand {
  doc: Doc = Automerge.init();
  #sync = Automerge.initSyncState();
  readonly #client: RawClient;
  readonly #documentId: string;
  #read = 0;

  private constructor(client: RawClient, documentId: string) {
    this.#client = client;
    this.#documentId = documentId;
  }

  static async open(shop: Shop, owner: string): Promise<Hand> {
    const client = await RawClient.joined(shop.address(owner, 'write'), `peer-${owner}`);
    const hand = new Hand(client, parseAutomergeUrl(shop.live.urlOf('catalog/0')).documentId);
    hand.say();
    await until(30_000, 'the document', () => {
      hand.take();
      hand.say();
      return hand.doc.products?.A1 !== undefined;
    });
    return hand;
  }

  take(): void {
    for (; this.#read < this.#client.frames.length; this.#read++) {
      const { type, data } = this.#client.frames[this.#read]!;
      if (type === 'sync') {
        [this.doc, this.#sync] = Automerge.receiveSyncMessage(this.doc, this.#sync, data as Uint8Array);
      }
    }
  }

  say(): void {
    const [sync, data] = Automerge.generateSyncMessage(this.doc, this.#sync);
    this.#sync = sync;
    if (data !== null) {
      this.#client.say({
        type: 'sync',
        senderId: this.#client.frames.length > 0 ? String(this.#client.frames[0]?.targetId) : '',
        targetId: this.#client.serverId,
        documentId: this.#documentId,
        data,
      });
    }
  }

  closed = async (): Promise<string> => (await this.#client.closed).reason;
}

const actorOf = (doc: Doc): string => Automerge.decodeChange(Automerge.getAllChanges(doc).at(-1)!).actor;

/** Says what it has to say until it is thrown out. */
async function endOf(hand: Hand): Promise<string | undefined> {
  let reason: string | undefined;
  void hand.closed().then((said) => {
    reason = said;
  });
  // Until what it said last is answered, a sync state says nothing new: the harm may have to wait for its turn.
  await until(30_000, 'the end of the client', () => {
    if (reason === undefined) {
      hand.take();
      hand.say();
    }
    return reason !== undefined;
  });
  return reason;
}

async function expelled(shop: Shop, harm: (hand: Hand) => void): Promise<void> {
  const till = await shop.find(shop.repo('till', 'read'));
  const hand = await Hand.open(shop, 'hand');
  harm(hand);
  assert.is(await endOf(hand), 'CHANGE_HOSTILE');
  assert.is(shop.live.counts.broken, 1);
  // The others are served as if nothing had been.
  shop.set('B2', { name: 'Case', priceMinor: 50, retired: false });
  await till.shows('B2', 50);
  assert.is(till.priceOf('A1'), 990);
  assert.equal(shop.failures, []);
}

test('L6: a change in the name of the server harms nobody', ({ shop }) =>
  expelled(shop, (hand) => {
    const forger = Automerge.clone(hand.doc, { actor: actorOf(hand.doc) });
    hand.doc = Automerge.change(forger, (doc) => {
      doc.products!.A1!.priceMinor = 1;
    });
  }));

test('L6: nor one larger than the program takes', ({ shop }) =>
  expelled(shop, (hand) => {
    hand.doc = Automerge.change(hand.doc, (doc) => {
      const noise = Array.from({ length: 220_000 }, (_, n) =>
        String.fromCharCode(33 + ((n * n * 7919) % 90)),
      );
      doc.products!.A1!.name = new Automerge.ImmutableString(
        noise.join('') + crypto.getRandomValues(new Uint8Array(60_000)).join(''),
      );
    });
  }));

test('L6: nor a number no program can hold, nor the map of rows replaced', async ({ shop }) => {
  await expelled(shop, (hand) => {
    hand.doc = Automerge.change(hand.doc, (doc) => {
      doc.products!.A1!.priceMinor = 2 ** 60;
    });
  });
  const hand = await Hand.open(shop, 'other');
  hand.doc = Automerge.change(hand.doc, (doc) => {
    doc.products = {};
  });
  assert.is(await endOf(hand), 'CHANGE_HOSTILE');
});

test('L6: nor one that touches very many rows', ({ shop }) =>
  expelled(shop, (hand) => {
    hand.doc = Automerge.change(hand.doc, (doc) => {
      for (let n = 0; n <= ROWS_TOUCHED_MAX; n++) {
        doc.products![`R${n}`] = {};
      }
    });
  }));

test('bytes that are no sync message close their client', async ({ shop }) => {
  const client = await RawClient.joined(shop.address('hand', 'read'), 'hand');
  const { documentId } = parseAutomergeUrl(shop.live.urlOf('catalog/0'));
  client.say({
    type: 'sync',
    senderId: 'hand',
    targetId: client.serverId,
    documentId,
    data: new Uint8Array([1, 2]),
  });
  assert.is((await client.closed).reason, 'CHANGE_HOSTILE');
});

test('a client that loses its rights is closed', async ({ shop }) => {
  const till = await shop.find(shop.repo('till', 'read', 60_000));
  shop.revoked.add('till');
  shop.set('A1', { name: 'Lens', priceMinor: 1, retired: false });
  await until(30_000, 'closed', () => shop.live.closed.get('ACCESS_ENDED') === 1);
  assert.is(till.priceOf('A1'), 990);
});

test('refusals of one message are told up to a number, and the rest counted', async ({ shop }) => {
  for (let n = 0; n < REFUSALS_TOLD_MAX + 5; n++) {
    shop.set(`P${n}`, { name: `P ${n}`, priceMinor: 1, retired: false });
  }
  const manager = await shop.find(shop.repo('manager', 'write'));
  await manager.shows(`P${REFUSALS_TOLD_MAX + 4}`, 1);
  manager.handle.change((doc) => {
    for (let n = 0; n < REFUSALS_TOLD_MAX + 5; n++) {
      doc.products[`P${n}`]!.priceMinor = -1;
    }
  });
  await until(30_000, 'refusals', () => manager.refusals.length === REFUSALS_TOLD_MAX);
  assert.match(String(manager.refusals.at(-1)?.detail), /5 more/);
  await manager.shows('P0', 1);
});

test('documents of one client, and documents open, are bounded', async ({ shop }) => {
  for (const name of ['catalog/1', 'catalog/2']) {
    shop.prices.set(name, new Map());
    shop.set('A1', { priceMinor: 1 }, name);
  }
  await shop.live.close();
  await shop.start({ clientDocuments: 2, documentsOpen: 2 });
  const repo = shop.repo('till', 'read');
  await shop.find(repo);
  await shop.find(repo, 'catalog/1');
  const third = shop.find(repo, 'catalog/2').then(
    () => 'opened',
    (error: Error) => error.message,
  );
  assert.match(await third, /unavailable/);
  const other = shop.repo('other', 'read');
  const alsoThird = shop.find(other, 'catalog/2').then(
    () => 'opened',
    (error: Error) => error.message,
  );
  assert.match(await alsoThird, /unavailable/);
  assert.is(shop.live.counts.documents, 2);
  assert.ok(CLIENT_DOCUMENTS_MAX >= 130 && DOCUMENTS_OPEN_MAX >= 130, 'a region and a catalog at once');
  assert.ok(DOCUMENT_IDLE_MS >= CLOSE_GRACE_MS && GATHER_MS < 100);
});

test('a history that grew too long begins anew under another id', async ({ shop }) => {
  const till = await shop.find(shop.repo('till', 'read'));
  const before = shop.live.urlOf('catalog/0');
  shop.set('A1', { name: 'Lens', priceMinor: 1, retired: false });
  await till.shows('A1', 1);
  await shop.live.close();
  await shop.start({ faceBytes: 100 });
  await until(30_000, 'another url', () => shop.live.urlOf('catalog/0') !== before);
  const again = await shop.find(shop.repo('till', 'read'));
  assert.is(again.priceOf('A1'), 1);
  assert.is(FACE_BYTES_MAX, 8 * 1024 * 1024);
});

test('what this server said itself and lost is nobody’s edit', () => {
  const ours = 'aa'.repeat(8);
  const first = Face.open({ rowsName: 'products', chunks: [], timeS: 0, ours, actor: ours + '01'.repeat(8) });
  const stored = Automerge.save(first.doc);
  first.put(new Map([['A1', { priceMinor: 5 }]]), 0);
  const second = Face.open({
    rowsName: 'products',
    chunks: [stored],
    timeS: 0,
    ours,
    actor: ours + '02'.repeat(8),
  });
  let [mine, theirs] = [Automerge.initSyncState(), Automerge.initSyncState()];
  for (let round = 0; round < 5; round++) {
    const [next, said] = first.generate(theirs);
    theirs = next;
    if (said !== null) {
      const [after, { edits }] = second.receive(mine, said);
      mine = after;
      assert.equal(edits, []);
    }
    const [reply, answered] = second.generate(mine);
    mine = reply;
    if (answered !== null) {
      [theirs] = first.receive(theirs, answered);
    }
  }
  assert.equal(second.rows, ['A1']);
});

// Stock clients keep trying for good, whatever is closed.
test.after(endSoon);
test.run();
