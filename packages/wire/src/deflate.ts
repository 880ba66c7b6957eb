/**
 * Raw deflate of frame bodies with a dictionary both sides know, so that even one small entry shrinks.
 *
 * Guarantees: `inflateBody` never produces more than `bytesMax`: a bomb costs the memory of one frame and is refused. The dictionary
 * is part of the protocol: protocol-version.ts pins its hash, and a change of it is a new version.
 *
 * Does not: compress across frames. WebSocket's own permessage-deflate stays off: its window costs memory per connection and its
 * output has no cap of its own.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Above this a body is compressed at the fastest level: the event loop is shared with sales. */
const FAST_ABOVE_BYTES = 16_384;
const LEVEL_FAST = 1;
const LEVEL_SMALL = 6;
/** A commit on its way: for so little, clearing tables for 32 KB would cost as much as everything else. */
const LIVE_BYTES_MAX = 2048;
/** Reach over the dictionary and such a body: they come out as small as with the large ones. */
const LIVE_TABLES = { windowBits: 12, memLevel: 5 };

/**
 * Text as CBOR writes it (a length byte before each word), likeliest last: deflate reaches the end of a dictionary with
 * the fewest bits.
 */
const WORDS = [
  ...['revoke', 'rotate', 'enrol', 'invite', 'tenant', 'region', 'nodeLetter', 'grants', 'publicKey'],
  ...['customer-change', 'product-change', 'stock-adjustment', 'stock-count', 'stock-receipt', 'fields'],
  ...['countedMilli', 'seenMilli', 'deltaMilli', 'reason', 'reference', 'number', 'branch', 'hq', 'relay'],
  ...['registry', 'catalog/', 'loyalty/', 'stock/', 'receipts/', 'orders/', 'have', 'digests', 'reply'],
  ...['vector', 'collection', 'feeds', 'doc', 'change', 'incarnation', 'customer', 'contact', 'redeemed'],
  ...['redeemedMinor', 'earned', 'loyalty', 'none', 'vat10', 'vat20', 'vat22', 'vatMinor', 'card', 'cash'],
  ...['cashier', 'changeMinor', 'till', 'receipt', 'payments', 'kind', 'amountMinor', 'lines', 'sku', 'name'],
  ...['quantityMilli', 'unitPriceMinor', 'discountMinor', 'totalMinor', 'vat', 'order', 'id'],
  ...['type', 'entries', 'feed', 'from', 'entries', 'signature'],
];

export const DICTIONARY: Uint8Array = Buffer.concat(
  WORDS.map((word) => Buffer.concat([Buffer.from([0x60 | word.length]), Buffer.from(word)])),
);

export function deflateBody(body: Uint8Array): Uint8Array {
  const level = body.length > FAST_ABOVE_BYTES ? LEVEL_FAST : LEVEL_SMALL;
  const tables = body.length > LIVE_BYTES_MAX ? {} : LIVE_TABLES;
  return deflateRawSync(body, { level, ...tables, dictionary: DICTIONARY });
}

/** Undefined when the bytes are not deflate, `'bomb'` when they hold more than `bytesMax`. */
export function inflateBody(bytes: Uint8Array, bytesMax: number): Uint8Array | 'bomb' | undefined {
  try {
    return inflateRawSync(bytes, { dictionary: DICTIONARY, maxOutputLength: bytesMax });
  } catch (error) {
    return (error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE' ? 'bomb' : undefined;
  }
}
