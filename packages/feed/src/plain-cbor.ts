/**
 * Is this one plain CBOR item? Asked before a stranger's bytes reach the decoder.
 *
 * Plain means: definite lengths that the bytes can really hold, no tags, nesting up to a limit, nothing after the item.
 * A decoder believes a length it reads: five bytes may claim an array of thirty million places, and get them. Tags would make
 * it build dates, sets, errors and references. This walk reads headers only and allocates nothing that the input chooses.
 *
 * Does not: check that text is UTF-8, or say what the item means.
 */
export const CBOR_DEPTH_MAX = 32;

const ENDS_EARLY = 'ends in the middle of an item';

/** Undefined when plain, else what is wrong. */
export function plainCborFault(bytes: Uint8Array): string | undefined {
  const length = bytes.byteLength;
  const left: number[] = [1];
  let at = 0;
  while (left.length > 0) {
    const level = left.length - 1;
    if (left[level] === 0) {
      left.pop();
      continue;
    }
    left[level]! -= 1;
    if (at >= length) return ENDS_EARLY;
    const initial = bytes[at]!;
    at += 1;
    const major = initial >> 5;
    const info = initial & 31;
    if (info > 27) return 'has an indefinite or reserved length';
    const width = info < 24 ? 0 : 1 << (info - 24);
    if (width > length - at) return ENDS_EARLY;
    let value = info;
    if (width > 0) {
      value = 0;
      for (let i = 0; i < width; i += 1) value = value * 256 + bytes[at + i]!;
      at += width;
    }
    if (major === 2 || major === 3) {
      if (value > length - at) return ENDS_EARLY;
      at += value;
    } else if (major === 4 || major === 5) {
      const items = major === 5 ? value * 2 : value;
      if (items > length - at) return ENDS_EARLY;
      if (left.length > CBOR_DEPTH_MAX) return `is nested deeper than ${CBOR_DEPTH_MAX}`;
      left.push(items);
    } else if (major === 6) {
      return 'has a tag';
    } else if (major === 7 && (info < 20 || info === 24)) {
      return 'has an unknown simple value';
    }
  }
  return at === length ? undefined : 'has bytes after its end';
}
