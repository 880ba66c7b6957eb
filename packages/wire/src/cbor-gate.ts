/**
 * Is this one plain CBOR item, small enough to decode? Asked before a stranger's bytes reach the decoder.
 *
 * A decoder believes a length it reads: five bytes may claim an array of a quarter of a billion places. Tags would make it build
 * dates, sets and references; a megabyte of empty arrays becomes fifty of memory. So before decoding, one walk over the headers:
 *
 *   definite lengths that the rest of the bytes can hold · no tags · text keys, never `__proto__` · nesting up to
 *   DEPTH_MAX · at most ITEMS_MAX items · nothing after the item
 *
 * The walk skips over the content of strings, allocates nothing that the input chooses, and touches each header once.
 * Does not: check that text is UTF-8, or that the item is a frame.
 */

/** Frames are 4 deep; the rest is for the free-form report of `status`. */
export const DEPTH_MAX = 16;
/** The widest honest frame, a full `vector`, has 4 items for each of 8192 feeds. */
export const ITEMS_MAX = 40_000;

const PROTO_KEY = new TextEncoder().encode('__proto__');

/** Undefined when plain, else what is wrong. */
export function cborFault(bytes: Uint8Array): string | undefined {
  const { length } = bytes;
  /** Items still to come, per open container. */
  const left = new Int32Array(DEPTH_MAX + 1);
  /** 1 where the container is a map; its even items are keys. */
  const isMap = new Uint8Array(DEPTH_MAX + 1);
  left[0] = 1;
  let depth = 0;
  let at = 0;
  let items = 0;
  for (;;) {
    while (left[depth] === 0) {
      if (depth === 0) return at === length ? undefined : 'bytes after the item';
      depth -= 1;
    }
    const isKey = isMap[depth] === 1 && left[depth]! % 2 === 0;
    left[depth]! -= 1;
    items += 1;
    if (items > ITEMS_MAX) return 'too many items';
    if (at >= length) return 'ends early';

    const initial = bytes[at]!;
    at += 1;
    const major = initial >> 5;
    const info = initial & 31;
    if (info > 27) return 'indefinite or reserved length';
    const width = info < 24 ? 0 : 1 << (info - 24);
    if (width > length - at) return 'ends early';
    let value = info;
    if (width > 0) {
      value = 0;
      for (let i = 0; i < width; i += 1) value = value * 256 + bytes[at + i]!;
      at += width;
    }
    if (isKey && major !== 3) return 'a key that is not text';

    switch (major) {
      case 0:
      case 1:
        break;
      case 2:
      case 3:
        if (value > length - at) return 'ends early';
        if (isKey && isProto(bytes, at, value)) return 'a forbidden key';
        at += value;
        break;
      case 4:
      case 5: {
        const inside = major === 5 ? value * 2 : value;
        if (inside > length - at) return 'ends early';
        if (depth === DEPTH_MAX) return 'nested too deeply';
        depth += 1;
        left[depth] = inside;
        isMap[depth] = major === 5 ? 1 : 0;
        break;
      }
      case 6:
        return 'a tag';
      default:
        if (info < 20 || info === 24) return 'an unknown simple value';
    }
  }
}

function isProto(bytes: Uint8Array, at: number, length: number): boolean {
  return length === PROTO_KEY.length && PROTO_KEY.every((byte, index) => bytes[at + index] === byte);
}
