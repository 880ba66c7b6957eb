/** A catalog file at head office: read as it is written, checked row by row, taken whole or not at all. */
import { deflateRawSync } from 'node:zlib';
import { catalogFile, csvOf, opticalProducts } from '@branchline/fixtures';
import {
  IMPORT_CELL_CHARS_MAX,
  IMPORT_COLUMNS_MAX,
  IMPORT_FAULTS_MAX,
  IMPORT_FILE_ROWS_MAX,
  IMPORT_UNPACKED_BYTES_MAX,
  type ImportRefusal,
  type ImportReport,
  type ProblemError,
  type ProductPut,
} from '@branchline/model';
import { seededRandom } from 'hlc-ts';
import iconv from 'iconv-lite';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import writeWorkbook from 'write-excel-file/node';
import { WORKBOOK_PARTS_MAX } from '../src/catalog-file/workbook.ts';
import { Chain, type Machine } from './support/chain.ts';

const test = suite('a catalog import');

interface Asked {
  readonly profile?: object | string;
  readonly dryRun?: boolean;
  readonly accept?: string;
  readonly key?: string;
}

async function office(story: (hq: Machine, chain: Chain) => Promise<void>): Promise<void> {
  const chain = await Chain.open();
  const hq = await chain.machine('HQ', { role: 'hq' });
  await hq.start();
  try {
    await story(hq, chain);
  } finally {
    await chain.close();
  }
}

const bytesOf = (file: string | Uint8Array): Uint8Array =>
  typeof file === 'string' ? new TextEncoder().encode(file) : file;

function send(at: Machine, file: string | Uint8Array, { profile, dryRun, accept, key }: Asked = {}) {
  const bytes = bytesOf(file);
  const request = at.request(bytes, key === undefined ? {} : { key });
  return at.services.catalog.importFile(request, {
    dryRun: dryRun === true ? 'true' : 'false',
    ...(profile === undefined
      ? {}
      : { profile: typeof profile === 'string' ? profile : JSON.stringify(profile) }),
    ...(accept === undefined ? {} : { accept }),
  });
}

/** The report of a file that was refused. */
async function refusedBy(at: Machine, file: string | Uint8Array, asked: Asked = {}): Promise<ImportReport> {
  const { status, body } = await send(at, file, asked);
  assert.is(status, 422, JSON.stringify(body).slice(0, 300));
  return (body as ImportRefusal).report;
}

async function taken(at: Machine, file: string | Uint8Array, asked: Asked = {}): Promise<ImportReport> {
  const { status, body } = await send(at, file, asked);
  assert.is(status, 201, JSON.stringify(body).slice(0, 600));
  return body as ImportReport;
}

/** Why a file is no table. */
async function unreadable(at: Machine, file: string | Uint8Array, asked: Asked = {}): Promise<string> {
  try {
    await send(at, file, asked);
  } catch (error) {
    assert.is((error as ProblemError).code, 'IMPORT_FILE');
    return (error as Error).message;
  }
  return 'accepted';
}

const codes = ({ faults }: ImportReport) => faults.map(({ row, code }) => `${row} ${code}`);

