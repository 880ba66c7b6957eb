/** The QR string of a receipt: what the tax service's application reads. */
import { type SettlementKind, settlementKinds } from './enumerations.ts';
import { formatSign } from './tag-value.ts';
import { formatWallTime } from './wall-time.ts';

export interface QrReceipt {
  /** Tag 1012: wall time of the device. */
  readonly dateTime: number;
  readonly totalMinor: number;
  readonly fn: string;
  readonly fd: number;
  /** Printed fiscal sign. */
  readonly sign: number;
  readonly kind: SettlementKind;
}

export function receiptQr({ dateTime, totalMinor, fn, fd, sign, kind }: QrReceipt): string {
  const time = formatWallTime(dateTime).replaceAll(/[-:]/g, '');
  const kopecks = String(totalMinor).padStart(3, '0');
  const sum = `${kopecks.slice(0, -2)}.${kopecks.slice(-2)}`;
  return `t=${time}&s=${sum}&fn=${fn}&i=${fd}&fp=${formatSign(sign)}&n=${settlementKinds[kind]}`;
}
