/** S-13: the catalog as a whole. */
import { IMPORT_FILE_BYTES_MAX, importQuery, importRefusal, importReport } from '@branchline/model';
import { type Route, uploadRoute } from '../route.ts';

const FILE_TYPES = [
  'application/octet-stream',
  'text/csv',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
];

export const catalogRoutes: readonly Route[] = [
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