test('the file of a supplier in CP1251 is guessed, read and said; the second time it changes nothing', () =>
  office(async (hq) => {
    // What CP1251 cannot write (×, Ø) is lost before we see it.
    const written = (text: string) => iconv.decode(iconv.encode(text, 'windows-1251'), 'windows-1251');
    const products = opticalProducts({ random: seededRandom(5), count: 300 }).map((product) => ({
      ...product,
      name: written(product.name),
    }));
    const file = new Uint8Array(iconv.encode(csvOf(catalogFile(products).rows), 'windows-1251'));
    const dry = (await send(hq, file, { dryRun: true })).body as ImportReport;
    assert.is(dry.dryRun, true);
    assert.is(dry.created, 300);
    assert.is(hq.services.products.count, 0);
    assert.is(dry.preview.length, 10);
    assert.is(dry.preview[0]!.name, products[0]!.name);
    assert.is(dry.preview[0]!.priceMinor, products[0]!.priceMinor);

    const report = await taken(hq, file);
    assert.is(report.committed, true);
    assert.equal(report.read.encoding, 'windows-1251');
    assert.equal(report.read.delimiter, ';');
    assert.equal(report.read.decimalMark, ',');
    assert.is(report.read.headerRow, 1);
    assert.is(report.read.columns.sku, 'Артикул');
    assert.ok(
      ['format', 'encoding', 'delimiter', 'headerRow'].every((what) => report.read.guessed.includes(what)),
    );
    for (const { sku, name, priceMinor, vat, barcodes } of products) {
      const found = hq.services.products.get(sku);
      assert.equal(
        [found?.name, found?.priceMinor, found?.vat, found?.barcodes],
        [name, priceMinor, vat, barcodes],
      );
    }
    const again = await taken(hq, file);
    assert.equal([again.created, again.changed, again.unchanged], [0, 0, 300]);
  }));

test('the same rows as a workbook are the same products', () =>
  office(async (hq) => {
    const products = opticalProducts({ random: seededRandom(5), count: 50 });
    const { rows } = catalogFile(products);
    const report = await taken(hq, await workbook(rows), { profile: { decimalMark: ',' } });
    assert.is(report.read.format, 'xlsx');
    assert.is(report.created, 50);
    assert.is(hq.services.products.get(products[7]!.sku)?.priceMinor, products[7]!.priceMinor);
    const numbers = [
      ['SKU', 'Name', 'Price', 'VAT', 'EAN'],
      ['N1', 'By numbers', 1234.1, 0.22, 4006381333931],
    ];
    await taken(hq, await workbook(numbers));
    const product = hq.services.products.get('N1');
    assert.equal(
      [product?.priceMinor, product?.vat, product?.barcodes],
      [123410, 'vat22', ['4006381333931']],
    );
  }));

test('every seeded mistake is found in its row and nothing else is; nothing is written', () =>
  office(async (hq) => {
    const random = seededRandom(42);
    const { rows, mistakes } = catalogFile(opticalProducts({ random, count: 1_000 }), random);
    const report = await refusedBy(hq, csvOf(rows));
    const errors = report.faults.filter(({ level }) => level === 'error');
    assert.equal(
      errors.map(({ row, code }) => ({ row, code })),
      mistakes,
    );
    assert.is(report.errors, mistakes.length);
    assert.is(mistakes.length, 40);
    assert.is(hq.services.products.count, 0);
    const duplicate = errors.find(({ code }) => code === 'SKU_DUPLICATE')!;
    assert.is(duplicate.column, 'Артикул');
    assert.is(duplicate.words, 'stands in row 2 already');
    assert.is(duplicate.value, rows[1]![0]);
  }));

test('10,000 rows are taken in at once; how fast, the benchmark says', () =>
  office(async (hq) => {
    const file = csvOf(catalogFile(opticalProducts({ random: seededRandom(7) })).rows);
    assert.is((await taken(hq, file)).created, 10_000);
  }));

test('a price that jumps and a VAT that changes stop the file until somebody accepts them', () =>
  office(async (hq) => {
    await taken(hq, 'sku,name,price,vat\nA,Chair,100,22\nB,Desk,100,22\n');
    const next = 'sku,price,vat\nA,121,22\nB,120,10\n';
    const report = await refusedBy(hq, next);
    assert.equal(codes(report), ['2 PRICE_JUMP', '3 VAT_CHANGED']);
    assert.is(report.faults[0]!.words, 'moves the price by 21 % (it is 100.00)');
    assert.is(hq.services.products.get('B')?.priceMinor, 10_000);
    assert.equal(codes(await refusedBy(hq, next, { accept: 'VAT_CHANGED' })), [
      '2 PRICE_JUMP',
      '3 VAT_CHANGED',
    ]);
    const done = await taken(hq, next, { accept: 'VAT_CHANGED,PRICE_JUMP' });
    assert.equal([done.changed, done.warnings], [2, 2]);
    assert.is(hq.services.products.get('A')?.priceMinor, 12_100);
    assert.is(hq.services.products.get('B')?.vat, 'vat10');
    assert.is(hq.services.products.get('A')?.name, 'Chair', 'a column that is not there changes nothing');
    await taken(hq, 'sku,price\nA,500\n', { profile: { priceChangePercentMax: 1_000 } });
  }));

