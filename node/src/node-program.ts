/**
 * A node as a program: home on disk, HTTP for tills, a door for peers, a control file for commands on the same machine.
 *
 * Guarantees: `open` resolves when a till can sell; the control file names this process from then until `close`. When the store or
 * the indexes fail, `failed` resolves and nothing more is acknowledged: the process must end, and the next start verifies.
 */
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { CheckpointShelf, levelEvidence, NodeDisk } from '@branchline/feed';
import { acceptWebSockets, dialWebSocket } from '@branchline/wire';
import type { Clock, Random } from 'hlc-ts';
import type { NodeConfig } from './config.ts';
import { NodeError } from './errors.ts';
import { boundFile } from './files/bound-file.ts';
import { bundleActions } from './files/bundle-file.ts';
import { removeControl, writeControl } from './files/control-file.ts';
import { createHttpApp } from './http/http-app.ts';
import { reportTo } from './http/http-log.ts';
import { HttpServer } from './http/http-server.ts';
import { BranchNode } from './node.ts';
import { type NodeHome, openHome } from './node-home.ts';
import type { DiskSpace, NodeLog } from './ports.ts';
import type { RowLevel } from './projections/rows.ts';
import { SOFTWARE, VERSION } from './version.ts';

export const REPLICATE_PATH = '/v1/replicate';
const CONTROL_TOKEN_BYTES = 32;
const RANDOM_POOL_BYTES = 4096;

export interface ProgramPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  /** Aborts a start that waits for its enrolment. */
  readonly signal?: AbortSignal;
}

export class NodeProgram {
  /** Where tills reach it, with the port it really got. */
  readonly url: string;
  readonly branch: string;
  readonly tenant: string;
  readonly node: BranchNode;
  /** Resolves when the process must end. */
  readonly failed: Promise<Error>;
  readonly #close: () => Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(parts: { url: string; node: BranchNode; close: () => Promise<void> }) {
    this.url = parts.url;
    this.node = parts.node;
    this.branch = parts.node.services.branch;
    this.tenant = parts.node.services.tenant;
    this.failed = parts.node.failed;
    this.#close = parts.close;
  }

  static async open(ports: ProgramPorts, config: NodeConfig): Promise<NodeProgram> {
    const signal = ports.signal ?? new AbortController().signal;
    const home = await openHome({ ...ports, config, fetch, signal });
    try {
      const node = await openNode(ports, config, home);
      try {
        if (home.inheritance !== undefined) {
          await node.inherit(home.inheritance);
          await home.succession.finish();
        }
        return new NodeProgram(await serve(ports, config, home, node));
      } catch (error) {
        await node.close();
        throw error;
      }
    } catch (error) {
      await home.close();
      throw error;
    }
  }

  /** Idempotent: tills get their answers, peers a goodbye, then the disk is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function openNode(ports: ProgramPorts, config: NodeConfig, home: NodeHome): Promise<BranchNode> {
  return await BranchNode.open(
    {
      ...ports,
      randomBytes: pooledRandom(),
      store: home.store,
      registry: home.registry,
      tenant: home.tenant,
      key: home.key,
      authorityKey: home.authorityKey,
      succession: home.succession,
      successor: home.successor,
      clockBound: boundFile(home.directory.path),
      rows: home.level.sublevel('rows') as unknown as RowLevel,
      // Not part of the rows: proofs cannot be made again from this journal.
      evidence: levelEvidence(home.level.sublevel<string, Uint8Array>('evidence', { valueEncoding: 'view' })),
      dial: (url, signal) => dialWebSocket(url, { signal }),
      diskSpace: () => diskSpace(home.directory.path),
      checkpoints: await CheckpointShelf.open({
        disk: new NodeDisk(),
        dir: home.directory.checkpoints,
        clock: ports.clock,
        mayVouch: (writer) => home.registry.mayVouch(writer),
      }),
    },
    config,
    { software: SOFTWARE },
  );
}

async function serve(ports: ProgramPorts, config: NodeConfig, home: NodeHome, node: BranchNode) {
  const { clock, log } = ports;
  const controlToken = randomBytes(CONTROL_TOKEN_BYTES).toString('base64url');
  const app = createHttpApp(node.services, {
    clock,
    version: VERSION,
    allowedHosts: config.allowedHosts,
    controlToken,
    control: bundleActions(home, clock),
    processMetrics: true,
    report: reportTo(log),
  });
  const { host, port } = splitAddress(config.listen);
  const server = await HttpServer.open({ handler: app.handler, host, port, clock }).catch((cause: Error) => {
    throw new NodeError('NODE_LISTEN', `cannot listen on ${config.listen}: ${cause.message}`, {
      cause,
      hint: 'Stop what is using the address, or choose another with --listen HOST:PORT.',
    });
  });
  const acceptor = acceptWebSockets({
    path: REPLICATE_PATH,
    clock,
    onTransport: (transport) => node.accept(transport),
  });
  server.server.on('upgrade', (request, socket, head) => {
    if (!acceptor.upgrade(request, socket, head)) {
      socket.destroy();
    }
  });
  const { path } = home.directory;
  await writeControl(path, { program: 'node', url: server.url, pid: process.pid, token: controlToken });
  log.info({ url: server.url, branch: node.services.branch, mode: config.mode }, 'node is listening');
  const close = async (): Promise<void> => {
    await removeControl(path);
    app.close();
    // Tills whose request is under way get their answer before the node closes.
    await server.close();
    await node.close();
    acceptor.close();
    await home.close();
  };
  return { url: server.url, node, close };
}

function splitAddress(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

/** Random bytes of many ids from one call of the system: a call costs as much as four thousand bytes. */
function pooledRandom(): (length: number) => Uint8Array {
  let pool = randomBytes(0);
  return (length) => {
    if (length > RANDOM_POOL_BYTES) {
      return new Uint8Array(randomBytes(length));
    }
    if (pool.length < length) {
      pool = randomBytes(RANDOM_POOL_BYTES);
    }
    const taken = new Uint8Array(pool.subarray(0, length));
    pool = pool.subarray(length);
    return taken;
  };
}

async function diskSpace(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
