/**
 * The account of a gift card or coupon: a hash of its code under the name of the company. The same code names the same account in every
 * shop; whoever reads documents or backups finds no code to spend.
 */
import { createHash } from 'node:crypto';
import { type VoucherKind, voucherAccount } from '@branchline/docs';

/** Hexadecimal digits of the hash. */
const HASH_CHARS = 32;

export function accountOfCode(tenant: string, kind: VoucherKind, code: string): string {
  const digest = createHash('sha256').update(`branchline ${kind}\0${tenant}\0${code}`).digest('hex');
  return voucherAccount(kind, digest.slice(0, HASH_CHARS));
}
