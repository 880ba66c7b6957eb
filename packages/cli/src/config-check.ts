/**
 * Whether a node or relay would start with these settings, and what it would meet: each setting read as the program reads it, then the
 * world around it looked at, without changing anything. Nothing is enrolled and no token is spent.
 */
import { access, constants, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Finding, NodeConfig } from '@branchline/node';
import type { RelayConfig } from '@branchline/relay';
import { readDataFolder } from './data-folder.ts';
import { RunningProgram } from './running-program.ts';

const REACH_LIMIT_MS = 5_000;

export async function checkNodeConfig(config: NodeConfig): Promise<Finding[]> {
  const { data, listen, relay, peers, token, kkt, mode } = config;
  const isEnrolled = await readDataFolder(data).then(
    () => true,
    () => false,
  );
  return [
    await folderFinding(data),
    await listenFinding(data, listen),
    enrolmentFinding(isEnrolled, token),
    relay === undefined && peers.length === 0
      ? {
          level: 'watch',
          what: 'neither relay nor peers: nobody will see what it sells',
          advice: 'Set relay.',
        }
      : { level: 'fine', what: `mode ${mode}, ${relay ?? 'no relay'}, ${peers.length} peers` },
    ...(mode === 'offline'
      ? []
      : await Promise.all(
          [relay, ...peers].flatMap((url) => (url === undefined ? [] : [programFinding(url)])),
        )),
    kkt === undefined
      ? {
          level: 'watch',
          what: 'no cash register: no receipts are printed',
          advice: 'Set kkt where the law wants receipts.',
        }
      : await lineFinding('register', kkt.address),
    ...(kkt !== undefined && 'ofd' in kkt && kkt.ofd !== undefined && mode !== 'offline'
      ? [await lineFinding('operator of fiscal data', kkt.ofd)]
      : []),
  ];
}

export async function checkRelayConfig({ data, listen, publicUrl }: RelayConfig): Promise<Finding[]> {
  const folder = await readDataFolder(data).catch((error: Error) => error);
  return [
    await folderFinding(data),
    folder instanceof Error
      ? { level: 'act', what: folder.message, advice: `branchline init --data ${data} --tenant NAME` }
      : { level: 'fine', what: `${folder.kind} of ${folder.tenant}` },
    await listenFinding(data, listen),
    publicUrl === undefined
      ? {
          level: 'watch',
          what: 'publicUrl is not set: config files of branches would name the address it listens on',
          advice: 'Set publicUrl.',
        }
      : await programFinding(publicUrl),
  ];
}

function enrolmentFinding(isEnrolled: boolean, token: string | undefined): Finding {
  if (isEnrolled) {
    return {
      level: 'fine',
      what: `enrolled${token === undefined ? '' : '; the token is not needed any more'}`,
    };
  }
  return token === undefined
    ? {
        level: 'act',
        what: 'it is not enrolled and has no token',
        advice: 'Ask for one: branchline branch add CODE, or provision.',
      }
    : { level: 'fine', what: 'it will enrol itself with its token' };
}

/** Where it will be made, if it is not there yet. */
async function folderFinding(data: string): Promise<Finding> {
  let folder = data;
  while ((await stat(folder).catch(() => undefined)) === undefined && dirname(folder) !== folder) {
    folder = dirname(folder);
  }
  const mayWrite = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  return mayWrite
    ? { level: 'fine', what: `${data} can be written${folder === data ? '' : ' when it is made'}` }
    : {
        level: 'act',
        what: `${folder} cannot be written by this user`,
        advice: 'Run the check as the user the program runs as, or give that user the folder.',
      };
}

async function listenFinding(data: string, listen: string): Promise<Finding> {
  const running = await RunningProgram.find(data).catch(() => undefined);
  if (running !== undefined) {
    return { level: 'fine', what: `it runs at ${running.url} already` };
  }
  const { host, port } = split(listen);
  const failure = await new Promise<Error | undefined>((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
  const loopback = /^(127\.|localhost$|::1$)/.test(host);
  return failure === undefined
    ? { level: 'fine', what: `${listen} is free${loopback ? ', and for this machine only' : ''}` }
    : {
        level: 'act',
        what: `cannot listen on ${listen}: ${failure.message}`,
        advice: 'Stop what uses it, or set another address.',
      };
}

async function programFinding(url: string): Promise<Finding> {
  const address = url.replace(/^ws/, 'http');
  try {
    const response = await fetch(`${address}/readyz`, { signal: AbortSignal.timeout(REACH_LIMIT_MS) });
    return response.ok
      ? { level: 'fine', what: `${url} answers` }
      : {
          level: 'watch',
          what: `${url} answers ${response.status}`,
          advice: 'Is it a Branchline? Look at its log.',
        };
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    return {
      level: 'watch',
      what: `${url} is not reached: ${why}`,
      advice: 'It sells without; check name, certificate and firewall.',
    };
  }
}

/** A device file, or an address somebody listens on. */
async function lineFinding(what: string, address: string): Promise<Finding> {
  if (!/^(\[.+\]|[^\s:/]+):\d{1,5}$/.test(address)) {
    const found = await access(address, constants.R_OK | constants.W_OK).catch((error: Error) => error);
    return found === undefined
      ? { level: 'fine', what: `${what} on ${address}` }
      : {
          level: 'act',
          what: `${what}: ${found.message}`,
          advice: 'Plug it in; the user of the program must be in group dialout.',
        };
  }
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ ...split(address), timeout: REACH_LIMIT_MS });
    const end = (words: string | undefined) => {
      socket.destroy();
      resolve(words);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (error) => end(error.message));
  });
  return failure === undefined
    ? { level: 'fine', what: `${what} at ${address} is reached` }
    : {
        level: 'watch',
        what: `${what} at ${address} is not reached: ${failure}`,
        advice: 'Receipts or documents wait until it is.',
      };
}

function split(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
}
