/**
 * `/push`: every record of a batch becomes an operation of the commit pipeline, under a key of its own, and is answered by itself.
 *
 * Guarantees: what is answered with success survived `fdatasync`; the same row again gives the same answer; one bad record costs the
 * others nothing; records of one thing are taken in the order they stand in the batch, batches of one branch one after another. All waiting
 * records share commits, so a hundred cost a few.
 */
import { ProblemError } from '@branchline/model';
import type { Alarms } from '../alarms.ts';
import type { CommitPipeline } from '../commit/commit-pipeline.ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { TillIdentity } from '../services.ts';
import {
  digestOf,
  entriesOf,
  ORDER,
  PARTNER,
  type PushedRecord,
  type Taken,
  type Taking,
} from './branch-context.ts';
import { withoutCardNumbers } from './card-numbers.ts';
import { evidenceOf } from './order-reading.ts';
import type { PosKey } from './pos-sync-book.ts';
import { REFUND_UNLINKED, type UnsettledRecord } from './pos-sync-book.ts';
import { TEMPLATE } from './records-down.ts';
import { CREDIT, INSTITUTION, takeCredit, takeInstitution } from './take-credit.ts';
import { isSettleable, settleRefund, takeOrder } from './take-order.ts';
import { takePartner } from './take-partner.ts';
import { codeOf } from './values.ts';
import {
  isTooDeep,
  PosSyncRefusal,
  type PushItem,
  type PushRequest,
  RECORD_BYTES_MAX,
  RECORD_DEPTH_MAX,
} from './wire.ts';

/** Refunds looked at again after one push. */
export const SETTLED_AT_ONCE = 100;
/** Branches that push at the same time and wait for an earlier push of theirs. */
export const PUSHES_WAITING_MAX = 1_024;

type Take = (taking: Taking, transaction: Transaction, record: PushedRecord) => Promise<Decision<Taken>>;

/** What a branch may push; nothing else is taken for any purpose. */
const TAKES: Readonly<Record<string, Take>> = {
  [ORDER]: takeOrder,
  [PARTNER]: takePartner,
  [INSTITUTION]: takeInstitution,
  [CREDIT]: takeCredit,
  [TEMPLATE]: keepTemplate,
};

export interface PushDeskOptions {
  readonly pipeline: Pick<CommitPipeline, 'submit'>;
  readonly alarms: Alarms;
  readonly taking: (key: PosKey) => Taking;
}

export interface PushCounts {
  readonly taken: number;
  readonly refused: number;
}

export class PushDesk {
  readonly #options: PushDeskOptions;
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Refunds without their sale, looked at so far, by branch: the next look goes on there. */
  readonly #looked = new Map<string, number>();
  #waiting = 0;
  #taken = 0;
  #refused = 0;

  constructor(options: PushDeskOptions) {
    this.#options = options;
  }

  get counts(): PushCounts {
    return { taken: this.#taken, refused: this.#refused };
  }

  /** The answer, whole. */
  async push(key: PosKey, request: PushRequest): Promise<object> {
    const take = Object.hasOwn(TAKES, request.model) ? TAKES[request.model] : undefined;
    if (take === undefined) {
      throw new PosSyncRefusal(`Modelo no permitido: ${request.model}`);
    }
    if (this.#waiting >= PUSHES_WAITING_MAX) {
      throw new PosSyncRefusal('Servidor ocupado; intente de nuevo');
    }
    const before = this.#turns.get(key.branch) ?? Promise.resolve();
    const turn = before.then(() => this.#take(key, request, take));
    const settled = turn.catch(() => undefined);
    this.#turns.set(key.branch, settled);
    this.#waiting += 1;
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
      if (this.#turns.get(key.branch) === settled) {
        this.#turns.delete(key.branch);
      }
    }
  }

  async #take(key: PosKey, { model, records }: PushRequest, take: Take): Promise<object> {
    const taking = this.#options.taking(key);
    const earlier = new Map<string, Promise<unknown>>();
    const results = await Promise.all(
      records.map((item) => {
        const identity = `${item.localId}/${item.data === undefined ? '' : evidenceOf(item.data)}`;
        const result = (earlier.get(identity) ?? Promise.resolve()).then(() =>
          this.#takeOne(taking, model, item, take),
        );
        earlier.set(identity, result);
        return result;
      }),
    );
    if (model === ORDER && taking.book.hasUnlinked(key.branch)) {
      await this.#settle(taking);
    }
    const successful = results.filter(({ success }) => success).length;
    this.#taken += successful;
    this.#refused += results.length - successful;
    if (successful === results.length) {
      this.#options.alarms.clearAbout(key.branch, 'POS_SYNC');
    }
    const summary = { total: results.length, successful, failed: results.length - successful };
    return { success: true, results, summary };
  }

