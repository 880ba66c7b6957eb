/**
 * The container: one document of a fiscal storage, or one answer to it, with the header the storage made. 32 bytes of
 * header, numbers little-endian where not said otherwise.
 *
 *    0   2  length          of header and body (some carriers count the body alone; both are read)
 *    2   2  CRC             over header bytes 0-1 and 4-31 and the body
 *    4   1  message type    A5
 *    5   1  document form
 *    6   1  version         1
 *    7   2  service data    opaque, mirrored in the answer
 *    9   8  FN number       packed decimal, F fills up
 *   17   3  FD number       big-endian
 *   20  12  service data    opaque, mirrored in the answer
 *
 * The body belongs to the storage and to the operator: with encryption on it is not even TLV. Whoever carries containers
 * looks at the header only.
 */
import { crc16 } from '../crc16.ts';
import { FiscalError } from '../errors.ts';
import { hexOfBytes } from '../hex.ts';

export const CONTAINER_HEADER_BYTES = 32;
export const MESSAGE_TYPE = 0xa5;
export const CONTAINER_VERSION = 1;

export interface ContainerHeader {
  readonly length: number;
  readonly crc: number;
  readonly form: number;
  readonly service1: Uint8Array;
  /** Eight bytes as they stand. */
  readonly fnBcd: Uint8Array;
  /** The number without filling. */
  readonly fn: string;
  readonly fd: number;
  readonly service2: Uint8Array;
}

export interface Container {
  readonly header: ContainerHeader;
  readonly body: Uint8Array;
  readonly computedCrc: number;
}

export function decodeContainerHeader(bytes: Uint8Array): ContainerHeader {
  if (bytes.length < CONTAINER_HEADER_BYTES) {
    throw new FiscalError('OFD_TRUNCATED', `${bytes.length} bytes where a container header needs 32`);
  }
  if (bytes[4] !== MESSAGE_TYPE || bytes[6] !== CONTAINER_VERSION) {
    throw new FiscalError('OFD_CONTAINER_INVALID', `message type ${bytes[4]}, version ${bytes[6]}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fnBcd = new Uint8Array(bytes.subarray(9, 17));
  return {
    length: view.getUint16(0, true),
    crc: view.getUint16(2, true),
    form: bytes[5]!,
    service1: new Uint8Array(bytes.subarray(7, 9)),
    fnBcd,
    fn: hexOfBytes(fnBcd).replace(/f+$/, ''),
    fd: (bytes[17]! << 16) | (bytes[18]! << 8) | bytes[19]!,
    service2: new Uint8Array(bytes.subarray(20, 32)),
  };
}

/** Header and body without judging the CRC: for showing what is there. */
export function readContainer(bytes: Uint8Array): Container {
  const header = decodeContainerHeader(bytes);
  const available = bytes.length - CONTAINER_HEADER_BYTES;
  const isBodyOnly = header.length === available;
  const bodyLength = isBodyOnly ? available : header.length - CONTAINER_HEADER_BYTES;
  if (bodyLength < 0 || bodyLength > available) {
    throw new FiscalError('OFD_TRUNCATED', `a container of ${header.length} bytes in ${bytes.length}`);
  }
  const body = bytes.subarray(CONTAINER_HEADER_BYTES, CONTAINER_HEADER_BYTES + bodyLength);
  const computedCrc = crc16(bytes.subarray(0, 2), bytes.subarray(4, CONTAINER_HEADER_BYTES), body);
  return { header, body, computedCrc };
}

/** Header and body; a wrong CRC is an error. */
export function decodeContainer(bytes: Uint8Array): Container {
  const container = readContainer(bytes);
  if (container.header.crc !== container.computedCrc) {
    throw new FiscalError(
      'OFD_CRC_MISMATCH',
      `container CRC ${container.header.crc}, computed ${container.computedCrc}`,
    );
  }
  return container;
}

export interface ContainerOptions {
  readonly form: number;
  readonly fn: string;
  readonly fd: number;
  readonly body: Uint8Array;
  /** Two and twelve bytes; zeros when left out. */
  readonly service1?: Uint8Array;
  readonly service2?: Uint8Array;
}

export function encodeContainer({ form, fn, fd, body, service1, service2 }: ContainerOptions): Uint8Array {
  if (!/^\d{1,16}$/.test(fn)) throw new FiscalError('OFD_CONTAINER_INVALID', `no FN number: "${fn}"`);
  if (!Number.isInteger(fd) || fd < 0 || fd > 0xffffff) {
    throw new FiscalError('OFD_CONTAINER_INVALID', `no FD number: ${fd}`);
  }
  const length = CONTAINER_HEADER_BYTES + body.length;
  if (length > 0xffff) throw new FiscalError('OFD_TOO_LARGE', `a container of ${length} bytes`);
  const container = Buffer.alloc(length);
  container.writeUInt16LE(length, 0);
  container.set([MESSAGE_TYPE, form, CONTAINER_VERSION], 4);
  if (service1 !== undefined) container.set(service1.subarray(0, 2), 7);
  container.write(fn.padEnd(16, 'f'), 9, 'hex');
  container.writeUIntBE(fd, 17, 3);
  if (service2 !== undefined) container.set(service2.subarray(0, 12), 20);
  container.set(body, CONTAINER_HEADER_BYTES);
  const crc = crc16(container.subarray(0, 2), container.subarray(4));
  container.writeUInt16LE(crc, 2);
  return new Uint8Array(container);
}
