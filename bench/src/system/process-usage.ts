/**
 * What this process has used, counted from its first import: CPU, memory, syncs of files, and bytes at the sockets it dialled.
 *
 * Bytes are the sockets' own counters, so they hold WebSocket frames, HTTP upgrades and everything else but TCP's headers. Syncs are
 * those asked for through Node's file handles; a database library that syncs by itself is not seen.
 */
import { subscribe } from 'node:diagnostics_channel';
import { open } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly rssPeakBytes: number;
  readonly syncs: number;
  /** Of sockets this process dialled. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const sockets = new Set<Socket>();
let bytesIn = 0;
let bytesOut = 0;
let syncs = 0;

interface Syncing {
  sync(): Promise<void>;
  datasync(): Promise<void>;
}

/** Begins to count. Sockets that were open before are not seen. */
export async function countUsage(): Promise<void> {
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      bytesIn += socket.bytesRead;
      bytesOut += socket.bytesWritten;
    });
  });
  const file = await open(fileURLToPath(import.meta.url), 'r');
  const handle = Object.getPrototypeOf(file) as Syncing;
  for (const name of ['sync', 'datasync'] as const) {
    const original = handle[name];
    handle[name] = function counted(this: Syncing): Promise<void> {
      syncs += 1;
      return original.call(this);
    };
  }
  await file.close();
}

export function usage(): Usage {
  const { user, system } = process.cpuUsage();
  const open = [...sockets];
  return {
    cpuMs: (user + system) / 1_000,
    rssBytes: process.memoryUsage.rss(),
    rssPeakBytes: process.resourceUsage().maxRSS * 1_024,
    syncs,
    bytesIn: bytesIn + open.reduce((sum, socket) => sum + socket.bytesRead, 0),
    bytesOut: bytesOut + open.reduce((sum, socket) => sum + socket.bytesWritten, 0),
  };
}