test('each kind of wrong row has its own words', () =>
  office(async (hq) => {
    const file = [
      'sku,name,price,vat,barcode,unit,retired,brand,currency',
      ',No sku,1,22,,,,,',
      'A/B,Slash,1,22,,,,,',
      'C,,1,22,,,,,',
      'D,Desk,abc,22,,,,,',
      'E,Desk,-1,22,,,,,',
      'F,Desk,1,22,4006381333930,,,,',
      'G,Desk,1,22,,barrel,,,',
      'H,Desk,1,22,,,maybe,,',
      `I,${'x'.repeat(300)},1,22,,,,,`,
      'J,De\u0000sk,1,22,,,,,',
      'K,Desk,,22,,,,,',
      'L,Desk,1,,,,,,',
      'M,Desk,1,22,,,,,USD',
      'N,Desk,1,22,"4,00638E+12",,,,',
      'O,Desk,1,22,,,,,RUB,more',
      'P,Desk,99999999999999,22,,,,,',
      `Q,${'x'.repeat(IMPORT_CELL_CHARS_MAX + 1)},1,22,,,,,`,
      `R,Desk,1,22,"${Array.from({ length: 33 }, (_, i) => `CODE${i}`).join(' ')}",,,,`,
      'S,Desk,1,20,OWN-1,,,,',
    ].join('\n');
    const report = await refusedBy(hq, file);
    const errors = report.faults.filter(({ level }) => level === 'error');
    assert.equal(
      errors.map(({ row, code }) => `${row} ${code}`),
      [
        '2 SKU_MISSING',
        '3 SKU_INVALID',
        '4 NAME_MISSING',
        '5 NUMBER_INVALID',
        '6 PRICE_NEGATIVE',
        '7 BARCODE_INVALID',
        '8 UNIT_UNKNOWN',
        '9 YES_NO_INVALID',
        '10 TEXT_TOO_LONG',
        '11 TEXT_INVALID',
        '12 PRICE_MISSING',
        '13 VAT_MISSING',
        '14 CURRENCY_INVALID',
        '15 BARCODE_ROUNDED',
        '16 COLUMNS_UNEVEN',
        '17 PRICE_TOO_LARGE',
        '18 TEXT_TOO_LONG',
        '19 BARCODES_TOO_MANY',
      ],
    );
    assert.is(report.byCode.VAT_OUTDATED, 1);
    assert.ok((report.byCode.BARCODE_MISSING ?? 0) > 0);
    assert.is(hq.services.products.count, 0);
  }));

test('a barcode of another product in the catalog is a warning, empty rows are passed over and keep their number', () =>
  office(async (hq) => {
    await taken(hq, 'sku,name,price,vat,ean\nA,Chair,1,22,4006381333931\n');
    const report = await taken(hq, 'sku,name,price,vat,ean\n\n,,,,\nB,Desk,1,22,4006381333931\n');
    assert.equal(codes(report), ['4 BARCODE_TAKEN']);
    assert.is(report.rows, 1);
  }));

