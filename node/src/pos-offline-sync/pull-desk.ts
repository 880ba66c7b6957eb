/**
 * `/pull`, the migration and the lists: what head office has, in the module's fields and under numbers it can keep.
 *
 * The client reads one answer, asks for no second page and trusts a clock of its own, so an answer holds everything that this branch may
 * not have yet, by a cursor kept here (`record-shelf.ts`). `pos.order` is never in it. Quantities are of this branch alone, after every sale
 * it has pushed, in its own ids of products and place; they are left out right after a full batch, because the branch then has sales
 * this head office has not seen and would write over them.
 */
import type { StockRow } from '@branchline/docs';
import type { Clock } from 'hlc-ts';
import { isKept } from '../goods/oversold-watch.ts';
import type { NodeParts } from '../node-services.ts';
import { PARTNER } from './branch-context.ts';
import type { CloudIds } from './cloud-ids.ts';
import type { PosKey } from './pos-sync-book.ts';
import { BranchCursor, RecordShelf } from './record-shelf.ts';
import {
  type DownParts,
  EMPLOYEE,
  employeeRecord,
  isOverridden,
  MIGRATION,
  PRODUCT,
  PULL_MODELS,
  partnerRecord,
  productRecord,
  productRows,
  QUANT,
  Ref,
  recordsDown,
  TEMPLATE,
} from './records-down.ts';
import { CREDIT } from './take-credit.ts';
import { fromMilli, naiveTime, type OdooRecord } from './values.ts';
import { type PageRequest, PosSyncRefusal, type PullRequest } from './wire.ts';

/** The version the module's connection test shows; its own. */
export const MODULE_VERSION = '17.0.1.0.0';
/** A push of so many records was probably cut off there: more are waiting at the branch. */
export const FULL_BATCH = 100;

export interface PullDeskOptions {
  readonly parts: DownParts & Pick<NodeParts, 'stock' | 'events' | 'submitOwn'>;
  readonly ids: CloudIds;
  readonly clock: Clock;
  readonly branch: string;
}

export class PullDesk {
  readonly #options: PullDeskOptions;
  readonly #shelves = new Map<string, RecordShelf>();
  readonly #numbers = new Map<string, Map<string, number>>();
  readonly #cursors = new Map<string, BranchCursor>();
  /** Branches whose last push was a full batch. */
  readonly #behind = new Set<string>();
  /** SKUs and customers that changed since they were looked at; undefined before the first look. */
  #products: Set<string> | undefined;
  #partners: Set<string> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #unsubscribe: (() => void) | undefined;

  constructor(options: PullDeskOptions) {
    this.#options = options;
  }

