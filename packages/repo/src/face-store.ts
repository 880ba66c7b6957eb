/**
 * Where faces are kept between two runs of the program, and which document id each has.
 *
 *     [document id, snapshot | incremental, hash]   what automerge-repo itself would keep there
 *     [branchline-live, store]                      16 random bytes, made once
 *     [branchline-live, generation, name]           how many times the document began anew
 *
 * A document id follows from the tenant, the store, the document's name and its generation: the same after a restart, another where
 * the history is another. Two histories under one id would lose each other's halves at the client that knows both.
 *
 * A face that is lost is made again from the program's rows, so writes are not synced one by one.
 */
import { createHash } from 'node:crypto';
import * as Automerge from '@automerge/automerge';
import {
  type BinaryDocumentId,
  type DocumentId,
  interpretAsDocumentId,
  type StorageAdapterInterface,
} from '@automerge/automerge-repo/slim';
import type { FaceDocument } from './face.ts';

/** Stored bytes of one face at which it begins anew, under another id, when it is opened next. */
export const FACE_BYTES_MAX = 8 * 1024 * 1024;

const HOME = 'branchline-live';
const ID_BYTES = 16;

interface Kept {
  heads: Automerge.Heads;
  snapshotBytes: number;
  incrementalBytes: number;
}

export class FaceStore {
  readonly #storage: StorageAdapterInterface;
  readonly #tenant: string;
  readonly #store: Uint8Array;
  readonly #generations: Map<string, number>;
  readonly #bytesMax: number;
  readonly #kept = new Map<DocumentId, Kept>();

  private constructor(options: {
    storage: StorageAdapterInterface;
    tenant: string;
    store: Uint8Array;
    generations: Map<string, number>;
    bytesMax: number;
  }) {
    this.#storage = options.storage;
    this.#tenant = options.tenant;
    this.#store = options.store;
    this.#generations = options.generations;
    this.#bytesMax = options.bytesMax;
  }

  static async open(options: {
    readonly storage: StorageAdapterInterface;
    readonly tenant: string;
    readonly randomBytes: (length: number) => Uint8Array;
    readonly faceBytesMax?: number;
  }): Promise<FaceStore> {
    const { storage, tenant, randomBytes } = options;
    let store = await storage.load([HOME, 'store']);
    if (store === undefined) {
      store = randomBytes(ID_BYTES);
      await storage.save([HOME, 'store'], store);
    }
    const generations = new Map<string, number>();
    for (const { key, data } of await storage.loadRange([HOME, 'generation'])) {
      generations.set(key[2]!, Number(new TextDecoder().decode(data)));
    }
    return new FaceStore({
      storage,
      tenant,
      store,
      generations,
      bytesMax: options.faceBytesMax ?? FACE_BYTES_MAX,
    });
  }

  /** What the actor ids of this store's faces begin with, in hex. */
  get ours(): string {
    return Buffer.from(this.#store.subarray(0, ID_BYTES / 2)).toString('hex');
  }

  idOf(name: string): DocumentId {
    const generation = this.#generations.get(name) ?? 0;
    const digest = createHash('sha256')
      .update(`branchline live\0${this.#tenant}\0`)
      .update(this.#store)
      .update(`\0${name}\0${generation}`)
      .digest();
    return interpretAsDocumentId(new Uint8Array(digest.subarray(0, ID_BYTES)) as BinaryDocumentId);
  }

  /** Snapshots first. Undefined when the history has grown too long: begin anew. */
  async load(name: string): Promise<Uint8Array[] | undefined> {
    const id = this.idOf(name);
    const snapshots = await this.#chunks(id, 'snapshot');
    const increments = await this.#chunks(id, 'incremental');
    const kept = { heads: [], snapshotBytes: bytesOf(snapshots), incrementalBytes: bytesOf(increments) };
    if (kept.snapshotBytes + kept.incrementalBytes > this.#bytesMax) {
      return undefined;
    }
    this.#kept.set(id, kept);
    return [...snapshots, ...increments];
  }

  /** The document as it is after `load`: what is stored already. */
  loaded(name: string, doc: FaceDocument): void {
    const kept = this.#kept.get(this.idOf(name));
    if (kept !== undefined && kept.snapshotBytes > 0) {
      kept.heads = Automerge.getHeads(doc);
    }
  }

  async save(name: string, doc: FaceDocument): Promise<void> {
    const id = this.idOf(name);
    const kept = this.#kept.get(id) ?? { heads: [], snapshotBytes: 0, incrementalBytes: 0 };
    this.#kept.set(id, kept);
    const heads = Automerge.getHeads(doc);
    if (heads.join() === kept.heads.join()) {
      return;
    }
    const isGrown = kept.snapshotBytes === 0 || kept.incrementalBytes >= kept.snapshotBytes;
    if (isGrown) {
      const bytes = Automerge.save(doc);
      const before = [
        ...(await this.#storage.loadRange([id, 'snapshot'])),
        ...(await this.#storage.loadRange([id, 'incremental'])),
      ];
      const key = [id, 'snapshot', hashOf(new TextEncoder().encode(heads.join()))];
      await this.#storage.save(key, bytes);
      for (const chunk of before.filter((each) => each.key.join() !== key.join())) {
        await this.#storage.remove(chunk.key);
      }
      Object.assign(kept, { heads, snapshotBytes: bytes.length, incrementalBytes: 0 });
    } else {
      const bytes = Automerge.saveSince(doc, kept.heads);
      await this.#storage.save([id, 'incremental', hashOf(bytes)], bytes);
      kept.heads = heads;
      kept.incrementalBytes += bytes.length;
    }
  }

  /** The document begins anew: its history is removed and its id is another. */
  async beginAnew(name: string): Promise<void> {
    const id = this.idOf(name);
    const generation = (this.#generations.get(name) ?? 0) + 1;
    this.#generations.set(name, generation);
    this.#kept.delete(id);
    await this.#storage.save([HOME, 'generation', name], new TextEncoder().encode(String(generation)));
    await this.#storage.removeRange([id]);
  }

  async #chunks(id: DocumentId, kind: 'snapshot' | 'incremental'): Promise<Uint8Array[]> {
    const chunks = await this.#storage.loadRange([id, kind]);
    return chunks.flatMap(({ data }) => (data === undefined ? [] : [data]));
  }
}

function bytesOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