test('a file that is no table is refused with what to do', () =>
  office(async (hq) => {
    assert.match(await unreadable(hq, ''), /empty/);
    assert.match(await unreadable(hq, 'just words\nand more\n'), /title of an SKU column.*just words/);
    assert.match(await unreadable(hq, 'sku,name\n"A,never closed\n'), /no CSV/);
    assert.match(
      await unreadable(hq, 'sku,name\nA,B\n', { profile: 'acme' }),
      /no profile "acme"; known: standard/,
    );
    assert.match(await unreadable(hq, 'sku,name\n', { profile: '{' }), /not valid JSON/);
    assert.match(await unreadable(hq, 'sku,name\n', { profile: { delimiter: 'x' } }), /delimiter/);
    assert.match(
      await unreadable(hq, 'sku,name\n', { profile: { columns: { price: 'Cost' } } }),
      /"Cost", which no/,
    );
    assert.match(
      await unreadable(hq, 'a,b\n', { profile: { headerRow: 0, columns: { name: 'x' } } }),
      /needs a number/,
    );
    assert.match(await unreadable(hq, 'PK\u0003\u0004', { profile: { format: 'csv' } }), /is a workbook/);
    assert.match(
      await unreadable(hq, iconv.encode('sku;имя\n', 'cp1251'), { profile: { encoding: 'utf-8' } }),
      /UTF-8/,
    );
    assert.match((await refusedBy(hq, 'sku,name\n')).rows.toString(), /^0$/);
    await send(hq, 'sku,name\n', { accept: 'SKU_MISSING' }).then(
      () => assert.unreachable(),
      (error: ProblemError) => assert.is(error.code, 'INVALID_REQUEST'),
    );
  }));

test('columns by number and a profile of one’s own', () =>
  office(async (hq) => {
    const columns = { sku: 2, name: 1, price: 3 };
    const profile = {
      name: 'acme',
      headerRow: 0,
      delimiter: '|',
      columns,
      vatDefault: 'vat22',
      decimalMark: '.',
    };
    const report = await taken(hq, 'Chair 15" black|A|12.50\n', { profile });
    assert.equal(report.read.guessed, ['format', 'encoding']);
    assert.is(hq.services.products.get('A')?.name, 'Chair 15" black');
    await taken(hq, 'Price list of 22.11.2026\n\nПозиция;Название;Цена\nB;Стол;1,50\n', {
      profile: { columns: { sku: 'позиция' }, vatDefault: 'vat22' },
    });
    assert.is(hq.services.products.get('B')?.priceMinor, 150);
  }));

test('G2: the same key gives the same answer; a restart keeps what was taken', () =>
  office(async (hq) => {
    const file = 'sku,name,price,vat\nA,Chair,100,22\n';
    const first = await send(hq, file, { key: 'once' });
    const second = await send(hq, file, { key: 'once' });
    assert.is(second.replayed, true);
    assert.equal(second.body, first.body);
    await hq.stop();
    await hq.start();
    assert.is(hq.services.products.get('A')?.priceMinor, 10_000);
    assert.equal((await send(hq, file, { key: 'once' })).body, first.body);
  }));

test('a branch may look at a file and not import it', () =>
  office(async (_hq, chain) => {
    const shop = await chain.machine('B001');
    await shop.start();
    const file = 'sku,name,price,vat\nA,Chair,100,22\n';
    assert.is((await send(shop, file, { dryRun: true })).status, 200);
    await send(shop, file).then(
      () => assert.unreachable(),
      (error: ProblemError) => assert.is(error.code, 'FORBIDDEN'),
    );
  }));

test('an import reaches a branch whole, and retiring a product takes it from the shelves and back', () =>
  office(async (hq, chain) => {
    const shop = await chain.machine('B001');
    await shop.start({ peers: [`http://${hq.address}`] });
    await taken(hq, 'sku,name,price,vat\nA,Chair,100,22\nB,Desk,50,22\n');
    await chain.until(() => shop.services.products.count === 2);
    await taken(hq, 'sku,retired\nA,yes\n');
    await chain.until(() => shop.services.products.search({ q: 'chair', limit: 5 }).length === 0);
    await taken(hq, 'sku,retired\nA,no\n');
    await chain.until(() => shop.services.products.search({ q: 'chair', limit: 5 }).length === 1);
  }));