  start(): void {
    const { unsubscribe } = this.#options.parts.events.subscribe(undefined, ({ type, data }) => {
      const { sku, id } = data as { readonly sku?: string; readonly id?: string };
      if (type === 'product.changed' && sku !== undefined) {
        this.#products?.add(sku);
      } else if (type === 'customer.changed' && id !== undefined) {
        this.#partners?.add(id);
      }
    });
    this.#unsubscribe = unsubscribe;
  }

  stop(): void {
    this.#unsubscribe?.();
  }

  notePushed(branch: string, records: number): void {
    if (records >= FULL_BATCH) {
      this.#behind.add(branch);
    } else {
      this.#behind.delete(branch);
    }
  }

  /** Called with what was answered once it has been written to the end. */
  async pull(
    key: PosKey,
    request: PullRequest,
  ): Promise<{ readonly text: string; readonly sent: () => void }> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const cursor = this.#cursors.get(key.branch) ?? new BranchCursor();
    this.#cursors.set(key.branch, cursor);
    const floor = cursor.floor(nowMs);
    await this.#look(request.entities, nowMs);
    const data: Record<string, unknown[]> = {};
    const deletions: Record<string, unknown[]> = {};
    for (const model of request.entities) {
      if (model === QUANT) {
        data[model] = this.#behind.has(key.branch)
          ? []
          : await this.#numbered(QUANT, await this.#quants(key));
      } else if (PULL_MODELS.includes(model)) {
        const { changed, gone } = await this.#changed(model, key, floor);
        data[model] = await this.#numbered(model, changed);
        if (gone.length > 0) {
          deletions[model] = gone;
        }
      } else {
        data[model] = [];
      }
    }
    this.#behind.delete(key.branch);
    if (request.entities.includes(CREDIT)) {
      await this.#noteServed(key);
    }
    const answer = {
      success: true,
      data,
      deletions,
      sync_date: naiveTime(clock.nowMs()),
      has_more: {},
      pagination: { limit: 500, offset: 0 },
    };
    return { text: JSON.stringify(answer), sent: () => cursor.answered(clock.monotonicMs(), floor) };
  }

  async manifest(): Promise<object> {
    await this.#look(
      MIGRATION.map(([, model]) => model),
      this.#options.clock.monotonicMs(),
    );
    const manifest: Record<string, number> = {};
    for (const [name, model] of MIGRATION) {
      manifest[name] = (await this.#all(model)).size;
    }
    return {
      success: true,
      manifest,
      sync_order: MIGRATION.map(([name]) => name),
      recommended_batch_size: 500,
      server_time: naiveTime(this.#options.clock.nowMs()),
    };
  }

  /** In the order of their numbers: what comes new is at the end, so pages never move. */
  async batch(model: string, { limit, offset }: PageRequest): Promise<object> {
    const known = MIGRATION.find(([name, each]) => each === model || name === model)?.[1];
    if (known === undefined) {
      throw new PosSyncRefusal(`Modelo no permitido: ${model}`);
    }
    await this.#look([known], this.#options.clock.monotonicMs());
    const { page, total } = await this.#page(known, limit, offset);
    return {
      success: true,
      model,
      total,
      count: page.length,
      offset,
      has_more: offset + page.length < total,
      records: page,
    };
  }

  /** By their numbers. */
  async list(
    model: string,
    { limit, offset }: Pick<PageRequest, 'limit' | 'offset'>,
  ): Promise<{ readonly page: readonly OdooRecord[]; readonly total: number }> {
    await this.#look([model], this.#options.clock.monotonicMs());
    const { page, total } = await this.#page(model, limit, offset);
    return { page: page as OdooRecord[], total };
  }

  async numberOf(model: string, key: string): Promise<number | undefined> {
    return (await this.#numbersOf(model, [key])).get(key);
  }

  async products({ limit, offset }: PageRequest): Promise<object> {
    const { page, total } = await this.list(PRODUCT, { limit, offset });
    const products = page.filter((record) => record.available_in_pos === true);
    return { success: true, total, count: products.length, offset, products };
  }

  /** What the branch has on its shelf: after every sale it has pushed. */
  async stock(
    key: PosKey,
    warehouseId: number | undefined,
    productIds: readonly number[] | undefined,
  ): Promise<object> {
    const { parts } = this.#options;
    const rows: StockRow[] = [];
    for await (const row of parts.stock.rowsOf(key.branch)) {
      if (row.onHandMilli > 0) {
        rows.push(row);
      }
    }
    const numbers = await this.#numbersOf(
      PRODUCT,
      rows.map(({ sku }) => sku),
    );
    const stock = rows.flatMap(({ sku, onHandMilli }) => {
      const id = numbers.get(sku)!;
      const product = parts.products.row(sku);
      const quantity = fromMilli(onHandMilli);
      const amounts = { quantity, reserved_quantity: 0, available_quantity: quantity };
      const names = {
        product_id: id,
        product_barcode: product?.barcodes[0] ?? false,
        product_name: product?.name ?? sku,
      };
      const isWanted = productIds === undefined || productIds.includes(id);
      return isWanted
        ? [{ ...names, product_default_code: sku, ...amounts, lot_id: false, lot_name: false }]
        : [];
    });
    const warehouse = {
      warehouse_id: warehouseId ?? key.warehouse.id ?? false,
      warehouse_name: key.warehouse.name,
    };
    return { success: true, ...warehouse, count: stock.length, stock };
  }

  /** One look at a time: what changed is noted once. */
  async #look(models: readonly string[], nowMs: number): Promise<void> {
    const look = this.#looking.then(async () => {
      for (const model of models) {
        if (model === PRODUCT || model === TEMPLATE) {
          this.#lookAtProducts(nowMs);
        } else if (model === PARTNER) {
          await this.#lookAtPartners(nowMs);
        } else {
          this.#shelf(model).noteAll(await recordsDown(this.#options.parts, model), nowMs);
        }
      }
    });
    this.#looking = look.catch(() => undefined);
    await look;
  }

  #lookAtProducts(nowMs: number): void {
    const { parts } = this.#options;
    const note = (sku: string): void => {
      const row = parts.products.row(sku);
      // What branches say of it is in no field of the record and changes it all the same.
      const noted =
        row === undefined || row.priceMinor === null
          ? undefined
          : { ...productRecord(parts, row, undefined), own: row.overrides };
      for (const model of [PRODUCT, TEMPLATE]) {
        this.#shelf(model).note(sku, noted, nowMs);
      }
    };
    const changed = this.#products;
    this.#products = new Set();
    for (const sku of changed ?? Array.from(productRows(parts), (row) => row.sku)) {
      note(sku);
    }
  }

  async #lookAtPartners(nowMs: number): Promise<void> {
    const { parts } = this.#options;
    const changed = this.#partners;
    this.#partners = new Set();
    await parts.customers.refreshed();
    const note = async (id: string): Promise<void> => {
      this.#shelf(PARTNER).note(id, await partnerRecord(parts, id), nowMs);
    };
    if (changed === undefined) {
      for await (const id of parts.customers.ids()) {
        await note(id);
      }
    } else {
      for (const id of changed) {
        await note(id);
      }
    }
  }

  async #changed(
    model: string,
    key: PosKey,
    floor: number,
  ): Promise<{ changed: Map<string, OdooRecord>; gone: object[] }> {
    const { parts } = this.#options;
    const shelf = this.#shelf(model);
    const changed = new Map<string, OdooRecord>();
    const gone: object[] = [];
    if (model === PRODUCT || model === TEMPLATE) {
      for (const row of productRows(parts)) {
        if (shelf.isSince(row.sku, floor) || isOverridden(parts, row, key.branch)) {
          changed.set(row.sku, productRecord(parts, row, key.branch, model));
        }
      }
      return { changed, gone };
    }
    if (model === EMPLOYEE) {
      for (const employee of parts.employees.list().filter(({ id }) => shelf.isSince(id, floor))) {
        changed.set(employee.id, employeeRecord(employee, key.branch));
      }
      return { changed, gone };
    }
    const records = model === PARTNER ? undefined : await recordsDown(parts, model);
    for (const name of shelf.keys) {
      if (!shelf.isSince(name, floor)) {
        continue;
      }
      const record = records === undefined ? await partnerRecord(parts, name) : records.get(name);
      if (record !== undefined) {
        changed.set(name, record);
      } else {
        gone.push({
          id: (await this.#numbersOf(model, [name])).get(name),
          _operation: 'unlink',
          _cloud_deletion: true,
        });
      }
    }
    return { changed, gone };
  }

  async #all(model: string): Promise<Map<string, OdooRecord | undefined>> {
    const { parts } = this.#options;
    if (model === PRODUCT || model === TEMPLATE) {
      return new Map(Array.from(productRows(parts), (row) => [row.sku, undefined]));
    }
    return model === PARTNER
      ? new Map(Array.from(this.#shelf(PARTNER).keys, (id) => [id, undefined]))
      : await recordsDown(parts, model);
  }

  async #page(model: string, limit: number, offset: number): Promise<{ page: object[]; total: number }> {
    const { parts } = this.#options;
    const all = await this.#all(model);
    const numbers = await this.#numbersOf(model, [...all.keys()]);
    const keys = [...all.keys()]
      .sort((a, b) => numbers.get(a)! - numbers.get(b)!)
      .slice(offset, offset + limit);
    const records = new Map<string, OdooRecord>();
    for (const key of keys) {
      const row = model === PRODUCT || model === TEMPLATE ? parts.products.row(key) : undefined;
      const record =
        row !== undefined
          ? productRecord(parts, row, undefined, model)
          : model === PARTNER
            ? await partnerRecord(parts, key)
            : all.get(key);
      records.set(key, record ?? { active: false });
    }
    return { page: await this.#numbered(model, records), total: all.size };
  }

  /** Quantities in the branch's own ids, of products it has sold, where somebody here said what it has. */
  async #quants(key: PosKey): Promise<Map<string, OdooRecord>> {
    const { parts } = this.#options;
    const records = new Map<string, OdooRecord>();
    const { locationId } = key.warehouse;
    if (locationId === undefined) {
      return records;
    }
    for await (const row of parts.stock.rowsOf(key.branch)) {
      const productId = isKept(row) ? await parts.posSync.localProduct(key.branch, row.sku) : undefined;
      if (productId !== undefined) {
        const product = parts.products.row(row.sku);
        records.set(`${key.branch}/${row.sku}`, {
          product_id: productId,
          product_barcode: product?.barcodes[0] ?? false,
          product_default_code: row.sku,
          product_name: product?.name ?? row.sku,
          location_id: locationId,
          quantity: fromMilli(row.onHandMilli),
          reserved_quantity: 0,
          lot_id: false,
          lot_name: false,
        });
      }
    }
    return records;
  }

  /** What a branch is told of its credit lines is what it will have spent from. */
  async #noteServed(key: PosKey): Promise<void> {
    const { parts, branch } = this.#options;
    const news = [...parts.posSync.credits].filter(([, { availableMinor, branches }]) => {
      const { said, told } = branches[key.branch] ?? {};
      return (told ?? said) !== availableMinor;
    });
    if (news.length === 0) {
      return;
    }
    await parts.submitOwn('pos-sync', (transaction) => {
      for (const [line, { availableMinor, limitMinor }] of news) {
        const body = { line, branch: key.branch, availableMinor, limitMinor, spentMinor: 0, served: true };
        transaction.append(`pos-sync/${branch}`, 'pos-sync-credit', body);
      }
      return { status: 200, body: {} };
    });
  }

  #shelf(model: string): RecordShelf {
    const shelf = this.#shelves.get(model) ?? new RecordShelf();
    this.#shelves.set(model, shelf);
    return shelf;
  }

  /** Records with their numbers, those of others they name included. */
  async #numbered(model: string, records: ReadonlyMap<string, OdooRecord>): Promise<object[]> {
    const named = new Map<string, Set<string>>([[model, new Set(records.keys())]]);
    for (const record of records.values()) {
      noteRefs(record, named);
    }
    const numbers = new Map<string, Map<string, number>>();
    for (const [each, keys] of named) {
      numbers.set(each, await this.#numbersOf(each, [...keys]));
    }
    return Array.from(records, ([key, record]) => ({
      id: numbers.get(model)!.get(key),
      ...(withNumbers(record, numbers) as object),
    }));
  }

  /** New numbers are in the feed before anybody is told of them. */
  async #numbersOf(model: string, keys: readonly string[]): Promise<Map<string, number>> {
    const { parts, ids } = this.#options;
    const known = this.#numbers.get(model) ?? (await parts.posSync.cloudIds(model));
    this.#numbers.set(model, known);
    const missing = keys.filter((key) => !known.has(key));
    for (let from = 0; from < missing.length; from += NUMBERS_AT_ONCE) {
      const slice = missing.slice(from, from + NUMBERS_AT_ONCE);
      const given = await parts.submitOwn('pos-sync', async (transaction) => ({
        status: 200,
        body: await ids.of(transaction, model, slice),
      }));
      for (const [index, key] of slice.entries()) {
        known.set(key, given[index]!);
      }
    }
    return known;
  }
}

/** Numbers given out in one commit. */
const NUMBERS_AT_ONCE = 5_000;

function noteRefs(value: unknown, named: Map<string, Set<string>>): void {
  if (value instanceof Ref) {
    named.set(value.model, (named.get(value.model) ?? new Set()).add(value.key));
  } else if (Array.isArray(value)) {
    for (const each of value) {
      noteRefs(each, named);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) {
      noteRefs(each, named);
    }
  }
}

function withNumbers(value: unknown, numbers: ReadonlyMap<string, ReadonlyMap<string, number>>): unknown {
  if (value instanceof Ref) {
    return numbers.get(value.model)?.get(value.key) ?? false;
  }
  if (Array.isArray(value)) {
    return value.map((each) => withNumbers(each, numbers));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withNumbers(each, numbers)]));
  }
  return value;
}
