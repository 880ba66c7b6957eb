/**
 * A payment under way, as a till must remember it: the order and its key are written down before the node is called, and forgotten
 * only when the node has answered.
 *
 *     none ──pay──> sending ──answered──> done ──next──> none
 *      ^  ^            │ ^ └───refused──> refused ──edit──> none (the cart is kept)
 *      │  │          lost └─repeat─┐         ^
 *      │  │            v           │         │
 *      │  │          doubt ────────┘         │
 *      │  │            ├──answered──> done   │
 *      │  │            └──refused────────────┘
 *
 * Guarantees: P1 one key per payment, the same in every repetition, also after the page was closed; P2 in `sending` and `doubt`
 * nothing else can be paid and the cart cannot be changed; P3 only an answer of the node ends a payment.
 */
import type { PlainOrder } from '@branchline/client';
import type { Order } from '@branchline/model';

export interface UnderWay {
  readonly key: string;
  readonly order: PlainOrder;
  /** When it was begun. */
  readonly sinceMs: number;
}

export type Payment =
  | { readonly step: 'none' }
  | ({ readonly step: 'sending' } & UnderWay)
  /** Nobody knows whether the node has it: it is asked again and again. */
  | ({ readonly step: 'doubt' } & UnderWay)
  | { readonly step: 'refused'; readonly code: string; readonly detail: string }
  | { readonly step: 'done'; readonly order: Order };

export type PaymentEvent =
  | { readonly type: 'pay'; readonly key: string; readonly order: PlainOrder; readonly nowMs: number }
  | { readonly type: 'answered'; readonly order: Order }
  | { readonly type: 'refused'; readonly code: string; readonly detail: string }
  | { readonly type: 'lost' }
  | { readonly type: 'repeat' }
  | { readonly type: 'edit' }
  | { readonly type: 'next' };

export const noPayment: Payment = { step: 'none' };

export function nextPayment(payment: Payment, event: PaymentEvent): Payment {
  switch (payment.step) {
    case 'none':
    case 'refused':
      if (event.type === 'pay') {
        return { step: 'sending', key: event.key, order: event.order, sinceMs: event.nowMs };
      }
      return payment.step === 'refused' && event.type === 'edit' ? noPayment : payment;
    case 'sending':
      return event.type === 'lost' ? { ...payment, step: 'doubt' } : ended(payment, event);
    case 'doubt':
      return event.type === 'repeat' ? { ...payment, step: 'sending' } : ended(payment, event);
    case 'done':
      return event.type === 'next' ? noPayment : payment;
    default:
      return payment satisfies never;
  }
}

export function isUnderWay(payment: Payment): payment is Extract<Payment, UnderWay> {
  return payment.step === 'sending' || payment.step === 'doubt';
}

function ended(payment: Payment, event: PaymentEvent): Payment {
  switch (event.type) {
    case 'answered':
      return { step: 'done', order: event.order };
    case 'refused':
      return { step: 'refused', code: event.code, detail: event.detail };
    default:
      return payment;
  }
}

/** What a failed call says of a payment: `refused` will not change, anything else may have happened. */
export function outcomeOf(error: unknown): Extract<PaymentEvent, { type: 'refused' | 'lost' }> {
  const { code, retryable, message } = error as { code?: unknown; retryable?: unknown; message?: unknown };
  // A token that was revoked in between says nothing of the order: sign in, and ask again.
  const isFinal = typeof code === 'string' && retryable === false && !WITHOUT_ANSWER.has(code);
  return isFinal ? { type: 'refused', code, detail: String(message ?? '') } : { type: 'lost' };
}

const WITHOUT_ANSWER: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'CLIENT_ANSWER']);
