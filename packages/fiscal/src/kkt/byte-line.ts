/**
 * The line to a device, as links need it: bytes out, bytes in, and an end. Serial ports (serial-line.ts), TCP (tcp-line.ts) and
 * the emulator's own pair (emulator/memory-line.ts) are lines.
 *
 * A line may lose, alter, delay and double bytes; what arrives is in order. Nothing arrives before `start`.
 */
import type { Waiting } from './driver.ts';

export interface LineEvents {
  readonly onBytes: (bytes: Uint8Array) => void;
  /** Called once, unless it was `close` that ended the line. */
  readonly onClose: (reason: string) => void;
}

export interface ByteLine {
  /** `/dev/ttyUSB0`, `192.168.1.50:7778`: for messages. */
  readonly name: string;
  /** Called once, by whoever reads. */
  start(events: LineEvents): void;
  /** Called with bytes to send; after the end it does nothing. */
  send(bytes: Uint8Array): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Opens the line anew; rejects with `KKT_LINE_FAILED`. */
export type OpenLine = (waiting: Waiting) => Promise<ByteLine>;
