/** Sends an answer the way its faults want it: late, damaged, doubled, half, or not at all. */
import type { Clock } from 'hlc-ts';
import type { FaultKind, FaultRule } from './faults.ts';

export interface DeliveryPath {
  readonly clock: Clock;
  readonly send: (bytes: Uint8Array) => void;
  /** Whether it still makes sense to send: power and line are as they were. */
  readonly isCurrent: () => boolean;
  /** The device no longer has the answer. */
  readonly forget: () => void;
}

const NOISE = new Uint8Array(5).fill(0xff);

export async function deliver(
  frame: Uint8Array,
  faults: readonly FaultRule[],
  path: DeliveryPath,
): Promise<void> {
  const rule = (fault: FaultKind) => faults.find((candidate) => candidate.fault === fault);
  if (rule('forgotten-reply') !== undefined) {
    path.forget();
    return;
  }
  if (rule('lost-reply') !== undefined) return;
  const late = rule('late-reply');
  if (late !== undefined) await path.clock.sleep(late.ms ?? 40_000);
  if (!path.isCurrent()) return;
  if (rule('noise') !== undefined) path.send(NOISE);
  if (rule('stall') !== undefined) {
    path.send(frame.subarray(0, Math.ceil(frame.length / 2)));
    return;
  }
  path.send(rule('corrupt-reply') === undefined ? frame : damaged(frame));
  if (rule('duplicate-reply') !== undefined) path.send(frame);
}

/** One bit of the checksum: no reader may overlook it. */
export function damaged(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  copy[copy.length - 1] = copy[copy.length - 1]! ^ 0x01;
  return copy;
}
