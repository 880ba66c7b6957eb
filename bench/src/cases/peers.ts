/**
 * `peers`: the same job with what else one could take. N branches each wrote M rows offline into one shared set and all return at once.
 *
 * Takes `branches` (25 unless told) and `peers`, names separated by commas. Others run as shipped, in memory where that is how they come;
 * one that is not through when the time is over says so.
 */
import { type BenchCase, scaled } from '../bench-case.ts';
import { installPeers, PEERS_DIR } from '../peers/install.ts';
import { type Job, measurePeer, type PeerResult } from '../peers/measure-peer.ts';
import { measureOurs } from '../peers/ours.ts';
import { replacedMethod } from '../peers/replaced-method.ts';
import type { Series } from '../report.ts';

export const PEER_NAMES = [
  'automerge-repo',
  'y-websocket',
  'hocuspocus',
  'tinybase',
  'rxdb',
  'pouchdb',
  'loro',
] as const;
const CLIENTS = 25;
const WRITES = 20;
const TIMEOUT_MS = 120_000;
/** A row of the job in the JSON of the replaced method: its fields and what the method puts around them. */
const JSON_ROW_BYTES = 390;

export const peers: BenchCase = {
  name: 'peers',
  about: 'the same rows written offline by many, until all know all: other systems and ours',
  async run(context) {
    const { settings, progress, signal } = context;
    const job: Job = {
      clients: settings.branches ?? scaled(context, CLIENTS, 2),
      writes: context.scale < 1 ? 2 : WRITES,
      timeoutMs: TIMEOUT_MS,
    };
    const chosen = settings.peers ?? PEER_NAMES;
    if (chosen.length > 0) await installPeers(progress, signal);
    const results: PeerResult[] = [await measureOurs(context, job)];
    for (const peer of chosen) results.push(await measurePeer(context, peer, job));
    const model = replacedMethod({ ...job, rowBytes: JSON_ROW_BYTES });
    const facts: Record<string, number> = { branches: job.clients, 'rows each': job.writes };
    const series: Series[] = [];
    const notes: string[] = [];
    for (const result of results) {
      series.push({
        name: `${result.name}, until all know all`,
        samplesMs: result.convergedMs === undefined ? [] : [result.convergedMs],
      });
      if (result.convergedMs === undefined) {
        const why =
          result.failure ?? `${result.done} of ${job.clients} knew everything after ${TIMEOUT_MS / 1_000} s`;
        notes.push(`${result.name} did not converge: ${why}.`);
        if (result.failure !== undefined) continue;
      }
      if (result.durableMs !== undefined) {
        facts[`${result.name}: on disk everywhere after, s`] = result.durableMs / 1_000;
      }
      facts[`${result.name}: CPU of the server, s`] = result.serverCpuMs / 1_000;
      facts[`${result.name}: CPU of the clients, s`] = result.clientsCpuMs / 1_000;
      facts[`${result.name}: bytes up, kB`] = result.bytesUp / 1e3;
      facts[`${result.name}: bytes down, kB`] = result.bytesDown / 1e3;
      facts[`${result.name}: memory of the server, MB`] = result.serverRssBytes / 1e6;
    }
    series.push({ name: 'replaced method (model, virtual time)', samplesMs: [model.convergedMs] });
    facts['replaced method (model): bytes up, kB'] = model.bytesUp / 1e3;
    facts['replaced method (model): bytes down, kB'] = model.bytesDown / 1e3;
    return {
      case: 'peers',
      series,
      ratios: [],
      facts,
      notes: [
        ...notes,
        'Ours is signed, verified, on disk by fsync at the relay and at every branch, and applied. Others as shipped: none of them syncs its disk; Hocuspocus, RxDB and Loro run in memory.',
        'All processes share this machine. Bytes are those of the sockets the clients dialled.',
        `Versions and adapters: ${PEERS_DIR.split('/').slice(-2).join('/')}.`,
      ],
    };
  },
};
