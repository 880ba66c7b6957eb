/**
 * The smallest HTTP client: `node:http` with kept-alive connections. Clients share the two cores with what they measure, so
 * the cost of a request here matters more than its comfort.
 */
import { type Agent, request } from 'node:http';

export interface HttpCall {
  readonly agent: Agent;
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly token?: string;
  /** Sent as `Idempotency-Key`; every write has one. */
  readonly key?: string;
  readonly body?: Uint8Array;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

export function callHttp({ agent, url, method, token, key, body }: HttpCall): Promise<HttpAnswer> {
  const headers: Record<string, string | number> = {};
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (key !== undefined) headers['idempotency-key'] = key;
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = body.byteLength;
  }
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname, search } = url;
    const outgoing = request(
      { agent, hostname, port, path: pathname + search, method, headers },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
