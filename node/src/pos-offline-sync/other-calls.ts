/**
 * The calls of the module's REST surface that its own client never makes: scripts and other add-ons of an installation may. Each is a `/push` of
 * one thing or a page of what `/pull` has whole, in the words of the call; what holds for those holds here.
 *
 * `last_sync` is not looked at: every list is all there is, by number, in pages of `limit` from `offset`. Sessions and transfers are not kept
 * here: their lists are empty, and pushing one is refused in words. Nothing of this is stored but through the push desk.
 */
import { createHash } from 'node:crypto';
import type { CustomerBook } from '../projections/customers.ts';
import { customerOfVat, ORDER, PARTNER } from './branch-context.ts';
import type { PosKey, PosSyncBook, UnsettledRecord } from './pos-sync-book.ts';
import type { PullDesk } from './pull-desk.ts';
import { FISCAL_POSITION, PRICELIST, PRODUCT, PROGRAM } from './records-down.ts';
import { CREDIT, INSTITUTION } from './take-credit.ts';
import { asRecord, codeOf, idOf, naiveTime, type OdooRecord, recordsIn } from './values.ts';
import { BATCH_RECORDS_MAX, type PageRequest, PosSyncRefusal, pageRequest, warehouseOf } from './wire.ts';

export interface OtherCallsPorts {
  /** As `/push` with this body, admission included. */
  readonly push: (key: PosKey, body: OdooRecord) => Promise<object>;
  readonly pull: PullDesk;
  readonly admit: (key: PosKey, body: OdooRecord) => void;
  readonly book: Pick<PosSyncBook, 'unsettled' | 'lastCount'>;
  readonly customers: Pick<CustomerBook, 'get'>;
  /** A kept record in clear; undefined where its customer was erased. */
  readonly open: (record: string) => string | undefined;
  readonly nowMs: () => number;
  readonly tenant: string;
  /** When the branch last pushed or pulled. */
  readonly lastSyncMs: (key: PosKey) => number | undefined;
  /** What the numbers of its orders begin with. */
  readonly numberPrefix: (branch: string) => string;
}

type Call = (ports: OtherCallsPorts, key: PosKey, body: OdooRecord) => Promise<object>;

interface Listed {
  readonly model: string;
  /** Of the list in the answer. */
  readonly name: string;
  readonly limit: number;
  readonly isTimed?: boolean;
  readonly isWanted?: (record: OdooRecord, body: OdooRecord) => boolean;
}

const isForPos = (record: OdooRecord, body: OdooRecord): boolean =>
  body.only_pos === false || record.available_in_pos === true;
const isOfTypes = ({ program_type: type }: OdooRecord, { program_types: types }: OdooRecord): boolean =>
  !Array.isArray(types) || types.length === 0 || types.includes(type);

/** By the name of the call, without the slash. */
export const OTHER_CALLS: Readonly<Record<string, { readonly form: 'json' | 'rpc'; readonly call: Call }>> = {
  push_order: { form: 'json', call: pushOrder },
  push_refund: { form: 'json', call: pushRefund },
  push_partner: { form: 'json', call: pushPartner },
  'partner/sync': { form: 'json', call: syncPartners },
  'partner/create': { form: 'rpc', call: createPartner },
  partners: { form: 'rpc', call: list({ model: PARTNER, name: 'partners', limit: 1_000, isTimed: false }) },
  pull_partners: { form: 'json', call: list({ model: PARTNER, name: 'partners', limit: 1_000 }) },
  pull_products: {
    form: 'json',
    call: list({ model: PRODUCT, name: 'products', limit: 1_000, isWanted: isForPos }),
  },
  pull_pricelists: { form: 'json', call: list({ model: PRICELIST, name: 'pricelists', limit: 100 }) },
  pull_loyalty_programs: {
    form: 'json',
    call: list({ model: PROGRAM, name: 'programs', limit: 100, isWanted: isOfTypes }),
  },
  pull_fiscal_positions: {
    form: 'json',
    call: list({ model: FISCAL_POSITION, name: 'fiscal_positions', limit: 100 }),
  },
  pull_institutions: { form: 'json', call: institutions },
  pull_institution_clients: { form: 'json', call: clients },
  pull_sessions: { form: 'json', call: nothing('sessions') },
  pull_stock_transfers: { form: 'json', call: nothing('transfers') },
  push_session: { form: 'json', call: notKept('Las sesiones llegan con cada pedido') },
  push_stock_transfer: { form: 'json', call: notKept('Use POST /v1/stock/transfers') },
  status: { form: 'rpc', call: status },
  'orders/pending': { form: 'rpc', call: pendingOrders },
};

