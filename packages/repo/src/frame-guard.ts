/**
 * What a frame of a stranger would become, found without decoding it.
 *
 * A few bytes of CBOR can announce arrays of millions of elements or nest without end. The guard walks the items of a frame and says
 * yes only to what the protocol needs: one map, little nesting, lengths that are really there, no tags, nothing of unknown length.
 */

/** Items of one frame, keys and values each counted. */
export const FRAME_ITEMS_MAX = 256;
/** A map in a map in the frame's own: remote heads need that much. */
export const FRAME_DEPTH_MAX = 4;

export function isPlainFrame(bytes: Uint8Array): boolean {
  const walk = new Walk(bytes);
  return bytes.length > 0 && bytes[0]! >> 5 === 5 && walk.item(0) && walk.isAtEnd;
}

class Walk {
  readonly #bytes: Uint8Array;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  item(depth: number): boolean {
    this.#items += 1;
    const head = this.#bytes[this.#at++];
    if (head === undefined || depth > FRAME_DEPTH_MAX || this.#items > FRAME_ITEMS_MAX) {
      return false;
    }
    const length = this.#length(head & 31);
    if (length === undefined) {
      return false;
    }
    switch (head >> 5) {
      case 0:
      case 1:
      case 7:
        return true;
      case 2:
      case 3:
        this.#at += length;
        return this.#at <= this.#bytes.length;
      case 4:
        return this.#itemsBelow(length, depth);
      case 5:
        return this.#itemsBelow(2 * length, depth);
      default:
        return false;
    }
  }

  #itemsBelow(count: number, depth: number): boolean {
    if (count > FRAME_ITEMS_MAX) {
      return false;
    }
    for (let n = 0; n < count; n++) {
      if (!this.item(depth + 1)) {
        return false;
      }
    }
    return true;
  }

  /** The argument of an item's head; undefined for what is cut off or of unknown length. */
  #length(short: number): number | undefined {
    if (short < 24) {
      return short;
    }
    if (short > 27) {
      return undefined;
    }
    const size = 2 ** (short - 24);
    let value = 0;
    for (let n = 0; n < size; n++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) {
        return undefined;
      }
      value = value * 256 + byte;
    }
    return value;
  }
}
