/**
 * What this head office knows of branches that sell with another program: their keys, the numbers records go under, and everything they
 * pushed, found again by how the branch knows it.
 *
 * Folded from entries, like everything else: after a restore they come back by replication. A key is honoured by the device that made it alone
 * (and the keys that one had before), so that one counter gives out the numbers of a branch.
 *
 * Guarantees: a record is found by (branch, local id, evidence) for ever, however often rows are made again; a number never stands for
 * two records. Keys, credit lines and references are in memory, with limits; the rest is rows.
 */
import { type EventBody, eventBodies } from '@branchline/model';
import { isoTime, stampMs } from 'hlc-ts';
import type { ProjectedEntry, Projection } from '../projections/projection.ts';
import { after, rowKeys } from '../projections/row-keys.ts';
import type { Rows } from '../projections/rows.ts';

/** Where the entries stand that are not orders: below this, by head office. */
export const POS_SYNC = 'pos-sync';
/** Keys that were ever made; more are refused. */
export const POS_KEYS_MAX = 10_000;
export const CREDIT_LINES_MAX = 100_000;
export const REFERENCES_MAX = 10_000;
/**
 * Numbers begin here. The module falls back to its own ids when it looks for a record, so ours must not look like them; the largest it can
 * keep is 2147483647.
 */
export const FIRST_CLOUD_ID = 1_000_000_000;

/** A refund whose sale has not been pushed, or not yet. */
export const REFUND_UNLINKED = 'REFUND_UNLINKED';

export interface PosKey {
  readonly id: string;
  readonly branch: string;
  readonly warehouse: {
    readonly name: string;
    readonly id?: number | undefined;
    readonly locationId?: number | undefined;
  };
  readonly addedAt: string;
  readonly revoked: boolean;
}

/** How an order is known here. */
export interface KnownOrder {
  readonly id: string;
  readonly kind: 'order' | 'refund' | 'unsettled';
  readonly cloudId: number;
  readonly name?: string | undefined;
  /** SHA-256 of the record as it came. */
  readonly digest: string;
}

/** The last record of a model that a branch pushed under a local id. */
export interface KnownRecord {
  readonly key: string;
  readonly cloudId: number;
  readonly record: string;
}

export interface UnsettledRecord {
  readonly branch: string;
  readonly key: string;
  readonly localId: number;
  readonly cloudId: number;
  readonly reason: string;
  readonly reference: string | undefined;
  readonly at: string;
  readonly record: string;
}

export interface CreditLine {
  readonly availableMinor: number;
  readonly limitMinor: number;
  /** By branch: what it said last, and what it was told last. */
  readonly branches: Readonly<Record<string, { readonly said?: number; readonly told?: number }>>;
}

export interface Reference {
  readonly model: string;
  readonly id: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly archived: boolean;
}

interface StoredKey extends PosKey {
  readonly keyHash: string;
  /** The device that made it. */
  readonly writer: string;
}

export interface PosSyncBookOptions {
  readonly rows: Rows;
  /** This device, under every key it had. */
  readonly writers: readonly string[];
}

