/** A little program with prices in it, its live documents on a socket, and stock clients that open them. */

import { randomBytes } from 'node:crypto';
import { type DocHandle, Repo } from '@automerge/automerge-repo';
import { BrowserWebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { systemClock } from 'hlc-ts';
import { MemoryLevel } from 'memory-level';
import { until } from '../../../../test/support/within.ts';
import {
  LevelStorageAdapter,
  type LiveAccess,
  type LiveChange,
  LiveDocuments,
  type LiveEdit,
  type LiveLimits,
  type LiveRefusal,
  type LiveRow,
  type LiveSource,
  type LiveUser,
  type StorageLevel,
} from '../../src/index.ts';
import { Listening } from './sockets.ts';

export interface Person extends LiveUser {
  readonly access: LiveAccess;
}

export interface Shown {
  readonly products: Record<string, Record<string, unknown>>;
}

const clock = systemClock();

export class Shop implements LiveSource<Person> {
  readonly prices = new Map<string, Map<string, LiveRow>>([['catalog/0', new Map()]]);
  readonly edits: LiveEdit<Person>[] = [];
  readonly failures: Error[] = [];
  /** Set: edits wait for it. */
  gate: Promise<void> | undefined;
  isBroken = false;
  revoked = new Set<string>();
  readonly level = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' });
  live!: LiveDocuments<Person>;
  listening!: Listening;
  readonly #listeners = new Set<(change: LiveChange) => void>();
  readonly #repos: { repo: Repo; adapter: BrowserWebSocketClientAdapter }[] = [];

  static async open(limits: Partial<LiveLimits> = {}): Promise<Shop> {
    const shop = new Shop();
    shop.set('A1', { name: 'Lens', priceMinor: 990, retired: false });
    await shop.start(limits);
    shop.listening = await Listening.open((socket, query) => {
      const [owner = '', access = 'none'] = (query.get('as') ?? '').split(':');
      shop.live.accept(socket, { owner, access: access as LiveAccess });
    });
    return shop;
  }

  async start(limits: Partial<LiveLimits> = {}): Promise<void> {
    const storage = await LevelStorageAdapter.open({
      level: this.level as unknown as StorageLevel,
      clock,
      onFailure: (error) => this.failures.push(error),
    });
    this.live = await LiveDocuments.open<Person>({
      source: this,
      storage,
      clock,
      tenant: 'Superstore',
      randomBytes: (length) => new Uint8Array(randomBytes(length)),
      onFailure: (error) => this.failures.push(error),
      limits,
    });
  }

  // ---- as the program
  documents = () => [...this.prices.keys()];
  access = ({ owner, access }: Person): LiveAccess => (this.revoked.has(owner) ? 'none' : access);
  rowsName = () => 'products';
  isDifference = (_document: string, field: string) => field === 'pieces';
  chunkFault = (bytes: Uint8Array) => (bytes.length > 200_000 ? 'too large' : undefined);
  async read(document: string, rows?: readonly string[]): Promise<Map<string, LiveRow>> {
    const all = this.prices.get(document) ?? new Map<string, LiveRow>();
    return new Map([...all].filter(([row]) => rows === undefined || rows.includes(row)));
  }
  async edit(edit: LiveEdit<Person>) {
    await this.gate;
    if (this.isBroken) {
      throw new Error('the store is poisoned');
    }
    this.edits.push(edit);
    const bad = edit.fields.find(({ field, value }) => field === 'priceMinor' && !(Number(value) > 0));
    if (bad !== undefined || edit.isNew) {
      return { code: 'EDIT_REFUSED' as const, cause: 'CHANGE_INVALID', detail: 'A price is above zero.' };
    }
    const before = this.prices.get(edit.document)!.get(edit.row)!;
    const fields = Object.fromEntries(edit.fields.map(({ field, value }) => [field, value ?? null]));
    this.set(edit.row, { ...before, ...fields }, edit.document);
    return undefined;
  }
  watch(listener: (change: LiveChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  set(row: string, fields: LiveRow, document = 'catalog/0'): void {
    this.prices.get(document)!.set(row, fields);
    this.tell({ document, rows: [row] });
  }
  tell(change: LiveChange): void {
    for (const listener of this.#listeners) {
      listener(change);
    }
  }

  // ---- as clients
  address(owner: string, access: LiveAccess): string {
    return `${this.listening.url}/?as=${owner}:${access}`;
  }
  repo(owner: string, access: LiveAccess, retryMs = 50): Repo {
    const adapter = new BrowserWebSocketClientAdapter(this.address(owner, access), retryMs);
    const repo = new Repo({ network: [adapter] });
    this.#repos.push({ repo, adapter });
    return repo;
  }
  async find(repo: Repo, document = 'catalog/0'): Promise<Client> {
    await until(20_000, 'connected', () => repo.peers.length > 0);
    return new Client(await repo.find<Shown>(this.live.urlOf(document)));
  }

  async close(): Promise<void> {
    for (const { adapter } of this.#repos) {
      Object.assign(adapter, { retryInterval: 0 });
      if (adapter.socket !== undefined) {
        // A stock client that is dialling again says so as an error, and has stopped listening to errors by then.
        adapter.socket.addEventListener('error', () => {});
        adapter.disconnect();
      }
    }
    await this.live.close();
    await this.listening.close();
  }
}

export class Client {
  readonly handle: DocHandle<Shown>;
  readonly refusals: LiveRefusal[] = [];

  constructor(handle: DocHandle<Shown>) {
    this.handle = handle;
    handle.on('ephemeral-message', ({ message }) => this.refusals.push(message as LiveRefusal));
  }

  get rows() {
    return this.handle.doc().products;
  }
  priceOf = (sku: string): unknown => this.rows[sku]?.priceMinor;
  edit(sku: string, field: string, value: unknown): void {
    this.handle.change((doc) => {
      doc.products[sku]![field] = value;
    });
  }
  async shows(sku: string, price: unknown): Promise<void> {
    await until(30_000, `${sku} at ${price}`, () => this.priceOf(sku) === price);
  }
  async refused(code: string): Promise<void> {
    await until(30_000, code, () => this.refusals.some((refusal) => refusal.code === code));
  }
}
