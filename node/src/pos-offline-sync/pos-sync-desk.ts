/**
 * The cloud of `pos_offline_sync` on a head office: composition of what its client calls and what an operator does for it.
 *
 *     client ── key ──> push-desk ──> use cases ──> commit pipeline ──> orders/<branch>, stock/<branch>, loyalty, pos-sync/<head office>
 *                  └──> pull-desk <── read models, numbers, a cursor per branch
 *
 * Guarantees: nothing is read or written without a key; a key speaks for one branch; what is answered with success is durable and in
 * the feeds. A head office put back from a backup waits until it has everything it had said: it would give out numbers twice.
 */
import { type Clock, isoTime } from 'hlc-ts';
import type { CustomerKey } from '../customers/field-cipher.ts';
import type { NodeParts } from '../node-services.ts';
import { tokenHash } from '../projections/tills.ts';
import type { MetricSample, PosSyncService, TillIdentity, WriteRequest } from '../services.ts';
import type { Taking } from './branch-context.ts';
import { CloudIds } from './cloud-ids.ts';
import {
  addPosKey,
  countAtBranch,
  type KeyWanted,
  putReference,
  resolveUnsettled,
  revokePosKey,
} from './head-office-desk.ts';
import { OTHER_CALLS } from './other-calls.ts';
import type { PosKey } from './pos-sync-book.ts';
import { PullDesk } from './pull-desk.ts';
import { PushDesk } from './push-desk.ts';
import { idOf, type OdooRecord } from './values.ts';
import {
  BATCH_RECORDS_DEFAULT,
  BATCH_RECORDS_MAX,
  PosSyncRefusal,
  pageRequest,
  pullRequest,
  pushRequest,
  type Warehouse,
  warehouseOf,
} from './wire.ts';

export type DeskParts = Pick<
  NodeParts,
  | 'products'
  | 'overrides'
  | 'pricing'
  | 'programmes'
  | 'customers'
  | 'employees'
  | 'keys'
  | 'posSync'
  | 'clock'
  | 'stock'
  | 'events'
  | 'submitOwn'
  | 'pipeline'
  | 'trade'
  | 'alarms'
  | 'tenant'
  | 'branch'
>;

interface Contact {
  pushedMs: number | undefined;
  pulledMs: number | undefined;
}

export class PosSyncDesk implements PosSyncService {
  readonly #parts: DeskParts;
  readonly #clock: Clock;
  readonly #isComplete: () => boolean;
  readonly #push: PushDesk;
  readonly #pull: PullDesk;
  readonly #contacts = new Map<string, Contact>();

  constructor(parts: DeskParts, isComplete: () => boolean) {
    const { posSync: book, trade, tenant, branch, clock, products } = parts;
    const ids = new CloudIds(book, branch);
    const newKeys = new Map<string, CustomerKey>();
    const taking = (key: PosKey): Taking => ({
      trade,
      book,
      ids,
      key,
      tenant,
      newKeys,
      skusOf: (barcode) => products.skusOf(barcode),
    });
    this.#parts = parts;
    this.#clock = clock;
    this.#isComplete = isComplete;
    this.#push = new PushDesk({ pipeline: parts.pipeline, alarms: parts.alarms, taking });
    this.#pull = new PullDesk({ parts, ids, clock, branch });
    this.#pull.start();
    this.#tellAll();
  }

  stop(): void {
    this.#pull.stop();
  }

  find(key: string): PosKey | undefined {
    return this.#parts.posSync.findKey(tokenHash(key));
  }

  async push(key: PosKey, body: OdooRecord): Promise<object> {
    const request = pushRequest(body);
    this.#admit(key, request.warehouse);
    const answer = await this.#push.push(key, request);
    this.#pull.notePushed(key.branch, request.records.length);
    this.#contact(key).pushedMs = this.#clock.nowMs();
    this.#tellUnsettled(key.branch);
    return answer;
  }

