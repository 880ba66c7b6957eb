/**
 * Marking codes as tags: which kind of code it is, and what of it goes into the receipt.
 *
 * Format 1.2 has a tag per kind (1301-1309, unrecognised ones in 1300); up to 1.1 there is one tag with a two-byte kind in
 * front. Only the part that identifies the item is written; the crypto tail is the device's and the marking system's.
 * The device checks a code against the marking system before the receipt; nothing here says a code is genuine.
 */
import type { TagInput } from './tag.ts';

/** Characters of the longest code the storage takes. */
export const MARKING_CODE_CHARS_MAX = 256;

const SEPARATOR = '\u001d';
const UNRECOGNISED_CHARS = 32;

interface CodeKind {
  readonly tag: number;
  readonly pattern: RegExp;
  /** Kind in front of tag 1162; absent where format 1.1 had none. */
  readonly prefix?: number;
}

/** The first match counts; the group is what goes into the tag. `[!-~]` is a character of a code, `[^!-~]` the separator. */
const KINDS: readonly CodeKind[] = [
  { tag: 1301, pattern: /^(\d{8})$/, prefix: 0x4508 },
  { tag: 1302, pattern: /^(\d{13})$/, prefix: 0x450d },
  { tag: 1303, pattern: /^(\d{14})$/, prefix: 0x490e },
  { tag: 1307, pattern: /^([A-Z]{2}-\d{6}-[A-Z0-9]{10})$/, prefix: 0x5246 },
  // Marked: identification, then a check key or code behind a separator.
  { tag: 1305, pattern: /^(01\d{14}21[!-~]{1,20})[^!-~](?:9[123]|8005|17).*$/s, prefix: 0x444d },
  { tag: 1304, pattern: /^(01\d{14}(?:21[!-~]{1,20})?)$/, prefix: 0x444d },
  // A cigarette pack: item number, serial, price, check code without any separators.
  { tag: 1306, pattern: /^(\d{14}[!-~]{7})[!-~]{8}$/, prefix: 0x444d },
  { tag: 1308, pattern: /^.{7}([!-~]{23}).{38}$/s, prefix: 0xc514 },
  { tag: 1309, pattern: /^([!-~]{14})[!-~]{136}$/, prefix: 0xc51e },
];

export function isMarkingCode(code: string): boolean {
  const hasOnlyCodeCharacters = [...code].every((char) => char === SEPARATOR || (char >= '!' && char <= '~'));
  return code.length > 0 && code.length <= MARKING_CODE_CHARS_MAX && hasOnlyCodeCharacters;
}

/** Children of tag 1163. */
export function productCodeTag(code: string): TagInput {
  for (const { tag, pattern } of KINDS) {
    const found = pattern.exec(code)?.[1];
    if (found !== undefined) return { tag, value: found };
  }
  return { tag: 1300, value: code.replaceAll(SEPARATOR, '').slice(0, UNRECOGNISED_CHARS) };
}

/** Value of tag 1162; undefined for kinds format 1.1 has no place for. */
export function nomenclatureCode(code: string): Uint8Array | undefined {
  for (const { tag, pattern, prefix } of KINDS) {
    const found = pattern.exec(code)?.[1];
    if (found === undefined) continue;
    if (prefix === undefined) return undefined;
    const kind = [prefix >> 8, prefix & 0xff];
    if (tag === 1304 || tag === 1305) {
      return Uint8Array.of(
        ...kind,
        ...sixBytes(found.slice(2, 16)),
        ...Buffer.from(found.slice(18), 'latin1'),
      );
    }
    if (tag === 1306) {
      return Uint8Array.of(
        ...kind,
        ...sixBytes(found.slice(0, 14)),
        ...Buffer.from(found.slice(14), 'latin1'),
      );
    }
    if (tag <= 1303) return Uint8Array.of(...kind, ...sixBytes(found));
    return Uint8Array.of(...kind, ...Buffer.from(found, 'latin1'));
  }
  return undefined;
}

/** An item number as six bytes, big-endian: fourteen digits fit. */
function sixBytes(digits: string): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(Number(digits), 0, 6);
  return bytes;
}