export class PosSyncBook implements Projection {
  readonly kinds = [
    'order',
    'refund',
    'pos-sync-key',
    'pos-sync-ids',
    'pos-sync-record',
    'pos-sync-credit',
    'pos-sync-reference',
  ];
  readonly #rows: Rows;
  readonly #writers: ReadonlySet<string>;
  readonly #keys = new Map<string, StoredKey>();
  readonly #byHash = new Map<string, StoredKey>();
  readonly #credits = new Map<string, CreditLine>();
  readonly #references = new Map<string, Reference>();
  readonly #counts = new Map<string, number>();
  /** By branch: what waits for a person, and the refunds among it. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #unlinked = new Map<string, Set<string>>();
  #lastId = FIRST_CLOUD_ID;

  private constructor({ rows, writers }: PosSyncBookOptions) {
    this.#rows = rows;
    this.#writers = new Set(writers);
  }

  static async open(options: PosSyncBookOptions): Promise<PosSyncBook> {
    const book = new PosSyncBook(options);
    const each = async (prefix: string, take: (name: string, text: string) => void): Promise<void> => {
      for await (const [key, text] of options.rows.texts({ after: prefix, below: after(prefix) })) {
        take(key.slice(prefix.length), text);
      }
    };
    await each(rowKeys.posKey(''), (_, text) => book.#keepKey(JSON.parse(text)));
    await each(rowKeys.posCredit(''), (line, text) => book.#credits.set(line, JSON.parse(text)));
    await each(rowKeys.posReference(''), (name, text) => book.#references.set(name, JSON.parse(text)));
    await each(rowKeys.posCount(''), (prefix, text) => book.#counts.set(prefix, Number(text)));
    await each('mu/', (_, text) => book.#noteUnsettled(JSON.parse(text)));
    book.#lastId = Number((await options.rows.getText(rowKeys.posLastId)) ?? FIRST_CLOUD_ID);
    return book;
  }

  /** The largest number given out. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Who pushes with this key; undefined for none, and for one that was revoked. */
  findKey(hash: string): PosKey | undefined {
    const key = this.#byHash.get(hash);
    return key === undefined || key.revoked || !this.#writers.has(key.writer) ? undefined : key;
  }

  key(id: string): StoredKey | undefined {
    return this.#keys.get(id);
  }

