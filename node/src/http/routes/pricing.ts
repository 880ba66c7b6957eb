/** Promotions, pricelists, and what a cart would cost. */
import {
  orderQuote,
  pricelist,
  pricelistList,
  pricelistPut,
  pricingId,
  promotion,
  promotionList,
  promotionPut,
  quoteRequest,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

const byId = z.strictObject({ id: pricingId });

export const pricingRoutes: readonly Route[] = [
  readRoute({
    method: 'post',
    path: '/v1/quotes',
    name: 'quoteOrder',
    tag: 'orders',
    summary: 'What an order would cost here now; nothing is committed',
    description:
      'The body of the order; payments may be left out. Pricelists, promotions, coupons and points as the sale would take them.',
    role: 'cashier',
    body: quoteRequest,
    answers: { 200: orderQuote },
    problems: ['PRODUCT_UNKNOWN', 'DISCOUNT_TOO_LARGE', 'AMOUNT_TOO_LARGE', 'POINTS_SHORT', 'POINTS_LIMIT'],
    invoke: async ({ services, body, till }) => ({
      status: 200,
      body: await services.pricing.quote(till, body),
    }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/promotions',
    name: 'listPromotions',
    tag: 'pricing',
    summary: 'Promotions, past and archived ones included',
    role: 'cashier',
    answers: { 200: promotionList },
    invoke: ({ services }) => ({ status: 200, body: { promotions: services.pricing.promotions() } }),
  }),
  writeRoute({
    method: 'put',
    path: '/v1/promotions/{id}',
    name: 'changePromotion',
    tag: 'pricing',
    summary: 'Write a promotion whole; head office only',
    description:
      'Of the promotions that fit a line the one that takes off most counts, alone. Not for lines that name their price.',
    role: 'manager',
    params: byId,
    body: promotionPut,
    answers: { 200: promotion },
    problems: ['IDEMPOTENCY_MISMATCH', 'PRICING_FULL'],
    invoke: ({ services, params }, write) => services.pricing.putPromotion(params.id, write),
  }),
  readRoute({
    method: 'get',
    path: '/v1/pricelists',
    name: 'listPricelists',
    tag: 'pricing',
    summary: 'Pricelists, past and archived ones included',
    role: 'cashier',
    answers: { 200: pricelistList },
    invoke: ({ services }) => ({ status: 200, body: { pricelists: services.pricing.pricelists() } }),
  }),
  writeRoute({
    method: 'put',
    path: '/v1/pricelists/{id}',
    name: 'changePricelist',
    tag: 'pricing',
    summary: 'Write a pricelist whole; head office only',
    description: 'The most particular one that fits counts: group and branch, group, branch, all.',
    role: 'manager',
    params: byId,
    body: pricelistPut,
    answers: { 200: pricelist },
    problems: ['IDEMPOTENCY_MISMATCH', 'PRICING_FULL'],
    invoke: ({ services, params }, write) => services.pricing.putPricelist(params.id, write),
  }),
];
