/**
 * The control surface of an emulator that runs as a program: look at it and break it over HTTP, from this machine.
 *
 *     GET /state      GET /<what else it shows>
 *     POST /faults    a rule, or a list of them, as the emulator's own script has them
 *     DELETE /faults  none any more
 *     POST /<deed>    what a person would do to the device: put paper in, open the cover
 *
 * Guarantees: listens on loopback only and refuses calls of web pages (anything that names an origin). Does not: check who
 * calls; an emulator guards nothing.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { CliError } from './errors.ts';

const HOST = '127.0.0.1';
/** A script of faults. */
export const CONTROL_BODY_BYTES_MAX = 256 * 1024;

export interface Controlled {
  readonly reads: Readonly<Record<string, () => unknown>>;
  /** Throws an error with a code for a script that makes no sense; then none of it holds. */
  script(faults: unknown): void;
  clear(): void;
  readonly deeds: Readonly<Record<string, (body: unknown) => void>>;
}

export interface ControlSurface {
  readonly url: string;
  close(): Promise<void>;
}

export async function openControl(controlled: Controlled): Promise<ControlSurface> {
  const server = createServer((request, response) => {
    answer(controlled, request).then(
      ({ status, body }) => send(response, status, body),
      (error: Error & { code?: string; hint?: string }) => {
        const { code = 'INTERNAL', message, hint } = error;
        send(response, code === 'INTERNAL' ? 500 : 400, { code, detail: message, hint });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') {
    throw new CliError('EMULATOR_LISTEN', 'the control surface has no port');
  }
  return {
    url: `http://${HOST}:${address.port}`,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(
  { reads, script, clear, deeds }: Controlled,
  request: IncomingMessage,
): Promise<{ status: number; body: unknown }> {
  const name = (request.url ?? '/').slice(1);
  if (request.headers.origin !== undefined) {
    return { status: 403, body: { code: 'ORIGIN_REFUSED', detail: 'not for web pages' } };
  }
  if (request.method === 'GET' && Object.hasOwn(reads, name)) {
    return { status: 200, body: reads[name]!() };
  }
  if (request.method === 'DELETE' && name === 'faults') {
    clear();
    return { status: 200, body: {} };
  }
  if (request.method === 'POST' && name === 'faults') {
    script(await readJson(request));
    return { status: 200, body: {} };
  }
  if (request.method === 'POST' && Object.hasOwn(deeds, name)) {
    deeds[name]!(await readJson(request));
    return { status: 200, body: {} };
  }
  const paths = [
    ...Object.keys(reads).map((path) => `GET /${path}`),
    'POST /faults',
    'DELETE /faults',
    ...Object.keys(deeds).map((path) => `POST /${path}`),
  ];
  return { status: 404, body: { code: 'NOT_FOUND', detail: `there is ${paths.join(', ')}` } };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > CONTROL_BODY_BYTES_MAX) {
      throw new CliError('INPUT_TOO_LARGE', `the body holds more than ${CONTROL_BODY_BYTES_MAX} bytes`);
    }
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString('utf8');
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new CliError('CONFIG_INVALID', 'the body is not JSON', { cause });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}
