/** Data folders ready to be damaged: a head office with a till that never sold, and a relay with a branch that is enrolled. Made once, copied for each case. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataDirectory } from '@branchline/node';
import { until } from '../../support/within.ts';
import { json, Program } from './program.ts';

export interface Folder {
  readonly data: string;
  readonly token: string;
}

export const serveNode = (data: string, ...more: string[]): string[] => [
  ...['node', '--data', data, '--listen', '127.0.0.1:0', '--log', 'error'],
  ...more,
];
export const serveRelay = (data: string, listen = '127.0.0.1:0'): string[] => [
  ...['relay', '--data', data, '--listen', listen, '--log', 'error'],
];

/** Not started yet: what `init` gives to a head office. */
export async function bareHeadOffice(data: string): Promise<void> {
  await mkdir(data, { recursive: true });
  await new DataDirectory(data).readOrMakeKey('authority');
  await writeFile(join(data, 'relay.json'), JSON.stringify({ format: 1, tenant: 'acme' }));
}

export async function headOffice(data: string): Promise<Folder> {
  await bareHeadOffice(data);
  await using node = new Program(serveNode(data));
  await node.url();
  const token = await addTill(data);
  await node.stop();
  return { data, token };
}

export async function addTill(data: string): Promise<string> {
  return (await json<{ token: string }>('till', 'add', 'T1', '--role', 'manager', '--data', data)).token;
}

export interface Chain {
  readonly relay: string;
  readonly adminToken: string;
  readonly branch: Folder;
}

/** A relay and one branch, level with each other and stopped. */
export async function chain(base: string): Promise<Chain> {
  const relayData = join(base, 'relay');
  const data = join(base, 'b001');
  const { adminToken } = await json<{ adminToken: string }>('init', '--data', relayData, '--tenant', 'acme');
  const { tokens } = await json<{ tokens: { token: string }[] }>(
    'branch',
    'add',
    'B001',
    '--data',
    relayData,
  );
  await using relay = new Program(serveRelay(relayData));
  const url = await relay.url();
  await using node = new Program(serveNode(data, '--relay', url, '--token', tokens[0]!.token));
  const nodeUrl = await node.url();
  const token = await addTill(data);
  await until(30_000, 'the branch level', () => isLevel(nodeUrl, token));
  await node.stop();
  await relay.stop();
  return { relay: relayData, adminToken, branch: { data, token } };
}

/** Nothing waits to be sent, and the link says so. */
export async function isLevel(url: string, token: string): Promise<boolean> {
  const reply = await fetch(`${url}/v1/sync`, { headers: { Authorization: `Bearer ${token}` } });
  const status = (await reply.json()) as { unsentEntries: number; peers: { cause?: string }[] };
  return (
    status.unsentEntries === 0 &&
    status.peers.length > 0 &&
    status.peers.every(({ cause }) => cause === 'level')
  );
}

export async function copy(from: string, to: string): Promise<string> {
  await cp(from, to, { recursive: true });
  return to;
}
