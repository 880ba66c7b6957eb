/**
 * Corrections as a manager asks for them: lines priced, payments that add up exactly, the till of the token. Which of it the format
 * of the register takes (items from FFD 1.2, sales and purchases only before) is checked by the guard before anything is durable.
 */
import { type CorrectionRequest, ProblemError, priceOrder, pricingProblem } from '@branchline/model';
import type { WriteRequest } from '../services.ts';
import type { CorrectionOrder } from './receipt-of-order.ts';

export function correctionOf({
  body,
  till: { till, role, employee },
}: WriteRequest<CorrectionRequest>): CorrectionOrder {
  if (body.till !== undefined && body.till !== till && role !== 'admin') {
    throw new ProblemError(
      'TILL_MISMATCH',
      `The token belongs to till ${till}, the request names ${body.till}.`,
    );
  }
  const pricing = priceOrder({
    lines: body.lines.map((line) => ({ ...line, discountMinor: 0 })),
    payments: body.payments,
  });
  if (!pricing.ok) {
    throw pricingProblem(pricing);
  }
  const { order } = pricing;
  if (order.changeMinor > 0) {
    const detail = `The lines add up to ${order.totalMinor}, the payments to ${order.paidMinor}.`;
    throw new ProblemError('ORDER_PAYMENT', detail);
  }
  const { settlement, by, day, documentNumber, reason, wrongSign } = body;
  const cashier = employee?.name ?? body.cashier;
  return {
    kind: 'correction',
    settlement,
    by,
    day,
    ...(documentNumber === undefined ? {} : { documentNumber }),
    ...(reason === undefined ? {} : { reason }),
    ...(wrongSign === undefined ? {} : { wrongSign }),
    totalMinor: order.totalMinor,
    lines: order.lines.map(({ name, quantityMilli, totalMinor, vat, markingCode }) => ({
      name,
      quantityMilli,
      totalMinor,
      vat,
      ...(markingCode === undefined ? {} : { markingCode }),
    })),
    payments: body.payments,
    till: (body.till ?? till) as CorrectionOrder['till'],
    ...(cashier === undefined ? {} : { cashier }),
  };
}
