// limit: 900 s
/** Files a shop sends: whatever is in them, a table or a coded refusal, in bounded time and memory. */
import { ProblemError } from '@branchline/model';
import { systemClock } from 'hlc-ts';
import iconv from 'iconv-lite';
import { suite } from 'uvu';
import writeXlsxFile from 'write-excel-file/node';
import { fuzz } from '../../test/support/fuzz.ts';
import { profileOf } from '../src/catalog-file/profiles.ts';
import { readTable } from '../src/catalog-file/table.ts';

const CSV =
  'sku;name;price;barcode;vat\nF-1;Оправа "Весна";1 990,50;4600000000008;22%\nF-2;Линза;10;;НДС 10%\n';
const isRefusal = (error: unknown): boolean => error instanceof ProblemError;
const clock = systemClock();

const test = suite('catalog files under mutation');

test('a CSV file, in both encodings', async () => {
  await fuzz({
    name: 'CSV',
    corpus: [Buffer.from(CSV), iconv.encode(CSV, 'win1251'), Buffer.from(CSV.replaceAll(';', ','))],
    decode: (bytes) => readTable(bytes, profileOf(undefined), clock),
    isRefusal,
  });
});

test('an XLSX file', async () => {
  const cells = CSV.trim()
    .split('\n')
    .map((line) => line.split(';').map((value) => ({ type: String, value })));
  const file = writeXlsxFile(cells as never) as unknown as { toBuffer(): Promise<Buffer> };
  await fuzz({
    name: 'XLSX',
    corpus: [await file.toBuffer()],
    decode: (bytes) => readTable(bytes, profileOf(undefined), clock),
    isRefusal,
  });
});

test.run();
