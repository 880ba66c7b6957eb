/**
 * `branchline demo`: the whole chain on one machine, to be looked at, sold through, or told as a story.
 *
 * Without a scenario it prints where everything is and then, on a terminal, one live line per shop until Ctrl-C. With
 * `--scenario outage` it plays the story and prints every check; with `--exit` it stops afterwards, checks the data of every
 * program with `verify`, and fails unless every check held. With `--json` it prints one JSON line per happening instead.
 */
import { basename } from 'node:path';
import type { Clock, Random } from 'hlc-ts';
import { type Chain, openChain, type Shop, type Topology } from './chain.ts';
import { type Check, Checks } from './checks.ts';
import { Program } from './program.ts';
import { fillChain } from './stocktake.ts';
import { type OutageResult, playOutage } from './story-outage.ts';

const STATUS_EVERY_MS = 1_000;

export interface DemoOptions {
  readonly data: string;
  readonly portBase: number;
  readonly topology: Topology;
  readonly scenario?: 'outage' | undefined;
  readonly exit: boolean;
  readonly json: boolean;
  readonly terminal: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Writes to standard output, newline included. */
  readonly write: (text: string) => void;
}

export async function runDemo(options: DemoOptions): Promise<void> {
  const { clock, signal } = options;
  const say = (line: string): void => options.write(options.json ? event('step', { line }) : `· ${line}\n`);
  const startedMs = clock.monotonicMs();
  const chain = await openChain({
    ...options,
    onRestart: (name) =>
      options.write(options.json ? event('restarted', { name }) : `${name} died and was started again\n`),
  });
  const checks = new Checks((check) =>
    options.write(options.json ? event('check', check) : checkLine(check)),
  );
  let result: OutageResult | undefined;
  try {
    const assortment = await fillChain(chain, clock);
    options.write(
      options.json ? event('ready', readyLine(chain)) : places(chain, clock.monotonicMs() - startedMs),
    );
    if (options.scenario === 'outage') {
      const telling = `${clock.nowMs()}`;
      result = await playOutage({ chain, assortment, checks, clock, telling, say });
      options.write(options.json ? event('outage', summary(result)) : summaryText(result));
    }
    if (!options.exit) {
      await watch(chain, options);
    }
  } finally {
    await chain.close();
  }
  if (options.exit && !signal.aborted) {
    await verifyAll(chain, checks);
    conclude(checks, clock.monotonicMs() - startedMs, options);
  }
}

/** S-1: everything a visitor needs to make the first sale. */
function readyLine(chain: Chain): object {
  const node = ({ branch, program, tillToken, adminToken, kkt }: Shop): object => ({
    branch,
    url: program.url,
    tillToken,
    adminToken,
    pid: program.pid,
    ...(kkt === undefined ? {} : { kkt: emulator(kkt) }),
  });
  const emulator = ({ said, pid }: Program): object => ({
    address: said.address,
    controlUrl: said.controlUrl,
    pid,
  });
  const { relay, ofd } = chain;
  return {
    ...(relay === undefined
      ? {}
      : { relay: { url: relay.program.url, adminToken: relay.adminToken, pid: relay.program.pid } }),
    hq: node(chain.hq),
    nodes: chain.shops.map(node),
    ofd: emulator(ofd),
  };
}

/** The pages of a shop open signed in: what stands behind the # is not sent to anybody. */
function pageLink(path: string, token: string): string {
  return `${path}/#token=${token}`;
}