type Result = { readonly success: boolean; readonly error?: unknown } & OdooRecord;

/** One record, as its row of a push is answered. */
async function pushOne(
  { push }: OtherCallsPorts,
  key: PosKey,
  body: OdooRecord,
  { model, data, localId }: { readonly model: string; readonly data: OdooRecord; readonly localId: unknown },
): Promise<Result> {
  const records = [{ queue_id: null, local_id: localId, operation: 'create', data }];
  const answer = (await push(key, { ...warehouseIn(body, key), model, records })) as {
    readonly results: readonly Result[];
  };
  return answer.results[0]!;
}

/** Where a call may leave the warehouse out, it is the one of the key. */
function warehouseIn(body: OdooRecord, { warehouse }: PosKey): OdooRecord {
  const { id, name } = warehouseOf(body);
  return { warehouse_id: id ?? false, warehouse_name: name ?? (id === undefined ? warehouse.name : false) };
}

function given(body: OdooRecord, field: string): OdooRecord {
  const data = asRecord(body[field]);
  const { id, name } = warehouseOf(body);
  if (data === undefined || (id === undefined && name === undefined)) {
    throw new PosSyncRefusal(`Se requieren warehouse_id y ${field}`);
  }
  return data;
}

async function pushOrder(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  const data = given(body, 'order_data');
  const { success, cloud_id, order_name, message, error } = await pushOne(ports, key, body, {
    model: ORDER,
    data,
    localId: data.id,
  });
  return success ? { success, order_id: cloud_id, order_name, message } : { success, error };
}

async function pushRefund(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  const data = given(body, 'refund_data');
  const original = asRecord(data.original_order);
  const { success, cloud_id, order_name, message, error } = await pushOne(ports, key, body, {
    model: ORDER,
    data,
    localId: data.id,
  });
  return success
    ? {
        success,
        refund_id: cloud_id,
        refund_name: order_name,
        pos_reference: codeOf(data.pos_reference) ?? order_name,
        original_order_id: idOf(original?.id) ?? false,
        error: null,
        message,
      }
    : { success, error };
}

async function pushPartner(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  if (Array.isArray(body.partners)) {
    return await ports.push(key, { ...warehouseIn(body, key), model: PARTNER, records: body.partners });
  }
  const data = asRecord(body.partner_data);
  if (data === undefined) {
    throw new PosSyncRefusal('Se requiere partner_data o partners');
  }
  return partnerAnswer(await pushOne(ports, key, body, { model: PARTNER, data, localId: data.id }));
}

function partnerAnswer({ success, cloud_id, partner_name, message, error }: Result): object {
  return success ? { success, partner_id: cloud_id, partner_name, message } : { success, error };
}

async function syncPartners(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  const { id, name } = warehouseOf(body);
  if (id === undefined && name === undefined) {
    throw new PosSyncRefusal('Se requiere warehouse_id');
  }
  const records = Array.isArray(body.local_partners) ? body.local_partners : [];
  const { results, summary } = (await ports.push(key, { ...body, model: PARTNER, records })) as {
    readonly results: readonly object[];
    readonly summary: object;
  };
  const { page } = await ports.pull.list(PARTNER, { limit: BATCH_RECORDS_MAX, offset: 0 });
  return {
    success: true,
    push: { results, ...summary },
    pull: { partners: page, count: page.length },
    sync_date: naiveTime(ports.nowMs()),
  };
}

/** Somebody with this tax number already: told, and left as he is. Without an id of the caller's the content is the identity. */
async function createPartner(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  const data = asRecord(body.partner_data);
  const name = codeOf(data?.name, 128);
  if (data === undefined || name === undefined) {
    throw new PosSyncRefusal('Se requiere partner_data con name');
  }
  const vat = codeOf(data.vat, 64);
  if (vat !== undefined) {
    ports.admit(key, body);
    const id = customerOfVat(ports.tenant, vat);
    const known = await ports.customers.get(id);
    if (known !== undefined) {
      const message = 'El contacto ya existe';
      return {
        success: true,
        partner_id: await ports.pull.numberOf(PARTNER, id),
        partner_name: known.name ?? name,
        message,
      };
    }
  }
  const digest = createHash('sha256').update(JSON.stringify(data)).digest();
  return partnerAnswer(
    await pushOne(ports, key, body, { model: PARTNER, data, localId: digest.readUIntBE(0, 6) }),
  );
}

