/**
 * The OpenAPI 3.1 document, made from the route table and the model's schemas. Nothing in it is written by hand but words.
 *
 * Request schemas are shown as a till may send them (defaults left out), answers as they come. Every operation lists the
 * problem codes it may answer, grouped by status.
 */
import {
  conflict,
  coupon,
  customer,
  customerPut,
  duplicateGroup,
  erasureAct,
  giftCard,
  importReport,
  loyaltyProgramme,
  order,
  orderDetail,
  orderQuote,
  orderRequest,
  oversell,
  type ProblemCode,
  pricelist,
  problem,
  problemTable,
  product,
  productImport,
  productPut,
  promotion,
  readiness,
  redeemQuote,
  refund,
  refundRequest,
  reservation,
  reservationRequest,
  stockAdjustmentRequest,
  stockCountRequest,
  stockLevel,
  stockMovement,
  stockReceiptRequest,
  syncNowAnswer,
  syncStatus,
  transfer,
  transferReception,
  transferRequest,
} from '@branchline/model';
import { z } from 'zod';
import type { ForeignRefusals, JsonRoute, Route } from './route.ts';

/** Schemas with a name of their own; everything else is written out where it is used. */
const named: readonly (readonly [name: string, io: 'input' | 'output', schema: z.ZodType])[] = [
  ['OrderRequest', 'input', orderRequest],
  ['Order', 'output', order],
  ['OrderDetail', 'output', orderDetail],
  ['RefundRequest', 'input', refundRequest],
  ['Refund', 'output', refund],
  ['ProductChange', 'input', productPut],
  ['ProductImport', 'input', productImport],
  ['Product', 'output', product],
  ['StockReceipt', 'input', stockReceiptRequest],
  ['StockCount', 'input', stockCountRequest],
  ['StockMovement', 'output', stockMovement],
  ['StockLevel', 'output', stockLevel],
  ['StockAdjustment', 'input', stockAdjustmentRequest],
  ['ReservationRequest', 'input', reservationRequest],
  ['Reservation', 'output', reservation],
  ['TransferRequest', 'input', transferRequest],
  ['TransferReception', 'input', transferReception],
  ['Transfer', 'output', transfer],
  ['Oversell', 'output', oversell],
  ['CustomerChange', 'input', customerPut],
  ['Customer', 'output', customer],
  ['DuplicateGroup', 'output', duplicateGroup],
  ['ErasureAct', 'output', erasureAct],
  ['Promotion', 'output', promotion],
  ['Pricelist', 'output', pricelist],
  ['OrderQuote', 'output', orderQuote],
  ['RedeemQuote', 'output', redeemQuote],
  ['LoyaltyProgramme', 'output', loyaltyProgramme],
  ['GiftCard', 'output', giftCard],
  ['Coupon', 'output', coupon],
  ['SyncStatus', 'output', syncStatus],
  ['SyncNowAnswer', 'output', syncNowAnswer],
  ['Readiness', 'output', readiness],
  ['Conflict', 'output', conflict],
  ['ImportReport', 'output', importReport],
  ['Problem', 'output', problem],
];

const everywhere: readonly ProblemCode[] = ['HOST_REFUSED', 'ORIGIN_REFUSED', 'OVERLOADED', 'INTERNAL'];
const withRole: readonly ProblemCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED'];
const withInput: readonly ProblemCode[] = ['INVALID_REQUEST', 'UNKNOWN_FIELD'];
const withBody: readonly ProblemCode[] = ['MALFORMED_JSON', 'BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];
const withWrite: readonly ProblemCode[] = [
  'IDEMPOTENCY_KEY_REQUIRED',
  'NOT_READY',
  'NOT_ENROLLED',
  'NODE_STOPPING',
  'STORE_POISONED',
];

type Json = Record<string, unknown>;

export interface OpenApiDocument extends Json {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
}

export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Branchline node',
      version,
      description:
        'What a till asks of the node in its branch. Amounts are integer minor units, quantities integer thousandths. ' +
        'Writes carry an Idempotency-Key: repeat a request with the same key until it is answered.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        till: { type: 'http', scheme: 'bearer', description: 'Token made with `branchline till add NAME`.' },
      },
      schemas: Object.fromEntries(named.map(([name, io, schema]) => [name, jsonSchema(schema, io)])),
    },
  };
}