  async pull(key: PosKey, body: OdooRecord): Promise<{ readonly text: string; readonly sent: () => void }> {
    const request = pullRequest(body);
    this.#admit(key, request.warehouse);
    this.#contact(key).pulledMs = this.#clock.nowMs();
    return await this.#pull.pull(key, request);
  }

  async manifest(key: PosKey, body: OdooRecord): Promise<object> {
    this.#admit(key, warehouseOf(body));
    return await this.#pull.manifest();
  }

  async batch(key: PosKey, body: OdooRecord): Promise<object> {
    const page = pageRequest(body, { fallback: BATCH_RECORDS_DEFAULT, max: BATCH_RECORDS_MAX });
    this.#admit(key, page.warehouse);
    return await this.#pull.batch(typeof body.model === 'string' ? body.model.slice(0, 64) : '', page);
  }

  async productList(key: PosKey, body: OdooRecord): Promise<object> {
    const page = pageRequest(body, { fallback: 1_000, max: BATCH_RECORDS_MAX });
    this.#admit(key, page.warehouse);
    return await this.#pull.products(page);
  }

  async stockList(key: PosKey, body: OdooRecord): Promise<object> {
    const warehouse = warehouseOf(body);
    if (warehouse.id === undefined && warehouse.name === undefined) {
      throw new PosSyncRefusal('Se requiere warehouse_id');
    }
    this.#admit(key, warehouse);
    const wanted = Array.isArray(body.product_ids)
      ? body.product_ids.flatMap((each: unknown) => idOf(each) ?? [])
      : undefined;
    return await this.#pull.stock(key, warehouse.id, wanted);
  }

  async other(name: string, key: PosKey, body: OdooRecord): Promise<object> {
    const { posSync: book, customers, keys, tenant } = this.#parts;
    return await OTHER_CALLS[name]!.call(
      {
        push: (of, pushed) => this.push(of, pushed),
        pull: this.#pull,
        admit: (of, asked) => this.#admit(of, warehouseOf(asked)),
        book,
        customers,
        open: (record) => keys.openAnswer(record),
        nowMs: () => this.#clock.nowMs(),
        tenant,
        lastSyncMs: (of) => {
          const { pushedMs = 0, pulledMs = 0 } = this.#contact(of);
          return Math.max(pushedMs, pulledMs) || undefined;
        },
        numberPrefix: (branch) => this.#parts.trade.series.pushedPrefix(branch),
      },
      key,
      body,
    );
  }

  keys(): readonly PosKey[] {
    return this.#parts.posSync.keys;
  }

