/**
 * CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected, nothing inverted; "123456789" gives 0x29B1.
 *
 * One checksum serves the containers of the OFD protocol, the second framing of Shtrih-M and the storage's own framing.
 * Takes several pieces, because a container's checksum skips its own two bytes.
 */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

export function crc16(...pieces: readonly Uint8Array[]): number {
  let crc = 0xffff;
  for (const piece of pieces) {
    for (const byte of piece) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ byte]!;
  }
  return crc;
}