test('limits: rows, columns, faults listed', () =>
  office(async (hq) => {
    const wide = Array.from({ length: IMPORT_COLUMNS_MAX + 1 }, (_, i) => `c${i}`).join(',');
    assert.match(await unreadable(hq, `sku,name\n${wide}\n`), /201 columns; 200/);
    const many = `sku,name,price,vat\n${'A,B,1,22\n'.repeat(IMPORT_FILE_ROWS_MAX + 1)}`;
    assert.match(await unreadable(hq, many), /rows/);
    const wrong = `sku,name,price,vat\n${',B,1,22\n'.repeat(IMPORT_FAULTS_MAX + 1)}`;
    const report = await refusedBy(hq, wrong);
    assert.equal([report.faults.length, report.errors], [IMPORT_FAULTS_MAX, IMPORT_FAULTS_MAX + 1]);
  }));

test('limits: a workbook that would unpack to more than is allowed is refused in bounded memory', () =>
  office(async (hq) => {
    const bomb = deflateRawSync(Buffer.alloc(IMPORT_UNPACKED_BYTES_MAX + 1));
    assert.match(await unreadable(hq, zip([['xl/worksheets/sheet1.xml', bomb]])), /unpacks to more/);
    const far = deflateRawSync(Buffer.from('<sheetData><row r="1"><c r="XFD1048576"/></row></sheetData>'));
    assert.match(await unreadable(hq, zip([['xl/worksheets/sheet1.xml', far]])), /row 1048576/);
    const right = deflateRawSync(Buffer.from('<row r="1"><c r="XFD1"/></row>'));
    assert.match(await unreadable(hq, zip([['xl/worksheets/sheet1.xml', right]])), /column XFD/);
    const nothing = deflateRawSync(Buffer.alloc(0));
    const crowd = Array.from({ length: WORKBOOK_PARTS_MAX + 1 }, (_, i) => [`p${i}`, nothing] as const);
    assert.match(await unreadable(hq, zip(crowd)), /1001 parts/);
    const broken = zip([['xl/worksheets/sheet1.xml', Buffer.from('not deflated')]]);
    assert.match(await unreadable(hq, broken), /cannot be unpacked/);
    assert.match(await unreadable(hq, broken.subarray(0, 40)), /cut off/);
    assert.match(await unreadable(hq, await workbook([['SKU']]), { profile: { sheet: 7 } }), /sheet 7/);
  }));

test('a product written by hand meanwhile is checked as it stands at the commit', () =>
  office(async (hq) => {
    const put = { name: 'Chair', priceMinor: 10_000, vat: 'vat22' } as ProductPut;
    const [, answer] = await Promise.all([
      hq.services.products.put('A', hq.request(put)),
      send(hq, 'sku,name,price,vat\nA,Chair,500,22\n'),
    ]);
    assert.is(answer.status, 422);
  }));

async function workbook(rows: readonly (readonly (string | number)[])[]): Promise<Uint8Array> {
  const cells = rows.map((row) =>
    row.map((value) => ({ value, type: typeof value === 'number' ? Number : String })),
  );
  const made = writeWorkbook(cells as never) as unknown as { toBuffer(): Promise<Buffer> };
  return new Uint8Array(await made.toBuffer());
}

/** A zip with these parts, deflated already. */
function zip(parts: readonly (readonly [name: string, deflated: Buffer])[]): Uint8Array {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, deflated] of parts) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(deflated.length, 18);
    local.writeUInt16LE(name.length, 26);
    locals.push(local, Buffer.from(name), deflated);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(deflated.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    directory.push(entry, Buffer.from(name));
    at += 30 + name.length + deflated.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...locals, ...directory, end]));
}

test.run();
