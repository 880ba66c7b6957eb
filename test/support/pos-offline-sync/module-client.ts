/**
 * The client side of `pos_offline_sync` as its code behaves, in virtual time: its queue, its retries, its timeouts, what it reads of an
 * answer and what it ignores. A test double that is no friendlier than the module.
 *
 *     sell ─> row (pending) ─┐            ┌─> synced
 *                            ├─> sync() ──┼─> error, next try in min(2^attempts, 60) minutes, dead after max_attempts
 *     sweeper (2 h) ─────────┘            └─> processing, when its queue_id was not in the answer
 *
 * A run is one transaction of its database: killed in the middle, it is as if it had never been, whatever the cloud did. The moment of the
 * last run (`last_sync`) is the branch's clock and moves on even when the pull failed. One batch a run, one request per model.
 */
import type { Json } from './records.ts';

export const MINUTE_MS = 60_000;
/** `requests` waits so long. */
export const TIMEOUT_MS = 30_000;
const STUCK_MS = 120 * MINUTE_MS;
const RETRY_MINUTES_MAX = 60;
const DEAD_IN_MODULE = 3;

const MODEL_ORDER = ['res.partner', 'product.template', 'institution', 'institution.client', 'pos.order'];
export const ENTITIES = [
  'pos.order',
  'res.partner',
  'product.product',
  'stock.quant',
  'loyalty.program',
  'loyalty.rule',
  'loyalty.reward',
  'hr.employee',
  'pos.payment.method',
  'product.pricelist',
  'account.fiscal.position',
  'pos.session',
  'stock.picking',
  'institution',
  'institution.client',
];

export interface QueueRow {
  readonly id: number;
  readonly model: string;
  readonly recordId: number;
  readonly createdMs: number;
  operation: string;
  priority: number;
  data: Json;
  state: 'pending' | 'processing' | 'synced' | 'error';
  attempts: number;
  nextRetryMs: number;
  lastAttemptMs: number;
  cloudId: number | undefined;
  error: string;
}

/** The process of the branch ends in the middle of a request. */
export class Killed extends Error {}

/** What carries a request: the answer, or it throws as `requests` does (no connection, timeout, killed). */
export type Post = (path: string, body: Json) => Promise<{ readonly status: number; readonly json: Json }>;

export interface ModuleOptions {
  readonly post: Post;
  readonly warehouseId?: number;
  readonly warehouseName: string;
  readonly batchSize?: number;
  /** `retry_attempts` of its configuration. */
  readonly attemptsMax?: number;
  /** How far the branch's clock is off. */
  readonly clockOffMs?: number;
  readonly entities?: readonly string[];
}

interface Database {
  rows: QueueRow[];
  nextRow: number;
  lastSync: string | null;
  /** What was pulled, by model and number. */
  pulled: Map<string, Map<number, Json>>;
}

export class ModuleClient {
  readonly #options: Required<Omit<ModuleOptions, 'post'>> & Pick<ModuleOptions, 'post'>;
  #database: Database = { rows: [], nextRow: 1, lastSync: null, pulled: new Map() };
  nowMs: number;

