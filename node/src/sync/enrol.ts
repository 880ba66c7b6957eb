/**
 * How a new device becomes a member: shows its one-time token and its public key to the relay (or to the HQ node that keeps the
 * authority) and takes home the trust anchor and the registry.
 *
 * Safe to repeat: the same token with the same key gives the same answer, so a lost reply or a crash costs nothing. What comes
 * back is believed only as far as it verifies: the store checks the registry's chain and signatures under the authority's key.
 */
import {
  type DeviceKey,
  decodePublicKey,
  type EnrolAnswer,
  encodePublicKey,
  enrolAnswer,
  writerIdOf,
} from '@branchline/feed';
import { NodeError } from '../errors.ts';
import type { TrustAnchor } from '../files/data-directory.ts';

/** An attempt that takes longer is given up, and another made (`patient-enrol.ts`). */
export const ENROL_TIMEOUT_MS = 30_000;
/** Bytes of an answer: the registry of a large chain in base64. */
export const ENROL_ANSWER_BYTES_MAX = 16 * 1024 * 1024;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Enrolled {
  readonly anchor: TrustAnchor;
  readonly answer: EnrolAnswer;
}

export async function enrol(options: {
  readonly url: string;
  readonly token: string;
  readonly key: DeviceKey;
  /** The branch this device was set up for: a token of another one is not spent. */
  readonly branch?: string | undefined;
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
}): Promise<Enrolled> {
  const { url, token, key, branch, fetch, signal } = options;
  const address = `${httpAddress(url)}/v1/enrol`;
  const body = JSON.stringify({ token, publicKey: encodePublicKey(key.publicKey), branch });
  let response: Response;
  let text: string;
  try {
    const headers = { 'content-type': 'application/json' };
    response = await fetch(address, { method: 'POST', headers, body, signal, redirect: 'error' });
    text = await boundedText(response);
  } catch (cause) {
    throw new NodeError('NODE_ENROL', `${address} cannot be reached`, {
      cause,
      retryable: true,
      hint: 'Check the address and the network; the node has to reach it once, to be enrolled.',
    });
  }
  if (!response.ok) {
    throw new NodeError('NODE_ENROL', `${address} refused: ${refusal(response.status, text)}`, {
      retryable: response.status >= 500 || response.status === 429,
      hint:
        hintOf(text) ??
        'Ask for a new token with `branchline branch add`, or check that this is the right relay.',
    });
  }
  const parsed = enrolAnswer.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new NodeError('NODE_ENROL', `${address} answered something else`, {
      hint: 'Check that the address is a Branchline relay of the same version.',
    });
  }
  const authorityKey = decodePublicKey(parsed.data.authority);
  if (parsed.data.writer !== writerIdOf(key.publicKey)) {
    throw new NodeError('NODE_ENROL', `${address} enrolled another key than ours`);
  }
  return { anchor: { tenant: parsed.data.tenant, authorityKey }, answer: parsed.data };
}

/** The HTTP address behind what may be written as a WebSocket address. */
export function httpAddress(url: string): string {
  return url.replace(/^ws/, 'http').replace(/\/+$/, '');
}

/** The replication address behind a peer's or relay's address. */
export function replicationAddress(url: string): string {
  return `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}/v1/replicate`;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ENROL_ANSWER_BYTES_MAX) {
      throw new RangeError(`the answer is longer than ${ENROL_ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refusal(status: number, text: string): string {
  const problem = parseJson(text) as { code?: unknown; detail?: unknown } | undefined;
  return typeof problem?.code === 'string'
    ? `${problem.code} ${String(problem.detail ?? '')}`.trim()
    : `HTTP ${status}`;
}

function hintOf(text: string): string | undefined {
  const hint = (parseJson(text) as { hint?: unknown } | undefined)?.hint;
  return typeof hint === 'string' ? hint : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
