/** QR codes dot by dot as another program draws them. */
import { createRequire } from 'node:module';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QR_BYTES_MAX, qrGrid, qrImage } from '../web/kit/qr.ts';

const test = suite('qr');

interface Other {
  create(
    segments: readonly { readonly data: Uint8Array; readonly mode: 'byte' }[],
    options: { readonly errorCorrectionLevel: 'L'; readonly maskPattern: number },
  ): { readonly modules: { readonly size: number; readonly data: Uint8Array } };
}
const other = createRequire(import.meta.url)('qrcode') as Other;

test('every version and mask, as another encoder has it', () => {
  for (const length of [1, 17, 32, 53, 78, 106, 134, 154, 192, 230, QR_BYTES_MAX]) {
    const text = 'Branchline 0123456789 '.repeat(20).slice(0, length);
    for (let mask = 0; mask < 8; mask++) {
      const options = { errorCorrectionLevel: 'L', maskPattern: mask } as const;
      const { modules } = other.create([{ data: new TextEncoder().encode(text), mode: 'byte' }], options);
      const mine = qrGrid(text, mask);
      assert.is(mine.length, modules.size, `${length}`);
      assert.is(
        mine.flat().map(Number).join(''),
        Array.from(modules.data, Number).join(''),
        `${length} bytes, mask ${mask}`,
      );
    }
  }
});

test('a text that does not fit is refused', () => {
  assert.throws(() => qrGrid('x'.repeat(QR_BYTES_MAX + 1)), /do not fit/);
  assert.match(qrImage('x'), /^data:image\/svg\+xml,/);
});

test.run();
