/** S-23: products. */
import {
  ProblemError,
  product,
  productImport,
  productImportAnswer,
  productList,
  productPut,
  productQuery,
  sku,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, writeRoute } from '../route.ts';

const bySku = z.strictObject({ sku });

export const productRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/products',
    name: 'searchProducts',
    tag: 'products',
    summary: 'Search by beginnings of words, SKU or barcode',
    role: 'cashier',
    query: productQuery,
    answers: { 200: productList },
    invoke: ({ services, query }) => ({ status: 200, body: { products: services.products.search(query) } }),
  }),
  readRoute({
    method: 'get',
    path: '/v1/products/{sku}',
    name: 'readProduct',
    tag: 'products',
    summary: 'One product',
    role: 'cashier',
    params: bySku,
    answers: { 200: product },
    problems: ['PRODUCT_NOT_FOUND'],
    invoke: ({ services, params }) => {
      const found = services.products.get(params.sku);
      if (found === undefined) {
        throw new ProblemError('PRODUCT_NOT_FOUND', `No product has the SKU ${params.sku}.`);
      }
      return { status: 200, body: found };
    },
  }),
  writeRoute({
    method: 'post',
    path: '/v1/products',
    name: 'importProducts',
    tag: 'products',
    summary: 'Create or change many products, all or nothing',
    role: 'manager',
    body: productImport,
    answers: { 200: productImportAnswer },
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID'],
    invoke: ({ services }, write) => services.products.putMany(write),
  }),
  writeRoute({
    method: 'put',
    path: '/v1/products/{sku}',
    name: 'changeProduct',
    tag: 'products',
    summary: 'Create or change a product',
    description: 'Fields left out stay as they are. A new product needs name, priceMinor and vat.',
    role: 'manager',
    params: bySku,
    body: productPut,
    answers: { 200: product, 201: product },
    problems: ['IDEMPOTENCY_MISMATCH', 'CHANGE_INVALID'],
    invoke: ({ services, params }, write) => services.products.put(params.sku, write),
  }),
];
