/**
 * `/pos_offline_sync/…` as the module's client calls it: raw JSON in and out, or JSON-RPC 2.0 for `/stock`, `/products` and four others.
 *
 * The client takes every status from 400 on for a failure of all its rows and burns one of their tries, so whatever is said here is said
 * with HTTP 200: `{"success": false, "error": …}`, or an `error` of JSON-RPC. Nothing is done without a key; a stranger costs a hash.
 *
 * Guarantees: bodies are bounded each and together (`BytesGate`); what is refused has stored nothing; an answer that failed to leave counts
 * as not answered. There is no CORS: the client is a server.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzip } from 'node:zlib';
import { type Clock, isoTime } from 'hlc-ts';
import { OTHER_CALLS } from '../../pos-offline-sync/other-calls.ts';
import type { PosKey } from '../../pos-offline-sync/pos-sync-book.ts';
import { MODULE_VERSION } from '../../pos-offline-sync/pull-desk.ts';
import { asRecord, type OdooRecord } from '../../pos-offline-sync/values.ts';
import { PosSyncRefusal } from '../../pos-offline-sync/wire.ts';
import type { PosSyncService } from '../../services.ts';
import { discardRest } from '../request-body.ts';
import type { HttpReport } from '../route-runner.ts';
import { BytesGate } from './bytes-gate.ts';

export const POS_SYNC_PATH = '/pos_offline_sync';
/** One request: a thousand orders of 8 kB. */
export const POS_BODY_BYTES_MAX = 8 * 1024 * 1024;
/** Bodies held at the same time, all callers together. */
export const POS_BODIES_BYTES_MAX = 32 * 1024 * 1024;
/** Answers of head office being made. */
export const ANSWERS_AT_ONCE = 4;
const KEY_CHARS_MAX = 256;
const GZIP_FROM_BYTES = 1_024;
const UNAUTHENTICATED = 'Autenticación inválida';

type Call = (service: PosSyncService, key: PosKey, body: OdooRecord) => Promise<object | Pulled>;
type Pulled = Awaited<ReturnType<PosSyncService['pull']>>;

interface Operation {
  readonly form: 'json' | 'rpc';
  readonly call: Call;
}

const OPERATIONS: Readonly<Record<string, Operation>> = {
  '/push': { form: 'json', call: (service, key, body) => service.push(key, body) },
  '/pull': { form: 'json', call: (service, key, body) => service.pull(key, body) },
  '/migration/manifest': { form: 'json', call: (service, key, body) => service.manifest(key, body) },
  '/migration/pull_batch': { form: 'json', call: (service, key, body) => service.batch(key, body) },
  '/products': { form: 'rpc', call: (service, key, body) => service.productList(key, body) },
  '/stock': { form: 'rpc', call: (service, key, body) => service.stockList(key, body) },
  ...Object.fromEntries(
    Object.entries(OTHER_CALLS).map(([name, { form }]): [string, Operation] => [
      `/${name}`,
      { form, call: (service, key, body) => service.other(name, key, body) },
    ]),
  ),
};

export interface PosSyncDoorPorts {
  readonly service: PosSyncService;
  readonly clock: Clock;
  readonly report: HttpReport;
}

/** JSON-RPC's own codes. */
const RPC = { parse: -32_700, request: -32_600, internal: -32_603 } as const;

class RpcFault extends Error {
  readonly code: number;

  constructor(code: number, words: string) {
    super(words);
    this.name = 'RpcFault';
    this.code = code;
  }
}

export class PosSyncDoor {
  readonly #ports: PosSyncDoorPorts;
  readonly #gate = new BytesGate(POS_BODIES_BYTES_MAX);
  readonly #turns = new BytesGate(ANSWERS_AT_ONCE);

  constructor(ports: PosSyncDoorPorts) {
    this.#ports = ports;
  }

