/**
 * Profiles that come with the program, as data, and the titles every profile knows.
 *
 * `standard` guesses everything a file can tell. The others say how a kind of supplier writes. A profile of one's own is the same JSON,
 * sent with the file.
 */
import {
  type ImportField,
  type ImportProfile,
  importProfile,
  ProblemError,
  type VatKind,
} from '@branchline/model';

const shipped: readonly unknown[] = [
  { name: 'standard' },
  { name: '1c-cp1251', format: 'csv', encoding: 'windows-1251', delimiter: ';', decimalMark: ',' },
  { name: 'excel', format: 'xlsx', decimalMark: '.' },
  { name: 'loose-barcodes', barcodes: 'any' },
];

export const PROFILES: readonly ImportProfile[] = shipped.map((each) => importProfile.parse(each));

/** What a field is called in the files of suppliers, lower case; the first that is there counts. */
export const TITLES: Readonly<Record<ImportField, readonly string[]>> = {
  sku: ['sku', 'артикул', 'код товара', 'код', 'default_code', 'article', 'item code', 'item'],
  name: ['name', 'наименование', 'название', 'номенклатура', 'товар', 'product name', 'product', 'title'],
  price: ['price', 'цена', 'розничная цена', 'цена розничная', 'list_price', 'retail price', 'sale price'],
  vat: ['vat', 'ндс', 'ставка ндс', 'ндс, %', 'vat rate', 'tax'],
  barcodes: ['barcode', 'barcodes', 'штрихкод', 'штрих-код', 'ean', 'ean13', 'ean-13', 'gtin'],
  unit: ['unit', 'ед.', 'ед', 'ед. изм.', 'единица', 'единица измерения', 'uom'],
  category: ['category', 'категория', 'группа', 'раздел'],
  brand: ['brand', 'бренд', 'марка', 'производитель'],
  retired: ['retired', 'archived', 'архив', 'снят с продажи'],
  cost: ['cost', 'себестоимость', 'закупочная цена', 'цена закупки', 'cost_price', 'purchase price'],
  currency: ['currency', 'валюта'],
};

/** What files say for a VAT kind, lower case, without blanks. */
export const VAT_WORDS: Readonly<Record<string, VatKind>> = {
  '22': 'vat22',
  '20': 'vat20',
  '10': 'vat10',
  '7': 'vat7',
  '5': 'vat5',
  '0': 'vat0',
  безндс: 'none',
  необлагается: 'none',
  нет: 'none',
  '-': 'none',
  none: 'none',
  exempt: 'none',
};

/** By name, or the JSON of one; `standard` when nothing is said. */
export function profileOf(text: string | undefined): ImportProfile {
  if (text === undefined) {
    return PROFILES[0]!;
  }
  if (!text.trimStart().startsWith('{')) {
    const known = PROFILES.find(({ name }) => name === text);
    if (known === undefined) {
      const names = PROFILES.map(({ name }) => name).join(', ');
      throw new ProblemError(
        'IMPORT_FILE',
        `There is no profile "${text}"; known: ${names}, or JSON of one.`,
      );
    }
    return known;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ProblemError('IMPORT_FILE', 'The profile is not valid JSON.');
  }
  const parsed = importProfile.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ProblemError('IMPORT_FILE', `The profile: ${issue?.path.join('.')} ${issue?.message}.`);
  }
  return parsed.data;
}
