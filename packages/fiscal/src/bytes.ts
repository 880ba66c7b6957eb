/**
 * Byte strings as plain `Uint8Array`: what leaves this package is never a `Buffer`, whose `slice` shares memory where
 * everybody else's copies.
 */
export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
