/** S-13: the catalog as a whole. */
import {
  IMPORT_FILE_BYTES_MAX,
  importQuery,
  importRefusal,
  importReport,
  overridePut,
  overrideQuery,
  productOverride,
  sku,
} from '@branchline/model';
import { z } from 'zod';
import { type Route, readRoute, uploadRoute, writeRoute } from '../route.ts';

const FILE_TYPES = [
  'application/octet-stream',
  'text/csv',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
];

const bySku = z.strictObject({ sku });

export const catalogRoutes: readonly Route[] = [
  readRoute({
    method: 'get',
    path: '/v1/products/{sku}/override',
    name: 'readOverride',
    tag: 'products',
    summary: 'What a branch says of a product for itself',
    role: 'cashier',
    params: bySku,
    query: overrideQuery,
    answers: { 200: productOverride },
    invoke: ({ services, params, query }) => ({
      status: 200,
      body: services.catalog.override(params.sku, query.branch),
    }),
  }),
  writeRoute({
    method: 'put',
    path: '/v1/products/{sku}/override',
    name: 'overrideProduct',
    tag: 'products',
    summary: 'Price and availability of a product in one branch, with dates; null takes one back',
    description:
      'A branch speaks for itself, head office for any (`branch=`). Fields left out stay as they are.',
    role: 'manager',
    params: bySku,
    query: overrideQuery,
    body: overridePut,
    answers: { 200: productOverride },
    problems: ['IDEMPOTENCY_MISMATCH', 'PRODUCT_NOT_FOUND'],
    invoke: ({ services, params, query }, write) =>
      services.catalog.putOverride(params.sku, query.branch, write),
  }),
  uploadRoute({
    method: 'post',
    path: '/v1/catalog/imports',
    name: 'importCatalogFile',
    tag: 'products',
    summary: 'Take in a catalog file (CSV or XLSX), all or nothing; `dryRun=true` only says what it would do',
    description:
      'The body is the file. What the profile does not say (format, encoding, separator, titles, decimal mark) is guessed and the guess ' +
      'stands in the report. One wrong row refuses the file: 422 with the same report. A dry run is not kept under its key.',
    role: 'manager',
    query: importQuery,
    upload: { types: FILE_TYPES, bytesMax: IMPORT_FILE_BYTES_MAX },
    answers: { 200: importReport, 201: importReport, 422: importRefusal },
    problems: ['IDEMPOTENCY_MISMATCH', 'IMPORT_FILE', 'IMPORT_REFUSED', 'OVERLOADED'],
    invoke: ({ services, query }, write) => services.catalog.importFile(write, query),
  }),
];
