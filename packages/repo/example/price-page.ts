/**
 * The same in a browser: serves a small page on loopback and forwards its calls and its WebSocket to a node.
 *
 *     node --import tsx packages/repo/example/price-page.ts http://127.0.0.1:4100 [PORT]
 *
 * A node answers no pages of other addresses, so the page talks to this program only, which says the node's own name and hands on
 * what the page sends: the token stays with the person who typed it. The page runs no inline code and asks no other host. Prints one
 * line, `{"event":"listening","url":…}`.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const PAGE = fileURLToPath(new URL('page/', import.meta.url));
/** Automerge is WebAssembly: without that word a browser compiles none. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FORWARDED = /^\/(?:v1\/)?automerge(?:[/?]|$)/;

const [address = '', port = '0'] = process.argv.slice(2);
const node = new URL(address);
const served: Readonly<Record<string, readonly [type: string, body: string]>> = {
  '/': ['text/html; charset=utf-8', readFileSync(`${PAGE}index.html`, 'utf8')],
  '/page.css': ['text/css; charset=utf-8', readFileSync(`${PAGE}page.css`, 'utf8')],
  '/page.js': ['text/javascript; charset=utf-8', await bundle()],
};

const server = createServer((asked, answer) => {
  const { url = '', method = '' } = asked;
  const found = served[url];
  if (found !== undefined && method === 'GET') {
    answer.writeHead(200, {
      'Content-Type': found[0],
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
    });
    answer.end(found[1]);
  } else if (isOwn(asked) && FORWARDED.test(url)) {
    const onward = request(node, { path: url, method, headers: headersFor(asked.headers) }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    onward.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
    asked.pipe(onward);
  } else {
    answer.writeHead(404).end();
  }
});

server.on('upgrade', (asked: IncomingMessage, socket: Socket, head: Buffer) => {
  if (!isOwn(asked) || !FORWARDED.test(asked.url ?? '')) {
    socket.destroy();
    return;
  }
  const onward = request(node, { path: asked.url, headers: headersFor(asked.headers) });
  onward.on('upgrade', (reply, far: Socket, first: Buffer) => {
    const lines = Object.entries(reply.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    socket.write(first);
    far.write(head);
    socket.pipe(far).pipe(socket);
    far.on('error', () => socket.destroy());
    far.on('close', () => socket.destroy());
    socket.on('close', () => far.destroy());
  });
  onward.on('response', () => socket.destroy());
  onward.on('error', () => socket.destroy());
  socket.on('error', () => onward.destroy());
  onward.end();
});

server.listen(Number(port), '127.0.0.1', () => {
  const { port: bound } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${bound}` })}\n`);
});

/** From the page itself: a page of another site in the same browser has no business with the node. */
function isOwn({ headers, socket }: IncomingMessage): boolean {
  const own = `127.0.0.1:${socket.localPort}`;
  return headers.host === own && (headers.origin === undefined || headers.origin === `http://${own}`);
}

/** Who the page is, and nothing else a browser says of where it stands. */
function headersFor(asked: IncomingHttpHeaders): IncomingHttpHeaders {
  const onward: IncomingHttpHeaders = { ...asked, host: node.host };
  for (const name of Object.keys(onward)) {
    if (name === 'origin' || name === 'referer' || name.startsWith('sec-fetch-')) {
      delete onward[name];
    }
  }
  return onward;
}

async function bundle(): Promise<string> {
  const built = await build({
    root: PAGE,
    configFile: false,
    logLevel: 'warn',
    // Automerge with its WebAssembly inside, and a CBOR that makes no code: the policy allows none.
    resolve: {
      conditions: ['webpack', 'module', 'browser', 'production'],
      alias: { 'cbor-x': 'cbor-x/index-no-eval' },
    },
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      rolldownOptions: { input: `${PAGE}page.ts`, output: { codeSplitting: false } },
    },
  });
  const [{ output }] = [built].flat() as unknown as readonly [
    { readonly output: readonly { readonly type: string; readonly code?: string }[] },
  ];
  const [script] = output.filter(({ type }) => type === 'chunk');
  if (script?.code === undefined) {
    throw new Error('the page was not built');
  }
  return script.code;
}
