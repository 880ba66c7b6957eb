/**
 * A signature is verified once per process: a chain of machines checks the same bytes against the same key many times over, and the
 * answer cannot change. One that this process made itself is known to be right for the key it was made with, the same bytes and
 * no others. Nothing is skipped: whatever else comes is verified, also what is forged or was changed on the way.
 */
import crypto, { type KeyObject } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';

/** Answers remembered; beyond it all are forgotten and found again. */
const REMEMBERED_MAX = 200_000;

type Sign = (algorithm: unknown, data: Uint8Array, key: KeyObject) => Buffer;
type Verify = (algorithm: unknown, data: Uint8Array, key: KeyObject, signature: Uint8Array) => boolean;

const names = new WeakMap<KeyObject, string>();
const known = new Map<string, boolean>();

export function verifyOnce(): void {
  const sign = crypto.sign as Sign;
  const verify = crypto.verify as Verify;
  const remember = (question: string, answer: boolean): void => {
    if (known.size >= REMEMBERED_MAX) {
      known.clear();
    }
    known.set(question, answer);
  };
  const signing: Sign = (algorithm, data, key) => {
    const signature = sign(algorithm, data, key);
    remember(questionOf(data, key, signature), true);
    return signature;
  };
  const verifying: Verify = (algorithm, data, key, signature) => {
    const question = questionOf(data, key, signature);
    const answered = known.get(question);
    if (answered !== undefined) {
      return answered;
    }
    const answer = verify(algorithm, data, key, signature);
    remember(question, answer);
    return answer;
  };
  crypto.sign = signing as unknown as typeof crypto.sign;
  crypto.verify = verifying as unknown as typeof crypto.verify;
  syncBuiltinESMExports();
}

/** All three are part of the question: 64 bytes of signature do not depend on the message alone. */
function questionOf(data: Uint8Array, key: KeyObject, signature: Uint8Array): string {
  return `${nameOf(key)} ${text(signature)} ${text(data)}`;
}

/** The public half, whichever half it is. */
function nameOf(key: KeyObject): string {
  let name = names.get(key);
  if (name === undefined) {
    name = String(key.export({ format: 'jwk' }).x);
    names.set(key, name);
  }
  return name;
}

function text({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}