  get keys(): readonly PosKey[] {
    return [...this.#keys.values()].map(({ keyHash: _hash, writer: _writer, ...key }) => key);
  }

  /** Count behind the last number of a pushed series. */
  lastCount(prefix: string): number {
    return this.#counts.get(prefix) ?? 0;
  }

  get credits(): ReadonlyMap<string, CreditLine> {
    return this.#credits;
  }

  references(model: string): Reference[] {
    return [...this.#references.values()].filter((each) => each.model === model);
  }

  hasRoomFor(model: string, id: string): boolean {
    return this.#references.has(`${model}/${id}`) || this.#references.size < REFERENCES_MAX;
  }

  async cloudId(model: string, key: string): Promise<number | undefined> {
    const text = await this.#rows.getText(rowKeys.posId(model, key));
    return text === undefined ? undefined : Number(text);
  }

  /** Numbers of a model, by what they stand for. */
  async cloudIds(model: string): Promise<Map<string, number>> {
    const prefix = rowKeys.posId(model, '');
    const ids = new Map<string, number>();
    for await (const [key, text] of this.#rows.texts({ after: prefix, below: after(prefix) })) {
      ids.set(key.slice(prefix.length), Number(text));
    }
    return ids;
  }

  /** What a number of a model stands for. */
  async ofCloudId(model: string, id: number): Promise<string | undefined> {
    return await this.#rows.getText(rowKeys.posOfId(model, id));
  }

  async order(branch: string, localId: number, evidence: string): Promise<KnownOrder | undefined> {
    return parsed(await this.#rows.getText(rowKeys.posOrder(branch, localId, evidence)));
  }

  /** Orders of a branch under a local id, whatever their evidence. */
  async ordersWith(branch: string, localId: number): Promise<KnownOrder[]> {
    const prefix = rowKeys.posOrder(branch, localId, '');
    const found: KnownOrder[] = [];
    for await (const [, text] of this.#rows.texts({ after: prefix, below: after(prefix) })) {
      found.push(JSON.parse(text));
    }
    return found;
  }

  /** The sale a branch calls by this reference or name; the last one where several are. */
  async orderCalled(branch: string, reference: string): Promise<string | undefined> {
    return await this.#rows.getText(rowKeys.posReferenceOf(branch, reference));
  }

  async record(branch: string, model: string, localId: number): Promise<KnownRecord | undefined> {
    return parsed(await this.#rows.getText(rowKeys.posRecord(branch, model, localId)));
  }

  /** The last record of something, whichever branch pushed it. */
  async recordOf(model: string, key: string): Promise<string | undefined> {
    return await this.#rows.getText(rowKeys.posRecordOf(model, key));
  }

  /** Of every thing of a model that was ever pushed. */
  async recordsOf(model: string): Promise<Map<string, string>> {
    const prefix = rowKeys.posRecordOf(model, '');
    const found = new Map<string, string>();
    for await (const [key, text] of this.#rows.texts({ after: prefix, below: after(prefix) })) {
      found.set(key.slice(prefix.length), text);
    }
    return found;
  }

  /** What a branch calls a product in its own database; known from what it sold. */
  async localProduct(branch: string, sku: string): Promise<number | undefined> {
    const text = await this.#rows.getText(rowKeys.posProduct(branch, sku));
    return text === undefined ? undefined : Number(text);
  }

  /** Does a refund of this branch wait for its sale? */
  hasUnlinked(branch: string): boolean {
    return (this.#unlinked.get(branch)?.size ?? 0) > 0;
  }

  hasUnsettled(branch: string): boolean {
    return (this.#waiting.get(branch)?.size ?? 0) > 0;
  }

  /** What waits for a person, of one branch or of all. */
  async unsettled(branch?: string): Promise<UnsettledRecord[]> {
    const prefix = branch === undefined ? 'mu/' : rowKeys.posUnsettled(branch, '');
    const found: UnsettledRecord[] = [];
    for await (const [, text] of this.#rows.texts({ after: prefix, below: after(prefix) })) {
      found.push(JSON.parse(text));
    }
    return found;
  }

  apply(entry: ProjectedEntry): void {
    switch (entry.kind) {
      case 'order':
      case 'refund':
        this.#sold(entry);
        return;
      case 'pos-sync-key': {
        const { till: _, ...body } = eventBodies['pos-sync-key'].parse(entry.body);
        const { addedAt = isoTime(stampMs(entry.hlc)), writer = entry.writer } =
          this.#keys.get(body.id) ?? {};
        const row: StoredKey = { ...body, addedAt, writer };
        this.#keepKey(row);
        this.#rows.putText(rowKeys.posKey(body.id), JSON.stringify(row));
        return;
      }
      case 'pos-sync-ids': {
        for (const [model, key, id] of eventBodies['pos-sync-ids'].parse(entry.body).ids) {
          this.#rows.putText(rowKeys.posId(model, key), String(id));
          this.#rows.putText(rowKeys.posOfId(model, id), key);
          this.#countId(id);
        }
        return;
      }
      case 'pos-sync-record':
        this.#record(eventBodies['pos-sync-record'].parse(entry.body), entry);
        return;
      case 'pos-sync-credit':
        this.#credit(eventBodies['pos-sync-credit'].parse(entry.body));
        return;
      default: {
        const { model, id, fields, archived } = eventBodies['pos-sync-reference'].parse(entry.body);
        const row: Reference = { model, id, fields, archived };
        this.#references.set(`${model}/${id}`, row);
        this.#rows.putText(rowKeys.posReference(`${model}/${id}`), JSON.stringify(row));
      }
    }
  }

  #sold(entry: ProjectedEntry): void {
    const branch = /^orders\/([^/]+)$/.exec(entry.collection)?.[1];
    if (branch === undefined || (entry.body as { pushed?: unknown }).pushed === undefined) {
      return;
    }
    const isOrder = entry.kind === 'order';
    const { id, number, lines, pushed } = isOrder
      ? eventBodies.order.parse(entry.body)
      : eventBodies.refund.parse(entry.body);
    const { localId, evidence, cloudId, name, reference, digest } = pushed!;
    const known: KnownOrder = {
      id,
      kind: isOrder ? 'order' : 'refund',
      cloudId,
      digest: typeof digest === 'string' ? digest : '',
      ...(name === undefined ? {} : { name }),
    };
    this.#rows.putText(rowKeys.posOrder(branch, localId, evidence), JSON.stringify(known));
    this.#countId(cloudId);
    this.#countNumber(number);
    for (const called of isOrder ? [reference, name] : []) {
      if (called !== undefined) {
        this.#rows.putText(rowKeys.posReferenceOf(branch, called), id);
      }
    }
    for (const { sku, localProductId } of lines as readonly { sku: string; localProductId?: unknown }[]) {
      if (typeof localProductId === 'number') {
        this.#rows.putText(rowKeys.posProduct(branch, sku), String(localProductId));
      }
    }
  }

  #record(body: EventBody<'pos-sync-record'>, entry: ProjectedEntry): void {
    const { branch, model, localId, key, cloudId, record, unsettled, settles, evidence, reference } = body;
    const { digest } = body as { digest?: unknown };
    this.#countId(cloudId);
    if (settles !== undefined) {
      this.#rows.remove(rowKeys.posUnsettled(branch, settles));
      this.#unlinked.get(branch)?.delete(settles);
      this.#waiting.get(branch)?.delete(settles);
    }
    if (unsettled !== undefined) {
      const row: UnsettledRecord = {
        branch,
        key,
        localId,
        cloudId,
        reason: unsettled,
        reference,
        at: isoTime(stampMs(entry.hlc)),
        record,
      };
      this.#rows.putText(rowKeys.posUnsettled(branch, key), JSON.stringify(row));
      this.#noteUnsettled(row);
      const known: KnownOrder = {
        id: key,
        kind: 'unsettled',
        cloudId,
        digest: typeof digest === 'string' ? digest : '',
      };
      this.#rows.putText(rowKeys.posOrder(branch, localId, evidence ?? ''), JSON.stringify(known));
      return;
    }
    const row: KnownRecord = { key, cloudId, record };
    this.#rows.putText(rowKeys.posRecord(branch, model, localId), JSON.stringify(row));
    if (body.operation === 'unlink') {
      this.#rows.remove(rowKeys.posRecordOf(model, key));
      this.#credits.delete(key);
      this.#rows.remove(rowKeys.posCredit(key));
    } else {
      this.#rows.putText(rowKeys.posRecordOf(model, key), record);
    }
  }

  #credit({
    line,
    branch,
    availableMinor,
    limitMinor,
    spentMinor,
    served,
  }: EventBody<'pos-sync-credit'>): void {
    const before = this.#credits.get(line) ?? { availableMinor: limitMinor, limitMinor, branches: {} };
    if (!this.#credits.has(line) && this.#credits.size >= CREDIT_LINES_MAX) {
      return;
    }
    // A limit raised or lowered moves what is left by as much.
    const raisedMinor = served === true ? 0 : limitMinor - before.limitMinor;
    const at = before.branches[branch] ?? {};
    const row: CreditLine = {
      availableMinor: before.availableMinor - spentMinor + raisedMinor,
      limitMinor: served === true ? before.limitMinor : limitMinor,
      branches: {
        ...before.branches,
        [branch]: served === true ? { ...at, told: availableMinor } : { said: availableMinor },
      },
    };
    this.#credits.set(line, row);
    this.#rows.putText(rowKeys.posCredit(line), JSON.stringify(row));
  }

  #noteUnsettled({ branch, key, reason }: UnsettledRecord): void {
    this.#waiting.set(branch, (this.#waiting.get(branch) ?? new Set()).add(key));
    if (reason === REFUND_UNLINKED) {
      this.#unlinked.set(branch, (this.#unlinked.get(branch) ?? new Set()).add(key));
    }
  }

  #keepKey(row: StoredKey): void {
    const before = this.#keys.get(row.id);
    if (before !== undefined) {
      this.#byHash.delete(before.keyHash);
    }
    this.#keys.set(row.id, row);
    this.#byHash.set(row.keyHash, row);
  }

  #countId(id: number): void {
    if (id > this.#lastId) {
      this.#lastId = id;
      this.#rows.putText(rowKeys.posLastId, String(id));
    }
  }

  #countNumber(number: string): void {
    const at = number.lastIndexOf('-');
    const prefix = number.slice(0, at);
    const count = Math.max(this.lastCount(prefix), Number(number.slice(at + 1)));
    this.#counts.set(prefix, count);
    this.#rows.putText(rowKeys.posCount(prefix), String(count));
  }
}

function parsed<Row>(text: string | undefined): Row | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Row);
}
