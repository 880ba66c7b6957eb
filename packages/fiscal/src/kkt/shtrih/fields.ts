/**
 * Fields of Shtrih-M messages: numbers little-endian, money in five bytes, quantities in six, text in CP1251.
 *
 * A reader never reads beyond its bytes: what is missing is `KKT_PROTOCOL`. Dates carry two digits of the year.
 */
import iconv from 'iconv-lite';
import { KktError } from '../../errors.ts';
import { formatWallTime, secondsOfWallTime } from '../../ffd/wall-time.ts';

export class FieldWriter {
  readonly #bytes: number[] = [];

  /** Little-endian in `count` bytes. */
  number(value: number, count: number): this {
    let rest = value;
    for (let at = 0; at < count; at += 1) {
      this.#bytes.push(rest % 256);
      rest = Math.floor(rest / 256);
    }
    if (rest !== 0 || !Number.isSafeInteger(value) || value < 0) {
      throw new KktError('KKT_UNSUPPORTED', `${value} does not fit ${count} bytes`, { outcome: 'unsent' });
    }
    return this;
  }

  byte(value: number): this {
    return this.number(value, 1);
  }

  money(kopecks: number): this {
    return this.number(kopecks, 5);
  }

  /** `FF` over the whole field: let the device work it out. */
  auto(count: number): this {
    return this.bytes(new Uint8Array(count).fill(0xff));
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  text(text: string, max: number): this {
    return this.bytes(iconv.encode(text, 'win1251').subarray(0, max));
  }

  /** Text in a field of fixed width, filled with zeros. */
  field(text: string, width: number): this {
    const bytes = new Uint8Array(width);
    bytes.set(iconv.encode(text, 'win1251').subarray(0, width));
    return this.bytes(bytes);
  }

  /** `year month day hour minute`, as storages write times. */
  time(seconds: number): this {
    const [, year = '', month, day, hour, minute] =
      /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)/.exec(formatWallTime(seconds)) ?? [];
    for (const part of [year.slice(2), month, day, hour, minute]) this.byte(Number(part));
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export class FieldReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  bytes(count: number): Uint8Array {
    if (count > this.left) {
      throw new KktError('KKT_PROTOCOL', `${this.left} bytes where ${count} are due`, { outcome: 'unknown' });
    }
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  number(count: number): number {
    return this.bytes(count).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  byte(): number {
    return this.number(1);
  }

  money(): number {
    return this.number(5);
  }

  skip(count: number): this {
    this.bytes(count);
    return this;
  }

  text(count: number): string {
    const text = iconv.decode(Buffer.from(this.bytes(count)), 'win1251');
    return text.replace(/[\0 ]+$/, '');
  }

  /** `year month day hour minute`; 0 where the device has no time to tell. */
  time(): number {
    const [year = 0, ...parts] = this.bytes(5);
    const [month, day, hour, minute] = parts.map((part) => String(part).padStart(2, '0'));
    return secondsOfWallTime(`${2000 + year}-${month}-${day}T${hour}:${minute}`) ?? 0;
  }
}
