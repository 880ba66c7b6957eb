/**
 * One life of a node: its home, the node in it and the HTTP app over it, opened in order and closed in reverse.
 *
 * A program has one life at a time. It has another one when the device goes on under another key: everything is closed, the home is
 * prepared, everything is opened again, under the same address.
 */
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { CheckpointShelf, levelEvidence, NodeDisk } from '@branchline/feed';
import type { StorageLevel } from '@branchline/repo';
import { dialWebSocket } from '@branchline/wire';
import type { Clock, Random } from 'hlc-ts';
import type { NodeConfig } from './config.ts';
import { boundFile } from './files/bound-file.ts';
import { bundleActions } from './files/bundle-file.ts';
import { readFolderMarks } from './files/folder-marks.ts';
import { openKkt } from './fiscal/open-kkt.ts';
import { createHttpApp } from './http/http-app.ts';
import { reportTo } from './http/http-log.ts';
import type { KktApiOptions } from './http/kkt-api/kkt-routes.ts';
import type { LiveDoor } from './http/live-door.ts';
import { BranchNode } from './node.ts';
import { type NodeHome, openHome, openStore } from './node-home.ts';
import type { DiskSpace, NodeLog } from './ports.ts';
import type { RowLevel } from './projections/rows.ts';
import type { Renewal } from './succession/succession.ts';
import { takeOver } from './succession/take-over.ts';
import { SOFTWARE, VERSION } from './version.ts';

const RANDOM_POOL_BYTES = 4096;

export interface LifePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: NodeLog;
  /** Aborts a start that waits for its enrolment. */
  readonly signal?: AbortSignal;
  /** Called while it waits. */
  readonly onWaiting?: (words: string) => Promise<void>;
}

export interface NodeLife {
  readonly node: BranchNode;
  readonly handler: RequestListener;
  readonly liveDoor: LiveDoor | undefined;
  /** Ends event streams, so that clients come back. */
  endStreams(): void;
  close(): Promise<void>;
  /** Instead of `close`: prepares the home for the next life. */
  end(renewal: Renewal): Promise<void>;
}

export async function openLife(
  ports: LifePorts,
  config: NodeConfig,
  controlToken: string,
): Promise<NodeLife> {
  const { clock, log } = ports;
  const signal = ports.signal ?? new AbortController().signal;
  const home = await openHome({ ...ports, config, fetch, signal });
  try {
    const node = await openNode(ports, config, home);
    try {
      if (home.inheritance !== undefined) {
        await node.inherit(home.inheritance);
        await home.lineage.settle();
      }
      const app = createHttpApp(node.services, {
        clock,
        version: VERSION,
        allowedHosts: [
          ...config.allowedHosts,
          ...(config.publicUrl === undefined ? [] : [new URL(config.publicUrl).host]),
        ],
        controlToken,
        kktApi: kktApiOf(config),
        control: bundleActions(home, clock, node.checkpoints),
        processMetrics: true,
        report: reportTo(log),
      });
      return {
        node,
        handler: app.handler,
        liveDoor: app.liveDoor,
        endStreams: () => app.close(),
        close: async () => {
          await node.close();
          await home.close();
        },
        end: async (renewal) => {
          await node.close();
          await prepareNext(ports, home, renewal);
        },
      };
    } catch (error) {
      await node.close();
      throw error;
    }
  } catch (error) {
    await home.close();
    throw error;
  }
}

function kktApiOf({ kktApi }: NodeConfig): KktApiOptions {
  const { loopbackRole, waitSeconds } = kktApi ?? {};
  return { loopbackRole, waitMs: waitSeconds === undefined ? undefined : waitSeconds * 1_000 };
}

async function prepareNext(ports: LifePorts, home: NodeHome, renewal: Renewal): Promise<void> {
  const { clock, log } = ports;
  const { lineage, anchor } = home;
  log.warn({ reason: renewal.reason, writer: home.key.writer }, 'this device goes on under a new key');
  if (renewal.reason === 'rotated') {
    await home.close();
    return;
  }
  const open = (at: { journal: string; index: string }) => openStore(ports, anchor, at, lineage.keys);
  await takeOver({ lineage, home, plan: renewal.plan, open, nowMs: clock.nowMs() });
}

async function openNode(ports: LifePorts, config: NodeConfig, home: NodeHome): Promise<BranchNode> {
  const { lineage } = home;
  return await BranchNode.open(
    {
      ...ports,
      randomBytes: pooledRandom(),
      store: home.store,
      registry: home.registry,
      tenant: home.tenant,
      key: home.key,
      formerKeys: lineage.keys.slice(0, -1),
      succession: lineage.last,
      rotation: { read: () => lineage.readRotationKey(), make: () => lineage.rotationKey() },
      authorityKey: home.authorityKey,
      clockBound: boundFile(home.directory.path),
      rows: home.level.sublevel('rows') as unknown as RowLevel,
      outbox: home.level.sublevel('outbox'),
      live: home.level.sublevel<string, Uint8Array>('live', {
        valueEncoding: 'view',
      }) as unknown as StorageLevel,
      post: (url, init) => fetch(url, init),
      // Not part of the rows: proofs cannot be made again from this journal.
      evidence: levelEvidence(home.level.sublevel<string, Uint8Array>('evidence', { valueEncoding: 'view' })),
      dial: (url, signal) => dialWebSocket(url, { signal }),
      ...(config.kkt === undefined ? {} : { kkt: openKkt(config.kkt, config.mode, ports.clock) }),
      diskSpace: () => diskSpace(home.directory.path),
      folderMarks: () => readFolderMarks(home.directory.path),
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
