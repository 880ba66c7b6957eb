/**
 * Whether this device may sell now, and if not, why, in words. Pure: facts in, reasons out.
 *
 * A sale is refused only for what makes it unsafe to keep: a store whose last outcome is unknown, a full disk, a key that was
 * revoked or proven to be in use twice. Never for the network, the clock or another machine.
 */
import { NodeError } from './errors.ts';

export interface DeviceFacts {
  readonly isMember: boolean;
  readonly isRevoked: boolean;
  /** A peer has proven another history under our key. */
  readonly isSuperseded: boolean;
  /** It was restored from a backup and no peer has told yet what came after. */
  readonly isRestored: boolean;
  /** The store or the indexes failed; the process is about to end. */
  readonly failure: Error | undefined;
  /** The last commit found no room on the disk. */
  readonly isFull: boolean;
  readonly isClosing: boolean;
}

export interface Reason {
  readonly code: 'NODE_STOPPING' | 'NOT_ENROLLED' | 'NOT_READY';
  readonly words: string;
}

export function reasonsNotToSell(facts: DeviceFacts): readonly Reason[] {
  const reasons: Reason[] = [];
  if (facts.failure instanceof NodeError && facts.failure.code === 'NODE_SUCCEEDED') {
    reasons.push({ code: 'NODE_STOPPING', words: `${facts.failure.message}; the node restarts` });
  } else if (facts.failure !== undefined) {
    const words = `the disk or its data failed (${facts.failure.message}); the node restarts and verifies its journal`;
    reasons.push({ code: 'NOT_READY', words });
  }
  if (facts.isClosing) {
    reasons.push({ code: 'NODE_STOPPING', words: 'the node is stopping' });
  }
  if (!facts.isMember) {
    const words = 'this device is not enrolled; start it once with a token of `branchline branch add`';
    reasons.push({ code: 'NOT_ENROLLED', words });
  }
  if (facts.isRevoked) {
    const words =
      'this device was revoked by head office; nothing it writes counts any more. Ask for a new token';
    reasons.push({ code: 'NOT_READY', words });
  }
  if (facts.isSuperseded) {
    const words =
      'another copy of this device has written a different history (a restored backup or a clone); it is being given a new identity';
    reasons.push({ code: 'NOT_READY', words });
  }
  if (facts.isRestored && !facts.isSuperseded) {
    const words =
      'this device was restored from a backup; it sells once its relay or head office has told what came after the backup';
    reasons.push({ code: 'NOT_READY', words });
  }
  if (facts.isFull) {
    reasons.push({
      code: 'NOT_READY',
      words: 'the disk is full; free some space, selling resumes by itself',
    });
  }
  return reasons;
}

/** Reasons that make every write pointless to try; a full disk is tried again, because that is how one learns of room. */
export function isFinal(facts: DeviceFacts): boolean {
  return reasonsNotToSell({ ...facts, isFull: false }).length > 0;
}