function places(chain: Chain, tookMs: number): string {
  const rows = [
    ...(chain.relay === undefined
      ? []
      : [['relay', pageLink(chain.relay.program.url, chain.relay.adminToken), 'console']]),
    ['HQ', `${chain.hq.program.url}/hq#token=${chain.hq.adminToken}`, `API ${chain.hq.program.url}/docs`],
    ...chain.shops.map(({ branch, program, tillToken }) => [
      branch,
      pageLink(program.url, tillToken),
      `till; API ${program.url}/docs`,
    ]),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(
    (row) => `  ${row[0]!.padEnd(widths[0]!)}  ${row[1]!.padEnd(widths[1]!)}  ${row[2]}`,
  );
  return `\nA chain of ${chain.shops.length} shops is selling after ${seconds(tookMs)}.\n\n${lines.join('\n')}\n\n`;
}

async function watch(chain: Chain, { clock, signal, json, terminal, write }: DemoOptions): Promise<void> {
  let drawn = 0;
  while (!signal.aborted) {
    if (terminal && !json) {
      const lines = await Promise.all([chain.hq, ...chain.shops].map(statusLine));
      write(`${drawn > 0 ? `\u001b[${drawn}A` : ''}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`);
      drawn = lines.length;
    }
    await clock.sleep(STATUS_EVERY_MS, { signal }).catch(() => undefined);
  }
}

async function statusLine(shop: Shop): Promise<string> {
  try {
    const { unsentEntries, peers } = await shop.api.get<{
      unsentEntries: number;
      peers: { state: string; cause: string }[];
    }>('/v1/sync');
    const connected = peers.filter((peer) => peer.state === 'connected').length;
    const cause = connected === 0 ? (peers[0]?.cause ?? 'no peer') : `connected to ${connected}`;
    return `  ${shop.branch.padEnd(5)} selling · ${cause} · ${unsentEntries} entries not yet elsewhere`;
  } catch {
    return `  ${shop.branch.padEnd(5)} not answering; it is being started again`;
  }
}

/** With everything stopped: what `verify` says of every program's data, and whether each feed ends in the same hash everywhere. */
async function verifyAll(chain: Chain, checks: Checks): Promise<void> {
  const shops = [chain.hq, ...chain.shops];
  const folders = [
    ...(chain.relay === undefined ? [] : [chain.relay.data]),
    ...shops.map((shop) => shop.data),
  ];
  const heads = new Map<string, Set<string>>();
  for (const folder of folders) {
    const name = basename(folder);
    try {
      const verified = JSON.parse(await Program.run(['verify', '--data', folder, '--json'])) as Verified;
      checks.expect(`verify ${name}`, true, `${verified.entries} entries in ${verified.feeds.length} feeds`);
      for (const { feed, seq, hash } of verified.feeds) {
        heads.set(feed, (heads.get(feed) ?? new Set()).add(`${seq} ${hash}`));
      }
    } catch (error) {
      checks.expect(`verify ${name}`, false, (error as Error).message);
    }
  }
  const torn = [...heads].find(([, ends]) => ends.size !== 1);
  checks.expect(
    'every feed ends in the same hash wherever it is held',
    torn === undefined,
    torn === undefined ? `${heads.size} feeds` : `${torn[0]}: ${[...torn[1]].join(' and ')}`,
  );
}

interface Verified {
  readonly entries: number;
  readonly feeds: readonly { readonly feed: string; readonly seq: number; readonly hash: string }[];
}

function conclude(checks: Checks, tookMs: number, { json, write }: DemoOptions): void {
  const { length } = checks.failed;
  const total = checks.list.length;
  write(
    json
      ? event('done', { checks: total, failed: length, ms: Math.round(tookMs) })
      : `\n${total - length} of ${total} checks held, ${seconds(tookMs)} in all.\n`,
  );
  checks.conclude();
}

function summary(result: OutageResult): object {
  const { soldOrders, soldMinor, saleMs, queuedEntries, agreedAfterMs, receipts } = result;
  return {
    soldOrders,
    soldMinor,
    queuedEntries,
    agreedAfterMs: Math.round(agreedAfterMs),
    receipts: { ...receipts, deliveredAfterMs: Math.round(receipts.deliveredAfterMs) },
    saleMs: { p50: percentile(saleMs, 0.5), p99: percentile(saleMs, 0.99) },
  };
}

function summaryText(result: OutageResult): string {
  const { soldOrders, soldMinor, saleMs, queuedEntries, agreedAfterMs, receipts } = result;
  return [
    '',
    `  sold while cut off   ${soldOrders} orders, ${(soldMinor / 100).toFixed(2)} in all`,
    `  a sale took          ${percentile(saleMs, 0.5)} ms in the middle, ${percentile(saleMs, 0.99)} ms at the 99th percentile`,
    `  waited for the link  ${queuedEntries} entries`,
    `  all agreed after     ${seconds(agreedAfterMs)} from the link's return`,
    `  registers printed    ${receipts.printed} documents while cut off`,
    `  the operator has     ${receipts.delivered} documents, the last ${seconds(receipts.deliveredAfterMs)} after the link's return`,
    '',
    '',
  ].join('\n');
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}

function checkLine({ name, held, detail }: Check): string {
  return `${held ? '✓' : '✗'} ${name} (${detail})\n`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function event(name: string, fields: object): string {
  return `${JSON.stringify({ event: name, ...fields })}\n`;
}
