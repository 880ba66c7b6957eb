/** `CatalogService` over the parts of a node: reads the file, then goes to the use case. Nothing is decided here. */
import { createHash } from 'node:crypto';
import type { WriterId } from '@branchline/feed';
import {
  acceptableFaults,
  type Conflict,
  type ImportQuery,
  type ImportRefusal,
  type ImportReport,
  ProblemError,
  problemTable,
} from '@branchline/model';
import { isoTime } from 'hlc-ts';
import { findColumns } from './catalog-file/columns.ts';
import { profileOf } from './catalog-file/profiles.ts';
import { readTable } from './catalog-file/table.ts';
import type { NodeParts } from './node-services.ts';
import type { ConflictRow } from './projections/conflicts.ts';
import type { CatalogService } from './services.ts';
import {
  type CatalogFile,
  checkCatalogFile,
  importCatalogFile,
  refusalWords,
} from './use-cases/import-catalog-file.ts';
import { overrideProduct, overrideView } from './use-cases/override-product.ts';
import { resolveConflict } from './use-cases/resolve-conflict.ts';

export function catalogService(parts: NodeParts): CatalogService {
  const { pipeline, trade, products, conflicts, overrides, clock } = parts;
  return {
    override: (sku, branch = parts.branch) => overrideView(branch, sku, overrides.get(branch, sku)),
    putOverride: (sku, branch = parts.branch, request) =>
      pipeline.submit(request, (transaction) =>
        overrideProduct(trade, transaction, overrides.get(branch, sku), { branch, sku }, request.body),
      ),
    conflicts: ({ after, limit }) => {
      const { rows, next } = conflicts.list(after, limit);
      return {
        conflicts: rows.map((row) => conflictOf(parts, row)),
        total: conflicts.count,
        ...(next === undefined ? {} : { next }),
      };
    },
    resolve: (id, request) =>
      pipeline.submit(request, (transaction) =>
        resolveConflict(trade, conflicts, transaction, id, request.body.value),
      ),
    importFile: async (request, query) => {
      const file = await readFile(parts, request.body, query);
      if (query.dryRun === 'true') {
        const { report } = checkCatalogFile(file, products, clock.nowMs());
        return { status: 200, body: { ...report, dryRun: true }, replayed: false };
      }
      let refused: ImportReport | undefined;
      try {
        return await pipeline.submit(request, (transaction) =>
          importCatalogFile(trade, products, transaction, file, (report) => {
            refused = report;
          }),
        );
      } catch (error) {
        if (refused === undefined) {
          throw error;
        }
        return { status: 422, body: refusalOf(refused), replayed: false };
      }
    },
  };
}

function conflictOf({ products, ports }: NodeParts, { id, sku, field, values }: ConflictRow): Conflict {
  return {
    id,
    sku: sku as Conflict['sku'],
    name: products.row(sku)?.name ?? '',
    field,
    values: values.map(({ value, writer, timeMs }, index) => ({
      value:
        field === 'barcodes'
          ? String(value ?? '')
              .split(' ')
              .filter(Boolean)
          : value,
      shown: index === values.length - 1,
      writer,
      branch: writer === null ? null : (ports.registry.member(writer as WriterId)?.grant.branch ?? null),
      at: isoTime(timeMs),
    })),
  };
}

async function readFile(parts: NodeParts, bytes: Uint8Array, query: ImportQuery): Promise<CatalogFile> {
  const profile = profileOf(query.profile);
  const accepted = acceptedOf(query.accept);
  const table = await readTable(bytes, profile, parts.clock);
  return {
    name: query.file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    table,
    columns: findColumns(table.rows, profile),
    profile,
    accepted,
  };
}

function acceptedOf(text: string | undefined): ReadonlySet<string> {
  const codes = (text ?? '').split(',').filter(Boolean);
  const known: readonly string[] = acceptableFaults;
  const unknown = codes.find((code) => !known.includes(code));
  if (unknown !== undefined) {
    throw new ProblemError(
      'INVALID_REQUEST',
      `"${unknown}" cannot be accepted; only ${known.join(' and ')} can.`,
    );
  }
  return new Set(codes);
}

function refusalOf(report: ImportReport): ImportRefusal {
  const { title, hint } = problemTable.IMPORT_REFUSED;
  return {
    type: 'about:blank',
    title,
    status: 422,
    code: 'IMPORT_REFUSED',
    detail: refusalWords(report),
    hint,
    retryable: false,
    report,
  };
}
