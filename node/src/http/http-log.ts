/**
 * What the log learns of refused and failed requests: failures of the node as errors with their cause, refusals that may mean an
 * attack as warnings, mistakes of a till as debugging. Never a token, never a body.
 */
import type { NodeLog } from '../ports.ts';
import type { HttpReport } from './route-runner.ts';

const FAILURES: ReadonlySet<string> = new Set(['INTERNAL', 'STORE_POISONED', 'ANSWER_FAILED']);
const SUSPICIOUS: ReadonlySet<string> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'HOST_REFUSED',
  'ORIGIN_REFUSED',
  'RATE_LIMITED',
  'OVERLOADED',
  'IDEMPOTENCY_MISMATCH',
  'TOKEN_UNKNOWN',
  'TOKEN_USED',
  'TOKEN_EXPIRED',
  'TOKEN_BRANCH',
]);

export function reportTo(log: NodeLog): HttpReport {
  return ({ code, route, till, cause }) => {
    const fields = { code, route, ...(till === undefined ? {} : { till }) };
    if (FAILURES.has(code)) {
      log.error({ ...fields, err: cause }, 'request failed');
    } else if (SUSPICIOUS.has(code)) {
      log.warn(fields, 'request refused');
    } else {
      log.debug(fields, 'request refused');
    }
  };
}
