/**
 * A signature is verified once per process: a chain of machines checks the same bytes against the same key many times over, and the
 * answer cannot change. Nothing is skipped: what was never verified is, also what is forged.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** Answers remembered; the oldest half goes first. */
const REMEMBERED_MAX = 200_000;

type Verify = (algorithm: unknown, data: Uint8Array, key: object, signature: Uint8Array) => boolean;

const names = new WeakMap<object, number>();
const known = new Map<string, boolean>();
let keys = 0;

export function verifyOnce(): void {
  const verify = crypto.verify as Verify;
  const remembering: Verify = (algorithm, data, key, signature) => {
    const name = names.get(key) ?? ++keys;
    names.set(key, name);
    // 64 bytes of signature do not depend on the message alone: both are part of the question.
    const question = `${name} ${text(signature)} ${text(data)}`;
    const answered = known.get(question);
    if (answered !== undefined) {
      return answered;
    }
    const answer = verify(algorithm, data, key, signature);
    if (known.size >= REMEMBERED_MAX) {
      known.clear();
    }
    known.set(question, answer);
    return answer;
  };
  crypto.verify = remembering as typeof crypto.verify;
  syncBuiltinESMExports();
}

function text({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}
