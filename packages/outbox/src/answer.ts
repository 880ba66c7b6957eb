/**
 * What a deliverer says, made into what the line understands: every failure gets a code and words, and an answer that breaks
 * the contract becomes a failure for good, so that it ends in front of a person and not in a loop.
 */
import type { LaneAnswer } from './delivery-state.ts';
import { DELIVERY_CODES } from './errors.ts';
import { cutWords, PROOF_CHARS_MAX } from './facts.ts';
import type { DeliverAnswer } from './ports.ts';

const CODE_CHARS_MAX = 100;

export function understand(answer: DeliverAnswer): LaneAnswer {
  switch (answer?.type) {
    case 'delivered': {
      const { proof } = answer;
      const isSound = typeof proof === 'string' && proof.length <= PROOF_CHARS_MAX;
      return isSound
        ? { type: 'delivered', proof }
        : invalid(`a proof is text of at most ${PROOF_CHARS_MAX} characters`);
    }
    case 'refused': {
      const { permanent, code, words } = answer;
      if (typeof code !== 'string' || code.length === 0 || code.length > CODE_CHARS_MAX) {
        return invalid('a refusal has a code');
      }
      return { type: 'refused', permanent: permanent === true, code, words: cutWords(String(words)) };
    }
    case 'failed':
      // Only a clear "no" ends the tries.
      return {
        type: 'failed',
        retryable: answer.retryable !== false,
        ...(answer.ours === true && { ours: true }),
        ...causeOf(answer.cause),
      };
    default:
      return invalid('neither delivered, refused nor failed');
  }
}

/** The deliverer threw: it may work next time. */
export function understandThrown(cause: unknown): LaneAnswer {
  return { type: 'failed', retryable: true, ...causeOf(cause) };
}

function causeOf(cause: unknown): { code: string; words: string } {
  const code = (cause as { code?: unknown } | undefined | null)?.code;
  const words = cause instanceof Error ? cause.message : String(cause);
  const isCode = typeof code === 'string' && code.length > 0 && code.length <= CODE_CHARS_MAX;
  return { code: isCode ? code : DELIVERY_CODES.threw, words: cutWords(words) };
}

function invalid(words: string): LaneAnswer {
  return { type: 'failed', retryable: false, code: DELIVERY_CODES.invalid, words };
}
