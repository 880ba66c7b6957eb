/**
 * Finds out which protocol the device at the other end speaks. It fixed its choice with the first byte it understood, so the
 * question is asked once per connection and never in the middle of one: ENQ first, then the request of the second protocol.
 */
import type { Clock } from 'hlc-ts';
import { KktError } from '../../errors.ts';
import type { ByteLine } from '../byte-line.ts';
import { BUFFERED_MAX, LineReader } from '../line-reader.ts';
import { ACK, ENQ, NAK } from './frame-v1.ts';
import { encodeFrameV2 } from './frame-v2.ts';
import type { ShtrihLink } from './link.ts';
import { BYTE_LIMIT_MS, LinkV1 } from './link-v1.ts';
import { LinkV2, readFrameV2 } from './link-v2.ts';

export const PROBES_MAX = 3;
export const PROBE_LIMIT_MS = 500;

export interface OpenLinkOptions {
  readonly line: ByteLine;
  readonly clock: Clock;
  readonly protocol?: 'v1' | 'v2' | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenedLink {
  readonly link: ShtrihLink;
  readonly reader: LineReader;
}

/** Closes the line when nobody answers. */
export async function openShtrihLink(options: OpenLinkOptions): Promise<OpenedLink> {
  const { line, clock, protocol, signal } = options;
  const reader = new LineReader(line, clock);
  try {
    for (let probes = 0; probes < PROBES_MAX; probes += 1) {
      if (protocol !== 'v2' && (await speaksV1(reader, signal))) return { link: new LinkV1(reader), reader };
      const number = protocol === 'v1' ? undefined : await lastNumber(reader, signal);
      if (number !== undefined) return { link: new LinkV2(reader, number), reader };
    }
    throw new KktError('KKT_NO_ANSWER', `${line.name}: nobody answers`, { outcome: 'unsent' });
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function speaksV1(reader: LineReader, signal: AbortSignal | undefined): Promise<boolean> {
  reader.drain();
  reader.send(Uint8Array.of(ENQ));
  const untilMs = reader.inMs(PROBE_LIMIT_MS);
  for (;;) {
    const byte = await reader.next({ untilMs, signal });
    if (byte === undefined) return false;
    if (byte === NAK) return true;
    if (byte !== ACK) continue;
    // An answer of before comes now; unacknowledged it comes once more when the link asks, in order.
    await silence(reader, signal);
    return true;
  }
}

async function silence(reader: LineReader, signal: AbortSignal | undefined): Promise<void> {
  for (let bytes = 0; bytes < BUFFERED_MAX; bytes += 1) {
    if ((await reader.next({ untilMs: reader.inMs(BYTE_LIMIT_MS), signal })) === undefined) return;
  }
}

async function lastNumber(reader: LineReader, signal: AbortSignal | undefined): Promise<number | undefined> {
  reader.drain();
  reader.send(encodeFrameV2({ message: new Uint8Array() }));
  const frame = await readFrameV2(reader, reader.inMs(PROBE_LIMIT_MS), signal);
  return frame === undefined || frame === 'corrupt' ? undefined : frame.number;
}
