/**
 * Credit that companies give their people at a branch with another program: `institution` and `institution.client`.
 *
 * A branch says what is left of a line, as it sees it. What counts is what it spent since it last knew: so what two branches spent
 * offline adds up, and a line that was topped up at one of them is topped up. A line nobody has told the branch about yet is taken to have
 * been whole. What the branch was told last may or may not have arrived: it did when less is left than that.
 *
 * Refused with OVERLOADED for a line beyond CREDIT_LINES_MAX: what is spent of it could not be counted.
 *
 * Commits: a `pos-sync-record` as it came, and for a line a `pos-sync-credit` with what was spent.
 */
import { type EventBody, ProblemError } from '@branchline/model';
import type { Decision, Transaction } from '../commit/transaction.ts';
import {
  customerOf,
  entriesOf,
  type PushedRecord,
  sealed,
  type Taken,
  type Taking,
} from './branch-context.ts';
import { CREDIT_LINES_MAX, type CreditLine } from './pos-sync-book.ts';
import { codeOf, idOf, minorOf, type OdooRecord, textOf } from './values.ts';

export const INSTITUTION = 'institution';
export const CREDIT = 'institution.client';
const KEY_CHARS_MAX = 64;

export async function takeInstitution(
  taking: Taking,
  transaction: Transaction,
  { localId, operation, data }: PushedRecord,
): Promise<Decision<Taken>> {
  const { ids, key } = taking;
  const institution = institutionKey(data.id_institutions, data.ruc_institution, `${key.branch}.${localId}`);
  const [cloudId] = (await ids.of(transaction, INSTITUTION, [institution])) as [number];
  const body = { branch: key.branch, model: INSTITUTION, localId, operation, key: institution, cloudId };
  transaction.append(entriesOf(taking), 'pos-sync-record', { ...body, record: JSON.stringify(data) });
  return { status: 200, body: { cloud_id: cloudId, institution_name: textOf(data.name) ?? institution } };
}

export async function takeCredit(
  taking: Taking,
  transaction: Transaction,
  { localId, operation, data }: PushedRecord,
): Promise<Decision<Taken>> {
  const { book, ids, key } = taking;
  const before = await book.record(key.branch, CREDIT, localId);
  const customer = await customerOf(taking, {
    localId: data.partner_id,
    cloudId: undefined,
    vat: data.partner_vat,
  });
  const line = before?.key ?? lineKey(data, customer ?? `${key.branch}.${localId}`, key.branch);
  const [cloudId] = (await ids.of(transaction, CREDIT, [line])) as [number];
  const availableMinor = minorOf(data.available_amount);
  const known = book.credits.get(line);
  if (known === undefined && book.credits.size >= CREDIT_LINES_MAX) {
    throw new ProblemError('OVERLOADED', `A head office keeps ${CREDIT_LINES_MAX} credit lines.`);
  }
  const limitMinor = minorOf(data.sale) ?? known?.limitMinor ?? availableMinor;
  if (operation !== 'unlink' && availableMinor !== undefined && limitMinor !== undefined) {
    const name = `credit/${line}/${key.branch}`;
    const fromMinor = startOf(known, key.branch, availableMinor, limitMinor) + transaction.movedMilli(name);
    const body: EventBody<'pos-sync-credit'> = {
      line,
      branch: key.branch as EventBody<'pos-sync-credit'>['branch'],
      availableMinor,
      limitMinor,
      spentMinor: fromMinor - availableMinor,
    };
    transaction.append(entriesOf(taking), 'pos-sync-credit', body);
    transaction.noteMoved(name, availableMinor - fromMinor);
  }
  const body = { branch: key.branch, model: CREDIT, localId, operation, key: line, cloudId };
  const record = sealed(taking, transaction, customer, JSON.stringify(data));
  transaction.append(entriesOf(taking), 'pos-sync-record', { ...body, record });
  return {
    status: 200,
    body: {
      cloud_id: cloudId,
      partner_name: textOf(data.partner_name) ?? '',
      institution_name: textOf(data.institution_name) ?? '',
      available_amount: data.available_amount,
      sale: data.sale,
    },
  };
}

/** What the branch knew before it spent. */
function startOf(
  line: CreditLine | undefined,
  branch: string,
  availableMinor: number,
  limitMinor: number,
): number {
  const { said, told } = line?.branches[branch] ?? {};
  const raisedMinor = line === undefined ? 0 : limitMinor - line.limitMinor;
  const start =
    told !== undefined && availableMinor <= told ? told : (said ?? told ?? line?.limitMinor ?? limitMinor);
  return start + raisedMinor;
}

function institutionKey(code: unknown, taxNumber: unknown, otherwise: string): string {
  return (
    codeOf(code, KEY_CHARS_MAX) ??
    codeOf(taxNumber, KEY_CHARS_MAX) ??
    String(idOf(code) ?? otherwise)
  ).replaceAll('/', '-');
}

function lineKey(data: OdooRecord, whose: string, branch: string): string {
  const institution = institutionKey(
    data.institution_id_institutions,
    undefined,
    `${branch}.${idOf(data.institution_id) ?? 0}`,
  );
  return `${institution}/${whose}`;
}
