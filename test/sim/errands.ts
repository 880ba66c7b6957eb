/**
 * What people come to a shop for: to buy, with points and gift cards; to bring back; to deliver, send away and take in goods; to buy a
 * card. Each is one request with all that is random about it, decided before it is asked.
 */
import { createHash } from 'node:crypto';
import type { WriteRequest } from '@branchline/node';
import { type Random, randomInteger } from 'hlc-ts';
import type { Arrival, Attempt, CardIssue, GivenBack, Movement, Sale, SaleBody, Sending } from './oracle.ts';

export const SKUS = Array.from({ length: 12 }, (_, at) => `SKU-${String(at + 1).padStart(2, '0')}`);
export const CUSTOMERS = ['C-1', 'C-2', 'C-3'];
const CASH_MINOR = 100_000_000;
/** Share of a known customer's purchases that are partly paid with points. */
const REDEEMS = 0.4;
const POINTS_MAX = 300;
/** Share of purchases partly paid with a gift card, once there is one. */
const PAYS_BY_CARD = 0.35;
/** Less than anything costs, so that a card never pays more than there is to pay. */
const CARD_PAYS_MAX = 90;
const CARD_HOLDS_MAX = 300;
/** Points or a card's money are elsewhere, or not there, or not for so little. */
const TENDER = new Set(['POINTS_SHORT', 'POINTS_LIMIT', 'GIFT_CARD_SHORT', 'GIFT_CARD_UNKNOWN']);
const NONE: ReadonlySet<string> = new Set();

/** Where it is asked. */
export interface Where {
  readonly machine: string;
  readonly branch: string;
  readonly key: string;
}

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[randomInteger(random, items.length)]!;
}

export function requestOf<Body>(key: string, body: Body, till = 'T1'): WriteRequest<Body> {
  const fingerprint = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return { key, fingerprint, till: { till, role: 'manager' }, body };
}

function attempt<Body>(
  where: Where,
  body: Body,
  { till = 'T1', refusals = NONE }: { till?: string; refusals?: ReadonlySet<string> } = {},
) {
  const { machine, branch, key } = where;
  const told: Attempt['told'] = 'nothing';
  const request = requestOf(key, body, till);
  const asked = { told, pending: 0, answer: undefined, answeredMs: 0, isForgotten: false };
  return { machine, branch, request, refusals, ...asked };
}

export function sale(random: Random, where: Where, cards: readonly CardIssue[]): Sale {
  const lines = Array.from({ length: 1 + randomInteger(random, 3) }, () => ({
    sku: pick(random, SKUS),
    quantityMilli: 1000 * (1 + randomInteger(random, 3)),
    discountMinor: 0 as const,
  }));
  const customer = random() < 0.4 ? { id: pick(random, CUSTOMERS) } : undefined;
  const redeems = customer !== undefined && random() < REDEEMS;
  const paysByCard = !redeems && cards.length > 0 && random() < PAYS_BY_CARD;
  const body: SaleBody = {
    till: `T${1 + randomInteger(random, 2)}`,
    cashier: 'Ann',
    lines,
    payments: [
      ...(paysByCard
        ? [
            {
              kind: 'giftCard' as const,
              amountMinor: 1 + randomInteger(random, CARD_PAYS_MAX),
              code: pick(random, cards).request.body.code,
            },
          ]
        : []),
      { kind: 'cash', amountMinor: CASH_MINOR },
    ],
    ...(customer === undefined ? {} : { customer }),
    redeemPoints: redeems ? 1 + randomInteger(random, POINTS_MAX) : 0,
  };
  return {
    ...attempt(where, body, { till: body.till, refusals: TENDER }),
    ask: (services, request) => services.orders.place(request as never),
  };
}

export function delivery(random: Random, where: Where): Movement {
  const body = {
    lines: [{ sku: pick(random, SKUS), quantityMilli: 1000 * (1 + randomInteger(random, 20)) }],
  };
  return {
    ...attempt(where, body),
    ask: (services, request) => services.stock.receive(request as never),
  };
}

export function giftCard(random: Random, where: Where, number: number): CardIssue {
  const body = {
    code: `CARD${String(number).padStart(8, '0')}`,
    amountMinor: 1 + randomInteger(random, CARD_HOLDS_MAX),
  };
  return {
    ...attempt(where, body),
    ask: (services, request) => services.loyalty.issueGiftCard(request as never),
  };
}

/** The whole of an order, or one of a line of it; what went back before is for the program to know. */
export function refund(random: Random, where: Where, sold: Sale): GivenBack {
  const order = sold.answer!;
  const line = randomInteger(random, order.lines.length);
  const body = {
    ...(random() < 0.5 ? {} : { lines: [{ line, quantityMilli: 1000 }] }),
    restock: random() < 0.7,
  };
  const refusals = new Set(['REFUND_ELSEWHERE', 'REFUND_EXCEEDS']);
  if (sold.machine !== where.machine) {
    refusals.add('ORDER_NOT_FOUND');
  }
  return {
    ...attempt(where, body, { refusals }),
    order,
    ask: (services, request) => services.orders.refund(order.id, request as never),
  };
}

export function sending(random: Random, where: Where, to: string): Sending {
  const body = {
    to,
    lines: [{ sku: pick(random, SKUS), quantityMilli: 1000 * (1 + randomInteger(random, 5)) }],
  };
  return {
    ...attempt(where, body),
    ask: (services, request) => services.stock.send(request as never),
  };
}

/** The goods are there; whether word of them is, the person at the door does not ask. */
export function arrival(random: Random, where: Where, sent: Sending): Arrival {
  const { lines } = sent.request.body;
  const body = random() < 0.5 ? {} : { from: sent.branch, lines };
  const { id } = sent.answer!;
  return {
    ...attempt(where, body, { refusals: new Set(['TRANSFER_NOT_FOUND', 'TRANSFER_RECEIVED']) }),
    sent,
    ask: (services, request) => services.stock.receiveTransfer(id, request as never),
  };
}
