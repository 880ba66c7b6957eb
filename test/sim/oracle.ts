/**
 * What the tills know: every request they made, and what they were told. The oracle never looks into a node; it is the memory
 * against which the chain is judged when it is quiet again.
 */
import type { Order, StockMovement } from '@branchline/model';
import type { WriteAnswer, WriteRequest } from '@branchline/node';

export type Told = 'nothing' | 'done' | 'refused';

export interface Attempt<Body, Answer> {
  /** Name of the machine it was asked of. */
  readonly machine: string;
  readonly branch: string;
  readonly request: WriteRequest<Body>;
  /** `nothing`: no answer came, it may have happened or not. */
  told: Told;
  answer: Answer | undefined;
  /** When the first answer came. */
  answeredMs: number;
  /** The machine went back to a time before: nobody may ask for it again, and without an answer it may be there or not. */
  isForgotten: boolean;
}

export type Sale = Attempt<SaleBody, Order>;
export type Movement = Attempt<MovementBody, StockMovement>;

export interface SaleBody {
  readonly till: string;
  readonly cashier: string;
  readonly lines: readonly {
    readonly sku: string;
    readonly quantityMilli: number;
    readonly discountMinor: 0;
  }[];
  readonly payments: readonly { readonly kind: 'cash'; readonly amountMinor: number }[];
  readonly customer?: { readonly id: string };
  readonly redeemPoints: number;
}

export interface MovementBody {
  readonly lines: readonly { readonly sku: string; readonly quantityMilli: number }[];
}

/** A request that got another answer than the first time. */
export class BrokenPromise extends Error {}

/** Writes down what a till was told, and compares it with what it was told before. */
export function tell<Body, Answer>(
  attempt: Attempt<Body, Answer>,
  { body, replayed }: WriteAnswer<Answer>,
): void {
  if (attempt.told === 'done') {
    if (!replayed || JSON.stringify(body) !== JSON.stringify(attempt.answer)) {
      throw new BrokenPromise(
        `G2: ${attempt.request.key} of ${attempt.branch} got another answer: ${JSON.stringify(attempt.answer)} then ${JSON.stringify(body)}`,
      );
    }
    return;
  }
  attempt.told = 'done';
  attempt.answer = body;
}
