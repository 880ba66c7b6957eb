/**
 * The body of a request: raw bytes once, bounded, then JSON.
 *
 * The bytes are kept as they came, because the fingerprint of a write is taken over them. Refused before a byte is kept:
 * another media type, an encoding, a declared length over the bound. A body that grows over the bound is cut there. What is
 * left of a refused body is read and thrown away (bounded), so that the client gets to see the answer.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BODY_BYTES_MAX, ProblemError } from '@branchline/model';
import { DISCARDED_BYTES_MAX } from './limits.ts';

const EMPTY = Buffer.alloc(0);
const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/** A body that is a file. */
export interface Upload {
  readonly types: readonly string[];
  readonly bytesMax: number;
}

/** Called once per request that may carry a body. Rejects with `BODY_TOO_LARGE`, `UNSUPPORTED_MEDIA_TYPE`. */
export function readBody(request: IncomingMessage, upload?: Upload): Promise<Buffer> {
  const bytesMax = upload?.bytesMax ?? BODY_BYTES_MAX;
  const declared = request.headers['content-length'];
  if (declared === '0' || (declared === undefined && request.headers['transfer-encoding'] === undefined)) {
    return Promise.resolve(EMPTY);
  }
  const type = request.headers['content-type'];
  const encoding = request.headers['content-encoding'];
  const isWanted =
    upload === undefined ? type !== undefined && JSON_TYPE.test(type) : isOneOf(type, upload.types);
  if (!isWanted || (encoding !== undefined && encoding !== 'identity')) {
    const wanted = upload === undefined ? 'application/json in UTF-8' : upload.types.join(' or ');
    return Promise.reject(
      new ProblemError('UNSUPPORTED_MEDIA_TYPE', `The body must be ${wanted}, not encoded otherwise.`),
    );
  }
  if (declared !== undefined && Number(declared) > bytesMax) {
    return Promise.reject(tooLarge(bytesMax));
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = () => {
      request.off('data', take);
      request.off('end', end);
      request.off('close', hangUp);
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        stop();
        reject(tooLarge(bytesMax));
        return;
      }
      chunks.push(chunk);
    };
    const end = () => {
      stop();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
    };
    const hangUp = () => {
      stop();
      reject(new ProblemError('INVALID_REQUEST', 'The client hung up in the middle of the body.'));
    };
    request.on('data', take);
    request.on('end', end);
    request.on('close', hangUp);
  });
}

/** JSON of the bytes; never quotes them in its refusal. */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) {
    throw new ProblemError('MALFORMED_JSON', 'The body is not UTF-8.');
  }
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new ProblemError(
      'MALFORMED_JSON',
      bytes.length === 0 ? 'The body is empty.' : 'The body is not valid JSON.',
    );
  }
}

/** What makes two requests the same: method, path with query, raw body. SHA-256, hexadecimal. */
export function fingerprintOf(method: string, url: string, body: Buffer): string {
  return createHash('sha256').update(`${method} ${url}\n`).update(body).digest('hex');
}

/** True when a body was announced and not read to its end: the connection cannot carry another request. */
export function hasUnreadBody(request: IncomingMessage): boolean {
  const declared = request.headers['content-length'];
  const announced = request.headers['transfer-encoding'] !== undefined || (declared ?? '0') !== '0';
  return announced && !request.readableEnded;
}

/** Called after a refusal: lets the rest of the body run out, or cuts the socket when there is too much of it. */
export function discardRest(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) {
    return;
  }
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARDED_BYTES_MAX) {
      request.destroy();
    }
  });
  request.resume();
}

function tooLarge(bytesMax: number): ProblemError {
  return new ProblemError('BODY_TOO_LARGE', `A body may have ${bytesMax} bytes.`);
}

function isOneOf(type: string | undefined, types: readonly string[]): boolean {
  const [name = ''] = (type ?? '').split(';');
  return types.includes(name.trim().toLowerCase());
}
