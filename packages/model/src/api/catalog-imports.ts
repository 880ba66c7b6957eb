/**
 * S-13: catalog imports as they travel: the profile that says how a file is to be read, and the report that says what was found.
 *
 * A profile is data: which column is which field, how the file is written, what a VAT column means. Everything left out is guessed, and the
 * report states each guess. Faults carry the row as a spreadsheet numbers it (the first line of the file is row 1).
 */
import { z } from 'zod';
import { sku } from '../ids.ts';
import { IMPORT_FAULTS_MAX } from '../limits.ts';
import { codeText } from '../text.ts';
import { vatKind } from '../vat.ts';
import { productFields } from './products.ts';

/** What a column can be. `cost` and `currency` are checked and not kept. */
export const importFields = [
  'sku',
  'name',
  'price',
  'vat',
  'barcodes',
  'unit',
  'category',
  'brand',
  'retired',
  'cost',
  'currency',
] as const;
export const importField = z.enum(importFields);
export type ImportField = z.infer<typeof importField>;

/** A column by its title (any of several), or by its number from 1. */
const columnName = z.union([codeText(128), z.int().min(1).max(200), z.array(codeText(128)).min(1).max(20)]);

export const importProfile = z.strictObject({
  name: codeText(64).default('own'),
  format: z.enum(['auto', 'csv', 'xlsx']).default('auto'),
  encoding: z.enum(['auto', 'utf-8', 'windows-1251', 'utf-16le']).default('auto'),
  delimiter: z.enum(['auto', ',', ';', '\t', '|']).default('auto'),
  quote: z.enum(['"', "'"]).default('"'),
  /** Sheet of a workbook, from 1. */
  sheet: z.int().min(1).max(100).default(1),
  /** Row of the titles; 0 = the file has none and columns are named by number. */
  headerRow: z.union([z.literal('auto'), z.int().min(0).max(100)]).default('auto'),
  columns: z.partialRecord(importField, columnName).default({}),
  decimalMark: z.enum(['auto', '.', ',']).default('auto'),
  /** What the file says, lower case, and the VAT kind it means; beside what is understood anyway. */
  vat: z.record(codeText(64), vatKind).default({}),
  /** For files without a VAT column. */
  vatDefault: vatKind.optional(),
  /** `gtin`: digits alone must be a GTIN with a right check digit. `any`: no check. */
  barcodes: z.enum(['gtin', 'any']).default('gtin'),
  /** A price that moves by more than this has to be accepted. */
  priceChangePercentMax: z.int().min(0).max(10_000).default(20),
  /** The only currency a currency column may name. */
  currency: codeText(8).default('RUB'),
});
export type ImportProfile = z.output<typeof importProfile>;

/** Faults that are decisions and not mistakes: somebody may accept them. */
export const acceptableFaults = ['VAT_CHANGED', 'PRICE_JUMP'] as const;

export const importFaultCodes = [
  'SKU_MISSING',
  'SKU_INVALID',
  'SKU_DUPLICATE',
  'NAME_MISSING',
  'PRICE_MISSING',
  'VAT_MISSING',
  'TEXT_TOO_LONG',
  'TEXT_INVALID',
  'NUMBER_INVALID',
  'PRICE_NEGATIVE',
  'PRICE_TOO_LARGE',
  'COST_ABOVE_PRICE',
  'CURRENCY_INVALID',
  'VAT_UNKNOWN',
  'UNIT_UNKNOWN',
  'YES_NO_INVALID',
  'BARCODE_INVALID',
  'BARCODE_ROUNDED',
  'BARCODE_DUPLICATE',
  'BARCODES_TOO_MANY',
  'COLUMNS_UNEVEN',
  ...acceptableFaults,
  'BARCODE_MISSING',
  'BARCODE_TAKEN',
  'VAT_OUTDATED',
] as const;
export type ImportFaultCode = (typeof importFaultCodes)[number];

export const importFault = z.strictObject({
  row: z.int().min(1),
  /** As the file titles it; absent when the fault is the row's. */
  column: z.string().optional(),
  level: z.enum(['error', 'warning']),
  code: z.enum(importFaultCodes),
  words: z.string(),
  /** What stands in the cell, cut. */
  value: z.string().optional(),
});
export type ImportFault = z.infer<typeof importFault>;

/** Query of `POST /v1/catalog/imports`; the body is the file. */
export const importQuery = z.strictObject({
  /** Name of a profile, or a profile as JSON text. */
  profile: z.string().min(1).max(8_192).optional(),
  dryRun: z.enum(['true', 'false']).default('false'),
  /** Codes among VAT_CHANGED and PRICE_JUMP, separated by commas. */
  accept: z.string().max(64).optional(),
  /** For the record; the file is known by its hash. */
  file: codeText(256).optional(),
});
export type ImportQuery = z.output<typeof importQuery>;

const previewRow = z.strictObject({ sku, brand: z.string().optional(), ...productFields.partial().shape });

export const importReport = z.strictObject({
  file: z.strictObject({
    name: z.string().optional(),
    sha256: z.string(),
    bytes: z.int().min(0),
  }),
  /** How the file was read; what the profile did not say was guessed. */
  read: z.strictObject({
    profile: z.string(),
    format: z.enum(['csv', 'xlsx']),
    encoding: z.string().optional(),
    delimiter: z.string().optional(),
    headerRow: z.int().min(0),
    decimalMark: z.string(),
    columns: z.partialRecord(importField, z.string()),
    /** Titles nobody asked for. */
    ignored: z.array(z.string()),
    guessed: z.array(z.string()),
  }),
  dryRun: z.boolean(),
  committed: z.boolean(),
  rows: z.int().min(0),
  created: z.int().min(0),
  changed: z.int().min(0),
  unchanged: z.int().min(0),
  errors: z.int().min(0),
  warnings: z.int().min(0),
  byCode: z.partialRecord(z.enum(importFaultCodes), z.int()),
  /** Errors first, by row; the rest is counted. */
  faults: z.array(importFault).max(IMPORT_FAULTS_MAX),
  /** The first rows as products. */
  preview: z.array(previewRow),
});
export type ImportReport = z.infer<typeof importReport>;

/** 422: rows are wrong, nothing was written. A problem document with the report in it. */
export const importRefusal = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.literal(422),
  code: z.literal('IMPORT_REFUSED'),
  detail: z.string(),
  hint: z.string(),
  retryable: z.literal(false),
  report: importReport,
});
export type ImportRefusal = z.infer<typeof importRefusal>;
