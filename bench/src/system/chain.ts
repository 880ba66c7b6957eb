/**
 * A small chain for a measurement: a relay, HQ and one branch, each a process started through the public `branchline`
 * command on an empty folder, with the optician's catalog put in through HQ's HTTP and waited for at the branch.
 */
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import type { BenchContext } from '../bench-case.ts';
import { BenchError } from '../errors.ts';
import { callHttp, type HttpAnswer } from './http-json.ts';
import { PRODUCTS } from './measure.ts';
import { catalogOf } from './orders.ts';
import { branchlineProgram, type Program, runProgram, startProgram } from './program.ts';

/** Rows of the catalog in one request: well below the largest body. */
const IMPORT_ROWS = 200;
const ARRIVAL_TIMEOUT_MS = 120_000;
const POLL_MS = 50;
/** Rows asked for at the branch, spread over the catalog: shards arrive in any order. */
const ROWS_ASKED = 100;

export interface ChainNode {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  /** Tokens of tills with a manager's rights, as many as asked for. */
  readonly tokens: readonly string[];
}

export interface Chain {
  readonly relay: Program;
  readonly hq: ChainNode;
  readonly branch: ChainNode;
  /** Stops everything but the branch. */
  leaveAlone(): Promise<void>;
  stop(): Promise<void>;
}

/** `branchArgs`: what the branch is told besides, e.g. its register. */
export async function startChain(
  context: BenchContext,
  tills: number,
  branchArgs: readonly string[] = [],
): Promise<Chain> {
  const started: Program[] = [];
  const stop = async (): Promise<void> => {
    for (const program of started.splice(0).reverse()) await program.stop();
  };
  const leaveAlone = async (): Promise<void> => {
    for (const program of started.splice(0, started.length - 1).reverse()) await program.stop();
  };
  try {
    return { ...(await openChain(context, tills, branchArgs, started)), leaveAlone, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openChain(
  context: BenchContext,
  tills: number,
  branchArgs: readonly string[],
  started: Program[],
): Promise<Omit<Chain, 'stop' | 'leaveAlone'>> {
  const { clock, signal, workDir } = context;
  const agent = new Agent({ keepAlive: true });
  const start = async (...args: string[]): Promise<Program> => {
    const program = await startProgram(branchlineProgram(), { clock, signal, args });
    started.push(program);
    return program;
  };
  const relayDir = join(workDir, 'relay');
  const tenant = await runProgram(branchlineProgram(), {
    clock,
    signal,
    args: ['init', '--data', relayDir, '--tenant', 'bench', '--json'],
  });
  const relay = await start('relay', '--data', relayDir, '--listen', '127.0.0.1:0');
  const relayUrl = String(relay.first.url);
  const { tokens } = await post<{ tokens: { code: string; token: string }[] }>(
    agent,
    new URL('/v1/branches', relayUrl),
    String(tenant.adminToken),
    {
      branches: [
        { code: 'HQ', role: 'hq' },
        { code: 'B001', role: 'branch' },
      ],
    },
  );
  const node = async (code: string, more: readonly string[] = []): Promise<ChainNode> => {
    const dataDir = join(workDir, code);
    const token = tokens.find((one) => one.code === code)?.token ?? '';
    const address = ['--relay', relayUrl, '--token', token, '--listen', '127.0.0.1:0'];
    const program = await start('node', '--data', dataDir, ...address, ...more);
    const url = String(program.first.url);
    return { url, pid: program.pid, dataDir, tokens: await addTills(agent, url, dataDir, tills) };
  };
  const [hq, branch] = [await node('HQ'), await node('B001', branchArgs)];
  agent.destroy();
  return { relay, hq, branch };
}

/** Tills with a manager's rights, made by the operator of the running node: its own token lies beside its data. */
async function addTills(agent: Agent, url: string, dataDir: string, tills: number): Promise<string[]> {
  const control = JSON.parse(await readFile(join(dataDir, 'control.json'), 'utf8')) as { token: string };
  const tokens: string[] = [];
  for (let till = 1; till <= tills; till += 1) {
    const body = { till: `T${till}`, role: 'manager' };
    tokens.push((await post<{ token: string }>(agent, new URL('/v1/tills', url), control.token, body)).token);
  }
  return tokens;
}

/** Puts the optician's catalog into HQ and waits until the branch has all of it. */
export async function loadCatalog(
  context: BenchContext,
  chain: Chain,
): Promise<{ putMs: number; spreadMs: number }> {
  const { clock, signal, seed } = context;
  const agent = new Agent({ keepAlive: true });
  const catalog = catalogOf(seed, PRODUCTS);
  const fromMs = clock.monotonicMs();
  for (let at = 0; at < catalog.length; at += IMPORT_ROWS) {
    signal.throwIfAborted();
    const url = new URL('/v1/products', chain.hq.url);
    const products = catalog.slice(at, at + IMPORT_ROWS);
    await post(agent, url, chain.hq.tokens[0]!, { products }, `bench-catalog-${at}`);
  }
  const putAtMs = clock.monotonicMs();
  for (let at = 0; at < catalog.length; at += Math.ceil(catalog.length / ROWS_ASKED)) {
    const path = `/v1/products/${encodeURIComponent(catalog[at]!.sku)}`;
    await waitUntil(
      context,
      `${path} at the branch`,
      async () => (await get(agent, chain.branch, path)).status === 200,
    );
  }
  agent.destroy();
  return { putMs: putAtMs - fromMs, spreadMs: clock.monotonicMs() - putAtMs };
}

export async function putProduct(
  agent: Agent,
  node: ChainNode,
  sku: string,
  fields: unknown,
  key: string,
): Promise<void> {
  const url = new URL(`/v1/products/${encodeURIComponent(sku)}`, node.url);
  const body = Buffer.from(JSON.stringify(fields));
  expectOk(
    await callHttp({ agent, url, method: 'PUT', token: node.tokens[0]!, key, body }),
    `product ${sku}`,
  );
}

export function get(agent: Agent, node: ChainNode, path: string): Promise<HttpAnswer> {
  return callHttp({ agent, url: new URL(path, node.url), method: 'GET', token: node.tokens[0]! });
}

export function expectOk({ status, text }: HttpAnswer, what: string): void {
  if (status >= 200 && status < 300) return;
  throw new BenchError('BENCH_REQUEST_FAILED', `${what} was refused: ${status} ${text.slice(0, 500)}`);
}

async function post<Answer>(
  agent: Agent,
  url: URL,
  token: string,
  content: unknown,
  key?: string,
): Promise<Answer> {
  const body = Buffer.from(JSON.stringify(content));
  const answer = await callHttp({
    agent,
    url,
    method: 'POST',
    token,
    body,
    ...(key === undefined ? {} : { key }),
  });
  expectOk(answer, `POST ${url.pathname}`);
  return JSON.parse(answer.text) as Answer;
}

export async function waitUntil(
  { clock, signal }: BenchContext,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  const giveUpMs = clock.monotonicMs() + ARRIVAL_TIMEOUT_MS;
  while (!(await holds())) {
    if (clock.monotonicMs() > giveUpMs) {
      throw new BenchError('BENCH_TIMEOUT', `${what}: not there after ${ARRIVAL_TIMEOUT_MS} ms`, {
        retryable: true,
      });
    }
    await clock.sleep(POLL_MS, { signal });
  }
}
