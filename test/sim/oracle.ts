/**
 * What the tills know: every request they made, and what they were told. The oracle never looks into a node; it is the memory
 * against which the chain is judged when it is quiet again.
 */
import type { GiftCard, Order, Refund, StockMovement, Transfer } from '@branchline/model';
import type { NodeServices, WriteAnswer, WriteRequest } from '@branchline/node';
import { Finding } from './finding.ts';

export interface Attempt<Body = unknown, Answer = unknown> {
  /** Name of the machine it was asked of. */
  readonly machine: string;
  readonly branch: string;
  readonly request: WriteRequest<Body>;
  /** Sends the request, which may be another than the one above. */
  ask(services: NodeServices, request: WriteRequest<Body>): Promise<WriteAnswer<Answer>>;
  /** Codes with which the program may say no; then nothing happened. */
  readonly refusals: ReadonlySet<string>;
  /** `nothing`: no answer came, it may have happened or not. `refused`: it did not happen, and may when asked again. */
  told: 'nothing' | 'refused' | 'done';
  /** Requests under way, or lost with the machine they were made to. */
  pending: number;
  answer: Answer | undefined;
  /** When the first answer came. */
  answeredMs: number;
  /** The machine went back to a time before: nobody may ask for it again, and without an answer it may be there or not. */
  isForgotten: boolean;
}

export interface SaleBody {
  readonly till: string;
  readonly cashier: string;
  readonly lines: readonly {
    readonly sku: string;
    readonly quantityMilli: number;
    readonly discountMinor: 0;
  }[];
  readonly payments: readonly {
    readonly kind: 'cash' | 'giftCard';
    readonly amountMinor: number;
    readonly code?: string;
  }[];
  readonly customer?: { readonly id: string };
  readonly redeemPoints: number;
}

export interface Goods {
  readonly lines: readonly { readonly sku: string; readonly quantityMilli: number }[];
}

export interface RefundBody {
  readonly lines?: readonly { readonly line: number; readonly quantityMilli: number }[];
  readonly restock: boolean;
}

export type Sale = Attempt<SaleBody, Order>;
export type Movement = Attempt<Goods, StockMovement>;
export type CardIssue = Attempt<{ readonly code: string; readonly amountMinor: number }, GiftCard>;
export type GivenBack = Attempt<RefundBody, Refund> & { readonly order: Order };
export type Sending = Attempt<Goods & { readonly to: string }, Transfer>;
export type Arrival = Attempt<Partial<Goods> & { readonly from?: string }, Transfer> & {
  readonly sent: Sending;
};

/** A request that got another answer than the first time. */
export class BrokenPromise extends Finding {}

/** Writes down what a till was told, and compares it with what it was told before. */
export function tell(attempt: Attempt, { body, replayed }: WriteAnswer<unknown>): void {
  if (attempt.told === 'done') {
    if (!replayed || JSON.stringify(body) !== JSON.stringify(attempt.answer)) {
      throw new BrokenPromise(
        `43: ${attempt.request.key} of ${attempt.branch} got another answer: ${JSON.stringify(attempt.answer)} then ${JSON.stringify(body)}`,
      );
    }
    return;
  }
  attempt.told = 'done';
  attempt.answer = body;
}

/** Nobody knows whether it happened, and nobody may ask. */
export function isUnsure({ told, isForgotten }: Attempt): boolean {
  return told === 'nothing' && isForgotten;
}
