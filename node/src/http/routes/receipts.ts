/** S-27: fiscal receipts. */
import { correctionRequest, fiscalReceipt, ProblemError, receiptDecision } from '@branchline/model';
import { z } from 'zod';
import type { ReceiptService } from '../../services.ts';
import { type RawRoute, type Route, readRoute, writeRoute } from '../route.ts';

const byId = z.strictObject({ id: z.string() });

export const receiptRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/receipts/{id}',
    name: 'readReceipt',
    tag: 'orders',
    summary: 'One fiscal receipt: how far it got, its number and sign, what to do about it',
    role: 'cashier',
    params: byId,
    answers: { 200: fiscalReceipt },
    problems: ['RECEIPT_NOT_FOUND'],
    invoke: async ({ services, params }) => {
      const found = await services.receipts.get(params.id);
      if (found === undefined) {
        throw new ProblemError('RECEIPT_NOT_FOUND', 'No fiscal receipt with this id is known to this node.');
      }
      return { status: 200, body: found };
    },
  }),
  writeRoute({
    method: 'post',
    path: '/v1/receipts/corrections',
    name: 'correctReceipt',
    tag: 'orders',
    summary: 'A correction receipt: what was settled without a register, or wrongly',
    description:
      'Everything is checked before the register hears of it. From FFD 1.2 a correction lists its items and may be one of a return; ' +
      'before, only sales and purchases are corrected and only the sums are registered. `Prefer: wait=7` holds the answer.',
    role: 'manager',
    body: correctionRequest,
    answers: { 201: fiscalReceipt },
    problems: [
      'IDEMPOTENCY_MISMATCH',
      'TILL_MISMATCH',
      'REGISTER_NONE',
      'RECEIPT_INVALID',
      'RECEIPT_TOTAL_ZERO',
      'RECEIPT_TOO_LARGE',
      'MARKING_REFUSED',
      'ORDER_PAYMENT',
      'PAYMENT_SHORT',
      'OVERPAID_NOT_CASH',
      'AMOUNT_TOO_LARGE',
    ],
    invoke: (call, write) => {
      const { preferWaitMs: ms, signal } = call;
      return call.services.receipts.correct(write, ms === 0 ? undefined : { ms, signal });
    },
  }),
  writeRoute({
    method: 'post',
    path: '/v1/receipts/{id}/decision',
    name: 'decideReceipt',
    tag: 'orders',
    summary: 'Somebody has looked: printed as this document, print again, or there will be none',
    description:
      'For receipts in review, uncertain or failed; `toDecide` of the receipt says what to look at. The decision, who made it and ' +
      'why stay in the receipts feed. The register leaves the receipt alone before it is decided.',
    role: 'admin',
    params: byId,
    body: receiptDecision,
    answers: { 200: fiscalReceipt },
    problems: [
      'IDEMPOTENCY_MISMATCH',
      'RECEIPT_NOT_FOUND',
      'RECEIPT_SETTLED',
      'RECEIPT_INVALID',
      'REGISTER_NONE',
    ],
    invoke: ({ services, params }, write) => services.receipts.decide(params.id, write),
  }),
];

const QR_PATH = /^\/v1\/receipts\/([^/?]+)\/qr\.svg$/;

/** The QR code as a picture, for a screen or an e-mail. */
export function receiptQrRoute(receipts: ReceiptService): RawRoute {
  return {
    kind: 'raw',
    method: 'get',
    path: '/v1/receipts/{id}/qr.svg',
    name: 'readReceiptQr',
    tag: 'orders',
    summary: 'The QR code of a registered receipt',
    role: 'cashier',
    contentType: 'image/svg+xml',
    problems: ['RECEIPT_NOT_FOUND'],
    serve: async (request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      const svg = await receipts.qrSvg(QR_PATH.exec(path)?.[1] ?? '');
      if (svg === undefined) {
        throw new ProblemError(
          'RECEIPT_NOT_FOUND',
          'No registered receipt with this id is known to this node.',
        );
      }
      response.writeHead(200, {
        'Content-Type': 'image/svg+xml',
        'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': "default-src 'none'",
      });
      response.end(svg);
    },
  };
}
