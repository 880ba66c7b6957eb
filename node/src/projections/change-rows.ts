/**
 * Changes of documents as rows: applied (dm), pending (dp) and set aside (dq), a snapshot (ds) per document, snapshots that came
 * in checkpoints (dc), and the names (dn) of all documents that have changes here.
 *
 * A change row is the writer's id (16 characters) followed by the change as its feed carries it. Its place is
 * `<journal position>.<n>`, so rows of a document stand in journal order.
 */
import type { DocName } from '@branchline/docs';
import type { WriterId } from '@branchline/feed';
import { after, rowKeys } from './row-keys.ts';
import type { Rows } from './rows.ts';

const WRITER_BYTES = 16;

export interface StoredChange {
  /** Place in the journal, in the words of a key. */
  readonly at: string;
  readonly writer: WriterId;
  readonly bytes: Uint8Array;
}

type Area = 'dm' | 'dp' | 'dq' | 'dc';

export class ChangeRows {
  readonly #rows: Rows;
  readonly #names = new Set<DocName>();

  private constructor(rows: Rows) {
    this.#rows = rows;
  }

  static async open(rows: Rows): Promise<ChangeRows> {
    const self = new ChangeRows(rows);
    for await (const [key] of rows.texts({ after: 'dn/', below: after('dn/') })) {
      self.#names.add(key.slice('dn/'.length) as DocName);
    }
    return self;
  }

  /** Every document that has a change here. */
  names(): ReadonlySet<DocName> {
    return this.#names;
  }

  put(area: Area, doc: DocName, change: StoredChange): void {
    if (!this.#names.has(doc)) {
      this.#names.add(doc);
      this.#rows.putText(rowKeys.document(doc), '');
    }
    this.#rows.putBytes(rowKeys.change(area, doc, change.at), pack(change));
  }

  remove(area: Area, doc: DocName, at: string): void {
    this.#rows.remove(rowKeys.change(area, doc, at));
  }

  async read(area: Area, doc: DocName): Promise<StoredChange[]> {
    const prefix = rowKeys.changes(area, doc);
    const found: StoredChange[] = [];
    for await (const [key, value] of this.#rows.bytes({ after: prefix, below: after(prefix) })) {
      found.push({ at: key.slice(prefix.length), ...unpack(value) });
    }
    return found;
  }

  putSnapshot(doc: DocName, snapshot: Uint8Array): void {
    this.#rows.putBytes(rowKeys.snapshot(doc), snapshot);
  }

  readSnapshot(doc: DocName): Promise<Uint8Array | undefined> {
    return this.#rows.getBytes(rowKeys.snapshot(doc));
  }

  /** Names of documents with pending changes, by skipping from one to the next. */
  async pendingDocuments(): Promise<DocName[]> {
    const docs: DocName[] = [];
    let from = 'dp/';
    for (;;) {
      let found: DocName | undefined;
      for await (const [key] of this.#rows.texts({ after: from, below: after('dp/'), limit: 1 })) {
        found = key.slice('dp/'.length, key.indexOf('!')) as DocName;
      }
      if (found === undefined) {
        return docs;
      }
      docs.push(found);
      from = after(rowKeys.changes('dp', found));
    }
  }
}

function pack({ writer, bytes }: StoredChange): Uint8Array {
  // From Node's pool: thousands of small arrays of their own cost more than what is copied into them.
  const packed = Buffer.allocUnsafe(WRITER_BYTES + bytes.length);
  packed.write(writer, 'latin1');
  packed.set(bytes, WRITER_BYTES);
  return packed;
}

function unpack(packed: Uint8Array): { writer: WriterId; bytes: Uint8Array } {
  const writer = Buffer.from(packed.subarray(0, WRITER_BYTES)).toString('latin1') as WriterId;
  return { writer, bytes: packed.subarray(WRITER_BYTES) };
}