function list({ model, name, limit, isTimed = true, isWanted }: Listed): Call {
  return async (ports, key, body) => {
    ports.admit(key, body);
    const wanted = pageRequest(body, { fallback: limit, max: BATCH_RECORDS_MAX });
    const { page, total } = await ports.pull.list(model, wanted);
    const found = isWanted === undefined ? page : page.filter((record) => isWanted(record, body));
    return listed({ name, found, total, wanted }, isTimed ? ports : undefined);
  };
}

function listed(
  {
    name,
    found,
    total,
    wanted,
  }: {
    readonly name: string;
    readonly found: readonly object[];
    readonly total: number;
    readonly wanted: Pick<PageRequest, 'offset'>;
  },
  ports: Pick<OtherCallsPorts, 'nowMs'> | undefined,
): object {
  return {
    success: true,
    total,
    count: found.length,
    offset: wanted.offset,
    [name]: found,
    ...(ports === undefined ? {} : { sync_date: naiveTime(ports.nowMs()) }),
  };
}

async function institutions(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  ports.admit(key, body);
  const wanted = pageRequest(body, { fallback: 100, max: BATCH_RECORDS_MAX });
  const { page, total } = await ports.pull.list(INSTITUTION, wanted);
  const lines = await clientRecords(ports, {});
  const found = page.map((institution) => ({
    ...institution,
    clients: lines.filter(({ institution_id: id }) => id === institution.id),
  }));
  return listed({ name: 'institutions', found, total, wanted }, ports);
}

async function clients(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  ports.admit(key, body);
  const found = await clientRecords(ports, body);
  return { success: true, count: found.length, clients: found, sync_date: naiveTime(ports.nowMs()) };
}

async function clientRecords({ pull }: OtherCallsPorts, body: OdooRecord): Promise<OdooRecord[]> {
  const { page } = await pull.list(CREDIT, { limit: Number.MAX_SAFE_INTEGER, offset: 0 });
  const institution = idOf(body.institution_id);
  const vat = codeOf(body.partner_vat, 64);
  return page.filter(
    (line) =>
      (institution === undefined || line.institution_id === institution) &&
      (vat === undefined || line.partner_vat === vat),
  );
}

function nothing(name: string): Call {
  return (ports, key, body) => {
    ports.admit(key, body);
    const wanted = pageRequest(body, { fallback: 100, max: BATCH_RECORDS_MAX });
    return Promise.resolve(listed({ name, found: [], total: 0, wanted }, ports));
  };
}

function notKept(words: string): Call {
  return (ports, key, body) => {
    ports.admit(key, body);
    throw new PosSyncRefusal(`No se guarda aquí. ${words}`);
  };
}

/** Pending is what waits for a person here: the queue of the branch itself nobody sees from here. */
async function status(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  ports.admit(key, body);
  const { branch, warehouse } = key;
  const last = ports.lastSyncMs(key);
  const config = {
    id: warehouse.id ?? false,
    name: warehouse.name,
    operation_mode: 'hybrid',
    sync_status: last === undefined ? 'idle' : 'success',
    last_sync_date: last === undefined ? false : naiveTime(last),
  };
  return {
    success: true,
    config,
    pending_count: (await ports.book.unsettled(branch)).length,
    total_synced_orders: ports.book.lastCount(ports.numberPrefix(branch)),
  };
}

async function pendingOrders(ports: OtherCallsPorts, key: PosKey, body: OdooRecord): Promise<object> {
  ports.admit(key, body);
  const { limit } = pageRequest(body, { fallback: 100, max: BATCH_RECORDS_MAX });
  const waiting = await ports.book.unsettled(key.branch);
  const orders = waiting
    .map((each) => recordOf(ports, each))
    .sort((a, b) => (String(a.date_order) < String(b.date_order) ? -1 : 1))
    .slice(0, limit);
  return { success: true, count: orders.length, orders };
}

function recordOf({ open }: OtherCallsPorts, { record, cloudId }: UnsettledRecord): OdooRecord {
  const [data] = recordsIn([parsed(open(record))]);
  return { ...data, cloud_sync_id: cloudId };
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
