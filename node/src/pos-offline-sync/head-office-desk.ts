/**
 * What an operator does for branches with another program: keys, references, what is on their shelves, and what waits for a person.
 *
 * A key is 256 random bits, shown once; its hash stands in the feed. It speaks for one branch and one warehouse. A branch that has a
 * device of its own here gets none: its sales would come twice.
 */
import {
  type EventBody,
  eventBodies,
  ProblemError,
  QUANTITY_MILLI_MAX,
  type StockDocumentId,
  uuidV7,
} from '@branchline/model';
import { stampMs } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import { tokenHash } from '../projections/tills.ts';
import type { Trade } from '../use-cases/trade.ts';
import { POS_KEYS_MAX, POS_SYNC, type PosKey, type PosSyncBook } from './pos-sync-book.ts';

const SECRET_BYTES = 32;
const KEY_ID_BYTES = 6;

export interface KeyWanted {
  readonly branch: string;
  readonly warehouse: PosKey['warehouse'];
}

type Till = EventBody<'pos-sync-key'>['till'];

export function addPosKey(
  trade: Trade,
  book: PosSyncBook,
  transaction: Transaction,
  { branch, warehouse }: KeyWanted,
): { readonly id: string; readonly key: string } {
  if (branch === trade.branch || trade.isBranch(branch)) {
    throw new ProblemError(
      'CHANGE_INVALID',
      `${branch} has a device of its own here; its sales come by replication.`,
    );
  }
  const taken = book.keys.find(
    (key) => !key.revoked && key.branch !== branch && key.warehouse.name === warehouse.name,
  );
  if (taken !== undefined) {
    throw new ProblemError('CHANGE_INVALID', `The warehouse "${warehouse.name}" is that of ${taken.branch}.`);
  }
  if (book.keys.length >= POS_KEYS_MAX) {
    throw new ProblemError('OVERLOADED', `A head office keeps ${POS_KEYS_MAX} keys.`);
  }
  const key = `blk_${Buffer.from(trade.randomBytes(SECRET_BYTES)).toString('base64url')}`;
  const id = Buffer.from(trade.randomBytes(KEY_ID_BYTES)).toString('hex');
  const body: EventBody<'pos-sync-key'> = {
    id,
    branch: branch as EventBody<'pos-sync-key'>['branch'],
    warehouse,
    keyHash: tokenHash(key),
    revoked: false,
    till: transaction.till.till as Till,
  };
  const checked = eventBodies['pos-sync-key'].safeParse(body);
  if (!checked.success) {
    throw new ProblemError(
      'INVALID_REQUEST',
      `Not a warehouse: ${checked.error.issues[0]?.message ?? warehouse.name}`,
    );
  }
  transaction.append(`${POS_SYNC}/${trade.branch}`, 'pos-sync-key', body);
  return { id, key };
}

export function revokePosKey(trade: Trade, book: PosSyncBook, transaction: Transaction, id: string): void {
  const key = book.key(id);
  if (key === undefined) {
    throw new ProblemError('NOT_FOUND', `There is no key ${id}.`);
  }
  const { branch, warehouse, keyHash } = key;
  transaction.append(`${POS_SYNC}/${trade.branch}`, 'pos-sync-key', {
    id,
    branch,
    warehouse,
    keyHash,
    revoked: true,
    till: transaction.till.till,
  });
}

export function putReference(
  trade: Trade,
  book: PosSyncBook,
  transaction: Transaction,
  wanted: {
    readonly model: string;
    readonly id: string;
    readonly fields: Record<string, unknown>;
    readonly archived: boolean;
  },
): void {
  const { model, id, fields, archived } = wanted;
  if (!book.hasRoomFor(model, id)) {
    throw new ProblemError('OVERLOADED', 'There is no room for more references.');
  }
  // Whatever is typed here goes to every branch.
  if (Object.keys(fields).some((name) => /^(pin|password|api_key)$/i.test(name))) {
    throw new ProblemError(
      'CHANGE_INVALID',
      'A secret does not belong into a record that goes to every branch.',
    );
  }
  transaction.append(`${POS_SYNC}/${trade.branch}`, 'pos-sync-reference', {
    model,
    id,
    fields,
    archived,
    till: transaction.till.till,
  });
}

/** A person has looked at a record that could become nothing here. */
export async function resolveUnsettled(
  trade: Trade,
  book: PosSyncBook,
  transaction: Transaction,
  key: string,
  reason: string,
): Promise<Decision<{ readonly key: string; readonly resolved: true }>> {
  const found = (await book.unsettled()).find((each) => each.key === key);
  if (found === undefined) {
    throw new ProblemError('NOT_FOUND', `Nothing waits under ${key}.`);
  }
  const { branch, localId, cloudId } = found;
  transaction.append(`${POS_SYNC}/${trade.branch}`, 'pos-sync-record', {
    branch,
    model: 'pos.order',
    localId,
    operation: 'write',
    key,
    cloudId,
    settles: key,
    record: JSON.stringify({ resolved: reason, by: transaction.till.till }),
  });
  return { status: 200, body: { key, resolved: true } };
}

export interface CountedLine {
  readonly sku: string;
  readonly quantityMilli: number;
}

/** What was counted at a branch with another program: the difference to what is known here is written. */
export async function countAtBranch(
  trade: Trade,
  book: PosSyncBook,
  transaction: Transaction,
  {
    branch,
    lines,
    reference,
  }: {
    readonly branch: string;
    readonly lines: readonly CountedLine[];
    readonly reference?: string | undefined;
  },
): Promise<Decision<{ readonly id: string; readonly branch: string; readonly lines: readonly object[] }>> {
  if (!book.keys.some((key) => key.branch === branch)) {
    throw new ProblemError('BRANCH_UNKNOWN', `No key was ever made for ${branch}.`);
  }
  if (new Set(lines.map(({ sku }) => sku)).size !== lines.length) {
    throw new ProblemError('INVALID_REQUEST', 'A product is counted twice.');
  }
  const counted: { sku: string; countedMilli: number; seenMilli: number; deltaMilli: number }[] = [];
  for (const { sku, quantityMilli } of lines) {
    const seenMilli = await trade.stock.onHandMilliAt(branch, transaction, sku);
    const deltaMilli = quantityMilli - seenMilli;
    if (Math.abs(deltaMilli) > 2 * QUANTITY_MILLI_MAX) {
      throw new ProblemError('AMOUNT_TOO_LARGE', `${sku} differs by more than stock can hold.`);
    }
    counted.push({ sku, countedMilli: quantityMilli, seenMilli, deltaMilli });
  }
  const id = uuidV7(stampMs(transaction.stamp), trade.randomBytes(10)) as StockDocumentId;
  const { till } = transaction.till;
  transaction.append(`stock/${branch}`, 'stock-count', {
    id,
    till,
    ...(reference === undefined ? {} : { reference }),
    lines: counted,
  });
  trade.stock.moveAt(
    branch,
    transaction,
    'adjusted',
    counted.map(({ sku, deltaMilli }) => ({ sku, quantityMilli: deltaMilli })),
  );
  return { status: 201, body: { id, branch, lines: counted } };
}