  constructor(nowMs: number, options: ModuleOptions) {
    this.nowMs = nowMs;
    this.#options = {
      warehouseId: 1,
      batchSize: 100,
      attemptsMax: DEAD_IN_MODULE,
      clockOffMs: 0,
      entities: ENTITIES,
      ...options,
    };
  }

  get rows(): readonly QueueRow[] {
    return this.#database.rows;
  }

  /** Rows that nothing will send any more without a person. */
  get dead(): readonly QueueRow[] {
    return this.rows.filter(
      ({ state, attempts }) => state === 'error' && attempts >= this.#options.attemptsMax,
    );
  }

  get waiting(): readonly QueueRow[] {
    return this.rows.filter(({ state }) => state !== 'synced');
  }

  pulled(model: string): ReadonlyMap<number, Json> {
    return this.#database.pulled.get(model) ?? new Map();
  }

  /** The branch's own clock, as its database writes it. */
  localTime(ms = this.nowMs): string {
    return new Date(ms + this.#options.clockOffMs).toISOString().slice(0, 19);
  }

  enqueue(
    model: string,
    recordId: number,
    data: Json,
    operation = 'create',
    priority = model === 'pos.order' ? 2 : 1,
  ): void {
    const queued = this.#database.rows.find(
      (row) =>
        row.model === model &&
        row.recordId === recordId &&
        (row.state === 'pending' || row.state === 'processing'),
    );
    if (queued !== undefined) {
      // A customer that waits already is not looked at again; anything else is overwritten, its operation as well.
      if (model !== 'res.partner') {
        Object.assign(queued, { data, operation, priority });
      }
      return;
    }
    const row = {
      id: this.#database.nextRow,
      model,
      recordId,
      operation,
      data,
      priority,
      createdMs: this.nowMs,
    };
    this.#database.rows.push({
      ...row,
      state: 'pending',
      attempts: 0,
      nextRetryMs: 0,
      lastAttemptMs: 0,
      cloudId: undefined,
      error: '',
    });
    this.#database.nextRow += 1;
  }

  /** What cron does every five minutes. A kill leaves everything as it was before the run. */
  async sync(): Promise<void> {
    const before = copyOf(this.#database);
    try {
      await this.#pushBatch();
      await this.#pull();
    } catch (error) {
      if (!(error instanceof Killed)) {
        throw error;
      }
      this.#database = before;
    }
  }

  /** What cron does every half hour. */
  sweep(): void {
    for (const row of this.#database.rows) {
      if (row.state === 'processing' && this.nowMs - row.lastAttemptMs >= STUCK_MS) {
        row.state = 'pending';
      }
    }
  }

  /** The wizard: everything, by its own loop. */
  async migrate(): Promise<Map<string, Json[]>> {
    const warehouse_id = this.#options.warehouseId;
    const { json } = await this.#options.post('/migration/manifest', { warehouse_id });
    const manifest = json.manifest as Record<string, number>;
    const found = new Map<string, Json[]>();
    for (const [name, model] of Object.entries(MIGRATED)) {
      const records: Json[] = [];
      for (let offset = 0; offset < (manifest[name] ?? 0); ) {
        const batch = await this.#options.post('/migration/pull_batch', {
          model,
          limit: 500,
          offset,
          warehouse_id,
        });
        const got = batch.json.records as Json[];
        records.push(...got);
        offset += got.length;
        if (batch.json.has_more !== true || got.length === 0) {
          break;
        }
      }
      found.set(name, records);
    }
    return found;
  }

  #select(): QueueRow[] {
    const { batchSize, attemptsMax } = this.#options;
    return this.#database.rows
      .filter(
        ({ state, attempts, nextRetryMs }) =>
          (state === 'pending' || state === 'error') && attempts < attemptsMax && nextRetryMs <= this.nowMs,
      )
      .sort((a, b) => b.priority - a.priority || a.createdMs - b.createdMs || a.id - b.id)
      .slice(0, batchSize);
  }

  async #pushBatch(): Promise<void> {
    const batch = this.#select();
    for (const row of batch) {
      row.state = 'processing';
      row.lastAttemptMs = this.nowMs;
    }
    for (const model of MODEL_ORDER) {
      const rows = batch.filter((row) => row.model === model);
      if (rows.length > 0) {
        await this.#pushModel(model, rows);
      }
    }
  }

  async #pushModel(model: string, rows: readonly QueueRow[]): Promise<void> {
    const records = rows.map((row) => ({
      queue_id: row.id,
      local_id: row.recordId,
      operation: row.operation,
      data: row.data,
    }));
    const { warehouseId, warehouseName } = this.#options;
    try {
      const body = { model, warehouse_id: warehouseId, warehouse_name: warehouseName, records };
      const { json } = await this.#post('/push', body);
      for (const result of json.results as readonly Json[]) {
        const row = rows.find(({ id }) => id === result.queue_id);
        if (row === undefined) {
          continue;
        }
        if (result.success === true) {
          row.state = 'synced';
          row.cloudId = int32(result.cloud_id);
        } else {
          this.#fail(row, String(result.error));
        }
      }
    } catch (error) {
      if (error instanceof Killed) {
        throw error;
      }
      for (const row of rows) {
        this.#fail(row, String(error));
      }
    }
  }

  async #pull(): Promise<void> {
    const { warehouseId, entities } = this.#options;
    try {
      const { json } = await this.#post('/pull', {
        warehouse_id: warehouseId,
        entities,
        last_sync: this.#database.lastSync,
      });
      for (const [model, records] of Object.entries(json.data as Record<string, Json[]>)) {
        const kept = this.#database.pulled.get(model) ?? new Map<number, Json>();
        this.#database.pulled.set(model, kept);
        for (const record of records) {
          const id = int32(record.id);
          if (record._operation === 'unlink') {
            kept.delete(id);
          } else {
            kept.set(id, { ...kept.get(id), ...record });
          }
        }
      }
    } catch (error) {
      if (error instanceof Killed) {
        throw error;
      }
    }
    // Also when the pull failed.
    this.#database.lastSync = this.localTime();
  }

  /** `success: false`, or any status from 400 on, is an exception. */
  async #post(path: string, body: Json): Promise<{ readonly json: Json }> {
    const { status, json } = await this.#options.post(path, body);
    if (status >= 400 || json.success !== true) {
      throw new Error(String(json.error ?? status));
    }
    return { json };
  }

  #fail(row: QueueRow, error: string): void {
    row.attempts += 1;
    row.state = 'error';
    row.error = error;
    row.nextRetryMs = this.nowMs + Math.min(2 ** row.attempts, RETRY_MINUTES_MAX) * MINUTE_MS;
  }
}

const MIGRATED: Readonly<Record<string, string>> = {
  product_categories: 'product.category',
  uom: 'uom.uom',
  taxes: 'account.tax',
  fiscal_positions: 'account.fiscal.position',
  payment_methods: 'pos.payment.method',
  partners: 'res.partner',
  pricelists: 'product.pricelist',
  product_templates: 'product.template',
  products: 'product.product',
  pricelist_items: 'product.pricelist.item',
  loyalty_programs: 'loyalty.program',
  loyalty_rules: 'loyalty.rule',
  loyalty_rewards: 'loyalty.reward',
};

/** Anything else makes the column of the database, and with it the whole run, fail. */
function int32(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 2_147_483_647) {
    throw new Error(`integer out of range: ${String(value)}`);
  }
  return value as number;
}

function copyOf({ rows, pulled, ...rest }: Database): Database {
  return {
    ...rest,
    rows: rows.map((row) => ({ ...row })),
    pulled: new Map(Array.from(pulled, ([model, records]) => [model, new Map(records)])),
  };
}