  /** `path` is what stands behind `/pos_offline_sync`. Never rejects. */
  async serve(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = path.replace(/\/+$/, '');
    if (name === '/ping' && (request.method === 'GET' || request.method === 'POST')) {
      await this.#ping(request, response);
      return;
    }
    const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
    if (operation === undefined || request.method !== 'POST') {
      discardRest(request);
      const words =
        operation === undefined
          ? `Ruta desconocida: ${POS_SYNC_PATH}${name.slice(0, 64)}`
          : 'Se requiere POST';
      await answer(request, response, { success: false, error: words }, operation === undefined ? 404 : 405);
      return;
    }
    let id: unknown = null;
    try {
      await this.#withBody(request, async (bytes) => {
        const { body, id: asked } =
          operation.form === 'rpc' ? rpcOf(bytes) : { body: bodyOf(bytes), id: null };
        id = asked;
        const key = this.#keyOf(request, body);
        const result = await this.#turn(name, () => operation.call(this.#ports.service, key, body));
        if (isPulled(result)) {
          if (await answer(request, response, result.text)) {
            result.sent();
          }
        } else {
          await answer(request, response, operation.form === 'rpc' ? { jsonrpc: '2.0', id, result } : result);
        }
      });
    } catch (error) {
      await this.#refuse(request, response, operation.form, id, error);
    }
  }

  /** Whoever asks is told that we are here; with a key, whether it counts. */
  async #ping(request: IncomingMessage, response: ServerResponse): Promise<void> {
    discardRest(request);
    const key = bearerOf(request);
    const timestamp = isoTime(this.#ports.clock.nowMs()).slice(0, 19);
    await answer(
      request,
      response,
      key !== undefined && this.#ports.service.find(key) === undefined
        ? { success: false, error: UNAUTHENTICATED }
        : { success: true, message: 'POS Offline Sync API activa', timestamp, version: MODULE_VERSION },
    );
  }

  /** Answers are made a few at a time: two hundred branches that ask in one minute do not stand in memory together. */
  async #turn<Result>(name: string, call: () => Promise<Result>): Promise<Result> {
    if (name === '/push') {
      return await call();
    }
    const leave = await this.#turns.enter(1);
    try {
      return await call();
    } finally {
      leave();
    }
  }

  #keyOf(request: IncomingMessage, body: OdooRecord): PosKey {
    const given = typeof body.api_key === 'string' && body.api_key !== '' ? body.api_key : bearerOf(request);
    const key =
      given === undefined || given.length > KEY_CHARS_MAX ? undefined : this.#ports.service.find(given);
    if (key === undefined) {
      throw new PosSyncRefusal(UNAUTHENTICATED);
    }
    return key;
  }

  async #withBody(request: IncomingMessage, use: (bytes: Buffer) => Promise<void>): Promise<void> {
    const declared = Number(request.headers['content-length'] ?? Number.NaN);
    if (declared > POS_BODY_BYTES_MAX) {
      throw tooLarge();
    }
    // A key in the header that does not count is refused before a byte of the body is kept.
    const key = bearerOf(request);
    if (key !== undefined && this.#ports.service.find(key) === undefined) {
      throw new PosSyncRefusal(UNAUTHENTICATED);
    }
    const release = await this.#gate.enter(Number.isFinite(declared) ? declared : POS_BODY_BYTES_MAX);
    try {
      await use(await readBytes(request));
    } finally {
      release();
    }
  }

  async #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    form: Operation['form'],
    id: unknown,
    error: unknown,
  ): Promise<void> {
    discardRest(request);
    const isKnown = error instanceof PosSyncRefusal || error instanceof RpcFault;
    this.#ports.report({
      code: isKnown ? 'POS_SYNC_REFUSED' : 'INTERNAL',
      route: 'pos_offline_sync',
      ...(isKnown ? {} : { cause: error }),
    });
    const words = isKnown ? error.message : 'Error interno';
    if (form === 'json') {
      await answer(request, response, { success: false, error: words });
    } else if (error instanceof PosSyncRefusal) {
      await answer(request, response, { jsonrpc: '2.0', id, result: { success: false, error: words } });
    } else {
      const code = error instanceof RpcFault ? error.code : RPC.internal;
      const data = { name: 'branchline.PosSync', message: words, arguments: [words] };
      await answer(request, response, { jsonrpc: '2.0', id, error: { code, message: words, data } });
    }
  }
}

function isPulled(result: object | Pulled): result is Pulled {
  return 'sent' in result;
}

function bearerOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  return header !== undefined && /^Bearer \S{1,256}$/i.test(header)
    ? header.slice('Bearer '.length)
    : undefined;
}

/** What cannot be read is no fields at all: each operation says what it misses. */
function bodyOf(bytes: Buffer): OdooRecord {
  return asRecord(parsed(bytes)) ?? {};
}

function rpcOf(bytes: Buffer): { readonly body: OdooRecord; readonly id: unknown } {
  const value = parsed(bytes);
  if (value === undefined) {
    throw new RpcFault(RPC.parse, 'Invalid JSON data');
  }
  const envelope = asRecord(value);
  const id = envelope?.id;
  const params = envelope === undefined ? undefined : asRecord(envelope.params ?? {});
  if (
    envelope === undefined ||
    envelope.jsonrpc !== '2.0' ||
    typeof envelope.method !== 'string' ||
    params === undefined
  ) {
    throw new RpcFault(RPC.request, 'Invalid JSON-RPC request');
  }
  return { body: params, id: typeof id === 'number' || typeof id === 'string' ? id : null };
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > POS_BODY_BYTES_MAX) {
        request.removeAllListeners('data');
        reject(tooLarge());
      } else {
        chunks.push(chunk);
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks, bytes)));
    request.once('close', () => reject(new PosSyncRefusal('Conexión cerrada')));
  });
}

function tooLarge(): PosSyncRefusal {
  return new PosSyncRefusal(
    `Petición demasiado grande: máximo ${POS_BODY_BYTES_MAX} bytes. Reduzca batch_size.`,
  );
}

/** Whether the answer has left; what the caller makes of it nobody knows. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  body: object | string,
  status = 200,
): Promise<boolean> {
  const plain = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');
  const accepts = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const isPacked = accepts && plain.byteLength >= GZIP_FROM_BYTES;
  const bytes = isPacked ? await packed(plain) : plain;
  if (response.destroyed || response.headersSent) {
    return false;
  }
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': bytes.byteLength,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      ...(isPacked ? { 'Content-Encoding': 'gzip' } : {}),
      // What was not read of a refused body must not be taken for another request.
      ...(request.readableEnded || request.complete ? {} : { Connection: 'close' }),
    });
    response.end(bytes, () => resolve());
  });
  return response.writableFinished;
}

function packed(plain: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(plain, { level: 1 }, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  });
}