  async addKey(
    till: TillIdentity,
    wanted: KeyWanted,
  ): Promise<{ readonly id: string; readonly key: string }> {
    // As with tills: the key is handed over outside of the stored answer.
    let made = { id: '', key: '' };
    await this.#parts.submitOwn('pos-key', (transaction) => {
      made = addPosKey(this.#parts.trade, this.#parts.posSync, transaction, wanted);
      return { status: 201, body: { branch: wanted.branch, by: till.till } };
    });
    return made;
  }

  async revokeKey(id: string): Promise<void> {
    await this.#parts.submitOwn('pos-key', (transaction) => {
      revokePosKey(this.#parts.trade, this.#parts.posSync, transaction, id);
      return { status: 200, body: { id } };
    });
  }

  async branches() {
    const { posSync } = this.#parts;
    const waiting = await posSync.unsettled();
    const time = (ms: number | undefined): string | null => (ms === undefined ? null : isoTime(ms));
    return [...new Set(posSync.keys.map(({ branch }) => branch))].sort().map((branch) => {
      const contact = this.#contacts.get(branch);
      return {
        branch,
        keys: posSync.keys.filter((key) => key.branch === branch),
        lastPush: time(contact?.pushedMs),
        lastPull: time(contact?.pulledMs),
        toDecide: waiting.filter((each) => each.branch === branch).length,
      };
    });
  }

  async unsettled() {
    const { posSync, keys } = this.#parts;
    return (await posSync.unsettled()).map(({ record, reference, ...each }) => ({
      ...each,
      ...(reference === undefined ? {} : { reference }),
      record: keys.openAnswer(record) ?? '',
    }));
  }

  async resolve(request: WriteRequest<{ readonly reason: string }>, key: string) {
    const { pipeline, trade, posSync } = this.#parts;
    const answer = await pipeline.submit(request, (transaction) =>
      resolveUnsettled(trade, posSync, transaction, key, request.body.reason),
    );
    this.#tellAll();
    return answer;
  }

  credits() {
    return Array.from(this.#parts.posSync.credits, ([line, { availableMinor, limitMinor, branches }]) => ({
      line,
      institution: line.split('/')[0]!,
      customer: line.slice(line.indexOf('/') + 1),
      availableMinor,
      limitMinor,
      branches: Object.keys(branches).sort(),
    }));
  }

  references(model: string) {
    return this.#parts.posSync.references(model);
  }

  putReference(
    request: WriteRequest<{ readonly fields: Record<string, unknown>; readonly archived: boolean }>,
    model: string,
    id: string,
  ) {
    const { pipeline, trade, posSync } = this.#parts;
    const { fields, archived } = request.body;
    return pipeline.submit(request, (transaction) => {
      putReference(trade, posSync, transaction, { model, id, fields, archived });
      return { status: 200, body: { model, id, fields, archived } };
    });
  }

  count(
    request: WriteRequest<{
      readonly lines: readonly { sku: string; quantityMilli: number }[];
      readonly reference?: string | undefined;
    }>,
    branch: string,
  ) {
    const { pipeline, trade, posSync } = this.#parts;
    return pipeline.submit(request, (transaction) =>
      countAtBranch(trade, posSync, transaction, { ...request.body, branch }),
    );
  }

  metrics(): MetricSample[] {
    const { taken, refused } = this.#push.counts;
    return [
      {
        name: 'branchline_pos_sync_taken_total',
        type: 'counter',
        help: 'Records taken from pos_offline_sync.',
        value: taken,
      },
      {
        name: 'branchline_pos_sync_refused_total',
        type: 'counter',
        help: 'Records of pos_offline_sync refused.',
        value: refused,
      },
      {
        name: 'branchline_pos_sync_keys',
        type: 'gauge',
        help: 'Keys of branches with pos_offline_sync that count.',
        value: this.keys().filter(({ revoked }) => !revoked).length,
      },
    ];
  }

  /** A key speaks for one warehouse, whatever the request says. */
  #admit({ warehouse }: PosKey, asked: Warehouse): void {
    if (!this.#isComplete()) {
      throw new PosSyncRefusal('El servidor se está restaurando; intente de nuevo');
    }
    const isNamed = asked.name !== undefined && plain(asked.name) !== plain(warehouse.name);
    const isNumbered = warehouse.id !== undefined && asked.id !== undefined && asked.id !== warehouse.id;
    if (isNamed || isNumbered) {
      throw new PosSyncRefusal('Almacén no encontrado para esta clave');
    }
  }

  #contact({ branch }: PosKey): Contact {
    const contact = this.#contacts.get(branch) ?? { pushedMs: undefined, pulledMs: undefined };
    this.#contacts.set(branch, contact);
    return contact;
  }

  #tellAll(): void {
    for (const branch of new Set(this.keys().map((key) => key.branch))) {
      this.#tellUnsettled(branch);
    }
  }

  #tellUnsettled(branch: string): void {
    const { posSync, alarms } = this.#parts;
    if (!posSync.hasUnsettled(branch)) {
      alarms.clearAbout(branch, 'POS_RECORD');
    } else {
      alarms.raise('POS_RECORD_UNSETTLED', `${branch} pushed records that somebody has to look at`, branch);
    }
  }
}

function plain(name: string): string {
  return name.normalize('NFC').trim().replaceAll(/\s+/g, ' ').toLowerCase();
}
