/**
 * A till is made known to this node: `branchline till add NAME`. Its token is 256 random bits, in the answer and nowhere
 * else; what is kept is a hash, in the `local` feed that never leaves the machine.
 */
import { type EventBody, ProblemError, type TillRole, tillName } from '@branchline/model';
import type { Transaction } from '../commit/transaction.ts';
import { TILLS_MAX, tokenHash } from '../projections/tills.ts';
import type { Trade } from './trade.ts';

const TOKEN_BYTES = 32;

export function addTill(
  trade: Trade,
  transaction: Transaction,
  name: string,
  role: TillRole,
): { token: string } {
  const parsed = tillName.safeParse(name);
  if (!parsed.success) {
    throw new ProblemError('INVALID_REQUEST', `Not a till name: ${parsed.error.issues[0]?.message ?? name}`);
  }
  if (trade.tills.get(name)?.revoked === false) {
    throw new ProblemError('TILL_EXISTS', `There is a till ${name}.`);
  }
  if (trade.tills.count >= TILLS_MAX) {
    throw new ProblemError('OVERLOADED', `A node keeps ${TILLS_MAX} tills.`);
  }
  const token = Buffer.from(trade.randomBytes(TOKEN_BYTES)).toString('base64url');
  const body: EventBody<'till'> = { till: parsed.data, role, tokenHash: tokenHash(token), revoked: false };
  transaction.append('local', 'till', body);
  return { token };
}
