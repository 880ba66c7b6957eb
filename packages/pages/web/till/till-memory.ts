/**
 * What a till must not forget when its page is closed, reloaded or dies: the cart and a payment under way.
 *
 * Written whole at every change, before anything is sent. What was written by another version or is damaged is not understood
 * half: it is left aside under another name for support, and the till begins empty.
 */
import { type Cart, emptyCart } from './cart.ts';
import { noPayment, type Payment } from './payment.ts';

const KEY = 'branchline.till.sale';
const ASIDE = 'branchline.till.sale.unreadable';
const VERSION = 1;

export interface Remembered {
  readonly cart: Cart;
  readonly payment: Payment;
}

export const nothingRemembered: Remembered = { cart: emptyCart, payment: noPayment };

/** Called with names and texts; `localStorage` fits. */
export interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
}

export function remember(memory: Memory, { cart, payment }: Remembered): void {
  memory.setItem(KEY, JSON.stringify({ version: VERSION, cart, payment }));
}

export function recall(memory: Memory): Remembered {
  const text = memory.getItem(KEY);
  if (text === null) {
    return nothingRemembered;
  }
  const found = understood(text);
  if (found === undefined) {
    memory.setItem(ASIDE, text);
    return nothingRemembered;
  }
  return found;
}

/** Another tab of the same till wrote it. */
export function isMemoryKey(key: string | null): boolean {
  return key === KEY;
}

function understood(text: string): Remembered | undefined {
  try {
    const { version, cart, payment } = JSON.parse(text) as Remembered & { version?: unknown };
    const isKnown = version === VERSION && Array.isArray(cart?.lines) && typeof payment?.step === 'string';
    return isKnown ? { cart: { ...emptyCart, ...cart }, payment } : undefined;
  } catch {
    return undefined;
  }
}