  async #takeOne(
    taking: Taking,
    model: string,
    { queueId, localId, operation, data: sent }: PushItem,
    take: Take,
  ): Promise<{ readonly success: boolean }> {
    const row = { queue_id: queueId, local_id: localId ?? null };
    if (localId === undefined || operation === undefined || sent === undefined) {
      return {
        success: false,
        ...row,
        error: 'Registro inválido: se requieren local_id, operation y data',
      } as { success: boolean };
    }
    if (isTooDeep(sent)) {
      const error = `Registro demasiado profundo: máximo ${RECORD_DEPTH_MAX} niveles`;
      return { success: false, ...row, error } as { success: boolean };
    }
    // Before anything is made of it, a digest included: twelve digits are guessed from one.
    const data = withoutCardNumbers(sent);
    const text = JSON.stringify(data);
    if (Buffer.byteLength(text) > RECORD_BYTES_MAX) {
      return {
        success: false,
        ...row,
        error: `Registro demasiado grande: máximo ${RECORD_BYTES_MAX} bytes`,
      } as { success: boolean };
    }
    const { branch } = taking.key;
    const fingerprint = digestOf(
      JSON.stringify([branch, model, localId, operation, queueId, evidenceOf(data), text]),
    );
    const till: TillIdentity = { till: `pos-${branch}`, role: 'cashier' };
    const submission = { key: `pos-sync/${fingerprint}`, fingerprint, till };
    try {
      const { body } = await this.#options.pipeline.submit(submission, (transaction) =>
        take(taking, transaction, { localId, operation, data }),
      );
      return { success: true, ...row, ...body, ...namesOf(model, data) } as { success: boolean };
    } catch (error) {
      const words = error instanceof ProblemError ? `${error.code}: ${error.message}` : 'Error interno';
      this.#options.alarms.raise('POS_SYNC_REFUSED', `${branch}: ${model} was refused (${words})`, branch);
      return { success: false, ...row, error: words } as { success: boolean };
    }
  }

  /** A refund may come before its sale, or in the same batch. */
  async #settle(taking: Taking): Promise<void> {
    const { branch } = taking.key;
    const waiting = (await taking.book.unsettled(branch)).filter(({ reason }) => reason === REFUND_UNLINKED);
    for (const each of this.#due(branch, waiting)) {
      if (!(await isSettleable(taking, each))) {
        continue;
      }
      const fingerprint = digestOf(`settle/${branch}/${each.key}/${taking.trade.nowMs()}`);
      const submission = {
        key: `pos-sync/${fingerprint}`,
        fingerprint,
        till: { till: `pos-${branch}`, role: 'cashier' } as const,
      };
      await this.#options.pipeline.submit(submission, async (transaction) => ({
        status: 200,
        body: { settled: await settleRefund(taking, transaction, each) },
      }));
    }
  }

  /** Half of a look are the newest, whose sales come now; the others take turns, so that those whose sale never comes hold up nobody. */
  #due(branch: string, waiting: readonly UnsettledRecord[]): readonly UnsettledRecord[] {
    if (waiting.length <= SETTLED_AT_ONCE) {
      return waiting;
    }
    const half = SETTLED_AT_ONCE / 2;
    const older = waiting.slice(0, -half);
    const from = (this.#looked.get(branch) ?? 0) % older.length;
    this.#looked.set(branch, from + half);
    return [...[...older, ...older].slice(from, from + half), ...waiting.slice(-half)];
  }
}

/** A branch does not write the catalog: its version of a product is kept and told apart by nobody. */
async function keepTemplate(
  taking: Taking,
  transaction: Transaction,
  record: PushedRecord,
): Promise<Decision<Taken>> {
  const { localId, operation, data } = record;
  const { key, ids, trade } = taking;
  const code = codeOf(data.default_code, 64);
  const product = code === undefined ? undefined : trade.catalog.get(code);
  const name = product === undefined ? `${key.branch}.${localId}` : product.sku;
  const [cloudId] = (await ids.of(transaction, TEMPLATE, [name])) as [number];
  const body = {
    branch: key.branch,
    model: TEMPLATE,
    localId,
    operation,
    key: name,
    cloudId,
    record: JSON.stringify(data),
  };
  transaction.append(entriesOf(taking), 'pos-sync-record', body);
  return { status: 200, body: { cloud_id: cloudId } };
}

/** What its own cloud tells besides; from the record itself, so that no answer kept here holds a name. */
function namesOf(model: string, data: PushedRecord['data']): object {
  switch (model) {
    case PARTNER:
      return { partner_name: data.name ?? '' };
    case INSTITUTION:
      return { institution_name: data.name ?? '' };
    case CREDIT: {
      const { partner_name, institution_name, available_amount, sale } = data;
      return { partner_name, institution_name, available_amount, sale };
    }
    default:
      return {};
  }
}