function operation(route: Route): Json {
  return {
    operationId: route.name,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.role === undefined
      ? { security: [] }
      : {
          security: [{ till: [] }, ...(route.openToMachine === true ? [{}] : [])],
          'x-role': route.role,
        }),
    ...(route.kind === 'json' ? input(route) : {}),
    responses: {
      ...(route.kind === 'json' ? answers(route) : rawAnswer(route.contentType)),
      ...(route.refusals === undefined ? problems(route) : foreignRefusals(route, route.refusals)),
    },
  };
}

/** Refusals in the form of another API. */
function foreignRefusals(route: Route, { answers: all }: ForeignRefusals): Json {
  const taken = new Set(Object.keys(route.kind === 'json' ? route.answers : {}));
  return Object.fromEntries(
    Object.entries(all)
      .filter(([status]) => !taken.has(status))
      .map(([status, schema]) => [
        status,
        { description: 'Refused', content: { 'application/json': { schema: jsonSchema(schema, 'output') } } },
      ]),
  );
}

function input(route: JsonRoute): Json {
  const parameters = [
    ...parametersOf('path', route.params),
    ...parametersOf('query', route.query),
    ...(route.write ? writeHeaders : []),
  ];
  return {
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.upload === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(
              route.upload.types.map((type) => [type, { schema: { type: 'string', format: 'binary' } }]),
            ),
          },
        }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: route.write,
            content: { 'application/json': { schema: reference(route.body, 'input') } },
          },
        }),
  };
}

const writeHeaders: readonly Json[] = [
  {
    name: 'Idempotency-Key',
    in: 'header',
    required: true,
    description: 'New for every operation (a UUID), the same for every repetition of it.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  {
    name: 'Prefer',
    in: 'header',
    required: false,
    description: '`wait=7` asks to hold the answer until the receipt is fiscal, at most that many seconds.',
    schema: { type: 'string' },
  },
];

function parametersOf(where: 'path' | 'query', schema: z.ZodType | undefined): Json[] {
  if (schema === undefined) {
    return [];
  }
  const object = jsonSchema(schema, 'input') as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(object.properties ?? {}).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || (object.required ?? []).includes(name),
    schema: property,
  }));
}

function answers(route: JsonRoute): Json {
  return Object.fromEntries(
    Object.entries(route.answers).map(([status, schema]) => [
      status,
      {
        description: status === '503' ? 'Not now' : 'Done',
        ...(route.write ? { headers: replayHeader } : {}),
        content: { 'application/json': { schema: reference(schema, 'output') } },
      },
    ]),
  );
}

const replayHeader: Json = {
  'Idempotency-Replayed': {
    description: '`true` when this is the answer of an earlier request with the same key.',
    schema: { type: 'string', const: 'true' },
  },
};

function rawAnswer(contentType: string): Json {
  return { 200: { description: 'Done', content: { [contentType]: { schema: { type: 'string' } } } } };
}

function problems(route: Route): Json {
  const json = route.kind === 'json' ? route : undefined;
  const codes = new Set<ProblemCode>([
    ...(route.problems ?? []),
    ...everywhere,
    ...(route.role === undefined ? [] : withRole),
    ...((json?.body ?? json?.params ?? json?.query) ? withInput : []),
    ...(json?.body === undefined && json?.upload === undefined ? [] : withBody),
    ...(json?.write === true ? withWrite : []),
  ]);
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = problemTable[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const taken = new Set(Object.keys(json?.answers ?? {}));
  return Object.fromEntries(
    [...byStatus]
      .filter(([status]) => !taken.has(String(status)))
      .map(([status, list]) => [
        status,
        {
          description: list.sort().join(', '),
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      ]),
  );
}

function reference(schema: z.ZodType, io: 'input' | 'output'): Json {
  const known = named.find(([, direction, candidate]) => candidate === schema && direction === io);
  return known === undefined ? jsonSchema(schema, io) : { $ref: `#/components/schemas/${known[0]}` };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  // "$schema" belongs to documents, not to parts of one.
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return rest;
}
