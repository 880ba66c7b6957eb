/**
 * Mutation fuzzing of one decoder: valid inputs, damaged in the ways that find things, by a seed.
 *
 * Whatever the bytes, a decoder answers with a value or with a refusal it has a name for, soon, and keeps no memory. Anything
 * else is a finding, printed with the seed and the input; the input then goes into the target's corpus and stays there.
 *
 *     FUZZ_INPUTS   inputs per target, 500 when left out      FUZZ_SEED   another seed
 */
import { type Random, randomInteger, seededRandom, systemClock } from 'hlc-ts';

export const INPUTS = Number(process.env.FUZZ_INPUTS ?? 500);
export const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122);
/** No input may take longer. */
export const INPUT_LIMIT_MS = 1_000;
/** What a process may grow by over all inputs of a target. */
export const GROWTH_BYTES_MAX = 256 * 1024 * 1024;
/** Mutants of a long input stay about as long. */
const INSERTED_BYTES_MAX = 64;

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, and those that once broke it. */
  readonly corpus: readonly Uint8Array[];
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Whether this is how the decoder says no. */
  readonly isRefusal: (error: unknown) => boolean;
}

export interface Fuzzed {
  readonly inputs: number;
  /** Inputs that were still valid: too few, and nothing behind the first check was reached. */
  readonly values: number;
  readonly slowestMs: number;
}

export async function fuzz({ name, corpus, decode, isRefusal }: FuzzTarget): Promise<Fuzzed> {
  const random = seededRandom(SEED);
  const clock = systemClock();
  const before = process.memoryUsage().rss;
  let values = 0;
  let slowestMs = 0;
  for (let input = 0; input < INPUTS; input += 1) {
    // The corpus itself comes first: what broke the decoder once must not do so again.
    const bytes = corpus[input] ?? mutant(random, corpus);
    const startMs = clock.monotonicMs();
    try {
      await decode(bytes);
      values += 1;
    } catch (error) {
      if (!isRefusal(error)) {
        const hex = Buffer.from(bytes).toString('hex');
        const what = (error as Error).stack ?? String(error);
        throw new Error(`${name}, FUZZ_SEED=${SEED}, input ${input}: ${what}\n${hex}`, { cause: error });
      }
    }
    const tookMs = clock.monotonicMs() - startMs;
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > INPUT_LIMIT_MS) {
      throw new Error(
        `${name}: input ${input} took ${Math.round(tookMs)} ms: ${Buffer.from(bytes).toString('hex')}`,
      );
    }
  }
  const grown = process.memoryUsage().rss - before;
  if (grown > GROWTH_BYTES_MAX) {
    throw new Error(`${name}: memory grew by ${Math.round(grown / 1024 / 1024)} MiB`);
  }
  process.stdout.write(`  ${name}: ${INPUTS} inputs, ${values} valid, slowest ${slowestMs.toFixed(1)} ms\n`);
  return { inputs: INPUTS, values, slowestMs };
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff];

function mutant(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  const one = (): Uint8Array => corpus[randomInteger(random, corpus.length)]!;
  let bytes: Buffer = Buffer.from(one());
  for (let round = randomInteger(random, 4); round >= 0; round -= 1) {
    const at = randomInteger(random, bytes.length + 1);
    const length = randomInteger(random, Math.min(INSERTED_BYTES_MAX, bytes.length) + 1);
    switch (randomInteger(random, 8)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << randomInteger(random, 8);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = INTERESTING[randomInteger(random, INTERESTING.length)]!;
        break;
      case 2:
        if (at < bytes.length) bytes[at] = randomInteger(random, 256);
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + length))]);
        break;
      case 5: {
        const noise = Uint8Array.from({ length }, () => randomInteger(random, 256));
        bytes = Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
        break;
      }
      case 6:
        // The same again, as a retransmission would.
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          bytes.subarray(Math.max(0, at - length), at),
          bytes.subarray(at),
        ]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from(one()).subarray(at)]);
    }
  }
  return Uint8Array.from(bytes);
}
