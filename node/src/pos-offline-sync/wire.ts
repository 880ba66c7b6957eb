/**
 * Requests of the module's client as they come, and refusals as it reads them: HTTP 200 with `success: false` and words. Its fields are
 * loosely typed (`false` for nothing), so they are read one by one and never quoted back.
 */
import { asRecord, codeOf, idOf, type OdooRecord } from './values.ts';

/** Records of one push; the module's own default is 100, its largest setting 10 000. */
export const PUSH_RECORDS_MAX = 1_000;
/** Bytes of one record, as JSON: an order of 500 lines is 150 kB. */
export const RECORD_BYTES_MAX = 1024 * 1024;
/** Levels of a record; the module's own has five. */
export const RECORD_DEPTH_MAX = 32;
export const PULL_ENTITIES_MAX = 64;
export const BATCH_RECORDS_MAX = 1_000;
export const BATCH_RECORDS_DEFAULT = 500;

/** Words for the caller; nothing was stored. */
export class PosSyncRefusal extends Error {
  readonly code = 'POS_SYNC_REFUSED';

  constructor(words: string) {
    super(words);
    this.name = 'PosSyncRefusal';
  }
}

export interface Warehouse {
  readonly id: number | undefined;
  readonly name: string | undefined;
}

export interface PushItem {
  /** Of the caller's queue, to be told back as it came. */
  readonly queueId: unknown;
  readonly localId: number | undefined;
  readonly operation: 'create' | 'write' | 'unlink' | undefined;
  readonly data: OdooRecord | undefined;
}

export interface PushRequest {
  readonly model: string;
  readonly warehouse: Warehouse;
  readonly records: readonly PushItem[];
}

export interface PullRequest {
  readonly warehouse: Warehouse;
  readonly entities: readonly string[];
}

export interface PageRequest {
  readonly warehouse: Warehouse;
  readonly limit: number;
  readonly offset: number;
}

export function pushRequest(body: OdooRecord): PushRequest {
  const model = codeOf(body.model, 64);
  const warehouse = warehouseOf(body);
  if (model === undefined || (warehouse.id === undefined && warehouse.name === undefined)) {
    throw new PosSyncRefusal('Se requieren model y warehouse_id o warehouse_name');
  }
  if (!Array.isArray(body.records)) {
    throw new PosSyncRefusal('records debe ser una lista');
  }
  if (body.records.length > PUSH_RECORDS_MAX) {
    throw new PosSyncRefusal(
      `Demasiados registros: ${body.records.length}, máximo ${PUSH_RECORDS_MAX}. Reduzca batch_size.`,
    );
  }
  return { model, warehouse, records: body.records.map((record: unknown) => itemOf(asRecord(record) ?? {})) };
}

export function pullRequest(body: OdooRecord): PullRequest {
  const warehouse = warehouseOf(body);
  if (warehouse.id === undefined && warehouse.name === undefined) {
    throw new PosSyncRefusal('Se requiere warehouse_id');
  }
  if (!Array.isArray(body.entities) || body.entities.length > PULL_ENTITIES_MAX) {
    throw new PosSyncRefusal(`entities debe ser una lista de hasta ${PULL_ENTITIES_MAX} modelos`);
  }
  const entities = body.entities.flatMap((each: unknown) => codeOf(each, 64) ?? []);
  return { warehouse, entities: [...new Set(entities)] };
}

export function pageRequest(
  body: OdooRecord,
  limits: { readonly fallback: number; readonly max: number },
): PageRequest {
  const whole = (value: unknown, fallback: number): number =>
    Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : fallback;
  return {
    warehouse: warehouseOf(body),
    limit: Math.max(1, Math.min(whole(body.limit, limits.fallback), limits.max)),
    offset: whole(body.offset, 0),
  };
}

export function warehouseOf(body: OdooRecord): Warehouse {
  return { id: idOf(body.warehouse_id), name: codeOf(body.warehouse_name, 128) };
}

export function isTooDeep(value: unknown, levels = RECORD_DEPTH_MAX): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    (levels === 0 || Object.values(value).some((each) => isTooDeep(each, levels - 1)))
  );
}

function itemOf(record: OdooRecord): PushItem {
  const { operation = 'create' } = record;
  const local = record.local_id;
  return {
    queueId: Number.isSafeInteger(record.queue_id) ? record.queue_id : null,
    localId: Number.isSafeInteger(local) && (local as number) > 0 ? (local as number) : undefined,
    operation:
      operation === 'create' || operation === 'write' || operation === 'unlink' ? operation : undefined,
    data: asRecord(record.data) ?? (operation === 'unlink' ? {} : undefined),
  };
}
