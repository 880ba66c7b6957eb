/**
 * Rights of a device that is lost for ever are taken back: `POST /v1/loyalty/reclaim`, at head office.
 *
 * Commits: a `rights-reclaim` (whose, why, by whom) in the loyalty feed of the device's region. The keeper of rights takes account by
 * account from then on, each as a `rights` entry (`taken`) beside the change of the document; also what somebody who has not heard gives
 * the lost device later. Ordered twice, it is ordered once.
 *
 * Refused with FORBIDDEN elsewhere, CHANGE_INVALID for a device that is unknown, not revoked or followed by another key, NOT_READY until
 * everything the device wrote is here.
 */
import { type EventBody, ProblemError, type RightsReclaim, type RightsReclaimed } from '@branchline/model';
import { isoTime } from 'hlc-ts';
import type { Decision, Transaction } from '../commit/transaction.ts';
import type { ReclaimRules, Refusal } from '../loyalty/reclaim-rules.ts';
import type { Trade } from './trade.ts';

const WORDS: Readonly<Record<Refusal, string>> = {
  elsewhere: 'Rights are taken back by head office, under the key that is the pool.',
  unknown: 'No device of this id is in the registry.',
  active:
    'The device is not revoked: first end its key, when every other shop has been level since it was lost.',
  followed: 'Another key follows this one: it takes over what is left, or has said again what was done.',
  incomplete:
    'What the device wrote before it was revoked, or what head office did before, is not all here yet.',
};

export function reclaimRights(
  trade: Trade,
  transaction: Transaction,
  { device, reason }: RightsReclaim,
  rules: ReclaimRules,
  accounts: number,
): Decision<RightsReclaimed> {
  const refusal = rules.refusal(device);
  if (refusal !== undefined) {
    const code =
      refusal === 'elsewhere' ? 'FORBIDDEN' : refusal === 'incomplete' ? 'NOT_READY' : 'CHANGE_INVALID';
    throw new ProblemError(code, WORDS[refusal], refusal === 'incomplete' ? { retryAfterSeconds: 5 } : {});
  }
  const { branch, region } = rules.member(device)!.grant;
  const atMs = trade.nowMs();
  if (!rules.isOrdered(device)) {
    const till = transaction.till.till as EventBody<'rights-reclaim'>['till'];
    const body: EventBody<'rights-reclaim'> = { device, reason, till, atMs };
    transaction.append(`loyalty/${region}`, 'rights-reclaim', body);
  }
  return {
    status: 200,
    body: { device, branch: branch as RightsReclaimed['branch'], reason, at: isoTime(atMs), accounts },
  };
}
