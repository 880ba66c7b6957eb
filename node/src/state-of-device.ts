/**
 * Whether this device may sell now, and if not, why, in words. Pure: facts in, reasons out.
 *
 * A sale is refused only for what makes it unsafe to keep: a store whose last outcome is unknown, a full disk, and the moments in
 * which a copy of this device was found and a peer is asked where the histories part. Never for the network, the clock or another
 * machine; not even for a revoked key: the shop sells, its node says that nobody will know.
 */
export interface DeviceFacts {
  readonly isMember: boolean;
  /** A peer has proven another history under our key and is being asked where it parts from ours. */
  readonly isSearching: boolean;
  /** The store or the indexes failed; the process is about to end. */
  readonly failure: Error | undefined;
  /** The last commit found no room on the disk. */
  readonly isFull: boolean;
  readonly isClosing: boolean;
}

export interface Reason {
  readonly code: 'NODE_STOPPING' | 'NOT_ENROLLED' | 'NOT_READY';
  /** Which of several reasons for one code. */
  readonly cause: 'DATA_FAILED' | 'NODE_STOPPING' | 'NOT_ENROLLED' | 'COPY_FOUND' | 'DISK_FULL';
  readonly words: string;
}

export function reasonsNotToSell(facts: DeviceFacts): readonly Reason[] {
  const reasons: Reason[] = [];
  if (facts.failure !== undefined) {
    const words = `the disk or its data failed (${facts.failure.message}); the node restarts and verifies its journal`;
    reasons.push({ code: 'NOT_READY', cause: 'DATA_FAILED', words });
  }
  if (facts.isClosing) {
    reasons.push({ code: 'NODE_STOPPING', cause: 'NODE_STOPPING', words: 'the node is stopping' });
  }
  if (!facts.isMember) {
    const words = 'this device is not enrolled; start it once with a token of `branchline branch add`';
    reasons.push({ code: 'NOT_ENROLLED', cause: 'NOT_ENROLLED', words });
  }
  if (facts.isSearching) {
    const words = 'a copy of this device has been at work; it goes on under a new key in a moment';
    reasons.push({ code: 'NOT_READY', cause: 'COPY_FOUND', words });
  }
  if (facts.isFull) {
    reasons.push({
      code: 'NOT_READY',
      cause: 'DISK_FULL',
      words: 'the disk is full; free some space, selling resumes by itself',
    });
  }
  return reasons;
}

/** Reasons that make every write pointless to try; a full disk is tried again, because that is how one learns of room. */
export function isFinal(facts: DeviceFacts): boolean {
  return reasonsNotToSell({ ...facts, isFull: false }).length > 0;
}
