/**
 * The least the same job could take on this machine, measured in the same run, each part alone and with both processors free:
 *
 *   sockets   the encoded minimum over bare WebSockets: every branch sends its share, then gets its share
 *   appends   those bytes appended and synced, at the relay in one file, at every receiver in a file of its own
 *   apply     every new change applied once, in one loop, to the documents as they were
 *
 * Their sum is what "times the floor" means. Nothing is authenticated, verified, routed or acknowledged in it.
 */

import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import type { BenchContext } from '../bench-case.ts';
import { GroupAppend } from '../system/group-append.ts';
import type { EncodedMinimum } from './lacks.ts';

/** What is appended at a time: a slice of a feed. */
const SLICE_BYTES = 64 * 1024;

export interface FleetFloors {
  readonly socketsMs: number;
  readonly appendsMs: number;
  readonly applyMs: number;
}

export async function measureFleetFloors(
  context: BenchContext,
  minimum: Pick<EncodedMinimum, 'upBytes' | 'downBytes'>,
  receivers: number,
): Promise<Omit<FleetFloors, 'applyMs'>> {
  const up = Math.ceil(minimum.upBytes / receivers);
  const down = Math.ceil(minimum.downBytes / receivers);
  return {
    socketsMs: await overSockets(context, receivers, up, down),
    appendsMs: await appends(context, receivers, minimum.upBytes, down),
  };
}

async function overSockets(
  { clock }: BenchContext,
  receivers: number,
  up: number,
  down: number,
): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await new Promise((resolve) => server.once('listening', resolve));
  const answer = Buffer.alloc(down, 'branchline ');
  server.on('connection', (socket) => socket.on('message', () => socket.send(answer)));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const message = Buffer.alloc(up, 'branchline ');
  const fromMs = clock.monotonicMs();
  await Promise.all(
    Array.from(
      { length: receivers },
      () =>
        new Promise<void>((resolve, reject) => {
          const socket = new WebSocket(url, { perMessageDeflate: false });
          socket.once('open', () => socket.send(message));
          socket.once('message', () => {
            socket.terminate();
            resolve();
          });
          socket.once('error', reject);
        }),
    ),
  );
  const ms = clock.monotonicMs() - fromMs;
  await new Promise((resolve) => server.close(resolve));
  return ms;
}

async function appends(
  { clock, workDir }: BenchContext,
  receivers: number,
  upBytes: number,
  down: number,
): Promise<number> {
  const slices = (bytes: number): Buffer[] =>
    Array.from({ length: Math.max(1, Math.ceil(bytes / SLICE_BYTES)) }, (_, at) =>
      Buffer.alloc(Math.min(SLICE_BYTES, bytes - at * SLICE_BYTES), 'branchline '),
    );
  const files = await Promise.all(
    Array.from({ length: receivers + 1 }, (_, at) => GroupAppend.open(join(workDir, `floor-${at}.log`))),
  );
  const [relay, ...others] = files;
  const fromMs = clock.monotonicMs();
  await Promise.all([
    ...slices(upBytes).map((bytes) => relay!.append(bytes)),
    ...others.flatMap((file) => slices(down).map((bytes) => file.append(bytes))),
  ]);
  const ms = clock.monotonicMs() - fromMs;
  await Promise.all(files.map((file) => file.close()));
  return ms;
}
