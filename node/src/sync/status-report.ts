/**
 * What a node tells the relay about itself, for the fleet page: clock, where its own feeds end, alarms, room on the disk, whether it
 * can sell, its register, and what waits here for somebody: conflicts, transfers on their way, quarantine. Counted, the first few named.
 *
 * Told within a second of a change that matters and every five seconds anyway. It fits into a status frame whatever happens: texts
 * are cut, lists are short.
 */
import { writerOf } from '@branchline/feed';
import type { SyncStatus } from '@branchline/model';
import { type Clock, doze } from 'hlc-ts';
import type { Alarm } from '../alarms.ts';
import type { DiskSpace, NodePorts } from '../ports.ts';
import type { NodeServices } from '../services.ts';

/** Alarms told to the relay: the newest. */
export const ALARMS_TOLD_MAX = 12;
/** Of anything that waits, the first few are named. */
export const ITEMS_TOLD_MAX = 5;
/** Transfers counted; beyond it, at least so many. */
const TRANSFERS_COUNTED_MAX = 100;
const CHARS_MAX = 160;
/** Between two reports, however much happens. */
const SPACING_MS = 500;
const TELL_MS = 5_000;
const DAY_MS = 86_400_000;

export interface ReportedNode {
  readonly ports: Pick<NodePorts, 'store' | 'key'>;
  readonly clock: Clock;
  readonly services: Pick<NodeServices, 'sync' | 'events' | 'readiness' | 'outbox' | 'catalog' | 'stock'>;
  /** Where its pages are, once they are served. */
  readonly url: () => string | undefined;
  /** Connections: a peer that has just come has heard nothing yet. */
  readonly peers: () => number;
  readonly tell: (report: unknown) => void;
}

interface Waiting {
  readonly transfers: object;
  readonly quarantine: object;
}

export async function runStatusReports(node: ReportedNode, signal: AbortSignal): Promise<void> {
  const { clock, services } = node;
  let woken = new AbortController();
  const { unsubscribe } = services.events.subscribe(undefined, ({ type }) => {
    // Once for a report: every abort makes an error with a stack, and a catch-up publishes by the thousand.
    if (!woken.signal.aborted && !type.startsWith('order.') && !type.startsWith('stock.')) {
      woken.abort();
    }
  });
  let told = '';
  let toldMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const isDue = clock.monotonicMs() - toldMs >= TELL_MS;
    woken = new AbortController();
    const { nowMs, ...report } = statusReport(node, await waitingAt(node));
    const news = JSON.stringify([node.peers(), { ...report, heads: null, disk: null, unsent: null }]);
    if (isDue || news !== told) {
      node.tell({ nowMs, ...report });
      told = news;
      toldMs = clock.monotonicMs();
    }
    await clock.sleep(SPACING_MS, { signal }).catch(() => undefined);
    await doze(clock, TELL_MS - SPACING_MS, signal, woken.signal);
  }
  unsubscribe();
}

function statusReport(node: ReportedNode, waiting: Waiting) {
  const { ports, clock, services } = node;
  const { alarms, disk, fiscal, situation, unsentEntries, oldestUnsentAgeMs } = services.sync.status();
  const { ready, reasons } = services.readiness();
  const { store, key } = ports;
  const heads = [...store.feeds().values()]
    .filter(({ feed }) => writerOf(feed) === key.writer && !feed.startsWith('local/'))
    .map(({ feed, head }) => [feed, head.seq]);
  const url = node.url();
  return {
    nowMs: clock.nowMs(),
    heads,
    alarms: alarms.slice(-ALARMS_TOLD_MAX).map(toldAlarm),
    ready,
    reasons: reasons.slice(0, ITEMS_TOLD_MAX).map(cut),
    situation: situation.slice(0, ITEMS_TOLD_MAX).map(({ code }) => code),
    unsent: {
      entries: unsentEntries,
      ...(oldestUnsentAgeMs === undefined ? {} : { oldestAgeMs: oldestUnsentAgeMs }),
    },
    ...(disk === undefined ? {} : { disk: diskOf(disk) }),
    ...(url === undefined ? {} : { url }),
    ...fiscalOf(fiscal),
    conflicts: conflictsOf(services),
    ...waiting,
  };
}

function fiscalOf(fiscal: SyncStatus['fiscal']): object {
  if (fiscal === undefined) {
    return {};
  }
  const { shift: _, countdowns = [], words, ...told } = fiscal;
  const term = countdowns.find(({ what }) => what === 'storage-term')?.leftMs;
  const oldestMs = fiscal.oldestDocumentAgeMs;
  return {
    // Ages grow with every look and are no news: whole minutes and days.
    fiscal: { ...told, words: cut(words), ...minutes(told) },
    ...(oldestMs === undefined ? {} : { oldestUndeliveredFiscalSeconds: Math.floor(oldestMs / 60_000) * 60 }),
    ...(term === undefined ? {} : { fnDaysLeft: Math.floor(term / DAY_MS) }),
  };
}

function minutes(fiscal: {
  oldestDocumentAgeMs?: number | undefined;
  stopsInMs?: number | undefined;
}): object {
  const whole = (ms: number): number => Math.floor(ms / 60_000) * 60_000;
  const { oldestDocumentAgeMs, stopsInMs } = fiscal;
  return {
    ...(oldestDocumentAgeMs === undefined ? {} : { oldestDocumentAgeMs: whole(oldestDocumentAgeMs) }),
    ...(stopsInMs === undefined ? {} : { stopsInMs: whole(stopsInMs) }),
  };
}

function conflictsOf({ catalog }: Pick<NodeServices, 'catalog'>): object {
  const { conflicts, total } = catalog.conflicts({ limit: ITEMS_TOLD_MAX });
  const items = conflicts.map(({ id, sku, name, field }) => ({ id, sku, name: cut(name), field }));
  return { total, items };
}

async function waitingAt({ services }: Pick<ReportedNode, 'services'>): Promise<Waiting> {
  const { transfers } = await services.stock.transfers({ limit: TRANSFERS_COUNTED_MAX, state: 'in-transit' });
  const { items } = await services.outbox.quarantine({ limit: TRANSFERS_COUNTED_MAX });
  return {
    transfers: {
      total: transfers.length,
      items: transfers.slice(0, ITEMS_TOLD_MAX).map(({ id, from, to, sent, lines }) => ({
        id,
        from,
        to,
        lines: lines.length,
        ...(sent === undefined ? {} : { sentAt: sent.at }),
      })),
    },
    quarantine: {
      total: items.length,
      items: items.slice(0, ITEMS_TOLD_MAX).map(({ id, kind, what, why, todo }) => ({
        id: id.slice(0, 100),
        kind,
        what: cut(what),
        code: why.code,
        words: cut(why.words),
        todo: cut(todo),
      })),
    },
  };
}

function toldAlarm({ code, detail, at }: Alarm): Alarm {
  return { code, detail: detail.slice(0, 2 * CHARS_MAX), at };
}

function diskOf({ freeBytes, totalBytes }: DiskSpace): DiskSpace {
  return { freeBytes, totalBytes };
}

function cut(text: string): string {
  return text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX - 1)}…` : text;
}
